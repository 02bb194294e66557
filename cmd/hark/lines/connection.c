/* connection.c - reading one connection to the lines port: its first line, then events, or
 * nothing more.
 *
 * `lines_advance` is the one place that moves on, as in http/connection.c: it takes lines while it
 * may, and keeps the rest. Of a subscriber, what it sends is passed over, and its half-close is no
 * end: `printf 'SUB a\n' | nc` goes on printing.
 */
#include "broker/reader.h"
#include "broker/stream.h"
#include "lines/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUED_BYTES_MAX = 256 * 1024 };

static const uint64_t FIRST_LINE_NS_DEFAULT = 10000000000U;
static const uint64_t LINE_NS_DEFAULT = 60000000000U;
static const uint64_t HALF_CLOSED_NS_DEFAULT = 10000000000U;

static struct lines_connection *lines_of(struct connection *connection)
{
    return hark_container_of(connection, struct lines_connection, connection);
}

void lines_refuse(struct lines_connection *lines, const char *reason)
{
    char text[LINES_COMMAND_BYTES_MAX + 16];
    int count = snprintf(text, sizeof text, "ERR %s\n", reason);
    if (count < 0 || count >= (int)sizeof text ||
        hark_stream_write(&lines->connection.stream, text, (size_t)count) < 0)
        connection_close(&lines->connection);
    else
        connection_close_after_sending(&lines->connection);
}

/* --- subscribing --- */

static void subscriber_closed(struct broker_reader *subscriber)
{
    struct lines_connection *lines =
        hark_container_of(subscriber, struct lines_connection, subscriber);
    connection_release(&lines->connection);
}

static void subscriber_begin(struct lines_connection *lines, const struct lines_command *command)
{
    static const enum broker_from from[] = {
        [LINES_FROM_NOW] = BROKER_FROM_NOW,
        [LINES_FROM_START] = BROKER_FROM_START,
        [LINES_FROM_AFTER] = BROKER_FROM_AFTER,
    };
    struct connection *connection = &lines->connection;
    char text[LINES_ID_BYTES_MAX];
    lines->subscribed = true;
    connection_hold(connection);
    broker_reader_open(lines->stream, &lines->subscriber, &connection->stream, BROKER_LINES,
                       from[command->from], command->after, subscriber_closed);
    if (command->position &&
        hark_stream_write(&connection->stream, text,
                          lines_id_encode(broker_reader_position(&lines->subscriber), text)) < 0)
        connection_close(connection);
}

static void followed(struct broker_follow *follow, int error)
{
    struct lines_connection *lines = hark_container_of(follow, struct lines_connection, follow);
    struct connection *connection = &lines->connection;
    struct worker *worker = connection->worker;
    struct lines_command *command = lines->command;
    lines->command = NULL;
    if (error < 0 && !connection->closing)
        lines_refuse(lines, "out of memory: try again later");
    else if (!connection->closing)
        subscriber_begin(lines, command);
    free(command);
    worker->answering--;
    connection_release(connection);
    shutdown_advance(worker);
}

static void subscribe(struct lines_connection *lines, const struct lines_command *command)
{
    struct connection *connection = &lines->connection;
    bool waits = !worker_is_owner(connection->worker);
    lines->mode = LINES_MODE_SUBSCRIBE;
    lines->command = waits ? malloc(sizeof *lines->command) : NULL;
    int known =
        waits && !lines->command ? -ENOMEM : broker_follow(lines->stream, &lines->follow, followed);
    if (known > 0) {
        subscriber_begin(lines, command);
    } else if (known < 0) {
        lines_refuse(lines, "out of memory: try again later");
    } else {
        *lines->command = *command;
        connection->worker->answering++;
        connection_hold(connection);
    }
}

/* The peer has closed all of it, not its side alone. */
static void gone(struct hark_op *op, int64_t result)
{
    struct lines_connection *lines = hark_container_of(op, struct lines_connection, gone);
    (void)result;
    connection_close(&lines->connection);
    connection_release(&lines->connection);
}

/* A subscriber that has ended its side is sent to, and may never be heard of again: TCP's
 * keep-alive finds out, or the next event. Should it not take that, it is soon let go. */
static void watch_for_end(struct lines_connection *lines)
{
    uint64_t limit_ns = lines->connection.worker->options->half_closed_ns;
    uint64_t stall_ns = lines->connection.worker->options->stall_timeout_ns;
    limit_ns = limit_ns != 0 ? limit_ns : HALF_CLOSED_NS_DEFAULT;
    hark_stream_write_timeout(&lines->connection.stream,
                              stall_ns != 0 && stall_ns < limit_ns ? stall_ns : limit_ns);
    connection_hold(&lines->connection);
    hark_poll(lines->connection.worker->loop, &lines->gone, lines->connection.fd,
              HARK_POLL_HANGUP | HARK_POLL_ERROR, gone);
}

