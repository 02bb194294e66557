/* test_sendfile.c - hark_sendfile_start while calls of the kernel fail, one after the other. */
#include "fault/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

struct transfer {
    struct hark_sendfile sending;
    bool ended;
    int error;
};

static void done(struct hark_sendfile *sending, int error)
{
    struct transfer *transfer = hark_container_of(sending, struct transfer, sending);
    transfer->ended = true;
    transfer->error = error;
}

/* Sends a file of 10 bytes. Gives: its error. */
static int send_file(struct hark_loop *loop, uint64_t *out_count)
{
    int ends[2];
    struct transfer transfer = {0};
    int file = harness_file("file", "0123456789", 10);
    harness_socket_pair(loop, ends);
    hark_sendfile_start(loop, &transfer.sending, file, 0, ends[0], UINT64_MAX, NULL, done);
    harness_run_until(loop, &transfer.ended);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
    harness_close(loop, file);
    *out_count = transfer.sending.count;
    return transfer.error;
}

BACKEND_TEST(sendfile_without_descriptors_for_a_pipe_tells_so)
{
    uint64_t count;
    int number = FAULT(.calls = "kernel_pipe2", .error = -EMFILE);
    assert_result(send_file(loop, &count), -EMFILE);
    assert_int_equal(fault_met(number), 1);
    assert_result(send_file(loop, &count), 0);
    assert_int_equal(count, 10);
}

/* Its pipe then stays as the kernel has made it. */
BACKEND_TEST(sendfile_whose_pipe_cannot_be_made_larger_sends_all_the_same)
{
    int ends[2];
    struct transfer transfer = {0};
    int file = harness_file("file", "0123456789", 10);
    harness_socket_pair(loop, ends);
    int number = FAULT(.calls = "kernel_fcntl", .error = -EPERM); /* its first is that */
    hark_sendfile_start(loop, &transfer.sending, file, 0, ends[0], UINT64_MAX, NULL, done);
    harness_run_until(loop, &transfer.ended);
    assert_int_equal(fault_met(number), 1);
    assert_result(transfer.error, 0);
    assert_int_equal(transfer.sending.count, 10);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
    harness_close(loop, file);
}

/* Whichever of its splices fails, nothing stays open and it is told once. */
BACKEND_TEST(sendfile_of_which_a_splice_fails_tells_its_error)
{
    uint64_t count;
    bool met = true;
    for (uint64_t after = 0; met; after++) {
        int number = FAULT(.calls = "kernel_splice", .after = after, .error = -EIO);
        int error = send_file(loop, &count);
        met = fault_met(number) > 0;
        assert_result(error, met ? -EIO : 0);
        assert_int_equal(count, !met || after > 1 ? 10 : 0);
        fault_end(number);
    }
}
