/* test_splice.c - hark_splice between files, pipes and sockets: what it moves, how it waits for
 * either end, and how it ends with either descriptor. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONG = 40000 };

static int64_t splice_now(struct hark_loop *loop, int from, int64_t from_offset, int to,
                          int64_t to_offset, size_t count)
{
    struct harness_op op = {0};
    hark_splice(loop, &op.op, from, from_offset, to, to_offset, count, 0, harness_done);
    int64_t result = harness_wait(loop, &op);
    assert_int_equal(hark_op_fd(&op.op), from);
    return result;
}

/* Until all has been moved. */
static void splice_all(struct hark_loop *loop, int from, int64_t from_offset, int to,
                       int64_t to_offset, size_t count)
{
    for (size_t done = 0; done < count;) {
        int64_t moved = (int64_t)done;
        int64_t result = splice_now(loop, from, from_offset < 0 ? -1 : from_offset + moved, to,
                                    to_offset < 0 ? -1 : to_offset + moved, count - done);
        assert_true(result > 0);
        done += (size_t)result;
    }
}

static void expect_in_file(int fd, const char *bytes, size_t count, off_t offset)
{
    char in[LONG];
    for (size_t done = 0; done < count;) {
        ssize_t got = pread(fd, in + done, count - done, offset + (off_t)done);
        assert_true(got > 0);
        done += (size_t)got;
    }
    assert_memory_equal(in, bytes, count);
}

static void close_all(struct hark_loop *loop, const int *fds, int count)
{
    for (int i = 0; i < count; i++)
        harness_close(loop, fds[i]);
}

BACKEND_TEST(splice_moves_from_a_file_through_a_pipe_into_a_file_at_offsets)
{
    char bytes[LONG];
    int pipe[2];
    harness_fill(bytes, sizeof bytes, 3);
    int from = harness_file("from", bytes, sizeof bytes), to = harness_file("to", "", 0);
    harness_pipe(pipe, 0);
    splice_all(loop, from, 100, pipe[1], HARK_AT_POSITION, 20000);
    splice_all(loop, pipe[0], HARK_AT_POSITION, to, 50, 20000);
    expect_in_file(to, bytes + 100, 20000, 50);
    assert_int_equal(lseek(from, 0, SEEK_CUR), 0);
    close_all(loop, (int[]){from, to, pipe[0], pipe[1]}, 4);
}

BACKEND_TEST(splice_at_the_position_of_a_file_moves_it)
{
    char bytes[LONG];
    int pipe[2];
    harness_fill(bytes, sizeof bytes, 3);
    int from = harness_file("from", bytes, sizeof bytes), to = harness_file("to", "", 0);
    assert_int_equal(lseek(from, 0, SEEK_SET), 0);
    assert_int_equal(lseek(to, 0, SEEK_SET), 0);
    harness_pipe(pipe, O_NONBLOCK);
    for (size_t done = 0; done < LONG;) {
        int64_t moved = splice_now(loop, from, HARK_AT_POSITION, pipe[1], HARK_AT_POSITION, LONG);
        assert_true(moved > 0);
        splice_all(loop, pipe[0], HARK_AT_POSITION, to, HARK_AT_POSITION, (size_t)moved);
        done += (size_t)moved;
    }
    assert_int_equal(splice_now(loop, from, HARK_AT_POSITION, pipe[1], HARK_AT_POSITION, 1), 0);
    expect_in_file(to, bytes, LONG, 0);
    close_all(loop, (int[]){from, to, pipe[0], pipe[1]}, 4);
}

BACKEND_TEST(splice_moves_between_sockets_and_pipes)
{
    char bytes[3000], in[3000];
    int ends[2], first[2], second[2];
    struct harness_op sending = {0};
    harness_fill(bytes, sizeof bytes, 4);
    harness_tcp_pair(loop, ends);
    harness_pipe(first, 0);
    harness_pipe(second, O_NONBLOCK);
    hark_send(loop, &sending.op, ends[0], bytes, sizeof bytes, MSG_WAITALL, harness_done);
    splice_all(loop, ends[1], HARK_AT_POSITION, first[1], HARK_AT_POSITION, sizeof bytes);
    splice_all(loop, first[0], HARK_AT_POSITION, second[1], HARK_AT_POSITION, sizeof bytes);
    splice_all(loop, second[0], HARK_AT_POSITION, ends[1], HARK_AT_POSITION, sizeof bytes);
    struct harness_op receiving = {0};
    hark_recv(loop, &receiving.op, ends[0], in, sizeof in, MSG_WAITALL, harness_done);
    harness_run(loop);
    assert_result(receiving.result, sizeof in);
    assert_memory_equal(in, bytes, sizeof in);
    close_all(loop, (int[]){ends[0], ends[1], first[0], first[1], second[0], second[1]}, 6);
}

