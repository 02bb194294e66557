/* test_recv_each.c - receiving again and again into buffers that the loop lends. */
#include "harness/harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

BACKEND_TEST(recv_each_gives_every_piece_and_zero_at_the_end)
{
    int ends[2];
    char in[1000];
    char out[1000];
    struct harness_op receive = {.into = in, .into_room = sizeof in};
    harness_tcp_pair(loop, ends);
    harness_fill(out, sizeof out, 5);
    hark_recv_each(loop, &receive.op, ends[1], harness_done);
    for (int piece = 0; piece < 10; piece++) {
        assert_int_equal(write(ends[0], out + piece * 100, 100), 100);
        while (receive.total < (uint64_t)(piece + 1) * 100)
            assert_result(hark_run_once(loop), 1);
    }
    harness_close(loop, ends[0]);
    harness_run(loop);
    assert_result(receive.result, 0);
    assert_int_equal(receive.total, 1000);
    assert_true(harness_filled(in, sizeof in, 5));
    for (int call = 0; call < receive.calls; call++)
        assert_int_equal(receive.more[call], call + 1 < receive.calls);
    harness_close(loop, ends[1]);
}

static void measure(struct harness_op *self, int64_t result)
{
    assert_true(result <= (int64_t)hark_buffer_size(self->op.loop));
}

BACKEND_TEST_WITH(recv_each_gives_no_more_at_once_than_a_buffer_holds, .buffer_bytes = 64)
{
    int ends[2];
    char out[1000];
    struct harness_op receive = {.then = measure};
    harness_socket_pair(loop, ends);
    harness_fill(out, sizeof out, 6);
    assert_int_equal(write(ends[0], out, sizeof out), sizeof out);
    hark_recv_each(loop, &receive.op, ends[1], harness_done);
    close(ends[0]);
    harness_run(loop);
    assert_int_equal(receive.total, sizeof out);
    harness_close(loop, ends[1]);
}

static void look_at_buffer(struct harness_op *self, int64_t result)
{
    if (result > 0)
        assert_non_null(hark_op_buffer(&self->op));
    else
        assert_null(hark_op_buffer(&self->op));
}

BACKEND_TEST(recv_each_lends_a_buffer_only_with_bytes)
{
    int ends[2];
    struct harness_op receive = {.then = look_at_buffer};
    harness_socket_pair(loop, ends);
    hark_recv_each(loop, &receive.op, ends[1], harness_done);
    assert_int_equal(write(ends[0], "abc", 3), 3);
    harness_settle(loop);
    close(ends[0]);
    harness_run(loop);
    assert_int_equal(receive.total, 3);
    assert_true(hark_buffer_size(loop) >= 16384);
    harness_close(loop, ends[1]);
}

static void keep_it(struct harness_op *self, int64_t result)
{
    void **kept = self->context;
    if (result <= 0)
        return;
    while (*kept)
        kept++;
    *kept = hark_buffer_keep(&self->op);
    assert_non_null(*kept);
    assert_null(hark_buffer_keep(&self->op)); /* it is gone from the op */
}

