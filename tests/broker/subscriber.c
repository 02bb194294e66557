/* subscriber.c - see the header. */
#include "broker/subscriber.h"

static void reader_end(struct reader *reader)
{
    reader->closed = reader->stream_closed && reader->subscriber_closed;
}

static void reader_output_closed(struct hark_stream *output)
{
    struct reader *reader = hark_container_of(output, struct reader, output);
    reader->stream_closed = true;
    reader_end(reader);
}

static void reader_subscriber_closed(struct broker_reader *subscriber)
{
    struct reader *reader = hark_container_of(subscriber, struct reader, subscriber);
    reader->subscriber_closed = true;
    reader_end(reader);
}

static void reader_begin(struct reader *reader)
{
    reader->begun = true;
    broker_reader_open(reader->stream, &reader->subscriber, &reader->output, reader->encoding,
                       reader->from, reader->last, reader_subscriber_closed);
    if (reader->from == BROKER_FROM_NOW)
        reader->last = broker_reader_position(&reader->subscriber);
    broker_stream_close(reader->stream);
}

static void reader_followed(struct broker_follow *follow, int error)
{
    struct reader *reader = hark_container_of(follow, struct reader, follow);
    assert_int_equal(error, 0);
    if (!reader->closing) {
        reader_begin(reader);
        return;
    }
    broker_stream_close(reader->stream);
    reader->subscriber_closed = true;
    reader_end(reader);
}

void reader_open_as(struct hark_loop *loop, struct broker *broker, struct reader *reader,
                    const char *name, enum broker_from from, uint64_t after,
                    enum broker_encoding encoding)
{
    static const struct hark_stream_events events = {.closed = reader_output_closed};
    static const struct hark_stream_options options = {.queue_bytes_max = 4 * 1024 * 1024};
    int pair[2];
    *reader = (struct reader){.from = from, .last = after, .encoding = encoding};
    harness_socket_pair(loop, pair);
    reader->peer = pair[1];
    hark_stream_open(loop, &reader->output, pair[0], &options, &events);
    assert_int_equal(broker_stream_open(broker, name, strlen(name), &reader->stream), 0);
    int known = broker_follow(reader->stream, &reader->follow, reader_followed);
    assert_true(known >= 0);
    if (known > 0)
        reader_begin(reader);
}

void reader_open(struct hark_loop *loop, struct broker *broker, struct reader *reader,
                 const char *name, enum broker_from from, uint64_t after)
{
    reader_open_as(loop, broker, reader, name, from, after, BROKER_LINES);
}

void reader_close(struct reader *reader)
{
    if (reader->closing)
        return;
    reader->closing = true;
    hark_stream_close(&reader->output);
    if (reader->begun)
        broker_reader_close(&reader->subscriber);
}

static void reader_line(struct reader *reader)
{
    char *tab = NULL;
    char *end = NULL;
    reader->line[reader->count] = '\0';
    unsigned long long id = strtoull(reader->line, &tab, 10);
    size_t number = *tab == '\t' ? strtoull(tab + 1, &end, 10) : SIZE_MAX;
    if (reader->any && reader->events == 0)
        reader->next = number;
    if (number != reader->next || end == tab + 1 || (*end != '\0' && *end != ' ') ||
        id <= reader->last)
        fail_msg("after %llu, instead of %zu: %s", (unsigned long long)reader->last, reader->next,
                 reader->line);
    reader->last = id;
    reader->next++;
    reader->events++;
    reader->count = 0;
}

void reader_take(struct reader *reader, size_t most)
{
    char bytes[4096];
    ssize_t count;
    while (most > 0 && (count = recv(reader->peer, bytes, most < sizeof bytes ? most : sizeof bytes,
                                     MSG_DONTWAIT)) > 0) {
        for (const char *at = bytes, *end; at < bytes + count; at = end + 1) {
            size_t left = (size_t)(bytes + count - at);
            size_t room = sizeof reader->line - 1 -
                          reader->count; /* what fills a long event up is not kept */
            end = memchr(at, '\n', left);
            size_t part = end ? (size_t)(end - at) : left;
            memcpy(reader->line + reader->count, at, part < room ? part : room);
            reader->count += part < room ? part : room;
            if (!end)
                break;
            reader_line(reader);
        }
        most -= (size_t)count;
    }
}
