/* test_bad_descriptors.c - every op on a descriptor that is negative, not open, of the wrong kind
 * or being closed. Promise 2: the outcome arrives in the callback, as a negative errno. */
#include "harness/harness.h"
#include "harness/lacking.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* All that an op may point to. */
static char bytes[256];
static struct iovec vector = {.iov_base = bytes, .iov_len = sizeof bytes};
static struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
static struct sockaddr_in name = {.sin_family = AF_INET};
static struct statx status;
static siginfo_t child_end;

typedef void start_function(struct hark_loop *loop, struct hark_op *op, int fd);

#define STARTER(op_name, ...)                                                                      \
    static void start_##op_name(struct hark_loop *loop, struct hark_op *op, int fd)                \
    {                                                                                              \
        hark_##op_name(loop, op, fd, __VA_ARGS__);                                                 \
    }
STARTER(accept, NULL, NULL, harness_done)
STARTER(accept_each, harness_done)
STARTER(connect, (struct sockaddr *)&name, sizeof name, harness_done)
STARTER(recv, bytes, sizeof bytes, 0, harness_done)
STARTER(recv_each, harness_done)
STARTER(send, bytes, 1, 0, harness_done)
STARTER(send_zc, bytes, 1, 0, harness_done)
STARTER(recvmsg, &message, 0, harness_done)
STARTER(recvmsg_each, 64, harness_done)
STARTER(sendmsg, &message, 0, harness_done)
STARTER(shutdown, SHUT_WR, harness_done)
STARTER(read, bytes, sizeof bytes, HARK_AT_POSITION, harness_done)
STARTER(write, bytes, 1, HARK_AT_POSITION, harness_done)
STARTER(readv, &vector, 1, HARK_AT_POSITION, harness_done)
STARTER(writev, &vector, 1, HARK_AT_POSITION, harness_done)
STARTER(close, harness_done)
STARTER(detach, harness_done)
STARTER(fsync, harness_done)
STARTER(fdatasync, harness_done)
STARTER(ftruncate, 0, harness_done)
STARTER(fallocate, 0, 0, 1, harness_done)
STARTER(getdents, bytes, sizeof bytes, harness_done)
STARTER(poll, HARK_POLL_READABLE, harness_done)
STARTER(poll_each, HARK_POLL_READABLE, harness_done)
STARTER(waitid, &child_end, harness_done)
STARTER(openat, "x", O_RDONLY, 0, harness_done)
STARTER(statx, "x", 0, STATX_SIZE, &status, harness_done)
STARTER(unlinkat, "x", 0, harness_done)
STARTER(mkdirat, "x", 0700, harness_done)
STARTER(readlinkat, "x", bytes, sizeof bytes, harness_done)
STARTER(fchmodat, "x", 0700, 0, harness_done)
STARTER(fchownat, "x", (uid_t)-1, (gid_t)-1, 0, harness_done)
STARTER(utimensat, "x", NULL, 0, harness_done)
STARTER(setxattrat, "x", "user.x", bytes, 1, 0, harness_done)
STARTER(getxattrat, "x", "user.x", bytes, sizeof bytes, 0, harness_done)
STARTER(listxattrat, "x", bytes, sizeof bytes, 0, harness_done)
STARTER(removexattrat, "x", "user.x", 0, harness_done)

static void start_symlinkat(struct hark_loop *loop, struct hark_op *op, int fd)
{
    hark_symlinkat(loop, op, "target", fd, "x", harness_done);
}

static void start_linkat_from(struct hark_loop *loop, struct hark_op *op, int fd)
{
    hark_linkat(loop, op, fd, "x", AT_FDCWD, "/y", 0, harness_done);
}

static void start_copy_from(struct hark_loop *loop, struct hark_op *op, int fd)
{
    hark_copy_file_range(loop, op, fd, 0, STDIN_FILENO, 0, 1, harness_done);
}

static void start_splice_from(struct hark_loop *loop, struct hark_op *op, int fd)
{
    hark_splice(loop, op, fd, HARK_AT_POSITION, STDIN_FILENO, HARK_AT_POSITION, 1, 0, harness_done);
}

static void start_splice_to(struct hark_loop *loop, struct hark_op *op, int fd)
{
    hark_splice(loop, op, STDIN_FILENO, HARK_AT_POSITION, fd, HARK_AT_POSITION, 1, 0, harness_done);
}

static void start_renameat_from(struct hark_loop *loop, struct hark_op *op, int fd)
{
    hark_renameat(loop, op, fd, "x", AT_FDCWD, "/y", 0, harness_done);
}

