/* test_send_zc.c - sends whose bytes the kernel does not copy: the final call comes once it has no
 * more use for them, whatever ends the op. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONG = 200000, VERY_LONG = 8 << 20 };

/* Whether this loop's kernel sends without a copy. */
static bool has_it(const struct hark_loop *loop)
{
    const struct hark_feature *features;
    size_t count = hark_loop_features(loop, &features);
    for (size_t i = 0; i < count; i++)
        if (strcmp(features[i].name, "send_zc") == 0)
            return features[i].used;
    return false;
}

static char *filled(size_t count)
{
    char *bytes = malloc(count);
    assert_non_null(bytes);
    harness_fill(bytes, count, 9);
    return bytes;
}

/* Receives `count` bytes, and looks whether they are those of filled(). */
static void receive(struct hark_loop *loop, int fd, size_t count)
{
    struct harness_op receiving = {0};
    char *in = malloc(count);
    assert_non_null(in);
    hark_recv(loop, &receiving.op, fd, in, count, MSG_WAITALL, harness_done);
    assert_result(harness_wait(loop, &receiving), (int64_t)count);
    assert_true(harness_filled(in, count, 9));
    free(in);
}

/* One that takes nothing more while nobody receives, and one that takes LONG bytes at once. */
static void open_narrow(struct hark_loop *loop, int ends[2])
{
    const int small = 4096;
    harness_tcp_pair(loop, ends);
    assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    harness_make_room(ends[0], LONG);
}

BACKEND_TEST(send_zc_that_is_sent_is_what_is_received_though_its_bytes_change_afterwards)
{
    int ends[2];
    struct harness_op sending = {0}, receiving = {0};
    char *bytes = filled(LONG), *in = malloc(LONG);
    assert_non_null(in);
    harness_tcp_pair(loop, ends);
    hark_recv(loop, &receiving.op, ends[1], in, LONG, MSG_WAITALL, harness_done);
    hark_send_zc(loop, &sending.op, ends[0], bytes, LONG, MSG_WAITALL, harness_done);
    assert_result(harness_wait(loop, &sending), LONG);
    memset(bytes, 0, LONG);
    assert_result(harness_wait(loop, &receiving), LONG);
    assert_true(harness_filled(in, LONG, 9));
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
    free(bytes);
    free(in);
}

BACKEND_TEST(send_zc_one_after_the_other_and_several_at_a_time)
{
    enum { SENDS = 8, EACH = 20000 };
    int ends[2];
    struct harness_op sends[SENDS] = {0};
    char *bytes = filled(SENDS * EACH);
    harness_tcp_pair(loop, ends);
    harness_make_room(ends[0], SENDS * EACH);
    for (int i = 0; i < SENDS; i++) {
        hark_send_zc(loop, &sends[i].op, ends[0], bytes + EACH * i, EACH, MSG_WAITALL,
                     harness_done);
        if (i % 3 == 2)
            harness_settle(loop);
    }
    struct harness_op receiving = {0};
    char *in = malloc(SENDS * EACH);
    assert_non_null(in);
    hark_recv(loop, &receiving.op, ends[1], in, SENDS * EACH, MSG_WAITALL, harness_done);
    harness_run(loop);
    assert_result(receiving.result, SENDS * EACH);
    for (int i = 0; i < SENDS; i++)
        assert_result(sends[i].result, EACH);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
    free(bytes);
    free(in);
}

BACKEND_TEST(send_zc_over_what_copies_is_a_plain_send)
{
    int ends[2];
    struct harness_op sending = {0};
    char *bytes = filled(1000);
    harness_socket_pair(loop, ends);
    hark_send_zc(loop, &sending.op, ends[0], bytes, 1000, 0, harness_done);
    assert_result(harness_wait(loop, &sending), 1000);
    receive(loop, ends[1], 1000);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
    free(bytes);
}

BACKEND_TEST(send_zc_of_a_datagram_is_sent_whole)
{
    struct hark_address address;
    struct harness_op sending = {0}, receiving = {0};
    char in[3000], *bytes = filled(2000);
    int from = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int to = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(hark_address_parse("127.0.0.1:0", &address), 0);
    assert_int_equal(bind(to, &address.name.any, address.length), 0);
    assert_int_equal(getsockname(to, &address.name.any, &address.length), 0);
    assert_int_equal(connect(from, &address.name.any, address.length), 0);
    hark_send_zc(loop, &sending.op, from, bytes, 2000, 0, harness_done);
    assert_result(harness_wait(loop, &sending), 2000);
    if (!harness_in_world()) { /* where it may be lost */
        hark_recv(loop, &receiving.op, to, in, sizeof in, 0, harness_done);
        assert_result(harness_wait(loop, &receiving), 2000);
        assert_true(harness_filled(in, 2000, 9));
    }
    harness_close(loop, from);
    harness_close(loop, to);
    free(bytes);
}

