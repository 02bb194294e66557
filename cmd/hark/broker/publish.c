/* publish.c - a publish begins here: what the log needs is written into it, and the source has it.
 * The source answers `done`.
 *
 * Thread: the broker's.
 */
#include "broker/publish.h"

#include "base/check.h"
#include "broker/state.h"
#include "broker/stream.h"
#include "durable/append.h"

#include <stdlib.h>
#include <string.h>

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
    publish->append.decide = durable_decide_plain;
    publish->append.condition = LOG_UNCONDITIONAL;
    begin(stream, publish, LOG_EVENT, bytes, count, done);
}

void broker_publish_present(struct broker_stream *stream, struct broker_publish *publish,
                            const void *bytes, size_t count, broker_published *done)
{
    publish->append.decide = durable_decide_plain;
    publish->append.condition = LOG_IF_PRESENT;
    begin(stream, publish, LOG_EVENT, bytes, count, done);
}

void broker_publish_decided(struct broker_stream *stream, struct broker_publish *publish,
                            enum log_kind kind, const void *bytes, size_t count,
                            int (*decide)(struct log_append *request,
                                          const struct log_stream *stream),
                            broker_published *done)
{
    publish->append.decide = decide;
    begin(stream, publish, kind, bytes, count, done);
}

void broker_delete(struct broker_stream *stream, struct broker_publish *publish,
                   broker_published *done)
{
    publish->append.decide = durable_decide_deletion;
    publish->append.condition = LOG_UNCONDITIONAL;
    begin(stream, publish, LOG_DELETE, NULL, 0, done);
}

static void expired(struct broker_publish *publish, int64_t id)
{
    struct broker_stream *stream = publish->stream;
    struct broker *broker = stream->broker;
    (void)id; /* it is gone already, or stays until somebody asks for it again */
    free(publish);
    broker_stream_close(stream);
    pending_end(&broker->pending);
}

void broker_expire(struct broker *broker, const char *name, uint64_t generation)
{
    struct broker_publish *publish = calloc(1, sizeof *publish);
    struct broker_stream *stream = NULL;
    if (!publish || broker_stream_open(broker, name, strlen(name), &stream) < 0) {
        free(publish);
        return;
    }
    pending_begin(&broker->pending);
    publish->append.decide = durable_decide_expiry;
    publish->append.condition = LOG_IF_SAME;
    publish->append.generation = generation;
    begin(stream, publish, LOG_DELETE, NULL, 0, expired);
}
