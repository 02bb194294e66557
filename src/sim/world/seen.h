/* seen.h - what the kernel does for requests, told to whoever looks on from outside
 * (hark_sim_trace) in the terms of Linux's tracepoints (hark/trace.h).
 *
 * What must hold: the run is the same as without, as with recordings.h. Where nobody looks on each
 * of these is one branch. */
#ifndef SIM_WORLD_SEEN_H
#define SIM_WORLD_SEEN_H

#include "sim/world/state.h"

#include "hark/trace.h"

struct seen;

/* What was asked of a disk. Zero: nothing. */
struct seen_block {
    const struct machine *machine;
    uint64_t sector, due_ns;
    uint32_t sectors;
    char direction; /* 'R', 'W', 'F' */
};

/* Begins to tell, into a file of the real machine's directory. Where there is no room for it
 * nothing is told. */
void seen_begin(int directory);
void seen_done(void);

/* Private: if somebody looks on. */
void seen_tell_request(enum hark_trace_kernel_what what, const struct process *process,
                       uint64_t ring, uint64_t user_data, uint32_t opcode, int32_t result);
void seen_tell_block(const struct machine *machine, uint64_t begins_ns, uint64_t due_ns,
                     size_t bytes, char direction);
struct seen_block seen_tell_taken(void);
void seen_tell_overtaken(void);
void seen_tell_interrupt(const struct seen_block *block, bool begins);
void seen_tell_packet(const struct machine *to, bool is_loopback, size_t bytes, bool begins);
void seen_tell_thread(enum hark_trace_kernel_what what, const struct thread *thread);

/* Of a request of io_uring. process: NULL: it has ended, and nothing is told. */
static inline void seen_request(enum hark_trace_kernel_what what, const struct process *process,
                                uint64_t ring, uint64_t user_data, uint32_t opcode, int32_t result)
{
    if (world->seen && process)
        seen_tell_request(what, process, ring, user_data, opcode, result);
}

/* The running thread asks the disk for something, which it begins with and is done with then. */
static inline void seen_block(const struct machine *machine, uint64_t begins_ns, uint64_t due_ns,
                              size_t bytes, char direction)
{
    if (world->seen)
        seen_tell_block(machine, begins_ns, due_ns, bytes, direction);
}

/* What it has asked for last is a request's, in whose name the disk's end is told
 * (seen_interrupt); or its own: then it is told by itself. */
static inline struct seen_block seen_block_take(void)
{
    return world->seen ? seen_tell_taken() : (struct seen_block){0};
}

static inline void seen_block_by_itself(void)
{
    if (world->seen)
        seen_tell_overtaken();
}

/* The disk is done with that: what happens between the two happens in its interrupt. */
static inline void seen_interrupt(const struct seen_block *block, bool begins)
{
    if (world->seen && block->machine)
        seen_tell_interrupt(block, begins);
}

/* A packet comes: what happens between the two happens in the softirq that hands it on. */
static inline void seen_packet(const struct machine *to, bool is_loopback, size_t bytes,
                               bool begins)
{
    if (world->seen)
        seen_tell_packet(to, is_loopback, bytes, begins);
}

static inline void seen_thread(enum hark_trace_kernel_what what, const struct thread *thread)
{
    if (world->seen)
        seen_tell_thread(what, thread);
}

#endif
