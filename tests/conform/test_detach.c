/* test_detach.c - hark_detach ends what is in flight on the descriptor as hark_close does, and
 * leaves it open for whoever comes next: another loop, the same one, or close(2). */
#include "harness/pending.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void detach(struct hark_loop *loop, int fd)
{
    struct harness_op detaching = {0};
    hark_detach(loop, &detaching.op, fd, harness_done);
    assert_result(harness_wait(loop, &detaching), 0);
}

/* One byte from one end to the other, the ends on these loops. */
static void assert_carries(struct hark_loop *from_loop, int from, struct hark_loop *to_loop, int to)
{
    char byte = 0;
    struct harness_op sending = {0};
    struct harness_op receiving = {0};
    hark_recv(to_loop, &receiving.op, to, &byte, 1, 0, harness_done);
    harness_settle(to_loop);
    hark_send(from_loop, &sending.op, from, "x", 1, 0, harness_done);
    assert_result(harness_wait(from_loop, &sending), 1);
    assert_result(harness_wait(to_loop, &receiving), 1);
    assert_int_equal(byte, 'x');
}

BACKEND_TEST(promise_08_detach_ends_ops_before_it_calls_back)
{
    for (int settled = 0; settled < 2; settled++) {
        FOR_EACH_PENDING(kind)
        {
            if (!pending_on_descriptor(kind))
                continue;
            struct pending pending = {0};
            struct harness_op detaching = {0};
            pending_start(loop, &pending, kind);
            if (settled)
                harness_settle(loop);
            hark_detach(loop, &detaching.op, pending.fd, harness_done);
            assert_int_equal(pending.recorder.calls, 0); /* promise 5: not from inside */
            harness_run(loop);
            assert_int_equal(pending.recorder.calls, 1);
            assert_result(pending.recorder.result, -ECANCELED);
            assert_int_equal(detaching.calls, 1);
            assert_result(detaching.result, 0);
            assert_true(pending.recorder.order < detaching.order);
            assert_true(is_open(pending.fd));
            pending_release(loop, &pending);
        }
    }
}

BACKEND_TEST(detach_of_every_kind_of_descriptor_leaves_it_open)
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
        detach(loop, fds[index]);
        assert_true(is_open(fds[index]));
        close(fds[index]);
    }
}

BACKEND_TEST(detach_of_a_descriptor_that_the_loop_has_never_seen_gives_zero)
{
    int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 600); /* past the rows that a loop begins with */
    detach(loop, fd);
    assert_true(is_open(fd));
    close(fd);
}

BACKEND_TEST(detached_descriptor_works_on_another_loop_and_on_this_one_again)
{
    struct hark_loop *other = harness_loop_create(NULL);
    for (int tcp = 0; tcp < 2; tcp++) {
        int pair[2];
        if (tcp)
            harness_tcp_pair(loop, pair);
        else
            harness_socket_pair(loop, pair);
        for (int round = 0; round < 3; round++) {
            assert_carries(loop, pair[1], loop, pair[0]);
            assert_carries(loop, pair[0], loop, pair[1]);
            detach(loop, pair[0]);
            assert_carries(loop, pair[1], other, pair[0]);
            assert_carries(other, pair[0], loop, pair[1]);
            detach(other, pair[0]);
        }
        harness_close(loop, pair[0]);
        harness_close(loop, pair[1]);
    }
    harness_loop_destroy(other);
}

struct restart {
    struct harness_op detaching;
    struct harness_op receive;
    int fd;
    char byte;
};

static void receive_again(struct harness_op *self, int64_t result)
{
    struct restart *restart = hark_container_of(self, struct restart, detaching);
    assert_result(result, 0);
    assert_true(restart->receive.ended);
    harness_op_again(&restart->receive);
    hark_recv(self->op.loop, &restart->receive.op, restart->fd, &restart->byte, 1, 0, harness_done);
}

