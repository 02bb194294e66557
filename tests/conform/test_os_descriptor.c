/* test_os_descriptor.c - os_descriptor.h: the calls on open descriptors, and what a signal does to
 * those that wait. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_it(int fd)
{
    assert_result(hark_os_close_unknown(fd), 0);
}

/* --- bytes --- */

TEST(os_read_and_write_move_the_position_and_pread_does_not)
{
    char bytes[8] = "";
    int fd = harness_file("f", "", 0);
    assert_result(hark_os_write(fd, "123456", 6), 6);
    assert_result(hark_os_read(fd, bytes, sizeof bytes), 0);
    assert_result(hark_os_pread(fd, bytes, 3, 2), 3);
    assert_memory_equal(bytes, "345", 3);
    assert_result(hark_os_pread(fd, bytes, sizeof bytes, 6), 0);
    assert_result(hark_os_pread(fd, bytes, sizeof bytes, -1), -EINVAL);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_result(hark_os_read(fd, bytes, 2), 2);
    assert_memory_equal(bytes, "12", 2);
    assert_result(hark_os_read(fd, bytes, sizeof bytes), 4);
    close_it(fd);
    assert_result(hark_os_read(fd, bytes, 1), -EBADF);
    assert_result(hark_os_write(fd, bytes, 1), -EBADF);
    assert_result(hark_os_pread(fd, bytes, 1, 0), -EBADF);
}

TEST(os_read_and_write_do_not_wait_on_what_is_non_blocking)
{
    int ends[2];
    char byte;
    signal(SIGPIPE, SIG_IGN);
    harness_pipe(ends, O_NONBLOCK);
    assert_result(hark_os_read(ends[0], &byte, 1), -EAGAIN);
    assert_result(hark_os_pread(ends[0], &byte, 1, 0), -ESPIPE);
    harness_stuff(ends[1]);
    assert_result(hark_os_write(ends[1], "x", 1), -EAGAIN);
    close_it(ends[0]);
    assert_result(hark_os_write(ends[1], "x", 1), -EPIPE);
    close_it(ends[1]);
}

