/* faults.h - the kernel fails, is slow, or gives less than was asked for, where a test says so.
 *
 * A program that includes this is linked with the library whose calls of kernel.h are functions
 * (tests/meson.build), and faults.c makes them: each is the real one with a fault before it. Where
 * that is not enough, a program may define a call of kernel.h itself, and its own stands in place
 * of the one here. What the server asks for comes this way as well, since it asks the library; but
 * memory does not (memory.h). */
#ifndef FAULT_FAULTS_H
#define FAULT_FAULTS_H

#include "harness/harness.h"

#include "kernel/kernel.h"
#include <stdatomic.h>

#define FAULT_FOR_EVER UINT64_MAX

/* What goes wrong. Zero but for what is said. */
struct fault {
    const char *calls;     /* their names, "kernel_recv kernel_send"; NULL: all that can fail */
    int fd;                /* of calls on that descriptor alone, until it is closed; 0: on any */
    bool this_thread;      /* of calls on the thread that begins the fault alone */
    uint64_t after;        /* so many of these calls pass before the first that meets the fault, */
    uint64_t times;        /* and so many meet it; 0: one */
    bool (*chooses)(void); /* whether this call meets it, asked each time in place of the numbers */

    int error;              /* a negative errno that they give; 0: they are made */
    bool made;              /* they are made, too, and nobody is told what they gave */
    size_t at_most;         /* those of plain bytes move no more than that; 0: as many as asked */
    void (*before)(void *); /* called first, on the calling thread: it may wait */
    void *context;          /* of it */
};

/* Begins a fault. Some may stand at the same time; the first of them that a call meets holds.
 * Gives: its number. */
int fault_begin(const struct fault *fault);
#define FAULT(...) fault_begin(&(const struct fault){__VA_ARGS__})
void fault_end(int number);

/* How many calls the fault could have met, and how many have met it; and the name of the first of
 * those, NULL: there was none. They stay when it has ended, until another begins. */
uint64_t fault_seen(int number);
uint64_t fault_met(int number);
const char *fault_met_first(int number);

/* From now on a clock of the library's is that far ahead of the kernel's; and stands still, at a
 * time of the kernel's. 0: it is right, it goes. */
void fault_clock_ahead(clockid_t clock, int64_t ns);
void fault_clock_stands(clockid_t clock, uint64_t at_ns);

#endif
