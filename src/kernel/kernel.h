/* kernel.h - all that the library asks of the operating system, by the names of the manual pages.
 *
 * Each gives what the call gives, or a negative errno. What the list decides, once for all:
 *   - Where a signal interrupts a call before it has done anything, it is made again. Not the
 *     waits, which give -EINTR: who waits looks at his time first. And not close: the number is
 *     gone all the same (close(2), Linux), so that gives 0.
 *   - calls counts the system calls that were made, those that were interrupted too; NULL: nobody
 *     counts, as in the threads of the pool. This is the list. In the library itself each call is
 *     the C library's own, in place (linux.h): nothing stands between, no table and no instruction.
 *     Built with HARK_KERNEL_APART the calls are functions that another object brings, such as one
 *     that lets them fail. */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include "base/statx.h"
#include "hark/address.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/io_uring.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#ifndef WEXITED /* where <sys/wait.h> has it, which has the name of wait(2), too */
#define WEXITED 4
#define __WALL  0x40000000
#endif

#ifdef HARK_KERNEL_APART
#define KERNEL_INLINE
/* Behind `static`: a variable of which each process has its own, where one thread of the machine
 * runs several of them (hark/sim.h). */
#define KERNEL_PROCESS_LOCAL __attribute__((section("hark_process"), used))
#else
#define KERNEL_INLINE static inline
#define KERNEL_PROCESS_LOCAL
#endif

/* --- descriptors --- */

KERNEL_INLINE int kernel_close(uint64_t *calls, int fd);
KERNEL_INLINE int kernel_fcntl(uint64_t *calls, int fd, int command, int argument);
KERNEL_INLINE int kernel_ioctl(uint64_t *calls, int fd, unsigned long request, void *argument);
KERNEL_INLINE int kernel_eventfd(uint64_t *calls, unsigned count, int flags);
KERNEL_INLINE int kernel_pipe2(uint64_t *calls, int *out_fds, int flags);
KERNEL_INLINE int kernel_memfd_create(uint64_t *calls, const char *name, unsigned flags);
/* Gives: 0: it is a terminal; -ENOTTY. */
KERNEL_INLINE int kernel_isatty(uint64_t *calls, int fd);
KERNEL_INLINE int kernel_tcgetattr(uint64_t *calls, int fd, struct termios *out_settings);
/* At once: what was written before is not waited for. */
KERNEL_INLINE int kernel_tcsetattr(uint64_t *calls, int fd, const struct termios *settings);
KERNEL_INLINE int64_t kernel_read(uint64_t *calls, int fd, void *bytes, size_t count);
KERNEL_INLINE int64_t kernel_write(uint64_t *calls, int fd, const void *bytes, size_t count);
KERNEL_INLINE int64_t kernel_readv(uint64_t *calls, int fd, const struct iovec *vector, int count);
KERNEL_INLINE int64_t kernel_writev(uint64_t *calls, int fd, const struct iovec *vector, int count);
KERNEL_INLINE int64_t kernel_pread(uint64_t *calls, int fd, void *bytes, size_t count,
                                   off_t offset);
KERNEL_INLINE int64_t kernel_pwrite(uint64_t *calls, int fd, const void *bytes, size_t count,
                                    off_t offset);
KERNEL_INLINE int64_t kernel_preadv(uint64_t *calls, int fd, const struct iovec *vector, int count,
                                    off_t offset);
KERNEL_INLINE int64_t kernel_pwritev(uint64_t *calls, int fd, const struct iovec *vector, int count,
                                     off_t offset);
KERNEL_INLINE int64_t kernel_preadv2(uint64_t *calls, int fd, const struct iovec *vector, int count,
                                     off_t offset, int flags);
KERNEL_INLINE int64_t kernel_pwritev2(uint64_t *calls, int fd, const struct iovec *vector,
                                      int count, off_t offset, int flags);

/* --- files and names --- */

KERNEL_INLINE int kernel_openat(uint64_t *calls, int directory, const char *path, int flags,
                                mode_t mode);
KERNEL_INLINE int kernel_fstat(uint64_t *calls, int fd, struct stat *out_status);
KERNEL_INLINE int kernel_fstatat(uint64_t *calls, int directory, const char *path,
                                 struct stat *out_status, int flags);
KERNEL_INLINE int kernel_statx(uint64_t *calls, int directory, const char *path, int flags,
                               unsigned mask, struct statx *out_status);
KERNEL_INLINE int kernel_fsync(uint64_t *calls, int fd);
KERNEL_INLINE int kernel_fdatasync(uint64_t *calls, int fd);
KERNEL_INLINE int kernel_ftruncate(uint64_t *calls, int fd, off_t length);
KERNEL_INLINE int kernel_fallocate(uint64_t *calls, int fd, int mode, off_t offset, off_t count);
KERNEL_INLINE int kernel_renameat2(uint64_t *calls, int from, const char *old, int to,
                                   const char *new, unsigned flags);