BACKEND_TEST_WITH(recv_each_waits_while_the_pool_is_empty_and_goes_on, .buffer_count = 4,
                  .buffer_bytes = 64)
{
    enum { COUNT = 1000 };
    int ends[2];
    void *kept[8] = {NULL};
    char out[COUNT];
    char in[COUNT];
    struct harness_op receive = {.then = keep_it, .context = kept, .into = in, .into_room = COUNT};
    assert_int_equal(hark_buffer_size(loop), 64);
    harness_fill(out, COUNT, 9);
    harness_socket_pair(loop, ends);
    hark_recv_each(loop, &receive.op, ends[1], harness_done);
    assert_int_equal(write(ends[0], out, COUNT), COUNT);
    while (receive.total < COUNT) {
        harness_settle(loop);
        assert_true(hark_op_active(&receive.op)); /* an empty pool does not end it */
        assert_null(kept[4]);
        if (receive.total < COUNT)
            assert_non_null(kept[0]);
        for (int index = 0; index < 8; index++) {
            hark_buffer_return(loop, kept[index]);
            kept[index] = NULL;
        }
    }
    assert_true(hark_loop_metrics(loop)->buffers_exhausted > 0);
    assert_true(harness_filled(in, COUNT, 9));
    close(ends[0]);
    harness_run(loop);
    assert_result(receive.result, 0);
    for (int index = 0; index < 8; index++)
        hark_buffer_return(loop, kept[index]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST_WITH(recv_each_that_waits_for_a_buffer_can_be_cancelled, .buffer_count = 1,
                  .buffer_bytes = 64)
{
    for (int how = 0; how < 3; how++) {
        int ends[2];
        void *kept[8] = {NULL};
        struct harness_op receive = {.then = keep_it, .context = kept};
        struct harness_op closing = {0};
        harness_socket_pair(loop, ends);
        hark_recv_each(loop, &receive.op, ends[1], harness_done);
        for (int piece = 0; piece < 4; piece++)
            assert_int_equal(write(ends[0], "0123456789012345678901234567890123456789", 40), 40);
        harness_settle(loop);
        assert_non_null(kept[0]);
        if (how == 0)
            hark_cancel(&receive.op);
        else if (how == 1)
            hark_op_deadline(&receive.op, 0);
        else
            hark_close(loop, &closing.op, ends[1], harness_done);
        harness_run(loop);
        assert_result(receive.result, how == 1 ? -ETIMEDOUT : -ECANCELED);
        for (int index = 0; index < 8; index++)
            hark_buffer_return(loop, kept[index]);
        harness_close(loop, ends[0]);
        if (how < 2)
            harness_close(loop, ends[1]);
    }
}

BACKEND_TEST_WITH(recv_each_of_many_share_a_small_pool, .buffer_count = 2, .buffer_bytes = 128)
{
    enum { SOCKETS = 20, COUNT = 2000 };
    static char in[SOCKETS][COUNT];
    static struct harness_op receive[SOCKETS];
    int ends[SOCKETS][2];
    for (unsigned index = 0; index < SOCKETS; index++) {
        char out[COUNT];
        harness_socket_pair(loop, ends[index]);
        harness_fill(out, COUNT, index);
        receive[index].into = in[index];
        receive[index].into_room = COUNT;
        hark_recv_each(loop, &receive[index].op, ends[index][1], harness_done);
        assert_int_equal(write(ends[index][0], out, COUNT), COUNT);
        close(ends[index][0]);
    }
    harness_run(loop);
    for (unsigned index = 0; index < SOCKETS; index++) {
        assert_result(receive[index].result, 0);
        assert_int_equal(receive[index].total, COUNT);
        assert_true(harness_filled(in[index], COUNT, index));
        harness_close(loop, ends[index][1]);
    }
}

BACKEND_TEST_WITH(kept_buffer_is_not_written_until_it_is_returned, .buffer_count = 8)
{
    int ends[2];
    void *kept[8] = {NULL};
    struct harness_op receive = {.then = keep_it, .context = kept};
    char copy[3];
    harness_socket_pair(loop, ends);
    hark_recv_each(loop, &receive.op, ends[1], harness_done);
    for (int piece = 0; piece < 6; piece++) {
        char text[4];
        snprintf(text, sizeof text, "%03d", piece);
        assert_int_equal(write(ends[0], text, 3), 3);
        while (receive.calls < piece + 1)
            assert_result(hark_run_once(loop), 1);
    }
    for (int piece = 0; piece < 6; piece++) {
        snprintf(copy, sizeof copy, "%02d", piece);
        assert_memory_equal((char *)kept[piece] + 1, copy, 2);
        hark_buffer_return(loop, kept[piece]);
    }
    hark_buffer_return(loop, NULL);
    hark_cancel(&receive.op);
    harness_run(loop);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

static void close_inside(struct harness_op *self, int64_t result)
{
    struct harness_op *closing = self->context;
    if (result > 0 && !hark_op_active(&closing->op) && closing->calls == 0)
        hark_close(self->op.loop, &closing->op, self->op.fd, harness_done);
}

BACKEND_TEST(recv_each_closed_inside_its_callback_ends_with_ecanceled)
{
    int ends[2];
    struct harness_op closing = {0};
    struct harness_op receive = {.then = close_inside, .context = &closing};
    harness_socket_pair(loop, ends);
    hark_recv_each(loop, &receive.op, ends[1], harness_done);
    assert_int_equal(write(ends[0], "abc", 3), 3);
    harness_run(loop);
    assert_result(receive.result, -ECANCELED);
    assert_result(closing.result, 0);
    assert_true(receive.order < closing.order);
    harness_close(loop, ends[0]);
}

static void cancel_inside(struct harness_op *self, int64_t result)
{
    if (result > 0)
        hark_cancel(&self->op);
}

/* Cancels the receiver, and takes away what it was about to receive. */
static void cancel_and_drain(struct harness_op *self, int64_t result)
{
    struct harness_op *receive = self->context;
    char bytes[16];
    assert_result(result, 0);
    hark_cancel(&receive->op);
    (void)!recv(receive->op.fd, bytes, sizeof bytes, MSG_DONTWAIT);
}

BACKEND_TEST(recv_each_cancelled_in_the_turn_that_it_is_due_ends_though_its_data_is_gone)
{
    int ends[2];
    struct harness_op receive = {0};
    struct harness_op deferred = {.then = cancel_and_drain, .context = &receive};
    harness_socket_pair(loop, ends);
    assert_int_equal(write(ends[0], "data", 4), 4);
    hark_defer(loop, &deferred.op, harness_done);
    hark_recv_each(loop, &receive.op, ends[1], harness_done);
    harness_run(loop);
    assert_true(deferred.ended && receive.ended);
    assert_result(receive.result, -ECANCELED);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(recv_each_cancelled_inside_its_callback_ends_with_ecanceled)
{
    int ends[2];
    struct harness_op receive = {.then = cancel_inside};
    harness_socket_pair(loop, ends);
    hark_recv_each(loop, &receive.op, ends[1], harness_done);
    assert_int_equal(write(ends[0], "abc", 3), 3);
    harness_run(loop);
    assert_result(receive.result, -ECANCELED);
    assert_int_equal(receive.total, 3);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(recv_each_after_a_reset_ends_with_econnreset)
{
    int ends[2];
    struct harness_op receive = {0};
    struct linger abort_it = {.l_onoff = 1, .l_linger = 0};
    harness_tcp_pair(loop, ends);
    hark_recv_each(loop, &receive.op, ends[1], harness_done);
    harness_settle(loop);
    assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &abort_it, sizeof abort_it), 0);
    close(ends[0]);
    harness_run(loop);
    assert_result(receive.result, -ECONNRESET);
    harness_close(loop, ends[1]);
}
