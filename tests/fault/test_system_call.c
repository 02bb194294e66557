/* test_system_call.c - the nth system call of the library fails, n = 1, 2, ... until a run in which
 * none did; once each, and then for ever; and it is interrupted by a signal.
 *
 * The program's own functions stand before libc's, so the library's calls come through here. What
 * the kernel cannot do is not done: a close that fails has closed, the write that wakes the loop
 * and the clock do not fail. */
#undef _FORTIFY_SOURCE /* its inline forms of these functions would be in the way */
#include "harness/scenario.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_bool armed;
static atomic_bool for_ever;
static atomic_int error_to_give;
static const char *_Atomic only; /* calls of this name; NULL: all */
static atomic_ulong fail_at;
static atomic_ulong seen;
static atomic_ulong waits;
static atomic_ulong refused;
static const char *_Atomic refused_name; /* the first of them */

enum { WAITS = 40 };

/* The waits repeat for as long as the run lasts: only the first of them count. */
static bool is_late_wait(const char *name)
{
    static const char *const waiting[] = {"epoll_pwait2", "ppoll", "pselect", "syscall"};
    for (size_t index = 0; index < sizeof waiting / sizeof waiting[0]; index++)
        if (strcmp(name, waiting[index]) == 0)
            return atomic_fetch_add(&waits, 1) >= WAITS;
    return false;
}

/* Whether this call fails. Takes: whether a signal can interrupt it. */
static bool refuse(const char *name, bool interruptible)
{
    if (!atomic_load(&armed) || (atomic_load(&error_to_give) == EINTR && !interruptible))
        return false;
    const char *wanted = atomic_load(&only);
    if (is_late_wait(name) || (wanted && strcmp(wanted, name) != 0))
        return false;
    unsigned long number = atomic_fetch_add(&seen, 1) + 1;
    unsigned long at = atomic_load(&fail_at);
    if (at == 0 || (atomic_load(&for_ever) ? number < at : number != at))
        return false;
    if (atomic_fetch_add(&refused, 1) == 0)
        atomic_store(&refused_name, name);
    errno = atomic_load(&error_to_give);
    return true;
}

