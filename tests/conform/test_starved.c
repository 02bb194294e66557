/* test_starved.c - buffer.h: hark_recv_each waits while the pool is empty, and no longer: a program
 * that keeps most of the pool, because it waits for the rest of a message, gets that rest through
 * the one buffer that it gives back. */
#include "harness/harness.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFERS = 4, SIZE = 64, PIECES = 12, CONNECTIONS = 3 };

/* A receiver that keeps every buffer it is lent. */
struct keeper {
    struct harness_op op;
    int ends[2];
    void *kept[PIECES];
    int count;
};

static void keep_it(struct harness_op *self, int64_t result)
{
    struct keeper *keeper = self->context;
    if (result > 0)
        keeper->kept[keeper->count++] = hark_buffer_keep(&self->op);
}

static void start_keeper(struct hark_loop *loop, struct keeper *keeper, int pieces)
{
    char piece[SIZE];
    memset(keeper, 0, sizeof *keeper);
    memset(piece, 'x', sizeof piece);
    keeper->op.then = keep_it;
    keeper->op.context = keeper;
    harness_socket_pair(loop, keeper->ends);
    harness_make_room(keeper->ends[1], 1 << 16);
    for (int index = 0; index < pieces; index++)
        assert_int_equal(write(keeper->ends[1], piece, SIZE), SIZE);
    hark_recv_each(loop, &keeper->op.op, keeper->ends[0], harness_done);
}

static void end_keeper(struct hark_loop *loop, struct keeper *keeper)
{
    hark_cancel(&keeper->op.op);
    assert_result(harness_wait(loop, &keeper->op), -ECANCELED);
    while (keeper->count > 0)
        hark_buffer_return(loop, keeper->kept[--keeper->count]);
    harness_close(loop, keeper->ends[0]);
    harness_close(loop, keeper->ends[1]);
}

/* Gives one buffer back and waits for the piece that it lets in. */
static void expect_one_more(struct hark_loop *loop, struct keeper *keeper)
{
    int calls = keeper->op.calls;
    hark_buffer_return(loop, keeper->kept[--keeper->count]);
    while (keeper->op.calls == calls)
        assert_result(hark_run_once(loop), 1);
    harness_settle(loop);
    assert_int_equal(keeper->op.calls, calls + 1);
}

BACKEND_TEST_WITH(starved_receive_goes_on_with_each_buffer_that_comes_back, .buffer_count = BUFFERS,
                  .buffer_bytes = SIZE)
{
    struct keeper keeper;
    start_keeper(loop, &keeper, PIECES);
    harness_settle(loop);
    assert_int_equal(keeper.op.calls, BUFFERS);
    for (int piece = BUFFERS; piece < PIECES; piece++) /* three of the four stay with the program */
        expect_one_more(loop, &keeper);
    assert_int_equal(keeper.op.total, PIECES * SIZE);
    end_keeper(loop, &keeper);
}

BACKEND_TEST_WITH(starved_receives_of_many_connections_all_go_on_one_by_one,
                  .buffer_count = BUFFERS, .buffer_bytes = SIZE)
{
    struct keeper keepers[CONNECTIONS];
    for (int index = 0; index < CONNECTIONS; index++)
        start_keeper(loop, &keepers[index], 4);
    uint64_t wanted = CONNECTIONS * 4 * SIZE;
    for (;;) {
        uint64_t total = 0;
        int holder = -1;
        harness_settle(loop);
        for (int index = 0; index < CONNECTIONS; index++) {
            total += keepers[index].op.total;
            holder = keepers[index].count > 0 ? index : holder;
        }
        if (total == wanted)
            break;
        assert_true(holder >= 0);
        hark_buffer_return(loop, keepers[holder].kept[--keepers[holder].count]);
        uint64_t before = total;
        while (total == before) { /* somebody gets it */
            assert_result(hark_run_once(loop), 1);
            total = 0;
            for (int index = 0; index < CONNECTIONS; index++)
                total += keepers[index].op.total;
        }
    }
    for (int index = 0; index < CONNECTIONS; index++)
        end_keeper(loop, &keepers[index]);
}

