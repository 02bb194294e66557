/* connection.c - reading one connection to the lines port: its first line, then events, or
 * nothing more.
 *
 * A line is a step. Of a subscriber, what it sends is passed over, and its half-close is no end.
 */
#include "lines/connection.h"
#include "broker/stream.h"
#include "connection/visitor.h"
#include "lines/answer.h"
#include "lines/lines.h"
#include "lines/permission.h"
#include "lines/publish.h"
#include "lines/subscribe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t FIRST_LINE_NS_DEFAULT = 10000000000U;
static const uint64_t LINE_NS_DEFAULT = 60000000000U;

/* --- lines --- */

static void lines_begin(struct connection *connection)
{
    deadline_set(
        &connection->deadline,
        connection_option(connection->worker->options->head_timeout_ns, FIRST_LINE_NS_DEFAULT));
}

static void take_command(struct lines_connection *lines, const char *line, size_t count)
{
    struct lines_command command;
    struct connection *connection = &lines->connection;
    const char *reason = lines_command_parse(line, count, &command);
    if (!reason && visitor_asks(connection, 0) != 0)
        reason = VISITOR_FLOODS;
    if (!reason && command.verb == LINES_AUTH) {
        reason = lines_authenticate(lines, &command);
        if (!reason) {
            lines_begin(connection);
            return;
        }
    }
    if (!reason && broker_stream_open(connection->worker->broker, command.name,
                                      strlen(command.name), &lines->stream) < 0)
        reason = LINES_NO_MEMORY;
    if (!reason)
        reason = lines_permit(lines, command.verb);
    if (reason) {
        lines_refuse(lines, reason);
        return;
    }
    deadline_cancel(&connection->deadline);
    if (command.verb == LINES_SUB) {
        visitor_expires(connection, &lines->who);
        lines_subscribe(lines, &command);
        return;
    }
    lines->mode = LINES_MODE_PUBLISH;
    lines->publishing.until_ns = visitor_until(connection, &lines->who);
    lines->publishing.ack = command.ack;
    lines->splitter.limit = LINES_EVENT_BYTES_MAX;
}

/* Whether the next line may be taken now. */
static bool may_go(const struct lines_connection *lines)
{
    if (lines->mode != LINES_MODE_PUBLISH)
        return true;
    if (lines->publishing.pending != 0 && incoming_is_full(&lines->connection.worker->incoming))
        return false; /* an answer of its own comes first */
    return lines_publish_may(lines) && !connection_is_full(&lines->connection);
}

static enum connection_next lines_next(struct connection *connection)
{
    struct lines_connection *lines = lines_connection_of(connection);
    if (lines->mode == LINES_MODE_SUBSCRIBE || lines->refusal || lines->finishing)
        return CONNECTION_DROP;
    if (connection->input.count == 0)
        return CONNECTION_MORE;
    return may_go(lines) ? CONNECTION_STEP : CONNECTION_HELD;
}

/* Whether the time of who publishes is over. */
static bool publisher_expired(struct lines_connection *lines)
{
    struct lines_publishing *publishing = &lines->publishing;
    if (publishing->until_ns > hark_now(lines->connection.worker->loop))
        return false;
    publishing->until_ns =
        visitor_until(&lines->connection, &lines->who); /* of clocks as set now */
    return publishing->until_ns <= hark_now(lines->connection.worker->loop);
}

/* Takes the next line of the input, or the half line that it ends in. */
static int64_t lines_step(struct connection *connection)
{
    struct lines_connection *lines = lines_connection_of(connection);
    struct input *input = &connection->input;
    size_t before = input->count;
    const char *line = NULL;
    size_t count = 0;
    int result = lines_splitter_next(&lines->splitter, &input->bytes, &input->count, &line, &count);
    if (result == 0)
        return 0;
    deadline_off(&connection->deadline); /* it was for this line */
    int64_t cost = TURNS_LINE + (int64_t)((before - input->count) / TURNS_BYTES);
    if (result > 0 && lines->mode == LINES_MODE_COMMAND)
        take_command(lines, line, count);
    else if (result > 0 && publisher_expired(lines))
        lines->refusal = VISITOR_EXPIRED; /* after the answers that are pending */
    else if (result > 0 && visitor_asks(connection, count) != 0)
        lines->refusal = VISITOR_FLOODS;
    else if (result > 0)
        result = lines_publish_add(lines, line, count);
    if (result < 0)
        lines->refusal = result == -EMSGSIZE ? LINES_TOO_LONG : LINES_NO_MEMORY;
    return cost;
}

static enum connection_next lines_steps(struct connection *connection)
{
    struct lines_connection *lines = lines_connection_of(connection);
    enum connection_next why = connection_steps(connection, lines_next, lines_step);
    if (lines->publishing.filling && !connection->closing)
        lines_publish_flush(lines);
    return why;
}

/* --- between lines --- */

static size_t lines_held(struct connection *connection)
{
    const struct lines_connection *lines = lines_connection_of(connection);
    return lines_splitter_kept(&lines->splitter) + lines->publishing.pending_bytes;
}

/* A half line that is most of what it holds goes. */
static void lines_crowded(struct connection *connection)
{
    struct lines_connection *lines = lines_connection_of(connection);
    if (lines->refusal || lines_splitter_kept(&lines->splitter) <= connection->incoming / 2)
        return;
    lines->refusal = INCOMING_BUSY;
    lines_splitter_done(&lines->splitter);
    input_drop(&connection->input);
}