BACKEND_TEST(splice_at_the_end_gives_zero)
{
    int ends[2], pipe[2];
    harness_tcp_pair(loop, ends);
    harness_pipe(pipe, 0);
    int file = harness_file("file", "abc", 3);
    assert_int_equal(splice_now(loop, file, 3, pipe[1], HARK_AT_POSITION, 10), 0);
    assert_int_equal(shutdown(ends[0], SHUT_WR), 0);
    assert_int_equal(splice_now(loop, ends[1], HARK_AT_POSITION, pipe[1], HARK_AT_POSITION, 10), 0);
    harness_close(loop, pipe[1]);
    assert_int_equal(splice_now(loop, pipe[0], HARK_AT_POSITION, file, 0, 10), 0);
    close_all(loop, (int[]){ends[0], ends[1], pipe[0], file}, 4);
}

BACKEND_TEST(splice_that_cannot_be_is_refused)
{
    struct harness_op op = {0};
    int pipe[2], ends[2];
    harness_pipe(pipe, 0);
    harness_socket_pair(loop, ends);
    int file = harness_file("file", "abc", 3), closed = dup(file);
    close(closed);
    const int64_t none = HARK_AT_POSITION;
    assert_int_equal(splice_now(loop, file, 0, ends[0], none, 3), -EINVAL);
    assert_int_equal(splice_now(loop, file, 0, file, none, 3), -EINVAL);
    assert_int_equal(splice_now(loop, file, -2, pipe[1], none, 3), -EINVAL);
    assert_int_equal(splice_now(loop, file, 0, pipe[1], 0, 3), -ESPIPE);
    assert_int_equal(splice_now(loop, file, none, pipe[1], 0, 3), -ESPIPE);
    assert_int_equal(splice_now(loop, closed, 0, pipe[1], none, 3), -EBADF);
    assert_int_equal(splice_now(loop, file, 0, closed, none, 3), -EBADF);
    assert_int_equal(splice_now(loop, -1, 0, pipe[1], none, 3), -EBADF);
    assert_int_equal(splice_now(loop, file, 0, -1, none, 3), -EBADF);
    assert_int_equal(splice_now(loop, file, 0, pipe[0], none, 3), -EBADF);
    hark_splice(loop, &op.op, file, 0, pipe[1], none, 3, 1u << 30, harness_done);
    assert_result(harness_wait(loop, &op), -EINVAL);
    assert_int_equal(splice_now(loop, file, 0, pipe[1], none, 0), 0);
    close_all(loop, (int[]){pipe[0], pipe[1], ends[0], ends[1], file}, 5);
}

BACKEND_TEST(splice_to_nobody_gives_epipe_and_no_signal)
{
    int pipe[2], other[2], ends[2];
    harness_pipe(pipe, 0);
    harness_pipe(other, 0);
    harness_socket_pair(loop, ends);
    assert_int_equal(write(other[1], "abc", 3), 3);
    harness_close(loop, pipe[0]);
    harness_close(loop, ends[1]);
    assert_int_equal(splice_now(loop, other[0], HARK_AT_POSITION, pipe[1], HARK_AT_POSITION, 3),
                     -EPIPE);
    assert_int_equal(splice_now(loop, other[0], HARK_AT_POSITION, ends[0], HARK_AT_POSITION, 3),
                     -EPIPE);
    close_all(loop, (int[]){pipe[1], other[0], other[1], ends[0]}, 4);
}

/* --- waiting --- */

enum side { SOURCE, TARGET, SIDES };
enum what { PIPES, SOCKET_AND_PIPE, FILE_AND_PIPE, WHATS };

/* A splice that waits for one of its ends: for a full pipe to be read, or for an empty one, or for
 * a socket. */
struct waiting {
    struct harness_op op;
    int from, to;
    int others[4];
    int count;
    int peer; /* what is read from, or written to, so that it goes on */
};

static void keep(struct waiting *waiting, int fd)
{
    waiting->others[waiting->count++] = fd;
}

