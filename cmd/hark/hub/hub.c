/* hub.c - the hub itself: its making and its end, and what it tells of itself. */
#include "base/check.h"
#include "hub/feed.h"
#include "hub/state.h"

#include <errno.h>
#include <stdlib.h>

enum { RING_BYTES_DEFAULT = 4 * 1024 * 1024 };
static const uint64_t HEARTBEAT_NS_DEFAULT = 15000000000U;

int hub_create(struct hark_loop *loop, struct log *log, const struct hub_options *options,
               struct hub **out_hub)
{
    struct hub *hub = calloc(1, sizeof *hub);
    if (!hub)
        return -ENOMEM;
    hub->loop = loop;
    hub->log = log;
    if (options)
        hub->options = *options;
    if (hub->options.ring_bytes == 0)
        hub->options.ring_bytes = RING_BYTES_DEFAULT;
    if (hub->options.heartbeat_ns == 0)
        hub->options.heartbeat_ns = HEARTBEAT_NS_DEFAULT;
    for (int i = 0; i < HUB_ENCODINGS; i++)
        list_init(&hub->all[i]);
    list_init(&hub->beating);
    list_init(&hub->ready);
    list_init(&hub->wants_buffer);
    list_init(&hub->wants_long);
    list_init(&hub->feeds);
    hub->mailbox = hub->options.mailbox;
    hub->sharing = hub->options.hubs != 0 ? hub->options.hubs : 1;
    *out_hub = hub;
    return 0;
}

void hub_close_check(struct hub *hub)
{
    if (!hub->closing || !hub->closed || hark_op_active(&hub->fan_out) ||
        hark_op_active(&hub->heartbeat))
        return;
    if (hub->interests != 0 || !list_empty(&hub->feeds))
        return;
    if (hub->home && !hub->left) {
        hub_away_leave(hub);
        return;
    }
    void (*closed)(void *context) = hub->closed;
    hub->closed = NULL;
    closed(hub->closed_context);
}

void hub_close(struct hub *hub, void (*closed)(void *context), void *context)
{
    check(!hub->closing);
    hub->closing = true;
    hub->closed = closed;
    hub->closed_context = context;
    hark_cancel(&hub->heartbeat);
    hub_turn(hub);
}

void hub_destroy(struct hub *hub)
{
    if (!hub)
        return;
    hub_catch_up_done(hub);
    for (size_t i = 0; i < hub->table_size; i++) {
        while (hub->table[i]) {
            struct hub_stream *stream = hub->table[i];
            check(stream->handles == 0);
            hub->table[i] = stream->chained;
            free(stream);
        }
    }
    free(hub->table);
    free(hub);
}

const struct hub_statistics *hub_statistics(const struct hub *hub)
{
    return &hub->statistics;
}

/* Those on other threads as well. */
static uint32_t subscribers_of(const struct hub_stream *stream)
{
    uint32_t count = 0;
    for (int i = 0; i < HUB_ENCODINGS; i++)
        count += stream->subscribers[i];
    for (const struct hub_interest *interest = stream->interests; interest;
         interest = interest->next)
        count += atomic_load_explicit(&interest->subscribers, memory_order_relaxed);
    return count;
}

struct hub_stream_view hub_stream_look(struct hub_stream *stream)
{
    return (struct hub_stream_view){
        .name = stream->name,
        .log = hub_stream_log(stream),
        .published = stream->published,
        .per_second = hub_stream_rate(stream),
        .subscribers = subscribers_of(stream),
    };
}

uint64_t hub_streams_walk(struct hub *hub, uint64_t after, size_t count, hub_stream_seen *each,
                          void *context)
{
    const struct log_stream *log = log_stream_above(hub->log, after);
    for (; log && count > 0; count--) {
        struct hub_stream *stream = hub_stream_known(hub, log->name, log->name_length);
        struct hub_stream_view view = {.name = log->name, .log = log};
        if (stream)
            view = hub_stream_look(stream);
        if (log->name[0] != '.') /* else private: a source's own notes */
            each(context, &view);
        after = log->number;
        log = log_stream_next(hub->log, log);
    }
    return log ? after : 0;
}
