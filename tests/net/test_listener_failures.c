/* hark_listener: connections that fail before they are accepted, and the pauses after them. */
#include "fault/faults.h"
#include "net/door.h"

static void skip_uring(void)
{
    if (harness_backend() == HARK_BACKEND_URING)
        harness_skip("io_uring does not accept by a call");
}

/* The next accepts fail, so many, as the network can make them fail. Gives: the fault. */
static int fail_accepts(int error, uint64_t times)
{
    return FAULT(.calls = "kernel_accept4", .error = error, .times = times);
}

BACKEND_TEST(listener_goes_on_after_a_failed_connection)
{
    static const int errors[] = {EPROTO, ENETDOWN, EHOSTUNREACH, EPERM, ENOPROTOOPT, ETIMEDOUT};
    skip_uring();
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct door door = {0};
        int failing = fail_accepts(-errors[i], 10);
        assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
        int client = client_connect(&door.address);
        door_wait(loop, &door, 1);
        assert_int_equal(fault_met(failing), 10);
        assert_int_equal(door.error_count, 0);
        assert_int_equal(door.listener.pauses, 0);
        fault_end(failing);
        close(client);
        door_close(loop, &door);
    }
}

BACKEND_TEST(listener_pauses_where_every_connection_fails)
{
    struct door door = {0};
    skip_uring();
    int failing = fail_accepts(-ENETDOWN, FAULT_FOR_EVER);
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    while (door.listener.pauses < 3)
        assert_true(hark_run_once(loop) >= 0);
    assert_true(fault_met(failing) < 40); /* it does not spin */
    assert_int_equal(door.error_count, 0);
    fault_end(failing);
    int client = client_connect(&door.address);
    door_wait(loop, &door, 1);
    close(client);
    door_close(loop, &door);
}

BACKEND_TEST(listener_short_of_memory_tells_once_pauses_and_recovers)
{
    static const int errors[] = {ENOMEM, ENOBUFS, ENOSPC};
    skip_uring();
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct door door = {0};
        int failing = fail_accepts(-errors[i], 3);
        assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
        int client = client_connect(&door.address);
        door_wait(loop, &door, 1);
        assert_int_equal(door.error_count, 1);
        assert_result(door.errors[0], -errors[i]);
        assert_int_equal(door.listener.pauses, 3);
        assert_int_equal(door.listener.shed_count, 0);
        fault_end(failing);
        close(client);
        door_close(loop, &door);
    }
}

/* A timer is never early: pauses that double are told by when they end. */
BACKEND_TEST(listener_pauses_double_up_to_a_second)
{
    struct door door = {0};
    skip_uring();
    fail_accepts(-ENOBUFS, FAULT_FOR_EVER);
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    uint64_t pause_ns = 10000000;
    uint64_t before_ns = hark_os_clock(loop);
    for (uint64_t pause = 1; pause <= 4; pause++, pause_ns *= 2) {
        while (door.listener.pauses < pause)
            assert_true(hark_run_once(loop) >= 0);
        uint64_t until_ns = hark_loop_next_deadline(loop);
        assert_true(until_ns != HARK_NEVER && until_ns >= before_ns + pause_ns);
        before_ns = until_ns;
    }
    door.listener.pause_ns = 900000000; /* not to wait that long */
    while (door.listener.pauses < 5)
        assert_true(hark_run_once(loop) >= 0);
    assert_true(hark_loop_next_deadline(loop) <= hark_os_clock(loop) + 1000000000);
    door_close_start(&door);
    harness_settle(loop);
    assert_true(hark_loop_next_deadline(loop) == HARK_NEVER); /* closing does not wait for it */
    harness_run(loop);
    assert_true(door.closed);
}