static void start_renameat_to(struct hark_loop *loop, struct hark_op *op, int fd)
{
    hark_renameat(loop, op, AT_FDCWD, "/x", fd, "y", 0, harness_done);
}

static const struct {
    const char *name;
    start_function *start;
    bool socket; /* refuses what is no socket with -ENOTSOCK */
    bool path;   /* the descriptor is a directory's */
} ops[] = {
    {"accept", start_accept, true, false},
    {"accept_each", start_accept_each, true, false},
    {"connect", start_connect, true, false},
    {"recv", start_recv, true, false},
    {"recv_each", start_recv_each, true, false},
    {"recvmsg_each", start_recvmsg_each, true, false},
    {"send", start_send, true, false},
    {"send_zc", start_send_zc, true, false},
    {"recvmsg", start_recvmsg, true, false},
    {"sendmsg", start_sendmsg, true, false},
    {"shutdown", start_shutdown, true, false},
    {"read", start_read, false, false},
    {"write", start_write, false, false},
    {"readv", start_readv, false, false},
    {"writev", start_writev, false, false},
    {"close", start_close, false, false},
    {"detach", start_detach, false, false},
    {"fsync", start_fsync, false, false},
    {"fdatasync", start_fdatasync, false, false},
    {"ftruncate", start_ftruncate, false, false},
    {"fallocate", start_fallocate, false, false},
    {"getdents", start_getdents, false, false},
    {"copy_file_range", start_copy_from, false, false},
    {"splice (from)", start_splice_from, false, false},
    {"splice (to)", start_splice_to, false, false},
    {"poll", start_poll, false, false},
    {"poll_each", start_poll_each, false, false},
    {"waitid", start_waitid, false, false},
    {"openat", start_openat, false, true},
    {"statx", start_statx, false, true},
    {"unlinkat", start_unlinkat, false, true},
    {"mkdirat", start_mkdirat, false, true},
    {"symlinkat", start_symlinkat, false, true},
    {"readlinkat", start_readlinkat, false, true},
    {"linkat from", start_linkat_from, false, true},
    {"fchmodat", start_fchmodat, false, true},
    {"fchownat", start_fchownat, false, true},
    {"utimensat", start_utimensat, false, true},
    {"setxattrat", start_setxattrat, false, true},
    {"getxattrat", start_getxattrat, false, true},
    {"listxattrat", start_listxattrat, false, true},
    {"removexattrat", start_removexattrat, false, true},
    {"renameat from", start_renameat_from, false, true},
    {"renameat to", start_renameat_to, false, true},
};
enum { OPS = sizeof ops / sizeof ops[0] };

/* Starts each op on the descriptor and expects one final call with the error. */
static void expect(struct hark_loop *loop, size_t index, int fd, int64_t error)
{
    struct harness_op recorder = {0};
    ops[index].start(loop, &recorder.op, fd);
    assert_int_equal(recorder.calls, 0);
    assert_true(hark_op_active(&recorder.op));
    harness_run(loop);
    if (recorder.result != error)
        print_error("%s on descriptor %d:\n", ops[index].name, fd);
    assert_int_equal(recorder.calls, 1);
    assert_false(recorder.more[0]);
    assert_result(recorder.result, error);
}

BACKEND_TEST(promise_02_negative_descriptor_gives_ebadf_in_the_callback)
{
    for (size_t index = 0; index < OPS; index++)
        expect(loop, index, -1, -EBADF);
}

BACKEND_TEST(promise_02_closed_descriptor_gives_ebadf_in_the_callback)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    close(fd);
    for (size_t index = 0; index < OPS; index++)
        expect(loop, index, fd, -EBADF);
}

BACKEND_TEST(descriptor_past_every_limit_gives_ebadf)
{
    for (size_t index = 0; index < OPS; index++) {
        bool select_refuses = harness_backend() == HARK_BACKEND_SELECT;
        struct harness_op recorder = {0};
        ops[index].start(loop, &recorder.op, INT32_MAX);
        harness_run(loop);
        if (select_refuses && recorder.result == -ERANGE)
            continue;
        if (recorder.result != -EBADF)
            print_error("%s:\n", ops[index].name);
        assert_result(recorder.result, -EBADF);
    }
}

