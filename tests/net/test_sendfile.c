/* test_sendfile.c - hark_sendfile_start: files into sockets, sockets into sockets, and every way in
 * which one ends. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONG = 700000 };

struct transfer {
    struct hark_sendfile sending;
    bool ended;
    int error, calls, told;
    uint64_t last; /* count, when it was told last */
};

static void done(struct hark_sendfile *sending, int error)
{
    struct transfer *transfer = hark_container_of(sending, struct transfer, sending);
    assert_false(transfer->ended);
    assert_false(hark_op_active(&sending->op));
    assert_false(hark_op_active(&sending->step));
    transfer->ended = true;
    transfer->error = error;
    transfer->calls++;
}

static void progressed(struct hark_sendfile *sending)
{
    struct transfer *transfer = hark_container_of(sending, struct transfer, sending);
    assert_true(sending->count > transfer->last);
    assert_true(sending->taken >= sending->count);
    transfer->last = sending->count;
    transfer->told++;
}

static void start(struct hark_loop *loop, struct transfer *transfer, int from, int64_t offset,
                  int to, uint64_t count)
{
    const struct hark_sendfile_options options = {.progressed = progressed};
    transfer->ended = false;
    hark_sendfile_start(loop, &transfer->sending, from, offset, to, count, &options, done);
}

static int wait_for(struct hark_loop *loop, struct transfer *transfer)
{
    harness_run_until(loop, &transfer->ended);
    return transfer->error;
}

static char *filled(size_t count)
{
    char *bytes = malloc(count);
    assert_non_null(bytes);
    harness_fill(bytes, count, 6);
    return bytes;
}

static void close_all(struct hark_loop *loop, const int *fds, int count)
{
    for (int i = 0; i < count; i++)
        harness_close(loop, fds[i]);
}

/* --- from a file --- */

static void send_from_file(struct hark_loop *loop, uint64_t count, size_t expected)
{
    const int64_t offset = 1000;
    int ends[2];
    struct transfer transfer = {0};
    struct harness_op receiving = {0};
    char *bytes = filled(LONG), *in = malloc(LONG);
    assert_non_null(in);
    int file = harness_file("file", bytes, LONG);
    harness_tcp_pair(loop, ends);
    start(loop, &transfer, file, offset, ends[0], count);
    hark_recv(loop, &receiving.op, ends[1], in, expected, MSG_WAITALL, harness_done);
    assert_result(wait_for(loop, &transfer), 0);
    assert_result(harness_wait(loop, &receiving), (int64_t)expected);
    assert_memory_equal(in, bytes + offset, expected);
    assert_int_equal(transfer.sending.count, expected);
    assert_int_equal(transfer.sending.taken, expected);
    assert_int_equal(transfer.last, expected);
    assert_true(transfer.told > 0);
    close_all(loop, (int[]){ends[0], ends[1], file}, 3);
    free(bytes);
    free(in);
}

BACKEND_TEST(sendfile_of_a_file_sends_all_of_it)
{
    send_from_file(loop, UINT64_MAX, LONG - 1000);
}

BACKEND_TEST(sendfile_of_a_part_sends_the_part)
{
    send_from_file(loop, 300001, 300001);
    send_from_file(loop, 1, 1);
}

BACKEND_TEST(sendfile_of_more_than_there_is_says_how_much_there_was)
{
    send_from_file(loop, LONG * 10, LONG - 1000);
}

/* A piece goes into it part by part. */
BACKEND_TEST(sendfile_into_a_narrow_socket_sends_all)
{
    enum { BYTES = 100000 };
    const int small = 4096;
    int ends[2];
    struct transfer transfer = {0};
    struct harness_op receiving = {0};
    char *bytes = filled(BYTES), *in = malloc(BYTES);
    assert_non_null(in);
    int file = harness_file("file", bytes, BYTES);
    harness_socket_pair(loop, ends);
    assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    start(loop, &transfer, file, 0, ends[0], BYTES);
    harness_settle(loop);
    hark_recv(loop, &receiving.op, ends[1], in, BYTES, MSG_WAITALL, harness_done);
    assert_result(wait_for(loop, &transfer), 0);
    assert_int_equal(transfer.sending.count, BYTES);
    assert_result(harness_wait(loop, &receiving), BYTES);
    assert_memory_equal(in, bytes, BYTES);
    close_all(loop, (int[]){ends[0], ends[1], file}, 3);
    free(bytes);
    free(in);
}

