/* test_callbacks.c - inside its callback every kind of op may be restarted, cancelled, closed, or
 * freed, and may do the same to others. Promises 3, 4, 5, 8. */
#include "harness/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a callback does when its op has completed. */
enum deed {
    RESTART,
    CANCEL_ITSELF,
    CLOSE_ITS_DESCRIPTOR,
    CANCEL_ALL,
    STOP,
    DEADLINE_ITSELF,
    FREE_NEIGHBOUR,
    DEEDS
};

struct actor {
    struct pending pending;
    struct harness_op closing;
    struct harness_op nop;
    struct harness_op *neighbour; /* an op on the heap that sleeps; freed in its final call, which
                                     the deed brings about */
    enum deed deed;
    bool done;
};

static void free_itself(struct harness_op *self, int64_t result)
{
    bool *freed = self->context;
    assert_result(result, -ECANCELED);
    *freed = true;
    free(self);
}

/* Does the deed once, in the first call that comes. */
static void act(struct harness_op *self, int64_t result)
{
    struct pending *pending = hark_container_of(self, struct pending, recorder);
    struct actor *actor = hark_container_of(pending, struct actor, pending);
    struct hark_loop *loop = self->op.loop;
    if (actor->done || result < 0)
        return;
    actor->done = true;
    switch (actor->deed) {
    case RESTART:
        hark_nop(loop, &actor->nop.op, harness_done);
        if (hark_op_more(&self->op)) {
            hark_cancel(&self->op);
        } else { /* the same op, as another kind */
            self->ended = false;
            hark_sleep_until(loop, &self->op, HARK_NEVER, harness_done);
            hark_cancel(&self->op);
        }
        break;
    case CANCEL_ITSELF:
        hark_cancel(&self->op);
        hark_cancel(&self->op);
        break;
    case CLOSE_ITS_DESCRIPTOR:
        if (pending_on_descriptor(pending->kind))
            hark_close(loop, &actor->closing.op, pending->fd, harness_done);
        else
            hark_cancel(&self->op);
        break;
    case CANCEL_ALL:
        hark_cancel_all(loop);
        break;
    case STOP:
        hark_stop(loop);
        break;
    case DEADLINE_ITSELF:
        hark_op_deadline(&self->op, 0);
        break;
    case FREE_NEIGHBOUR:
        hark_cancel(&actor->neighbour->op);
        hark_cancel(&self->op);
        break;
    case DEEDS:
        break;
    }
}

static void close_accepted(struct hark_loop *loop, struct pending *pending)
{
    if (pending->kind != PENDING_ACCEPT && pending->kind != PENDING_ACCEPT_EACH)
        return;
    if (pending->recorder.calls > 0 && pending->recorder.results[0] >= 0)
        harness_close(loop, (int)pending->recorder.results[0]);
}

static void perform(struct hark_loop *loop, enum pending_kind kind, enum deed deed)
{
    bool freed = false;
    struct actor *actor = calloc(1, sizeof *actor);
    struct harness_op *neighbour = calloc(1, sizeof *neighbour);
    assert_true(actor && neighbour);
    neighbour->then = free_itself;
    neighbour->context = &freed;
    hark_sleep_until(loop, &neighbour->op, HARK_NEVER, harness_done);
    actor->neighbour = neighbour;
    actor->deed = deed;
    actor->pending.recorder.then = act;
    pending_start(loop, &actor->pending, kind);
    harness_settle(loop);
    pending_complete(&actor->pending);
    if (deed == STOP)
        assert_result(hark_run(loop), 1);
    while (!actor->done || (deed == DEADLINE_ITSELF && !actor->pending.recorder.ended))
        assert_true(hark_run_once(loop) >= 0);
    hark_cancel_all(loop);
    harness_run(loop);
    struct harness_op *recorder = &actor->pending.recorder;
    assert_true(recorder->ended);
    assert_true(freed);
    if (pending_repeats(kind))
        assert_result(recorder->result, deed == DEADLINE_ITSELF ? -ETIMEDOUT : -ECANCELED);
    else
        assert_int_equal(recorder->calls, deed == RESTART ? 2 : 1);
    if (deed == RESTART)
        assert_result(actor->nop.result, 0);
    if (deed == CLOSE_ITS_DESCRIPTOR && pending_on_descriptor(kind)) {
        assert_result(actor->closing.result, 0);
        assert_true(recorder->order < actor->closing.order);
        actor->pending.fd = -1;
    }
    close_accepted(loop, &actor->pending);
    pending_release(loop, &actor->pending);
    free(actor);
}

