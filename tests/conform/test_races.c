/* test_races.c - cancel, deadline and close race with what the op waits for, in every order: one
 * final call, nothing lost. Promises 3, 6, 7, 8. */
#include "harness/pending.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum action { COMPLETE, CANCEL, DEADLINE, CLOSE, SETTLE, ACTIONS };

struct race {
    struct pending pending;
    struct harness_op closing;
    bool closed;
    bool completed;
};

static void act(struct hark_loop *loop, struct race *race, enum action action)
{
    switch (action) {
    case COMPLETE:
        pending_complete(&race->pending);
        race->completed = true;
        break;
    case CANCEL:
        hark_cancel(&race->pending.recorder.op);
        break;
    case DEADLINE:
        hark_op_deadline(&race->pending.recorder.op, 0);
        break;
    case CLOSE:
        hark_close(loop, &race->closing.op, race->pending.fd, harness_done);
        race->closed = true;
        break;
    case SETTLE:
        harness_settle(loop);
        break;
    case ACTIONS:
        break;
    }
}

/* What a final call may say after these actions. */
static bool allowed(const struct race *race, const enum action *actions, size_t count)
{
    int64_t result = race->pending.recorder.result;
    for (size_t index = 0; index < count; index++) {
        if ((actions[index] == CANCEL || actions[index] == CLOSE) && result == -ECANCELED)
            return true;
        if (actions[index] == DEADLINE && result == -ETIMEDOUT)
            return true;
    }
    return race->completed && result >= 0 && !pending_repeats(race->pending.kind);
}

/* The bytes that wait in a descriptor. */
static size_t waiting_bytes(int fd)
{
    static char block[1 << 16];
    ssize_t count = recv(fd, block, sizeof block, MSG_DONTWAIT | MSG_PEEK);
    return count > 0 ? (size_t)count : 0;
}

/* What came in is either in the op's hands or still in the socket. */
static void assert_nothing_lost(const struct race *race)
{
    const struct pending *pending = &race->pending;
    bool receives = pending->kind == PENDING_RECV || pending->kind == PENDING_RECV_EACH ||
                    pending->kind == PENDING_RECVMSG_EACH || pending->kind == PENDING_RECVMSG ||
                    pending->kind == PENDING_READ_SOCKET || pending->kind == PENDING_RECV_WAITALL;
    if (receives && race->completed && !race->closed)
        assert_int_equal(pending->recorder.total + waiting_bytes(pending->fd), PENDING_BYTES);
}

/* Connections that were accepted are closed. */
static void close_accepted(struct hark_loop *loop, struct pending *pending)
{
    if (pending->kind != PENDING_ACCEPT && pending->kind != PENDING_ACCEPT_EACH)
        return;
    for (int call = 0; call < pending->recorder.calls && call < HARNESS_RESULTS; call++)
        if (pending->recorder.results[call] >= 0)
            harness_close(loop, (int)pending->recorder.results[call]);
}

static void run_race(struct hark_loop *loop, enum pending_kind kind, const enum action *actions,
                     size_t count)
{
    struct race *race = calloc(1, sizeof *race);
    assert_non_null(race);
    pending_start(loop, &race->pending, kind);
    for (size_t index = 0; index < count; index++)
        act(loop, race, actions[index]);
    harness_run(loop);
    struct harness_op *recorder = &race->pending.recorder;
    assert_true(recorder->ended);
    for (int call = 0; call < recorder->calls && call < HARNESS_RESULTS; call++)
        assert_int_equal(recorder->more[call], call + 1 < recorder->calls);
    if (!pending_repeats(kind))
        assert_int_equal(recorder->calls, 1);
    if (!allowed(race, actions, count))
        fail_msg("%s ended with %lld", pending_name(kind), (long long)recorder->result);
    assert_nothing_lost(race);
    if (race->closed) {
        assert_result(race->closing.result, 0);
        assert_true(recorder->order < race->closing.order);
        race->pending.fd = -1;
    }
    close_accepted(loop, &race->pending);
    pending_release(loop, &race->pending);
    free(race);
}

/* Every order of completing and two ways of ending, with the loop turned at any one place between
 * them or not at all. */
static void race_all(struct hark_loop *loop, enum action one, enum action other)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    const enum action three[3] = {COMPLETE, one, other};
    FOR_EACH_PENDING(kind)
    {
        bool usable = pending_completable(kind) &&
                      (pending_on_descriptor(kind) || (one != CLOSE && other != CLOSE));
        for (int order = 0; usable && order < 6; order++) {
            for (int pause = 0; pause < 4; pause++) {
                enum action actions[5];
                size_t count = 0;
                if (kind == PENDING_SIGNAL_EACH && orders[order][0] != 0)
                    continue; /* a signal that nobody asks for any more would end the process */
                for (int step = 0; step < 3; step++) {
                    if (pause == step)
                        actions[count++] = SETTLE;
                    actions[count++] = three[orders[order][step]];
                }
                run_race(loop, kind, actions, count);
            }
        }
    }
}

WORLDS_WITHOUT(promise_06_cancel_races_completion_and_loses_nothing, LINK | SMALL,
               "counts what has come at once")
