/* test_kinds.c - a loop that says which kinds of ops it starts: on io_uring the kernel refuses
 * others, and all goes on that the loop needs itself. */
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define KIND(code) (UINT64_C(1) << HARK_OP_##code)

static bool on_uring(struct hark_loop *loop)
{
    return strcmp(hark_loop_backend(loop), "uring") == 0;
}

BACKEND_TEST_WITH(kinds_that_were_not_named_are_refused_by_a_ring,
                  .kinds = KIND(RECV) | KIND(STATX))
{
    struct harness_op made = {0}, looked = {0};
    struct statx status;
    char path[512];
    snprintf(path, sizeof path, "%s/made", harness_directory());
    hark_mkdirat(loop, &made.op, AT_FDCWD, path, 0700, harness_done);
    hark_statx(loop, &looked.op, AT_FDCWD, harness_directory(), 0, STATX_SIZE, &status,
               harness_done);
    harness_run(loop);
    assert_int_equal(made.result, on_uring(loop) ? -EACCES : 0);
    assert_int_equal(looked.result, 0);
}

/* Polls, timers, cancels, posts and closes. */
BACKEND_TEST_WITH(what_every_loop_needs_goes_on, .kinds = KIND(RECV))
{
    struct harness_op polled = {0}, slept = {0}, received = {0}, ended = {0};
    char byte = 0;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    hark_poll(loop, &polled.op, pair[0], HARK_POLL_WRITABLE, harness_done);
    hark_sleep(loop, &slept.op, 1, harness_done);
    hark_recv(loop, &received.op, pair[0], &byte, 1, 0, harness_done);
    hark_cancel(&received.op);
    harness_run(loop);
    assert_true(polled.result & HARK_POLL_WRITABLE);
    assert_int_equal(slept.result, 0);
    assert_int_equal(received.result, -ECANCELED);
    hark_close(loop, &ended.op, pair[0], harness_done);
    harness_run(loop);
    assert_int_equal(ended.result, 0);
    hark_os_close(loop, pair[1]);
}
