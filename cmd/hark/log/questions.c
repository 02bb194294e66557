/* questions.c - what can be asked of a log without I/O. */
#include "log/state.h"
#include "streams/streams.h"

enum { NEAR = 1024 }; /* generations */

static const struct log_stream *facts_of(const struct log_row *stream)
{
    return !stream || stream->pending ? NULL : &stream->facts;
}

const struct log_stream *log_stream_find(const struct log *log, const char *name,
                                         size_t name_length)
{
    return facts_of(table_by_name(&log->table, name, name_length));
}

const struct log_stream *log_stream_of(const struct stream_entry *entry)
{
    return facts_of(entry->row);
}

bool log_stream_note(const struct log_stream *stream, const char *key, size_t key_length,
                     struct log_note *out_note)
{
    return notes_find(((const struct log_row *)stream)->notes, key, key_length, out_note);
}

bool log_stream_note_next(const struct log_stream *stream, const char *key, size_t key_length,
                          struct log_note *out_note)
{
    const struct log_row *row = (const struct log_row *)stream;
    return notes_find(row->changing ? row->next_notes : row->notes, key, key_length, out_note);
}

bool log_stream_note_each(const struct log_stream *stream, uint32_t *at, struct log_note *out_key,
                          struct log_note *out_note)
{
    return notes_each(((const struct log_row *)stream)->notes, at, out_key, out_note);
}

uint32_t log_stream_leaners(const struct log_stream *stream)
{
    return ((const struct log_row *)stream)->leaners;
}

const struct log_stream *log_stream_base(const struct log_stream *stream)
{
    const struct log_row *base = ((const struct log_row *)stream)->base;
    return base ? &base->facts : NULL;
}

uint64_t log_now_ns(const struct log *log)
{
    return hark_os_wall_clock(log->loop);
}

void log_stream_touch(struct log *log, const struct log_stream *stream)
{
    ((struct log_row *)(uintptr_t)stream)->facts.touched_ns = hark_os_wall_clock(log->loop);
}

struct streams *log_streams(struct log *log)
{
    return &log->table.names;
}

const struct log_stream *log_stream_next(const struct log *log, const struct log_stream *after)
{
    const struct log_row *stream =
        !after ? log->table.oldest : ((const struct log_row *)after)->after;
    while (stream && stream->pending)
        stream = stream->after;
    return !stream ? NULL : &stream->facts;
}

const struct log_stream *log_stream_above(const struct log *log, uint64_t generation)
{
    const struct log_row *stream =
        generation == 0 ? NULL : table_by_generation(&log->table, generation);
    if (stream)
        return log_stream_next(log, &stream->facts);
    /* That one is gone: most often the next is near. */
    for (uint64_t near = 1; generation > 0 && near <= NEAR; near++) {
        stream = table_by_generation(&log->table, generation + near);
        if (stream)
            return stream->pending ? log_stream_next(log, &stream->facts) : &stream->facts;
    }
    const struct log_row *newest = log->table.newest;
    if (newest && generation >= newest->facts.generation / 2) { /* from the nearer end */
        while (newest->before && newest->before->facts.generation > generation)
            newest = newest->before;
        if (newest->facts.generation <= generation)
            return NULL;
        return newest->pending ? log_stream_next(log, &newest->facts) : &newest->facts;
    }
    const struct log_stream *next = log_stream_next(log, NULL);
    while (next && next->generation <= generation)
        next = log_stream_next(log, next);
    return next;
}

int log_trouble(const struct log *log)
{
    return log->commit.reported;
}

const struct log_statistics *log_statistics(const struct log *log)
{
    return &log->statistics;
}