/* A function of libc's with the fault before it. */
#define WITH_FAULT(type, name, parameters, arguments, interruptible)                               \
    type name parameters                                                                           \
    {                                                                                              \
        static type(*_Atomic real) parameters;                                                     \
        if (refuse(#name, interruptible))                                                          \
            return (type)-1;                                                                       \
        if (!real)                                                                                 \
            real = (type(*) parameters)dlsym(RTLD_NEXT, #name);                                    \
        return real arguments;                                                                     \
    }

WITH_FAULT(int, socket, (int family, int type, int protocol), (family, type, protocol), false)
WITH_FAULT(int, bind, (int fd, const struct sockaddr *name, socklen_t length), (fd, name, length),
           false)
WITH_FAULT(int, listen, (int fd, int backlog), (fd, backlog), false)
WITH_FAULT(int, accept4, (int fd, struct sockaddr *name, socklen_t *length, int flags),
           (fd, name, length, flags), true)
WITH_FAULT(int, setsockopt, (int fd, int level, int option, const void *value, socklen_t length),
           (fd, level, option, value, length), false)
WITH_FAULT(int, getsockopt, (int fd, int level, int option, void *value, socklen_t *length),
           (fd, level, option, value, length), false)
WITH_FAULT(int, getsockname, (int fd, struct sockaddr *name, socklen_t *length), (fd, name, length),
           false)
WITH_FAULT(int, getpeername, (int fd, struct sockaddr *name, socklen_t *length), (fd, name, length),
           false)
WITH_FAULT(int, shutdown, (int fd, int how), (fd, how), false)
WITH_FAULT(ssize_t, recv, (int fd, void *bytes, size_t count, int flags), (fd, bytes, count, flags),
           true)
WITH_FAULT(ssize_t, send, (int fd, const void *bytes, size_t count, int flags),
           (fd, bytes, count, flags), true)
WITH_FAULT(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags),
           true)
WITH_FAULT(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags),
           (fd, message, flags), true)
WITH_FAULT(ssize_t, read, (int fd, void *bytes, size_t count), (fd, bytes, count), true)
WITH_FAULT(ssize_t, readv, (int fd, const struct iovec *vector, int count), (fd, vector, count),
           true)
WITH_FAULT(ssize_t, writev, (int fd, const struct iovec *vector, int count), (fd, vector, count),
           true)
WITH_FAULT(ssize_t, pread, (int fd, void *bytes, size_t count, off_t offset),
           (fd, bytes, count, offset), true)
WITH_FAULT(ssize_t, pwrite, (int fd, const void *bytes, size_t count, off_t offset),
           (fd, bytes, count, offset), true)
WITH_FAULT(ssize_t, preadv, (int fd, const struct iovec *vector, int count, off_t offset),
           (fd, vector, count, offset), true)
WITH_FAULT(ssize_t, pwritev, (int fd, const struct iovec *vector, int count, off_t offset),
           (fd, vector, count, offset), true)
WITH_FAULT(ssize_t, preadv2,
           (int fd, const struct iovec *vector, int count, off_t offset, int flags),
           (fd, vector, count, offset, flags), true)
WITH_FAULT(int, fsync, (int fd), (fd), true)
WITH_FAULT(int, fdatasync, (int fd), (fd), true)
WITH_FAULT(int, ftruncate, (int fd, off_t length), (fd, length), true)
WITH_FAULT(int, mkdirat, (int directory, const char *path, mode_t mode), (directory, path, mode),
           false)
WITH_FAULT(int, unlinkat, (int directory, const char *path, int flags), (directory, path, flags),
           false)
WITH_FAULT(int, renameat2,
           (int from_directory, const char *from, int to_directory, const char *to, unsigned flags),
           (from_directory, from, to_directory, to, flags), false)
WITH_FAULT(int, statx,
           (int directory, const char *path, int flags, unsigned mask, struct statx *status),
           (directory, path, flags, mask, status), false)
WITH_FAULT(int, fstat, (int fd, struct stat *status), (fd, status), false)
WITH_FAULT(int, eventfd, (unsigned count, int flags), (count, flags), false)
WITH_FAULT(int, epoll_create1, (int flags), (flags), false)
WITH_FAULT(int, epoll_ctl, (int epoll, int operation, int fd, struct epoll_event *event),
           (epoll, operation, fd, event), false)
WITH_FAULT(int, epoll_pwait2,
           (int epoll, struct epoll_event *events, int count, const struct timespec *timeout,
            const sigset_t *mask),
           (epoll, events, count, timeout, mask), true)
WITH_FAULT(int, ppoll,
           (struct pollfd * list, nfds_t count, const struct timespec *timeout,
            const sigset_t *mask),
           (list, count, timeout, mask), true)
WITH_FAULT(int, poll, (struct pollfd * list, nfds_t count, int timeout), (list, count, timeout),
           true)
WITH_FAULT(int, pselect,
           (int count, fd_set *readable, fd_set *writable, fd_set *exceptional,
            const struct timespec *timeout, const sigset_t *mask),
           (count, readable, writable, exceptional, timeout, mask), true)

int connect(int fd, const struct sockaddr *name, socklen_t length)
{
    static int (*_Atomic real)(int, const struct sockaddr *, socklen_t);
    if (!real)
        real = (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect");
    bool interrupted = atomic_load(&error_to_give) == EINTR;
    if (!interrupted && refuse("connect", false))
        return -1;
    int result = real(fd, name, length);
    return interrupted && result < 0 && errno == EINPROGRESS && refuse("connect", true)
               ? -1
               : result; /* it goes on all the same */
}

int close(int fd)
{
    static int (*_Atomic real)(int);
    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "close");
    int result = real(fd);
    return result == 0 && refuse("close", false) ? -1 : result;
}

ssize_t write(int fd, const void *bytes, size_t count)
{
    static ssize_t (*_Atomic real)(int, const void *, size_t);
    if (!real)
        real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    return count != sizeof(uint64_t) && refuse("write", true) ? -1 : real(fd, bytes, count);
}

/* A call may have fewer arguments than are looked at here; what is read past them is passed on and
 * read by nobody. */
#define READS_PAST_ITS_ARGUMENTS __attribute__((no_sanitize("address")))

READS_PAST_ITS_ARGUMENTS int openat(int directory, const char *path, int flags, ...)
{
    static int (*_Atomic real)(int, const char *, int, ...);
    va_list rest;
    va_start(rest, flags);
    unsigned mode = va_arg(rest, unsigned);
    va_end(rest);
    if (!real)
        real = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat");
    return refuse("openat", true) ? -1 : real(directory, path, flags, mode);
}

READS_PAST_ITS_ARGUMENTS int fcntl(int fd, int command, ...)
{
    static int (*_Atomic real)(int, int, ...);
    va_list rest;
    va_start(rest, command);
    long argument = va_arg(rest, long);
    va_end(rest);
    if (!real)
        real = (int (*)(int, int, ...))dlsym(RTLD_NEXT, "fcntl");
    return refuse("fcntl", false) ? -1 : real(fd, command, argument);
}

/* io_uring's calls and getdents64. Only the enter can be interrupted. */
READS_PAST_ITS_ARGUMENTS long syscall(long number, ...)
{
    static long (*_Atomic real)(long, ...);
    long arguments[6];
    va_list rest;
    va_start(rest, number);
    for (int index = 0; index < 6; index++)
        arguments[index] = va_arg(rest, long);
    va_end(rest);
    if (!real)
        real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    if (refuse("syscall", number == 426))
        return -1;
    return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                arguments[5]);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    static void *(*_Atomic real)(void *, size_t, int, int, int, off_t);
    if (refuse("mmap", false))
        return MAP_FAILED;
    if (!real)
        real = (void *(*)(void *, size_t, int, int, int, off_t))dlsym(RTLD_NEXT, "mmap");
    return real(address, length, protection, flags, fd, offset);
}

