/* table.c - the streams that exist, and what each has in the segments.
 *
 * What must hold: the facts of a stream are the sum of its spans; spans are in order of their
 * segments; taking note of a written event cannot fail, as its memory was reserved before the
 * write. Which records there are and when they count is the commit's and the recovery's to know.
 */
#include "log/table.h"

#include "base/check.h"
#include "log/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct log_row *table_by_name(const struct log_table *table, const char *name, size_t length)
{
    const struct stream_entry *entry = streams_find(&table->names, name, length);
    return entry ? entry->row : NULL;
}

struct log_row *table_by_generation(const struct log_table *table, uint64_t generation)
{
    struct map_link *link = map_first(&table->by_generation, generation);
    return link ? hark_container_of(link, struct log_row, by_generation) : NULL;
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

static uint64_t file_size(const struct log_row *stream)
{
    enum { NUMBERS_BYTES = 24 };
    return NUMBERS_BYTES + row_name_length(stream) + (!stream->notes ? 0 : stream->notes->length);
}

void table_name(struct log_table *table, struct log_row *stream, struct stream_entry *entry)
{
    check(!stream->facts.entry && !entry->row);
    stream->facts.entry = entry;
    entry->row = stream;
    table->file_bytes += file_size(stream);
}

struct log_row *table_add(struct log_table *table, uint64_t generation, struct stream_entry *entry)
{
    struct log_row *stream = calloc(1, sizeof *stream);
    if (!stream || map_add(&table->by_generation, &stream->by_generation, generation) != 0) {
        free(stream);
        if (entry)
            streams_let_go(&table->names, entry);
        return NULL;
    }
    stream->facts.generation = generation;
    if (entry)
        table_name(table, stream, entry);
    link_in_order(table, stream);
    table->count++;
    return stream;
}

/* Its base is known from its notes; it does not change. */
static void lean(struct log_table *table, struct log_row *stream)
{
    struct log_note base;
    if (stream->base ||
        !notes_find(stream->notes, LOG_NOTE_BASE, sizeof LOG_NOTE_BASE - 1, &base) ||
        base.count != 8)
        return;
    stream->base = table_by_generation(table, get64(base.bytes));
    if (stream->base)
        stream->base->leaners++;
}

/* Those that lean on it are few, and it goes only where it was lost. */
static void lean_no_more(struct log_table *table, struct log_row *stream)
{
    if (stream->base)
        stream->base->leaners--;
    for (struct log_row *at = stream->leaners == 0 ? NULL : table->oldest; at; at = at->after)
        if (at->base == stream)
            at->base = NULL;
}

void table_note(struct log_table *table, struct log_row *stream, struct log_notes *notes,
                uint64_t segment)
{
    const bool named = stream->facts.entry;
    if (named)
        table->file_bytes -= file_size(stream);
    free(stream->notes);
    stream->notes = notes;
    stream->noted_in = segment;
    lean(table, stream);
    if (named)
        table->file_bytes += file_size(stream);
}

void row_free(struct log_row *stream)
{
    free(stream->notes);
    if (stream->changing)
        free(stream->next_notes);
    free(stream->spans);
    if (stream->presence.capacity > 1)
        free(stream->presence.many);
    free(stream);
}

/* Those at its end take no room: it would grow where nothing that is to be made can be. */
static void strike_out(struct log_told *told, uint32_t at)
{
    told->rows[at] = NULL;
    while (told->count > 0 && !told->rows[told->count - 1])
        told->count--;
}

void table_take(struct log_table *table, struct log_row *stream)
{
    struct stream_entry *entry = stream->facts.entry;
    lean_no_more(table, stream);
    if (table->walk == stream)
        table->walk = stream->after;
    if (stream->told_in != 0 && stream->told_in == table->told.segment)
        strike_out(&table->told, stream->told_at);
    map_remove(&table->by_generation, &stream->by_generation);
    if (entry) {
        table->file_bytes -= file_size(stream);
        stream->facts.entry = NULL;
        entry->row = NULL;
        streams_let_go(&table->names, entry);
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

void table_list_begin(struct log_table *table, uint64_t segment)
{
    free(table->told.rows);
    table->told = (struct log_told){.segment = segment};
}

int table_list_row(struct log_table *table, struct log_row *stream)
{
    struct log_told *told = &table->told;
    if (told->segment == 0 || stream->told_in == told->segment)
        return 0;
    if (told->count == told->capacity) {
        const uint32_t capacity = told->capacity == 0 ? 64 : told->capacity * 2;
        struct log_row **rows = reallocarray(told->rows, capacity, sizeof *rows);
        if (!rows)
            return -ENOMEM;
        told->rows = rows;
        told->capacity = capacity;
    }
    stream->told_in = told->segment;
    stream->told_at = told->count;
    told->rows[told->count++] = stream;
    return 0;
}

void table_done(struct log_table *table)
{
    while (table->newest) /* who leans on others is newer than they are */
        table_remove(table, table->newest);
    free(table->told.rows);
    map_done(&table->by_generation);
    streams_done(&table->names);
}

static int reserve_span(struct log_row *stream)
{
    if (stream->span_count < stream->span_capacity)
        return 0;
    uint32_t capacity = stream->span_capacity == 0 ? 1 : stream->span_capacity * 2;
    struct log_span *spans = realloc(stream->spans, capacity * sizeof *spans);
    if (!spans)
        return -ENOMEM;
    stream->spans = spans;
    stream->span_capacity = capacity;
    return 0;
}

static int reserve_words(struct log_presence *presence, uint32_t words)
{
    if (words <= 1 || words <= presence->capacity)
        return 0;
    bool is_one = presence->capacity <= 1;
    uint64_t *many = realloc(is_one ? NULL : presence->many, words * 2 * sizeof *many);
    if (!many)
        return -ENOMEM;
    if (is_one)
        many[0] = presence->one;
    presence->many = many;
    presence->capacity = words * 2;
    return 0;
}

/* The newest span, if it is of that segment; or NULL. */
static const struct log_span *newest_of(const struct log_row *stream, uint64_t segment)
{
    if (stream->span_count == 0 || stream->spans[stream->span_count - 1].segment != segment)
        return NULL;
    return &stream->spans[stream->span_count - 1];
}

/* Whether an event in that segment begins a span. */
static bool begins_span(const struct log_row *stream, uint64_t segment)
{
    const struct log_span *newest = newest_of(stream, segment);
    return !newest || newest->last < stream->facts.lost;
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
    if (reserve_words(presence, (block - presence->first_block) / 64 + 1) != 0)
        return -ENOMEM;
    return begins_span(stream, segment) ? reserve_span(stream) : 0;
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
    uint64_t *bits = presence->capacity <= 1 ? &presence->one : presence->many;
    uint32_t bit = block - presence->first_block;
    while (presence->words <= bit / 64)
        bits[presence->words++] = 0;
    bits[bit / 64] |= UINT64_C(1) << (bit % 64);
}

bool row_note(struct log_row *stream, uint64_t segment, uint32_t block, uint64_t id, uint64_t bytes)
{
    struct log_span event = {segment, 1, bytes, id, id, stream->facts.lost};
    bool begins = begins_span(stream, segment);
    if (!begins) {
        struct log_span *newest = &stream->spans[stream->span_count - 1];
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

void row_note_block(struct log_row *stream, uint32_t block)
{
    note_block(&stream->presence, block);
}

int row_add_span(struct log_row *stream, const struct log_span *span)
{
    if (newest_of(stream, span->segment)) {
        struct log_span *newest = &stream->spans[stream->span_count - 1];
        stream->facts.count -= newest->count;
        stream->facts.bytes -= newest->bytes;
        newest->count = newest->bytes = 0;
        add_to_facts(stream, span);
        *newest = (struct log_span){span->segment, span->count, span->bytes,
                                    span->first,   span->last,  newest->lost};
        return 0;
    }
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
    uint32_t low = 0, high = stream->span_count;
    if (newest_of(stream, segment))
        return newest_of(stream, segment);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (stream->spans[middle].segment > segment)
            high = middle;
        else
            low = middle + 1;
    }
    return low == 0 || stream->spans[low - 1].segment != segment ? NULL : &stream->spans[low - 1];
}

void row_drop_span(struct log_row *stream, uint32_t at)
{
    check(stream->spans && at < stream->span_count);
    struct log_span gone = stream->spans[at];
    stream->span_count--;
    memmove(stream->spans + at, stream->spans + at + 1, (stream->span_count - at) * sizeof gone);
    stream->facts.count -= gone.count;
    stream->facts.bytes -= gone.bytes;
    stream->facts.first = stream->span_count == 0 ? 0 : stream->spans[0].first;
    row_lose(stream, gone.last);
    for (; at < stream->span_count && stream->spans[at].lost < gone.last; at++)
        stream->spans[at].lost = gone.last;
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
