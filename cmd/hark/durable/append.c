/* append.c - decisions, in the order in which the protocol has them: closed before all else, then
 * the type, the producer, the writer's sequence. */
#include "durable/append.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

enum { STANDING_BYTES = 16 };

static int refuse(struct durable_append *append, enum durable_verdict verdict)
{
    append->verdict = verdict;
    return -ECANCELED;
}

static void note(struct durable_append *append, const char *key, const void *value, size_t count)
{
    append->notes_length +=
        log_note_put(append->notes + append->notes_length, key, strlen(key), value, count);
}

static void note_text(struct durable_append *append, const char *key, const char *text)
{
    if (text && *text)
        note(append, key, text, strlen(text));
}

static bool has_note(const struct log_stream *stream, const char *key)
{
    struct log_note found;
    return log_stream_note_next(stream, key, strlen(key), &found);
}

/* Whether what is noted under a key is that text. Takes: NULL: nothing is to be. */
static bool is_noted(const struct log_stream *stream, const char *key, const char *text)
{
    struct log_note found = {0};
    (void)log_stream_note_next(stream, key, strlen(key), &found);
    const size_t count = text ? strlen(text) : 0;
    return found.count == count && (count == 0 || memcmp(found.bytes, text, count) == 0);
}

/* --- producers --- */

static void put_standing(unsigned char *to, uint64_t epoch, uint64_t sequence)
{
    const uint64_t values[2] = {htole64(epoch), htole64(sequence)};
    memcpy(to, values, STANDING_BYTES);
}

static void get_standing(const void *from, uint64_t *out_epoch, uint64_t *out_sequence)
{
    uint64_t values[2];
    memcpy(values, from, STANDING_BYTES);
    *out_epoch = le64toh(values[0]);
    *out_sequence = le64toh(values[1]);
}

static const char *producer_key(const struct durable_producer *producer, char *key)
{
    key[0] = 'p';
    key[1] = ' ';
    memcpy(key + 2, producer->id, strlen(producer->id) + 1);
    return key;
}

/* Whether the producer's very request has closed the stream. */
static bool has_closed(const struct durable_append *append, const struct log_stream *stream)
{
    const struct durable_producer *producer = &append->producer;
    struct log_note found;
    uint64_t epoch, sequence;
    if (!producer->id || !log_stream_note_next(stream, "closer", 6, &found) ||
        found.count != STANDING_BYTES + strlen(producer->id) ||
        memcmp((const char *)found.bytes + STANDING_BYTES, producer->id, strlen(producer->id)) != 0)
        return false;
    get_standing(found.bytes, &epoch, &sequence);
    return epoch == producer->epoch && sequence == producer->sequence;
}

/* Gives: 0: it is the next of its producer. */
static int check_producer(struct durable_append *append, const struct log_stream *stream)
{
    const struct durable_producer *producer = &append->producer;
    char key[DURABLE_PRODUCER_MAX + 3];
    struct log_note found = {0};
    (void)log_stream_note_next(stream, producer_key(producer, key), strlen(producer->id) + 2,
                               &found);
    if (found.count != STANDING_BYTES) {
        append->has = (struct durable_producer){.epoch = producer->epoch};
        return producer->sequence == 0 ? 0 : refuse(append, DURABLE_SEQ_GAP);
    }
    struct durable_producer *has = &append->has;
    get_standing(found.bytes, &has->epoch, &has->sequence);
    if (producer->epoch < has->epoch)
        return refuse(append, DURABLE_STALE_EPOCH);
    if (producer->epoch > has->epoch)
        return producer->sequence == 0 ? 0 : refuse(append, DURABLE_EPOCH_BEGINS);
    if (producer->sequence <= has->sequence)
        return refuse(append, DURABLE_DUPLICATE);
    has->sequence++; /* what is expected */
    return producer->sequence == has->sequence ? 0 : refuse(append, DURABLE_SEQ_GAP);
}

static void note_producer(struct durable_append *append)
{
    const struct durable_producer *producer = &append->producer;
    char key[DURABLE_PRODUCER_MAX + 3];
    unsigned char value[STANDING_BYTES + DURABLE_PRODUCER_MAX];
    if (!producer->id)
        return;
    put_standing(value, producer->epoch, producer->sequence);
    note(append, producer_key(producer, key), value, STANDING_BYTES);
    append->has = *producer;
    if (!append->closes)
        return;
    memcpy(value + STANDING_BYTES, producer->id, strlen(producer->id));
    note(append, "closer", value, STANDING_BYTES + strlen(producer->id));
}

