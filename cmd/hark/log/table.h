/* table.h - the streams that exist, in order of their creation, and where in the log each has
 * events. Names, and what stands under them, are streams/streams.h's. */
#ifndef HARK_COMMAND_LOG_TABLE_H
#define HARK_COMMAND_LOG_TABLE_H

#include "base/map.h"
#include "log/log.h"
#include "log/notes.h"
#include "streams/streams.h"

/* What one segment holds of a stream. */
struct log_span {
    uint64_t segment; /* the first of that segment */
    uint64_t count;
    uint64_t bytes;
    uint64_t first;
    uint64_t last;
    uint64_t lost; /* when the span began: what was lost before it, as log_stream.lost; where
                      something was lost in the middle of a segment, another span of it begins */
};

/* The blocks of the segment being written that hold events of a stream: a bit each, from
 * first_block on. */
struct log_presence {
    uint64_t segment;
    uint32_t first_block;
    uint32_t words;
    uint32_t capacity; /* of `many`; up to 1: there is but `one` */
    union {
        uint64_t one;
        uint64_t *many;
    };
};

static inline const uint64_t *presence_bits(const struct log_presence *presence)
{
    return presence->capacity <= 1 ? &presence->one : presence->many;
}

struct log_row {
    struct log_stream facts;      /* first: a log_stream that is handed out is one of these */
    struct log_notes *notes;      /* NULL: there are none */
    struct log_notes *next_notes; /* what they are once the commit in flight is there */
    uint64_t noted_in;            /* the segment that changed them last; 0: none did */
    struct log_row *base;         /* that it leans on; NULL: none */
    uint32_t leaners;             /* that lean on it */
    struct log_span *spans;       /* in order: 48 bytes for each segment that holds events of it */
    uint32_t span_count;
    uint32_t span_capacity;
    struct log_presence presence;
    uint64_t declared; /* recovery: the segment that last told of it */
    bool pending;      /* its creation is being written */
    bool changing;     /* next_notes is being written */
    bool missed;       /* recovery: a declaration tells of later events than were found */
    uint32_t told_at;  /* its place in log_told.rows */
    uint64_t told_in;  /* the segment whose log_told has it; 0: none has */
    struct map_link by_generation;
    struct log_row *before, *after; /* in order of creation */
};

/* Without a name, which recovery may meet, none. */
static inline uint32_t row_name_length(const struct log_row *stream)
{
    return stream->facts.entry ? stream->facts.entry->name_length : 0;
}

/* Of which streams the segment that is being written tells: its index does not ask all others. */
struct log_told {
    uint64_t segment;
    struct log_row **rows; /* NULL: that one is gone */
    uint32_t count, capacity;
};

struct log_table {
    struct streams names;
    struct map by_generation;
    uint32_t count;
    uint64_t file_bytes; /* what all take in the table's file, more or less */
    struct log_row *oldest, *newest;
    struct log_told told;
    struct log_row *walk; /* the next that is to be written there; NULL: none is */
};

/* Finds a stream; pending ones are found.
 * Gives: the stream, or NULL. */
struct log_row *table_by_name(const struct log_table *table, const char *name, size_t length);
struct log_row *table_by_generation(const struct log_table *table, uint64_t generation);

/* Adds a stream.
 * Takes: generation: of none that is there; entry: a name under which no stream is, let go if there
 *   is no memory; NULL: recovery has found events of it, and not its name, yet.
 * Gives: the stream; NULL: out of memory. */
struct log_row *table_add(struct log_table *table, uint64_t generation, struct stream_entry *entry);

/* Gives a nameless stream its name. */
void table_name(struct log_table *table, struct log_row *stream, struct stream_entry *entry);

/* Takes a stream out of the table, and off its name. It is the caller's then, to be freed by
 * row_free. */
void table_take(struct log_table *table, struct log_row *stream);
void row_free(struct log_row *stream);

/* Both in one. */
void table_remove(struct log_table *table, struct log_row *stream);

/* What is noted of a stream from now on; `notes` are the row's. segment: where it says so. */
void table_note(struct log_table *table, struct log_row *stream, struct log_notes *notes,
                uint64_t segment);

/* From now on that segment is written. */
void table_list_begin(struct log_table *table, uint64_t segment);

/* It tells, or may tell, of that stream.
 * Gives: 0, or -ENOMEM. */
int table_list_row(struct log_table *table, struct log_row *stream);

/* Frees all of it. */
void table_done(struct log_table *table);

/* Makes sure that row_note for that segment and block will not need memory.
 * Gives: 0, or -ENOMEM. */
int row_reserve(struct log_row *stream, uint64_t segment, uint32_t block);

/* Takes one more event into the facts, the span of the segment, and the blocks of the segment.
 * Gives: whether a span began. */
bool row_note(struct log_row *stream, uint64_t segment, uint32_t block, uint64_t id,
              uint64_t bytes);

/* Takes note of the block of an event that is counted already; row_reserve was called for it. */
void row_note_block(struct log_row *stream, uint32_t block);

/* Adds what a sealed segment holds, later than all other spans, or in place of the newest, if that
 * is of the same segment.
 * Gives: 0, or -ENOMEM. */
int row_add_span(struct log_row *stream, const struct log_span *span);

/* The first span with an event after that id, or NULL. */
const struct log_span *row_span_after(const struct log_row *stream, uint64_t after);

/* The newest span of that segment, or NULL. */
const struct log_span *row_span_of(const struct log_row *stream, uint64_t segment);

/* A span is gone, and the events in it. */
void row_drop_span(struct log_row *stream, uint32_t at);

/* Ids up to that one are not all there, of every stream that there is. */
void table_lose(struct log_table *table, uint64_t through);

/* Ids up to that one are not all there. */
void row_lose(struct log_row *stream, uint64_t through);

#endif