BACKEND_TEST(sendfile_of_nothing_sends_nothing)
{
    int ends[2];
    struct transfer transfer = {0};
    int file = harness_file("file", "abc", 3);
    harness_socket_pair(loop, ends);
    start(loop, &transfer, file, 0, ends[0], 0);
    assert_result(wait_for(loop, &transfer), 0);
    assert_int_equal(transfer.sending.count, 0);
    start(loop, &transfer, file, 3, ends[0], UINT64_MAX);
    assert_result(wait_for(loop, &transfer), 0);
    assert_int_equal(transfer.sending.count, 0);
    assert_int_equal(transfer.calls, 2);
    close_all(loop, (int[]){ends[0], ends[1], file}, 3);
}

BACKEND_TEST(sendfile_at_the_position_of_a_file_moves_it)
{
    int ends[2];
    char in[4];
    struct transfer transfer = {0};
    int file = harness_file("file", "0123456789", 10);
    assert_int_equal(lseek(file, 3, SEEK_SET), 3);
    harness_socket_pair(loop, ends);
    start(loop, &transfer, file, HARK_AT_POSITION, ends[0], 4);
    assert_result(wait_for(loop, &transfer), 0);
    assert_int_equal(lseek(file, 0, SEEK_CUR), 7);
    assert_int_equal(recv(ends[1], in, sizeof in, 0), 4);
    assert_memory_equal(in, "3456", 4);
    close_all(loop, (int[]){ends[0], ends[1], file}, 3);
}

BACKEND_TEST(sendfile_with_a_pipe_of_a_size_goes_in_pieces_of_it)
{
    const struct hark_sendfile_options options = {.pipe_bytes = 4096, .progressed = progressed};
    int ends[2];
    struct transfer transfer = {0};
    struct harness_op receiving = {0};
    char *bytes = filled(40960), *in = malloc(40960);
    assert_non_null(in);
    int file = harness_file("file", bytes, 40960);
    harness_socket_pair(loop, ends);
    hark_recv(loop, &receiving.op, ends[1], in, 40960, MSG_WAITALL, harness_done);
    hark_sendfile_start(loop, &transfer.sending, file, 0, ends[0], UINT64_MAX, &options, done);
    harness_run(loop);
    assert_result(transfer.error, 0);
    assert_true(transfer.told >= 10);
    assert_memory_equal(in, bytes, 40960);
    close_all(loop, (int[]){ends[0], ends[1], file}, 3);
    free(bytes);
    free(in);
}

/* --- from a socket --- */

/* What stands between two connections: client[0] and client[1], server[0] and server[1]. */
struct proxy {
    int client[2], server[2];
    struct transfer there, back;
};

static void open_proxy(struct hark_loop *loop, struct proxy *proxy)
{
    static const struct hark_sendfile_options options = {.shutdown = true};
    memset(proxy, 0, sizeof *proxy);
    harness_tcp_pair(loop, proxy->client);
    harness_tcp_pair(loop, proxy->server);
    hark_sendfile_start(loop, &proxy->there.sending, proxy->client[1], HARK_AT_POSITION,
                        proxy->server[0], UINT64_MAX, &options, done);
    hark_sendfile_start(loop, &proxy->back.sending, proxy->server[0], HARK_AT_POSITION,
                        proxy->client[1], UINT64_MAX, &options, done);
}

static void close_proxy(struct hark_loop *loop, const struct proxy *proxy)
{
    close_all(loop, (int[]){proxy->client[0], proxy->client[1], proxy->server[0], proxy->server[1]},
              4);
}

