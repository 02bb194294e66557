/* test_named_pipe.c - a pipe with a name is opened without waiting for its other side, and what is
 * opened blocks as it was asked.
 */
#include "harness/harness.h"
#include "harness/lacking.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t open_path(struct hark_loop *loop, const char *path, int flags)
{
    struct harness_op opening = {0};
    hark_openat(loop, &opening.op, AT_FDCWD, path, flags, 0600, harness_done);
    return harness_wait(loop, &opening);
}

static void expect_pipe(struct hark_loop *loop, const char *path)
{
    assert_result(open_path(loop, path, O_WRONLY), -ENXIO);
    assert_result(open_path(loop, path, O_WRONLY | O_CREAT | O_APPEND), -ENXIO);
    assert_result(open_path(loop, path, O_WRONLY | O_NONBLOCK), -ENXIO);
    int64_t reader = open_path(loop, path, O_RDONLY);
    assert_true(reader >= 0);
    assert_int_equal(fcntl((int)reader, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY);
    int64_t writer = open_path(loop, path, O_WRONLY | O_CREAT | O_APPEND);
    assert_true(writer >= 0);
    assert_int_equal(fcntl((int)writer, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_APPEND),
                     O_WRONLY | O_APPEND);
    harness_close(loop, (int)reader);
    harness_close(loop, (int)writer);
}

BACKEND_TEST(promise_12_named_pipe_is_opened_without_waiting)
{
    assert_int_equal(mkfifo(harness_path("pipe"), 0600), 0);
    expect_pipe(loop, harness_path("pipe"));
}

/* A name that the kernel's cache does not answer leads there as well. */
BACKEND_TEST(promise_12_named_pipe_behind_a_link_of_proc_is_opened_without_waiting)
{
    char path[64];
    assert_int_equal(mkfifo(harness_path("pipe"), 0600), 0);
    int place = open(harness_path("pipe"), O_PATH | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", place);
    expect_pipe(loop, path);
    harness_close(loop, place);
}

/* As many as hold every thread there might be, and then a file. */
BACKEND_TEST(opening_named_pipes_keeps_no_thread)
{
    enum { PIPES = 40 };
    struct harness_op opening[PIPES] = {0};
    struct statx status;
    struct harness_op asking = {0};
    assert_int_equal(mkfifo(harness_path("pipe"), 0600), 0);
    const char *path = harness_path("pipe");
    for (int i = 0; i < PIPES; i++)
        hark_openat(loop, &opening[i].op, AT_FDCWD, path, i % 2 ? O_WRONLY : O_WRONLY | O_CREAT,
                    0600, harness_done);
    hark_statx(loop, &asking.op, AT_FDCWD, path, 0, STATX_SIZE, &status, harness_done);
    harness_run(loop);
    assert_result(asking.result, 0);
    for (int i = 0; i < PIPES; i++)
        assert_result(opening[i].result, -ENXIO);
}

/* How a reader waits for whoever writes first. */
BACKEND_TEST(reader_of_a_named_pipe_waits_for_the_first_writer)
{
    char bytes[4];
    struct harness_op waiting = {0};
    struct harness_op reading = {0};
    assert_int_equal(mkfifo(harness_path("pipe"), 0600), 0);
    int reader = (int)open_path(loop, harness_path("pipe"), O_RDONLY);
    hark_poll(loop, &waiting.op, reader, HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    assert_false(waiting.ended);
    int writer = (int)open_path(loop, harness_path("pipe"), O_WRONLY);
    assert_int_equal(write(writer, "abc", 3), 3);
    assert_result(harness_wait(loop, &waiting), HARK_POLL_READABLE);
    hark_read(loop, &reading.op, reader, bytes, sizeof bytes, HARK_AT_POSITION, harness_done);
    assert_result(harness_wait(loop, &reading), 3);
    harness_close(loop, reader);
    harness_close(loop, writer);
}

BACKEND_TEST(regular_files_are_opened_with_the_flags_that_were_asked_for)
{
    static const int flags[] = {O_RDONLY,           O_WRONLY, O_WRONLY | O_APPEND,
                                O_WRONLY | O_CREAT, O_RDWR,   O_RDONLY | O_NONBLOCK};
    close(harness_file("file", "text", 4));
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        int64_t fd = open_path(loop, harness_path("file"), flags[i]);
        assert_true(fd >= 0);
        assert_int_equal(fcntl((int)fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK),
                         flags[i] & ~O_CREAT);
        assert_int_equal(fcntl((int)fd, F_GETFD), FD_CLOEXEC);
        harness_close(loop, (int)fd);
    }
    assert_result(open_path(loop, harness_path("nothing"), O_RDONLY), -ENOENT);
    assert_int_equal(symlink("file", harness_path("link")), 0);
    assert_result(open_path(loop, harness_path("link"), O_RDONLY | O_NOFOLLOW), -ELOOP);
}
