/* publish.c - a publish begins here: what the log needs is written into it, and the source has it.
 * The source answers `done`.
 *
 * Thread: the broker's.
 */
#include "broker/publish.h"

#include "base/check.h"
#include "broker/state.h"
#include "broker/stream.h"

static void begin(struct broker_stream *stream, struct broker_publish *publish, enum log_kind kind,
                  const void *bytes, size_t count, broker_published *done)
{
    check(count <= LOG_EVENT_BYTES_MAX);
    publish->stream = stream;
    publish->done = done;
    publish->append.kind = kind;
    publish->append.name = stream->entry->name;
    publish->append.name_length = stream->entry->name_length;
    publish->append.bytes = bytes;
    publish->append.length = (uint32_t)count;
    stream->broker->source->calls->append(publish);
}

void broker_publish(struct broker_stream *stream, struct broker_publish *publish, const void *bytes,
                    size_t count, broker_published *done)
{
    begin(stream, publish, LOG_EVENT, bytes, count, done);
}

void broker_delete(struct broker_stream *stream, struct broker_publish *publish,
                   broker_published *done)
{
    begin(stream, publish, LOG_DELETE, NULL, 0, done);
}