static void start_waiting(struct hark_loop *loop, struct waiting *waiting, enum side side,
                          enum what what)
{
    int pipe[2], other[2];
    memset(waiting, 0, sizeof *waiting);
    harness_pipe(pipe, 0);
    if (side == TARGET)
        harness_stuff(pipe[1]);
    if (what == FILE_AND_PIPE) {
        other[0] = harness_file("file", "abc", 3);
        other[1] = -1;
    } else if (what == SOCKET_AND_PIPE) {
        harness_socket_pair(loop, other);
    } else {
        harness_pipe(other, 0);
    }
    int far = other[what == PIPES && side == SOURCE ? 1 : 0];
    int near = what == FILE_AND_PIPE ? -1 : other[what == PIPES && side == SOURCE ? 0 : 1];
    waiting->from = side == SOURCE ? pipe[0] : far;
    waiting->to = side == SOURCE ? far : pipe[1];
    waiting->peer = side == SOURCE ? pipe[1] : pipe[0];
    keep(waiting, waiting->peer);
    if (near >= 0)
        keep(waiting, near);
    if (side == TARGET && near >= 0)
        assert_int_equal(write(near, "abc", 3), 3);
    const int64_t offset = what == FILE_AND_PIPE ? 0 : HARK_AT_POSITION;
    hark_splice(loop, &waiting->op.op, waiting->from, side == TARGET ? offset : HARK_AT_POSITION,
                waiting->to, side == SOURCE ? offset : HARK_AT_POSITION, 3, 0, harness_done);
}

static void complete_it(const struct waiting *waiting, enum side side)
{
    char bytes[65536];
    if (side == SOURCE)
        assert_int_equal(write(waiting->peer, "abc", 3), 3);
    else
        assert_true(read(waiting->peer, bytes, sizeof bytes) > 0);
}

static void release(struct hark_loop *loop, const struct waiting *waiting)
{
    harness_close(loop, waiting->from);
    harness_close(loop, waiting->to);
    close_all(loop, waiting->others, waiting->count);
}

BACKEND_TEST(splice_waits_for_either_end)
{
    for (enum side side = 0; side < SIDES; side++)
        for (enum what what = 0; what < WHATS; what++) {
            struct waiting waiting;
            start_waiting(loop, &waiting, side, what);
            harness_settle(loop);
            assert_false(waiting.op.ended);
            complete_it(&waiting, side);
            assert_result(harness_wait(loop, &waiting.op), 3);
            assert_int_equal(hark_op_fd(&waiting.op.op), waiting.from);
            release(loop, &waiting);
        }
}

/* A pipe that has been read, and one that was filled again before the splice had its turn. */
BACKEND_TEST(splice_waits_first_for_one_end_and_then_for_the_other)
{
    struct waiting waiting;
    start_waiting(loop, &waiting, SOURCE, PIPES);
    harness_settle(loop);
    harness_stuff(waiting.to);
    complete_it(&waiting, SOURCE);
    harness_settle(loop);
    assert_false(waiting.op.ended);
    char bytes[65536];
    assert_true(read(waiting.others[1], bytes, sizeof bytes) > 0);
    assert_result(harness_wait(loop, &waiting.op), 3);
    release(loop, &waiting);
}

enum { BY_CANCEL, BY_CANCEL_ALL, BY_DEADLINE, BY_CLOSE, BY_DETACH, WAYS };

static void end_it(struct hark_loop *loop, struct waiting *waiting, struct harness_op *other,
                   int way, int fd)
{
    switch (way) {
    case BY_CANCEL:
        hark_cancel(&waiting->op.op);
        break;
    case BY_CANCEL_ALL:
        hark_cancel_all(loop);
        break;
    case BY_DEADLINE:
        hark_op_deadline(&waiting->op.op, 0);
        break;
    case BY_CLOSE:
        hark_close(loop, &other->op, fd, harness_done);
        break;
    default:
        hark_detach(loop, &other->op, fd, harness_done);
    }
}

/* By whichever way, of whichever descriptor, and whether it has waited before or not. */
static void end_each(struct hark_loop *loop, enum side side, enum what what, bool settles)
{
    for (int way = 0; way < WAYS; way++)
        for (int of_target = 0; of_target < 2; of_target++) {
            struct waiting waiting;
            struct harness_op other = {0};
            start_waiting(loop, &waiting, side, what);
            if (settles)
                harness_settle(loop);
            int fd = of_target ? waiting.to : waiting.from;
            end_it(loop, &waiting, &other, way, fd);
            harness_run(loop);
            assert_result(waiting.op.result, way == BY_DEADLINE ? -ETIMEDOUT : -ECANCELED);
            assert_int_equal(waiting.op.calls, 1);
            assert_int_equal(hark_op_fd(&waiting.op.op), waiting.from);
            if (way == BY_CLOSE || way == BY_DETACH) {
                assert_result(other.result, 0);
                assert_true(other.order > waiting.op.order);
            }
            if (way == BY_CLOSE) {
                assert_int_equal(fcntl(fd, F_GETFD), -1);
                *(of_target ? &waiting.to : &waiting.from) = -1;
            }
            release(loop, &waiting);
        }
}

