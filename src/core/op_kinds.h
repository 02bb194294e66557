/* op_kinds.h - what sets the kinds of ops apart, a row each. What each asks of io_uring stands in
 * uring/prepare.c, its call without blocking in ready/attempt.c. */
#ifndef CORE_OP_KINDS_H
#define CORE_OP_KINDS_H

#include "core/file_call.h"

/* How a readiness backend does it. */
enum op_way {
    WAY_CORE,    /* not at all: the core keeps it for itself */
    WAY_AT_ONCE, /* its call never waits, and is made in place */
    WAY_EVENTS,  /* it is tried, and waits for events of its descriptor */
    WAY_POOL,    /* it may wait for a disk: a thread of the pool makes its call */
};

/* What it is given besides numbers, which is the loop's until it ends (the checking build). */
enum op_memory {
    MEMORY_NONE,
    MEMORY_BYTES,     /* with.io */
    MEMORY_VECTORS,   /* with.io */
    MEMORY_MESSAGE,   /* with.io */
    MEMORY_NAME,      /* with.address, filled in beforehand */
    MEMORY_PATH,      /* with.path.from */
    MEMORY_PATHS,     /* and with.path.to */
    MEMORY_TIMES,     /* with.path.from and with.path.times */
    MEMORY_OPENED,    /* with.open.path */
    MEMORY_ATTRIBUTE, /* with.attribute */
};

/* How an op is tried that waits for events, beside these. */
enum {
    TRY_ALWAYS = 1 << 16,  /* whatever is known of its descriptor: no event need ever come */
    TRY_REPEATS = 1 << 17, /* a result that is no error is not its last */
    TRY_FILE = 1 << 18,    /* its descriptor may be a regular file: then it is done as WAY_POOL */
    TRY_VARIES = 1 << 19,  /* its arguments may say otherwise (attempt_bits_of) */
    TRY_LATE = 1 << 20,    /* it takes a buffer of the pool, and no sooner than it is called */
};

struct op_kind {
    uint8_t way;          /* enum op_way */
    uint8_t memory;       /* enum op_memory */
    bool reads;           /* the kernel reads that memory */
    bool fills;           /* it fills it */
    uint32_t tries;       /* WAY_EVENTS: HARK_POLL_ and TRY_ */
    file_call_made *call; /* on a thread of the pool */
};

extern const struct op_kind op_kinds[HARK_OP_KINDS];

#endif
