/* durable_write.c - what is asked is read out of the head, decided in the log's turn
 * (durable/append.c), and answered as the protocol has it.
 *
 * A request is one block: what is asked, copies of its fields, its body. */
#include "http/durable_write.h"

#include "base/check.h"
#include "broker/publish.h"
#include "broker/stream.h"
#include "connection/refusal.h"
#include "durable/append.h"
#include "durable/fields.h"
#include "durable/json.h"
#include "http/answer.h"
#include "http/durable_answer.h"
#include "http/durable_part.h"
#include "wire/name.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOCATION_BYTES = 8192 + 512, NUMBER_BYTES = 24 };

/* One request that waits for the log. */
struct durable_write {
    struct broker_publish request;
    struct durable_append append;
    struct http_connection *http;
    struct exchange exchange;
    struct broker_stream *stream; /* a handle */
    size_t held;                  /* bytes of the body as it came */
    bool again;                   /* it is asked once more, as the stream's time was over */
    char type[DURABLE_TYPE_MAX + 1];
    char ttl[DURABLE_TTL_DIGITS + 1];
    char expires[DURABLE_EXPIRES_MAX + 1];
    char sequence[DURABLE_TYPE_MAX + 1];
    char producer[DURABLE_PRODUCER_MAX + 1];
    char host[256]; /* for Location */
    char source[NAME_BYTES_MAX + 1];
    char fork_offset[40];
    char fork_part[24];
    uint64_t units; /* of the event behind the fork's offset that it has */
    struct durable_part part;
    char *joined; /* the event, where it is not the body */
    size_t count; /* of the event */
    char body[];
};

/* --- what is asked --- */

/* Copies a field. Gives: NULL, or what is wrong. *out stays NULL where it is not there. */
static const char *take_field(const struct http_request *request, const char *name, char *to,
                              size_t room, const char **out, const char *wrong)
{
    const char *value = http_request_header(request, name);
    if (!value)
        return NULL;
    if (strlen(value) >= room)
        return wrong;
    memcpy(to, value, strlen(value) + 1);
    *out = to;
    return NULL;
}

static const char *take_life(struct durable_write *write, const struct http_request *request)
{
    struct durable_append *append = &write->append;
    uint64_t value;
    const char *wrong = take_field(request, "Stream-TTL", write->ttl, sizeof write->ttl,
                                   &append->ttl, "Stream-TTL is too long a number");
    if (!wrong && append->ttl && field_number(append->ttl, &value) < 0)
        wrong = "Stream-TTL is no whole number of seconds";
    if (!wrong)
        wrong = take_field(request, "Stream-Expires-At", write->expires, sizeof write->expires,
                           &append->expires, "Stream-Expires-At is too long for a time");
    if (!wrong && append->expires && field_time(append->expires, &value) < 0)
        wrong = "Stream-Expires-At is no RFC 3339 time";
    return !wrong && append->ttl && append->expires
               ? "Stream-TTL and Stream-Expires-At cannot be asked for both"
               : wrong;
}

/* The name of a stream out of the path of its URL. */
static const char *name_of(const char *path)
{
    const char *const prefix = "/v1/stream/";
    if (strncmp(path, prefix, strlen(prefix)) == 0)
        return path + strlen(prefix);
    return *path == '/' ? path + 1 : path;
}

const char *durable_fork_source(const struct http_request *request)
{
    const char *source = http_request_header(request, "Stream-Forked-From");
    return source ? name_of(source) : NULL;
}

static const char *take_offset(struct durable_write *write)
{
    struct durable_fork *fork = &write->append.fork;
    enum offset_kind kind = OFFSET_NOW;
    uint64_t id;
    if (*fork->offset && offset_parse(fork->offset, &kind, &id) < 0)
        return "Stream-Fork-Offset is none of this server's";
    fork->point = kind == OFFSET_NOW ? UINT64_MAX : id;
    if (*fork->part && field_number(fork->part, &write->units) < 0)
        return "Stream-Fork-Sub-Offset is no whole number";
    if (write->units == 0)
        write->fork_part[0] = '\0'; /* as if it was not said */
    return NULL;
}