BACKEND_TEST(promise_06_splice_that_waits_is_ended_by_either_descriptor)
{
    for (enum side side = 0; side < SIDES; side++)
        for (enum what what = 0; what < WHATS; what++) {
            end_each(loop, side, what, true);
            end_each(loop, side, what, false);
        }
}

BACKEND_TEST(promise_08_splice_on_what_is_being_closed_gives_ebadf)
{
    for (int of_target = 0; of_target < 2; of_target++) {
        int pipe[2], other[2];
        struct harness_op closing = {0}, op = {0}, reading = {0};
        char byte;
        harness_pipe(pipe, 0);
        harness_pipe(other, 0);
        if (!of_target) /* a close that has to wait */
            hark_read(loop, &reading.op, pipe[0], &byte, 1, HARK_AT_POSITION, harness_done);
        hark_close(loop, &closing.op, of_target ? other[1] : pipe[0], harness_done);
        hark_splice(loop, &op.op, pipe[0], HARK_AT_POSITION, other[1], HARK_AT_POSITION, 1, 0,
                    harness_done);
        harness_run(loop);
        assert_result(op.result, -EBADF);
        assert_result(closing.result, 0);
        close_all(loop,
                  (int[]){of_target ? pipe[0] : -1, pipe[1], other[0], of_target ? -1 : other[1]},
                  4);
    }
}

BACKEND_TEST(close_after_sending_waits_for_a_splice_to_it_and_ends_one_from_it)
{
    struct waiting waiting;
    struct harness_op closing = {0};
    start_waiting(loop, &waiting, TARGET, SOCKET_AND_PIPE);
    hark_close_after_sending(loop, &closing.op, waiting.to, harness_done);
    harness_settle(loop);
    assert_false(closing.ended);
    complete_it(&waiting, TARGET);
    harness_run(loop);
    assert_result(waiting.op.result, 3);
    assert_result(closing.result, 0);
    assert_true(closing.order > waiting.op.order);
    waiting.to = -1;
    release(loop, &waiting);
    struct harness_op other = {0};
    start_waiting(loop, &waiting, SOURCE, SOCKET_AND_PIPE);
    harness_settle(loop);
    hark_close_after_sending(loop, &other.op, waiting.from, harness_done);
    harness_run(loop);
    assert_result(waiting.op.result, -ECANCELED);
    waiting.from = -1;
    release(loop, &waiting);
}

BACKEND_TEST(promise_09_splices_that_wait_sleep)
{
    struct waiting waiting[SIDES][WHATS];
    for (enum side side = 0; side < SIDES; side++)
        for (enum what what = 0; what < WHATS; what++)
            start_waiting(loop, &waiting[side][what], side, what);
    harness_settle(loop);
    harness_assert_idle(loop);
    hark_cancel_all(loop);
    harness_run(loop);
    for (enum side side = 0; side < SIDES; side++)
        for (enum what what = 0; what < WHATS; what++)
            release(loop, &waiting[side][what]);
}

/* Each has its turn, whoever takes what is there. */
BACKEND_TEST(splices_from_one_pipe_share_what_comes)
{
    enum { MANY = 5 };
    struct harness_op ops[MANY] = {0};
    int pipe[2], other[2];
    int ended = 0;
    harness_pipe(pipe, 0);
    harness_pipe(other, 0);
    for (int i = 0; i < MANY; i++)
        hark_splice(loop, &ops[i].op, pipe[0], HARK_AT_POSITION, other[1], HARK_AT_POSITION, 1, 0,
                    harness_done);
    harness_settle(loop);
    assert_int_equal(write(pipe[1], "abc", 3), 3);
    while (ended < 3) {
        assert_true(hark_run_once(loop) >= 0);
        ended = 0;
        for (int i = 0; i < MANY; i++)
            ended += ops[i].ended;
    }
    harness_settle(loop);
    hark_cancel_all(loop);
    harness_run(loop);
    int moved = 0, cancelled = 0;
    for (int i = 0; i < MANY; i++) {
        moved += ops[i].result == 1;
        cancelled += ops[i].result == -ECANCELED;
    }
    assert_int_equal(moved, 3);
    assert_int_equal(cancelled, 2);
    close_all(loop, (int[]){pipe[0], pipe[1], other[0], other[1]}, 4);
}

