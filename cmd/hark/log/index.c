/* index.c - where in a segment the events of a stream stand: noted while the segment grows, made
 * into a file's bytes, and looked up. No I/O.
 *
 * What must hold: an index that was parsed can be asked anything without leaving its bytes,
 * whatever damaged file they came from.
 */
#include "log/index.h"

#include "base/check.h"
#include "log/bytes.h"
#include "log/record.h"

#include <errno.h>
#include <stdlib.h>

#define INDEX_MAGIC     UINT64_C(0x0a7864696b726168) /* "harkidx\n" */
#define INDEX_VERSION   2u
#define BLOCK_BYTES     16u
#define ENTRY_BYTES     64u
#define CHECKSUM_OFFSET 88u

static int reserve(void **array, uint32_t *capacity, uint32_t wanted, size_t size)
{
    if (wanted <= *capacity)
        return 0;
    uint32_t larger = *capacity < 16 ? 16 : *capacity * 2;
    void *moved = realloc(*array, larger * size);
    if (!moved)
        return -ENOMEM;
    *array = moved;
    *capacity = larger;
    return 0;
}

uint32_t builder_plan(struct log_builder *builder, uint64_t offset, uint64_t sequence)
{
    uint32_t count = builder->planned;
    if (count > 0 && offset - builder->blocks[count - 1].offset < INDEX_BLOCK_BYTES)
        return count - 1;
    void *blocks = builder->blocks;
    if (reserve(&blocks, &builder->capacity, count + 1, sizeof *builder->blocks) != 0)
        return UINT32_MAX;
    builder->blocks = blocks;
    builder->blocks[count] = (struct log_block){offset, sequence};
    builder->planned = count + 1;
    return count;
}

void builder_note(struct log_builder *builder, uint64_t offset, uint64_t sequence, uint64_t time_ns)
{
    while (builder->count < builder->planned && builder->blocks[builder->count].offset <= offset)
        builder->count++;
    builder->last_sequence = sequence;
    if (builder->newest_ns < time_ns)
        builder->newest_ns = time_ns;
}

uint32_t builder_block(const struct log_builder *builder, uint64_t offset)
{
    uint32_t block = builder->count - 1;
    while (builder->blocks[block].offset > offset)
        block--;
    return block;
}

void builder_forget(struct log_builder *builder)
{
    builder->planned = builder->count;
}

int builder_reserve_deleted(struct log_builder *builder)
{
    void *deleted = builder->deleted;
    int error = reserve(&deleted, &builder->deleted_capacity, builder->deleted_count + 1,
                        sizeof *builder->deleted);
    builder->deleted = deleted;
    return error;
}

void builder_note_deleted(struct log_builder *builder, uint64_t generation)
{
    check(builder->deleted_count < builder->deleted_capacity);
    builder->deleted[builder->deleted_count++] = generation;
}

void builder_done(struct log_builder *builder)
{
    free(builder->blocks);
    free(builder->deleted);
    *builder = (struct log_builder){0};
}

/* Whether an index of this segment tells of the stream. */
static bool told(const struct log_row *stream, const struct log_builder *builder)
{
    return !stream->pending &&
           (stream->facts.generation > builder->segment || row_span_of(stream, builder->segment) ||
            stream->noted_in == builder->segment);
}

/* What is noted of a stream and has to stand in this index. */
static uint32_t notes_told(const struct log_row *stream, const struct log_builder *builder)
{
    return stream->notes && stream->noted_in == builder->segment ? stream->notes->length : 0;
}

/* The words of its bits there; none where all its events in the segment are unreadable. */
static uint32_t words_of(const struct log_row *stream, const struct log_builder *builder)
{
    const struct log_presence *presence = &stream->presence;
    return presence->segment == builder->segment && row_span_of(stream, builder->segment)
               ? presence->words
               : 0;
}

static void put_entry(unsigned char *to, const struct log_row *stream,
                      const struct log_builder *builder, uint32_t word, uint32_t name)
{
    const struct log_span *span = row_span_of(stream, builder->segment);
    const struct log_span none = {0};
    if (!span)
        span = &none;
    put64(to, stream->facts.generation);
    put64(to + 8, span->count);
    put64(to + 16, span->bytes);
    put64(to + 24, span->first);
    put64(to + 32, span->last);
    put32(to + 40, stream->presence.first_block);
    put32(to + 44, words_of(stream, builder));
    put32(to + 48, word);
    put32(to + 52, name);
    put32(to + 56, stream->facts.generation > builder->segment ? row_name_length(stream) : 0);
    put32(to + 60, stream->noted_in == builder->segment ? notes_told(stream, builder) + 1 : 0);
}

