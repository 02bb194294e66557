/* test_no_watch.c - the kernel takes no more registrations (ENOSPC: max_user_watches of epoll(7)).
 * On io_uring the ring polls by itself then, as it does for files; the epoll backend has no other
 * way, and the others have no registrations. */
#include "fault/faults.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static atomic_bool refused;

int kernel_epoll_ctl(uint64_t *calls, int epoll, int operation, int fd, struct epoll_event *event)
{
    (void)calls;
    if (atomic_load(&refused) && operation == EPOLL_CTL_ADD)
        return -ENOSPC;
    return epoll_ctl(epoll, operation, fd, event) < 0 ? -errno : 0;
}

BACKEND_TEST(poll_without_a_registration_waits_for_what_was_asked_for)
{
    static const uint32_t events[] = {HARK_POLL_READABLE, HARK_POLL_EXCEPTIONAL};
    if (harness_backend() == HARK_BACKEND_EPOLL)
        return;
    atomic_store(&refused, true);
    for (int each = 0; each < 2; each++) {
        for (int index = 0; index < 2; index++) {
            struct harness_op polling = {0};
            int ends[2];
            harness_tcp_pair(loop, ends);
            if (each)
                hark_poll_each(loop, &polling.op, ends[0], events[index], harness_done);
            else
                hark_poll(loop, &polling.op, ends[0], events[index], harness_done);
            harness_settle(loop);
            assert_int_equal(polling.calls, 0);
            assert_int_equal(
                send(ends[1], "x", 1, events[index] == HARK_POLL_EXCEPTIONAL ? MSG_OOB : 0), 1);
            while (polling.calls == 0)
                assert_true(hark_run_once(loop) >= 0);
            assert_result(polling.result, events[index]);
            hark_cancel(&polling.op);
            harness_run(loop);
            harness_close(loop, ends[0]);
            harness_close(loop, ends[1]);
        }
    }
}

/* On io_uring the epoll descriptor is made anew for a file that cannot be taken out of it by its
 * number any more. */
BACKEND_TEST(registrations_refused_when_they_are_made_anew_lose_no_wait)
{
    struct harness_op stray = {0}, waiting = {0};
    int gone[2], ends[2];
    if (harness_backend() == HARK_BACKEND_EPOLL)
        return;
    harness_tcp_pair(loop, gone);
    harness_tcp_pair(loop, ends);
    hark_poll_each(loop, &stray.op, gone[0], HARK_POLL_READABLE, harness_done);
    hark_poll(loop, &waiting.op, ends[0], HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    int copy = fcntl(gone[0], F_DUPFD_CLOEXEC, 100);
    close(gone[0]);
    hark_cancel(&stray.op);
    assert_int_equal(send(gone[1], "x", 1, 0), 1);
    atomic_store(&refused, true);
    harness_turns(loop, 20);
    atomic_store(&refused, false);
    assert_int_equal(send(ends[1], "x", 1, 0), 1);
    while (!waiting.ended)
        assert_true(hark_run_once(loop) >= 0);
    assert_result(waiting.result, HARK_POLL_READABLE);
    harness_run(loop);
    close(copy);
    close(gone[1]);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}
