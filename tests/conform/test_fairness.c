/* test_fairness.c - promise 11: a turn handles a bounded batch; nothing that is busy keeps others
 * waiting. Counted in turns and callbacks, never in time. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TURN_MAX = 16, ENOUGH_TURNS = 50 };

static bool stop_spinning;

/* Callbacks that never let go. */
static void defer_for_ever(struct harness_op *self, int64_t result)
{
    (void)result;
    if (stop_spinning)
        return;
    self->ended = false;
    hark_defer(self->op.loop, &self->op, harness_done);
}

static void nop_for_ever(struct harness_op *self, int64_t result)
{
    (void)result;
    if (stop_spinning)
        return;
    self->ended = false;
    hark_nop(self->op.loop, &self->op, harness_done);
}

static void post_for_ever(struct harness_op *self, int64_t result)
{
    (void)result;
    if (stop_spinning)
        return;
    self->ended = false;
    hark_post(self->op.loop, &self->op, harness_done);
}

static void sleep_for_ever(struct harness_op *self, int64_t result)
{
    (void)result;
    if (stop_spinning)
        return;
    self->ended = false;
    hark_sleep_until(self->op.loop, &self->op, 0, harness_done);
}

/* A socket that always has a byte to receive: what is received is sent again. */
static void echo_for_ever(struct harness_op *self, int64_t result)
{
    const int *ends = self->context;
    assert_result(result, 1);
    if (stop_spinning)
        return;
    self->ended = false;
    assert_int_equal(write(ends[1], "x", 1), 1);
    hark_recv(self->op.loop, &self->op, ends[0], self->into, 1, 0, harness_done);
}

static void write_for_ever(struct harness_op *self, int64_t result)
{
    const int *ends = self->context;
    if (result > 0 && !stop_spinning && write(ends[1], "x", 1) != 1)
        fail();
    if (result > 0 && stop_spinning)
        hark_cancel(&self->op);
}

/* Asserts that what is ready is handled within a few turns, while the others spin. */
static void assert_not_starved(struct hark_loop *loop, const struct harness_op *ready,
                               int ready_count)
{
    int ended = 0;
    for (int turn = 0; turn < ENOUGH_TURNS && ended < ready_count; turn++) {
        assert_result(hark_run_ready(loop), 1);
        ended = 0;
        for (int index = 0; index < ready_count; index++)
            ended += ready[index].ended;
    }
    assert_int_equal(ended, ready_count);
}

enum spinner { DEFER, NOP, POST, TIMER, ECHO, ECHO_EACH, SPINNERS };

static void start_spinner(struct hark_loop *loop, struct harness_op *op, enum spinner spinner,
                          int *ends, char *byte)
{
    op->into = byte;
    op->into_room = 1u << 30;
    op->context = ends;
    harness_socket_pair(loop, ends);
    switch (spinner) {
    case DEFER:
        op->then = defer_for_ever;
        return hark_defer(loop, &op->op, harness_done);
    case NOP:
        op->then = nop_for_ever;
        return hark_nop(loop, &op->op, harness_done);
    case POST:
        op->then = post_for_ever;
        return hark_post(loop, &op->op, harness_done);
    case TIMER:
        op->then = sleep_for_ever;
        return hark_sleep_until(loop, &op->op, 0, harness_done);
    case ECHO:
        op->then = echo_for_ever;
        assert_int_equal(write(ends[1], "x", 1), 1);
        return hark_recv(loop, &op->op, ends[0], byte, 1, 0, harness_done);
    case ECHO_EACH:
        op->then = write_for_ever;
        op->into = NULL;
        assert_int_equal(write(ends[1], "x", 1), 1);
        return hark_recv_each(loop, &op->op, ends[0], harness_done);
    case SPINNERS:
        break;
    }
}

