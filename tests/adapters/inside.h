/* inside.h - what a hark loop does inside of another one: chains of requests and timers, started
 * from its own callbacks and from outside, until all is done. */
#ifndef ADAPTERS_INSIDE_H
#define ADAPTERS_INSIDE_H

#include "harness/harness.h"

enum { INSIDE_CHAINS = 8, INSIDE_STEPS = 12500, INSIDE_AT_ONCE = 700 };

struct inside;

/* Bytes that go round through a socket pair, a short sleep now and then. */
struct chain {
    struct inside *inside;
    struct hark_op op;
    int ends[2];
    int steps;
    char byte;
};

/* More of them come at once than one turn calls back. */
struct crowd {
    struct inside *inside;
    struct hark_op op;
};

struct inside {
    struct hark_loop *loop;
    struct chain chains[INSIDE_CHAINS];
    struct crowd crowd[INSIDE_AT_ONCE];
    int polled, running;
    void (*rests)(struct inside *inside); /* all of it is done */
    void *context;
};

/* Takes: a loop that another one runs by now; rests: called when all is done. */
void inside_start(struct inside *inside, struct hark_loop *loop,
                  void (*rests)(struct inside *inside), void *context);

/* After so many rounds of the loop outside, in which nothing happened: the inner one was left
 * alone. Takes: turns: its hark_loop_metrics(loop)->turns at the beginning. */
void inside_assert_rested(const struct inside *inside, uint64_t turns);

void inside_done(struct inside *inside);

#endif
