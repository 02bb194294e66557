/* table.c - the table of streams.
 *
 * What must hold: the facts of a stream are the sum of its spans; spans are in order of their
 * segments; taking note of a written event cannot fail, as its memory was reserved before the
 * write. Which records there are and when they count is the commit's and the recovery's to know.
 */
#include "log/table.h"

#include "base/check.h"
#include "log/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t bucket_of_name(const struct log_table *table, const char *name, size_t length)
{
    return (uint32_t)log_checksum(name, length, 0) & (table->buckets - 1);
}

static uint32_t bucket_of_generation(const struct log_table *table, uint64_t generation)
{
    return (uint32_t)((generation * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (table->buckets - 1);
}

struct log_row *table_by_name(const struct log_table *table, const char *name, size_t length)
{
    if (table->buckets == 0)
        return NULL;
    struct log_row *stream = table->by_name[bucket_of_name(table, name, length)];
    while (stream &&
           (stream->facts.name_length != length || memcmp(stream->facts.name, name, length) != 0))
        stream = stream->next_by_name;
    return stream;
}

struct log_row *table_by_generation(const struct log_table *table, uint64_t generation)
{
    if (table->buckets == 0)
        return NULL;
    struct log_row *stream = table->by_generation[bucket_of_generation(table, generation)];
    while (stream && stream->facts.generation != generation)
        stream = stream->next_by_generation;
    return stream;
}

static void link_name(struct log_table *table, struct log_row *stream)
{
    struct log_row **bucket =
        &table->by_name[bucket_of_name(table, stream->facts.name, stream->facts.name_length)];
    stream->next_by_name = *bucket;
    *bucket = stream;
}

static void link_generation(struct log_table *table, struct log_row *stream)
{
    struct log_row **bucket =
        &table->by_generation[bucket_of_generation(table, stream->facts.generation)];
    stream->next_by_generation = *bucket;
    *bucket = stream;
}

static int grow(struct log_table *table)
{
    uint32_t buckets = table->buckets == 0 ? 64 : table->buckets * 2;
    struct log_row **by_name = calloc(buckets, sizeof *by_name);
    struct log_row **by_generation = calloc(buckets, sizeof *by_generation);
    if (!by_name || !by_generation) {
        free(by_name);
        free(by_generation);
        return -ENOMEM;
    }
    free(table->by_name);
    free(table->by_generation);
    table->by_name = by_name;
    table->by_generation = by_generation;
    table->buckets = buckets;
    for (struct log_row *stream = table->oldest; stream; stream = stream->after) {
        link_generation(table, stream);
        if (!stream->nameless)
            link_name(table, stream);
    }
    return 0;
}

static void set_name(struct log_row *stream, const char *name, size_t length)
{
    memcpy(stream->facts.name, name, length);
    stream->facts.name[length] = '\0';
    stream->facts.name_length = (uint32_t)length;
}

/* Streams come in order of creation, but for those that recovery learns of late. */
static void link_in_order(struct log_table *table, struct log_row *stream)
{
    struct log_row *before = table->newest;
    while (before && before->facts.generation > stream->facts.generation)
        before = before->before;
    stream->before = before;
    stream->after = !before ? table->oldest : before->after;
    *(!stream->after ? &table->newest : &stream->after->before) = stream;
    *(!before ? &table->oldest : &before->after) = stream;
}

struct log_row *table_add(struct log_table *table, uint64_t generation, const char *name,
                          size_t length)
{
    if (table->count == table->buckets && grow(table) != 0)
        return NULL;
    struct log_row *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    stream->facts.generation = generation;
    stream->nameless = !name;
    link_generation(table, stream);
    if (name) {
        set_name(stream, name, length);
        link_name(table, stream);
    }
    link_in_order(table, stream);
    table->count++;
    return stream;
}

void table_name(struct log_table *table, struct log_row *stream, const char *name, size_t length)
{
    check(stream->nameless);
    stream->nameless = false;
    set_name(stream, name, length);
    link_name(table, stream);
}

void row_free(struct log_row *stream)
{
    free(stream->spans);
    free(stream->presence.bits);
    free(stream);
}

void table_take(struct log_table *table, struct log_row *stream)
{
    struct log_row **link =
        &table->by_generation[bucket_of_generation(table, stream->facts.generation)];
    while (*link != stream)
        link = &(*link)->next_by_generation;
    *link = stream->next_by_generation;
    if (!stream->nameless) {
        link =
            &table->by_name[bucket_of_name(table, stream->facts.name, stream->facts.name_length)];
        while (*link != stream)
            link = &(*link)->next_by_name;
        *link = stream->next_by_name;
    }
    *(!stream->after ? &table->newest : &stream->after->before) = stream->before;
    *(!stream->before ? &table->oldest : &stream->before->after) = stream->after;
    table->count--;
}

void table_remove(struct log_table *table, struct log_row *stream)
{
    table_take(table, stream);
    row_free(stream);
}

void table_done(struct log_table *table)
{
    for (struct log_row *stream = table->oldest, *after; stream; stream = after) {
        after = stream->after;
        row_free(stream);
    }
    free(table->by_name);
    free(table->by_generation);
    *table = (struct log_table){0};
}

static int reserve_span(struct log_row *stream)
{
    if (stream->span_count < stream->span_capacity)
        return 0;
    uint32_t capacity = stream->span_capacity == 0 ? 2 : stream->span_capacity * 2;
    struct log_span *spans = realloc(stream->spans, capacity * sizeof *spans);
    if (!spans)
        return -ENOMEM;
    stream->spans = spans;
    stream->span_capacity = capacity;
    return 0;
}

int row_reserve(struct log_row *stream, uint64_t segment, uint32_t block)
{
    struct log_presence *presence = &stream->presence;
    if (presence->segment != segment) {
        presence->segment = segment;
        presence->first_block = block;
        presence->words = 0;
    }
    /* A failed commit may have left a window that begins later than the block that is now planned
     * anew. */
    if (presence->words == 0 && block < presence->first_block)
        presence->first_block = block;
    check(block >= presence->first_block);
    uint32_t words = (block - presence->first_block) / 64 + 1;
    if (words > presence->capacity) {
        uint32_t capacity = words < 2 ? 2 : words * 2;
        uint64_t *bits = realloc(presence->bits, capacity * sizeof *bits);
        if (!bits)
            return -ENOMEM;
        presence->bits = bits;
        presence->capacity = capacity;
    }
    return reserve_span(stream);
}

static void add_to_facts(struct log_row *stream, const struct log_span *span)
{
    struct log_stream *facts = &stream->facts;
    facts->count += span->count;
    facts->bytes += span->bytes;
    if (facts->first == 0)
        facts->first = span->first;
    if (facts->last < span->last)
        facts->last = span->last;
}

static void note_block(struct log_presence *presence, uint32_t block)
{
    uint32_t bit = block - presence->first_block;
    while (presence->words <= bit / 64)
        presence->bits[presence->words++] = 0;
    presence->bits[bit / 64] |= UINT64_C(1) << (bit % 64);
}

bool row_note(struct log_row *stream, uint64_t segment, uint32_t block, uint64_t id, uint64_t bytes)
{
    struct log_span event = {segment, 1, bytes, id, id, stream->facts.lost};
    struct log_span *newest =
        stream->span_count == 0 ? NULL : &stream->spans[stream->span_count - 1];
    bool begins = !newest || newest->segment != segment || newest->last < stream->facts.lost;
    if (!begins) {
        newest->count++;
        newest->bytes += bytes;
        newest->last = id;
    } else {
        check(stream->spans && stream->span_count < stream->span_capacity);
        stream->spans[stream->span_count++] = event;
    }
    add_to_facts(stream, &event);
    note_block(&stream->presence, block);
    return begins;
}

int row_add_span(struct log_row *stream, const struct log_span *span)
{
    if (reserve_span(stream) != 0)
        return -ENOMEM;
    stream->spans[stream->span_count] = *span;
    stream->spans[stream->span_count++].lost = stream->facts.lost;
    add_to_facts(stream, span);
    return 0;
}

const struct log_span *row_span_after(const struct log_row *stream, uint64_t after)
{
    uint32_t low = 0, high = stream->span_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (stream->spans[middle].last > after)
            high = middle;
        else
            low = middle + 1;
    }
    return low == stream->span_count ? NULL : &stream->spans[low];
}

const struct log_span *row_span_of(const struct log_row *stream, uint64_t segment)
{
    if (stream->span_count == 0 || stream->spans[stream->span_count - 1].segment != segment)
        return NULL;
    return &stream->spans[stream->span_count - 1];
}

void row_drop_span(struct log_row *stream)
{
    check(stream->spans && stream->span_count > 0);
    struct log_span gone = stream->spans[0];
    stream->span_count--;
    memmove(stream->spans, stream->spans + 1, stream->span_count * sizeof gone);
    stream->facts.count -= gone.count;
    stream->facts.bytes -= gone.bytes;
    stream->facts.first = stream->span_count == 0 ? 0 : stream->spans[0].first;
    row_lose(stream, gone.last);
    if (stream->span_count > 0 && stream->spans[0].lost < gone.last)
        stream->spans[0].lost = gone.last;
}

void row_lose(struct log_row *stream, uint64_t through)
{
    if (stream->facts.lost < through)
        stream->facts.lost = through;
    if (stream->facts.last < through)
        stream->facts.last = through;
}

void table_lose(struct log_table *table, uint64_t through)
{
    for (struct log_row *stream = table->oldest; stream; stream = stream->after)
        row_lose(stream, through);
}