static const char *take_fork(struct durable_write *write, const struct http_request *request)
{
    struct durable_fork *fork = &write->append.fork;
    const char *source = durable_fork_source(request);
    const char *offset = http_request_header(request, "Stream-Fork-Offset");
    const char *part = http_request_header(request, "Stream-Fork-Sub-Offset");
    if (!source)
        return offset || part ? "an offset of a fork comes with Stream-Forked-From" : NULL;
    if (!name_valid(source, strlen(source)))
        return "Stream-Forked-From is no stream of this server";
    if ((offset && strlen(offset) >= sizeof write->fork_offset) ||
        (part && strlen(part) >= sizeof write->fork_part))
        return "the offset of the fork is too long";
    snprintf(write->source, sizeof write->source, "%s", source);
    snprintf(write->fork_offset, sizeof write->fork_offset, "%s", offset ? offset : "");
    snprintf(write->fork_part, sizeof write->fork_part, "%s", part ? part : "");
    *fork = (struct durable_fork){
        .source = write->source, .offset = write->fork_offset, .part = write->fork_part};
    return take_offset(write);
}

static const char *take_producer(struct durable_write *write, const struct http_request *request)
{
    struct durable_producer *producer = &write->append.producer;
    const char *epoch = http_request_header(request, "Producer-Epoch");
    const char *sequence = http_request_header(request, "Producer-Seq");
    const char *wrong = take_field(request, "Producer-Id", write->producer, sizeof write->producer,
                                   &producer->id, "Producer-Id has more than 200 bytes");
    if (wrong || (!producer->id && !epoch && !sequence))
        return wrong;
    if (!producer->id || !epoch || !sequence)
        return "Producer-Id, Producer-Epoch and Producer-Seq come together";
    if (!*producer->id)
        return "Producer-Id is empty";
    if (field_number(epoch, &producer->epoch) < 0)
        return "Producer-Epoch is no whole number up to 2^53 - 1";
    return field_number(sequence, &producer->sequence) < 0
               ? "Producer-Seq is no whole number up to 2^53 - 1"
               : NULL;
}

static const char *take_fields(struct durable_write *write, const struct http_request *request)
{
    struct durable_append *append = &write->append;
    const char *wrong = take_field(request, "Content-Type", write->type, sizeof write->type,
                                   &append->type, "Content-Type has more than 255 bytes");
    append->closes = field_is_true(http_request_header(request, "Stream-Closed"));
    if (!wrong && append->type && !*append->type)
        append->type = NULL;
    if (wrong)
        return wrong;
    if (append->creates)
        return take_life(write, request);
    wrong = take_field(request, "Stream-Seq", write->sequence, sizeof write->sequence,
                       &append->sequence, "Stream-Seq has more than 255 bytes");
    return wrong ? wrong : take_producer(write, request);
}

/* Makes the body an event. Gives: NULL, or what is wrong. */
static const char *take_body(struct durable_write *write, const struct http_request *request)
{
    const struct durable_append *append = &write->append;
    write->count = request->body_count;
    if (request->body_count == 0 || !append->type || !durable_type_is_json(append->type)) {
        memcpy(write->body, request->body, request->body_count);
        return NULL;
    }
    int64_t messages =
        json_messages(request->body, request->body_count, write->body, &write->count);
    if (messages < 0)
        return "the body is no JSON";
    return messages == 0 && !append->creates ? "an array without a message" : NULL;
}

static const char *take_request(struct durable_write *write, const struct http_request *request)
{
    struct durable_append *append = &write->append;
    const char *wrong = take_fields(write, request);
    if (!wrong && append->creates)
        wrong = take_fork(write, request);
    if (wrong)
        return wrong;
    if (append->fork.source && !append->type && request->body_count > 0)
        return "a fork with a body has to say its Content-Type";
    if (append->creates && !append->type && !append->fork.source)
        append->type = DURABLE_TYPE_DEFAULT;
    if (!append->creates && request->body_count > 0 && !append->type)
        return "an append has to say its Content-Type";
    wrong = take_body(write, request);
    append->empty = write->count == 0;
    if (!wrong && append->empty && !append->creates && !append->closes)
        wrong = "there is nothing to append";
    return wrong;
}

/* --- answers --- */

static void answer(struct durable_write *write, int status, struct durable_lines *lines,
                   const char *reason)
{
    struct http_connection *http = write->http;
    if (reason) {
        answer_error(http, &write->exchange, status, lines->lines, reason);
        return;
    }
    const bool bodiless = status == 204;
    answer_head(http, &write->exchange, status, bodiless ? HTTP_LENGTH_NONE : 0,
                write->append.creates ? write->append.kept_type : NULL, lines->lines);
    answer_done(http, &write->exchange);
}

struct wording {
    int status;
    const char *reason; /* NULL: it is well */
};