BACKEND_TEST(promise_08_start_on_a_closing_descriptor_gives_ebadf)
{
    for (size_t index = 0; index < OPS; index++) {
        int pair[2];
        struct harness_op closing = {0};
        struct harness_op late = {0};
        harness_tcp_pair(loop, pair);
        hark_close(loop, &closing.op, pair[0], harness_done);
        ops[index].start(loop, &late.op, pair[0]);
        harness_run(loop);
        if (late.result != -EBADF)
            print_error("%s:\n", ops[index].name);
        assert_result(late.result, -EBADF);
        assert_result(closing.result, 0);
        harness_close(loop, pair[1]);
    }
}

BACKEND_TEST(promise_08_start_on_a_descriptor_whose_close_waits_for_an_op_gives_ebadf)
{
    for (size_t index = 0; index < OPS; index++) {
        int pair[2];
        if (ops[index].start == start_renameat_to)
            continue; /* it is the program's to keep that one open */
        struct harness_op receive = {0};
        struct harness_op closing = {0};
        struct harness_op late = {0};
        harness_tcp_pair(loop, pair);
        hark_recv(loop, &receive.op, pair[0], bytes, sizeof bytes, 0, harness_done);
        harness_settle(loop);
        hark_close(loop, &closing.op, pair[0], harness_done);
        ops[index].start(loop, &late.op, pair[0]);
        if (harness_wait(loop, &late) != -EBADF)
            print_error("%s:\n", ops[index].name);
        assert_result(late.result, -EBADF);
        harness_run(loop);
        assert_result(receive.result, -ECANCELED);
        assert_result(closing.result, 0);
        harness_close(loop, pair[1]);
    }
}

BACKEND_TEST(socket_op_on_a_file_gives_enotsock)
{
    int fd = harness_file("file", "text", 4);
    for (size_t index = 0; index < OPS; index++)
        if (ops[index].socket)
            expect(loop, index, fd, -ENOTSOCK);
    harness_close(loop, fd);
}

BACKEND_TEST(socket_op_on_a_pipe_gives_enotsock)
{
    int ends[2];
    harness_pipe(ends, O_NONBLOCK);
    for (size_t index = 0; index < OPS; index++)
        if (ops[index].socket)
            expect(loop, index, ends[0], -ENOTSOCK);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(path_op_in_a_file_gives_enotdir)
{
    int fd = harness_file("file", "text", 4);
    for (size_t index = 0; index < OPS; index++)
        if (ops[index].path)
            expect(loop, index, fd, -ENOTDIR);
    harness_close(loop, fd);
}

BACKEND_TEST(descriptor_closed_behind_the_loops_back_does_not_keep_the_others)
{
    int closed[2];
    int open_ends[2];
    struct harness_op lost = {0};
    struct harness_op receive = {0};
    char byte[1];
    harness_socket_pair(loop, closed);
    harness_socket_pair(loop, open_ends);
    hark_recv(loop, &lost.op, closed[0], byte, 1, 0, harness_done);
    hark_recv(loop, &receive.op, open_ends[0], bytes, sizeof bytes, 0, harness_done);
    harness_settle(loop);
    close(closed[0]);
    assert_int_equal(write(open_ends[1], "new", 3), 3);
    assert_result(harness_wait(loop, &receive), 3);
    hark_cancel(&lost.op);
    harness_run(loop);
    assert_true(lost.result == -EBADF || lost.result == -ECANCELED);
    close(closed[1]);
    harness_close(loop, open_ends[0]);
    harness_close(loop, open_ends[1]);
}

BACKEND_TEST(closed_number_that_is_open_again_means_the_new_file)
{
    int pair[2];
    struct harness_op waiting = {0};
    struct harness_op closing = {0};
    harness_socket_pair(loop, pair);
    hark_recv(loop, &waiting.op, pair[0], bytes, sizeof bytes, 0, harness_done);
    harness_settle(loop);
    hark_close(loop, &closing.op, pair[0], harness_done);
    harness_run(loop);
    assert_result(waiting.result, -ECANCELED);
    int again[2];
    harness_socket_pair(loop, again); /* takes the number that has become free */
    assert_int_equal(again[0], pair[0]);
    struct harness_op receive = {0};
    hark_recv(loop, &receive.op, again[0], bytes, sizeof bytes, 0, harness_done);
    harness_settle(loop);
    assert_int_equal(receive.calls, 0);
    assert_int_equal(write(again[1], "new", 3), 3);
    assert_result(harness_wait(loop, &receive), 3);
    harness_close(loop, again[0]);
    harness_close(loop, again[1]);
    harness_close(loop, pair[1]);
}
