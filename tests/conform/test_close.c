/* test_close.c - promise 8: hark_close ends what is in flight on the descriptor, closes, and calls
 * back last. */
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

BACKEND_TEST(close_closes_every_kind_of_descriptor)
{
    int pair[2];
    int ends[2];
    int fds[6];
    struct hark_address address;
    harness_tcp_pair(loop, pair);
    harness_pipe(ends, 0);
    fds[0] = pair[0];
    fds[1] = pair[1];
    fds[2] = ends[0];
    fds[3] = ends[1];
    fds[4] = harness_file("file", "text", 4);
    fds[5] = harness_listen(loop, &address);
    for (int index = 0; index < 6; index++) {
        struct harness_op closing = {0};
        hark_close(loop, &closing.op, fds[index], harness_done);
        harness_run(loop);
        assert_int_equal(closing.calls, 1);
        assert_result(closing.result, 0);
        assert_int_equal(fcntl(fds[index], F_GETFD), -1);
    }
}

BACKEND_TEST(promise_08_close_ends_many_ops_of_every_direction_first)
{
    enum { OPS = 20 };
    int pair[2];
    char bytes[OPS];
    struct harness_op ops[OPS] = {0};
    struct harness_op closing = {0};
    harness_socket_pair(loop, pair);
    harness_stuff(pair[0]);
    for (int index = 0; index < OPS; index++) {
        struct hark_op *op = &ops[index].op;
        if (index % 4 == 0)
            hark_recv(loop, op, pair[0], &bytes[index], 1, 0, harness_done);
        else if (index % 4 == 1)
            hark_send(loop, op, pair[0], &bytes[index], 1, 0, harness_done);
        else if (index % 4 == 2)
            hark_poll(loop, op, pair[0], HARK_POLL_READABLE, harness_done);
        else
            hark_poll_each(loop, op, pair[0], HARK_POLL_EXCEPTIONAL, harness_done);
        if (index == OPS / 2)
            harness_settle(loop);
    }
    hark_close(loop, &closing.op, pair[0], harness_done);
    harness_run(loop);
    assert_result(closing.result, 0);
    for (int index = 0; index < OPS; index++) {
        assert_result(ops[index].result, -ECANCELED);
        assert_int_equal(ops[index].calls, 1);
        assert_true(ops[index].order < closing.order);
    }
    harness_close(loop, pair[1]);
}

BACKEND_TEST(promise_08_descriptor_is_open_until_the_last_op_has_ended)
{
    int pair[2];
    char byte[1];
    struct harness_op receive = {0};
    struct harness_op closing = {0};
    harness_socket_pair(loop, pair);
    hark_recv(loop, &receive.op, pair[0], byte, 1, 0, harness_done);
    harness_settle(loop);
    hark_close(loop, &closing.op, pair[0], harness_done);
    while (!receive.ended)
        assert_true(hark_run_once(loop) >= 0);
    harness_run(loop);
    assert_int_equal(fcntl(pair[0], F_GETFD), -1);
    assert_true(receive.order < closing.order);
    harness_close(loop, pair[1]);
}

BACKEND_TEST(close_twice_gives_ebadf_the_second_time)
{
    int pair[2];
    struct harness_op closing[3] = {0};
    harness_socket_pair(loop, pair);
    for (int index = 0; index < 3; index++)
        hark_close(loop, &closing[index].op, pair[0], harness_done);
    harness_run(loop);
    assert_result(closing[0].result, 0);
    assert_result(closing[1].result, -EBADF);
    assert_result(closing[2].result, -EBADF);
    harness_close(loop, pair[1]);
}

BACKEND_TEST(close_cannot_be_cancelled_and_its_deadline_loses_or_is_told)
{
    for (int busy = 0; busy < 2; busy++) {
        int pair[2];
        char byte[1];
        struct harness_op closing = {0};
        struct harness_op receive = {0};
        harness_socket_pair(loop, pair);
        if (busy) {
            hark_recv(loop, &receive.op, pair[0], byte, 1, 0, harness_done);
            harness_settle(loop);
        }
        hark_close(loop, &closing.op, pair[0], harness_done);
        hark_cancel(&closing.op);
        hark_cancel_all(loop);
        harness_run(loop);
        assert_result(closing.result, 0);
        assert_int_equal(fcntl(pair[0], F_GETFD), -1);
        harness_close(loop, pair[1]);
    }
}

/* Every final call closes another descriptor: a chain. */
struct chain {
    struct harness_op receive;
    struct harness_op closing;
    struct chain *next;
    int ends[2];
    char byte[1];
};

