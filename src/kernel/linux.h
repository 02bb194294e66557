/* linux.h - the calls of kernel.h, which includes it, each as the C library's. What an interruption
 * means stands here: see there. */
#ifndef KERNEL_LINUX_H
#define KERNEL_LINUX_H

#include "kernel/lacking.h"
#include "kernel/unseen.h"

static inline void kernel_count(uint64_t *calls)
{
    if (calls)
        ++*calls;
}

#ifndef KERNEL_ONCE
/* One call of the C library's: its value, or -errno. */
#define KERNEL_ONCE(call)                                                                          \
    __extension__({                                                                                \
        int64_t kernel_value = (call);                                                             \
        kernel_value < 0 ? -errno : kernel_value;                                                  \
    })

/* One that a signal may interrupt before it has done anything. */
#define KERNEL_ONCE_INTERRUPTIBLE(call) KERNEL_ONCE(call)
#endif

#define KERNEL_CALL(calls, call) (kernel_count(calls), KERNEL_ONCE(call))
#define KERNEL_WAIT(calls, call) (kernel_count(calls), KERNEL_ONCE_INTERRUPTIBLE(call))

/* The same until no signal interrupts it. */
#define KERNEL_RETRY(calls, call)                                                                  \
    __extension__({                                                                                \
        int64_t kernel_result;                                                                     \
        do                                                                                         \
            kernel_result = KERNEL_WAIT(calls, call);                                              \
        while (kernel_result == -EINTR);                                                           \
        kernel_result;                                                                             \
    })

/* What calls of threads give: 0, or the error itself. */
static inline int kernel_told(int error)
{
    if (error)
        errno = error;
    return error ? -1 : 0;
}

KERNEL_INLINE int kernel_close(uint64_t *calls, int fd)
{
    int error = (int)KERNEL_CALL(calls, UNSEEN(close(fd)));
    return error == -EINTR ? 0 : error;
}

KERNEL_INLINE int kernel_fcntl(uint64_t *calls, int fd, int command, int argument)
{
    return (int)KERNEL_CALL(calls, fcntl(fd, command, argument));
}

KERNEL_INLINE int kernel_ioctl(uint64_t *calls, int fd, unsigned long request, void *argument)
{
    return (int)KERNEL_CALL(calls, ioctl(fd, (libc_request)request, argument));
}

KERNEL_INLINE int kernel_eventfd(uint64_t *calls, unsigned count, int flags)
{
    return (int)KERNEL_CALL(calls, eventfd(count, flags));
}

KERNEL_INLINE int kernel_pipe2(uint64_t *calls, int *out_fds, int flags)
{
    return (int)KERNEL_CALL(calls, pipe2(out_fds, flags));
}

KERNEL_INLINE int kernel_memfd_create(uint64_t *calls, const char *name, unsigned flags)
{
    return (int)KERNEL_CALL(calls, memfd_create(name, flags));
}

KERNEL_INLINE int kernel_isatty(uint64_t *calls, int fd)
{
    return (int)KERNEL_CALL(calls, isatty(fd) ? 0 : -1);
}

KERNEL_INLINE int kernel_tcgetattr(uint64_t *calls, int fd, struct termios *out_settings)
{
    return (int)KERNEL_CALL(calls, tcgetattr(fd, out_settings));
}

KERNEL_INLINE int kernel_tcsetattr(uint64_t *calls, int fd, const struct termios *settings)
{
    return (int)KERNEL_RETRY(calls, tcsetattr(fd, TCSANOW, settings));
}

KERNEL_INLINE int64_t kernel_read(uint64_t *calls, int fd, void *bytes, size_t count)
{
    return KERNEL_RETRY(calls, read(fd, bytes, count));
}

KERNEL_INLINE int64_t kernel_write(uint64_t *calls, int fd, const void *bytes, size_t count)
{
    return KERNEL_RETRY(calls, write(fd, bytes, count));
}

KERNEL_INLINE int64_t kernel_readv(uint64_t *calls, int fd, const struct iovec *vector, int count)
{
    return KERNEL_RETRY(calls, readv(fd, vector, count));
}

KERNEL_INLINE int64_t kernel_writev(uint64_t *calls, int fd, const struct iovec *vector, int count)
{
    return KERNEL_RETRY(calls, writev(fd, vector, count));
}