/* Not made by the library: it blocks, and on io_uring a thread of the kernel's waits for it. */
BACKEND_TEST(promise_06_splice_from_a_socket_that_blocks_can_be_ended)
{
    for (int way = 0; way < WAYS; way++) {
        int ends[2];
        struct waiting waiting = {0};
        struct harness_op other = {0};
        int pipe[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        harness_pipe(pipe, 0);
        waiting.from = ends[0];
        waiting.to = pipe[1];
        keep(&waiting, ends[1]);
        keep(&waiting, pipe[0]);
        hark_splice(loop, &waiting.op.op, ends[0], HARK_AT_POSITION, pipe[1], HARK_AT_POSITION, 3,
                    0, harness_done);
        harness_settle(loop);
        assert_false(waiting.op.ended);
        harness_assert_idle(loop);
        end_it(loop, &waiting, &other, way, ends[0]);
        harness_run(loop);
        assert_result(waiting.op.result, way == BY_DEADLINE ? -ETIMEDOUT : -ECANCELED);
        if (way == BY_CLOSE)
            waiting.from = -1;
        release(loop, &waiting);
    }
}

BACKEND_TEST(splice_between_a_socket_that_blocks_and_a_pipe_moves_what_comes)
{
    int ends[2], pipe[2];
    struct harness_op op = {0};
    char bytes[3];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    harness_pipe(pipe, 0);
    hark_splice(loop, &op.op, ends[0], HARK_AT_POSITION, pipe[1], HARK_AT_POSITION, 3, 0,
                harness_done);
    harness_settle(loop);
    assert_false(op.ended);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    assert_result(harness_wait(loop, &op), 3);
    assert_int_equal(splice_now(loop, pipe[0], HARK_AT_POSITION, ends[0], HARK_AT_POSITION, 3), 3);
    assert_int_equal(read(ends[1], bytes, sizeof bytes), 3);
    close_all(loop, (int[]){ends[0], ends[1], pipe[0], pipe[1]}, 4);
}

/* --- bad arguments --- */

/* Whatever its ends would be waited for. */
BACKEND_TEST(splice_that_cannot_be_is_refused_before_it_waits)
{
    int empty[2], full[2], ends[2];
    const int64_t none = HARK_AT_POSITION;
    harness_pipe(empty, 0);
    harness_pipe(full, 0);
    harness_stuff(full[1]);
    harness_socket_pair(loop, ends);
    int file = harness_file("file", "abc", 3);
    int appended = open(harness_path("file"), O_WRONLY | O_APPEND | O_CLOEXEC);
    int written = open(harness_path("file"), O_WRONLY | O_CLOEXEC);
    assert_true(appended >= 0 && written >= 0);
    assert_int_equal(splice_now(loop, empty[0], none, file, 0, 0), 0);
    assert_int_equal(splice_now(loop, empty[0], none, ends[0], none, 0), 0);
    assert_int_equal(splice_now(loop, ends[0], none, full[1], none, 0), 0);
    assert_int_equal(splice_now(loop, empty[0], none, full[0], none, 1), -EBADF);
    assert_int_equal(splice_now(loop, empty[1], none, ends[0], none, 1), -EBADF);
    assert_int_equal(splice_now(loop, ends[0], none, ends[1], none, 1), -EINVAL);
    assert_int_equal(splice_now(loop, empty[0], none, empty[1], none, 1), -EINVAL);
    assert_int_equal(splice_now(loop, empty[0], none, appended, none, 1), -EINVAL);
    assert_int_equal(splice_now(loop, written, none, full[1], none, 1), -EBADF);
    assert_int_equal(splice_now(loop, empty[1], none, file, none, 1), -EBADF);
    assert_int_equal(splice_now(loop, file, none, full[0], none, 1), -EBADF);
    assert_int_equal(splice_now(loop, empty[0], none, ends[0], 0, 1), -EINVAL);
    close_all(
        loop,
        (int[]){empty[0], empty[1], full[0], full[1], ends[0], ends[1], file, appended, written},
        9);
}

/* --- closes that let it send --- */

BACKEND_TEST(close_after_sending_ends_a_splice_that_has_nothing_to_send)
{
    for (enum what what = 0; what < WHATS; what++)
        for (int settles = 0; settles < 2; settles++) {
            struct waiting waiting;
            struct harness_op closing = {0};
            start_waiting(loop, &waiting, SOURCE, what);
            if (settles)
                harness_settle(loop);
            hark_close_after_sending(loop, &closing.op, waiting.to, harness_done);
            harness_run(loop);
            assert_result(waiting.op.result, -ECANCELED);
            assert_result(closing.result, 0);
            waiting.to = -1;
            release(loop, &waiting);
        }
}