static void perform_on_all(struct hark_loop *loop, enum deed deed)
{
    FOR_EACH_PENDING(kind)
    {
        if (pending_completable(kind))
            perform(loop, kind, deed);
    }
}

BACKEND_TEST(promise_04_callback_restarts_its_op)
{
    perform_on_all(loop, RESTART);
}

BACKEND_TEST(promise_06_callback_cancels_its_own_op)
{
    perform_on_all(loop, CANCEL_ITSELF);
}

BACKEND_TEST(promise_08_callback_closes_its_own_descriptor)
{
    perform_on_all(loop, CLOSE_ITS_DESCRIPTOR);
}

BACKEND_TEST(promise_03_callback_cancels_all)
{
    perform_on_all(loop, CANCEL_ALL);
}

BACKEND_TEST(callback_stops_the_loop_and_it_goes_on)
{
    perform_on_all(loop, STOP);
}

BACKEND_TEST(promise_07_callback_sets_a_deadline_that_has_passed)
{
    perform_on_all(loop, DEADLINE_ITSELF);
}

BACKEND_TEST(promise_04_callback_ends_an_op_that_is_freed_in_its_final_call)
{
    perform_on_all(loop, FREE_NEIGHBOUR);
}

/* Two connections: the callback of one frees the other wholly, after its close has called back. */
struct rival {
    struct hark_op receive;
    struct hark_op closing;
    struct rival *other;
    int fd;
    char byte[1];
};

static int rivals_left;

static void rival_closed(struct hark_op *op, int64_t result)
{
    assert_result(result, 0);
    free(hark_container_of(op, struct rival, closing));
    rivals_left--;
}

static void rival_received(struct hark_op *op, int64_t result)
{
    struct rival *rival = hark_container_of(op, struct rival, receive);
    struct rival *other = rival->other;
    assert_true(result == 1 || result == -ECANCELED);
    if (result != 1 || !other)
        return;
    rival->other = NULL;
    other->other = NULL;
    hark_close(op->loop, &other->closing, other->fd, rival_closed);
    hark_close(op->loop, &rival->closing, rival->fd, rival_closed);
}

BACKEND_TEST(promise_08_one_of_two_ready_connections_closes_and_frees_both)
{
    enum { PAIRS = 50 };
    int far[PAIRS][2];
    rivals_left = 2 * PAIRS;
    for (int index = 0; index < PAIRS; index++) {
        struct rival *rivals[2];
        for (int side = 0; side < 2; side++) {
            int ends[2];
            rivals[side] = calloc(1, sizeof *rivals[side]);
            assert_non_null(rivals[side]);
            harness_socket_pair(loop, ends);
            rivals[side]->fd = ends[0];
            far[index][side] = ends[1];
            hark_recv(loop, &rivals[side]->receive, ends[0], rivals[side]->byte, 1, 0,
                      rival_received);
        }
        rivals[0]->other = rivals[1];
        rivals[1]->other = rivals[0];
    }
    harness_settle(loop);
    for (int index = 0; index < PAIRS; index++)
        for (int side = 0; side < 2; side++) /* both are ready in one turn */
            assert_int_equal(write(far[index][side], "x", 1), 1);
    harness_run(loop);
    assert_int_equal(rivals_left, 0);
    for (int index = 0; index < PAIRS; index++) {
        close(far[index][0]);
        close(far[index][1]);
    }
}