KERNEL_INLINE int kernel_unlinkat(uint64_t *calls, int directory, const char *path, int flags);
KERNEL_INLINE int kernel_mkdirat(uint64_t *calls, int directory, const char *path, mode_t mode);
KERNEL_INLINE int kernel_symlinkat(uint64_t *calls, const char *target, int directory,
                                   const char *path);
KERNEL_INLINE int kernel_linkat(uint64_t *calls, int from, const char *old, int to, const char *new,
                                int flags);
/* flags of the next seven: AT_SYMLINK_NOFOLLOW, and AT_EMPTY_PATH with path "" for what the
 * descriptor itself is; in setxattrat XATTR_ as well. No path at all: -EFAULT. */
KERNEL_INLINE int kernel_fchmodat(uint64_t *calls, int directory, const char *path, mode_t mode,
                                  int flags);
KERNEL_INLINE int kernel_fchownat(uint64_t *calls, int directory, const char *path, uid_t owner,
                                  gid_t group, int flags);
KERNEL_INLINE int kernel_utimensat(uint64_t *calls, int directory, const char *path,
                                   const struct timespec *times, int flags);
KERNEL_INLINE int kernel_setxattrat(uint64_t *calls, int directory, const char *path, int flags,
                                    const char *name, const void *value, size_t size);
KERNEL_INLINE int64_t kernel_getxattrat(uint64_t *calls, int directory, const char *path, int flags,
                                        const char *name, void *value, size_t size);
KERNEL_INLINE int64_t kernel_listxattrat(uint64_t *calls, int directory, const char *path,
                                         int flags, char *names, size_t size);
KERNEL_INLINE int kernel_removexattrat(uint64_t *calls, int directory, const char *path, int flags,
                                       const char *name);
KERNEL_INLINE int64_t kernel_getdents64(uint64_t *calls, int fd, void *entries, size_t count);
KERNEL_INLINE int64_t kernel_readlinkat(uint64_t *calls, int directory, const char *path,
                                        char *text, size_t room);
KERNEL_INLINE int kernel_faccessat(uint64_t *calls, int directory, const char *path, int mode);
/* Gives: 0 and the path, ended by a null byte. */
KERNEL_INLINE int kernel_getcwd(uint64_t *calls, char *out_path, size_t room);
/* It waits for a lock that another has, unless it is told not to. */
KERNEL_INLINE int kernel_flock(uint64_t *calls, int fd, int operation);
KERNEL_INLINE int64_t kernel_copy_file_range(uint64_t *calls, int from, off_t *from_offset, int to,
                                             off_t *to_offset, size_t count);
KERNEL_INLINE int64_t kernel_splice(uint64_t *calls, int from, off_t *from_offset, int to,
                                    off_t *to_offset, size_t count, unsigned flags);

/* --- sockets --- */

KERNEL_INLINE int kernel_socket(uint64_t *calls, int family, int type, int protocol);
KERNEL_INLINE int kernel_bind(uint64_t *calls, int fd, const struct sockaddr *name,
                              socklen_t length);
KERNEL_INLINE int kernel_listen(uint64_t *calls, int fd, int backlog);
KERNEL_INLINE int kernel_accept4(uint64_t *calls, int fd, struct sockaddr *out_name,
                                 socklen_t *length, int flags);
KERNEL_INLINE int kernel_connect(uint64_t *calls, int fd, const struct sockaddr *name,
                                 socklen_t length);
KERNEL_INLINE int kernel_shutdown(uint64_t *calls, int fd, int how);
KERNEL_INLINE int kernel_setsockopt(uint64_t *calls, int fd, int level, int option,
                                    const void *value, socklen_t length);
KERNEL_INLINE int kernel_getsockopt(uint64_t *calls, int fd, int level, int option, void *out_value,
                                    socklen_t *length);
KERNEL_INLINE int kernel_getsockname(uint64_t *calls, int fd, struct sockaddr *out_name,
                                     socklen_t *length);
KERNEL_INLINE int kernel_getpeername(uint64_t *calls, int fd, struct sockaddr *out_name,
                                     socklen_t *length);
KERNEL_INLINE int64_t kernel_recv(uint64_t *calls, int fd, void *bytes, size_t count, int flags);
KERNEL_INLINE int64_t kernel_send(uint64_t *calls, int fd, const void *bytes, size_t count,
                                  int flags);
KERNEL_INLINE int64_t kernel_recvmsg(uint64_t *calls, int fd, struct msghdr *message, int flags);
KERNEL_INLINE int64_t kernel_sendmsg(uint64_t *calls, int fd, const struct msghdr *message,
                                     int flags);

/* --- waiting for events --- */

