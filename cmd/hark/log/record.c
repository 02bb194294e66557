/* record.c - records and segment headers, to and from bytes. No I/O, no memory.
 *
 * What must hold: nothing that decode calls good was not encoded for that very place in that very
 * segment. Whether the sequences grow is for the reader to see: it alone knows what stood before.
 */
#include "log/record.h"

#include "log/bytes.h"
#include "log/notes.h"

#include <xxhash.h>

#define SEGMENT_MAGIC UINT64_C(0x0a676f6c6b726168) /* "harklog\n" */
#define RECORD_MARK   0x4b48u

uint64_t log_checksum(const void *bytes, size_t count, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, count, seed);
}

uint32_t record_padding(uint64_t length)
{
    return (uint32_t)(-length & (RECORD_ALIGNMENT - 1));
}

uint64_t record_size(uint64_t length)
{
    return RECORD_HEADER_BYTES + length + record_padding(length);
}

/* The hash of the notes seeds the payload's, and that the header's: all are covered without being
 * side by side in memory.
 * Takes: header: as it is encoded, its first 32 bytes count. */
static uint64_t checksum(const unsigned char *header, const struct log_record *record,
                         uint64_t segment_first, uint64_t offset)
{
    uint64_t seed = segment_first * UINT64_C(0x9e3779b97f4a7c15) ^ offset;
    if (record->notes_length > 0)
        seed = log_checksum(record->notes, record->notes_length, seed + record->notes_length);
    return log_checksum(header, 32, log_checksum(record->payload, record->length, seed));
}

void record_encode(unsigned char *to, const struct log_record *record, uint64_t segment_first,
                   uint64_t offset)
{
    const uint32_t noted = record->notes_length > 0 ? RECORD_HAS_NOTES : 0;
    put32(to, (uint32_t)record_with_notes(record->length, record->notes_length));
    to[4] = (unsigned char)record->kind;
    to[5] = (unsigned char)(record->flags | noted);
    put16(to + 6, RECORD_MARK);
    put64(to + 8, record->sequence);
    put64(to + 16, record->time_ns);
    put64(to + 24, record->stream);
    put64(to + 32, checksum(to, record, segment_first, offset));
}

/* Takes: one whose notes, if it has some, are not taken off its payload yet. */
static bool length_fits(const struct log_record *record)
{
    const bool noted = (record->flags & RECORD_HAS_NOTES) != 0;
    const uint32_t notes_max = noted ? 4 + LOG_NOTES_BYTES_MAX : 0;
    switch (record->kind) {
    case RECORD_EVENT:
        return record->length <= notes_max + LOG_EVENT_BYTES_MAX;
    case RECORD_CREATE:
        return !noted && record->length >= 1 && record->length <= LOG_NAME_MAX;
    case RECORD_DELETE:
        return !noted && record->length == 0;
    case RECORD_DECLARE:
        return record->length > RECORD_DECLARE_BYTES &&
               record->length <= notes_max + RECORD_DECLARE_BYTES + LOG_NAME_MAX;
    case RECORD_NOTE:
        return noted && record->length <= notes_max;
    }
    return false;
}

/* What can be said of the header without its checksum. It keeps the search cheap, and lengths
 * within bounds. */
static bool plausible(const struct log_record *record, uint64_t segment_first)
{
    const uint32_t known = RECORD_OPENS_COMMIT | RECORD_HAS_NOTES;
    if (!length_fits(record) || (record->flags & ~known) != 0 || record->stream == 0)
        return false;
    if (record->kind == RECORD_DECLARE)
        return record->sequence == segment_first;
    return record->sequence > segment_first && record->sequence - segment_first < SEGMENT_SPAN &&
           record->stream <= record->sequence;
}

/* Takes the notes off the payload. Gives: false: they are none. */
static bool take_notes(struct log_record *record)
{
    record->notes_length = 0;
    if (!(record->flags & RECORD_HAS_NOTES))
        return true;
    const uint32_t length = record->length < 4 ? 0 : get32(record->payload);
    if (length == 0 || length > record->length - 4 || !notes_are_whole(record->payload + 4, length))
        return false;
    record->notes = record->payload + 4;
    record->notes_length = length;
    record->payload += 4 + length;
    record->length -= 4 + length;
    return true;
}

/* The same, where the rest has to be of its kind as well. */
static bool split(struct log_record *record)
{
    const uint32_t flags = record->flags;
    if (!take_notes(record))
        return false;
    if (record->notes_length == 0)
        return true;
    if (record->kind == RECORD_NOTE)
        return record->length == 0;
    record->flags &= ~(uint32_t)RECORD_HAS_NOTES;
    const bool fits = length_fits(record);
    record->flags = flags;
    return fits;
}

enum log_record_answer record_decode(const unsigned char *bytes, uint64_t available,
                                     uint64_t segment_first, uint64_t offset, bool verify,
                                     struct log_record *out_record)
{
    if (available < RECORD_HEADER_BYTES) {
        out_record->size = RECORD_HEADER_BYTES;
        return RECORD_SHORT;
    }
    out_record->length = get32(bytes);
    out_record->kind = (enum log_record_kind)bytes[4];
    out_record->flags = bytes[5];
    out_record->sequence = get64(bytes + 8);
    out_record->time_ns = get64(bytes + 16);
    out_record->stream = get64(bytes + 24);
    out_record->payload = bytes + RECORD_HEADER_BYTES;
    out_record->size = record_size(out_record->length);
    if (get16(bytes + 6) != RECORD_MARK || !plausible(out_record, segment_first))
        return RECORD_BAD;
    if (available < out_record->size)
        return RECORD_SHORT;
    if (!split(out_record) ||
        (verify && get64(bytes + 32) != checksum(bytes, out_record, segment_first, offset)))
        return RECORD_BAD;
    return RECORD_GOOD;
}