static struct wording wording_of(const struct durable_append *append)
{
    switch (append->verdict) {
    case DURABLE_DONE:
        return (struct wording){append->creates                         ? 201
                                : append->producer.id && !append->empty ? 200
                                                                        : 204,
                                NULL};
    case DURABLE_SAME:
        return (struct wording){200, NULL};
    case DURABLE_WAS_CLOSED:
    case DURABLE_DUPLICATE:
        return (struct wording){204, NULL};
    case DURABLE_GONE:
        if (append->creates)
            return (struct wording){409, "the stream was deleted, and stays for its forks alone"};
        return (struct wording){410, "the stream was deleted, and stays for its forks alone"};
    case DURABLE_NO_SOURCE:
        return (struct wording){404, "there is no such source"};
    case DURABLE_SOURCE_GONE:
        return (struct wording){409, "the source was deleted"};
    case DURABLE_SOURCE_TYPE:
        return (struct wording){409, "the source has another content type"};
    case DURABLE_TOO_DEEP:
        return (struct wording){409, "it would be a fork of too many forks"};
    case DURABLE_PAST_SOURCE:
        return (struct wording){400, "the source does not come so far"};
    case DURABLE_OTHER:
        return (struct wording){409, "there is such a stream, and it is another"};
    case DURABLE_MISSING:
    case DURABLE_EXPIRED:
        return (struct wording){404, "there is no such stream"};
    case DURABLE_CLOSED:
        return (struct wording){409, "the stream is closed"};
    case DURABLE_OTHER_TYPE:
        return (struct wording){409, "the stream has another content type"};
    case DURABLE_SEQ_PASSED:
        return (struct wording){409, "Stream-Seq is not above the last"};
    case DURABLE_STALE_EPOCH:
        return (struct wording){403, "the producer has a later epoch"};
    case DURABLE_EPOCH_BEGINS:
        return (struct wording){400, "a new epoch begins with Producer-Seq 0"};
    case DURABLE_SEQ_GAP:
        return (struct wording){409, "Producer-Seq is not the next"};
    case DURABLE_NO_ROOM:
        return (struct wording){507, "nothing was kept: the stream has too many producers"};
    }
    check(false);
}

static void add_producer(struct durable_lines *lines, const struct durable_append *append,
                         char numbers[3][NUMBER_BYTES])
{
    const struct durable_producer *has = &append->has;
    const bool gap = append->verdict == DURABLE_SEQ_GAP;
    if (!append->producer.id)
        return;
    snprintf(numbers[0], NUMBER_BYTES, "%" PRIu64, has->epoch);
    snprintf(numbers[1], NUMBER_BYTES, "%" PRIu64, has->sequence);
    snprintf(numbers[2], NUMBER_BYTES, "%" PRIu64, append->producer.sequence);
    if (append->verdict == DURABLE_DONE || append->verdict == DURABLE_DUPLICATE ||
        append->verdict == DURABLE_STALE_EPOCH)
        durable_line(lines, "Producer-Epoch", numbers[0]);
    if (append->verdict == DURABLE_DONE || append->verdict == DURABLE_DUPLICATE)
        durable_line(lines, "Producer-Seq", numbers[1]);
    durable_line(lines, "Producer-Expected-Seq", gap ? numbers[1] : NULL);
    durable_line(lines, "Producer-Received-Seq", gap ? numbers[2] : NULL);
}

static void answer_verdict(struct durable_write *write)
{
    const struct durable_append *append = &write->append;
    struct wording wording = wording_of(append);
    struct durable_lines lines;
    char numbers[3][NUMBER_BYTES], location[LOCATION_BYTES];
    durable_lines_begin(&lines);
    if (write->request.append.tail != 0)
        durable_next_offset(&lines, write->request.append.tail);
    durable_line(&lines, "Stream-Closed", append->closed ? "true" : NULL);
    add_producer(&lines, append, numbers);
    if (wording.status == 201) {
        snprintf(location, sizeof location, "%s://%s/v1/stream/%s",
                 write->http->connection.secure ? "https" : "http", write->host,
                 broker_stream_name(write->stream));
        durable_line(&lines, "Location", location);
    }
    answer(write, wording.status, &lines, wording.reason);
}

static void answer_failure(struct durable_write *write, int64_t error)
{
    struct durable_lines lines;
    struct refusal refusal = refusal_of(error);
    durable_lines_begin(&lines);
    durable_line(&lines, "Retry-After", refusal.status == 503 ? "1" : NULL);
    answer(write, refusal.status, &lines, refusal.reason);
}

static void end(struct durable_write *write)
{
    struct http_connection *http = write->http;
    broker_stream_close(write->stream);
    http_unblock(http);
    http->pending_bytes -= write->held;
    free(write->part.chunk.bytes);
    free(write->joined);
    free(write);
    connection_answered(&http->connection);
}

static int decide(struct log_append *request, const struct log_stream *stream);
static void written(struct broker_publish *request, int64_t result);

