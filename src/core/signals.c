/* signals.c - signals as events: one handler for the process, a slot for each loop that asks.
 *
 * The handler marks the signal in every slot that asks for it and wakes that loop; all is
 * async-signal-safe. Slots are static, so the handler never meets freed memory; a loop leaves its
 * slot only when no handler is running. What must hold: a signal's former disposition comes back
 * when the last op that asks for it has ended. */
#include "core/signals.h"
#include "core/op.h"
#include "core/wake.h"
#include "hark/signal.h"

enum { SLOTS = 64, SIGNALS = 64 };

struct slot {
    _Atomic(struct hark_loop *) loop;
    _Atomic(uint64_t) wanted; /* bit n - 1: signal n */
    _Atomic(uint64_t) arrived;
};

static KERNEL_PROCESS_LOCAL struct slot slots[SLOTS];
static KERNEL_PROCESS_LOCAL _Atomic(unsigned) handlers_running;

/* Only changed under the lock, never by the handler. */
static KERNEL_PROCESS_LOCAL pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static KERNEL_PROCESS_LOCAL struct sigaction former[SIGNALS + 1];
static KERNEL_PROCESS_LOCAL unsigned asking[SIGNALS + 1];

static uint64_t bit_of(int number)
{
    return UINT64_C(1) << (number - 1);
}

static void handle(int number)
{
    atomic_fetch_add(&handlers_running, 1);
    for (int i = 0; i < SLOTS; i++) {
        struct hark_loop *loop = atomic_load(&slots[i].loop);
        if (!loop || !(atomic_load(&slots[i].wanted) & bit_of(number)))
            continue;
        atomic_fetch_or(&slots[i].arrived, bit_of(number));
        wake_loop(loop);
    }
    atomic_fetch_sub(&handlers_running, 1);
}

static int install(int number)
{
    if (asking[number] > 0)
        return 0;
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    return kernel_sigaction(number, &action, &former[number]);
}

static int take_slot(struct hark_loop *loop)
{
    for (int i = 0; i < SLOTS && loop->signal_slot < 0; i++) {
        if (atomic_load(&slots[i].loop))
            continue;
        atomic_store(&slots[i].wanted, 0);
        atomic_store(&slots[i].arrived, 0);
        atomic_store(&slots[i].loop, loop);
        loop->signal_slot = i;
    }
    return loop->signal_slot < 0 ? -EMFILE : 0;
}

static bool loop_listens_to(const struct hark_loop *loop, int number)
{
    for (const struct hark_op *op = loop->listening; op; op = op->with.signal.next)
        if (op->with.signal.number == number)
            return true;
    return false;
}

static int ask(struct hark_loop *loop, int number)
{
    kernel_mutex_lock(&lock);
    int error = take_slot(loop);
    if (!error) {
        /* Wanted before it is caught: what arrives in between is not lost. */
        atomic_fetch_or(&slots[loop->signal_slot].wanted, bit_of(number));
        error = install(number);
        asking[number] += !error;
        if (error && !loop_listens_to(loop, number))
            atomic_fetch_and(&slots[loop->signal_slot].wanted, ~bit_of(number));
    }
    kernel_mutex_unlock(&lock);
    return error;
}

void hark_signal_each(struct hark_loop *loop, struct hark_op *op, int number, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_SIGNAL_EACH, -1, done);
    if (number < 1 || number > SIGNALS)
        return loop_finish(loop, op, -EINVAL);
    int error = ask(loop, number);
    if (error)
        return loop_finish(loop, op, error);
    op->with.signal.number = number;
    op->state = OP_LISTENING;
    op_delegated(loop, op);
    op_link_loose(loop, op);
    op->with.signal.next = loop->listening;
    loop->listening = op;
}

static void remove_listener(struct hark_loop *loop, struct hark_op *op)
{
    struct hark_op **at = &loop->listening;
    while (*at != op)
        at = &(*at)->with.signal.next;
    *at = op->with.signal.next;
}

void signals_end(struct hark_loop *loop, struct hark_op *op)
{
    int number = op->with.signal.number;
    remove_listener(loop, op);
    kernel_mutex_lock(&lock);
    if (--asking[number] == 0)
        (void)kernel_sigaction(number, &former[number], NULL);
    if (!loop_listens_to(loop, number))
        atomic_fetch_and(&slots[loop->signal_slot].wanted, ~bit_of(number));
    kernel_mutex_unlock(&lock);
}

bool signals_pending(const struct hark_loop *loop)
{
    return loop->signal_slot >= 0 && atomic_load(&slots[loop->signal_slot].arrived) != 0;
}

void signals_deliver(struct hark_loop *loop)
{
    uint64_t arrived = atomic_exchange(&slots[loop->signal_slot].arrived, 0);
    for (struct hark_op *op = loop->listening; op; op = op->with.signal.next) {
        if (!(arrived & bit_of(op->with.signal.number)))
            continue;
        if (op->state != OP_LISTENING)
            continue; /* one arrival waits to be called already: merged */
        op_returned(loop, op, op->with.signal.number);
        op->marks |= HARK_MARK_MORE;
        loop_finish(loop, op, op->with.signal.number);
    }
}

void signals_after_fork(struct hark_loop *loop)
{
    kernel_mutex_init(&lock);           /* a thread that is not here may have held it, */
    atomic_store(&handlers_running, 0); /* and have been in the handler */
    for (struct hark_op *op = loop->listening; op; op = op->with.signal.next)
        if (--asking[op->with.signal.number] == 0)
            (void)kernel_sigaction(op->with.signal.number, &former[op->with.signal.number], NULL);
    loop->listening = NULL;
}

void signals_done(struct hark_loop *loop)
{
    if (loop->signal_slot < 0)
        return;
    atomic_store(&slots[loop->signal_slot].loop, NULL);
    while (atomic_load(&handlers_running) > 0)
        kernel_sched_yield();
    loop->signal_slot = -1;
}
