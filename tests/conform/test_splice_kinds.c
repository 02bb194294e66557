/* test_splice_kinds.c - hark_splice with ends of their own ways: an urgent byte of TCP, terminals,
 * sockets that block. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int64_t splice_now(struct hark_loop *loop, int from, int64_t from_offset, int to,
                          int64_t to_offset, size_t count)
{
    struct harness_op op = {0};
    hark_splice(loop, &op.op, from, from_offset, to, to_offset, count, 0, harness_done);
    int64_t result = harness_wait(loop, &op);
    assert_int_equal(hark_op_fd(&op.op), from);
    return result;
}

static void close_all(struct hark_loop *loop, const int *fds, int count)
{
    for (int i = 0; i < count; i++)
        harness_close(loop, fds[i]);
}

/* --- ends that are ready for nothing --- */

/* Takes what the splices give, up to the end or to `count` bytes. */
static size_t splice_into(struct hark_loop *loop, int from, const int pipe[2], char *bytes,
                          size_t count)
{
    size_t done = 0;
    while (done < count) {
        int64_t moved =
            splice_now(loop, from, HARK_AT_POSITION, pipe[1], HARK_AT_POSITION, count - done);
        if (moved == 0)
            break;
        assert_true(moved > 0);
        assert_int_equal(read(pipe[0], bytes + done, (size_t)moved), moved);
        done += (size_t)moved;
    }
    return done;
}

/* The urgent byte is passed over, or one of the others, as recv(2) has it. */
BACKEND_TEST(splice_goes_past_an_urgent_byte)
{
    for (int is_inline = 0; is_inline < 2; is_inline++) {
        int ends[2], pipe[2];
        char bytes[16];
        struct harness_op waiting = {0};
        const char *expected = is_inline ? "abc!def" : "abcdef";
        harness_tcp_pair(loop, ends);
        harness_pipe(pipe, 0);
        assert_int_equal(
            setsockopt(ends[1], SOL_SOCKET, SO_OOBINLINE, &is_inline, sizeof is_inline), 0);
        assert_int_equal(send(ends[0], "abc", 3, 0), 3);
        assert_int_equal(send(ends[0], "!", 1, MSG_OOB), 1);
        assert_int_equal(splice_into(loop, ends[1], pipe, bytes, 3), 3);
        hark_splice(loop, &waiting.op, ends[1], HARK_AT_POSITION, pipe[1], HARK_AT_POSITION, 1, 0,
                    harness_done);
        harness_settle(loop);
        if (!is_inline)
            harness_assert_idle(loop);
        assert_int_equal(send(ends[0], "def", 3, 0), 3);
        assert_result(harness_wait(loop, &waiting), 1);
        assert_int_equal(read(pipe[0], bytes + 3, 1), 1);
        assert_int_equal(shutdown(ends[0], SHUT_WR), 0);
        size_t rest = splice_into(loop, ends[1], pipe, bytes + 4, sizeof bytes - 4);
        assert_int_equal(4 + rest, strlen(expected));
        assert_memory_equal(bytes, expected, strlen(expected));
        close_all(loop, (int[]){ends[0], ends[1], pipe[0], pipe[1]}, 4);
    }
}

/* splice(2) calls that an end: all has come when it gets there. */
BACKEND_TEST(splice_at_an_urgent_byte_before_the_end_is_not_at_the_end)
{
    int ends[2], pipe[2];
    char bytes[16];
    harness_tcp_pair(loop, ends);
    harness_pipe(pipe, 0);
    assert_int_equal(send(ends[0], "abc", 3, 0), 3);
    assert_int_equal(send(ends[0], "!", 1, MSG_OOB), 1);
    assert_int_equal(send(ends[0], "def", 3, 0), 3);
    assert_int_equal(shutdown(ends[0], SHUT_WR), 0);
    assert_int_equal(poll(&(struct pollfd){.fd = ends[1], .events = POLLRDHUP}, 1, -1), 1);
    assert_int_equal(splice_into(loop, ends[1], pipe, bytes, sizeof bytes), 6);
    assert_memory_equal(bytes, "abcdef", 6);
    close_all(loop, (int[]){ends[0], ends[1], pipe[0], pipe[1]}, 4);
}

/* --- terminals --- */

