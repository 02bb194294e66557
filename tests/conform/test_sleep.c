/* test_sleep.c - promise 9: with nothing to do the loop makes no wake-up at all.
 *
 * The one place where time passes on purpose: a thread watches for three seconds how often the
 * kernel has switched to the process's threads. select takes fewer connections, as its descriptors
 * end at FD_SETSIZE. */
#include "harness/harness.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { CONNECTIONS = 1000, CONNECTIONS_ON_SELECT = 400, WATCH_SECONDS = 3 };

BACKEND_TEST(promise_09_thousand_idle_connections_make_no_wake_up)
{
    int count = harness_backend() == HARK_BACKEND_SELECT ? CONNECTIONS_ON_SELECT : CONNECTIONS;
    int(*ends)[2] = calloc((size_t)count, sizeof *ends);
    struct harness_op(*ops)[2] = calloc((size_t)count, sizeof *ops);
    char byte[1];
    struct hark_address address;
    struct harness_op accepting = {0};
    struct harness_op timer = {0};
    struct harness_op tick = {0};
    struct harness_op signals = {0};
    assert_true(ends && ops);
    int listener = harness_listen(loop, &address);
    hark_accept_each(loop, &accepting.op, listener, harness_done);
    hark_sleep(loop, &timer.op, 3600000000000u, harness_done);
    hark_every(loop, &tick.op, 7200000000000u, harness_done);
    hark_signal_each(loop, &signals.op, SIGUSR1, harness_done);
    for (int index = 0; index < count; index++) {
        harness_socket_pair(loop, ends[index]);
        hark_recv_each(loop, &ops[index][0].op, ends[index][0], harness_done);
        if (index % 3 == 0)
            hark_recv(loop, &ops[index][1].op, ends[index][1], byte, 1, 0, harness_done);
        else if (index % 3 == 1)
            hark_poll_each(loop, &ops[index][1].op, ends[index][1],
                           HARK_POLL_READABLE | HARK_POLL_EXCEPTIONAL, harness_done);
        else
            hark_read(loop, &ops[index][1].op, ends[index][1], byte, 1, HARK_AT_POSITION,
                      harness_done);
        hark_op_deadline(&ops[index][1].op, hark_os_clock(loop) + 3600000000000u);
    }
    harness_turns(loop,
                  CONNECTIONS); /* until all has reached the kernel, however small the queues */
    harness_assert_sleeps(loop, WATCH_SECONDS);
    hark_cancel_all(loop);
    harness_run(loop);
    for (int index = 0; index < count; index++) {
        assert_result(ops[index][0].result, -ECANCELED);
        assert_result(ops[index][1].result, -ECANCELED);
        harness_close(loop, ends[index][0]);
        harness_close(loop, ends[index][1]);
    }
    harness_close(loop, listener);
    free(ends);
    free(ops);
}

BACKEND_TEST(promise_09_sleeps_again_after_work_posts_and_traffic)
{
    struct harness_op forever = {0};
    struct harness_op ops[3] = {0};
    int ends[2];
    char byte[1];
    harness_tcp_pair(loop, ends);
    hark_sleep_until(loop, &forever.op, HARK_NEVER, harness_done);
    int fd = harness_file("file", "text", 4);
    hark_read(loop, &ops[0].op, fd, byte, 1, 0, harness_done);
    hark_post(loop, &ops[1].op, harness_done);
    hark_send(loop, &ops[2].op, ends[0], "abc", 3, 0,
              harness_done); /* unread bytes must not keep it awake */
    struct harness_op receive = {0};
    hark_recv(loop, &receive.op, ends[1], byte, 1, 0, harness_done);
    assert_result(harness_wait(loop, &receive), 1);
    struct harness_op writable = {0}; /* nor a hang-up of a descriptor that was used */
    hark_poll(loop, &writable.op, ends[0], HARK_POLL_WRITABLE, harness_done);
    harness_wait(loop, &writable);
    assert_int_equal(shutdown(ends[0], SHUT_WR), 0);
    harness_settle(loop);
    harness_assert_sleeps(loop, WATCH_SECONDS);
    hark_cancel(&forever.op);
    harness_run(loop);
    harness_close(loop, fd);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}
