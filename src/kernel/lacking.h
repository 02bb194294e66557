/* lacking.h - what linux.h calls though not every C library has a function for it: there, the
 * system call itself. musl has none of these at first, glibc got them one by one.
 *
 * The preprocessor decides, not the build: so the library as one file does as well. Of a C library
 * that is not glibc nothing is expected: a system call is right wherever there is a function, too.
 * What is not asked here is whether the kernel has the call: it says so itself, with ENOSYS. */
#ifndef KERNEL_LACKING_H
#define KERNEL_LACKING_H

/* Of some arguments glibc has another type than POSIX. */
#ifdef __GLIBC__
#define LACKING_GLIBC(major, minor) __GLIBC_PREREQ(major, minor)
typedef unsigned long libc_request; /* ioctl(2) */
typedef unsigned libc_resource;     /* getrlimit(2) */
#else
#define LACKING_GLIBC(major, minor) 0
typedef int libc_request;
typedef int libc_resource;
#endif

/* An offset as two arguments, the low half first: on machines of 64 bits the kernel takes the
 * whole of it from that one. */
#define LACKING_OFFSET(offset) (long)(offset), (long)((uint64_t)(offset) >> 32)

/* musl has these, but not as the kernel has them: its readlinkat gives 0 where there is no room,
 * and its fchmod goes by /proc for what is but a place (O_PATH). */
#ifdef __GLIBC__
#define libc_readlinkat readlinkat
#define libc_fchmod     fchmod
#else
static inline ssize_t libc_readlinkat(int directory, const char *path, char *text, size_t room)
{
    return syscall(SYS_readlinkat, directory, path, text, room);
}

static inline int libc_fchmod(int fd, mode_t mode)
{
    return (int)syscall(SYS_fchmod, fd, mode);
}
#endif

/* With times of 64 bits on a machine of 32 glibc 2.36 leads the checked ppoll(2) of _FORTIFY_SOURCE
 * to the one whose times have 32: it would never wait. This is the other one's name. */
#if defined __GLIBC__ && defined __USE_TIME_BITS64 && __TIMESIZE == 32
int libc_ppoll(struct pollfd *watched, nfds_t count, const struct timespec *timeout,
               const sigset_t *signals) __asm__("__ppoll64");
#else
#define libc_ppoll ppoll
#endif

#if LACKING_GLIBC(2, 26)
#define libc_preadv2  preadv2
#define libc_pwritev2 pwritev2
#else
static inline ssize_t libc_preadv2(int fd, const struct iovec *vector, int count, off_t offset,
                                   int flags)
{
    return syscall(SYS_preadv2, fd, vector, (long)count, LACKING_OFFSET(offset), flags);
}

static inline ssize_t libc_pwritev2(int fd, const struct iovec *vector, int count, off_t offset,
                                    int flags)
{
    return syscall(SYS_pwritev2, fd, vector, (long)count, LACKING_OFFSET(offset), flags);
}
#endif

#if LACKING_GLIBC(2, 28)
#define libc_statx     statx
#define libc_renameat2 renameat2
#else
static inline int libc_statx(int directory, const char *path, int flags, unsigned mask,
                             struct statx *out_status)
{
    return (int)syscall(SYS_statx, directory, path, flags, mask, out_status);
}

static inline int libc_renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    return (int)syscall(SYS_renameat2, from, old, to, new, flags);
}
#endif

#if LACKING_GLIBC(2, 30)
#define libc_gettid gettid
#define libc_tgkill tgkill
#else
static inline pid_t libc_gettid(void)
{
    return (pid_t)syscall(SYS_gettid);
}

static inline int libc_tgkill(pid_t process, pid_t thread, int number)
{
    return (int)syscall(SYS_tgkill, process, thread, number);
}
#endif

#if LACKING_GLIBC(2, 35)
#define libc_epoll_pwait2 epoll_pwait2
#else
/* Its times are of 64 bits on every machine. */
static inline int libc_epoll_pwait2(int epoll, struct epoll_event *events, int room,
                                    const struct timespec *timeout, const sigset_t *signals)
{
    struct {
        int64_t seconds, nanoseconds;
    } time = {timeout ? timeout->tv_sec : 0, timeout ? timeout->tv_nsec : 0};
    return (int)syscall(SYS_epoll_pwait2, epoll, events, room, timeout ? &time : NULL, signals,
                        (size_t)_NSIG / 8);
}
#endif

#endif