/* --- forks --- */

/* What is noted of a fork. Gives: its bytes; 0: that is too much. */
static size_t put_fork(const struct durable_append *append, bool inherits, unsigned char *to,
                       size_t room)
{
    const struct durable_fork *fork = &append->fork;
    const char *const texts[] = {fork->source, fork->offset, fork->part};
    const uint64_t point = htole64(fork->point);
    size_t count = sizeof point + 1;
    memcpy(to, &point, sizeof point);
    to[sizeof point] = inherits;
    for (size_t i = 0; i < 3; i++) {
        const size_t size = strlen(texts[i]) + 1;
        if (count + size > room)
            return 0;
        memcpy(to + count, texts[i], size);
        count += size;
    }
    return count;
}

enum {
    FORK_BYTES = 512,
    FORK_ASKED = 9, /* where what was asked for begins */
    DEPTH_MAX = 64, /* of forks of forks */
};

/* Whether the stream that there is was made by the same request. *out_inherits: its time to live
 * was not asked for. */
static bool same_fork(const struct durable_append *append, const struct log_stream *stream,
                      bool *out_inherits)
{
    unsigned char asked[FORK_BYTES];
    struct log_note noted = {0};
    *out_inherits = false;
    (void)log_stream_note_next(stream, "fork", 4, &noted);
    if (!append->fork.source || noted.count <= FORK_ASKED)
        return !append->fork.source && noted.count == 0;
    const unsigned char *bytes = noted.bytes;
    const size_t count = put_fork(append, false, asked, sizeof asked);
    *out_inherits = bytes[FORK_ASKED - 1] != 0;
    return count == noted.count &&
           memcmp(asked + FORK_ASKED, bytes + FORK_ASKED, count - FORK_ASKED) == 0;
}

/* One that a crash left without its first event and its notes was never there. */
static bool is_made(const struct log_stream *stream)
{
    return stream->last > 0 || has_note(stream, "type");
}

/* A read walks them all. */
static unsigned depth_of(const struct log_stream *stream)
{
    unsigned depth = 0;
    while (depth < DEPTH_MAX && (stream = log_stream_base(stream)))
        depth++;
    return depth;
}

static void copy_note(struct durable_append *append, const struct log_stream *source,
                      const char *key)
{
    struct log_note found;
    if (log_stream_note_next(source, key, strlen(key), &found))
        note(append, key, found.bytes, found.count);
}

static int decide_fork(struct durable_append *append, struct log *log)
{
    struct durable_fork *fork = &append->fork;
    unsigned char bytes[FORK_BYTES];
    const struct log_stream *source = log_stream_find(log, fork->source, strlen(fork->source));
    if (!source || !is_made(source))
        return refuse(append, DURABLE_NO_SOURCE);
    if (depth_of(source) >= DEPTH_MAX)
        return refuse(append, DURABLE_TOO_DEEP);
    if (has_note(source, "deleted"))
        return refuse(append, DURABLE_SOURCE_GONE);
    if (durable_expires_ns(source) <= append->now_ns)
        return refuse(append, DURABLE_NO_SOURCE);
    const struct durable_facts facts = durable_facts_of(source);
    if (append->type && !durable_type_same(append->type, facts.type))
        return refuse(append, DURABLE_SOURCE_TYPE);
    if (fork->point == UINT64_MAX)
        fork->point = facts.tail;
    if (fork->point > facts.tail)
        return refuse(append, DURABLE_PAST_SOURCE);
    const bool inherits = !append->ttl && !append->expires;
    const size_t count = put_fork(append, inherits, bytes, sizeof bytes);
    const uint64_t base = htole64(facts.generation);
    if (count == 0)
        return refuse(append, DURABLE_NO_ROOM);
    note(append, LOG_NOTE_BASE, &base, sizeof base);
    note(append, "fork", bytes, count);
    if (inherits) {
        copy_note(append, source, "ttl");
        copy_note(append, source, "expires");
    }
    memcpy(append->kept_type, facts.type, sizeof facts.type);
    return 0;
}

/* --- creating --- */

