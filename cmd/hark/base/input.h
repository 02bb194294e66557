/* input.h - the bytes of a connection that came and are not done with.
 *
 * A stream lends what it has received for as long as its callback runs. What is used by then was
 * never copied; the rest is kept.
 *
 *     if (input_add(&input, bytes, count) < 0)            in the stream's callback, first
 *         ...
 *     while (input.count != 0)
 *         input_use(&input, parse(input.bytes, input.count));
 *     ...
 *     if (input_keep(&input) < 0)                         and last
 */
#ifndef HARK_COMMAND_BASE_INPUT_H
#define HARK_COMMAND_BASE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* In the caller's memory, zeroed before its first use. Who parses may move `bytes` and `count` on
 * himself; the rest is private. */
struct input {
    const char *bytes;
    size_t count;
    char *kept; /* what bytes point into, if they are a copy; NULL: they are not */
    bool lent;  /* they are the stream's, until input_keep */
};

/* New bytes: the stream's own, if nothing is left of those before, else a copy of both.
 * Takes: bytes: stay until input_keep.
 * Gives: 0.
 * Fails: -ENOMEM: all is dropped. */
int input_add(struct input *input, const void *bytes, size_t count);

/* The stream takes its bytes back: what is left of them is copied.
 * Gives: 0.
 * Fails: -ENOMEM: all is dropped. */
int input_keep(struct input *input);

/* So many are done with; they can be looked at until input_add, input_keep or input_drop. */
static inline void input_use(struct input *input, size_t count)
{
    input->bytes += count;
    input->count -= count;
}

/* All are done with. Frees what was kept, which seldom is anything. */
static inline void input_drop(struct input *input)
{
    if (input->kept)
        free(input->kept);
    *input = (struct input){0};
}

/* The bytes that it holds in memory of its own. */
static inline size_t input_held(const struct input *input)
{
    return input->kept ? input->count : 0;
}

#endif