/* Sends and receives at once, and then tells that it is all. */
static void exchange(struct hark_loop *loop, int from, int to, const char *bytes)
{
    struct harness_op sending = {0}, receiving = {0}, shutting = {0};
    char *in = malloc(LONG);
    assert_non_null(in);
    hark_send(loop, &sending.op, from, bytes, LONG, MSG_WAITALL, harness_done);
    hark_recv(loop, &receiving.op, to, in, LONG, MSG_WAITALL, harness_done);
    assert_result(harness_wait(loop, &sending), LONG);
    assert_result(harness_wait(loop, &receiving), LONG);
    assert_memory_equal(in, bytes, LONG);
    hark_shutdown(loop, &shutting.op, from, SHUT_WR, harness_done);
    assert_result(harness_wait(loop, &shutting), 0);
    harness_op_again(&receiving);
    hark_recv(loop, &receiving.op, to, in, LONG, 0, harness_done);
    assert_result(harness_wait(loop, &receiving), 0);
    free(in);
}

BACKEND_TEST(sendfile_both_ways_is_a_proxy_that_hands_each_end_on)
{
    struct proxy proxy;
    char *bytes = filled(LONG);
    open_proxy(loop, &proxy);
    exchange(loop, proxy.client[0], proxy.server[1], bytes);
    assert_result(wait_for(loop, &proxy.there), 0);
    assert_int_equal(proxy.there.sending.count, LONG);
    assert_false(proxy.back.ended);
    exchange(loop, proxy.server[1], proxy.client[0], bytes);
    assert_result(wait_for(loop, &proxy.back), 0);
    assert_int_equal(proxy.back.sending.count, LONG);
    close_proxy(loop, &proxy);
    free(bytes);
}

BACKEND_TEST(promise_09_sendfile_that_waits_for_bytes_sleeps)
{
    struct proxy proxy;
    open_proxy(loop, &proxy);
    harness_settle(loop);
    harness_assert_idle(loop);
    assert_int_equal(send(proxy.client[0], "!", 1, MSG_OOB), 1);
    harness_settle(loop);
    harness_assert_idle(loop);
    hark_cancel_all(loop);
    harness_run(loop);
    assert_result(proxy.there.error, -ECANCELED);
    assert_result(proxy.back.error, -ECANCELED);
    close_proxy(loop, &proxy);
}

/* --- its ends --- */

enum { BY_CANCEL, BY_CANCEL_ALL, BY_DEADLINE, BY_CLOSE, BY_DETACH, WAYS };

static void end_it(struct hark_loop *loop, struct transfer *transfer, struct harness_op *other,
                   int way, int fd)
{
    switch (way) {
    case BY_CANCEL:
        hark_cancel(&transfer->sending.op);
        break;
    case BY_CANCEL_ALL:
        hark_cancel_all(loop);
        break;
    case BY_DEADLINE:
        hark_op_deadline(&transfer->sending.op, 0);
        break;
    case BY_CLOSE:
        hark_close(loop, &other->op, fd, harness_done);
        break;
    default:
        hark_detach(loop, &other->op, fd, harness_done);
    }
}

/* Into a socket that takes no more, or from one that has nothing. */
static void end_one(struct hark_loop *loop, int way, bool of_target, bool is_full, bool settles)
{
    int from[2], to[2];
    struct transfer transfer = {0};
    struct harness_op other = {0};
    harness_socket_pair(loop, from);
    harness_socket_pair(loop, to);
    if (is_full) {
        harness_stuff(to[0]);
        assert_int_equal(send(from[0], "abc", 3, 0), 3);
    }
    start(loop, &transfer, from[1], HARK_AT_POSITION, to[0], UINT64_MAX);
    if (settles)
        harness_settle(loop);
    end_it(loop, &transfer, &other, way, of_target ? to[0] : from[1]);
    harness_run(loop);
    assert_result(transfer.error, way == BY_DEADLINE ? -ETIMEDOUT : -ECANCELED);
    assert_int_equal(transfer.calls, 1);
    assert_int_equal(transfer.sending.count, 0);
    if (way == BY_CLOSE || way == BY_DETACH)
        assert_result(other.result, 0);
    if (way == BY_CLOSE)
        *(of_target ? &to[0] : &from[1]) = -1;
    close_all(loop, (int[]){from[0], from[1], to[0], to[1]}, 4);
}

