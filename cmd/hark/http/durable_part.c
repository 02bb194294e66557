/* durable_part.c - see the header. */
#include "http/durable_part.h"

#include <errno.h>
#include <string.h>

static void ask(struct durable_part *part);

static void chunk_read(struct broker_chunk *chunk, int64_t result)
{
    struct durable_part *part = hark_container_of(chunk, struct durable_part, chunk);
    const struct durable_place *place = &part->query.place;
    if (result != 0 || place->beyond == 0) {
        part->done(part, result == -ENOENT ? 0 : result);
        return;
    }
    part->query.after = place->beyond; /* in the stream that it is a fork of there was nothing */
    ask(part);
}

static void know(struct durable_part *part)
{
    const struct durable_place *place = &part->query.place;
    const struct broker_part wanted = {
        .encoding = BROKER_BYTES,
        .generation = place->generation,
        .after = place->after,
        .limit = place->limit,
        .one = true,
    };
    if (!part->query.facts.exists)
        part->done(part, 0);
    else if (broker_chunk_read(&part->chunk, part->stream, &wanted, chunk_read) < 0)
        part->done(part, -ENOMEM);
}

static void answered(struct query *query)
{
    know(hark_container_of(query, struct durable_part, query));
}

static void ask(struct durable_part *part)
{
    if (part->worker->calls->query_now(part->worker, &part->query))
        know(part);
    else
        part->worker->calls->query_send(part->worker, &part->query, answered);
}

void durable_part_read(struct durable_part *part, struct worker *worker,
                       struct broker_stream *stream, const char *name, uint64_t after,
                       durable_part_done *done)
{
    part->worker = worker;
    part->stream = stream;
    part->done = done;
    part->query.kind = QUERY_FACTS;
    part->query.after = after;
    memcpy(part->query.name, name, strlen(name) + 1);
    ask(part);
}

int64_t durable_part_bytes(const char *type, const char *event, size_t count, uint64_t units)
{
    size_t at = 0;
    if (!durable_type_is_json(type))
        return units <= count ? (int64_t)units : -EINVAL;
    for (uint64_t left = units; left > 0; left--) {
        if (at > count)
            return -EINVAL;
        const char *end = memchr(event + at, '\n', count - at);
        at = end ? (size_t)(end - event) + 1 : count + 1;
    }
    return units == 0 ? 0 : (int64_t)at - 1;
}