BACKEND_TEST(descriptor_may_be_used_again_from_the_callback_of_its_detach)
{
    int pair[2];
    harness_socket_pair(loop, pair);
    struct restart restart = {.detaching = {.then = receive_again}, .fd = pair[0]};
    hark_recv(loop, &restart.receive.op, pair[0], &restart.byte, 1, 0, harness_done);
    harness_settle(loop);
    hark_detach(loop, &restart.detaching.op, pair[0], harness_done);
    assert_result(harness_wait(loop, &restart.detaching), 0);
    assert_int_equal(write(pair[1], "y", 1), 1);
    harness_run(loop);
    assert_result(restart.receive.result, 1);
    assert_int_equal(restart.byte, 'y');
    harness_close(loop, pair[0]);
    harness_close(loop, pair[1]);
}

static void close_it(struct harness_op *self, int64_t result)
{
    assert_result(result, 0);
    assert_int_equal(close(*(int *)self->context), 0);
}

BACKEND_TEST(descriptor_closed_by_close_in_the_callback_leaves_its_number_to_the_next)
{
    int pair[2];
    int next[2];
    char byte[1];
    harness_socket_pair(loop, pair);
    struct harness_op receive = {0};
    struct harness_op detaching = {.then = close_it, .context = &pair[0]};
    hark_recv(loop, &receive.op, pair[0], byte, 1, 0, harness_done);
    harness_settle(loop);
    hark_detach(loop, &detaching.op, pair[0], harness_done);
    harness_run(loop);
    harness_socket_pair(loop, next);
    assert_true(next[0] == pair[0] || next[1] == pair[0]);
    assert_carries(loop, next[0], loop, next[1]);
    assert_carries(loop, next[1], loop, next[0]);
    harness_close(loop, next[0]);
    harness_close(loop, next[1]);
    close(pair[1]);
}

/* What is received, by whomever, is all that was sent, once and in order. */
WORLDS_WITHOUT(bytes_that_came_before_are_delivered_and_the_rest_stays_in_the_descriptor,
               LINK | SMALL, "looks for the rest at once")
BACKEND_TEST(bytes_that_came_before_are_delivered_and_the_rest_stays_in_the_descriptor)
{
    enum { COUNT = 3000, ROUNDS = 60 };
    static char sent[COUNT];
    static char got[COUNT];
    for (int round = 0; round < ROUNDS; round++) {
        int pair[2];
        struct harness_op receive = {.into = got, .into_room = COUNT};
        harness_tcp_pair(loop, pair);
        harness_fill(sent, COUNT, (uint64_t)round);
        memset(got, 0, sizeof got);
        hark_recv_each(loop, &receive.op, pair[0], harness_done);
        if (round % 3)
            harness_turns(loop, round % 4);
        assert_int_equal(write(pair[1], sent, COUNT / 3), COUNT / 3);
        harness_turns(loop, round % 5);
        assert_int_equal(write(pair[1], sent + COUNT / 3, COUNT - COUNT / 3), COUNT - COUNT / 3);
        shutdown(pair[1], SHUT_WR);
        struct harness_op detaching = {0};
        hark_detach(loop, &detaching.op, pair[0], harness_done);
        harness_run(loop);
        assert_result(detaching.result, 0);
        assert_true(receive.result == -ECANCELED || receive.result == 0);
        assert_true(receive.order < detaching.order);
        size_t count = (size_t)receive.total;
        struct pollfd readable = {.fd = pair[0], .events = POLLIN};
        ssize_t more = 1;
        while (more > 0 && poll(&readable, 1, -1) == 1) {
            more = read(pair[0], got + count, COUNT - count);
            count += more > 0 ? (size_t)more : 0;
        }
        assert_int_equal(count, COUNT);
        assert_true(harness_filled(got, COUNT, (uint64_t)round));
        close(pair[0]);
        close(pair[1]);
    }
}