static int decide_creation(struct durable_append *append, struct log *log,
                           const struct log_stream *stream)
{
    if (stream && is_made(stream)) {
        bool inherits;
        const bool same = same_fork(append, stream, &inherits) &&
                          (!append->type || durable_type_same(append->kept_type, append->type)) &&
                          (inherits || is_noted(stream, "ttl", append->ttl)) &&
                          (inherits || is_noted(stream, "expires", append->expires)) &&
                          (!inherits || (!append->ttl && !append->expires)) &&
                          append->closed == append->closes;
        return refuse(append, same ? DURABLE_SAME : DURABLE_OTHER);
    }
    if (append->fork.source) {
        if (decide_fork(append, log) != 0)
            return -ECANCELED;
    } else {
        memcpy(append->kept_type, append->type, strlen(append->type) + 1);
    }
    append->verdict = DURABLE_DONE;
    append->closed = append->closes;
    note_text(append, "type", append->kept_type);
    note_text(append, "ttl", append->ttl);
    note_text(append, "expires", append->expires);
    note_text(append, "closed", append->closes ? "1" : NULL);
    return 0;
}

/* --- appending --- */

static int decide_closed(struct durable_append *append, const struct log_stream *stream)
{
    if (has_closed(append, stream)) {
        append->has = append->producer;
        return refuse(append, DURABLE_DUPLICATE);
    }
    return refuse(append,
                  append->empty && !append->producer.id ? DURABLE_WAS_CLOSED : DURABLE_CLOSED);
}

static bool sequence_passed(const struct durable_append *append, const struct log_stream *stream)
{
    struct log_note found;
    if (!append->sequence || !log_stream_note_next(stream, "seq", 3, &found))
        return false;
    const size_t count = strlen(append->sequence);
    const size_t both = count < found.count ? count : found.count;
    const int order = memcmp(append->sequence, found.bytes, both);
    return order < 0 || (order == 0 && count <= found.count);
}

static int decide_append(struct durable_append *append, const struct log_stream *stream)
{
    if (!stream)
        return refuse(append, DURABLE_MISSING);
    if (append->closed)
        return decide_closed(append, stream);
    if (!append->empty && !durable_type_same(append->kept_type, append->type))
        return refuse(append, DURABLE_OTHER_TYPE);
    if (append->producer.id && check_producer(append, stream) != 0)
        return -ECANCELED;
    if (sequence_passed(append, stream))
        return refuse(append, DURABLE_SEQ_PASSED);
    append->verdict = DURABLE_DONE;
    append->closed = append->closes;
    note_producer(append);
    note_text(append, "seq", append->sequence);
    note_text(append, "closed", append->closes ? "1" : NULL);
    return 0;
}

int durable_decide(struct durable_append *append, struct log *log, const struct log_stream *stream)
{
    struct log_note type = {0};
    append->notes_length = 0;
    append->closed = stream && has_note(stream, "closed");
    if (stream)
        (void)log_stream_note_next(stream, "type", 4, &type);
    if (type.count > 0 && type.count <= DURABLE_TYPE_MAX) {
        memcpy(append->kept_type, type.bytes, type.count);
        append->kept_type[type.count] = '\0';
    } else {
        memcpy(append->kept_type, DURABLE_TYPE_DEFAULT, sizeof DURABLE_TYPE_DEFAULT);
    }
    append->generation = stream ? stream->generation : 0;
    if (stream && has_note(stream, "deleted"))
        return refuse(append, log_stream_leaners(stream) > 0 ? DURABLE_GONE : DURABLE_EXPIRED);
    if (stream && durable_expires_ns(stream) <= append->now_ns)
        return refuse(append, log_stream_leaners(stream) > 0 ? DURABLE_GONE : DURABLE_EXPIRED);
    return append->creates ? decide_creation(append, log, stream) : decide_append(append, stream);
}

int durable_decide_expiry(struct log_append *request, const struct log_stream *stream)
{
    if (!stream)
        return -ENOENT;
    const bool dead = has_note(stream, "deleted") && log_stream_leaners(stream) == 0;
    if (!dead && durable_expires_ns(stream) > log_now_ns(request->log))
        return -ECANCELED; /* it was touched meanwhile */
    return durable_decide_deletion(request, stream);
}

int durable_decide_deletion(struct log_append *request, const struct log_stream *stream)
{
    static const unsigned char deleted[] = {7, 1, 0, 'd', 'e', 'l', 'e', 't', 'e', 'd', '1'};
    request->kind = LOG_DELETE;
    request->notes_length = 0;
    if (!stream)
        return -ENOENT;
    if (log_stream_leaners(stream) == 0)
        return 0;
    if (has_note(stream, "deleted"))
        return -EIDRM;
    request->kind = LOG_ONLY_NOTES;
    request->notes = deleted;
    request->notes_length = sizeof deleted;
    return 0;
}
