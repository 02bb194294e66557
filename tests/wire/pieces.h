/* pieces.h - for the tests of parsers: the same bytes in pieces of every kind must give the same
 * transcript.
 *
 * A reader takes bytes piece by piece and writes down what it saw. Each piece lies in memory of
 * exactly its size which is freed after it was fed: a parser that reads past a piece, or keeps a
 * pointer into one, is found by the sanitizers. */
#ifndef TESTS_WIRE_PIECES_H
#define TESTS_WIRE_PIECES_H

#include "harness/harness.h"

#include <stdlib.h>
#include <string.h>

enum {
    TRANSCRIPT_BYTES = 64 * 1024,
    SPLIT_EVERYWHERE_BYTES = 1024, /* longer inputs are split at some positions alone */
};

struct transcript {
    char text[TRANSCRIPT_BYTES];
    size_t count;
};

void note(struct transcript *transcript, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Bytes so that they can be read and compared; long ones by their beginning, length and a sum. */
void note_bytes(struct transcript *transcript, const char *bytes, size_t count);

/* What a test reads with: state made by begin, fed piece by piece until it says stop, ended. */
struct reader {
    void *(*begin)(struct transcript *transcript);
    bool (*feed)(void *state, const char *bytes, size_t count); /* false: takes no more */
    void (*end)(void *state);
};

/* Feeds bytes in pieces: the first of `first` bytes, the others of `step`. */
void read_in_pieces(const struct reader *reader, const char *bytes, size_t count, size_t first,
                    size_t step, struct transcript *transcript);

/* Reads the bytes whole, byte by byte, and split in two at each position (long ones at some):
 * asserts that all transcripts are the expected one.
 * Takes: expected NULL: only that all are the same. */
void assert_reads_as(const struct reader *reader, const char *name, const char *bytes, size_t count,
                     const char *expected);

/* One row of a table: what is read, and the transcript. */
struct reading {
    const char *name;
    const char *bytes;
    size_t count;
    const char *expected;
};

#define READING(row_name, row_bytes, row_expected)                                                 \
    {                                                                                              \
        row_name, row_bytes, sizeof row_bytes - 1, row_expected                                    \
    }

void assert_all_read(const struct reader *reader, const struct reading *rows, size_t count);

#define ASSERT_ALL_READ(reader, rows) assert_all_read(reader, rows, sizeof rows / sizeof((rows)[0]))

#endif
