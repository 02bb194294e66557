/* test_close_after_sending.c - hark_close_after_sending: sends go on, all else is ended, the close
 * is called last. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { LONG = 8 << 20 }; /* more than a socket takes at once */

static char *long_bytes(void)
{
    char *bytes = malloc(LONG);
    assert_non_null(bytes);
    harness_fill(bytes, LONG, 5);
    return bytes;
}

/* Receives until the end and looks whether it is what was sent. */
static void receive_all(struct hark_loop *loop, int fd, const char *expected, size_t count)
{
    char *in = malloc(count + 1);
    size_t total = 0;
    int64_t result;
    assert_non_null(in);
    do {
        struct harness_op receive = {0};
        hark_recv(loop, &receive.op, fd, in + total, count + 1 - total, 0, harness_done);
        result = harness_wait(loop, &receive);
        assert_true(result >= 0);
        total += (size_t)result;
    } while (result > 0);
    assert_int_equal(total, count);
    assert_memory_equal(in, expected, count);
    free(in);
}

BACKEND_TEST(close_after_sending_with_nothing_in_flight_closes)
{
    int ends[2];
    struct harness_op closing = {0};
    harness_tcp_pair(loop, ends);
    hark_close_after_sending(loop, &closing.op, ends[0], harness_done);
    assert_result(harness_wait(loop, &closing), 0);
    assert_int_equal(fcntl(ends[0], F_GETFD), -1);
    harness_close(loop, ends[1]);
}

/* The send is handed over together with the close, has waited for room, or goes on by itself. */
static void send_and_close(struct hark_loop *loop, int flags, bool wait_first, size_t count)
{
    int ends[2];
    char *bytes = long_bytes();
    struct harness_op sending = {0};
    struct harness_op receiving = {0};
    struct harness_op closing = {0};
    harness_tcp_pair(loop, ends);
    hark_recv_each(loop, &receiving.op, ends[0], harness_done);
    if (wait_first)
        harness_turns(loop, 3);
    hark_send(loop, &sending.op, ends[0], bytes, count, flags, harness_done);
    if (wait_first)
        harness_turns(loop, 3);
    hark_close_after_sending(loop, &closing.op, ends[0], harness_done);
    receive_all(loop, ends[1], bytes, count);
    assert_result(harness_wait(loop, &closing), 0);
    assert_result(sending.result, (int64_t)count);
    assert_result(receiving.result, -ECANCELED);
    assert_true(closing.order > sending.order && closing.order > receiving.order);
    assert_int_equal(fcntl(ends[0], F_GETFD), -1);
    harness_close(loop, ends[1]);
    free(bytes);
}

BACKEND_TEST(close_after_sending_lets_sends_end_and_ends_the_rest)
{
    send_and_close(loop, MSG_WAITALL, false, LONG);
    send_and_close(loop, MSG_WAITALL, true, LONG);
    send_and_close(loop, MSG_WAITALL, false, 100);
    send_and_close(loop, 0, false, 100);
    send_and_close(loop, 0, true, 100);
}

BACKEND_TEST(close_right_behind_a_single_send_delivers_all_of_it)
{
    for (int size = 0; size < 2; size++) {
        size_t count = size ? LONG : 100;
        int ends[2];
        char *bytes = long_bytes();
        struct harness_op sending = {0};
        struct harness_op closing = {0};
        harness_tcp_pair(loop, ends);
        hark_send(loop, &sending.op, ends[0], bytes, count, MSG_WAITALL, harness_done);
        hark_close_after_sending(loop, &closing.op, ends[0], harness_done);
        receive_all(loop, ends[1], bytes, count);
        assert_result(harness_wait(loop, &closing), 0);
        assert_result(sending.result, (int64_t)count);
        assert_true(closing.order > sending.order);
        harness_close(loop, ends[1]);
        free(bytes);
    }
}

BACKEND_TEST(close_after_sending_waits_for_each_of_several_sends)
{
    int ends[2];
    struct harness_op sends[3] = {0};
    struct harness_op closing = {0};
    harness_tcp_pair(loop, ends);
    for (int index = 0; index < 3; index++)
        hark_send(loop, &sends[index].op, ends[0], &"abc"[index], 1, 0, harness_done);
    hark_close_after_sending(loop, &closing.op, ends[0], harness_done);
    assert_result(harness_wait(loop, &closing), 0);
    for (int index = 0; index < 3; index++)
        assert_true(sends[index].ended && sends[index].result == 1);
    char in[4];
    assert_int_equal(read(ends[1], in, sizeof in), 3);
    harness_close(loop, ends[1]);
}

