/* timer.h - waiting for time. Nanoseconds of CLOCK_MONOTONIC; never early; in order of deadline,
 * then of start. */
#ifndef HARK_TIMER_H
#define HARK_TIMER_H

#include "op.h"

HARK_BEGIN

/* Calls back once at least duration_ns nanoseconds have passed since this call (the clock is read:
 * the time of the turn could be too old). A duration past the end of the clock never comes.
 * Gives: 0.
 * Fails: -ENOMEM the table of timers cannot grow. */
HARK_API void hark_sleep(struct hark_loop *loop, struct hark_op *op, uint64_t duration_ns,
                         hark_done *done);

/* Calls back once hark_now has reached at_ns; HARK_NEVER waits until it is cancelled. Reads no
 * clock: cheaper than hark_sleep.
 * Gives: 0.
 * Fails: as hark_sleep. */
HARK_API void hark_sleep_until(struct hark_loop *loop, struct hark_op *op, uint64_t at_ns,
                               hark_done *done);

/* Calls back again and again, period_ns apart, first after one period. The times are multiples of
 * the period from the start: they do not drift.
 * Gives: the periods that have passed since the last call, 1 unless the loop was late; hark_op_more
 *   is true. It ends by cancel or deadline.
 * Fails: -EINVAL a period of 0; -ENOMEM as hark_sleep. */
HARK_API void hark_every(struct hark_loop *loop, struct hark_op *op, uint64_t period_ns,
                         hark_done *done);

/* Moves the time of a timer in flight, without a call in between: as often as one likes, at a few
 * nanoseconds each. A timer that is put off again and again, as idle connections need one, is one
 * op for its whole life. A hark_every is called next at that time, and from there in its periods.
 * Takes: op: of hark_sleep, hark_sleep_until or hark_every; a hark_every may move itself in its
 *   callback. at_ns: on the clock of hark_now, any value; where that has passed, a hark_every
 *   counts its periods from there, as if the loop were late. A deadline (hark_op_deadline) stays.
 * Gives: 0.
 * Fails: -EALREADY its time has come, or it was cancelled: its call is under way, or it is not in
 *   flight. Nothing has changed then.
 * Thread: the loop's. */
HARK_API int hark_sleep_move(struct hark_op *op, uint64_t at_ns);

HARK_END

#endif