static void close_next(struct harness_op *self, int64_t result)
{
    struct chain *next = hark_container_of(self, struct chain, receive)->next;
    assert_result(result, -ECANCELED);
    if (next)
        hark_close(self->op.loop, &next->closing.op, next->ends[0], harness_done);
}

BACKEND_TEST(callbacks_may_close_other_descriptors)
{
    enum { LINKS = 100 };
    struct chain *links = calloc(LINKS, sizeof *links);
    assert_non_null(links);
    for (int index = 0; index < LINKS; index++) {
        struct chain *link = &links[index];
        harness_socket_pair(loop, link->ends);
        link->receive.then = close_next;
        link->next = index + 1 < LINKS ? &links[index + 1] : NULL;
        hark_recv(loop, &link->receive.op, link->ends[0], link->byte, 1, 0, harness_done);
    }
    hark_close(loop, &links[0].closing.op, links[0].ends[0], harness_done);
    harness_run(loop);
    for (int index = 0; index < LINKS; index++) {
        assert_result(links[index].closing.result, 0);
        close(links[index].ends[1]);
    }
    free(links);
}

/* A connection on the heap that is freed in its last callback. */
struct heap {
    struct hark_op receive;
    struct hark_op closing;
    int fd;
};

static int freed;

static void heap_closed(struct hark_op *op, int64_t result)
{
    assert_result(result, 0);
    free(hark_container_of(op, struct heap, closing));
    freed++;
}

static void heap_received(struct hark_op *op, int64_t result)
{
    struct heap *heap = hark_container_of(op, struct heap, receive);
    if (hark_op_more(op))
        return;
    assert_true(result <= 0);
    hark_close(op->loop, &heap->closing, heap->fd, heap_closed);
}

BACKEND_TEST(promise_04_connection_may_be_freed_in_the_callback_of_its_close)
{
    freed = 0;
    for (int index = 0; index < 200; index++) {
        int pair[2];
        struct heap *heap = calloc(1, sizeof *heap);
        assert_non_null(heap);
        harness_socket_pair(loop, pair);
        heap->fd = pair[0];
        hark_recv_each(loop, &heap->receive, pair[0], heap_received);
        assert_int_equal(write(pair[1], "x", 1), 1);
        if (index % 3 == 0)
            harness_settle(loop);
        if (index % 2 == 0)
            hark_cancel(&heap->receive);
        close(pair[1]);
    }
    harness_run(loop);
    assert_int_equal(freed, 200);
}

BACKEND_TEST(promise_09_copy_of_a_closed_descriptor_wakes_nobody)
{
    int pair[2];
    char byte[1];
    struct harness_op receive = {0};
    struct harness_op closing = {0};
    struct harness_op forever = {0};
    harness_socket_pair(loop, pair);
    hark_sleep_until(loop, &forever.op, HARK_NEVER, harness_done);
    hark_recv(loop, &receive.op, pair[0], byte, 1, 0, harness_done);
    harness_settle(loop);
    int copy = dup(pair[0]);
    hark_close(loop, &closing.op, pair[0], harness_done);
    assert_result(harness_wait(loop, &closing), 0);
    harness_settle(loop);
    assert_int_equal(write(pair[1], "x", 1), 1);
    int descriptor = hark_loop_descriptor(loop);
    if (descriptor >= 0) {
        struct pollfd outside = {.fd = descriptor, .events = POLLIN};
        assert_int_equal(poll(&outside, 1, 0), 0);
    }
    assert_int_equal(read(copy, byte, 1), 1); /* and nobody has eaten its bytes */
    close(copy);
    hark_cancel(&forever.op);
    harness_run(loop);
    harness_close(loop, pair[1]);
}

BACKEND_TEST(listener_closed_with_connections_in_its_queue_leaks_none)
{
    for (int each = 0; each < 2; each++) {
        struct hark_address address;
        struct harness_op accepting = {0};
        struct harness_op closing = {0};
        int listener = harness_listen(loop, &address);
        int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (each)
            hark_accept_each(loop, &accepting.op, listener, harness_done);
        else
            hark_accept(loop, &accepting.op, listener, NULL, NULL, harness_done);
        harness_settle(loop);
        assert_true(connect(client, &address.name.any, address.length) == 0 ||
                    errno == EINPROGRESS);
        hark_close(loop, &closing.op, listener, harness_done);
        harness_run(loop);
        assert_true(accepting.ended);
        for (int call = 0; call < accepting.calls; call++)
            if (accepting.results[call] >= 0)
                harness_close(loop, (int)accepting.results[call]);
        close(client);
    }
}

static int receive_and_find(struct hark_loop *loop, const int next[2], int number,
                            struct harness_op *own, char byte[1])
{
    int fresh = next[1] == number ? 1 : 0;
    hark_recv(loop, &own->op, next[fresh], byte, 1, 0, harness_done);
    return next[1 - fresh];
}

