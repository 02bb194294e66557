/* kernel.h - what the kernel's tracepoints tell while a trace goes on: io_uring, block devices,
 * interrupts, the network, the scheduler. They are read, as root, from two trace instances in
 * tracefs: hark-PID for what happens in whichever thread an interrupt comes into, and hark-PID-own
 * for what happens in the traced threads. They are removed at the end; those that a process has
 * left behind, because it was killed, are removed by the next one. */
#ifndef HARK_COMMAND_TRACE_KERNEL_H
#define HARK_COMMAND_TRACE_KERNEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Which tracepoint. Behind each: what stands in number, context, device, length, value and text. */
enum trace_kernel_what {
    TRACE_KERNEL_SUBMIT,        /* user_data, ring, , opcode */
    TRACE_KERNEL_QUEUE_WORK,    /* user_data, ring */
    TRACE_KERNEL_POLL_ARM,      /* user_data, ring */
    TRACE_KERNEL_TASK_ADD,      /* user_data, ring */
    TRACE_KERNEL_COMPLETE,      /* user_data, ring, , , result */
    TRACE_KERNEL_RING_WAIT,     /* , ring */
    TRACE_KERNEL_BLOCK_QUEUE,   /* sector, , device, sectors, the first letter of "R" or "WS" and
                                   the like, process */
    TRACE_KERNEL_BLOCK_ISSUE,   /* sector, , device, sectors, , "R" or "WS" and the like */
    TRACE_KERNEL_BLOCK_DONE,    /* sector, , device, sectors, error, as with issue */
    TRACE_KERNEL_IRQ_ENTRY,     /* interrupt, , , , , its name */
    TRACE_KERNEL_IRQ_EXIT,      /* interrupt */
    TRACE_KERNEL_SOFTIRQ_RAISE, /* vector */
    TRACE_KERNEL_SOFTIRQ_ENTRY, /* vector */
    TRACE_KERNEL_SOFTIRQ_EXIT,  /* vector */
    TRACE_KERNEL_RECEIVE,       /* , , , bytes, , network device */
    TRACE_KERNEL_WAKING,        /* thread that is woken */
    TRACE_KERNEL_SWITCH,        /* thread that runs now, , , , thread that ran */
    TRACE_KERNEL_KINDS,

    /* No tracepoints tell these: simulated kernels do (simulated.h). */
    TRACE_KERNEL_WORK_BEGIN = TRACE_KERNEL_KINDS, /* user_data, ring: a worker begins */
    TRACE_KERNEL_WORK_END,                        /* user_data, ring: and is done */
};

struct trace_kernel_event {
    uint64_t time_ns; /* CLOCK_MONOTONIC */
    uint64_t number;
    uint64_t context;
    uint64_t device; /* as the kernel numbers it: major << 20 | minor */
    int32_t cpu;
    int32_t thread; /* that ran on the CPU, or was interrupted */
    uint32_t length;
    int32_t value;
    uint32_t order; /* in which it was read: one CPU's events of the same time */
    uint8_t what;   /* enum trace_kernel_what */
    char text[19];
};

struct trace_kernel;

/* What is done with each event, oldest first. */
typedef void trace_kernel_take(void *context, const struct trace_kernel_event *event);

/* Begins. What the kernel cannot tell, because it lacks a tracepoint, does not come.
 * Takes: buffer_bytes: of each buffer, of which each CPU has two; 0: what the machine's memory and
 *   number of CPUs allow.
 * Fails: -EPERM, -ENOSYS and others; *out_missing: what is missing, in words. */
int trace_kernel_open(uint64_t buffer_bytes, struct trace_kernel **out_kernel,
                      const char **out_missing);

/* Hands out all that happened until a time, which must have passed. */
void trace_kernel_read(struct trace_kernel *kernel, uint64_t until_ns, trace_kernel_take *take,
                       void *context);

/* The kernel tells from here on of a process that runs: of what its threads submit, and when they
 * are woken. Those that it starts are followed too.
 * Fails: -ESRCH there is none; what writing to tracefs gives. */
int trace_kernel_follow(struct trace_kernel *kernel, pid_t pid);

/* Events that the kernel had no room for, so far. */
uint64_t trace_kernel_lost(const struct trace_kernel *kernel);

/* Bytes of each buffer. */
uint64_t trace_kernel_buffer(const struct trace_kernel *kernel);

/* The share of its buffer that the fullest CPU's held at the last read; more than 1 if it was
 * written to meanwhile. */
double trace_kernel_fill(const struct trace_kernel *kernel);

/* Ends, and removes the instances. */
void trace_kernel_close(struct trace_kernel *kernel);

#endif