static void start_sending(struct hark_loop *loop, struct hark_op *op, int fd, int kind)
{
    static char byte[] = "x";
    static struct iovec vector = {.iov_base = byte, .iov_len = 1};
    static struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (kind == 0)
        hark_send(loop, op, fd, "x", 1, 0, harness_done);
    else if (kind == 1)
        hark_sendmsg(loop, op, fd, &message, 0, harness_done);
    else if (kind == 2)
        hark_write(loop, op, fd, "x", 1, HARK_AT_POSITION, harness_done);
    else
        hark_writev(loop, op, fd, &vector, 1, HARK_AT_POSITION, harness_done);
}

BACKEND_TEST(close_after_sending_waits_for_each_way_to_send)
{
    for (int kind = 0; kind < 4; kind++) {
        int ends[2];
        char in[65536];
        struct harness_op sending = {0};
        struct harness_op closing = {0};
        harness_socket_pair(loop, ends);
        harness_stuff(ends[0]);
        start_sending(loop, &sending.op, ends[0], kind);
        harness_settle(loop);
        hark_close_after_sending(loop, &closing.op, ends[0], harness_done);
        harness_turns(loop, 3);
        assert_true(hark_op_active(&sending.op) && hark_op_active(&closing.op));
        while (read(ends[1], in, sizeof in) > 0)
            ;
        assert_result(harness_wait(loop, &closing), 0);
        assert_result(sending.result, 1);
        harness_close(loop, ends[1]);
    }
}

BACKEND_TEST(close_after_sending_allows_no_further_start)
{
    int ends[2];
    char *bytes = long_bytes();
    struct harness_op sending = {0};
    struct harness_op late = {0};
    struct harness_op again = {0};
    struct harness_op closing = {0};
    harness_tcp_pair(loop, ends);
    hark_send(loop, &sending.op, ends[0], bytes, LONG, MSG_WAITALL, harness_done);
    hark_close_after_sending(loop, &closing.op, ends[0], harness_done);
    harness_turns(loop, 3); /* the socket is full: the close has to wait */
    hark_send(loop, &late.op, ends[0], "x", 1, 0, harness_done);
    hark_close(loop, &again.op, ends[0], harness_done);
    assert_result(harness_wait(loop, &late), -EBADF);
    assert_result(harness_wait(loop, &again), -EBADF);
    receive_all(loop, ends[1], bytes, LONG);
    assert_result(harness_wait(loop, &closing), 0);
    harness_close(loop, ends[1]);
    free(bytes);
}

/* A peer that takes nothing: the send's end lets the close go on. how: 0 cancel, 1 deadline, 2
 * cancel of all, 3 the peer resets.
 */
static void end_the_send(struct hark_loop *loop, int how, bool together)
{
    int ends[2];
    char *bytes = long_bytes();
    struct harness_op sending = {0};
    struct harness_op closing = {0};
    harness_tcp_pair(loop, ends);
    hark_send(loop, &sending.op, ends[0], bytes, LONG, MSG_WAITALL, harness_done);
    if (!together)
        harness_turns(loop, 3);
    hark_close_after_sending(loop, &closing.op, ends[0], harness_done);
    harness_turns(loop, 3);
    assert_true(hark_op_active(&sending.op) && hark_op_active(&closing.op));
    if (how == 0)
        hark_cancel(&sending.op);
    else if (how == 1)
        hark_op_deadline(&sending.op, 0);
    else if (how == 2)
        hark_cancel_all(loop);
    else
        close(ends[1]); /* with bytes unread: a reset */
    harness_run(loop);
    assert_true(sending.result > 0 || sending.result == -ECANCELED ||
                sending.result == -ETIMEDOUT || sending.result == -ECONNRESET ||
                sending.result == -EPIPE);
    assert_true(sending.result < LONG);
    assert_result(closing.result, 0);
    assert_true(closing.order > sending.order);
    if (how != 3)
        harness_close(loop, ends[1]);
    free(bytes);
}

BACKEND_TEST(close_after_a_send_that_is_ended_goes_on)
{
    for (int how = 0; how < 4; how++) {
        end_the_send(loop, how, false);
        end_the_send(loop, how, true);
    }
}

/* What is done to a send that may have ended already, but was not called back yet. */
static void cancel_one(struct harness_op *self, int64_t result)
{
    (void)result;
    hark_cancel(self->context);
}

static void cancel_each(struct harness_op *self, int64_t result)
{
    (void)result;
    hark_cancel_all(self->op.loop);
}