KERNEL_INLINE int kernel_epoll_create1(uint64_t *calls, int flags);
KERNEL_INLINE int kernel_epoll_ctl(uint64_t *calls, int epoll, int operation, int fd,
                                   struct epoll_event *event);
KERNEL_INLINE int kernel_epoll_wait(uint64_t *calls, int epoll, struct epoll_event *events,
                                    int room, int timeout_ms);
KERNEL_INLINE int kernel_epoll_pwait2(uint64_t *calls, int epoll, struct epoll_event *events,
                                      int room, const struct timespec *timeout);
KERNEL_INLINE int kernel_poll(uint64_t *calls, struct pollfd *watched, nfds_t count,
                              int timeout_ms);
KERNEL_INLINE int kernel_ppoll(uint64_t *calls, struct pollfd *watched, nfds_t count,
                               const struct timespec *timeout);
KERNEL_INLINE int kernel_pselect(uint64_t *calls, int count, fd_set *readable, fd_set *writable,
                                 fd_set *exceptional, const struct timespec *timeout);

/* The addresses of a name, for streams: from files, from name servers, from wherever the C library
 * asks (getaddrinfo(3)). It waits for them, a minute where nobody answers: for threads of the pool.
 * Takes: host, service: NULL: none; flags: AI_PASSIVE, AI_NUMERICHOST, AI_ADDRCONFIG.
 * Gives: how many addresses it has written, `room` at the most; a negative errno; or KERNEL_EAI
 *   plus a code of EAI_, which are negative and no errno. */
enum { KERNEL_EAI = -30000 };
KERNEL_INLINE int64_t kernel_getaddrinfo(const char *host, const char *service, int family,
                                         int flags, struct hark_address *out_addresses,
                                         size_t room);

/* --- being told of changes to files --- */

KERNEL_INLINE int kernel_inotify_init1(uint64_t *calls, int flags);
KERNEL_INLINE int kernel_inotify_add_watch(uint64_t *calls, int fd, const char *path,
                                           uint32_t events);
KERNEL_INLINE int kernel_inotify_rm_watch(uint64_t *calls, int fd, int watch);
KERNEL_INLINE int kernel_fanotify_init(uint64_t *calls, unsigned flags, unsigned flags_of_events);
KERNEL_INLINE int kernel_fanotify_mark(uint64_t *calls, int fd, unsigned flags, uint64_t events,
                                       int directory, const char *path);
KERNEL_INLINE int kernel_name_to_handle_at(uint64_t *calls, int directory, const char *path,
                                           struct file_handle *handle, int *out_mount, int flags);
KERNEL_INLINE int kernel_open_by_handle_at(uint64_t *calls, int mount, struct file_handle *handle,
                                           int flags);

/* --- io_uring --- */

KERNEL_INLINE int kernel_io_uring_setup(uint64_t *calls, unsigned entries,
                                        struct io_uring_params *params);
KERNEL_INLINE int kernel_io_uring_enter(uint64_t *calls, int fd, unsigned submit, unsigned wait,
                                        unsigned flags, const void *argument, size_t count);
KERNEL_INLINE int kernel_io_uring_register(uint64_t *calls, int fd, unsigned operation,
                                           void *argument, unsigned count);

/* --- memory, time, chance, surroundings --- */

/* fd -1: memory of nobody else's.
 * Gives: 0 and *out_memory; where it fails that is MAP_FAILED. */
KERNEL_INLINE int kernel_mmap(uint64_t *calls, size_t count, int flags, int fd, off_t offset,
                              void **out_memory);
/* Of this process's own memory: -EFAULT where there is none. */
KERNEL_INLINE int64_t kernel_process_vm_readv(uint64_t *calls, const struct iovec *local,
                                              const struct iovec *remote);
KERNEL_INLINE void kernel_munmap(uint64_t *calls, void *memory, size_t count);

/* Not counted: it enters the kernel on odd machines alone (vdso(7)). */
KERNEL_INLINE uint64_t kernel_clock_gettime(clockid_t clock);
/* The counter of the CPU's that the kernel may make its clock of. It costs less to read than the
 * clock, and says nothing but where the source of the kernel's clock has that name.
 * Gives: the name; NULL: there is no such counter, and kernel_ticks gives 0. */
KERNEL_INLINE const char *kernel_ticks_source(void);
KERNEL_INLINE uint64_t kernel_ticks(void);
KERNEL_INLINE int64_t kernel_getrandom(uint64_t *calls, void *bytes, size_t count);
KERNEL_INLINE int kernel_getrlimit(uint64_t *calls, int resource, struct rlimit *out_limit);
KERNEL_INLINE int kernel_setrlimit(uint64_t *calls, int resource, const struct rlimit *limit);
KERNEL_INLINE int kernel_getrusage(uint64_t *calls, int who, struct rusage *out_usage);
KERNEL_INLINE pid_t kernel_getpid(void);
/* The calling thread. */
KERNEL_INLINE pid_t kernel_gettid(void);
/* A word of the calling thread's own, 0 at first, for base/thread_number.c alone. */
KERNEL_INLINE uint64_t *kernel_thread_word(void);
/* Gives: text that nobody changes, or NULL: also in a program that has more rights than whoever
 * started it (secure_getenv(3)), who may not choose where it makes files. */