KERNEL_INLINE int64_t kernel_pread(uint64_t *calls, int fd, void *bytes, size_t count, off_t offset)
{
    return KERNEL_RETRY(calls, pread(fd, bytes, count, offset));
}

KERNEL_INLINE int64_t kernel_pwrite(uint64_t *calls, int fd, const void *bytes, size_t count,
                                    off_t offset)
{
    return KERNEL_RETRY(calls, pwrite(fd, bytes, count, offset));
}

KERNEL_INLINE int64_t kernel_preadv(uint64_t *calls, int fd, const struct iovec *vector, int count,
                                    off_t offset)
{
    return KERNEL_RETRY(calls, preadv(fd, vector, count, offset));
}

KERNEL_INLINE int64_t kernel_pwritev(uint64_t *calls, int fd, const struct iovec *vector, int count,
                                     off_t offset)
{
    return KERNEL_RETRY(calls, pwritev(fd, vector, count, offset));
}

KERNEL_INLINE int64_t kernel_preadv2(uint64_t *calls, int fd, const struct iovec *vector, int count,
                                     off_t offset, int flags)
{
    return KERNEL_RETRY(calls, libc_preadv2(fd, vector, count, offset, flags));
}

KERNEL_INLINE int64_t kernel_pwritev2(uint64_t *calls, int fd, const struct iovec *vector,
                                      int count, off_t offset, int flags)
{
    return KERNEL_RETRY(calls, libc_pwritev2(fd, vector, count, offset, flags));
}

KERNEL_INLINE int kernel_openat(uint64_t *calls, int directory, const char *path, int flags,
                                mode_t mode)
{
    return (int)KERNEL_RETRY(calls, openat(directory, path, flags, mode));
}

KERNEL_INLINE int kernel_fstat(uint64_t *calls, int fd, struct stat *out_status)
{
    return (int)KERNEL_CALL(calls, fstat(fd, out_status));
}

KERNEL_INLINE int kernel_fstatat(uint64_t *calls, int directory, const char *path,
                                 struct stat *out_status, int flags)
{
    if (!path)
        return -EFAULT;
    return (int)KERNEL_CALL(calls, fstatat(directory, path, out_status, flags));
}

KERNEL_INLINE int kernel_statx(uint64_t *calls, int directory, const char *path, int flags,
                               unsigned mask, struct statx *out_status)
{
    if (!path)
        return -EFAULT;
    return (int)KERNEL_RETRY(calls, libc_statx(directory, path, flags, mask, out_status));
}

KERNEL_INLINE int kernel_fsync(uint64_t *calls, int fd)
{
    return (int)KERNEL_RETRY(calls, fsync(fd));
}

KERNEL_INLINE int kernel_fdatasync(uint64_t *calls, int fd)
{
    return (int)KERNEL_RETRY(calls, fdatasync(fd));
}

KERNEL_INLINE int kernel_ftruncate(uint64_t *calls, int fd, off_t length)
{
    return (int)KERNEL_RETRY(calls, ftruncate(fd, length));
}

KERNEL_INLINE int kernel_fallocate(uint64_t *calls, int fd, int mode, off_t offset, off_t count)
{
    return (int)KERNEL_RETRY(calls, fallocate(fd, mode, offset, count));
}

KERNEL_INLINE int kernel_renameat2(uint64_t *calls, int from, const char *old, int to,
                                   const char *new, unsigned flags)
{
    return (int)KERNEL_RETRY(calls, libc_renameat2(from, old, to, new, flags));
}

KERNEL_INLINE int kernel_unlinkat(uint64_t *calls, int directory, const char *path, int flags)
{
    return (int)KERNEL_RETRY(calls, unlinkat(directory, path, flags));
}

KERNEL_INLINE int kernel_mkdirat(uint64_t *calls, int directory, const char *path, mode_t mode)
{
    return (int)KERNEL_RETRY(calls, mkdirat(directory, path, mode));
}

KERNEL_INLINE int kernel_symlinkat(uint64_t *calls, const char *target, int directory,
                                   const char *path)
{
    return (int)KERNEL_RETRY(calls, symlinkat(target, directory, path));
}

KERNEL_INLINE int kernel_linkat(uint64_t *calls, int from, const char *old, int to, const char *new,
                                int flags)
{
    return (int)KERNEL_RETRY(calls, linkat(from, old, to, new, flags));
}