BACKEND_TEST(promise_06_sendfile_that_waits_is_ended)
{
    for (int way = 0; way < WAYS; way++)
        for (int of_target = 0; of_target < 2; of_target++)
            for (int is_full = 0; is_full < 2; is_full++) {
                if ((way == BY_CLOSE || way == BY_DETACH) && of_target != is_full)
                    continue; /* it does not wait for that one */
                end_one(loop, way, of_target, is_full, true);
                if (!is_full)
                    end_one(loop, way, of_target, is_full, false);
            }
}

BACKEND_TEST(sendfile_that_is_cancelled_amid_a_file_says_how_far_it_came)
{
    int ends[2];
    struct transfer transfer = {0};
    char *bytes = filled(LONG);
    int file = harness_file("file", bytes, LONG);
    harness_socket_pair(loop, ends);
    start(loop, &transfer, file, 0, ends[0], UINT64_MAX);
    while (transfer.told == 0)
        assert_int_equal(hark_run_once(loop), 1);
    hark_cancel(&transfer.sending.op);
    harness_run(loop);
    assert_result(transfer.error, -ECANCELED);
    assert_true(transfer.sending.count > 0 && transfer.sending.count < LONG);
    uint64_t got = 0;
    for (ssize_t count; (count = recv(ends[1], bytes, LONG, MSG_DONTWAIT)) > 0;)
        got += (uint64_t)count;
    assert_int_equal(got, transfer.sending.count);
    close_all(loop, (int[]){ends[0], ends[1], file}, 3);
    free(bytes);
}

BACKEND_TEST(sendfile_to_a_peer_that_is_gone_gives_epipe)
{
    int ends[2];
    struct transfer transfer = {0};
    int file = harness_file("file", "abc", 3);
    harness_socket_pair(loop, ends);
    harness_close(loop, ends[1]);
    start(loop, &transfer, file, 0, ends[0], UINT64_MAX);
    assert_result(wait_for(loop, &transfer), -EPIPE);
    assert_int_equal(transfer.sending.count, 0);
    assert_int_equal(transfer.sending.taken, 3);
    close_all(loop, (int[]){ends[0], file}, 2);
}

BACKEND_TEST(sendfile_that_cannot_be_is_refused)
{
    static const struct hark_sendfile_options options = {.shutdown = true};
    int pipe[2];
    struct transfer transfer = {0};
    int file = harness_file("file", "abc", 3);
    harness_pipe(pipe, 0);
    start(loop, &transfer, -1, 0, pipe[1], 1);
    assert_result(wait_for(loop, &transfer), -EBADF);
    start(loop, &transfer, file, 0, -1, 1);
    assert_result(wait_for(loop, &transfer), -EBADF);
    start(loop, &transfer, file, -2, pipe[1], 1);
    assert_result(wait_for(loop, &transfer), -EINVAL);
    start(loop, &transfer, pipe[1], HARK_AT_POSITION, file, 1);
    assert_result(wait_for(loop, &transfer), -EBADF);
    transfer.ended = false;
    hark_sendfile_start(loop, &transfer.sending, file, 0, pipe[1], 3, &options, done);
    assert_result(wait_for(loop, &transfer), -ENOTSOCK);
    assert_int_equal(transfer.sending.count, 3);
    close_all(loop, (int[]){pipe[0], pipe[1], file}, 3);
}

static void start_again(struct hark_sendfile *sending, int error)
{
    struct transfer *transfer = hark_container_of(sending, struct transfer, sending);
    assert_result(error, 0);
    if (++transfer->calls < 5)
        hark_sendfile_start(sending->loop, sending, sending->from, 0, sending->to, 3, NULL,
                            start_again);
}

BACKEND_TEST(sendfile_is_started_again_in_its_last_call)
{
    int ends[2];
    char in[16];
    struct transfer transfer = {0};
    int file = harness_file("file", "abc", 3);
    harness_socket_pair(loop, ends);
    hark_sendfile_start(loop, &transfer.sending, file, 0, ends[0], 3, NULL, start_again);
    harness_run(loop);
    assert_int_equal(transfer.calls, 5);
    assert_int_equal(recv(ends[1], in, sizeof in, 0), 15);
    assert_memory_equal(in, "abcabcabcabcabc", 15);
    close_all(loop, (int[]){ends[0], ends[1], file}, 3);
}
