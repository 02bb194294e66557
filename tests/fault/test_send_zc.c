/* test_send_zc.c - sends without a copy while the kernel fails, or refuses what ends them. */
#include "fault/faults.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { LONG = 200000 };

/* Whether this loop's kernel sends without a copy. */
static bool has_it(const struct hark_loop *loop)
{
    const struct hark_feature *features;
    size_t count = hark_loop_features(loop, &features);
    for (size_t i = 0; i < count; i++)
        if (strcmp(features[i].name, "send_zc") == 0)
            return features[i].used;
    return false;
}

/* One that takes nothing more while nobody receives, and one that takes LONG bytes at once. */
static void open_narrow(struct hark_loop *loop, int ends[2])
{
    const int small = 4096;
    harness_tcp_pair(loop, ends);
    assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    harness_make_room(ends[0], LONG);
}

/* As a filter does, and the kernel while another thread is in a call on the socket. */
BACKEND_TEST(send_zc_whose_connection_cannot_be_undone_ends_even_so)
{
    static const int errors[] = {-EPERM, -EBUSY};
    char *bytes = calloc(1, LONG);
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        int ends[2];
        struct harness_op op = {0};
        open_narrow(loop, ends);
        hark_send_zc(loop, &op.op, ends[0], bytes, LONG, 0, harness_done);
        harness_settle(loop);
        assert_true(op.ended || has_it(loop));
        int number = FAULT(.calls = "kernel_connect", .error = errors[i], .times = FAULT_FOR_EVER);
        hark_cancel(&op.op);
        assert_result(harness_wait(loop, &op), LONG);
        fault_end(number);
        harness_close(loop, ends[0]);
        harness_close(loop, ends[1]);
    }
    free(bytes);
}

/* Of other families nobody knows when they let go. */
BACKEND_TEST(send_zc_over_what_is_not_of_the_internet_is_a_plain_send_from_the_first)
{
    int ends[2];
    char in[3];
    harness_socket_pair(loop, ends);
    int number = FAULT(.calls = "kernel_getsockopt", .after = FAULT_FOR_EVER);
    for (int i = 0; i < 3; i++) {
        struct harness_op op = {0};
        hark_send_zc(loop, &op.op, ends[0], "abc", 3, 0, harness_done);
        assert_result(harness_wait(loop, &op), 3);
        assert_int_equal(recv(ends[1], in, sizeof in, 0), 3);
    }
    if (has_it(loop))
        assert_int_equal(fault_seen(number), 1); /* what it is */
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(send_zc_of_which_a_call_fails_tells_its_error)
{
    int ends[2];
    struct harness_op op = {0};
    if (harness_backend() == HARK_BACKEND_URING)
        harness_skip("the kernel makes the call itself");
    harness_tcp_pair(loop, ends);
    FAULT(.calls = "kernel_send", .error = -ENOBUFS);
    hark_send_zc(loop, &op.op, ends[0], "abc", 3, 0, harness_done);
    assert_result(harness_wait(loop, &op), -ENOBUFS);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(send_zc_of_all_sends_all_some_bytes_at_a_time)
{
    static char out[3000], in[3000];
    int ends[2];
    struct harness_op sending = {0}, receiving = {0};
    harness_tcp_pair(loop, ends);
    harness_fill(out, sizeof out, 5);
    int number = FAULT(.calls = "kernel_send", .at_most = 7, .times = FAULT_FOR_EVER);
    hark_send_zc(loop, &sending.op, ends[0], out, sizeof out, MSG_WAITALL, harness_done);
    hark_recv(loop, &receiving.op, ends[1], in, sizeof in, MSG_WAITALL, harness_done);
    harness_run(loop);
    assert_result(sending.result, sizeof out);
    assert_result(receiving.result, sizeof in);
    assert_true(harness_filled(in, sizeof in, 5));
    assert_true(harness_backend() == HARK_BACKEND_URING || fault_met(number) >= 400);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}