static void open_terminal(int *out_master, int *out_terminal)
{
    *out_master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*out_master < 0)
        harness_skip("no pseudo-terminal: %s", strerror(errno));
    assert_int_equal(grantpt(*out_master), 0);
    assert_int_equal(unlockpt(*out_master), 0);
    *out_terminal = open(ptsname(*out_master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(*out_terminal >= 0);
}

/* While it waits the pipe is free: what is in it can be read. */
BACKEND_TEST(splice_from_an_idle_terminal_waits_and_keeps_nothing)
{
    if (harness_in_world())
        harness_skip("worlds have no terminals");
    for (int nonblock = 0; nonblock < 2; nonblock++)
        for (int of_master = 0; of_master < 2; of_master++) {
            int master, terminal, pipe[2];
            char bytes[16];
            struct harness_op op = {0}, reading = {0};
            open_terminal(&master, &terminal);
            harness_pipe(pipe, 0);
            int from = of_master ? master : terminal, peer = of_master ? terminal : master;
            int flags = fcntl(from, F_GETFL);
            assert_int_equal(fcntl(from, F_SETFL, flags | (nonblock ? O_NONBLOCK : 0)), 0);
            assert_int_equal(write(pipe[1], "x", 1), 1);
            hark_splice(loop, &op.op, from, HARK_AT_POSITION, pipe[1], HARK_AT_POSITION, 16, 0,
                        harness_done);
            harness_settle(loop);
            harness_assert_idle(loop);
            hark_read(loop, &reading.op, pipe[0], bytes, 1, HARK_AT_POSITION, harness_done);
            assert_result(harness_wait(loop, &reading), 1);
            assert_false(op.ended);
            assert_int_equal(write(peer, "abc\n", 4), 4);
            assert_true(harness_wait(loop, &op) >= 4);
            assert_true(read(pipe[0], bytes, sizeof bytes) >= 4);
            assert_memory_equal(bytes, "abc", 3);
            assert_int_equal(fcntl(from, F_GETFL), flags | (nonblock ? O_NONBLOCK : 0));
            harness_op_again(&op);
            hark_splice(loop, &op.op, from, HARK_AT_POSITION, pipe[1], HARK_AT_POSITION, 16, 0,
                        harness_done);
            harness_settle(loop);
            if (!op.ended) /* a master has its own output to read back */
                hark_cancel(&op.op);
            harness_run(loop);
            close_all(loop, (int[]){master, terminal, pipe[0], pipe[1]}, 4);
        }
}

BACKEND_TEST(splice_to_a_terminal_is_seen_at_its_master)
{
    if (harness_in_world())
        harness_skip("worlds have no terminals");
    int master, terminal, pipe[2];
    char bytes[16];
    open_terminal(&master, &terminal);
    harness_pipe(pipe, 0);
    assert_int_equal(write(pipe[1], "abc", 3), 3);
    assert_int_equal(splice_now(loop, pipe[0], HARK_AT_POSITION, terminal, HARK_AT_POSITION, 16),
                     3);
    assert_int_equal(read(master, bytes, sizeof bytes), 3);
    assert_memory_equal(bytes, "abc", 3);
    close_all(loop, (int[]){master, terminal, pipe[0], pipe[1]}, 4);
}

/* --- sockets that the program made itself --- */

static void block(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    assert_true(flags >= 0);
    assert_int_equal(fcntl(fd, F_SETFL, flags & ~O_NONBLOCK), 0);
}

/* Were a thread to wait for the socket, it would hold the pipe. Another process may set the socket
 * to block again at any time. */
BACKEND_TEST(splice_from_a_tcp_socket_that_blocks_leaves_the_pipe_free)
{
    int ends[2], pipe[2];
    char byte;
    struct harness_op op = {0};
    harness_tcp_pair(loop, ends);
    harness_pipe(pipe, 0);
    for (int round = 0; round < 3; round++) {
        struct harness_op reading = {0};
        harness_op_again(&op);
        block(ends[1]);
        hark_splice(loop, &op.op, ends[1], HARK_AT_POSITION, pipe[1], HARK_AT_POSITION, 3, 0,
                    harness_done);
        harness_settle(loop);
        harness_assert_idle(loop);
        block(ends[1]);
        assert_int_equal(write(pipe[1], "x", 1), 1);
        hark_read(loop, &reading.op, pipe[0], &byte, 1, HARK_AT_POSITION, harness_done);
        assert_result(harness_wait(loop, &reading), 1);
        assert_int_equal(send(ends[0], "abc", 3, 0), 3);
        assert_result(harness_wait(loop, &op), 3);
        char bytes[3];
        assert_int_equal(read(pipe[0], bytes, 3), 3);
        assert_memory_equal(bytes, "abc", 3);
    }
    close_all(loop, (int[]){ends[0], ends[1], pipe[0], pipe[1]}, 4);
}

BACKEND_TEST(splice_to_a_socket_that_blocks_and_is_full_waits)
{
    int ends[2], pipe[2];
    char bytes[65536], byte;
    struct harness_op op = {0}, reading = {0};
    harness_socket_pair(loop, ends);
    harness_pipe(pipe, 0);
    harness_stuff(ends[0]);
    block(ends[0]);
    assert_int_equal(write(pipe[1], "abc", 3), 3);
    hark_splice(loop, &op.op, pipe[0], HARK_AT_POSITION, ends[0], HARK_AT_POSITION, 2, 0,
                harness_done);
    harness_settle(loop);
    harness_assert_idle(loop);
    assert_false(op.ended);
    hark_read(loop, &reading.op, pipe[0], &byte, 1, HARK_AT_POSITION, harness_done);
    assert_result(harness_wait(loop, &reading), 1);
    while (read(ends[1], bytes, sizeof bytes) > 0)
        ;
    assert_result(harness_wait(loop, &op), 2);
    close_all(loop, (int[]){ends[0], ends[1], pipe[0], pipe[1]}, 4);
}
