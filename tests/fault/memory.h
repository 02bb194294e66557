/* memory.h - the nth allocation fails, and what is allocated is counted.
 *
 * A program that includes this has an allocator of its own, which stands before the C library's or
 * a sanitizer's (tests/meson.build): memory is the one thing that the library has no list of calls
 * for. Not before ThreadSanitizer's, which is called before it is ready: its tests are skipped. */
#ifndef FAULT_MEMORY_H
#define FAULT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* From now on the allocations of the calling thread are counted, and the one of that number, from
 * 1, fails, or that one and all after it. 0: none. Of other threads none does: a sanitizer
 * allocates in each new one, and ends the program if it gets nothing. */
void memory_begin(unsigned long number, bool for_ever);
void memory_end(void);

/* Of this thread since the last memory_begin: those that were asked for and their bytes, and those
 * that failed. */
unsigned long memory_asked(void);
size_t memory_bytes(void);
unsigned long memory_refused(void);

/* What the whole program has allocated and not freed. */
long memory_alive(void);

/* For who allocates by other means: one more is asked for.
 * Gives: whether it fails. */
bool memory_refuses(void);

#endif
