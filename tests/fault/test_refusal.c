/* test_refusal.c - io_uring refused by the kernel's own filters (seccomp): with an error, at set-up
 * or at the first enter, and by death. Promise 15: any refusal leads to epoll, with a reason; and
 * io_uring can be switched off before its first system call.
 *
 * A filter stays for the process's life; each test is in a process of its own. */
#include "harness/harness.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SETUP = 425,
    ENTER = 426,
    REGISTER = 427
}; /* io_uring's numbers are the same on every architecture */

/* From here on the system call gets this answer: SECCOMP_RET_ERRNO | errno, or
 * SECCOMP_RET_KILL_PROCESS. */
static void filter(uint32_t number, uint32_t answer)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        harness_skip("no seccomp filter can be set: %s", strerror(errno));
}

/* A loop that works: a socket, a file, a timer, a thread of the pool. */
static void exercise(struct hark_loop *loop)
{
    int ends[2];
    char in[8];
    struct harness_op receive = {0};
    struct harness_op send = {0};
    struct harness_op timer = {0};
    struct harness_op reading = {0};
    int fd = harness_file("file", "text", 4);
    harness_tcp_pair(loop, ends);
    hark_recv(loop, &receive.op, ends[0], in, 4, 0, harness_done);
    hark_send(loop, &send.op, ends[1], "abcd", 4, 0, harness_done);
    hark_sleep(loop, &timer.op, 1000, harness_done);
    hark_read(loop, &reading.op, fd, in + 4, 4, 0, harness_done);
    harness_run(loop);
    assert_result(receive.result, 4);
    assert_result(send.result, 4);
    assert_result(timer.result, 0);
    assert_result(reading.result, 4);
    assert_memory_equal(in, "abcdtext", 8);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
    harness_close(loop, fd);
}

/* Whether io_uring works here without a filter; else there is nothing to refuse. */
static void need_uring(void)
{
    struct hark_options uring = {.backend = HARK_BACKEND_URING};
    struct hark_loop *loop = NULL;
    int error = hark_loop_create(&uring, &loop);
    if (error)
        harness_skip("io_uring is refused here already: %s", hark_error_name(error));
    harness_loop_destroy(loop);
}

static void refused(uint32_t number, int error, const char *name_of_call)
{
    struct hark_loop *loop = NULL;
    struct hark_options uring = {.backend = HARK_BACKEND_URING};
    need_uring();
    filter(number, SECCOMP_RET_ERRNO | (uint32_t)error);

    assert_result(hark_loop_create(&uring, &loop),
                  -error); /* a named backend is refused, never replaced */
    assert_null(loop);
    setenv("HARK_BACKEND", "uring", 1);
    assert_result(hark_loop_create(NULL, &loop), -error);
    assert_null(loop);
    unsetenv("HARK_BACKEND");

    assert_result(hark_loop_create(NULL, &loop), 0); /* automatic choice falls back, and says why */
    assert_string_equal(hark_loop_backend(loop), "epoll");
    const char *reason = hark_loop_refusal(loop, HARK_BACKEND_URING);
    assert_non_null(reason);
    if (!strstr(reason, hark_error_name(error)) || !strstr(reason, name_of_call))
        fail_msg("the reason does not say what was refused: %s", reason);
    exercise(loop);
    harness_loop_destroy(loop);
}

