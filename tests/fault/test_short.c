/* test_short.c - the kernel moves fewer bytes than were asked for, as it may at any time: what was
 * asked for whole comes whole. On uring the kernel does so itself, and nothing can be made less. */
#include "fault/faults.h"

enum { BYTES = 3000 };

/* Sends the bytes over a pair of sockets and receives them, both in one op. */
static void send_whole(struct hark_loop *loop)
{
    static char out[BYTES], in[BYTES];
    struct harness_op sending = {0};
    struct harness_op receiving = {0};
    int ends[2];
    harness_fill(out, BYTES, 7);
    harness_socket_pair(loop, ends);
    hark_recv(loop, &receiving.op, ends[0], in, BYTES, MSG_WAITALL, harness_done);
    hark_send(loop, &sending.op, ends[1], out, BYTES, MSG_WAITALL, harness_done);
    harness_run(loop);
    assert_result(sending.result, BYTES);
    assert_result(receiving.result, BYTES);
    assert_true(harness_filled(in, BYTES, 7));
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(receive_that_waits_for_all_gets_all_a_byte_at_a_time)
{
    int number = FAULT(.calls = "kernel_recv", .at_most = 1, .times = FAULT_FOR_EVER);
    send_whole(loop);
    assert_true(harness_backend() == HARK_BACKEND_URING || fault_met(number) >= BYTES);
}

BACKEND_TEST(send_of_all_sends_all_some_bytes_at_a_time)
{
    int number = FAULT(.calls = "kernel_send", .at_most = 7, .times = FAULT_FOR_EVER);
    send_whole(loop);
    assert_true(harness_backend() == HARK_BACKEND_URING || fault_met(number) >= BYTES / 7);
}
