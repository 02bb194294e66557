/* stalls.h - callbacks that hold the loop of a thread for longer than --stall: said while they run,
 * with their stack, and counted. */
#ifndef HARK_COMMAND_SERVER_STALLS_H
#define HARK_COMMAND_SERVER_STALLS_H

#include <stdatomic.h>
#include <stdint.h>

struct worker;

/* Of all threads; zeroed. */
struct stalls {
    uint64_t limit_ns;
    _Atomic(uint64_t) silent_until_ns; /* one stall is told, then none for some time */
    _Atomic(uint64_t) untold;          /* since then */
};

/* Of one thread; zeroed. */
struct stall_watch {
    struct stalls *stalls;
    struct worker *worker;
    uint32_t thread;
    _Atomic(uint64_t) seen; /* the op of the last callback that was reported while it ran */
    _Atomic(uint64_t) told; /* and of the last that was said */
};

/* Watches a worker's loop, before it runs, until it is destroyed. Where that cannot be done one
 * line says so, and the server goes on without.
 * Takes: stalls whose limit is no less than 1 ms. */
void stalls_watch(struct stall_watch *watch, struct stalls *stalls, struct worker *worker,
                  uint32_t thread);

enum { STALL_FRAMES_MAX = 8, STALL_TEXT_BYTES = 700 };

/* Writes the innermost frames of a stack: each as the function that it is in, where that has a name
 * outside of its file, else as a place in its object, for addr2line(1).
 * Takes: return addresses, as backtrace(3) gives them. */
void stalls_write_frames(char text[STALL_TEXT_BYTES], void *const *frames, int count);

#endif