KERNEL_INLINE int64_t kernel_getdents64(uint64_t *calls, int fd, void *entries, size_t count)
{
    return KERNEL_RETRY(calls, syscall(SYS_getdents64, fd, entries, count));
}

KERNEL_INLINE int64_t kernel_readlinkat(uint64_t *calls, int directory, const char *path,
                                        char *text, size_t room)
{
    return KERNEL_RETRY(calls, libc_readlinkat(directory, path, text, room));
}

KERNEL_INLINE int kernel_faccessat(uint64_t *calls, int directory, const char *path, int mode)
{
    /* The C library's asks for faccessat2 first, which kernels before 5.8 and some filters
     * refuse. */
    return (int)KERNEL_RETRY(calls, syscall(SYS_faccessat, directory, path, mode));
}

KERNEL_INLINE int kernel_getcwd(uint64_t *calls, char *out_path, size_t room)
{
    return (int)KERNEL_CALL(calls, getcwd(out_path, room) ? 0 : -1);
}

KERNEL_INLINE int kernel_flock(uint64_t *calls, int fd, int operation)
{
    return (int)KERNEL_RETRY(calls, flock(fd, operation));
}

KERNEL_INLINE int64_t kernel_copy_file_range(uint64_t *calls, int from, off_t *from_offset, int to,
                                             off_t *to_offset, size_t count)
{
    return KERNEL_RETRY(calls, copy_file_range(from, from_offset, to, to_offset, count, 0));
}

KERNEL_INLINE int64_t kernel_splice(uint64_t *calls, int from, off_t *from_offset, int to,
                                    off_t *to_offset, size_t count, unsigned flags)
{
    return KERNEL_RETRY(calls, splice(from, from_offset, to, to_offset, count, flags));
}

KERNEL_INLINE int kernel_socket(uint64_t *calls, int family, int type, int protocol)
{
    return (int)KERNEL_CALL(calls, socket(family, type, protocol));
}

KERNEL_INLINE int kernel_bind(uint64_t *calls, int fd, const struct sockaddr *name,
                              socklen_t length)
{
    return (int)KERNEL_CALL(calls, bind(fd, name, length));
}

KERNEL_INLINE int kernel_listen(uint64_t *calls, int fd, int backlog)
{
    return (int)KERNEL_CALL(calls, listen(fd, backlog));
}

KERNEL_INLINE int kernel_accept4(uint64_t *calls, int fd, struct sockaddr *out_name,
                                 socklen_t *length, int flags)
{
    return (int)KERNEL_RETRY(calls, accept4(fd, out_name, length, flags));
}

KERNEL_INLINE int kernel_connect(uint64_t *calls, int fd, const struct sockaddr *name,
                                 socklen_t length)
{
    return (int)KERNEL_RETRY(calls, connect(fd, name, length));
}

KERNEL_INLINE int kernel_shutdown(uint64_t *calls, int fd, int how)
{
    return (int)KERNEL_CALL(calls, shutdown(fd, how));
}

KERNEL_INLINE int kernel_setsockopt(uint64_t *calls, int fd, int level, int option,
                                    const void *value, socklen_t length)
{
    return (int)KERNEL_CALL(calls, setsockopt(fd, level, option, value, length));
}

KERNEL_INLINE int kernel_getsockopt(uint64_t *calls, int fd, int level, int option, void *out_value,
                                    socklen_t *length)
{
    return (int)KERNEL_CALL(calls, getsockopt(fd, level, option, out_value, length));
}

KERNEL_INLINE int kernel_getsockname(uint64_t *calls, int fd, struct sockaddr *out_name,
                                     socklen_t *length)
{
    return (int)KERNEL_CALL(calls, getsockname(fd, out_name, length));
}

KERNEL_INLINE int kernel_getpeername(uint64_t *calls, int fd, struct sockaddr *out_name,
                                     socklen_t *length)
{
    return (int)KERNEL_CALL(calls, getpeername(fd, out_name, length));
}

KERNEL_INLINE int64_t kernel_recv(uint64_t *calls, int fd, void *bytes, size_t count, int flags)
{
    return KERNEL_RETRY(calls, recv(fd, bytes, count, flags));
}

