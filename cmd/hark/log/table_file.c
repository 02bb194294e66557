/* table_file.c - the file `table`, to and from bytes. No I/O.
 *
 * What must hold: whatever bytes a row comes from, it is read inside of them; a row that was read
 * holds nothing that a stream cannot have.
 */
#include "log/table_file.h"

#include "log/bytes.h"
#include "log/record.h"

#define TABLE_MAGIC UINT64_C(0x0a6c62746b726168) /* "harktbl\n" */
#define PART_MARK   0x7452414bu

enum { NUMBER_BYTES_MAX = 10, ROW_NUMBERS = 7, SPAN_NUMBERS = 6 };

/* Which numbers of a row follow. */
enum { HAS_LAST = 1, HAS_LOST = 2, HAS_NOTES = 4, HAS_SPANS = 8, HAS_ALL = 15 };

/* --- the header and the parts --- */

void table_header_encode(unsigned char *to, struct table_header *header)
{
    put64(to, TABLE_MAGIC);
    put32(to + 8, header->version);
    put32(to + 12, header->rows);
    put64(to + 16, header->from);
    put64(to + 24, header->segment);
    put64(to + 32, header->created_ns);
    header->checksum = log_checksum(to, 40, TABLE_MAGIC);
    put64(to + 40, header->checksum);
}

bool table_header_decode(const unsigned char *bytes, struct table_header *out_header)
{
    if (get64(bytes) != TABLE_MAGIC || get64(bytes + 40) != log_checksum(bytes, 40, TABLE_MAGIC))
        return false;
    *out_header = (struct table_header){
        .version = get32(bytes + 8),
        .rows = get32(bytes + 12),
        .from = get64(bytes + 16),
        .segment = get64(bytes + 24),
        .created_ns = get64(bytes + 32),
        .checksum = get64(bytes + 40),
    };
    return true;
}

static uint64_t part_checksum(const unsigned char *bytes, uint32_t length,
                              const struct table_header *header, uint64_t offset)
{
    uint64_t seed = header->checksum ^ (offset * UINT64_C(0x9e3779b97f4a7c15));
    return log_checksum(bytes, 32, log_checksum(bytes + TABLE_PART_HEADER_BYTES, length, seed));
}

void table_part_encode(unsigned char *to, const struct table_part *part,
                       const struct table_header *header, uint64_t offset)
{
    put32(to, part->length);
    put32(to + 4, (uint32_t)part->kind);
    put32(to + 8, part->rows);
    put32(to + 12, PART_MARK);
    put64(to + 16, part->as_of);
    put64(to + 24, part->through);
    put64(to + 32, part_checksum(to, part->length, header, offset));
}

bool table_part_decode(const unsigned char *bytes, struct table_part *out_part)
{
    *out_part = (struct table_part){
        .length = get32(bytes),
        .kind = (enum table_part_kind)get32(bytes + 4),
        .rows = get32(bytes + 8),
        .as_of = get64(bytes + 16),
        .through = get64(bytes + 24),
    };
    return get32(bytes + 12) == PART_MARK && out_part->length <= TABLE_PART_BYTES_MAX &&
           (out_part->kind == TABLE_ROWS || out_part->kind == TABLE_END);
}

bool table_part_is_whole(const unsigned char *bytes, const struct table_part *part,
                         const struct table_header *header, uint64_t offset)
{
    return get64(bytes + 32) == part_checksum(bytes, part->length, header, offset);
}

/* --- numbers --- */

static unsigned char *put_number(unsigned char *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *to++ = (unsigned char)(value | 0x80);
    *to++ = (unsigned char)value;
    return to;
}

/* More or less, as one number: the sign is its lowest bit. */
static unsigned char *put_change(unsigned char *to, uint64_t value, uint64_t than)
{
    const uint64_t change = value - than;
    const bool is_less = change >> 63 != 0;
    return put_number(to, is_less ? (~change << 1) | 1 : change << 1);
}