BACKEND_TEST(promise_06_cancel_races_completion_and_loses_nothing)
{
    race_all(loop, CANCEL, CANCEL);
}

WORLDS_WITHOUT(promise_07_deadline_races_completion_and_cancel, LINK | SMALL,
               "counts what has come at once")
BACKEND_TEST(promise_07_deadline_races_completion_and_cancel)
{
    race_all(loop, DEADLINE, CANCEL);
}

BACKEND_TEST(promise_08_close_races_completion_and_cancel)
{
    race_all(loop, CLOSE, CANCEL);
}

BACKEND_TEST(promise_08_close_races_completion_and_deadline)
{
    race_all(loop, CLOSE, DEADLINE);
}

BACKEND_TEST(promise_03_completion_gives_the_real_result)
{
    FOR_EACH_PENDING(kind)
    {
        if (!pending_completable(kind))
            continue;
        struct pending pending = {0};
        pending_start(loop, &pending, kind);
        harness_settle(loop);
        pending_complete(&pending);
        while (pending.recorder.calls == 0)
            assert_true(hark_run_once(loop) >= 0);
        int64_t result = pending.recorder.results[0];
        assert_int_equal(pending.recorder.more[0], pending_repeats(kind));
        hark_cancel(&pending.recorder.op);
        harness_run(loop);
        if (pending_repeats(kind))
            assert_result(pending.recorder.result, -ECANCELED);
        else
            assert_int_equal(pending.recorder.calls, 1);
        pending_check_real(loop, &pending, result);
        pending_release(loop, &pending);
    }
}

/* Two ops in which each one's callback ends the other. */
struct duel {
    struct pending one;
    struct pending other;
};

static void cancel_other(struct harness_op *self, int64_t result)
{
    (void)result;
    hark_cancel(self->context);
}

BACKEND_TEST(promise_06_two_callbacks_cancel_each_other)
{
    FOR_EACH_PENDING(kind)
    {
        if (!pending_completable(kind) || kind == PENDING_SIGNAL_EACH)
            continue;
        struct duel *duel = calloc(1, sizeof *duel);
        assert_non_null(duel);
        duel->one.recorder.then = duel->other.recorder.then = cancel_other;
        duel->one.recorder.context = &duel->other.recorder.op;
        duel->other.recorder.context = &duel->one.recorder.op;
        pending_start(loop, &duel->one, kind);
        pending_start(loop, &duel->other, kind);
        harness_settle(loop);
        pending_complete(&duel->one);
        pending_complete(&duel->other);
        if (pending_repeats(kind)) { /* the last one standing has nobody left to cancel it */
            while (duel->one.recorder.calls + duel->other.recorder.calls < 2)
                assert_true(hark_run_once(loop) >= 0);
            hark_cancel_all(loop);
        }
        harness_run(loop);
        assert_true(duel->one.recorder.ended && duel->other.recorder.ended);
        close_accepted(loop, &duel->one);
        close_accepted(loop, &duel->other);
        pending_release(loop, &duel->one);
        pending_release(loop, &duel->other);
        free(duel);
    }
}

enum ending { BY_CANCEL, BY_DEADLINE, BY_CLOSE, ENDINGS };

struct refusal {
    struct harness_op writing;
    struct harness_op closing;
    int fd;
    enum ending ending;
};

/* The room that the write was woken for is taken, and the write is ended. */
static void fill_and_end(struct harness_op *self, int64_t result)
{
    struct refusal *refusal = self->context;
    assert_result(result, 1);
    harness_stuff(refusal->fd);
    if (refusal->ending == BY_CANCEL)
        hark_cancel(&refusal->writing.op);
    else if (refusal->ending == BY_DEADLINE)
        hark_op_deadline(&refusal->writing.op, 0);
    else
        hark_close(self->op.loop, &refusal->closing.op, refusal->fd, harness_done);
}

BACKEND_TEST(promise_06_send_ended_between_its_wake_up_and_its_next_try_says_so)
{
    static const int64_t wanted[ENDINGS] = {-ECANCELED, -ETIMEDOUT, -ECANCELED};
    static char sink[1 << 16];
    for (int ending = 0; ending < ENDINGS; ending++) {
        int ends[2];
        int trigger[2];
        char byte[1];
        struct refusal refusal = {.ending = (enum ending)ending};
        struct harness_op receiving = {.then = fill_and_end, .context = &refusal};
        harness_socket_pair(loop, ends);
        harness_socket_pair(loop, trigger);
        refusal.fd = ends[1];
        harness_stuff(ends[1]);
        hark_send(loop, &refusal.writing.op, ends[1], "x", 1, 0, harness_done);
        hark_recv(loop, &receiving.op, trigger[0], byte, 1, 0, harness_done);
        harness_settle(loop);
        while (read(ends[0], sink, sizeof sink) > 0)
            ;
        assert_int_equal(write(trigger[1], "!", 1), 1); /* both are woken together */
        harness_run(loop);
        if (refusal.writing.result != 1) /* it had been written already */
            assert_result(refusal.writing.result, wanted[ending]);
        harness_close(loop, ends[0]);
        if (ending != BY_CLOSE)
            harness_close(loop, ends[1]);
        harness_close(loop, trigger[0]);
        harness_close(loop, trigger[1]);
    }
}