BACKEND_TEST_WITH(promise_11_nothing_busy_starves_timers_or_sockets, .turn_max = TURN_MAX)
{
    for (enum spinner spinner = 0; spinner < SPINNERS; spinner++) {
        struct harness_op spin[3] = {0};
        struct harness_op ready[4] = {0};
        int spin_ends[3][2];
        char spin_bytes[3];
        int ends[2];
        char byte[1];
        stop_spinning = false;
        for (int index = 0; index < 3; index++)
            start_spinner(loop, &spin[index], spinner, spin_ends[index], &spin_bytes[index]);
        harness_turns(loop, 10);
        harness_tcp_pair(loop, ends);
        hark_recv(loop, &ready[0].op, ends[0], byte, 1, 0, harness_done);
        hark_poll(loop, &ready[1].op, ends[0], HARK_POLL_READABLE, harness_done);
        hark_sleep_until(loop, &ready[2].op, 0, harness_done);
        hark_sleep_until(loop, &ready[3].op, HARK_NEVER, harness_done);
        hark_op_deadline(&ready[3].op, 0);
        assert_int_equal(write(ends[1], "xyz", 3), 3);
        assert_not_starved(loop, ready, 4);
        assert_result(ready[0].result, 1);
        assert_result(ready[3].result, -ETIMEDOUT);
        for (int index = 0; index < 3; index++)
            while (spin[index].calls <= 3) /* it does spin */
                harness_turns(loop, 1);
        stop_spinning = true;
        harness_run(loop);
        for (int index = 0; index < 3; index++) {
            harness_close(loop, spin_ends[index][0]);
            harness_close(loop, spin_ends[index][1]);
        }
        harness_close(loop, ends[0]);
        harness_close(loop, ends[1]);
    }
}

BACKEND_TEST_WITH(promise_11_a_turn_handles_a_bounded_batch, .turn_max = TURN_MAX)
{
    static struct harness_op ops[1000];
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    uint64_t last = 0;
    for (int index = 0; index < 1000; index++) {
        if (index % 2)
            hark_nop(loop, &ops[index].op, harness_done);
        else
            hark_sleep_until(loop, &ops[index].op, 0, harness_done);
    }
    while (hark_loop_active(loop) > 0) {
        assert_true(hark_run_ready(loop) >= 0);
        uint64_t now = metrics->handled[HARK_OP_NOP] + metrics->handled[HARK_OP_SLEEP];
        assert_true(now - last <= 3 * TURN_MAX);
        last = now;
    }
    assert_int_equal(last, 1000);
}

BACKEND_TEST_WITH(promise_11_a_turn_accepts_a_bounded_number_of_connections, .turn_max = 4)
{
    enum { CLIENTS = 40 };
    struct hark_address address;
    struct harness_op accepting = {0};
    int clients[CLIENTS];
    int listening = harness_listen(loop, &address);
    for (int index = 0; index < CLIENTS; index++) {
        clients[index] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(clients[index], &address.name.any, address.length), 0);
    }
    hark_accept_each(loop, &accepting.op, listening, harness_done);
    for (int before = 0; accepting.calls < CLIENTS; before = accepting.calls) {
        assert_true(hark_run_ready(loop) >= 0);
        assert_true(accepting.calls - before <= 3 * 4);
    }
    hark_cancel(&accepting.op);
    assert_result(harness_wait(loop, &accepting), -ECANCELED);
    for (int index = 0; index < CLIENTS; index++) {
        close(clients[index]);
        harness_close(loop, (int)accepting.results[index]);
    }
    harness_close(loop, listening);
}

/* Each connection that is accepted is followed by another. */
static void accept_and_call(struct harness_op *self, int64_t result)
{
    const struct hark_address *address = self->context;
    if (result < 0)
        return;
    assert_int_equal(hark_os_close(self->op.loop, (int)result), 0);
    if (!address)
        return;
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, &address->name.any, address->length), 0);
    close(client);
}

BACKEND_TEST_WITH(promise_11_a_flooded_listener_does_not_keep_others_from_their_connections,
                  .turn_max = 4)
{
    enum { LISTENERS = 3, QUEUED = 16 };
    struct hark_address addresses[LISTENERS];
    struct harness_op accepting[LISTENERS] = {0};
    int listening[LISTENERS];
    for (int index = 0; index < LISTENERS; index++) {
        listening[index] = harness_listen(loop, &addresses[index]);
        accepting[index].context = &addresses[index];
        accepting[index].then = accept_and_call;
        for (int count = 0; count < QUEUED; count++) {
            int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            assert_int_equal(connect(client, &addresses[index].name.any, addresses[index].length),
                             0);
            close(client);
        }
        hark_accept_each(loop, &accepting[index].op, listening[index], harness_done);
    }
    harness_turns(loop, ENOUGH_TURNS);
    for (int index = 0; index < LISTENERS; index++)
        assert_true(accepting[index].calls >= ENOUGH_TURNS / 4);
    for (int index = 0; index < LISTENERS; index++) {
        accepting[index].context = NULL;
        hark_cancel(&accepting[index].op);
    }
    for (int index = 0; index < LISTENERS; index++) {
        harness_wait(loop, &accepting[index]);
        harness_close(loop, listening[index]);
    }
}