BACKEND_TEST(op_that_could_end_at_once_keeps_its_real_result)
{
    int pair[2];
    char bytes[4];
    struct harness_op receive = {0};
    struct harness_op send = {0};
    struct harness_op detaching = {0};
    harness_socket_pair(loop, pair);
    assert_int_equal(write(pair[1], "four", 4), 4);
    hark_recv(loop, &receive.op, pair[0], bytes, 4, 0, harness_done);
    hark_send(loop, &send.op, pair[0], "five", 4, 0, harness_done);
    hark_detach(loop, &detaching.op, pair[0], harness_done);
    harness_run(loop);
    assert_result(detaching.result, 0);
    /* Whatever each has said is so. */
    char rest[8];
    assert_true(receive.result == 4 || receive.result == -ECANCELED);
    assert_int_equal(recv(pair[0], rest, sizeof rest, MSG_DONTWAIT), receive.result == 4 ? -1 : 4);
    assert_true(send.result == 4 || send.result == -ECANCELED);
    assert_int_equal(recv(pair[1], rest, sizeof rest, MSG_DONTWAIT), send.result == 4 ? 4 : -1);
    close(pair[0]);
    close(pair[1]);
}

BACKEND_TEST(nothing_starts_on_a_descriptor_that_is_being_detached)
{
    for (int busy = 0; busy < 2; busy++) {
        int pair[2];
        char byte[1];
        struct harness_op receive = {0};
        struct harness_op detaching = {0};
        struct harness_op late[3] = {0};
        harness_socket_pair(loop, pair);
        if (busy) {
            hark_recv(loop, &receive.op, pair[0], byte, 1, 0, harness_done);
            harness_settle(loop);
        }
        hark_detach(loop, &detaching.op, pair[0], harness_done);
        hark_recv(loop, &late[0].op, pair[0], byte, 1, 0, harness_done);
        hark_close(loop, &late[1].op, pair[0], harness_done);
        hark_detach(loop, &late[2].op, pair[0], harness_done);
        assert_result(hark_os_close(loop, pair[0]), -EBUSY);
        assert_result(hark_os_forget(loop, pair[0]), -EBUSY);
        harness_run(loop);
        assert_result(detaching.result, 0);
        for (int index = 0; index < 3; index++)
            assert_result(late[index].result, -EBADF);
        assert_true(is_open(pair[0]));
        close(pair[0]);
        harness_close(loop, pair[1]);
    }
}

/* Tries to start in the last call before the detach's own: the descriptor is not its own again
 * yet. */
static void start_late(struct harness_op *self, int64_t result)
{
    struct restart *restart = hark_container_of(self, struct restart, detaching);
    assert_result(result, -ECANCELED);
    hark_recv(self->op.loop, &restart->receive.op, restart->fd, &restart->byte, 1, 0, harness_done);
}

BACKEND_TEST(start_from_the_last_call_before_the_detachs_gives_ebadf)
{
    int pair[2];
    struct harness_op detaching = {0};
    harness_socket_pair(loop, pair);
    struct restart restart = {.detaching = {.then = start_late}, .fd = pair[0]};
    hark_recv(loop, &restart.detaching.op, pair[0], &restart.byte, 1, 0, harness_done);
    harness_settle(loop);
    hark_detach(loop, &detaching.op, pair[0], harness_done);
    harness_run(loop);
    assert_result(restart.receive.result, -EBADF);
    assert_result(detaching.result, 0);
    assert_true(restart.detaching.order < detaching.order);
    close(pair[0]);
    close(pair[1]);
}

BACKEND_TEST(detach_while_a_close_runs_gives_ebadf)
{
    int pair[2];
    char byte[1];
    struct harness_op receive = {0};
    struct harness_op closing = {0};
    struct harness_op detaching = {0};
    harness_socket_pair(loop, pair);
    hark_recv(loop, &receive.op, pair[0], byte, 1, 0, harness_done);
    harness_settle(loop);
    hark_close(loop, &closing.op, pair[0], harness_done);
    hark_detach(loop, &detaching.op, pair[0], harness_done);
    harness_run(loop);
    assert_result(closing.result, 0);
    assert_result(detaching.result, -EBADF);
    assert_false(is_open(pair[0]));
    close(pair[1]);
}