/* Gives: NULL: no number ends before the end. */
static const unsigned char *get_number(const unsigned char *from, const unsigned char *end,
                                       uint64_t *out_value)
{
    uint64_t value = 0;
    if (!from)
        return NULL;
    for (unsigned shift = 0; shift < 64 && from < end; shift += 7) {
        const unsigned char byte = *from++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out_value = value;
            return from;
        }
    }
    return NULL;
}

static const unsigned char *get_change(const unsigned char *from, const unsigned char *end,
                                       uint64_t than, uint64_t *out_value)
{
    uint64_t change = 0;
    from = get_number(from, end, &change);
    *out_value = than + ((change & 1) != 0 ? ~(change >> 1) : change >> 1);
    return from;
}

/* --- rows --- */

size_t table_row_bound(const struct log_row *stream)
{
    return (size_t)ROW_NUMBERS * NUMBER_BYTES_MAX + row_name_length(stream) +
           (!stream->notes ? 0 : stream->notes->length) +
           (size_t)stream->span_count * SPAN_NUMBERS * NUMBER_BYTES_MAX;
}

static unsigned char *put_span(unsigned char *to, const struct log_span *span, uint64_t segment,
                               uint64_t lost)
{
    to = put_change(to, span->segment, segment);
    to = put_number(to, span->count);
    to = put_number(to, span->bytes);
    to = put_change(to, span->first, span->segment);
    to = put_change(to, span->last, span->first);
    return put_change(to, span->lost, lost);
}

static unsigned char *put_bytes(unsigned char *to, const void *bytes, size_t count)
{
    memcpy(to, bytes, count);
    return to + count;
}

size_t table_row_encode(unsigned char *to, const struct log_row *stream, uint64_t before)
{
    const struct log_stream *facts = &stream->facts;
    unsigned char *at = put_number(to, facts->generation - before);
    *at++ =
        (unsigned char)((facts->last != 0 ? HAS_LAST : 0) | (facts->lost != 0 ? HAS_LOST : 0) |
                        (stream->notes ? HAS_NOTES : 0) | (stream->span_count > 0 ? HAS_SPANS : 0));
    at = put_number(at, facts->entry->name_length);
    if (facts->last != 0)
        at = put_change(at, facts->last, facts->generation);
    if (facts->lost != 0)
        at = put_change(at, facts->lost, facts->generation);
    if (stream->notes)
        at = put_number(at, stream->notes->length);
    if (stream->span_count > 0)
        at = put_number(at, stream->span_count);
    at = put_bytes(at, facts->entry->name, facts->entry->name_length);
    if (stream->notes)
        at = put_bytes(at, stream->notes->bytes, stream->notes->length);
    for (uint32_t i = 0; i < stream->span_count; i++)
        at = put_span(at, &stream->spans[i],
                      i == 0 ? facts->generation : stream->spans[i - 1].segment,
                      i == 0 ? 0 : stream->spans[i - 1].lost);
    return (size_t)(at - to);
}

static const unsigned char *get_span(const unsigned char *from, const unsigned char *end,
                                     uint64_t segment, uint64_t lost, struct log_span *span)
{
    from = get_change(from, end, segment, &span->segment);
    from = get_number(from, end, &span->count);
    from = get_number(from, end, &span->bytes);
    from = get_change(from, end, span->segment, &span->first);
    from = get_change(from, end, span->first, &span->last);
    return get_change(from, end, lost, &span->lost);
}

struct log_span table_span_decode(const unsigned char **at, const struct table_row *row,
                                  const struct log_span *before)
{
    struct log_span span = {0};
    const unsigned char *end = *at + (size_t)SPAN_NUMBERS * NUMBER_BYTES_MAX; /* it was looked at */
    *at = get_span(*at, end, !before ? row->generation : before->segment,
                   !before ? 0 : before->lost, &span);
    return span;
}

