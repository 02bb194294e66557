/* test_error_queue.c - a socket whose queue of errors nobody reads (IP_RECVERR, ip(7)): it is an
 * error for poll(2) for as long, though nothing can be read. Whoever waits on it waits at rest. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REST_MS = 50, WAITS_MAX = 20 };

static const uint64_t millisecond_ns = 1000000;

/* Two sockets of datagrams that know each other; the first has an error of the network's in its
 * queue, of what it sent while the other was not there. */
static void make_pair(struct hark_loop *loop, int ends[2])
{
    struct harness_op op = {0};
    struct sockaddr_in own = {.sin_family = AF_INET}, other = own;
    socklen_t size = sizeof own;
    char byte;
    int on = 1;
    if (harness_in_world())
        harness_skip("a world has no IP_RECVERR");
    own.sin_addr.s_addr = other.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 2; i++) {
        ends[i] = hark_os_socket(loop, AF_INET, SOCK_DGRAM, 0);
        assert_true(ends[i] >= 0);
    }
    assert_int_equal(bind(ends[0], (void *)&own, sizeof own), 0);
    assert_int_equal(bind(ends[1], (void *)&other, sizeof other), 0);
    assert_int_equal(getsockname(ends[0], (void *)&own, &size), 0);
    assert_int_equal(getsockname(ends[1], (void *)&other, &size), 0);
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(setsockopt(ends[0], IPPROTO_IP, IP_RECVERR, &on, sizeof on), 0);
    assert_int_equal(connect(ends[0], (void *)&other, sizeof other), 0);
    assert_int_equal(send(ends[0], "x", 1, 0), 1);
    ends[1] = hark_os_socket(loop, AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(ends[1], (void *)&other, sizeof other), 0);
    assert_int_equal(connect(ends[1], (void *)&own, sizeof own), 0);
    /* The error itself is told once, in whichever way it is met first. */
    hark_recv(loop, &op.op, ends[0], &byte, 1, 0, harness_done);
    assert_result(harness_wait(loop, &op), -ECONNREFUSED);
}

/* Lets time pass. Gives: how often the loop has asked the kernel meanwhile. */
static uint64_t waits_in_rest(struct hark_loop *loop)
{
    struct harness_op timer = {0};
    const uint64_t before = hark_loop_metrics(loop)->waits;
    hark_sleep(loop, &timer.op, REST_MS * millisecond_ns, harness_done);
    assert_result(harness_wait(loop, &timer), 0);
    return hark_loop_metrics(loop)->waits - before;
}

static void close_pair(struct hark_loop *loop, const int ends[2])
{
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(error_queue_that_nobody_reads_costs_a_receive_nothing)
{
    struct harness_op op = {0};
    int ends[2];
    char byte = 0;
    make_pair(loop, ends);
    for (int round = 0; round < 3; round++) {
        harness_op_again(&op);
        hark_recv(loop, &op.op, ends[0], &byte, 1, 0, harness_done);
        assert_true(waits_in_rest(loop) < WAITS_MAX);
        assert_int_equal(op.calls, 0);
        assert_int_equal(send(ends[1], "y", 1, 0), 1);
        assert_result(harness_wait(loop, &op), 1);
        assert_int_equal(byte, 'y');
    }
    close_pair(loop, ends);
}

static void check_repeating(struct hark_loop *loop, bool messages)
{
    struct harness_op op = {0};
    int ends[2];
    make_pair(loop, ends);
    if (messages)
        hark_recvmsg_each(loop, &op.op, ends[0], 0, harness_done);
    else
        hark_recv_each(loop, &op.op, ends[0], harness_done);
    for (int round = 1; round <= 3; round++) {
        assert_true(waits_in_rest(loop) < WAITS_MAX);
        assert_int_equal(send(ends[1], "y", 1, 0), 1);
        while (op.calls < round)
            assert_true(hark_run_once(loop) >= 0);
        assert_result(op.result, 1);
    }
    hark_cancel(&op.op);
    assert_result(harness_wait(loop, &op), -ECANCELED);
    close_pair(loop, ends);
}

BACKEND_TEST(error_queue_that_nobody_reads_costs_a_repeating_receive_nothing)
{
    check_repeating(loop, false);
}

BACKEND_TEST(error_queue_that_nobody_reads_costs_receiving_messages_nothing)
{
    check_repeating(loop, true);
}

BACKEND_TEST(error_queue_is_read_while_somebody_waits_for_data)
{
    struct harness_op data = {0}, error = {0};
    char byte, control[512];
    struct iovec vector = {&byte, 1};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    int ends[2];
    make_pair(loop, ends);
    hark_recv(loop, &data.op, ends[0], &byte, 1, 0, harness_done);
    assert_true(waits_in_rest(loop) < WAITS_MAX);
    hark_recvmsg(loop, &error.op, ends[0], &message, MSG_ERRQUEUE, harness_done);
    assert_result(harness_wait(loop, &error), 1);
    assert_int_equal(byte, 'x');
    assert_true(message.msg_flags & MSG_ERRQUEUE);
    assert_true(waits_in_rest(loop) < WAITS_MAX);
    assert_int_equal(data.calls, 0);
    /* Closed with the op in it, and the number comes again as another socket. */
    close_pair(loop, ends);
    assert_result(harness_wait(loop, &data), -ECANCELED);
    make_pair(loop, ends);
    harness_op_again(&data);
    hark_recv(loop, &data.op, ends[0], &byte, 1, 0, harness_done);
    assert_true(waits_in_rest(loop) < WAITS_MAX);
    assert_int_equal(send(ends[1], "z", 1, 0), 1);
    assert_result(harness_wait(loop, &data), 1);
    close_pair(loop, ends);
}

BACKEND_TEST(error_queues_of_many_sockets_cost_nothing)
{
    enum { PAIRS = 40 }; /* more than are told at a time */
    static struct harness_op ops[PAIRS];
    static int ends[PAIRS][2];
    char byte;
    memset(ops, 0, sizeof ops);
    for (int i = 0; i < PAIRS; i++) {
        make_pair(loop, ends[i]);
        hark_recv(loop, &ops[i].op, ends[i][0], &byte, 1, 0, harness_done);
    }
    assert_true(waits_in_rest(loop) < WAITS_MAX);
    for (int i = 0; i < PAIRS; i++)
        assert_int_equal(send(ends[i][1], "y", 1, 0), 1);
    for (int i = 0; i < PAIRS; i++) {
        assert_result(harness_wait(loop, &ops[i]), 1);
        close_pair(loop, ends[i]);
    }
}
