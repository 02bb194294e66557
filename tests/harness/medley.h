/* medley.h - ops of many kinds, several at a time: each is begun anew, as another kind, in its own
 * callback. */
#ifndef HARNESS_MEDLEY_H
#define HARNESS_MEDLEY_H

#include "harness/harness.h"

enum { MEDLEY_OPS = 16 };

struct medley {
    struct harness_op ops[MEDLEY_OPS];
    char bytes[MEDLEY_OPS][16]; /* each op's own: threads of the pool write into them */
    int fd;                     /* of a file */
    int ends[2];                /* of a connection */
};

/* Opens what the ops are about. No op of the loop's is used for it. */
void medley_open(struct hark_loop *loop, struct medley *medley);

/* Starts all of them. Takes: then, context: for each of them, as struct harness_op has them. */
void medley_start(struct hark_loop *loop, struct medley *medley,
                  void (*then)(struct harness_op *self, int64_t result), void *context);

/* Starts one of them once more.
 * Takes: number: chooses the kind; each of eight in a row is another, but for two that do
 *   nothing. */
void medley_again(struct medley *medley, struct harness_op *op, int number);
void medley_close(struct hark_loop *loop, struct medley *medley);

#endif
