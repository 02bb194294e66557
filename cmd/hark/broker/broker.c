/* broker.c - the broker itself: its making and its end.
 *
 * Its end has three steps: what is under way comes to its end; the source takes leave of whoever
 * has the log; `closed` is called.
 *
 * Thread: the broker's.
 */
#include "broker/broker.h"

#include "base/check.h"
#include "broker/reader.h"
#include "broker/source_log.h"
#include "broker/state.h"
#include "broker/stream.h"

#include <errno.h>
#include <stdlib.h>

enum { RING_BYTES_DEFAULT = 4 * 1024 * 1024 };
static const uint64_t HEARTBEAT_NS_DEFAULT = 15000000000U;

static struct broker_options with_defaults(const struct broker_options *given)
{
    struct broker_options options = given ? *given : (struct broker_options){0};
    if (options.ring_bytes == 0)
        options.ring_bytes = RING_BYTES_DEFAULT;
    if (options.heartbeat_ns == 0)
        options.heartbeat_ns = HEARTBEAT_NS_DEFAULT;
    if (options.brokers == 0)
        options.brokers = 1;
    return options;
}

int broker_create_from(struct hark_loop *loop, struct broker_source *source,
                       const struct broker_options *options, struct broker **out_broker)
{
    struct broker *broker = calloc(1, sizeof *broker);
    if (!broker)
        return -ENOMEM;
    broker->loop = loop;
    broker->source = source;
    broker->options = with_defaults(options);
    broker_streams_init(broker, source->streams);
    broker_turns_init(&broker->turns, loop, &broker->pending, broker_readers_give_turns);
    broker_buffers_init(&broker->buffers, &broker->turns);
    broker_readers_init(broker);
    list_init(&broker->chunks_waiting);
    source->broker = broker;
    *out_broker = broker;
    return 0;
}

int broker_create(struct hark_loop *loop, struct log *log, const struct broker_options *options,
                  struct broker **out_broker)
{
    struct broker_source *source;
    int error = source_log_create(log, &source);
    if (error < 0)
        return error;
    error = broker_create_from(loop, source, options, out_broker);
    if (error < 0)
        source->calls->destroy(source);
    return error;
}

void broker_flush(struct broker *broker)
{
    broker_readers_flush(broker);
}

static void settled(struct pending *pending)
{
    struct broker *broker = hark_container_of(pending, struct broker, pending);
    if (broker->has_left) {
        broker->closed(broker->closed_context);
        return;
    }
    broker->has_left = true;
    broker->source->calls->leave(broker->source);
    pending_wait(&broker->pending, settled);
}

void broker_close(struct broker *broker, void (*closed)(void *context), void *context)
{
    check(!broker->closing);
    broker->closing = true;
    broker->closed = closed;
    broker->closed_context = context;
    hark_cancel(&broker->heartbeat);
    broker_turns_soon(&broker->turns); /* so that `closed` comes from hark_run */
    pending_wait(&broker->pending, settled);
}

void broker_destroy(struct broker *broker)
{
    if (!broker)
        return;
    broker_buffers_done(&broker->buffers);
    broker_streams_done(broker);
    broker->source->calls->destroy(broker->source);
    free(broker);
}

const struct broker_statistics *broker_statistics(const struct broker *broker)
{
    return &broker->statistics;
}