#define REFUSAL_TESTS(error)                                                                       \
    TEST(promise_15_setup_refused_with_##error##_falls_back_to_epoll)                              \
    {                                                                                              \
        refused(SETUP, error, "io_uring_setup");                                                   \
    }                                                                                              \
    TEST(promise_15_enter_refused_with_##error##_falls_back_to_epoll)                              \
    {                                                                                              \
        refused(ENTER, error, "io_uring_enter");                                                   \
    }
REFUSAL_TESTS(EPERM)
REFUSAL_TESTS(ENOSYS)
REFUSAL_TESTS(EINVAL)
REFUSAL_TESTS(ENOMEM)
REFUSAL_TESTS(EACCES)

/* A profile that is older than a call may answer it with EPERM in place of ENOSYS. */
static void epoll_without_its_precise_wait(int error)
{
    struct hark_options epoll = {.backend = HARK_BACKEND_EPOLL};
    struct hark_loop *loop = NULL;
    filter(SYS_epoll_pwait2, SECCOMP_RET_ERRNO | (uint32_t)error);
    assert_result(hark_loop_create(&epoll, &loop), 0);
    exercise(loop);
    harness_loop_destroy(loop);
}

TEST(epoll_pwait2_refused_with_eperm_is_done_without)
{
    epoll_without_its_precise_wait(EPERM);
}

TEST(epoll_pwait2_refused_with_eacces_is_done_without)
{
    epoll_without_its_precise_wait(EACCES);
}

TEST(epoll_pwait2_refused_with_enosys_is_done_without)
{
    epoll_without_its_precise_wait(ENOSYS);
}

/* Registering is what the rungs of features need: without it the loop either works or falls
 * back. */
static void register_refused(int error)
{
    struct hark_loop *loop = NULL;
    need_uring();
    filter(REGISTER, SECCOMP_RET_ERRNO | (uint32_t)error);
    assert_result(hark_loop_create(NULL, &loop), 0);
    if (strcmp(hark_loop_backend(loop), "uring") != 0)
        assert_non_null(hark_loop_refusal(loop, HARK_BACKEND_URING));
    exercise(loop);
    int ends[2];
    char in[3];
    struct harness_op each = {.into = in, .into_room = sizeof in};
    harness_socket_pair(loop, ends);
    hark_recv_each(loop, &each.op, ends[0], harness_done);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    close(ends[1]);
    harness_run(loop);
    assert_result(each.result, 0);
    assert_memory_equal(in, "abc", 3);
    harness_close(loop, ends[0]);
    harness_loop_destroy(loop);
}

TEST(promise_15_register_refused_with_eperm_still_gives_a_loop)
{
    register_refused(EPERM);
}

TEST(promise_15_register_refused_with_einval_still_gives_a_loop)
{
    register_refused(EINVAL);
}

TEST(promise_15_register_refused_with_enosys_still_gives_a_loop)
{
    register_refused(ENOSYS);
}

TEST(filter_that_kills_does_kill)
{
    need_uring();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct hark_loop *loop = NULL;
        filter(SETUP, SECCOMP_RET_KILL_PROCESS);
        hark_loop_create(NULL, &loop);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void kill_every_call_of_io_uring(void)
{
    filter(SETUP, SECCOMP_RET_KILL_PROCESS);
    filter(ENTER, SECCOMP_RET_KILL_PROCESS);
    filter(REGISTER, SECCOMP_RET_KILL_PROCESS);
}

TEST(promise_15_named_in_the_environment_makes_no_call_of_io_uring)
{
    static const char *const names[] = {"epoll", "poll", "select"};
    kill_every_call_of_io_uring();
    for (int index = 0; index < 3; index++) {
        struct hark_loop *loop = NULL;
        setenv("HARK_BACKEND", names[index], 1);
        assert_result(hark_loop_create(NULL, &loop), 0);
        assert_string_equal(hark_loop_backend(loop), names[index]);
        exercise(loop);
        harness_loop_destroy(loop);
    }
}

TEST(promise_15_named_by_option_makes_no_call_of_io_uring)
{
    kill_every_call_of_io_uring();
    for (int kind = HARK_BACKEND_EPOLL; kind < HARK_BACKEND_KINDS; kind++) {
        struct hark_loop *loop = NULL;
        struct hark_options options = {.backend = (enum hark_backend_kind)kind};
        assert_result(hark_loop_create(&options, &loop), 0);
        exercise(loop);
        harness_loop_destroy(loop);
    }
}

TEST(epoll_without_its_newer_wait_still_works)
{
    struct hark_loop *loop = NULL;
    struct hark_options options = {.backend = HARK_BACKEND_EPOLL};
    filter(441, SECCOMP_RET_ERRNO | ENOSYS); /* epoll_pwait2, Linux 5.11 */
    assert_result(hark_loop_create(&options, &loop), 0);
    exercise(loop);
    struct harness_op timer = {0};
    uint64_t before = hark_os_clock(loop);
    hark_sleep(loop, &timer.op, 2500000, harness_done);
    harness_run(loop);
    assert_true(hark_os_clock(loop) >= before + 2500000);
    harness_loop_destroy(loop);
}

TEST(files_are_read_where_nothing_can_be_tried)
{
    struct hark_loop *loop = NULL;
    struct hark_options options = {.backend = HARK_BACKEND_EPOLL};
    filter(SYS_preadv2, SECCOMP_RET_ERRNO | EOPNOTSUPP); /* file systems without RWF_NOWAIT */
    assert_result(hark_loop_create(&options, &loop), 0);
    exercise(loop);
    harness_loop_destroy(loop);
}
