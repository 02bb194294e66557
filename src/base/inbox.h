/* inbox.h - many threads put ops in, one takes them out: the way from other threads into the loop.
 *
 * Whoever puts draws a ticket and leaves the op in the ticket's slot of a ring; the taker goes
 * through the slots in order, so each thread's ops keep theirs. Neither waits for the other, and
 * the taker can fetch the ops ahead, since it need not go from one to the next. A ticket for which
 * the ring is full goes to a stack beside it, whose ops the taker puts in their places by their
 * tickets (hark_op.ticket); so nothing is ever refused, and nothing allocated. An op whose
 * forerunner has its ticket, but is not in its slot yet, waits for it: whoever puts that one wakes
 * the taker. */
#ifndef BASE_INBOX_H
#define BASE_INBOX_H

#include "base/op_queue.h"

#include <stdatomic.h>

enum { INBOX_SLOTS = 1024, INBOX_AHEAD = 8 };

struct inbox {
    _Alignas(64) _Atomic(uint32_t) tickets; /* drawn so far */
    _Atomic(struct hark_op *) overflow;     /* the newest of those that found the ring full */
    _Alignas(64) _Atomic(uint32_t) taken;   /* tickets below this have left their slots */
    uint32_t next;                          /* the taker's: the ticket that it comes to next */
    struct op_queue held;                   /* the taker's: what has overflowed, by ticket */
    _Alignas(64) _Atomic(struct hark_op *) slots[INBOX_SLOTS];
};

static inline uint32_t inbox_draw(struct inbox *inbox)
{
    return atomic_fetch_add_explicit(&inbox->tickets, 1, memory_order_relaxed);
}

static inline void inbox_place(struct inbox *inbox, struct hark_op *op, uint32_t ticket)
{
    if (ticket - atomic_load_explicit(&inbox->taken, memory_order_acquire) < INBOX_SLOTS) {
        atomic_store_explicit(&inbox->slots[ticket % INBOX_SLOTS], op, memory_order_seq_cst);
        return;
    }
    op->ticket = ticket;
    struct hark_op *newest = atomic_load_explicit(&inbox->overflow, memory_order_relaxed);
    do
        op->queued = newest;
    while (!atomic_compare_exchange_weak_explicit(&inbox->overflow, &newest, op,
                                                  memory_order_seq_cst, memory_order_relaxed));
}

/* Gives: its ticket.
 * Thread: any. */
static inline uint32_t inbox_put(struct inbox *inbox, struct hark_op *op)
{
    uint32_t ticket = inbox_draw(inbox);
    inbox_place(inbox, op, ticket);
    return ticket;
}

/* Whether nobody has put an op in behind that ticket's. Who has may have woken the taker in vain,
 * before that op was in its place.
 * Thread: any. */
static inline bool inbox_is_newest(const struct inbox *inbox, uint32_t ticket)
{
    return atomic_load_explicit(&inbox->tickets, memory_order_seq_cst) == ticket + 1;
}

/* Whether there is nothing to take now.
 * Thread: the taker's, as all that follow. */
static inline bool inbox_is_empty(const struct inbox *inbox)
{
    return !atomic_load_explicit(&inbox->slots[inbox->next % INBOX_SLOTS], memory_order_seq_cst) &&
           !atomic_load_explicit(&inbox->overflow, memory_order_seq_cst) &&
           !(inbox->held.first && inbox->held.first->ticket == inbox->next);
}

/* The next op where it is no longer in the ring, or not yet; NULL where there is none (inbox.c). */
struct hark_op *inbox_take_overflowed(struct inbox *inbox);

/* The next op, or NULL. After the last, inbox_taken. */
static inline struct hark_op *inbox_take(struct inbox *inbox)
{
    _Atomic(struct hark_op *) *slot = &inbox->slots[inbox->next % INBOX_SLOTS];
    struct hark_op *op = atomic_load_explicit(slot, memory_order_acquire);
    if (!op)
        return inbox_take_overflowed(inbox);
    atomic_store_explicit(slot, NULL, memory_order_relaxed);
    __builtin_prefetch(
        atomic_load_explicit(&inbox->slots[(inbox->next + INBOX_AHEAD) % INBOX_SLOTS],
                             memory_order_relaxed),
        1);
    inbox->next++;
    return op;
}

/* Gives the slots of all that was taken back to those who put. */
static inline void inbox_taken(struct inbox *inbox)
{
    atomic_store_explicit(&inbox->taken, inbox->next, memory_order_release);
}

/* The tickets drawn so far: a bound for one round of taking, as others go on putting. */
static inline uint32_t inbox_end(const struct inbox *inbox)
{
    return atomic_load_explicit(&inbox->tickets, memory_order_relaxed);
}

#endif