static bool is_possible(const struct log_span *span, const struct log_span *before)
{
    return span->segment != 0 && span->count > 0 && span->first > span->segment &&
           span->first <= span->last && span->last < span->segment + SEGMENT_SPAN &&
           (before->segment == 0 ||
            (span->segment >= before->segment && span->first > before->last));
}

static const unsigned char *pass_spans(const unsigned char *from, const unsigned char *end,
                                       const struct table_row *row)
{
    struct log_span before = {0};
    for (uint32_t i = 0; i < row->span_count && from; i++) {
        struct log_span span = {0};
        from = get_span(from, end, i == 0 ? row->generation : before.segment, before.lost, &span);
        if (!from || !is_possible(&span, &before))
            return NULL;
        before = span;
    }
    return from;
}

static const unsigned char *get_length(const unsigned char *from, const unsigned char *end,
                                       uint64_t most, uint32_t *out_length)
{
    uint64_t value = 0;
    from = get_number(from, end, &value);
    *out_length = (uint32_t)value;
    return value > most ? NULL : from;
}

bool table_row_decode(const unsigned char **at, const unsigned char *end, uint64_t before,
                      struct table_row *out_row)
{
    struct table_row row = {0};
    uint64_t more = 0;
    const unsigned char *from = get_number(*at, end, &more);
    if (!from || from == end || (*from & ~HAS_ALL) != 0 || more == 0)
        return false;
    const unsigned bits = *from++;
    row.generation = before + more;
    from = get_length(from, end, LOG_NAME_MAX, &row.name_length);
    if ((bits & HAS_LAST) != 0)
        from = get_change(from, end, row.generation, &row.last);
    if ((bits & HAS_LOST) != 0)
        from = get_change(from, end, row.generation, &row.lost);
    if ((bits & HAS_NOTES) != 0)
        from = get_length(from, end, LOG_NOTES_BYTES_MAX, &row.notes_length);
    if ((bits & HAS_SPANS) != 0)
        from = get_length(from, end, UINT32_MAX, &row.span_count);
    if (!from || row.name_length == 0 ||
        (size_t)(end - from) < (size_t)row.name_length + row.notes_length)
        return false;
    row.name = (const char *)from;
    row.notes = from + row.name_length;
    row.spans = row.notes + row.notes_length;
    *at = pass_spans(row.spans, end, &row);
    *out_row = row;
    return *at && row.generation >= more && row.generation <= SEGMENT_FIRST_MAX + SEGMENT_SPAN &&
           notes_are_whole(row.notes, row.notes_length);
}

/* --- the end --- */

void table_end_encode(unsigned char *to, const struct table_end *end)
{
    put64(to, end->rows);
    put64(to + 8, end->next);
    put64(to + 16, end->segments);
}

void table_segment_encode(unsigned char *to, const struct table_segment *segment)
{
    put64(to, segment->first);
    put64(to + 8, segment->end);
    put64(to + 16, segment->created_ns);
    put64(to + 24, segment->newest_ns);
    put64(to + 32, segment->last_sequence);
    put64(to + 40, segment->events);
    put64(to + 48, segment->dead);
    put64(to + 56, segment->flags);
}

bool table_end_decode(const unsigned char *bytes, uint32_t length, struct table_end *out_end)
{
    if (length < TABLE_END_BYTES)
        return false;
    *out_end = (struct table_end){get64(bytes), get64(bytes + 8), get64(bytes + 16)};
    return out_end->segments <= length &&
           TABLE_END_BYTES + out_end->segments * TABLE_SEGMENT_BYTES == length;
}

struct table_segment table_end_segment(const unsigned char *bytes, uint64_t i)
{
    const unsigned char *from = bytes + TABLE_END_BYTES + i * TABLE_SEGMENT_BYTES;
    return (struct table_segment){
        .first = get64(from),
        .end = get64(from + 8),
        .created_ns = get64(from + 16),
        .newest_ns = get64(from + 24),
        .last_sequence = get64(from + 32),
        .events = get64(from + 40),
        .dead = get64(from + 48),
        .flags = get64(from + 56),
    };
}