/* A program that starts on a descriptor it has closed has a bug; its bytes must not come from
 * somebody else's connection. */
BACKEND_TEST(promise_08_start_after_close_does_not_meet_the_next_owner_of_the_number)
{
    int ends[2];
    int next[2];
    char byte[1] = {0};
    char stolen[1] = {0};
    struct harness_op closing = {0};
    struct harness_op stale = {0};
    struct harness_op own = {0};
    harness_socket_pair(loop, ends);
    hark_close(loop, &closing.op, ends[0], harness_done);
    hark_recv(loop, &stale.op, ends[0], stolen, 1, 0, harness_done);
    harness_socket_pair(loop, next); /* gets the number at once where the close has run at once */
    int far = receive_and_find(loop, next, ends[0], &own, byte);
    assert_int_equal(write(far, "x", 1), 1);
    harness_run(loop);
    assert_result(closing.result, 0);
    assert_result(stale.result, -EBADF);
    assert_result(own.result, 1);
    assert_int_equal(byte[0], 'x');
    assert_int_equal(stolen[0], 0);
    harness_close(loop, next[0]);
    harness_close(loop, next[1]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(number_of_a_closed_socket_may_be_used_again_before_the_close_has_called_back)
{
    int ends[2];
    int next[2];
    char byte[1] = {0};
    struct harness_op closing = {0};
    struct harness_op own = {0};
    harness_socket_pair(loop, ends);
    hark_close(loop, &closing.op, ends[0], harness_done);
    harness_turns(loop, 1);
    harness_socket_pair(loop, next);
    int far = receive_and_find(loop, next, ends[0], &own, byte);
    assert_int_equal(write(far, "x", 1), 1);
    harness_run(loop);
    assert_result(closing.result, 0);
    assert_result(own.result, 1);
    harness_close(loop, next[0]);
    harness_close(loop, next[1]);
    harness_close(loop, ends[1]);
}

struct reopening {
    struct hark_loop *loop;
    int next[2];
};

static void open_pair(struct harness_op *self, int64_t result)
{
    struct reopening *reopening = self->context;
    assert_result(result, 0);
    harness_socket_pair(reopening->loop, reopening->next);
}

BACKEND_TEST(promise_08_second_close_does_not_close_the_next_owner_of_the_number)
{
    int ends[2];
    struct reopening reopening = {.loop = loop};
    struct harness_op first = {.then = open_pair, .context = &reopening};
    struct harness_op second = {0};
    harness_socket_pair(loop, ends);
    hark_close(loop, &first.op, ends[0], harness_done);
    hark_close(loop, &second.op, ends[0], harness_done);
    harness_run(loop);
    assert_result(first.result, 0);
    assert_result(second.result, -EBADF);
    for (int index = 0; index < 2; index++)
        assert_true(fcntl(reopening.next[index], F_GETFD) >= 0);
    harness_close(loop, reopening.next[0]);
    harness_close(loop, reopening.next[1]);
    harness_close(loop, ends[1]);
}

static void close_number(struct harness_op *self, int64_t result)
{
    struct harness_op *closing = self->context;
    assert_result(result, 0);
    hark_close(self->op.loop, &closing->op, closing->op.fd, harness_done);
}

/* The turn ends with the kernel's close done, and its callback still to come (on uring): the ops
 * must wait for that. */
BACKEND_TEST(promise_08_ops_on_a_number_whose_close_has_not_called_back_go_on_or_are_cancelled)
{
    enum { RECEIVES = 3 };
    int ends[2];
    int next[2];
    char bytes[RECEIVES];
    struct harness_op receives[RECEIVES] = {0};
    struct harness_op closing = {0};
    struct harness_op deferred = {.then = close_number, .context = &closing};
    harness_socket_pair(loop, ends);
    closing.op.fd = ends[0];
    hark_defer(loop, &deferred.op, harness_done);
    harness_turns(loop, 1);
    harness_socket_pair(loop, next);
    assert_true(next[0] == ends[0] || next[1] == ends[0]);
    for (int index = 0; index < RECEIVES; index++)
        hark_recv(loop, &receives[index].op, ends[0], &bytes[index], 1, 0, harness_done);
    hark_cancel(&receives[1].op);
    assert_int_equal(write(next[0] == ends[0] ? next[1] : next[0], "xy", 2), 2);
    harness_run(loop);
    assert_result(closing.result, 0);
    assert_result(receives[0].result, 1);
    assert_result(receives[1].result, -ECANCELED);
    assert_result(receives[2].result, 1);
    harness_close(loop, next[0]);
    harness_close(loop, next[1]);
    harness_close(loop, ends[1]);
}
