/* sides.h - the same program on the real kernel and on the simulated one: what each says of its
 * results is compared line by line. */
#ifndef SIDES_H
#define SIDES_H

#include "hark/sim.h"
#include "harness/harness.h"

#include <errno.h>

enum { SIDE_LINES = 20000, SIDE_LINE_BYTES = 320, SIDE_SLOTS = 6 };

/* The real kernel's answer in the way of kernel.h. */
#define REAL(call)                                                                                 \
    __extension__({                                                                                \
        int64_t answer = (call);                                                                   \
        answer < 0 ? -(int64_t)errno : answer;                                                     \
    })

/* Where a program runs. */
struct side {
    bool is_real;
    struct hark_sim_machine *machine; /* of the simulated one */
    int top;                          /* the directory in which all is done */
    int slots[SIDE_SLOTS];            /* what it has open; -1: nothing */
    uint64_t state;                   /* of its numbers */
    void (*program)(struct side *side);
    char (*lines)[SIDE_LINE_BYTES];
    size_t count;
};

/* A symbolic link in the top directory, from the beginning on. */
struct side_link {
    const char *name, *target;
};

/* A number below the bound: both sides have the same ones. */
uint64_t side_below(struct side *side, uint64_t bound);

/* Notes a line. */
void side_say(struct side *side, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Runs the program with these numbers on both sides, each in an empty directory, and asserts that
 * they say the same. */
void sides_run(uint64_t seed, const struct side_link *links, size_t link_count,
               void (*program)(struct side *side));

#endif