/* A half line may take so long to end, and no longer, however many bytes of it come. */
static void limit_half_line(struct lines_connection *lines, bool reading)
{
    struct deadline *deadline = &lines->connection.deadline;
    const struct connection_options *options = lines->connection.worker->options;
    if (lines->mode != LINES_MODE_PUBLISH)
        return;
    if (!reading || lines_splitter_kept(&lines->splitter) == 0)
        deadline_off(deadline);
    else if (deadline->at_ns == HARK_NEVER)
        deadline_set(deadline, connection_option(options->body_timeout_ns, LINE_NS_DEFAULT));
}

static void lines_rest(struct connection *connection, enum connection_next why)
{
    struct lines_connection *lines = lines_connection_of(connection);
    bool over = connection->peer_ended && lines->mode != LINES_MODE_SUBSCRIBE &&
                connection->input.count == 0;
    limit_half_line(lines, why != CONNECTION_TURN && why != CONNECTION_HELD && !lines->refusal);
    if (why == CONNECTION_TURN)
        return;
    if (lines->refusal && lines->publishing.pending == 0)
        lines_refuse(lines, lines->refusal); /* after the answers to what came before it */
    else if (over && lines->publishing.pending == 0)
        connection_close_after_sending(connection);
    else if (why != CONNECTION_HELD && !lines->refusal && !lines->finishing)
        hark_stream_read_start(&connection->stream);
    else
        hark_stream_read_stop(&connection->stream);
}

static void lines_peer_ended(struct connection *connection)
{
    struct lines_connection *lines = lines_connection_of(connection);
    if (lines->mode == LINES_MODE_SUBSCRIBE)
        lines_subscribe_half_closed(lines);
}

/* --- its life --- */

static void lines_rules_changed(struct connection *connection)
{
    struct lines_connection *lines = lines_connection_of(connection);
    if (connection->closing || lines->mode == LINES_MODE_COMMAND || lines_permitted(lines))
        return;
    subscription_close(&lines->subscribing.subscription);
    if (lines->mode == LINES_MODE_SUBSCRIBE) {
        lines_refuse(lines, LINES_FORBIDDEN);
        return;
    }
    lines->refusal = LINES_FORBIDDEN; /* after the answers that are pending */
    connection_advance(connection);
}

/* Its deadline is the end of its token. */
static void subscriber_timed_out(struct lines_connection *lines)
{
    if (!visitor_expired(&lines->connection, &lines->who)) { /* clocks were set meanwhile */
        visitor_expires(&lines->connection, &lines->who);
        return;
    }
    subscription_close(&lines->subscribing.subscription);
    lines_refuse(lines, VISITOR_EXPIRED);
}

static void lines_timed_out(struct connection *connection)
{
    struct lines_connection *lines = lines_connection_of(connection);
    if (lines->mode == LINES_MODE_SUBSCRIBE) {
        subscriber_timed_out(lines);
        return;
    }
    lines->refusal = lines->mode == LINES_MODE_COMMAND
                         ? "the first line did not come in time: " LINES_LATER
                         : "the line did not end in time";
    connection_advance(connection);
}

static void lines_finish(struct connection *connection)
{
    struct lines_connection *lines = lines_connection_of(connection);
    bool subscribed = lines->subscribing.subscription.open;
    if (connection->closing)
        return;
    if (lines->mode == LINES_MODE_SUBSCRIBE && connection->worker->state != WORKER_LEAVES)
        return;
    connection->peer_ended = true; /* no more of it is taken */
    lines->finishing = true;
    input_drop(&connection->input);
    subscription_close(&lines->subscribing.subscription);
    if (subscribed || lines->publishing.pending == 0)
        connection_close_after_sending(connection);
    else
        hark_stream_read_stop(&connection->stream);
}

static void lines_ended(struct connection *connection)
{
    subscription_close(&lines_connection_of(connection)->subscribing.subscription);
}

static void lines_free(struct connection *connection)
{
    struct lines_connection *lines = lines_connection_of(connection);
    lines_publish_done(lines);
    access_who_drop(&lines->who);
    lines_splitter_done(&lines->splitter);
    broker_stream_close(lines->stream);
    free(lines);
}

static const struct connection_kind lines_kind = {
    .protocol = PROTOCOL_LINES,
    .begin = lines_begin,
    .steps = lines_steps,
    .held = lines_held,
    .crowded = lines_crowded,
    .rest = lines_rest,
    .peer_ended = lines_peer_ended,
    .timed_out = lines_timed_out,
    .rules_changed = lines_rules_changed,
    .finish = lines_finish,
    .ended = lines_ended,
    .free = lines_free,
};

static bool lines_open(struct worker *worker, const struct arrival *arrival)
{
    struct lines_connection *lines = calloc(1, sizeof *lines);
    if (!lines)
        return false;
    lines_splitter_init(&lines->splitter, LINES_AUTH_BYTES_MAX);
    bool open = connection_open(worker, &lines->connection, &lines_kind, arrival);
    if (!open)
        free(lines);
    return open;
}

const struct protocol lines_protocol = {"lines", PROTOCOL_LINES, lines_open};