bool record_follows(const struct log_record *record, uint64_t last)
{
    return record->kind == RECORD_DECLARE ? record->sequence >= last : record->sequence > last;
}

enum log_record_answer record_search(const unsigned char *bytes, uint64_t filled, uint64_t position,
                                     uint64_t segment_first, uint64_t offset, uint64_t last,
                                     uint64_t *out_position, struct log_record *out_record)
{
    for (; position < filled; position += RECORD_ALIGNMENT) {
        enum log_record_answer answer =
            record_decode(bytes + position, filled - position, segment_first, offset + position,
                          true, out_record);
        if (answer == RECORD_BAD)
            continue;
        if (filled - position < RECORD_HEADER_BYTES || record_follows(out_record, last)) {
            *out_position = position;
            return answer;
        }
    }
    *out_position = position;
    out_record->size = RECORD_HEADER_BYTES;
    return RECORD_SHORT;
}

/* --- damaged, or never finished? --- */

#define DISK_PIECE_BYTES 512u /* what a disk writes whole or not at all */

/* Whether a piece of the disk, as far as it belongs to these bytes, is all zero. */
static bool lacks_piece(const unsigned char *bytes, uint64_t count, uint64_t offset)
{
    uint64_t at = 0;
    while (at < count) {
        uint64_t end = at + DISK_PIECE_BYTES - (offset + at) % DISK_PIECE_BYTES;
        bool zero = true;
        for (end = end < count ? end : count; at < end; at++)
            zero = zero && bytes[at] == 0;
        if (zero)
            return true;
    }
    return false;
}

static bool holds_with(const unsigned char *bytes, uint32_t length, uint64_t sequence,
                       uint64_t segment_first, uint64_t offset)
{
    unsigned char header[RECORD_HEADER_BYTES];
    struct log_record record = {
        .flags = bytes[5], .length = length, .payload = bytes + RECORD_HEADER_BYTES};
    memcpy(header, bytes, sizeof header);
    put32(header, length);
    put64(header + 8, sequence);
    return take_notes(&record) &&
           get64(header + 32) == checksum(header, &record, segment_first, offset);
}

/* The record takes all that is left, and its checksum is right for a length of that size: only its
 * length is wrong. With the length that it has, nothing but zeros after it are missing: that is a
 * write cut short. */
static bool length_is_damaged(const unsigned char *bytes, uint64_t left, uint64_t segment_first,
                              uint64_t offset)
{
    if (left > record_size(RECORD_PAYLOAD_MAX))
        return false;
    uint64_t longest = left - RECORD_HEADER_BYTES;
    for (uint64_t length = longest; length + RECORD_ALIGNMENT > longest; length--) {
        if (length != get32(bytes) &&
            holds_with(bytes, (uint32_t)length, get64(bytes + 8), segment_first, offset))
            return true;
        if (length == 0)
            break;
    }
    return false;
}

bool record_is_damaged(const unsigned char *bytes, uint64_t available, uint64_t left,
                       uint64_t segment_first, uint64_t offset, uint64_t last)
{
    if (available < RECORD_HEADER_BYTES)
        return false;
    uint32_t length = get32(bytes);
    uint64_t sequence = get64(bytes + 8), stream = get64(bytes + 24), size = record_size(length);
    bool mark = get16(bytes + 6) == RECORD_MARK;
    bool kind = bytes[4] >= RECORD_EVENT && bytes[4] <= RECORD_NOTE &&
                bytes[5] <= (RECORD_OPENS_COMMIT | RECORD_HAS_NOTES);
    bool fits = length <= RECORD_PAYLOAD_MAX && size <= left;
    bool named = stream != 0 && stream < segment_first + SEGMENT_SPAN;
    bool follows = sequence > last && sequence - segment_first < SEGMENT_SPAN;
    if (lacks_piece(bytes, fits && size < available ? size : available, offset) ||
        mark + kind + fits + named + follows < 4)
        return false;
    if (!fits)
        return available == left && length_is_damaged(bytes, left, segment_first, offset);
    return follows ||
           (size <= available && holds_with(bytes, length, last + 1, segment_first, offset));
}

void segment_header_encode(unsigned char *to, const struct log_segment_header *header)
{
    put64(to, SEGMENT_MAGIC);
    put32(to + 8, header->version);
    put32(to + 12, header->declared);
    put64(to + 16, header->first);
    put64(to + 24, header->created_ns);
    put64(to + 32, header->previous_first);
    put64(to + 40, header->previous_end);
    put64(to + 48, header->declared_end);
    put64(to + 56, log_checksum(to, 56, 0));
}

bool segment_header_decode(const unsigned char *bytes, struct log_segment_header *out_header)
{
    if (get64(bytes) != SEGMENT_MAGIC || get64(bytes + 56) != log_checksum(bytes, 56, 0))
        return false;
    out_header->version = get32(bytes + 8);
    out_header->declared = get32(bytes + 12);
    out_header->first = get64(bytes + 16);
    out_header->created_ns = get64(bytes + 24);
    out_header->previous_first = get64(bytes + 32);
    out_header->previous_end = get64(bytes + 40);
    out_header->declared_end = get64(bytes + 48);
    return true;
}