KERNEL_INLINE int64_t kernel_send(uint64_t *calls, int fd, const void *bytes, size_t count,
                                  int flags)
{
    return KERNEL_RETRY(calls, send(fd, bytes, count, flags));
}

KERNEL_INLINE int64_t kernel_recvmsg(uint64_t *calls, int fd, struct msghdr *message, int flags)
{
    return KERNEL_RETRY(calls, recvmsg(fd, message, flags));
}

KERNEL_INLINE int64_t kernel_sendmsg(uint64_t *calls, int fd, const struct msghdr *message,
                                     int flags)
{
    return KERNEL_RETRY(calls, sendmsg(fd, message, flags));
}

KERNEL_INLINE int kernel_epoll_create1(uint64_t *calls, int flags)
{
    return (int)KERNEL_CALL(calls, epoll_create1(flags));
}

KERNEL_INLINE int kernel_epoll_ctl(uint64_t *calls, int epoll, int operation, int fd,
                                   struct epoll_event *event)
{
    return (int)KERNEL_CALL(calls, UNSEEN(epoll_ctl(epoll, operation, fd, event)));
}

KERNEL_INLINE int kernel_epoll_wait(uint64_t *calls, int epoll, struct epoll_event *events,
                                    int room, int timeout_ms)
{
    return (int)KERNEL_WAIT(calls, epoll_wait(epoll, events, room, timeout_ms));
}

KERNEL_INLINE int kernel_epoll_pwait2(uint64_t *calls, int epoll, struct epoll_event *events,
                                      int room, const struct timespec *timeout)
{
    return (int)KERNEL_WAIT(calls, libc_epoll_pwait2(epoll, events, room, timeout, NULL));
}

KERNEL_INLINE int kernel_poll(uint64_t *calls, struct pollfd *watched, nfds_t count, int timeout_ms)
{
    return (int)KERNEL_WAIT(calls, poll(watched, count, timeout_ms));
}

KERNEL_INLINE int kernel_ppoll(uint64_t *calls, struct pollfd *watched, nfds_t count,
                               const struct timespec *timeout)
{
    return (int)KERNEL_WAIT(calls, libc_ppoll(watched, count, timeout, NULL));
}

KERNEL_INLINE int kernel_pselect(uint64_t *calls, int count, fd_set *readable, fd_set *writable,
                                 fd_set *exceptional, const struct timespec *timeout)
{
    return (int)KERNEL_WAIT(calls, pselect(count, readable, writable, exceptional, timeout, NULL));
}

