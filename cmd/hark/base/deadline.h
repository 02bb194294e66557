/* deadline.h - a deadline that is moved often and passes seldom: that of a connection. */
#ifndef HARK_COMMAND_BASE_DEADLINE_H
#define HARK_COMMAND_BASE_DEADLINE_H

#include "hark.h"

struct deadline;
typedef void deadline_called(struct deadline *deadline);

/* In the caller's memory, zeroed before deadline_init. All private. Moving it later, or off, costs
 * nothing: the timer that runs finds out when it fires. */
struct deadline {
    struct hark_op op;
    struct hark_loop *loop;
    deadline_called *passed;
    deadline_called *ended;
    uint64_t at_ns;    /* when it passes; HARK_NEVER: off */
    uint64_t armed_ns; /* what the timer waits for */
    bool ending;
};

/* Takes: passed: called when it has passed; it is then off. */
void deadline_init(struct deadline *deadline, struct hark_loop *loop, deadline_called *passed);

/* Moves it to so long from this turn.
 * Takes: 0 or more nanoseconds. */
void deadline_set(struct deadline *deadline, uint64_t from_now_ns);

/* Switches it off; the timer may still wake the loop once. */
static inline void deadline_off(struct deadline *deadline)
{
    deadline->at_ns = HARK_NEVER;
}

/* Switches it off and takes the timer away: for what will have no deadline for long. */
void deadline_cancel(struct deadline *deadline);

/* The end: calls ended once the timer is idle, maybe from inside this call. Called again: nothing
 * happens. */
void deadline_end(struct deadline *deadline, deadline_called *ended);

#endif