BACKEND_TEST(send_zc_to_a_peer_that_is_gone_gives_epipe)
{
    int ends[2];
    struct harness_op sending = {0};
    harness_socket_pair(loop, ends);
    harness_close(loop, ends[1]);
    hark_send_zc(loop, &sending.op, ends[0], "x", 1, 0, harness_done);
    assert_result(harness_wait(loop, &sending), -EPIPE);
    harness_close(loop, ends[0]);
    harness_tcp_pair(loop, ends);
    assert_int_equal(shutdown(ends[0], SHUT_WR), 0);
    harness_op_again(&sending);
    hark_send_zc(loop, &sending.op, ends[0], "x", 1, 0, harness_done);
    assert_result(harness_wait(loop, &sending), -EPIPE);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

WORLDS_WITHOUT(promise_04_send_zc_ends_once_the_peer_has_taken_its_bytes, SMALL | SHORT,
               "all is to be taken at once")
BACKEND_TEST(promise_04_send_zc_ends_once_the_peer_has_taken_its_bytes)
{
    int ends[2];
    struct harness_op sending = {0};
    char *bytes = filled(LONG);
    open_narrow(loop, ends);
    hark_send_zc(loop, &sending.op, ends[0], bytes, LONG, 0, harness_done);
    harness_settle(loop);
    if (has_it(loop))
        assert_false(sending.ended);
    else
        assert_true(sending.ended);
    assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_RCVBUF, &(int){LONG}, sizeof(int)), 0);
    receive(loop, ends[1], LONG);
    harness_run(loop);
    assert_result(sending.result, LONG);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
    free(bytes);
}

enum { BY_CANCEL, BY_CANCEL_ALL, BY_DEADLINE, BY_CLOSE, BY_DETACH, WAYS };

static void end_it(struct hark_loop *loop, struct harness_op *sending, struct harness_op *other,
                   int way)
{
    int fd = hark_op_fd(&sending->op);
    switch (way) {
    case BY_CANCEL:
        hark_cancel(&sending->op);
        break;
    case BY_CANCEL_ALL:
        hark_cancel_all(loop);
        break;
    case BY_DEADLINE:
        hark_op_deadline(&sending->op, 0);
        break;
    case BY_CLOSE:
        hark_close(loop, &other->op, fd, harness_done);
        break;
    default:
        hark_detach(loop, &other->op, fd, harness_done);
    }
}

/* Reads until nothing comes. Gives how that was told. */
static int64_t read_rest(struct hark_loop *loop, int fd)
{
    char in[4096];
    int64_t result;
    do {
        struct harness_op receiving = {0};
        hark_recv(loop, &receiving.op, fd, in, sizeof in, 0, harness_done);
        result = harness_wait(loop, &receiving);
    } while (result > 0);
    return result;
}

/* Nobody receives, so the kernel would have use for the bytes for ever. */
WORLDS_WITHOUT(promise_06_send_zc_that_was_taken_and_waits_for_its_peer_can_be_ended, SMALL | SHORT,
               "all is to be taken at once")
BACKEND_TEST(promise_06_send_zc_that_was_taken_and_waits_for_its_peer_can_be_ended)
{
    for (int way = 0; way < WAYS; way++) {
        int ends[2];
        struct harness_op sending = {0}, other = {0};
        char *bytes = filled(LONG);
        open_narrow(loop, ends);
        hark_send_zc(loop, &sending.op, ends[0], bytes, LONG, 0, harness_done);
        harness_settle(loop);
        bool lends = !sending.ended;
        end_it(loop, &sending, &other, way);
        harness_run(loop);
        assert_result(sending.result, LONG);
        memset(bytes, 0, LONG);
        if (way == BY_CLOSE)
            assert_true(other.order > sending.order);
        else
            harness_close(loop, ends[0]);
        if (lends)
            assert_result(read_rest(loop, ends[1]), -ECONNRESET);
        harness_close(loop, ends[1]);
        free(bytes);
    }
}

BACKEND_TEST(promise_06_send_zc_of_all_is_ended_amid_its_way)
{
    for (int way = 0; way < WAYS; way++) {
        int ends[2];
        struct harness_op sending = {0}, other = {0};
        char *bytes = filled(VERY_LONG);
        harness_tcp_pair(loop, ends);
        hark_send_zc(loop, &sending.op, ends[0], bytes, VERY_LONG, MSG_WAITALL, harness_done);
        harness_settle(loop);
        assert_false(sending.ended);
        end_it(loop, &sending, &other, way);
        harness_run(loop);
        assert_true(sending.result > 0 && sending.result < VERY_LONG);
        if (way != BY_CLOSE)
            harness_close(loop, ends[0]);
        harness_close(loop, ends[1]);
        free(bytes);
    }
}

/* The cancel is handed over with the send, or directly behind it. */
BACKEND_TEST(promise_06_send_zc_that_is_cancelled_at_once_ends)
{
    for (int turns = 0; turns < 3; turns++) {
        int ends[2];
        struct harness_op sending = {0};
        char *bytes = filled(LONG);
        open_narrow(loop, ends);
        hark_send_zc(loop, &sending.op, ends[0], bytes, LONG, 0, harness_done);
        harness_turns(loop, turns);
        hark_cancel(&sending.op);
        harness_run(loop);
        assert_true(sending.result == -ECANCELED || sending.result > 0);
        memset(bytes, 0, LONG);
        harness_close(loop, ends[0]);
        harness_close(loop, ends[1]);
        free(bytes);
    }
}

BACKEND_TEST(close_after_sending_waits_for_a_send_zc)
{
    int ends[2];
    struct harness_op sending = {0}, closing = {0};
    char *bytes = filled(LONG);
    harness_tcp_pair(loop, ends);
    hark_send_zc(loop, &sending.op, ends[0], bytes, LONG, MSG_WAITALL, harness_done);
    hark_close_after_sending(loop, &closing.op, ends[0], harness_done);
    receive(loop, ends[1], LONG);
    assert_result(read_rest(loop, ends[1]), 0);
    harness_run(loop);
    assert_result(sending.result, LONG);
    assert_result(closing.result, 0);
    assert_true(closing.order > sending.order);
    harness_close(loop, ends[1]);
    free(bytes);
}