/* As a call of the C library's: -1 and errno, which has room for the codes of EAI_. */
static inline int64_t kernel_addresses(const char *host, const char *service, int family, int flags,
                                       struct hark_address *out_addresses, size_t room)
{
    const struct addrinfo hints = {
        .ai_family = family, .ai_flags = flags, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int64_t count = 0;
    errno = 0;
    int code = getaddrinfo(host, service, &hints, &found);
    if (code == 0) {
        for (struct addrinfo *at = found; at && (size_t)count < room; at = at->ai_next) {
            if (at->ai_addrlen > sizeof out_addresses->name)
                continue;
            struct hark_address *address = &out_addresses[count++];
            *address = (struct hark_address){.length = at->ai_addrlen};
            memcpy(&address->name, at->ai_addr, at->ai_addrlen);
        }
        freeaddrinfo(found);
        return count;
    }
    if (code != EAI_SYSTEM)
        errno = -(KERNEL_EAI + code);
    else if (errno == 0)
        errno = EIO; /* the resolver does not say what has failed */
    return -1;
}

KERNEL_INLINE int64_t kernel_getaddrinfo(const char *host, const char *service, int family,
                                         int flags, struct hark_address *out_addresses, size_t room)
{
    return KERNEL_CALL(NULL, kernel_addresses(host, service, family, flags, out_addresses, room));
}

KERNEL_INLINE int kernel_inotify_init1(uint64_t *calls, int flags)
{
    return (int)KERNEL_CALL(calls, inotify_init1(flags));
}

KERNEL_INLINE int kernel_inotify_add_watch(uint64_t *calls, int fd, const char *path,
                                           uint32_t events)
{
    return (int)KERNEL_RETRY(calls, inotify_add_watch(fd, path, events));
}

KERNEL_INLINE int kernel_inotify_rm_watch(uint64_t *calls, int fd, int watch)
{
    return (int)KERNEL_CALL(calls, inotify_rm_watch(fd, watch));
}

KERNEL_INLINE int kernel_fanotify_init(uint64_t *calls, unsigned flags, unsigned flags_of_events)
{
    return (int)KERNEL_CALL(calls, fanotify_init(flags, flags_of_events));
}

KERNEL_INLINE int kernel_fanotify_mark(uint64_t *calls, int fd, unsigned flags, uint64_t events,
                                       int directory, const char *path)
{
    return (int)KERNEL_RETRY(calls, fanotify_mark(fd, flags, events, directory, path));
}

KERNEL_INLINE int kernel_name_to_handle_at(uint64_t *calls, int directory, const char *path,
                                           struct file_handle *handle, int *out_mount, int flags)
{
    return (int)KERNEL_RETRY(calls, name_to_handle_at(directory, path, handle, out_mount, flags));
}

KERNEL_INLINE int kernel_open_by_handle_at(uint64_t *calls, int mount, struct file_handle *handle,
                                           int flags)
{
    return (int)KERNEL_RETRY(calls, open_by_handle_at(mount, handle, flags));
}

KERNEL_INLINE int kernel_io_uring_setup(uint64_t *calls, unsigned entries,
                                        struct io_uring_params *params)
{
    return (int)KERNEL_CALL(calls, syscall(SYS_io_uring_setup, entries, params));
}

KERNEL_INLINE int kernel_io_uring_enter(uint64_t *calls, int fd, unsigned submit, unsigned wait,
                                        unsigned flags, const void *argument, size_t count)
{
    return (int)KERNEL_WAIT(calls,
                            syscall(SYS_io_uring_enter, fd, submit, wait, flags, argument, count));
}

KERNEL_INLINE int kernel_io_uring_register(uint64_t *calls, int fd, unsigned operation,
                                           void *argument, unsigned count)
{
    return (int)KERNEL_CALL(calls, syscall(SYS_io_uring_register, fd, operation, argument, count));
}

KERNEL_INLINE int kernel_mmap(uint64_t *calls, size_t count, int flags, int fd, off_t offset,
                              void **out_memory)
{
    void *memory = MAP_FAILED;
    int error = (int)KERNEL_CALL(
        calls, (memory = mmap(NULL, count, PROT_READ | PROT_WRITE, flags, fd, offset)) == MAP_FAILED
                   ? -1
                   : 0);
    *out_memory = memory;
    return error;
}

KERNEL_INLINE int64_t kernel_process_vm_readv(uint64_t *calls, const struct iovec *local,
                                              const struct iovec *remote)
{
    return KERNEL_CALL(calls, process_vm_readv(getpid(), local, 1, remote, 1, 0));
}

KERNEL_INLINE void kernel_munmap(uint64_t *calls, void *memory, size_t count)
{
    (void)KERNEL_CALL(calls, munmap(memory, count));
}

KERNEL_INLINE uint64_t kernel_clock_gettime(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

KERNEL_INLINE const char *kernel_ticks_source(void)
{
#if defined __x86_64__ && !defined KERNEL_NO_TICKS
    return "tsc";
#else
    return NULL;
#endif
}

KERNEL_INLINE uint64_t kernel_ticks(void)
{
#ifdef __x86_64__
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

KERNEL_INLINE int64_t kernel_getrandom(uint64_t *calls, void *bytes, size_t count)
{
    return KERNEL_RETRY(calls, getrandom(bytes, count, 0));
}

KERNEL_INLINE int kernel_getrlimit(uint64_t *calls, int resource, struct rlimit *out_limit)
{
    return (int)KERNEL_CALL(calls, getrlimit((libc_resource)resource, out_limit));
}

KERNEL_INLINE int kernel_setrlimit(uint64_t *calls, int resource, const struct rlimit *limit)
{
    return (int)KERNEL_CALL(calls, setrlimit((libc_resource)resource, limit));
}

KERNEL_INLINE int kernel_getrusage(uint64_t *calls, int who, struct rusage *out_usage)
{
    return (int)KERNEL_CALL(calls, getrusage(who, out_usage));
}

KERNEL_INLINE pid_t kernel_getpid(void)
{
    return getpid();
}

KERNEL_INLINE pid_t kernel_gettid(void)
{
    return libc_gettid();
}

KERNEL_INLINE uint64_t *kernel_thread_word(void)
{
    static _Thread_local uint64_t word;
    return &word;
}

KERNEL_INLINE const char *kernel_getenv(const char *name)
{
    return secure_getenv(name);
}

KERNEL_INLINE void kernel_mutex_init(pthread_mutex_t *mutex)
{
    pthread_mutex_init(mutex, NULL);
}

KERNEL_INLINE void kernel_mutex_destroy(pthread_mutex_t *mutex)
{
    pthread_mutex_destroy(mutex);
}

KERNEL_INLINE void kernel_mutex_lock(pthread_mutex_t *mutex)
{
    pthread_mutex_lock(mutex);
}

KERNEL_INLINE void kernel_mutex_unlock(pthread_mutex_t *mutex)
{
    pthread_mutex_unlock(mutex);
}

KERNEL_INLINE void kernel_cond_init(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

KERNEL_INLINE void kernel_cond_destroy(pthread_cond_t *condition)
{
    pthread_cond_destroy(condition);
}

KERNEL_INLINE void kernel_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    pthread_cond_wait(condition, mutex);
}

KERNEL_INLINE void kernel_cond_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                          uint64_t at_ns)
{
    struct timespec at = {.tv_sec = (time_t)(at_ns / 1000000000),
                          .tv_nsec = (long)(at_ns % 1000000000)};
    pthread_cond_timedwait(condition, mutex, &at);
}

KERNEL_INLINE void kernel_cond_signal(pthread_cond_t *condition)
{
    pthread_cond_signal(condition);
}

KERNEL_INLINE void kernel_cond_broadcast(pthread_cond_t *condition)
{
    pthread_cond_broadcast(condition);
}

KERNEL_INLINE int kernel_thread_start(pthread_t *out_thread, const char *name,
                                      void *(*function)(void *), void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error =
        (int)KERNEL_CALL(NULL, kernel_told(pthread_create(out_thread, NULL, function, argument)));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!error)
        pthread_setname_np(*out_thread, name);
    return error;
}

KERNEL_INLINE void kernel_thread_join(pthread_t thread)
{
    pthread_join(thread, NULL);
}

KERNEL_INLINE int kernel_sched_getaffinity(cpu_set_t *out_cpus)
{
    return (int)KERNEL_CALL(NULL, sched_getaffinity(0, sizeof *out_cpus, out_cpus));
}

KERNEL_INLINE int kernel_sched_setaffinity(const cpu_set_t *cpus)
{
    return (int)KERNEL_CALL(NULL, sched_setaffinity(0, sizeof *cpus, cpus));
}

KERNEL_INLINE void kernel_sched_yield(void)
{
    sched_yield();
}

KERNEL_INLINE int kernel_sigaction(int number, const struct sigaction *action,
                                   struct sigaction *out_former)
{
    return (int)KERNEL_CALL(NULL, sigaction(number, action, out_former));
}

KERNEL_INLINE int kernel_sigmask(uint64_t *calls, int how, const sigset_t *signals,
                                 sigset_t *out_former)
{
    return (int)KERNEL_CALL(calls, kernel_told(pthread_sigmask(how, signals, out_former)));
}

KERNEL_INLINE int kernel_thread_signal(pid_t thread, int number)
{
    return (int)KERNEL_CALL(NULL, libc_tgkill(getpid(), thread, number));
}

KERNEL_INLINE int kernel_sigtimedwait(uint64_t *calls, const sigset_t *signals,
                                      const struct timespec *timeout)
{
    return (int)KERNEL_WAIT(calls, sigtimedwait(signals, NULL, timeout));
}

KERNEL_INLINE int kernel_pidfd_send_signal(uint64_t *calls, int pidfd, int number)
{
    return (int)KERNEL_CALL(calls, syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0));
}

KERNEL_INLINE int kernel_waitid(uint64_t *calls, int pidfd, siginfo_t *out_end, int options)
{
    const int by_pidfd = 3; /* P_PIDFD */
    out_end->si_pid = 0;
    return (int)KERNEL_RETRY(calls, syscall(SYS_waitid, by_pidfd, pidfd, out_end, options, NULL));
}

#include "kernel/facts.h"
#include "kernel/spawn.h"

#endif