BACKEND_TEST_WITH(promise_11_one_descriptor_full_of_data_does_not_keep_the_others,
                  .turn_max = TURN_MAX, .buffer_bytes = 64, .buffer_count = 256)
{
    enum { OTHERS = 20 };
    struct harness_op flood = {0};
    struct harness_op others[OTHERS] = {0};
    int full[2];
    int ends[OTHERS][2];
    harness_tcp_pair(loop, full);
    harness_stuff(full[1]);
    hark_recv_each(loop, &flood.op, full[0], harness_done);
    for (int index = 0; index < OTHERS; index++) {
        harness_socket_pair(loop, ends[index]);
        hark_poll(loop, &others[index].op, ends[index][0], HARK_POLL_READABLE, harness_done);
        assert_int_equal(write(ends[index][1], "x", 1), 1);
    }
    assert_not_starved(loop, others, OTHERS);
    hark_cancel(&flood.op);
    harness_run(loop);
    harness_close(loop, full[0]);
    harness_close(loop, full[1]);
    for (int index = 0; index < OTHERS; index++) {
        harness_close(loop, ends[index][0]);
        harness_close(loop, ends[index][1]);
    }
}

/* A receiver whose socket never runs out: what it takes its peer sends anew. */
struct glutton {
    struct harness_op receive;
    int ends[2];
};

static void take_and_refill(struct harness_op *self, int64_t result)
{
    static const char bytes[1024];
    const struct glutton *glutton = self->context;
    while (result > 0) {
        size_t piece = (size_t)result < sizeof bytes ? (size_t)result : sizeof bytes;
        if (send(glutton->ends[1], bytes, piece, MSG_DONTWAIT) < 0)
            break; /* fuller than full: other wake-ups have made up for it */
        result -= (int64_t)piece;
    }
}

/* Every receiver gets at least half of what it would get if all got the same. */
static void share_buffers(struct hark_loop *loop, int receivers, int buffers)
{
    enum { ROUNDS = 40, MOST = 300 };
    static struct glutton gluttons[MOST];
    memset(gluttons, 0, sizeof gluttons);
    for (int index = 0; index < receivers; index++) {
        struct glutton *glutton = &gluttons[index];
        glutton->receive.then = take_and_refill;
        glutton->receive.context = glutton;
        harness_socket_pair(loop, glutton->ends);
        harness_stuff(glutton->ends[1]);
        hark_recv_each(loop, &glutton->receive.op, glutton->ends[0], harness_done);
    }
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    uint64_t all = (uint64_t)receivers * ROUNDS;
    while (metrics->repeated[HARK_OP_RECV_EACH] < all)
        assert_result(hark_run_once(loop), 1);
    for (int index = 0; index < receivers; index++)
        if (gluttons[index].receive.calls < ROUNDS / 2)
            fail_msg("receiver %d of %d, with %d buffers: called %d times", index, receivers,
                     buffers, gluttons[index].receive.calls);
    hark_cancel_all(loop);
    harness_run(loop);
    for (int index = 0; index < receivers; index++) {
        harness_close(loop, gluttons[index].ends[0]);
        harness_close(loop, gluttons[index].ends[1]);
    }
}

BACKEND_TEST_WITH(promise_11_receivers_share_a_single_buffer, .buffer_count = 1, .buffer_bytes = 64)
{
    share_buffers(loop, 5, 1);
}

BACKEND_TEST_WITH(promise_11_receivers_share_a_few_buffers, .buffer_count = 4, .buffer_bytes = 64)
{
    share_buffers(loop, 12, 4);
}

WORLDS_WITHOUT(promise_11_receivers_share_the_buffers_of_the_defaults, LINK | SMALL | RING,
               "sockets that never run out, and all alike")
BACKEND_TEST(promise_11_receivers_share_the_buffers_of_the_defaults)
{
    share_buffers(loop, 100, 256);
}
