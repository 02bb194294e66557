/* check.h - what the fuzz targets share: bytes fed in three ways must come out the same, and a
 * broken rule ends the process.
 *
 * The targets live in headers (check_SUBJECT.h): fuzz_SUBJECT.c makes a libFuzzer program of each,
 * and what includes corpus.h runs the corpus in the tree through them on every run of the tests.
 */
#ifndef TESTS_FUZZ_CHECK_H
#define TESTS_FUZZ_CHECK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A rule that must hold for any input. */
#define must(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A sum over all that a reader saw. */
struct digest {
    uint64_t sum;
};

static inline void digest_bytes(struct digest *digest, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;

    for (size_t index = 0; index < count; index++)
        digest->sum = (digest->sum ^ at[index]) * 1099511628211u;
}

static inline void digest_number(struct digest *digest, uint64_t number)
{
    digest_bytes(digest, &number, sizeof number);
}

static inline void digest_text(struct digest *digest, const char *text)
{
    digest_bytes(digest, text, strlen(text) + 1);
}

/* A reader that is fed pieces: false ends it. */
struct fed {
    void (*begin)(void *state, struct digest *digest);
    bool (*feed)(void *state, const char *bytes, size_t count);
    void (*end)(void *state);
};

enum feeding {
    FEED_WHOLE,
    FEED_BYTES,
    FEED_PIECES, /* of sizes that follow from the input, so that a run can be repeated */
    FEEDINGS,
};

static inline size_t piece_size(enum feeding feeding, uint64_t *random, size_t left)
{
    if (feeding == FEED_WHOLE)
        return left;
    if (feeding == FEED_BYTES)
        return 1;
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return 1 + (size_t)(*random % 97) % left;
}

/* Feeds in one way; each piece is memory of its own, of exactly its size. */
static inline uint64_t feed_once(const struct fed *fed, void *state, enum feeding feeding,
                                 const uint8_t *data, size_t size)
{
    struct digest digest = {14695981039346656037u};
    uint64_t random = size * 0x9e3779b97f4a7c15u + 1;
    bool going = true;

    fed->begin(state, &digest);
    for (size_t at = 0; going && at < size;) {
        const size_t count = piece_size(feeding, &random, size - at);
        char *piece = malloc(count);

        must(piece);
        memcpy(piece, data + at, count);
        going = fed->feed(state, piece, count);
        free(piece);
        at += count;
    }
    fed->end(state);
    return digest.sum;
}

/* Feeds in every way: what is seen must be the same. */
static inline void feed_all(const struct fed *fed, void *state, const uint8_t *data, size_t size)
{
    const uint64_t whole = feed_once(fed, state, FEED_WHOLE, data, size);

    must(feed_once(fed, state, FEED_PIECES, data, size) == whole);
    must(feed_once(fed, state, FEED_BYTES, data, size) == whole);
}

#endif