/* --- lines --- */

static void take_command(struct lines_connection *lines, const char *line, size_t count)
{
    struct lines_command command;
    struct connection *connection = &lines->connection;
    const char *reason = lines_command_parse(line, count, &command);
    if (!reason && broker_stream_open(connection->worker->broker, command.name,
                                      strlen(command.name), &lines->stream) < 0)
        reason = "out of memory: try again later";
    if (reason) {
        lines_refuse(lines, reason);
        return;
    }
    deadline_cancel(&connection->deadline);
    if (command.verb == LINES_SUB) {
        subscribe(lines, &command);
        return;
    }
    lines->mode = LINES_MODE_PUBLISH;
    lines->ack = command.ack;
    lines->splitter.limit = LINES_EVENT_BYTES_MAX;
}

/* Whether the next line may be taken now. */
static bool may_go(const struct lines_connection *lines)
{
    if (lines->refusal)
        return false;
    if (lines->mode != LINES_MODE_PUBLISH)
        return true;
    const struct incoming *incoming = &lines->connection.worker->incoming;
    if (lines->pending != 0 && incoming->bytes > incoming->bytes_max)
        return false; /* an answer of its own comes first */
    return publish_lines_may(lines) &&
           hark_stream_queued(&lines->connection.stream) < QUEUED_BYTES_MAX;
}

/* Takes the next line of the input. Gives: false: there is none. */
static bool take_line(struct lines_connection *lines)
{
    const char *line = NULL;
    size_t count = 0;
    int result =
        lines_splitter_next(&lines->splitter, &lines->input, &lines->input_count, &line, &count);
    if (result == 0)
        return false;
    deadline_off(&lines->connection.deadline); /* it was for this line */
    if (result > 0 && lines->mode == LINES_MODE_COMMAND)
        take_command(lines, line, count);
    else if (result > 0)
        result = publish_lines_add(lines, line, count);
    if (result < 0)
        lines->refusal = result == -EMSGSIZE ? LINES_TOO_LONG : "out of memory: try again later";
    return true;
}

/* --- input --- */

static void input_drop(struct lines_connection *lines)
{
    free(lines->kept);
    lines->kept = NULL;
    lines->input = NULL;
    lines->input_count = 0;
}

/* Keeps what was not looked at, and a further piece behind it. */
static void input_keep(struct lines_connection *lines, const void *bytes, size_t count)
{
    char *kept = malloc(lines->input_count + count);
    if (!kept) {
        connection_close(&lines->connection);
        return;
    }
    if (lines->input_count != 0)
        memcpy(kept, lines->input, lines->input_count);
    if (count != 0)
        memcpy(kept + lines->input_count, bytes, count);
    free(lines->kept);
    lines->kept = kept;
    lines->input = kept;
    lines->input_count += count;
}

/* A half line may take so long to end, and no longer, however many bytes of it come. */
static void limit_half_line(struct lines_connection *lines, bool reading)
{
    struct deadline *deadline = &lines->connection.deadline;
    uint64_t line_ns = lines->connection.worker->options->body_timeout_ns;
    if (lines->mode != LINES_MODE_PUBLISH)
        return;
    if (!reading || lines_splitter_kept(&lines->splitter) == 0)
        deadline_off(deadline);
    else if (deadline->at_ns == HARK_NEVER)
        deadline_set(deadline, line_ns != 0 ? line_ns : LINE_NS_DEFAULT);
}

/* Nothing more can be done with what is here: waits for more, for its turn, or ends. */
static void rest(struct lines_connection *lines, bool may_read)
{
    struct connection *connection = &lines->connection;
    bool over = lines->peer_ended && lines->mode != LINES_MODE_SUBSCRIBE && lines->input_count == 0;
    if (lines->refusal && lines->pending == 0)
        lines_refuse(lines, lines->refusal); /* after the answers to what came before it */
    else if (over && lines->pending == 0)
        connection_close_after_sending(connection);
    else if (may_read && !lines->refusal)
        hark_stream_read_start(&connection->stream);
    else
        hark_stream_read_stop(&connection->stream);
}

/* Of what came in, and is not done with. Where all together hold too much, a half line that is more
 * than a little goes. */
static void account(struct lines_connection *lines)
{
    size_t half = lines_splitter_kept(&lines->splitter);
    size_t bytes = half + lines->pending_bytes + (lines->kept ? lines->input_count : 0);
    if (!incoming_set(&lines->connection, bytes) && half > bytes / 2 && !lines->refusal) {
        lines->refusal = INCOMING_BUSY;
        lines_splitter_done(&lines->splitter);
        input_drop(lines);
    }
}

/* It has had its share: others are next. */
static void await_turn(struct lines_connection *lines)
{
    if (lines->connection.closing)
        return;
    if (lines->input_count >= TURNS_INPUT)
        hark_stream_read_stop(&lines->connection.stream);
    turns_wait(&lines->connection);
}

