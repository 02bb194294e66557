/* facts.c - from notes to facts. */
#include "durable/facts.h"

#include "durable/fields.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

static void copy_text(char *to, size_t room, const struct log_stream *stream, const char *key)
{
    struct log_note note = {0};
    if (log_stream_note(stream, key, strlen(key), &note) && note.count < room)
        memcpy(to, note.bytes, note.count);
}

uint64_t durable_expires_ns(const struct log_stream *stream)
{
    const uint64_t second_ns = 1000000000;
    char ttl[DURABLE_TTL_DIGITS + 1] = "", expires[DURABLE_EXPIRES_MAX + 1] = "";
    uint64_t value, ns;
    copy_text(ttl, sizeof ttl, stream, "ttl");
    copy_text(expires, sizeof expires, stream, "expires");
    if (*expires && field_time(expires, &ns) == 0)
        return ns;
    if (*ttl && field_number(ttl, &value) == 0 && !__builtin_mul_overflow(value, second_ns, &ns) &&
        !__builtin_add_overflow(ns, stream->touched_ns, &ns))
        return ns;
    return UINT64_MAX;
}

struct durable_facts durable_facts_of(const struct log_stream *stream)
{
    struct durable_facts facts = {.expires_ns = UINT64_MAX};
    struct log_note note;
    if (!stream)
        return facts;
    facts.exists = true;
    facts.generation = stream->generation;
    facts.tail = stream->last > stream->generation ? stream->last : stream->generation;
    facts.lost = stream->lost;
    facts.closed = log_stream_note(stream, "closed", 6, &note);
    facts.deleted = log_stream_note(stream, "deleted", 7, &note);
    copy_text(facts.type, sizeof facts.type, stream, "type");
    copy_text(facts.ttl, sizeof facts.ttl, stream, "ttl");
    copy_text(facts.expires, sizeof facts.expires, stream, "expires");
    facts.expires_ns = durable_expires_ns(stream);
    if (!*facts.type)
        memcpy(facts.type, DURABLE_TYPE_DEFAULT, sizeof DURABLE_TYPE_DEFAULT);
    return facts;
}

/* The id behind which a fork parts from its source; 0: it is none. */
static uint64_t point_of(const struct log_stream *stream)
{
    struct log_note note;
    uint64_t point;
    if (!log_stream_note(stream, "fork", 4, &note) || note.count < sizeof point)
        return 0;
    memcpy(&point, note.bytes, sizeof point);
    return le64toh(point);
}

struct durable_place durable_place_of(const struct log_stream *stream, uint64_t after)
{
    struct durable_place place = {0};
    for (uint64_t point = point_of(stream); after < point; point = point_of(stream)) {
        const struct log_stream *base = log_stream_base(stream);
        if (place.limit == 0 || point < place.limit)
            place.limit = point;
        if (!base || base->generation >= stream->generation)
            break;
        stream = base;
    }
    place.generation = stream->generation;
    place.after = after > stream->generation ? after : stream->generation;
    place.beyond = place.limit;
    return place;
}

/* The bytes of a content type before its parameters. */
static size_t bare_length(const char *type)
{
    size_t length = strcspn(type, ";");
    while (length > 0 && (type[length - 1] == ' ' || type[length - 1] == '\t'))
        length--;
    return length;
}

bool durable_type_same(const char *one, const char *other)
{
    const size_t length = bare_length(one);
    return length == bare_length(other) && strncasecmp(one, other, length) == 0;
}

bool durable_type_is_json(const char *type)
{
    return durable_type_same(type, DURABLE_TYPE_JSON);
}

static bool takes_json(const struct log_stream *stream)
{
    struct log_note note;
    char type[DURABLE_TYPE_MAX + 1] = "";
    if (!log_stream_note_next(stream, "type", 4, &note) || note.count > DURABLE_TYPE_MAX)
        return false;
    memcpy(type, note.bytes, note.count);
    return durable_type_is_json(type);
}

int durable_decide_plain(struct log_append *request, const struct log_stream *stream)
{
    struct log_note note;
    (void)request;
    if (!stream)
        return 0;
    if (log_stream_note_next(stream, "closed", 6, &note) ||
        log_stream_note_next(stream, "deleted", 7, &note))
        return -EPIPE;
    return takes_json(stream) ? -EPROTOTYPE : 0;
}
