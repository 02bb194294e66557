/* subscribe.c - subscribing, and peers that have ended their side: `printf 'SUB a\n' | nc` goes on
 * printing. */
#include "lines/subscribe.h"
#include "lines/answer.h"
#include "lines/permission.h"

static const uint64_t HALF_CLOSED_NS_DEFAULT = 10000000000U;

static struct lines_connection *lines_of(struct subscription *subscription)
{
    return hark_container_of(subscription, struct lines_connection, subscribing.subscription);
}

static void begin(struct lines_connection *lines)
{
    static const enum broker_from from[] = {
        [LINES_FROM_NOW] = BROKER_FROM_NOW,
        [LINES_FROM_START] = BROKER_FROM_START,
        [LINES_FROM_AFTER] = BROKER_FROM_AFTER,
    };
    struct lines_subscribing *subscribing = &lines->subscribing;
    subscription_open(&subscribing->subscription, lines->stream, BROKER_LINES,
                      from[subscribing->from], subscribing->after, NULL);
    if (subscribing->position)
        lines_answer_id(lines, subscription_position(&subscribing->subscription));
    if (!lines->connection.closing)
        hark_stream_trim(&lines->connection.stream); /* all that follows are blocks */
}

static void followed(struct subscription *subscription, int error)
{
    struct lines_connection *lines = lines_of(subscription);
    if (lines->connection.closing)
        return;
    if (error < 0)
        lines_refuse(lines, LINES_NO_MEMORY);
    else if (lines_permitted(lines)) /* other rules may hold by now */
        begin(lines);
    else
        lines_refuse(lines, LINES_FORBIDDEN);
}

void lines_subscribe(struct lines_connection *lines, const struct lines_command *command)
{
    struct lines_subscribing *subscribing = &lines->subscribing;
    lines->mode = LINES_MODE_SUBSCRIBE;
    subscribing->from = command->from;
    subscribing->after = command->after;
    subscribing->position = command->position;
    int known = subscription_follow(&subscribing->subscription, &lines->connection, lines->stream,
                                    followed);
    if (known != 0)
        followed(&subscribing->subscription, known < 0 ? known : 0);
}

/* It is sent to, and may never be heard of again: TCP's keep-alive finds out, or the next event.
 * Should it not take that, it is soon let go. */
void lines_subscribe_half_closed(struct lines_connection *lines)
{
    struct connection *connection = &lines->connection;
    const struct connection_options *options = connection->worker->options;
    uint64_t limit_ns = connection_option(options->half_closed_ns, HALF_CLOSED_NS_DEFAULT);
    uint64_t stall_ns = options->stall_timeout_ns;
    hark_stream_write_timeout(&connection->stream,
                              stall_ns != 0 && stall_ns < limit_ns ? stall_ns : limit_ns);
    hark_stream_watch(&connection->stream);
}
