/* subscriber.c - see the header. */
#include "broker/subscriber.h"

static void subscriber_end(struct subscriber *subscriber)
{
    subscriber->closed = subscriber->stream_closed && subscriber->reader_closed;
}

static void subscriber_output_closed(struct hark_stream *output)
{
    struct subscriber *subscriber = hark_container_of(output, struct subscriber, output);
    subscriber->stream_closed = true;
    subscriber_end(subscriber);
}

static void subscriber_reader_closed(struct broker_reader *reader)
{
    struct subscriber *subscriber = hark_container_of(reader, struct subscriber, reader);
    subscriber->reader_closed = true;
    subscriber_end(subscriber);
}

static void subscriber_begin(struct subscriber *subscriber)
{
    subscriber->begun = true;
    broker_reader_open(subscriber->stream, &subscriber->reader, &subscriber->output,
                       subscriber->encoding, subscriber->from, subscriber->last,
                       subscriber_reader_closed);
    if (subscriber->from == BROKER_FROM_NOW)
        subscriber->last = broker_reader_position(&subscriber->reader);
    broker_stream_close(subscriber->stream);
}

static void subscriber_followed(struct broker_follow *follow, int error)
{
    struct subscriber *subscriber = hark_container_of(follow, struct subscriber, follow);
    assert_int_equal(error, 0);
    if (!subscriber->closing) {
        subscriber_begin(subscriber);
        return;
    }
    broker_stream_close(subscriber->stream);
    subscriber->reader_closed = true;
    subscriber_end(subscriber);
}

void subscriber_open_as(struct hark_loop *loop, struct broker *broker,
                        struct subscriber *subscriber, const char *name, enum broker_from from,
                        uint64_t after, enum broker_encoding encoding)
{
    static const struct hark_stream_events events = {.closed = subscriber_output_closed};
    static const struct hark_stream_options options = {.queue_bytes_max = 4 * 1024 * 1024};
    int pair[2];
    *subscriber = (struct subscriber){.from = from, .last = after, .encoding = encoding};
    harness_socket_pair(loop, pair);
    subscriber->peer = pair[1];
    hark_stream_open(loop, &subscriber->output, pair[0], &options, &events);
    assert_int_equal(broker_stream_open(broker, name, strlen(name), &subscriber->stream), 0);
    int known = broker_follow(subscriber->stream, &subscriber->follow, subscriber_followed);
    assert_true(known >= 0);
    if (known > 0)
        subscriber_begin(subscriber);
}

void subscriber_open(struct hark_loop *loop, struct broker *broker, struct subscriber *subscriber,
                     const char *name, enum broker_from from, uint64_t after)
{
    subscriber_open_as(loop, broker, subscriber, name, from, after, BROKER_LINES);
}

void subscriber_close(struct subscriber *subscriber)
{
    if (subscriber->closing)
        return;
    subscriber->closing = true;
    hark_stream_close(&subscriber->output);
    if (subscriber->begun)
        broker_reader_close(&subscriber->reader);
}

static void subscriber_line(struct subscriber *subscriber)
{
    char *tab = NULL;
    char *end = NULL;
    subscriber->line[subscriber->count] = '\0';
    unsigned long long id = strtoull(subscriber->line, &tab, 10);
    size_t number = *tab == '\t' ? strtoull(tab + 1, &end, 10) : SIZE_MAX;
    if (subscriber->any && subscriber->events == 0)
        subscriber->next = number;
    if (number != subscriber->next || end == tab + 1 || (*end != '\0' && *end != ' ') ||
        id <= subscriber->last)
        fail_msg("after %llu, instead of %zu: %s", (unsigned long long)subscriber->last,
                 subscriber->next, subscriber->line);
    subscriber->last = id;
    subscriber->next++;
    subscriber->events++;
    subscriber->count = 0;
}

void subscriber_take(struct subscriber *subscriber, size_t most)
{
    char bytes[4096];
    ssize_t count;
    while (most > 0 &&
           (count = recv(subscriber->peer, bytes, most < sizeof bytes ? most : sizeof bytes,
                         MSG_DONTWAIT)) > 0) {
        for (const char *at = bytes, *end; at < bytes + count; at = end + 1) {
            size_t left = (size_t)(bytes + count - at);
            size_t room = sizeof subscriber->line - 1 -
                          subscriber->count; /* what fills a long event up is not kept */
            end = memchr(at, '\n', left);
            size_t part = end ? (size_t)(end - at) : left;
            memcpy(subscriber->line + subscriber->count, at, part < room ? part : room);
            subscriber->count += part < room ? part : room;
            if (!end)
                break;
            subscriber_line(subscriber);
        }
        most -= (size_t)count;
    }
}