TEST(os_send_raises_no_signal_and_is_for_sockets)
{
    int ends[2];
    char byte;
    signal(SIGPIPE, SIG_DFL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_result(hark_os_send(ends[0], "x", 1, 0), 1);
    assert_result(hark_os_read(ends[1], &byte, 1), 1);
    harness_stuff(ends[0]);
    assert_result(hark_os_send(ends[0], "x", 1, MSG_DONTWAIT), -EAGAIN);
    close_it(ends[1]);
    assert_result(hark_os_send(ends[0], "x", 1, 0), -EPIPE);
    close_it(ends[0]);
    int fd = harness_file("f", "", 0);
    assert_result(hark_os_send(fd, "x", 1, 0), -ENOTSOCK);
    close_it(fd);
}

TEST(os_recv_takes_flags_and_tells_the_end)
{
    int ends[2];
    char bytes[4] = "";
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_result(hark_os_recv(ends[0], bytes, sizeof bytes, MSG_DONTWAIT), -EAGAIN);
    assert_result(hark_os_send(ends[1], "xy", 2, 0), 2);
    assert_result(hark_os_recv(ends[0], bytes, 1, MSG_PEEK), 1);
    assert_result(hark_os_recv(ends[0], bytes, sizeof bytes, 0), 2);
    assert_memory_equal(bytes, "xy", 2);
    close_it(ends[1]);
    assert_result(hark_os_recv(ends[0], bytes, sizeof bytes, 0), 0);
    close_it(ends[0]);
    int fd = harness_file("f", "", 0);
    assert_result(hark_os_recv(fd, bytes, 1, 0), -ENOTSOCK);
    close_it(fd);
}

TEST(os_poll_tells_of_each_descriptor)
{
    int ends[2];
    harness_pipe(ends, 0);
    struct pollfd watched[] = {{.fd = ends[0], .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    assert_result(hark_os_poll(watched, 2, 0), 0);
    assert_result(hark_os_write(ends[1], "x", 1), 1);
    assert_result(hark_os_poll(watched, 2, -1), 1);
    assert_int_equal(watched[0].revents, POLLIN);
    assert_int_equal(watched[1].revents, 0);
    close_it(ends[0]);
    close_it(ends[1]);
    assert_result(hark_os_poll(watched, 1, -1), 1);
    assert_int_equal(watched[0].revents, POLLNVAL);
}

/* --- what they are --- */

TEST(os_isatty_knows_a_terminal_from_others)
{
    if (harness_in_world())
        harness_skip("there is no terminal");
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    int file = harness_file("f", "", 0);
    assert_true(terminal >= 0);
    assert_true(hark_os_isatty(terminal));
    assert_false(hark_os_isatty(file));
    close_it(terminal);
    close_it(file);
    assert_false(hark_os_isatty(terminal));
}

TEST(os_dup_gives_another_number_of_the_same_file)
{
    int fd = harness_file("f", "12", 2);
    int other = hark_os_dup(fd);
    char byte;
    assert_true(other >= 0 && other != fd);
    assert_true(fcntl(other, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_result(hark_os_read(fd, &byte, 1), 1);
    assert_result(hark_os_read(other, &byte, 1), 1);
    assert_int_equal(byte, '2');
    close_it(fd);
    assert_result(hark_os_dup(fd), -EBADF);
    close_it(other);
}

/* --- locks --- */

static int open_again(const char *name)
{
    int fd = hark_os_openat(AT_FDCWD, harness_path(name), O_RDWR, 0);
    assert_true(fd >= 0);
    return fd;
}

TEST(os_flock_shares_a_lock_or_refuses_it)
{
    int one = harness_file("f", "", 0), other = open_again("f");
    assert_result(hark_os_flock(one, LOCK_SH | LOCK_NB), 0);
    assert_result(hark_os_flock(other, LOCK_SH | LOCK_NB), 0);
    assert_result(hark_os_flock(other, LOCK_EX | LOCK_NB), -EWOULDBLOCK);
    assert_result(hark_os_flock(one, LOCK_UN), 0);
    assert_result(hark_os_flock(other, LOCK_EX | LOCK_NB), 0);
    assert_result(hark_os_flock(one, LOCK_SH | LOCK_NB), -EWOULDBLOCK);
    close_it(other);
    assert_result(hark_os_flock(one, LOCK_EX | LOCK_NB), 0);
    assert_result(hark_os_flock(one, 0), -EINVAL);
    close_it(one);
    assert_result(hark_os_flock(one, LOCK_UN), -EBADF);
}

/* --- signals --- */

static atomic_int handled;

static void count_signal(int number)
{
    (void)number;
    atomic_fetch_add(&handled, 1);
}

struct disturber {
    pthread_t thread, whom;
    pid_t whom_id;
    int fd; /* a lock that is given up, or a pipe that is written to, when it has disturbed */
    bool is_lock;
};

/* Sends a signal to the thread that waits, and ends its wait when it waits again. Where
 * ThreadSanitizer calls the handler later than the signal came, the wait has been interrupted all
 * the same. */
static void *disturb(void *context)
{
    struct disturber *disturber = context;
    harness_await_sleep(disturber->whom_id);
    pthread_kill(disturber->whom, SIGUSR1);
    while (harness_thread_status(disturber->whom_id, "SigPnd") != 0)
        sched_yield();
    harness_await_sleep(disturber->whom_id);
    if (disturber->is_lock)
        hark_os_flock(disturber->fd, LOCK_UN);
    else
        hark_os_write(disturber->fd, "x", 1);
    return NULL;
}

static void disturb_begin(struct disturber *disturber)
{
    struct sigaction action = {.sa_handler = count_signal}; /* without SA_RESTART */
    atomic_store(&handled, 0);
    assert_result(hark_os_sigaction(SIGUSR1, &action, NULL), 0);
    disturber->whom = pthread_self();
    disturber->whom_id = gettid();
    assert_int_equal(pthread_create(&disturber->thread, NULL, disturb, disturber), 0);
}

TEST(os_flock_that_waits_goes_on_after_a_signal)
{
    int one = harness_file("f", "", 0), other = open_again("f");
    struct disturber disturber = {.fd = one, .is_lock = true};
    assert_result(hark_os_flock(one, LOCK_EX), 0);
    disturb_begin(&disturber);
    assert_result(hark_os_flock(other, LOCK_EX), 0);
    pthread_join(disturber.thread, NULL);
    assert_int_equal(atomic_load(&handled), 1);
    close_it(one);
    close_it(other);
}

TEST(os_read_that_waits_goes_on_after_a_signal)
{
    int ends[2];
    char byte;
    harness_pipe(ends, 0);
    struct disturber disturber = {.fd = ends[1]};
    disturb_begin(&disturber);
    assert_result(hark_os_read(ends[0], &byte, 1), 1);
    pthread_join(disturber.thread, NULL);
    assert_int_equal(atomic_load(&handled), 1);
    close_it(ends[0]);
    close_it(ends[1]);
}

TEST(os_poll_that_waits_tells_of_a_signal)
{
    int ends[2];
    harness_pipe(ends, 0);
    struct disturber disturber = {.fd = ends[1]};
    struct pollfd watched = {.fd = ends[0], .events = POLLIN};
    disturb_begin(&disturber);
    assert_result(hark_os_poll(&watched, 1, -1), -EINTR);
    assert_result(hark_os_poll(&watched, 1, -1), 1);
    pthread_join(disturber.thread, NULL);
    close_it(ends[0]);
    close_it(ends[1]);
}

/* --- closing --- */

TEST(os_close_unknown_closes_and_tells_of_what_is_not_open)
{
    int fd = harness_file("f", "", 0);
    assert_result(hark_os_close_unknown(fd), 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_result(hark_os_close_unknown(fd), -EBADF);
    assert_result(hark_os_close_unknown(-1), -EBADF);
}
