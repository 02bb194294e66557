/* trace.h - what became of each request, and when: the stages of its way as the loop sees them.
 *
 * A loop that records puts an event of 32 bytes into a ring of its own at each stage. The ring
 * keeps the newest; what was overwritten before it was read is counted. Off, which is the default,
 * each stage costs one branch; on, one write, and a reading of the time where some may have
 * passed.
 *
 * Three ways turn it on: hark_trace_start; the environment variable HARK_TRACE, the name of a
 * directory in which each loop then keeps its ring as the file hark-PID-LOOP.trace, if there is
 * such a directory (HARK_TRACE_EVENTS is then the size of a ring, in events); and, from outside
 * and without a restart, `hark trace --pid`.
 *
 * Events between which the program has not run, and no system call was made, share a reading of the
 * time: a request and its hand-over, the end of a callback and the beginning of the next. Where the
 * kernel's clock is the CPU's own counter (x86-64, the clock source tsc), that is read in place of
 * the clock. Times may then be up to a microsecond behind the clock; those of one loop never go
 * backwards, and what another thread or the kernel does later is later. Only while the clock is set
 * right, or where the virtual machine moves to another, may they be wrong by more: by what either
 * has gained or lost in 128 us.
 *
 * Stages 4 and 5, the device and its interrupt, are the kernel's: `hark trace` joins them from the
 * kernel's own tracepoints, or from what a simulated kernel tells in their place.
 */
#ifndef HARK_TRACE_H
#define HARK_TRACE_H

#include "base.h"

HARK_BEGIN

struct hark_loop;

/* What an event tells, in the order in which a request goes through it. */
enum hark_trace_what {
    HARK_TRACE_SLEEP = 1,   /* stage 1: the loop asks the kernel what has come; value: for how many
                                nanoseconds it may sleep, -1 for ever, 0 not at all */
    HARK_TRACE_WAKE = 2,    /* stage 1: the kernel has answered */
    HARK_TRACE_REQUEST = 3, /* stage 2: an op is started; value: the id of the op whose callback did
                                so, 0 if none did */
    HARK_TRACE_DELEGATE = 4, /* stage 3: it is handed on; value: as what the kernel's io_uring
                                tracepoints name it (user_data); of a timer: when it is due */
    HARK_TRACE_PERFORM = 5,  /* stage 4, in the pool's ring: a thread has taken it; value: which */
    HARK_TRACE_RETURN = 6,   /* stage 6, in the pool's ring stage 5: a result is back; value: it.
                                -EAGAIN: it waits on */
    HARK_TRACE_CALL = 7,     /* stage 7: the callback begins; value: its result */
    HARK_TRACE_CALLED = 8,   /* stage 7: the callback has returned */
};

/* Bits of hark_trace_event.flags. */
enum {
    HARK_TRACE_MORE = 1,     /* more calls follow (hark_op_more) */
    HARK_TRACE_RETURNED = 4, /* a call: its result came back at the same moment, which no event of
                                its own tells */
    HARK_TRACE_TRIED = 2,    /* a return: the loop's own thread made the op's system call, without
                             waiting, and took_ns stands in place of fd. It has been handed on when
                             that began, unless it was before. */
};

struct hark_trace_event {
    uint64_t time_ns; /* CLOCK_MONOTONIC */
    uint64_t op;      /* hark_op_id; 0: the loop itself */
    int64_t value;    /* see enum hark_trace_what */
    union {
        int32_t fd;       /* the op's descriptor, or directory; negative: it has none */
        uint32_t took_ns; /* with HARK_TRACE_TRIED: how long the call was, UINT32_MAX at most */
    };
    uint8_t what; /* enum hark_trace_what */
    uint8_t kind; /* enum hark_op_code */
    uint16_t flags;
};

/* A ring, in memory or as it stands at the beginning of a file, or behind another one in it. All
 * numbers are in the machine's byte order. */
struct hark_trace_ring {
    char magic[8];         /* "harktrc1" */
    uint32_t header_bytes; /* the events begin so far behind the ring's beginning */
    uint32_t event_bytes;
    uint64_t capacity; /* in events, a power of two: event n stands at place n % capacity */
    uint64_t next; /* how far behind this ring's beginning the next one begins; 0: it is the last */
    uint32_t pid;
    uint32_t thread;     /* the one that runs the loop, as gettid(2); 0: it has not slept yet */
    uint32_t loop;       /* the loop's number: the upper 24 bits of its ops' ids */
    uint16_t is_pool;    /* 0: the loop's events; 1: those of the threads of its work pool */
    uint16_t backend;    /* enum hark_backend_kind */
    uint64_t started_ns; /* CLOCK_MONOTONIC when recording began */
    uint64_t started_at; /* CLOCK_REALTIME at the same moment, in nanoseconds */
    uint64_t written;    /* events so far */
    uint64_t ended_ns;   /* when recording ended; 0: it goes on */
    char process[16];    /* the program's name, as in /proc/PID/comm; "" if that is not known, or
                            the ring is in memory alone */
    uint64_t reserved[4];
};

struct hark_trace_options {
    uint32_t events; /* of a ring, rounded up to a power of two; 0: 65,536; 64 to 2^26 */
    /* whoever turns the recorder on from outside gets it: this recording ends then (it goes on if
     * he cannot record), and hark_loop_trace gives his rings for as long as he records. false: he
     * is refused, as long as this recording lasts */
    bool yields;
    /* keep the rings in the file hark-PID-LOOP.trace in it; NULL: in memory */
    const char *directory;
};