static void publish(struct durable_write *write)
{
    broker_publish_decided(
        write->stream, &write->request, write->append.empty ? LOG_ONLY_NOTES : LOG_EVENT,
        write->joined ? write->joined : write->body, write->count, decide, written);
}

/* The one before it is deleted first: what was asked comes behind that in the log's order. */
static void begin_anew(struct durable_write *write)
{
    write->again = true;
    broker_expire(write->http->connection.worker->broker, broker_stream_name(write->stream),
                  write->append.generation);
    publish(write);
}

static void written(struct broker_publish *request, int64_t result)
{
    struct durable_write *write = hark_container_of(request, struct durable_write, request);
    struct http_connection *http = write->http;
    if (result == -ECANCELED && write->append.verdict == DURABLE_EXPIRED && !write->again) {
        begin_anew(write);
        return;
    }
    if (result == -E2BIG)
        write->append.verdict = DURABLE_NO_ROOM;
    if (http->connection.closing)
        ; /* nobody hears it */
    else if (result > 0 || result == -ECANCELED || result == -E2BIG)
        answer_verdict(write);
    else
        answer_failure(write, result);
    end(write);
}

/* --- beginning --- */

static int decide(struct log_append *request, const struct log_stream *stream)
{
    struct durable_write *write = hark_container_of(request, struct durable_write, request.append);
    int refusal = durable_decide(&write->append, request->log, stream);
    request->notes = write->append.notes;
    request->notes_length = refusal == 0 ? write->append.notes_length : 0;
    return refusal;
}

/* --- forks --- */

/* What the fork has of the next event stands before its own. Gives: false: there is no memory. */
static bool join(struct durable_write *write, size_t part)
{
    const bool line =
        part > 0 && write->count > 0 && durable_type_is_json(write->part.query.facts.type);
    const size_t own = write->count;
    write->joined = malloc(part + line + own + 1);
    if (!write->joined)
        return false;
    memcpy(write->joined, write->part.chunk.bytes, part);
    if (line)
        write->joined[part] = '\n';
    memcpy(write->joined + part + line, write->body, own);
    write->count = part + line + own;
    write->append.empty = write->count == 0;
    return true;
}

static void part_read(struct durable_part *part, int64_t result)
{
    struct durable_write *write = hark_container_of(part, struct durable_write, part);
    struct durable_lines lines;
    int64_t bytes = result < 0 ? result : -EINVAL;
    if (result > 0)
        bytes = durable_part_bytes(part->query.facts.type, part->chunk.bytes, (size_t)result,
                                   write->units);
    durable_lines_begin(&lines);
    if (bytes >= 0 && join(write, (size_t)bytes) && write->count <= LOG_EVENT_BYTES_MAX) {
        publish(write);
        return;
    }
    if (write->http->connection.closing)
        ;
    else if (!part->query.facts.exists)
        answer(write, 404, &lines, "there is no such source");
    else if (bytes == -EINVAL || bytes >= 0)
        answer(write, 400, &lines, "Stream-Fork-Sub-Offset is behind the next event");
    else
        answer_failure(write, bytes);
    end(write);
}

/* Makes the request pending; the stream of its route goes along. */
static void begin(struct durable_write *write)
{
    struct http_connection *http = write->http;
    write->stream = http->route.stream;
    http->route.stream = NULL;
    http_block(http); /* what is asked may take more than one turn of the log's */
    http->pending_bytes += write->held;
    connection_await(&http->connection);
    if (write->units > 0)
        durable_part_read(&write->part, http->connection.worker, write->stream, write->source,
                          write->append.fork.point, part_read);
    else
        publish(write);
}

static void change(struct http_connection *http, const struct exchange *exchange, bool creates)
{
    const struct http_request *request = &http->request;
    struct durable_write *write = calloc(1, sizeof *write + request->body_count);
    if (!write) {
        answer_no_memory(http, exchange);
        return;
    }
    write->http = http;
    write->exchange = *exchange;
    write->append.creates = creates;
    write->append.now_ns = hark_os_wall_clock(http->connection.worker->loop);
    write->held = request->body_count;
    snprintf(write->host, sizeof write->host, "%s", request->host);
    const char *wrong = take_request(write, request);
    if (wrong) {
        struct durable_lines lines;
        durable_lines_begin(&lines);
        answer_error(http, exchange, 400, lines.lines, wrong);
        free(write);
        return;
    }
    begin(write);
}

void durable_put(struct http_connection *http, const struct exchange *exchange)
{
    change(http, exchange, true);
}

void durable_post(struct http_connection *http, const struct exchange *exchange)
{
    change(http, exchange, false);
}