static size_t total_bytes(const struct log_index *index)
{
    return INDEX_HEADER_BYTES + (size_t)index->blocks * BLOCK_BYTES +
           (size_t)index->entries * ENTRY_BYTES +
           ((size_t)index->deleted + index->words) * sizeof(uint64_t) + index->name_bytes;
}

static size_t entries_at(const struct log_index *index)
{
    return INDEX_HEADER_BYTES + (size_t)index->blocks * BLOCK_BYTES;
}

static size_t deleted_at(const struct log_index *index)
{
    return entries_at(index) + (size_t)index->entries * ENTRY_BYTES;
}

static size_t words_at(const struct log_index *index)
{
    return deleted_at(index) + (size_t)index->deleted * sizeof(uint64_t);
}

static size_t names_at(const struct log_index *index)
{
    return words_at(index) + (size_t)index->words * sizeof(uint64_t);
}

static void put_header(const struct log_index *index)
{
    unsigned char *to = index->bytes;
    put64(to, INDEX_MAGIC);
    put32(to + 8, INDEX_VERSION);
    put64(to + 16, index->first);
    put64(to + 24, index->end);
    put64(to + 32, index->next);
    put64(to + 40, index->newest_ns);
    put32(to + 48, index->blocks);
    put32(to + 52, index->entries);
    put32(to + 56, index->deleted);
    put32(to + 60, index->words);
    put32(to + 64, index->name_bytes);
    put64(to + 72, index->last_sequence);
    put64(to + 80, index->size);
}

/* The checksum stands in the bytes that it covers: it is taken with its own place as zero. */
static uint64_t index_checksum(unsigned char *bytes, size_t size)
{
    unsigned char kept[8];
    memcpy(kept, bytes + CHECKSUM_OFFSET, sizeof kept);
    memset(bytes + CHECKSUM_OFFSET, 0, sizeof kept);
    uint64_t sum = log_checksum(bytes, size, INDEX_MAGIC);
    memcpy(bytes + CHECKSUM_OFFSET, kept, sizeof kept);
    return sum;
}

static int by_generation(const void *left, const void *right)
{
    const uint64_t a = (*(struct log_row *const *)left)->facts.generation,
                   b = (*(struct log_row *const *)right)->facts.generation;
    return (a > b) - (a < b);
}

/* The streams that it tells of, in their order. Gives: how many. */
static uint32_t sort_told(struct log_table *table, const struct log_builder *builder)
{
    struct log_told *list = &table->told;
    uint32_t count = 0;
    check(list->segment == builder->segment);
    for (uint32_t i = 0; i < list->count; i++) {
        struct log_row *row = list->rows[i];
        if (row && told(row, builder))
            list->rows[count++] = row;
        else if (row)
            row->told_in = 0; /* it is listed again with its next event */
    }
    if (count > 0)
        qsort(list->rows, count, sizeof(struct log_row *), by_generation);
    return count;
}

/* It was not made after all, and they are told of still. */
static void keep_places(struct log_table *table, uint32_t count)
{
    table->told.count = count;
    for (uint32_t i = 0; i < count; i++)
        table->told.rows[i]->told_at = i;
}

static void put_streams(const struct log_index *index, const struct log_builder *builder,
                        const struct log_table *table)
{
    unsigned char *entry = index->bytes + entries_at(index);
    uint32_t word = 0, name = 0;
    for (uint32_t i = 0; i < index->entries; i++) {
        const struct log_row *stream = table->told.rows[i];
        put_entry(entry, stream, builder, word, name);
        for (uint32_t k = 0; k < words_of(stream, builder); k++)
            put64(index->bytes + words_at(index) + 8 * (size_t)word++,
                  presence_bits(&stream->presence)[k]);
        const struct stream_entry *named = stream->facts.entry;
        if (stream->facts.generation > builder->segment && named) {
            memcpy(index->bytes + names_at(index) + name, named->name, named->name_length);
            name += named->name_length;
        }
        if (notes_told(stream, builder) > 0) {
            memcpy(index->bytes + names_at(index) + name, stream->notes->bytes,
                   stream->notes->length);
            name += stream->notes->length;
        }
        entry += ENTRY_BYTES;
    }
}