/* A number whose close the kernel has done and the loop has not noticed yet (on uring): it is
 * another file's already. */
struct reuse {
    struct harness_op nop; /* called before the close */
    struct harness_op first;
    struct harness_op receive;
    struct harness_op closing;
    struct harness_op detaching;
    int next[2];
    int mine;
    int far;
    bool close_too;
    bool detach_first;
    char byte[1];
};

static void use_again(struct harness_op *self, int64_t result)
{
    struct reuse *reuse = hark_container_of(self, struct reuse, nop);
    struct hark_loop *loop = self->op.loop;
    assert_result(result, 0);
    harness_socket_pair(loop, reuse->next);
    int number = reuse->mine;
    assert_true(reuse->next[0] == number || reuse->next[1] == number);
    reuse->far = reuse->next[0] == number ? reuse->next[1] : reuse->next[0];
    hark_recv(loop, &reuse->receive.op, number, reuse->byte, 1, 0, harness_done);
    if (reuse->close_too && !reuse->detach_first)
        hark_close(loop, &reuse->closing.op, number, harness_done);
    hark_detach(loop, &reuse->detaching.op, number, harness_done);
    if (reuse->close_too && reuse->detach_first)
        hark_close(loop, &reuse->closing.op, number, harness_done);
}

static void reuse_number(struct hark_loop *loop, struct reuse *reuse)
{
    int ends[2];
    harness_socket_pair(loop, ends);
    reuse->nop.then = use_again;
    reuse->mine = ends[0];
    hark_nop(loop, &reuse->nop.op, harness_done);
    hark_close(loop, &reuse->first.op, ends[0], harness_done);
    harness_run(loop);
    assert_result(reuse->first.result, 0);
    assert_result(reuse->receive.result, -ECANCELED);
    close(ends[1]);
}

/* The number is as good as new. */
static void assert_number_works(struct hark_loop *loop, int number)
{
    int pair[2];
    harness_socket_pair(loop, pair);
    assert_true(pair[0] == number || pair[1] == number);
    assert_carries(loop, pair[0], loop, pair[1]);
    assert_carries(loop, pair[1], loop, pair[0]);
    harness_close(loop, pair[0]);
    harness_close(loop, pair[1]);
}

BACKEND_TEST(detach_of_a_number_whose_close_is_not_over_is_of_its_next_owner)
{
    struct reuse reuse = {0};
    reuse_number(loop, &reuse);
    assert_result(reuse.detaching.result, 0);
    assert_true(reuse.receive.order < reuse.detaching.order);
    assert_carries(loop, reuse.far, loop, reuse.mine);
    harness_close(loop, reuse.mine);
    harness_close(loop, reuse.far);
    assert_number_works(loop, reuse.mine);
}

BACKEND_TEST(of_a_close_and_a_detach_of_such_a_number_one_is_told_ebadf)
{
    for (int detach_first = 0; detach_first < 2; detach_first++) {
        struct reuse reuse = {.close_too = true, .detach_first = detach_first};
        reuse_number(loop, &reuse);
        bool closed = reuse.closing.result == 0;
        assert_result(reuse.closing.result, closed ? 0 : -EBADF);
        assert_result(reuse.detaching.result, closed ? -EBADF : 0);
        assert_int_equal(is_open(reuse.mine), !closed);
        if (!closed)
            harness_close(loop, reuse.mine);
        harness_close(loop, reuse.far);
        assert_number_works(loop, reuse.mine);
    }
}