void lines_advance(struct lines_connection *lines)
{
    struct connection *connection = &lines->connection;
    bool may = true;
    bool waits = false;
    if (lines->advancing || connection->closing)
        return;
    int64_t left = turns_left(connection);
    int64_t budget = left;
    lines->advancing = true;
    connection_hold(connection);
    while (!connection->closing && lines->mode != LINES_MODE_SUBSCRIBE && lines->input_count != 0) {
        size_t before = lines->input_count;
        may = may_go(lines);
        waits = may && left <= 0;
        if (!may || waits || !take_line(lines))
            break;
        left -= TURNS_LINE + (int64_t)((before - lines->input_count) / TURNS_BYTES);
    }
    turns_spend(connection, budget - left);
    if (!connection->closing && lines->mode == LINES_MODE_PUBLISH)
        publish_lines_flush(lines);
    if (connection->closing || lines->mode == LINES_MODE_SUBSCRIBE || lines->refusal ||
        lines->input_count == 0)
        input_drop(lines);
    account(lines);
    limit_half_line(lines, may && !waits && !connection->closing);
    if (waits)
        await_turn(lines);
    else if (!connection->closing)
        rest(lines, may);
    lines->advancing = false;
    connection_release(connection);
}

/* --- the stream's events --- */

static void lines_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    struct connection *connection = connection_of(stream);
    struct lines_connection *lines = lines_of(connection);
    bool lent = false;
    if (connection->closing || (count > 0 && lines->mode == LINES_MODE_SUBSCRIBE))
        return;
    if (count < 0) {
        connection_close(connection);
        return;
    }
    connection_hold(connection);
    if (count == 0) {
        lines->peer_ended = true;
    } else if (lines->input_count != 0) {
        input_keep(lines, bytes, (size_t)count);
    } else {
        lent = true;
        lines->input = bytes;
        lines->input_count = (size_t)count;
    }
    lines_advance(lines);
    if (count == 0 && lines->mode == LINES_MODE_SUBSCRIBE && !connection->closing)
        watch_for_end(lines);
    if (lent && lines->input_count != 0)
        input_keep(lines, NULL, 0);
    connection_release(connection);
}

static void lines_go_on(struct connection *connection)
{
    lines_advance(lines_of(connection));
}

static void lines_drained(struct hark_stream *stream)
{
    lines_advance(lines_of(connection_of(stream)));
}

/* --- its life --- */

static void lines_timed_out(struct connection *connection)
{
    struct lines_connection *lines = lines_of(connection);
    lines->refusal = lines->mode == LINES_MODE_COMMAND ? "the first line did not come in time"
                                                       : "the line did not end in time";
    lines_advance(lines);
}

static void lines_finish(struct connection *connection)
{
    struct lines_connection *lines = lines_of(connection);
    if (connection->closing)
        return;
    if (lines->mode == LINES_MODE_SUBSCRIBE && connection->worker->ending < ENDING_SUBSCRIBERS)
        return;
    lines->peer_ended = true; /* no more of it is taken */
    input_drop(lines);
    if (lines->subscribed)
        broker_reader_close(&lines->subscriber);
    if (lines->subscribed || lines->pending == 0)
        connection_close_after_sending(connection);
    else
        hark_stream_read_stop(&connection->stream);
}

static void lines_ended(struct connection *connection)
{
    struct lines_connection *lines = lines_of(connection);
    if (lines->subscribed)
        broker_reader_close(&lines->subscriber);
}

static void lines_free(struct connection *connection)
{
    struct lines_connection *lines = lines_of(connection);
    publish_lines_done(lines);
    lines_splitter_done(&lines->splitter);
    broker_stream_close(lines->stream);
    free(lines->command);
    free(lines->kept);
    free(lines);
}

static const struct hark_stream_events lines_events = {
    .received = lines_received,
    .drained = lines_drained,
    .failed = connection_stream_failed,
    .closed = connection_stream_closed,
};

static const struct connection_kind lines_kind = {
    .protocol = PROTOCOL_LINES,
    .events = &lines_events,
    .timed_out = lines_timed_out,
    .go_on = lines_go_on,
    .finish = lines_finish,
    .ended = lines_ended,
    .free = lines_free,
};

bool lines_connection_open(struct worker *worker, const struct listener *listener, int fd,
                           struct peer *peer)
{
    (void)listener;
    struct lines_connection *lines = calloc(1, sizeof *lines);
    if (!lines)
        return false;
    uint64_t first_ns = worker->options->head_timeout_ns;
    lines_splitter_init(&lines->splitter, LINES_COMMAND_BYTES_MAX);
    connection_open(worker, &lines->connection, &lines_kind, fd, peer);
    deadline_set(&lines->connection.deadline, first_ns != 0 ? first_ns : FIRST_LINE_NS_DEFAULT);
    return true;
}