KERNEL_INLINE const char *kernel_getenv(const char *name);

/* --- threads --- */

/* Not counted, as they seldom enter the kernel. They stand in memory that the library initialises
 * and knows by its address: so whoever runs the threads in an order of his own may do without what
 * the C library keeps there. */
KERNEL_INLINE void kernel_mutex_init(pthread_mutex_t *mutex);
KERNEL_INLINE void kernel_mutex_destroy(pthread_mutex_t *mutex);
KERNEL_INLINE void kernel_mutex_lock(pthread_mutex_t *mutex);
KERNEL_INLINE void kernel_mutex_unlock(pthread_mutex_t *mutex);
KERNEL_INLINE void kernel_cond_init(pthread_cond_t *condition);
KERNEL_INLINE void kernel_cond_destroy(pthread_cond_t *condition);
KERNEL_INLINE void kernel_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
/* Until at_ns of CLOCK_MONOTONIC at the longest. */
KERNEL_INLINE void kernel_cond_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                          uint64_t at_ns);
KERNEL_INLINE void kernel_cond_signal(pthread_cond_t *condition);
KERNEL_INLINE void kernel_cond_broadcast(pthread_cond_t *condition);

/* A thread that handles no signals: those belong to the program's own.
 * Takes: name: at most 15 bytes, for ps(1).
 * Gives: 0 and *out_thread; -EAGAIN. */
KERNEL_INLINE int kernel_thread_start(pthread_t *out_thread, const char *name,
                                      void *(*function)(void *), void *argument);
KERNEL_INLINE void kernel_thread_join(pthread_t thread);

/* The CPUs on which the calling thread may run. */
KERNEL_INLINE int kernel_sched_getaffinity(cpu_set_t *out_cpus);
KERNEL_INLINE int kernel_sched_setaffinity(const cpu_set_t *cpus);
KERNEL_INLINE void kernel_sched_yield(void);

/* --- signals --- */

/* The kernel calls the handler of an action on any thread that does not block the signal, at any
 * moment. */
KERNEL_INLINE int kernel_sigaction(int number, const struct sigaction *action,
                                   struct sigaction *out_former);
/* Of the calling thread (pthread_sigmask). */
KERNEL_INLINE int kernel_sigmask(uint64_t *calls, int how, const sigset_t *signals,
                                 sigset_t *out_former);
/* To one thread of this process (tgkill(2)).
 * Takes: thread: as kernel_gettid gives it. */
KERNEL_INLINE int kernel_thread_signal(pid_t thread, int number);
/* To the process of a pidfd. */
KERNEL_INLINE int kernel_pidfd_send_signal(uint64_t *calls, int pidfd, int number);
/* Gives: the number of a signal that was taken, -EAGAIN: none came in time, -EINTR. */
KERNEL_INLINE int kernel_sigtimedwait(uint64_t *calls, const sigset_t *signals,
                                      const struct timespec *timeout);

/* --- children --- */

struct hark_child_options;

/* Starts a program; one that cannot be run leaves nothing behind.
 * Gives: the pidfd, close-on-exec, and *out_pid. */
KERNEL_INLINE int kernel_spawn(uint64_t *calls, const struct hark_child_options *options,
                               pid_t *out_pid);
/* By P_PIDFD. Gives: 0 and *out_end, whose si_pid is 0 where options have WNOHANG and nothing has
 * happened. */
KERNEL_INLINE int kernel_waitid(uint64_t *calls, int pidfd, siginfo_t *out_end, int options);

#ifndef HARK_KERNEL_APART
#include "kernel/linux.h"
#endif

/* --- questions that are asked at several places --- */

/* Which of the events hold at this moment: poll(2) without waiting (base/poll_now.c). Gives the
 * set, 0 where none does; -EBADF. */
int64_t kernel_poll_now(uint64_t *calls, int fd, uint32_t events);

/* Whether a socket has been shut down for reading: what it gives then is the end, also where it has
 * borders. */
static inline bool kernel_is_shut(uint64_t *calls, int fd)
{
    int64_t events = kernel_poll_now(calls, fd, POLLRDHUP);
    return events < 0 || events & POLLRDHUP;
}

static inline bool kernel_is_open(int fd)
{
    return kernel_fcntl(NULL, fd, F_GETFD, 0) >= 0;
}

#endif