static void start_all(struct harness_op *self, int64_t result)
{
    struct harness_op *ops = self->context; /* a send, a close, what ends the send */
    int fd = ops[0].op.fd;
    (void)result;
    hark_send(self->op.loop, &ops[0].op, fd, "x", 1, MSG_WAITALL, harness_done);
    hark_close_after_sending(self->op.loop, &ops[1].op, fd, harness_done);
    if (ops[2].then)
        hark_defer(self->op.loop, &ops[2].op, harness_done);
    else
        hark_op_deadline(&ops[0].op, 1);
}

BACKEND_TEST(close_comes_last_where_the_send_is_ended_as_it_ends)
{
    for (int how = 0; how < 3; how++) {
        int ends[2];
        struct harness_op ops[3] = {0};
        struct harness_op begin = {.then = start_all, .context = ops};
        harness_socket_pair(loop, ends);
        ops[0].op.fd = ends[0];
        ops[2].then = how == 0 ? cancel_one : how == 1 ? cancel_each : NULL;
        ops[2].context = &ops[0].op;
        hark_defer(loop, &begin.op, harness_done);
        harness_run(loop);
        assert_true(ops[0].result == 1 || ops[0].result == -ECANCELED ||
                    ops[0].result == -ETIMEDOUT);
        assert_result(ops[1].result, 0);
        assert_true(ops[1].order > ops[0].order);
        assert_int_equal(fcntl(ends[0], F_GETFD), -1);
        harness_close(loop, ends[1]);
    }
}

BACKEND_TEST(close_after_a_send_that_is_refused_closes)
{
    if (harness_in_world())
        harness_skip("a world does not know which memory is mapped");
    int ends[2];
    struct harness_op sending = {0};
    struct harness_op closing = {0};
    char *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(nowhere != MAP_FAILED);
    harness_socket_pair(loop, ends);
    hark_send(loop, &sending.op, ends[0], nowhere, 1, MSG_WAITALL, harness_done);
    hark_close_after_sending(loop, &closing.op, ends[0], harness_done);
    assert_result(harness_wait(loop, &closing), 0);
    assert_result(sending.result, -EFAULT);
    assert_int_equal(fcntl(ends[0], F_GETFD), -1);
    harness_close(loop, ends[1]);
    munmap(nowhere, 4096);
}

BACKEND_TEST(close_after_sending_on_a_closed_descriptor_gives_ebadf)
{
    struct harness_op closing = {0};
    struct harness_op negative = {0};
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    close(fd);
    hark_close_after_sending(loop, &closing.op, fd, harness_done);
    hark_close_after_sending(loop, &negative.op, -1, harness_done);
    assert_result(harness_wait(loop, &closing), -EBADF);
    assert_result(harness_wait(loop, &negative), -EBADF);
}

/* --- numbers that are used again and again --- */

enum { ROUNDS = 300, PLACES = 8 };

struct place {
    struct harness_op accepted; /* receives one byte, and answers with it */
    struct harness_op answer, closing;
    struct harness_op ask;
    int server, client;
    char in[1], out[1];
};

static struct place places[PLACES];
static int answered;

static void got(struct harness_op *self, int64_t result)
{
    struct place *place = self->context;
    assert_result(result, 1);
    hark_send(self->op.loop, &place->answer.op, place->server, place->in, 1, MSG_WAITALL,
              harness_done);
    hark_close_after_sending(self->op.loop, &place->closing.op, place->server, harness_done);
}

static void closed(struct harness_op *self, int64_t result)
{
    assert_result(result, 0);
    answered++;
    (void)self;
}

BACKEND_TEST(close_after_sending_never_touches_the_next_file_of_its_number)
{
    for (int round = 0; round < ROUNDS; round++) {
        answered = 0;
        for (int index = 0; index < PLACES; index++) {
            struct place *place = &places[index];
            int ends[2];
            memset(place, 0, sizeof *place);
            harness_socket_pair(loop, ends);
            place->client = ends[0];
            place->server = ends[1];
            place->accepted.then = got;
            place->accepted.context = place;
            place->closing.then = closed;
            hark_recv(loop, &place->accepted.op, place->server, place->in, 1, 0, harness_done);
        }
        for (int index = 0; index < PLACES; index++)
            assert_int_equal(write(places[index].client, &(char){(char)('a' + index)}, 1), 1);
        while (answered < PLACES)
            assert_true(hark_run_once(loop) >= 0);
        for (int index = 0; index < PLACES; index++) {
            char in[2];
            assert_int_equal(read(places[index].client, in, sizeof in), 1);
            assert_int_equal(in[0], 'a' + index);
            assert_int_equal(read(places[index].client, in, sizeof in), 0);
            assert_result(places[index].answer.result, 1);
            close(places[index].client);
        }
    }
}
