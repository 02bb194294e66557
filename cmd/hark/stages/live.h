/* live.h - the stages of a loop's own ops, seen while it runs: its recorder, turned on while
 * somebody looks, and read in between by the loop itself.
 *
 * What must hold for an idle loop: nothing is recorded, and no timer runs, once nobody has looked
 * for hold_ns.
 *
 * If the loop is recorded already, for a file or by whoever traces it from outside, those rings are
 * read; and whoever begins to trace it meanwhile gets the recorder (hark_trace_options.yields). */
#ifndef HARK_COMMAND_STAGES_LIVE_H
#define HARK_COMMAND_STAGES_LIVE_H

#include "stages/ops.h"
#include "stages/times.h"

enum { LIVE_SECONDS = 10 }; /* how far back `longest` looks */

/* One callback. */
struct live_callback {
    uint64_t held_ns; /* 0: there was none */
    uint64_t ended_ns;
    uint64_t kind; /* enum hark_op_code */
};

/* What has been seen since the loop was made. */
struct live_view {
    struct stage_times times;
    uint64_t missed;    /* callbacks that ran while it was recorded, and are not in `times` */
    uint64_t recording; /* 1: it goes on; in a sum: how many loops do */
    uint64_t recorded_ns;
    struct live_callback longest; /* the longest of the last seconds */
};

struct live;

/* Takes: hold_ns: how long to go on after each look; 0: nothing is ever recorded. */
void live_init(struct live *live, struct hark_loop *loop, uint64_t hold_ns);

/* Somebody looks: what was recorded is counted up to now, and it goes on, or begins.
 * Thread: the loop's, in a callback of it; so for all that follows. */
void live_look(struct live *live);

/* Gives: what has been seen; NULL: nothing yet. It stays until live_done. */
const struct live_view *live_view(const struct live *live);

/* Adds what another loop has seen; of the longest callbacks the longer one stays.
 * Thread: any that has both. */
void live_view_join(struct live_view *view, const struct live_view *other);

/* The end: records nothing more, whoever looks. What is in flight of it ends in the loop's next
 * turn. */
void live_end(struct live *live);

/* After the loop has run for the last time. */
void live_done(struct live *live);

/* Private. */
struct live {
    struct hark_loop *loop;
    uint64_t hold_ns;
    bool over;
    uint64_t until_ns; /* nobody has asked for more; 0: it does not record */
    double round_ns;
    struct hark_op tick;

    struct live_view *view;
    struct live_callback seconds[LIVE_SECONDS + 1]; /* the longest that ended in each */

    /* While it records. */
    struct trace_ops *ops;
    void *reader;
    const struct hark_trace_ring *ring; /* NULL: none is read */
    uint64_t ring_began_ns;             /* tells it from another at its place */
    uint64_t positions[2];
    bool own;         /* it was turned on here */
    uint64_t read_ns; /* when it was read last */
    uint64_t calls;   /* of callbacks of the loop so far, when it began */
    uint64_t counted; /* of them since then */
    uint64_t missed;  /* before it began */
};

#endif