/* Begins to record, into empty rings.
 * Takes: options, or NULL for the defaults.
 * Gives: 0.
 * Fails: -EALREADY it records already; -EINVAL an option is out of range; -ENOMEM; -ENAMETOOLONG;
 *   what creating, sizing or mapping the file gives. */
HARK_API int hark_trace_start(struct hark_loop *loop, const struct hark_trace_options *options);

/* Ends the recording; what was recorded is gone with its memory, a file stays. If it does not
 * record, nothing happens; nor if the recording was turned on from outside: that ends when whoever
 * did so has seen enough. */
HARK_API void hark_trace_stop(struct hark_loop *loop);

/* How a process is told from outside to record, as `hark trace --pid` does. Each copy of libhark in
 * it has one of these in its memory. Whoever may write there (process_vm_writev(2)) writes how long
 * and how much, and last another wish: each loop looks at that in its next turn, so one that sleeps
 * goes on sleeping, and begins then, in a memfd that it keeps open, called hark-PID-LOOP.trace. It
 * ends in its first turn after until_ns: whoever traces moves that on for as long as he does.
 *
 * An ELF note of the owner "hark" and the type HARK_TRACE_NOTE leads there, in programs without
 * symbols too. Its descriptor, an int32_t, is how far behind the descriptor itself this stands. */
struct hark_trace_control {
    char magic[8];     /* "harkctl1" */
    uint32_t bytes;    /* of this struct */
    uint32_t loops;    /* that there are now */
    uint64_t wish;     /* to be written last, with a number that is not there */
    uint64_t until_ns; /* CLOCK_MONOTONIC; has that passed, the recording ends */
    uint32_t events;   /* of a ring; 0: the default of hark_trace_options */
    int32_t refused; /* why the last loop that should begin did not, a negative errno; 0: all did */
    uint64_t started; /* how often a loop has begun; counted once its file is there */
    uint64_t reserved[2];
};

enum { HARK_TRACE_NOTE = 1 };

/* The loop's ring; behind it (`next`) stands that of its work pool.
 * Gives: NULL if the loop does not record. It stays until the recording ends, which one that was
 *   turned on from outside, or that yields, may do between two callbacks. */
HARK_API const struct hark_trace_ring *hark_loop_trace(const struct hark_loop *loop);

/* What the kernel of a simulated world tells of stages 4 and 5 (hark_sim_trace), in the terms of
 * Linux's tracepoints. Behind each: what stands in number, context, device, length, value, text. */
enum hark_trace_kernel_what {
    HARK_TRACE_KERNEL_SUBMIT,        /* user_data, ring, , opcode */
    HARK_TRACE_KERNEL_QUEUE_WORK,    /* user_data, ring */
    HARK_TRACE_KERNEL_POLL_ARM,      /* user_data, ring */
    HARK_TRACE_KERNEL_TASK_ADD,      /* user_data, ring */
    HARK_TRACE_KERNEL_COMPLETE,      /* user_data, ring, , , result */
    HARK_TRACE_KERNEL_RING_WAIT,     /* , ring */
    HARK_TRACE_KERNEL_BLOCK_QUEUE,   /* sector, , disk, sectors, 'R', 'W' or 'F', process */
    HARK_TRACE_KERNEL_BLOCK_ISSUE,   /* sector, , disk, sectors, , "R", "W" or "FF" */
    HARK_TRACE_KERNEL_BLOCK_DONE,    /* sector, , disk, sectors, error, as with issue */
    HARK_TRACE_KERNEL_IRQ_ENTRY,     /* interrupt, , , , , its name */
    HARK_TRACE_KERNEL_IRQ_EXIT,      /* interrupt */
    HARK_TRACE_KERNEL_SOFTIRQ_RAISE, /* vector */
    HARK_TRACE_KERNEL_SOFTIRQ_ENTRY, /* vector */
    HARK_TRACE_KERNEL_SOFTIRQ_EXIT,  /* vector */
    HARK_TRACE_KERNEL_RECEIVE,       /* , , , bytes, , network device */
    HARK_TRACE_KERNEL_WAKING,        /* thread that is woken */
    HARK_TRACE_KERNEL_SWITCH,        /* thread that runs now */
    HARK_TRACE_KERNEL_WORK_BEGIN,    /* user_data, ring: a worker begins; of no tracepoint */
    HARK_TRACE_KERNEL_WORK_END,      /* user_data, ring: it is done */
};

/* One of these; they stand in the file hark-kernel.events behind a struct hark_trace_ring, whose
 * magic is "harkkrn1", not wholly in the order of their times. Disks have no sectors there: the
 * number of sectors that were asked for before stands for the place. */
struct hark_trace_kernel_event {
    uint64_t time_ns; /* CLOCK_MONOTONIC of the world */
    uint64_t number;
    uint64_t context;
    uint64_t device; /* the number of the machine whose disk it is: a minor number of major 0 */
    int32_t cpu;     /* the number of the machine, less one */
    int32_t thread;  /* that ran; 0: none */
    uint32_t length;
    int32_t value;
    uint32_t what; /* enum hark_trace_kernel_what */
    char text[20];
};

/* Takes events out of a ring, oldest first. The ring may be written to meanwhile, also by another
 * process: what it hands out is whole.
 * Takes: room for at least one event; *position: which event is next, 0 at first, moved by each
 *   call.
 * Gives: how many; 0: there are no more for now. *out_lost: how many were overwritten, and are
 *   passed over.
 * Thread: any, as long as the ring's memory stays. */
HARK_API size_t hark_trace_read(const struct hark_trace_ring *ring, struct hark_trace_event *events,
                                size_t room, uint64_t *position, uint64_t *out_lost);

HARK_END

#endif