typedef int create_function(pthread_t *thread, const pthread_attr_t *attributes,
                            void *(*function)(void *), void *context);
create_function __interceptor_pthread_create __attribute__((weak)); /* a sanitizer's */

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                   void *context)
{
    if (refuse("pthread_create", false))
        return EAGAIN;
    create_function *real = __interceptor_pthread_create;
    if (!real)
        real = (create_function *)dlsym(RTLD_NEXT, "pthread_create");
    return real(thread, attributes, function, context);
}

static void arm(void)
{
    atomic_store(&seen, 0);
    atomic_store(&waits, 0);
    atomic_store(&refused, 0);
    atomic_store(&armed, true);
}

static void disarm(void)
{
    atomic_store(&armed, false);
}

/* Runs the scenario with each system call failing in turn. A signal's interruption must not be seen
 * at all. */
static void fail_each(int error, bool ever)
{
    enum { ENOUGH = 5000 };
    struct scenario_faults faults = {
        .arm = arm, .disarm = disarm, .recover = disarm, .patience = error == EINTR ? INT_MAX : 40};
    int good = scenario_undisturbed();
    assert_true(good > 200);
    atomic_store(&error_to_give, error);
    atomic_store(&for_ever, ever);
    unsigned long number = 1;
    for (; number < ENOUGH; number++) {
        atomic_store(&fail_at, number);
        int now = scenario_run(&faults);
        if (error == EINTR && now != good)
            fail_msg("call %lu, %s, was interrupted: %d ops ended well, %d do without", number,
                     atomic_load(&refused_name), now, good);
        if (atomic_load(&refused) == 0)
            break;
    }
    assert_true(number > 10 && number < ENOUGH);
}

BACKEND_TEST_TIMEOUT(each_system_call_fails_once_and_nothing_is_lost, 120)
{
    fail_each(ENOMEM, false);
}

BACKEND_TEST_TIMEOUT(each_system_call_fails_for_ever_and_nothing_is_lost, 120)
{
    fail_each(ENOMEM, true);
}

BACKEND_TEST_TIMEOUT(promise_14_each_system_call_interrupted_once_is_not_noticed, 120)
{
    fail_each(EINTR, false);
}

BACKEND_TEST(connection_that_was_gone_before_it_was_accepted_is_passed_over)
{
    if (harness_backend() == HARK_BACKEND_URING)
        return; /* the kernel makes the call itself */
    for (int each = 0; each < 2; each++) {
        struct hark_address address;
        struct harness_op accepting = {0};
        int listener = harness_listen(loop, &address);
        int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(connect(client, &address.name.any, address.length) == 0 ||
                    errno == EINPROGRESS);
        atomic_store(&error_to_give, ECONNABORTED);
        atomic_store(&only, "accept4");
        atomic_store(&fail_at, 1);
        arm();
        if (each)
            hark_accept_each(loop, &accepting.op, listener, harness_done);
        else
            hark_accept(loop, &accepting.op, listener, NULL, NULL, harness_done);
        while (accepting.calls == 0)
            assert_true(hark_run_once(loop) >= 0);
        disarm();
        assert_int_equal(atomic_load(&refused), 1);
        assert_true(accepting.results[0] >= 0);
        harness_close(loop, (int)accepting.results[0]);
        harness_close(loop, client);
        harness_close(loop, listener);
        harness_run(loop);
    }
}

static int64_t some_work(struct hark_op *op)
{
    (void)op;
    return 5;
}

BACKEND_TEST(work_without_any_thread_gives_eagain_and_closing_needs_none)
{
    char bytes[4];
    struct statx status;
    struct harness_op ops[3] = {0};
    int fd = harness_file("file", "text", 4);
    atomic_store(&only, "pthread_create");
    atomic_store(&for_ever, true);
    atomic_store(&fail_at, 1);
    arm();
    hark_work(loop, &ops[0].op, some_work, harness_done);
    hark_getdents(loop, &ops[1].op, fd, bytes, sizeof bytes, harness_done);
    hark_statx(loop, &ops[2].op, fd, "", AT_EMPTY_PATH, STATX_SIZE, &status, harness_done);
    harness_run(loop);
    assert_result(ops[0].result, -EAGAIN);
    assert_result(ops[1].result, -EAGAIN);
    assert_result(ops[2].result, harness_backend() == HARK_BACKEND_URING ? 0 : -EAGAIN);
    harness_close(loop, fd);
    disarm();
    harness_op_again(&ops[0]);
    hark_work(loop, &ops[0].op, some_work, harness_done); /* and later there is one again */
    assert_result(harness_wait(loop, &ops[0]), 5);
}