BACKEND_TEST(promise_06_detach_cannot_be_cancelled_and_its_deadline_does_nothing)
{
    for (int busy = 0; busy < 2; busy++) {
        int pair[2];
        char byte[1];
        struct harness_op receive = {0};
        struct harness_op detaching = {0};
        harness_socket_pair(loop, pair);
        if (busy) {
            hark_recv(loop, &receive.op, pair[0], byte, 1, 0, harness_done);
            harness_settle(loop);
        }
        hark_detach(loop, &detaching.op, pair[0], harness_done);
        hark_op_deadline(&detaching.op, 0);
        hark_cancel(&detaching.op);
        hark_cancel_all(loop);
        harness_run(loop);
        assert_result(detaching.result, 0);
        assert_true(is_open(pair[0]));
        close(pair[0]);
        close(pair[1]);
    }
}

BACKEND_TEST(promise_09_detached_descriptor_wakes_nobody)
{
    int pair[2];
    char byte[1];
    struct harness_op receive = {0};
    struct harness_op detaching = {0};
    struct harness_op forever = {0};
    harness_socket_pair(loop, pair);
    hark_sleep_until(loop, &forever.op, HARK_NEVER, harness_done);
    hark_recv(loop, &receive.op, pair[0], byte, 1, 0, harness_done);
    harness_settle(loop);
    hark_detach(loop, &detaching.op, pair[0], harness_done);
    assert_result(harness_wait(loop, &detaching), 0);
    harness_settle(loop);
    assert_int_equal(write(pair[1], "x", 1), 1);
    int descriptor = hark_loop_descriptor(loop);
    if (descriptor >= 0) {
        struct pollfd outside = {.fd = descriptor, .events = POLLIN};
        assert_int_equal(poll(&outside, 1, 0), 0);
    }
    assert_int_equal(read(pair[0], byte, 1), 1); /* and nobody has eaten its bytes */
    hark_cancel(&forever.op);
    harness_run(loop);
    close(pair[0]);
    close(pair[1]);
}

BACKEND_TEST(detached_listener_accepts_on_another_loop)
{
    struct hark_loop *other = harness_loop_create(NULL);
    struct hark_address address;
    struct harness_op accepting = {0};
    struct harness_op detaching = {0};
    struct harness_op again = {0};
    int listener = harness_listen(loop, &address);
    hark_accept_each(loop, &accepting.op, listener, harness_done);
    harness_settle(loop);
    hark_detach(loop, &detaching.op, listener, harness_done);
    harness_run(loop);
    assert_result(accepting.result, -ECANCELED);
    assert_result(detaching.result, 0);
    hark_accept(other, &again.op, listener, NULL, NULL, harness_done);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, &address.name.any, address.length), 0);
    harness_run(other);
    assert_true(again.result >= 0);
    harness_close(other, (int)again.result);
    harness_close(other, listener);
    harness_loop_destroy(other);
    close(client);
}

BACKEND_TEST_WITH(detach_waits_for_what_the_disk_or_a_thread_is_doing, .workers_max = 1)
{
    enum { WRITES = 20 };
    static char block[65536];
    struct harness_op writes[WRITES] = {0};
    struct harness_op syncing = {0};
    struct harness_op detaching = {0};
    int fd = harness_file("file", "", 0);
    for (int index = 0; index < WRITES; index++)
        hark_write(loop, &writes[index].op, fd, block, sizeof block,
                   (int64_t)index * (int64_t)sizeof block, harness_done);
    hark_fsync(loop, &syncing.op, fd, harness_done);
    harness_turns(loop, 1);
    hark_detach(loop, &detaching.op, fd, harness_done);
    harness_run(loop);
    assert_result(detaching.result, 0);
    for (int index = 0; index < WRITES; index++) {
        bool is_written = writes[index].result > 0 && writes[index].result <= (int64_t)sizeof block;
        assert_true(is_written || writes[index].result == -ECANCELED);
        assert_true(writes[index].order < detaching.order);
    }
    assert_true(syncing.order < detaching.order);
    assert_int_equal(close(fd), 0);
}