int index_make(const struct log_builder *builder, struct log_table *table, uint64_t end,
               uint64_t next, struct log_index *out_index)
{
    struct log_index index = {
        .first = builder->segment,
        .end = end,
        .next = next,
        .last_sequence = builder->last_sequence,
        .newest_ns = builder->newest_ns,
        .blocks = builder->count,
        .deleted = builder->deleted_count,
    };
    index.entries = sort_told(table, builder);
    for (uint32_t i = 0; i < index.entries; i++) {
        const struct log_row *stream = table->told.rows[i];
        index.words += words_of(stream, builder);
        index.name_bytes +=
            stream->facts.generation > builder->segment ? row_name_length(stream) : 0;
        index.name_bytes += notes_told(stream, builder);
    }
    index.size = total_bytes(&index);
    index.bytes = calloc(1, index.size);
    if (!index.bytes) {
        keep_places(table, index.entries);
        return -ENOMEM;
    }
    put_header(&index);
    for (uint32_t i = 0; i < index.blocks; i++) {
        put64(index.bytes + INDEX_HEADER_BYTES + (size_t)i * BLOCK_BYTES,
              builder->blocks[i].offset);
        put64(index.bytes + INDEX_HEADER_BYTES + (size_t)i * BLOCK_BYTES + 8,
              builder->blocks[i].sequence);
    }
    put_streams(&index, builder, table);
    table_list_begin(table, 0);
    for (uint32_t i = 0; i < index.deleted; i++)
        put64(index.bytes + deleted_at(&index) + (size_t)i * 8, builder->deleted[i]);
    put64(index.bytes + CHECKSUM_OFFSET, index_checksum(index.bytes, index.size));
    *out_index = index;
    return 0;
}

static void get_header(unsigned char *bytes, struct log_index *index)
{
    *index = (struct log_index){
        .bytes = bytes,
        .first = get64(bytes + 16),
        .end = get64(bytes + 24),
        .next = get64(bytes + 32),
        .newest_ns = get64(bytes + 40),
        .blocks = get32(bytes + 48),
        .entries = get32(bytes + 52),
        .deleted = get32(bytes + 56),
        .words = get32(bytes + 60),
        .name_bytes = get32(bytes + 64),
        .last_sequence = get64(bytes + 72),
        .size = (size_t)get64(bytes + 80),
    };
}

size_t index_total(const unsigned char *header)
{
    struct log_index index;
    unsigned char copy[INDEX_HEADER_BYTES];
    memcpy(copy, header, sizeof copy);
    get_header(copy, &index);
    bool whole = get64(header) == INDEX_MAGIC && get32(header + 8) >= 1 &&
                 get32(header + 8) <= INDEX_VERSION && index.size == total_bytes(&index);
    return whole ? index.size : 0;
}

int index_parse(unsigned char *bytes, size_t size, uint64_t first, struct log_index *out_index)
{
    struct log_index index;
    if (size < INDEX_HEADER_BYTES || index_total(bytes) != size)
        return -EBADMSG;
    get_header(bytes, &index);
    if (index.first != first || get64(bytes + CHECKSUM_OFFSET) != index_checksum(bytes, size))
        return -EBADMSG;
    for (uint32_t i = 0; i < index.entries; i++) {
        const unsigned char *entry = bytes + entries_at(&index) + (size_t)i * ENTRY_BYTES;
        uint64_t words_end = (uint64_t)get32(entry + 48) + get32(entry + 44);
        uint64_t name_end = (uint64_t)get32(entry + 52) + get32(entry + 56);
        uint32_t notes = get32(entry + 60) == 0 ? 0 : get32(entry + 60) - 1;
        if (words_end > index.words || name_end + notes > index.name_bytes ||
            get32(entry + 56) > LOG_NAME_MAX ||
            !notes_are_whole(bytes + names_at(&index) + name_end, notes))
            return -EBADMSG;
    }
    *out_index = index;
    return 0;
}

struct log_index_entry index_entry(const struct log_index *index, uint32_t i)
{
    const unsigned char *from = index->bytes + entries_at(index) + (size_t)i * ENTRY_BYTES;
    uint32_t name_length = get32(from + 56);
    const unsigned char *name = index->bytes + names_at(index) + get32(from + 52);
    return (struct log_index_entry){
        .generation = get64(from),
        .span = {index->first, get64(from + 8), get64(from + 16), get64(from + 24),
                 get64(from + 32), 0},
        .first_block = get32(from + 40),
        .words = get32(from + 44),
        .word = get32(from + 48),
        .name = name_length == 0 ? NULL : (const char *)name,
        .name_length = name_length,
        .noted = get32(from + 60) != 0,
        .notes = name + name_length,
        .notes_length = get32(from + 60) == 0 ? 0 : get32(from + 60) - 1,
    };
}

uint64_t index_deleted(const struct log_index *index, uint32_t i)
{
    return get64(index->bytes + deleted_at(index) + (size_t)i * 8);
}

void index_free(struct log_index *index)
{
    free(index->bytes);
    *index = (struct log_index){0};
}