BACKEND_TEST_WITH(starved_receive_that_gets_a_buffer_and_no_data_leaves_it_to_others,
                  .buffer_count = 1, .buffer_bytes = SIZE)
{
    struct keeper keeper;
    struct keeper other;
    start_keeper(loop, &keeper, 1);
    harness_settle(loop);
    assert_int_equal(keeper.op.calls, 1);
    start_keeper(loop, &other, 1); /* starves */
    harness_settle(loop);
    assert_int_equal(other.op.calls, 0);
    assert_int_equal(write(keeper.ends[1], "y", 1), 1); /* and so does this one */
    harness_settle(loop);
    hark_cancel(&other.op.op);
    assert_result(harness_wait(loop, &other.op), -ECANCELED);
    expect_one_more(loop, &keeper); /* the buffer is not lost with the one that was cancelled */
    harness_close(loop, other.ends[0]);
    harness_close(loop, other.ends[1]);
    end_keeper(loop, &keeper);
}

/* What the first of them could have received was received by another op, and it is known that there
 * is no more. */
BACKEND_TEST_WITH(buffer_that_the_first_has_no_use_for_reaches_the_next, .buffer_count = 1,
                  .buffer_bytes = SIZE)
{
    struct keeper holder;
    struct harness_op starved[2] = {0};
    struct harness_op taking[2] = {0};
    int ends[2][2];
    char byte[1];
    start_keeper(loop, &holder, 1);
    while (holder.op.calls == 0)
        assert_result(hark_run_once(loop), 1);
    for (int index = 0; index < 2; index++) {
        harness_socket_pair(loop, ends[index]);
        assert_int_equal(write(ends[index][1], "x", 1), 1);
        hark_recv_each(loop, &starved[index].op, ends[index][0], harness_done);
        harness_settle(loop);
        assert_int_equal(starved[index].calls, 0);
    }
    hark_recv(loop, &taking[0].op, ends[0][0], byte, 1, 0, harness_done);
    assert_result(harness_wait(loop, &taking[0]), 1);
    hark_recv(loop, &taking[1].op, ends[0][0], byte, 1, 0, harness_done);
    harness_settle(loop);
    assert_int_equal(taking[1].calls, 0);
    hark_buffer_return(loop, holder.kept[--holder.count]);
    while (starved[1].calls == 0)
        assert_result(hark_run_once(loop), 1);
    assert_result(starved[1].result, 1);
    assert_int_equal(starved[0].calls, 0);
    hark_cancel_all(loop);
    harness_run(loop);
    for (int index = 0; index < 2; index++) {
        harness_close(loop, ends[index][0]);
        harness_close(loop, ends[index][1]);
    }
    harness_close(loop, holder.ends[0]);
    harness_close(loop, holder.ends[1]);
}

BACKEND_TEST_WITH(returned_buffer_reaches_the_one_that_has_bytes, .buffer_count = 1,
                  .buffer_bytes = SIZE)
{
    enum { IDLE = 3 };
    int other[2];
    int idle[IDLE][2];
    struct keeper holder;
    struct harness_op waiting[IDLE] = {0};
    struct harness_op receiving = {0};
    harness_socket_pair(loop, other);
    start_keeper(loop, &holder, 1);
    while (holder.op.calls == 0)
        assert_result(hark_run_once(loop), 1);
    for (int index = 0; index < IDLE;
         index++) { /* these find the pool empty and have nothing to receive */
        harness_socket_pair(loop, idle[index]);
        hark_recv_each(loop, &waiting[index].op, idle[index][0], harness_done);
    }
    harness_settle(loop);
    hark_recv_each(loop, &receiving.op, other[0], harness_done);
    assert_int_equal(write(other[1], "y", 1), 1);
    harness_settle(loop);
    assert_int_equal(receiving.calls, 0);
    hark_buffer_return(loop, holder.kept[--holder.count]);
    while (receiving.calls == 0)
        assert_result(hark_run_once(loop), 1);
    assert_result(receiving.result, 1);
    hark_cancel_all(loop);
    harness_run(loop);
    for (int index = 0; index < IDLE; index++) {
        harness_close(loop, idle[index][0]);
        harness_close(loop, idle[index][1]);
    }
    harness_close(loop, holder.ends[0]);
    harness_close(loop, holder.ends[1]);
    harness_close(loop, other[0]);
    harness_close(loop, other[1]);
}
