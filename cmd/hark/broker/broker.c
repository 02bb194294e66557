/* broker.c - the broker itself: its making and its end, and what it tells of itself. */
#include "base/check.h"
#include "broker/relay.h"
#include "broker/state.h"

#include <errno.h>
#include <stdlib.h>

enum { RING_BYTES_DEFAULT = 4 * 1024 * 1024 };
static const uint64_t HEARTBEAT_NS_DEFAULT = 15000000000U;

int broker_create(struct hark_loop *loop, struct log *log, const struct broker_options *options,
                  struct broker **out_broker)
{
    struct broker *broker = calloc(1, sizeof *broker);
    if (!broker)
        return -ENOMEM;
    broker->loop = loop;
    broker->log = log;
    if (options)
        broker->options = *options;
    if (broker->options.ring_bytes == 0)
        broker->options.ring_bytes = RING_BYTES_DEFAULT;
    if (broker->options.heartbeat_ns == 0)
        broker->options.heartbeat_ns = HEARTBEAT_NS_DEFAULT;
    for (int i = 0; i < BROKER_ENCODINGS; i++)
        list_init(&broker->all[i]);
    list_init(&broker->beating);
    list_init(&broker->ready);
    list_init(&broker->wants_buffer);
    list_init(&broker->wants_long);
    list_init(&broker->relays);
    broker->mailbox = broker->options.mailbox;
    broker->sharing = broker->options.brokers != 0 ? broker->options.brokers : 1;
    *out_broker = broker;
    return 0;
}

void broker_close_check(struct broker *broker)
{
    if (!broker->closing || !broker->closed || hark_op_active(&broker->turn) ||
        hark_op_active(&broker->heartbeat))
        return;
    if (broker->watches != 0 || !list_empty(&broker->relays))
        return;
    if (broker->owner && !broker->left) {
        remote_leave(broker);
        return;
    }
    void (*closed)(void *context) = broker->closed;
    broker->closed = NULL;
    closed(broker->closed_context);
}

void broker_close(struct broker *broker, void (*closed)(void *context), void *context)
{
    check(!broker->closing);
    broker->closing = true;
    broker->closed = closed;
    broker->closed_context = context;
    hark_cancel(&broker->heartbeat);
    broker_turn(broker);
}

void broker_destroy(struct broker *broker)
{
    if (!broker)
        return;
    broker_disk_done(broker);
    for (size_t i = 0; i < broker->table_size; i++) {
        while (broker->table[i]) {
            struct broker_stream *stream = broker->table[i];
            check(stream->handles == 0);
            broker->table[i] = stream->chained;
            free(stream);
        }
    }
    free(broker->table);
    free(broker);
}

const struct broker_statistics *broker_statistics(const struct broker *broker)
{
    return &broker->statistics;
}

/* Those on other threads as well. */
static uint32_t subscribers_of(const struct broker_stream *stream)
{
    uint32_t count = 0;
    for (int i = 0; i < BROKER_ENCODINGS; i++)
        count += stream->subscribers[i];
    for (const struct broker_watch *watch = stream->watches; watch; watch = watch->next)
        count += atomic_load_explicit(&watch->subscribers, memory_order_relaxed);
    return count;
}

struct broker_stream_view broker_stream_look(struct broker_stream *stream)
{
    return (struct broker_stream_view){
        .name = stream->name,
        .log = broker_stream_log(stream),
        .published = stream->published,
        .per_second = broker_stream_rate(stream),
        .subscribers = subscribers_of(stream),
    };
}

uint64_t broker_streams_walk(struct broker *broker, uint64_t after, size_t count,
                             broker_stream_seen *each, void *context)
{
    const struct log_stream *log = log_stream_above(broker->log, after);
    for (; log && count > 0; count--) {
        struct broker_stream *stream = broker_stream_known(broker, log->name, log->name_length);
        struct broker_stream_view view = {.name = log->name, .log = log};
        if (stream)
            view = broker_stream_look(stream);
        if (log->name[0] != '.') /* else private: a source's own notes */
            each(context, &view);
        after = log->generation;
        log = log_stream_next(broker->log, log);
    }
    return log ? after : 0;
}
