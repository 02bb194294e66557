/* test_misuse.c - a program that breaks a rule is told which, in one line, and aborts. Promise 14. */
#include "harness/harness.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef void misuse(struct hark_loop *loop, int fd);

/* Runs it in a child, with a descriptor that it may use, and asserts that the child dies of an abort with these words. */
static void assert_told(misuse *breaks, const char *words, bool names_descriptor)
{
    static char told[4096], expected[400];
    int out[2], ends[2];
    size_t count = 0;
    int status;
    harness_pipe(out, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(out[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        breaks(harness_loop_create(NULL), ends[0]);
        _exit(0);
    }
    close(out[1]);
    ssize_t step;
    while ((step = read(out[0], told + count, sizeof told - 1 - count)) > 0)
        count += (size_t)step;
    told[count] = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    snprintf(expected, sizeof expected, names_descriptor ? "hark: rule broken: %s %d\n" : "hark: rule broken: %s\n", words,
             ends[0]);
    assert_string_equal(told, expected);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    close(out[0]);
    close(ends[0]);
    close(ends[1]);
}

static void ignore(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
}

static void starts_twice(struct hark_loop *loop, int fd)
{
    static struct hark_op op;
    static char byte;
    hark_recv(loop, &op, fd, &byte, 1, 0, ignore);
    hark_recv(loop, &op, fd, &byte, 1, 0, ignore);
}

BACKEND_TEST(promise_14_start_of_an_op_in_flight_is_told)
{
    assert_told(starts_twice,
                "an op was started that is in flight, or that was not zeroed before its first start: hark_recv on descriptor",
                true);
}

static void starts_without_callback(struct hark_loop *loop, int fd)
{
    static struct hark_op op;
    hark_poll(loop, &op, fd, HARK_POLL_READABLE, NULL);
}

BACKEND_TEST(promise_14_start_without_a_callback_is_told)
{
    assert_told(starts_without_callback, "an op was started without a callback: descriptor", true);
}

static void posts_twice(struct hark_loop *loop, int fd)
{
    static struct hark_op op;
    (void)fd;
    hark_post(loop, &op, ignore);
    hark_post(loop, &op, ignore);
}

BACKEND_TEST(promise_14_post_of_an_op_in_flight_is_told)
{
    assert_told(posts_twice, "an op was posted that is in flight, or that was not zeroed before its first start: hark_post",
                false);
}

static void returns_a_foreign_buffer(struct hark_loop *loop, int fd)
{
    static char own[64];
    (void)fd;
    hark_buffer_return(loop, own);
}

BACKEND_TEST(promise_14_return_of_a_foreign_buffer_is_told)
{
    assert_told(returns_a_foreign_buffer, "a buffer was returned that is none of this loop's pool", false);
}

static void *kept;

static void keep(struct hark_op *op, int64_t result)
{
    if (result > 0)
        kept = hark_buffer_keep(op);
}

static void returns_a_buffer_twice(struct hark_loop *loop, int fd)
{
    static struct hark_op op;
    int ends[2];
    (void)fd;
    harness_socket_pair(loop, ends);
    assert_int_equal(write(ends[1], "x", 1), 1);
    hark_recv_each(loop, &op, ends[0], keep);
    while (!kept)
        hark_run_once(loop);
    hark_buffer_return(loop, kept);
    hark_buffer_return(loop, kept);
}

BACKEND_TEST(promise_14_return_of_a_buffer_twice_is_told)
{
    assert_told(returns_a_buffer_twice, "a buffer was returned twice", false);
}

static void closed(struct hark_stream *stream)
{
    (void)stream;
}

static void opens_a_stream_twice(struct hark_loop *loop, int fd)
{
    static const struct hark_stream_events events = {.closed = closed};
    static struct hark_stream stream;
    hark_stream_open(loop, &stream, fd, NULL, &events);
    hark_stream_open(loop, &stream, fd, NULL, &events);
}

BACKEND_TEST(promise_14_open_of_an_open_stream_is_told)
{
    assert_told(opens_a_stream_twice, "a stream was opened that is open, or that was not zeroed: descriptor", true);
}

static void *start_elsewhere(void *context)
{
    static struct hark_op op;
    hark_sleep(context, &op, 1, ignore);
    return NULL;
}

static void start_from_another_thread(struct hark_op *op, int64_t result)
{
    pthread_t thread;
    (void)result;
    if (pthread_create(&thread, NULL, start_elsewhere, op->loop) == 0)
        pthread_join(thread, NULL);
}

static void calls_from_another_thread(struct hark_loop *loop, int fd)
{
    static struct hark_op op;
    (void)fd;
    hark_defer(loop, &op, start_from_another_thread);
    hark_run(loop);
}

BACKEND_TEST(promise_13_call_from_another_thread_is_told_by_a_checking_build)
{
#ifndef HARK_CHECKING
    harness_skip("for a build with -Dchecking=true");
#endif
    assert_told(calls_from_another_thread, "a call from another thread than the one that runs the loop: hark_sleep", false);
}
