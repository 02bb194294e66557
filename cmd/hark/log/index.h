/* index.h - the index of a segment: its blocks, and for each stream what it holds and in which
 * blocks.
 *
 * A block is about INDEX_BLOCK_BYTES of records: it begins with a record and ends where the next
 * begins. The index of the segment being written is a list of blocks here and the presence of each
 * stream in table.h; that of a sealed segment is the bytes of a file beside it:
 *
 *    0 magic u64          40 newest event's time u64    80 total bytes u64
 *    8 version u32        48 blocks u32                 88 checksum u64, over all but itself
 *   12 unused u32         52 entries u32                96 blocks: offset u64, first sequence u64
 *   16 first u64          56 deleted u32                   entries: 64 bytes, by generation
 *   24 end u64            60 words u32                     deleted: generations, u64
 *   32 next sequence u64  64 name bytes u32                words: the bits of the entries, u64
 *                         68 unused u32                    names
 *                         72 last sequence u64
 *
 *   entry: generation u64, count u64, bytes u64, first u64, last u64, first block u32, words u32,
 *          word u32, name u32, name bytes u32 (0: it was made in an earlier segment), and u32: plus
 *          one, the bytes of its notes, which stand behind the name (0: they were not changed)
 *   deleted: streams that were deleted in this segment, those that were made in it, too, since the
 *   table (table_file.h) may tell of them
 *
 * Version 1 has no notes.
 */
#ifndef HARK_COMMAND_LOG_INDEX_H
#define HARK_COMMAND_LOG_INDEX_H

#include "log/table.h"

#define INDEX_BLOCK_BYTES  (64u * 1024)
#define INDEX_HEADER_BYTES 96u

struct log_block {
    uint64_t offset;
    uint64_t sequence; /* of its first record */
};

/* The index of a segment that grows. */
struct log_builder {
    uint64_t segment; /* its first */
    struct log_block *blocks;
    uint32_t count;   /* that count */
    uint32_t planned; /* those and the ones of a write in flight */
    uint32_t capacity;
    uint64_t *deleted;
    uint32_t deleted_count;
    uint32_t deleted_capacity;
    uint64_t last_sequence;
    uint64_t newest_ns;
};

/* Takes a record into account that is about to be written after all others.
 * Gives: its block, or UINT32_MAX: out of memory. */
uint32_t builder_plan(struct log_builder *builder, uint64_t offset, uint64_t sequence);

/* The record at that offset counts from now on.
 * Takes: it was planned, and is the newest. */
void builder_note(struct log_builder *builder, uint64_t offset, uint64_t sequence,
                  uint64_t time_ns);

/* The block that a counted record stands in. */
uint32_t builder_block(const struct log_builder *builder, uint64_t offset);

/* What was planned and not noted will not be. */
void builder_forget(struct log_builder *builder);

/* A stream was deleted in this segment. reserve: gives 0 or -ENOMEM, and the note
 * after it cannot fail. */
int builder_reserve_deleted(struct log_builder *builder);
void builder_note_deleted(struct log_builder *builder, uint64_t generation);

void builder_done(struct log_builder *builder);

/* A sealed index: a view over bytes. */
struct log_index {
    unsigned char *bytes; /* owned; NULL there is none */
    size_t size;
    uint64_t first, end, next, last_sequence, newest_ns;
    uint32_t blocks, entries, deleted, words, name_bytes;
};

struct log_index_entry {
    struct log_span span;
    uint64_t generation;
    const char *name; /* not ended; NULL the stream is older than the segment */
    uint32_t name_length;
    uint32_t first_block, words, word;
    bool noted; /* all that is noted of it, as the segment ends, follows */
    const unsigned char *notes;
    uint32_t notes_length;
};

/* Makes the index of a grown segment.
 * Takes: end: where its records end; next: the next sequence of the log.
 * Gives: 0 and *out_index, whose bytes are the caller's to free.
 * Fails: -ENOMEM. */
int index_make(const struct log_builder *builder, struct log_table *table, uint64_t end,
               uint64_t next, struct log_index *out_index);

/* How large the file is of which these are the first INDEX_HEADER_BYTES.
 * Gives: 0: it is no index, or one that cannot be. */
size_t index_total(const unsigned char *header);

/* Reads an index.
 * Takes: bytes: from malloc; the index owns them on success.
 * Gives: 0.
 * Fails: -EBADMSG: it is damaged, or another's. */
int index_parse(unsigned char *bytes, size_t size, uint64_t first, struct log_index *out_index);

/* Entry i; i below index->entries. */
struct log_index_entry index_entry(const struct log_index *index, uint32_t i);

uint64_t index_deleted(const struct log_index *index, uint32_t i);

void index_free(struct log_index *index);

/* Where the events of a stream stand. */
struct log_run {
    uint64_t offset;
    uint64_t end;
};

/* Finds the next neighbouring blocks that hold events of the stream, in a sealed segment or in the
 * one that grows.
 * Takes: after: an id; place: read no further back than this, 0: as far as the id says. end: where
 *   the segment ends.
 * Gives: true and *out_run; false: there is none left. */
bool index_find(const struct log_index *index, uint64_t generation, uint64_t after, uint64_t place,
                uint64_t end, struct log_run *out_run);
bool builder_find(const struct log_builder *builder, const struct log_presence *presence,
                  uint64_t after, uint64_t place, uint64_t end, struct log_run *out_run);

/* The first block boundary after that offset; end where there is none. *out_sequence: what its
 * first record has; UINT64_MAX at the end. */
uint64_t index_next_block(const struct log_index *index, uint64_t offset, uint64_t end,
                          uint64_t *out_sequence);
uint64_t builder_next_block(const struct log_builder *builder, uint64_t offset, uint64_t end,
                            uint64_t *out_sequence);

#endif
