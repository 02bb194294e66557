/* test_after_fork.c - a child of fork(2) lets go of its parent's loop: it has loops of its own
 * then, and in the parent everything goes on. */
#include "harness/harness.h"
#include "harness/sanitizer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A loop that is busy with one of each kind. */
struct busy {
    struct hark_loop *loop;
    struct harness_op recv, poll, timer, work, rested, signal, write;
    int pair[2], pipe[2], gate[2], full[2];
    char byte;
};

static int64_t wait_at_gate(struct hark_op *op)
{
    struct busy *busy = hark_container_of(op, struct busy, work.op);
    char byte = 0;
    return read(busy->gate[0], &byte, 1) == 1 ? byte : -1;
}

/* A thread that has done this rests, and waits for more. */
static int64_t do_nothing(struct hark_op *op)
{
    (void)op;
    return 0;
}

static void fill(int pipe)
{
    static const char bytes[4096];
    while (write(pipe, bytes, sizeof bytes) > 0)
        ;
    assert_int_equal(errno, EAGAIN);
}

/* Takes: descriptors that are open. */
static void begin(struct busy *busy)
{
    struct hark_loop *loop = busy->loop;
    hark_recv(loop, &busy->recv.op, busy->pair[0], &busy->byte, 1, 0, harness_done);
    hark_poll(loop, &busy->poll.op, busy->pipe[0], POLLIN, harness_done);
    hark_sleep_until(loop, &busy->timer.op, HARK_NEVER, harness_done);
    hark_work(loop, &busy->work.op, wait_at_gate, harness_done);
    hark_work(loop, &busy->rested.op, do_nothing, harness_done);
    hark_signal_each(loop, &busy->signal.op, SIGUSR1, harness_done);
    fill(busy->full[1]);
    hark_write(loop, &busy->write.op, busy->full[1], "w", 1, HARK_AT_POSITION, harness_done);
    harness_wait(loop, &busy->rested);
    harness_settle(loop);
}

static void end(struct busy *busy)
{
    char byte = 3;
    assert_int_equal(write(busy->pair[1], "r", 1), 1);
    assert_result(harness_wait(busy->loop, &busy->recv), 1);
    assert_int_equal(busy->byte, 'r');
    assert_int_equal(write(busy->pipe[1], "p", 1), 1);
    assert_result(harness_wait(busy->loop, &busy->poll), POLLIN);
    assert_int_equal(write(busy->gate[1], &byte, 1), 1);
    assert_result(harness_wait(busy->loop, &busy->work), 3);
    assert_int_equal(raise(SIGUSR1), 0);
    while (busy->signal.calls == 0)
        assert_true(hark_run_once(busy->loop) >= 0);
    assert_result(busy->signal.result, SIGUSR1);
    hark_cancel(&busy->timer.op);
    hark_cancel(&busy->signal.op);
    close(busy->full[0]);
    harness_run(busy->loop);
    assert_result(busy->write.result, -EPIPE);
    assert_result(busy->timer.result, -ECANCELED);
}

static int descriptors_open(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count;
}

static bool is_default(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_DFL;
}

static bool is_blocked(int number)
{
    sigset_t mask;
    return sigprocmask(SIG_SETMASK, NULL, &mask) == 0 && sigismember(&mask, number) == 1;
}

static bool receives_by_itself(enum hark_backend_kind backend)
{
    const struct hark_options options = {.backend = backend};
    struct hark_loop *loop;
    struct harness_op recv = {0}, work = {0};
    int pair[2];
    char byte = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || hark_loop_create(&options, &loop) < 0)
        return false;
    hark_recv(loop, &recv.op, pair[0], &byte, 1, 0, harness_done);
    if (!THREAD_SANITIZED) /* that wants no threads here */
        hark_work(loop, &work.op, do_nothing, harness_done);
    bool right = hark_run_once(loop) >= 0 && write(pair[1], "c", 1) == 1 && hark_run(loop) == 0 &&
                 byte == 'c' && work.ended != THREAD_SANITIZED && hark_loop_destroy(loop) == 0;
    close(pair[0]);
    close(pair[1]);
    return right;
}

/* The child. Gives: 0, or which of what it finds is wrong. */
static int let_go(struct hark_loop *loop, int descriptors)
{
    enum hark_backend_kind backend = harness_backend();
    hark_after_fork(loop);
    if (descriptors_open() != descriptors)
        return 1;
    if (!is_default(SIGUSR1) || is_blocked(SIGPIPE))
        return 2;
    return receives_by_itself(backend) ? 0 : 3;
}

static void expect_child(pid_t pid)
{
    int status;
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void open_all(struct busy *busy)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, busy->pair), 0);
    harness_pipe(busy->pipe, 0);
    harness_pipe(busy->gate, 0);
    harness_pipe(busy->full, O_NONBLOCK);
}

static void close_all(struct busy *busy)
{
    const int open[] = {busy->pair[0], busy->pair[1], busy->pipe[0], busy->pipe[1],
                        busy->gate[0], busy->gate[1], busy->full[1]};
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        close(open[i]);
}

BACKEND_TEST(after_fork_the_child_has_nothing_of_the_loop_and_the_parent_all)
{
    struct busy busy = {0};
    open_all(&busy);
    int descriptors = descriptors_open();
    busy.loop = harness_loop_create(NULL);
    begin(&busy);
    pid_t pid = fork();
    if (pid == 0)
        _exit(let_go(busy.loop, descriptors));
    expect_child(pid);
    end(&busy);
    harness_loop_destroy(busy.loop);
    close_all(&busy);
}

static void report(void *context, const struct hark_stall *stall)
{
    (void)context;
    (void)stall;
}

static pid_t forked;
static int open_before;

static void fork_in_callback(struct harness_op *op, int64_t result)
{
    (void)result;
    forked = fork();
    if (forked == 0)
        _exit(let_go(op->context, open_before));
}

BACKEND_TEST(after_fork_in_a_callback_a_recording_and_a_watch_go_on_in_the_parent)
{
    const struct hark_stall_options watch = {.report = report};
    char directory[] = "/tmp/hark-fork-XXXXXX", path[64];
    const struct hark_trace_options trace = {.directory = mkdtemp(directory)};
    struct busy busy = {0};
    open_all(&busy);
    open_before = descriptors_open();
    busy.loop = harness_loop_create(NULL);
    assert_int_equal(hark_trace_start(busy.loop, &trace), 0);
    assert_int_equal(hark_stall_watch(busy.loop, &watch), 0);
    begin(&busy);
    struct harness_op forking = {.then = fork_in_callback, .context = busy.loop};
    hark_defer(busy.loop, &forking.op, harness_done);
    harness_wait(busy.loop, &forking);
    expect_child(forked);
    const struct hark_trace_ring *ring = hark_loop_trace(busy.loop);
    assert_non_null(ring);
    assert_int_equal(ring->ended_ns, 0);
    snprintf(path, sizeof path, "%s/hark-%d-%u.trace", directory, (int)getpid(), ring->loop);
    end(&busy);
    hark_stall_unwatch(busy.loop);
    harness_loop_destroy(busy.loop);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(directory), 0);
    close_all(&busy);
}

BACKEND_TEST(after_fork_a_loop_that_rests_goes_as_well)
{
    int descriptors = descriptors_open();
    struct hark_loop *other = harness_loop_create(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(let_go(other, descriptors));
    expect_child(pid);
    hark_after_fork(NULL);
    harness_loop_destroy(other);
}
