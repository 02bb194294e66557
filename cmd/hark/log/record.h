/* record.h - what stands in a segment file: a header, then records, each at a multiple of 8.
 *
 *   segment header, 64 bytes                record: 40 bytes, its payload, zeros up to 8 * n
 *    0  magic          u64                   0  length of the payload  u32
 *    8  version        u32                   4  kind u8, flags u8, mark u16
 *   12  declared       u32                   8  sequence               u64
 *   16  first          u64                  16  wall clock time, ns    u64
 *   24  created, ns    u64                  24  the stream: generation u64
 *   32  previous first u64                  32  checksum               u64
 *   40  previous end   u64
 *   48  declared end   u64
 *   56  checksum       u64
 *
 * A segment takes the sequence `first` for itself: it is the file's name, and its records have
 * those that follow, growing, below first + SEGMENT_SPAN. Which streams there were before it, the
 * file `table` tells (table_file.h). In segments of versions 1 and 2 there stand right after the
 * header `declared` DECLARE records, with the sequence `first`: all streams that existed when the
 * segment was made. A checksum is seeded by first and by the record's place: what another file left
 * on a recycled block, or what an older write left at another place, is never taken for a record.
 */
#ifndef HARK_COMMAND_LOG_RECORD_H
#define HARK_COMMAND_LOG_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/log.h"

#define SEGMENT_HEADER_BYTES 64u
#define SEGMENT_VERSION      3u /* 1: without notes; 2: with the declarations of all streams */
#define SEGMENT_UNDECLARED   3u /* from this version on there are none */
#define RECORD_HEADER_BYTES  40u
#define RECORD_DECLARE_BYTES 16u /* of a DECLARE's payload, before the name */
#define RECORD_ALIGNMENT     8u

/* The largest payload. */
#define RECORD_PAYLOAD_MAX (4u + LOG_NOTES_BYTES_MAX + LOG_EVENT_BYTES_MAX)

/* After a crash the next id is this much past the last segment's first. No log comes so far that
 * its ids would be no JSON numbers. */
#define SEGMENT_SPAN      ((uint64_t)1 << 20)
#define SEGMENT_FIRST_MAX (((uint64_t)1 << 53) - SEGMENT_SPAN)

enum log_record_kind {
    RECORD_EVENT = 1,   /* payload: the event */
    RECORD_CREATE = 2,  /* payload: the name; its sequence is the stream's generation */
    RECORD_DELETE = 3,  /* no payload */
    RECORD_DECLARE = 4, /* payload: last u64, lost u64, the name */
    RECORD_NOTE = 5,    /* no payload but notes */
};

/* Flags: the first record of a commit before which all of the segment was synced. What stands from
 * the last of these on is not proven to be on the disk. Under LOG_SYNC_ALWAYS every commit opens
 * with it. */
enum {
    RECORD_OPENS_COMMIT = 1,
    RECORD_HAS_NOTES = 2, /* the payload begins with the length of notes, u32, and them (notes.h):
                             in a DECLARE all of the stream, else what changes */
};

struct log_record {
    enum log_record_kind kind;
    uint32_t flags;
    uint32_t length; /* of the payload, without notes */
    uint64_t sequence;
    uint64_t time_ns;
    uint64_t stream;
    const unsigned char *payload;
    const unsigned char *notes;
    uint32_t notes_length; /* 0: none */
    uint64_t size;         /* of all of it, in the file; set by decoding */
};

struct log_segment_header {
    uint32_t version;
    uint32_t declared;
    uint64_t first;
    uint64_t created_ns;
    uint64_t previous_first; /* the segment before it; 0 none. Up to version 2, first: losses were
                                found before it, so its declarations count */
    uint64_t previous_end;   /* where that one ends: what may stand there after it never counted */
    uint64_t declared_end;   /* the place after the last DECLARE */
};

/* The bytes that a record with such a payload takes in the file. */
uint64_t record_size(uint64_t length);

/* The length of a payload with notes in front of it. */
static inline uint64_t record_with_notes(uint64_t length, uint32_t notes_length)
{
    return notes_length == 0 ? length : 4 + (uint64_t)notes_length + length;
}

/* The zeros after such a payload. */
uint32_t record_padding(uint64_t length);

/* Writes the header of a record, with the checksum over it and its payload, to 40 bytes.
 * Takes: record: all but size; RECORD_HAS_NOTES is set where it has some. segment_first, offset:
 *   where it will stand. */
void record_encode(unsigned char *to, const struct log_record *record, uint64_t segment_first,
                   uint64_t offset);

enum log_record_answer {
    RECORD_GOOD,
    RECORD_SHORT, /* it may be good: out_record->size bytes are needed; only its header fields are
                     set */
    RECORD_BAD,
};

/* Looks at the record that should stand at bytes.
 * Takes: available: how many bytes there are. verify: false to trust the checksum, where it has
 *   been verified before. */
enum log_record_answer record_decode(const unsigned char *bytes, uint64_t available,
                                     uint64_t segment_first, uint64_t offset, bool verify,
                                     struct log_record *out_record);

/* Whether a record may stand after one with the sequence `last`: sequences grow, but for the
 * DECLAREs that all share the first.
 */
bool record_follows(const struct log_record *record, uint64_t last);

/* Searches for the next record, from one aligned place to the next, after something unreadable.
 * Takes: bytes: filled of them, which stand at `offset` in the file. position: where to begin,
 *   inside bytes. last: only a record that may follow that sequence counts.
 * Gives: RECORD_GOOD, *out_position and *out_record; or RECORD_SHORT and *out_position: what begins
 *   there might be one, but needs out_record->size bytes. Never RECORD_BAD. */
enum log_record_answer record_search(const unsigned char *bytes, uint64_t filled, uint64_t position,
                                     uint64_t segment_first, uint64_t offset, uint64_t last,
                                     uint64_t *out_position, struct log_record *out_record);

/* Whether what stands at bytes, and is no good record, is one that was written whole and damaged
 * since; false: it may as well be the remains of a write that a crash has cut off: too short, or
 * with pieces of the disk's that never came, all zero.
 * Takes: available: how many bytes there are; left: how many the file has from there on, at least
 *   that many. last: as above. */
bool record_is_damaged(const unsigned char *bytes, uint64_t available, uint64_t left,
                       uint64_t segment_first, uint64_t offset, uint64_t last);

/* The header of a segment, to and from 64 bytes.
 * Fails: false: it is no such header, or is damaged. */
void segment_header_encode(unsigned char *to, const struct log_segment_header *header);
bool segment_header_decode(const unsigned char *bytes, struct log_segment_header *out_header);

/* A checksum for other files of the log. */
uint64_t log_checksum(const void *bytes, size_t count, uint64_t seed);

#endif
