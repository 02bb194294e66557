/* look.c - what the log knows of a stream, and what the broker knows, in one view.
 *
 * Thread: the log's.
 */
#include "broker/look.h"

#include "broker/source_log.h"
#include "broker/state.h"
#include "broker/stream.h"

struct broker_stream_view broker_stream_look(struct broker_stream *stream)
{
    return (struct broker_stream_view){
        .name = stream->entry->name,
        .log = source_log_stream(stream),
        .published = stream->published,
        .per_second = rate_per_second(&stream->rate, hark_now(stream->broker->loop)),
        .readers = broker_stream_readers(stream),
    };
}

uint64_t broker_streams_walk(struct broker *broker, uint64_t after, size_t count,
                             broker_stream_seen *each, void *context)
{
    const struct log *all = source_log_of(broker);
    const struct log_stream *log = log_stream_above(all, after);
    for (; log && count > 0; count--) {
        const struct stream_entry *entry = log->entry;
        struct broker_stream_view view = {.name = entry->name, .log = log};
        if (entry->stream)
            view = broker_stream_look(entry->stream);
        if (entry->name[0] != '.') /* else private: a source's own notes */
            each(context, &view);
        after = log->generation;
        log = log_stream_next(all, log);
    }
    return log ? after : 0;
}
