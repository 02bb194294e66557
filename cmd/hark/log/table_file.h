/* table_file.h - what stands in the file `table`: all streams, and where in the log each has
 * events, so that a start need not read the segments that were ended before. No I/O.
 *
 *   header, 48 bytes              part: 40 bytes, its payload
 *    0 magic       u64             0 length of the payload u32
 *    8 version     u32             4 kind                  u32
 *   12 rows        u32             8 rows                  u32
 *   16 from        u64            12 mark                  u32
 *   24 segment     u64            16 as of                 u64
 *   32 created, ns u64            24 through               u64
 *   40 checksum    u64            32 checksum              u64
 *
 * The table is written while appends go on, part by part. A part is exactly what the log was as of
 * one sequence, none of them before `from`; it speaks of all streams with generations after those
 * of the part before it, up to `through`, `from` at most: one that is not in it was gone by then.
 * What was made later the segments tell. Those below
 * `segment` were ended before the first part, and all that is in them is in the table. The last
 * part is the end: how many rows there are, the sequence that comes next, and the segments. A
 * checksum is seeded by that of the header, and by the part's place.
 *
 *   a row of a stream, in numbers of seven bits a byte, the lowest first: generation less the one
 *   before it; bits of what follows; length of the name; last; lost; length of the notes; spans;
 *   then the name, the notes, and for each span: segment, count, bytes, first, last, lost, each as
 *   what it is more or less than the one that it follows from.
 */
#ifndef HARK_COMMAND_LOG_TABLE_FILE_H
#define HARK_COMMAND_LOG_TABLE_FILE_H

#include "log/table.h"

#define TABLE_NAME              "table"
#define TABLE_NAME_UNFINISHED   "table.new"
#define TABLE_VERSION           1u
#define TABLE_HEADER_BYTES      48u
#define TABLE_PART_HEADER_BYTES 40u
#define TABLE_ROW_BYTES_MIN     4u
#define TABLE_PART_BYTES_MAX    (UINT32_C(1) << 30)

struct table_header {
    uint32_t version;
    uint32_t rows; /* that there were at the beginning: there may be less by its end */
    uint64_t from;
    uint64_t segment;
    uint64_t created_ns;
    uint64_t checksum; /* set by both */
};

void table_header_encode(unsigned char *to, struct table_header *header);

/* Fails: false: it is no such header, or is damaged. */
bool table_header_decode(const unsigned char *bytes, struct table_header *out_header);

enum table_part_kind { TABLE_ROWS = 1, TABLE_END = 2 };

struct table_part {
    enum table_part_kind kind;
    uint32_t length;
    uint32_t rows;
    uint64_t as_of;
    uint64_t through;
};

/* Writes the header of a part, in front of its payload.
 * Takes: offset: where in the file the part stands. */
void table_part_encode(unsigned char *to, const struct table_part *part,
                       const struct table_header *header, uint64_t offset);

/* Reads the header alone.
 * Gives: false: it is none. */
bool table_part_decode(const unsigned char *bytes, struct table_part *out_part);

/* Whether the part is whole.
 * Takes: bytes: all of it. */
bool table_part_is_whole(const unsigned char *bytes, const struct table_part *part,
                         const struct table_header *header, uint64_t offset);

/* The most bytes that a row takes. */
size_t table_row_bound(const struct log_row *stream);

/* Takes: before: the generation of the row before it in the part; 0: it is the first.
 * Gives: the bytes that it takes. */
size_t table_row_encode(unsigned char *to, const struct log_row *stream, uint64_t before);

/* A row as it is read; the bytes are the part's. */
struct table_row {
    uint64_t generation;
    uint64_t last;
    uint64_t lost;
    const char *name;
    const unsigned char *notes;
    const unsigned char *spans;
    uint32_t name_length;
    uint32_t notes_length;
    uint32_t span_count;
};

/* Reads the row that begins there, and moves *at behind it.
 * Gives: false: it is none. */
bool table_row_decode(const unsigned char **at, const unsigned char *end, uint64_t before,
                      struct table_row *out_row);

/* Reads the next span of a row that was decoded.
 * Takes: *at: row.spans, then as it was left; before: the span before it; NULL: it is the first. */
struct log_span table_span_decode(const unsigned char **at, const struct table_row *row,
                                  const struct log_span *before);

/* A segment, as the end tells of it. */
struct table_segment {
    uint64_t first;
    uint64_t end;
    uint64_t created_ns;
    uint64_t newest_ns;
    uint64_t last_sequence;
    uint64_t events; /* TABLE_SEGMENT_MISSING: that were lost with it; 0: nobody knows */
    uint64_t dead;   /* bytes of streams that were deleted since */
    uint64_t flags;
};

enum {
    TABLE_SEGMENT_DAMAGED = 1, /* it is to be read whole; or its index alone is damaged */
    TABLE_SEGMENT_MISSING = 2, /* it was lost, and each start says so */
};

#define TABLE_END_BYTES     24u /* rows u64, next u64, how many segments u64 */
#define TABLE_SEGMENT_BYTES 64u

struct table_end {
    uint64_t rows;
    uint64_t next;
    uint64_t segments;
};

/* Writes all but the segments, which follow. */
void table_end_encode(unsigned char *to, const struct table_end *end);
void table_segment_encode(unsigned char *to, const struct table_segment *segment);

/* Fails: false: the length is another. */
bool table_end_decode(const unsigned char *bytes, uint32_t length, struct table_end *out_end);

/* Takes: bytes: as for table_end_decode, which was true. */
struct table_segment table_end_segment(const unsigned char *bytes, uint64_t i);

#endif