/* Both kinds of index, for one stream, seen alike. */
struct view {
    const struct log_block *blocks; /* of a builder */
    const unsigned char *bytes;     /* of a file */
    uint32_t count;
    uint32_t first_block;
    uint32_t words;
    const uint64_t *bits;
    const unsigned char *bit_bytes;
};

static struct log_block view_block(const struct view *view, uint32_t i)
{
    if (view->blocks)
        return view->blocks[i];
    check(view->bytes);
    const unsigned char *from = view->bytes + (size_t)i * BLOCK_BYTES;
    return (struct log_block){get64(from), get64(from + 8)};
}

static bool view_present(const struct view *view, uint32_t block)
{
    if (block < view->first_block || (block - view->first_block) / 64 >= view->words)
        return false;
    check(view->bits || view->bit_bytes);
    uint32_t bit = block - view->first_block;
    uint64_t word =
        view->bits ? view->bits[bit / 64] : get64(view->bit_bytes + 8 * (size_t)(bit / 64));
    return (word >> (bit % 64) & 1) != 0;
}

/* The last block that begins at or before an offset, or with or before a sequence; the first block
 * where none does. */
static uint32_t block_at(const struct view *view, uint64_t offset, uint64_t sequence)
{
    uint32_t low = 0, high = view->count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        struct log_block block = view_block(view, middle);
        if (block.offset <= offset && block.sequence <= sequence)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static bool view_find(const struct view *view, uint64_t after, uint64_t place, uint64_t end,
                      struct log_run *out_run)
{
    if (view->count == 0 || place >= end)
        return false;
    uint32_t at =
        place != 0 ? block_at(view, place, UINT64_MAX) : block_at(view, UINT64_MAX, after + 1);
    while (at < view->count && !view_present(view, at))
        at++;
    if (at == view->count)
        return false;
    uint32_t next = at + 1;
    while (next < view->count && view_present(view, next))
        next++;
    uint64_t begin = view_block(view, at).offset;
    out_run->offset = begin < place ? place : begin;
    out_run->end = next == view->count ? end : view_block(view, next).offset;
    return out_run->offset < out_run->end;
}

/* Entries are in order of their numbers. */
static bool find_entry(const struct log_index *index, uint64_t generation,
                       struct log_index_entry *out_entry)
{
    uint32_t low = 0, high = index->entries;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        *out_entry = index_entry(index, middle);
        if (out_entry->generation == generation)
            return true;
        if (out_entry->generation < generation)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

bool index_find(const struct log_index *index, uint64_t generation, uint64_t after, uint64_t place,
                uint64_t end, struct log_run *out_run)
{
    if (!index->bytes) { /* it was lost: all of the segment is one block that may hold anything */
        *out_run =
            (struct log_run){place < SEGMENT_HEADER_BYTES ? SEGMENT_HEADER_BYTES : place, end};
        return out_run->offset < end;
    }
    struct log_index_entry entry;
    if (!find_entry(index, generation, &entry))
        return false;
    struct view view = {
        .bytes = index->bytes + INDEX_HEADER_BYTES,
        .count = index->blocks,
        .first_block = entry.first_block,
        .words = entry.words,
        .bit_bytes = index->bytes + words_at(index) + 8 * (size_t)entry.word,
    };
    return view_find(&view, after, place, end, out_run);
}

bool builder_find(const struct log_builder *builder, const struct log_presence *presence,
                  uint64_t after, uint64_t place, uint64_t end, struct log_run *out_run)
{
    struct view view = {
        .blocks = builder->blocks,
        .count = builder->count,
        .first_block = presence->first_block,
        .words = presence->segment == builder->segment ? presence->words : 0,
        .bits = presence_bits(presence),
    };
    return view_find(&view, after, place, end, out_run);
}

static uint64_t view_next(const struct view *view, uint64_t offset, uint64_t end,
                          uint64_t *out_sequence)
{
    uint32_t next = view->count == 0 ? 0 : block_at(view, offset, UINT64_MAX) + 1;
    bool there = next < view->count;
    *out_sequence = there ? view_block(view, next).sequence : UINT64_MAX;
    return there ? view_block(view, next).offset : end;
}

uint64_t index_next_block(const struct log_index *index, uint64_t offset, uint64_t end,
                          uint64_t *out_sequence)
{
    struct view view = {0}; /* as it is where there is no index */
    if (index->bytes)
        view = (struct view){.bytes = index->bytes + INDEX_HEADER_BYTES, .count = index->blocks};
    return view_next(&view, offset, end, out_sequence);
}

uint64_t builder_next_block(const struct log_builder *builder, uint64_t offset, uint64_t end,
                            uint64_t *out_sequence)
{
    struct view view = {.blocks = builder->blocks, .count = builder->count};
    return view_next(&view, offset, end, out_sequence);
}
