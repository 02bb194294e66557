/* calls.c - the list, by libseccomp, which knows each machine's numbers: a name that a machine does
 * not have is passed over there.
 *
 * What must hold: nothing in the list starts a program, reaches another process, or gives a
 * descriptor to what the process could not open anyway. Calls that do several things are bound to
 * some by their arguments; what stands behind a pointer cannot be looked at, which is why clone3 is
 * answered with ENOSYS: libraries take clone then, whose flags can. The rings of io_uring were made
 * before: what they may do is bound by the kernel's restrictions of the rings. */
#include "sandbox/calls.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

static const char *const allowed[] = {
    /* descriptors and their bytes */
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2",
    "pwritev2", "close", "close_range", "dup", "dup2", "dup3", "fcntl", "fcntl64", "flock", "pipe",
    "pipe2", "eventfd2", "memfd_create", "splice", "sendfile", "sendfile64", "lseek", "_llseek",
    /* files */
    "open", "openat", "openat2", "stat", "stat64", "fstat", "fstat64", "lstat", "lstat64",
    "newfstatat", "fstatat64", "statx", "statfs", "statfs64", "fstatfs", "fstatfs64", "access",
    "faccessat", "faccessat2", "readlink", "readlinkat", "getcwd", "getdents64", "fsync",
    "fdatasync", "sync_file_range", "fallocate", "fadvise64", "fadvise64_64", "arm_fadvise64_64",
    "ftruncate", "ftruncate64", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir",
    "mkdirat", "rmdir", "umask", "fgetxattr", "getxattr", "copy_file_range", "inotify_init1",
    "inotify_add_watch", "inotify_rm_watch",
    /* sockets: what they may be is said below */
    "bind", "listen", "accept", "accept4", "connect", "shutdown", "setsockopt", "getsockopt",
    "getsockname", "getpeername", "recv", "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64",
    "send", "sendto", "sendmsg", "sendmmsg",
    /* waiting */
    "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll",
    "ppoll_time64", "select", "_newselect", "pselect6", "pselect6_time64", "io_uring_enter",
    "io_uring_register", "nanosleep", "clock_nanosleep", "clock_nanosleep_time64", "pause",
    /* memory */
    "brk", "munmap", "mremap", "madvise", "mincore", "membarrier",
    /* threads, and what they know of themselves */
    "futex", "futex_time64", "futex_waitv", "set_robust_list", "get_robust_list", "set_tid_address",
    "rseq", "sched_yield", "sched_getaffinity", "sched_setaffinity", "getcpu", "exit", "exit_group",
    "restart_syscall", "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid",
    "getuid32", "geteuid32", "getgid32", "getegid32", "getrlimit", "ugetrlimit", "getrusage",
    "sysinfo", "uname", "getrandom", "set_thread_area", "arch_prctl", "cacheflush",
    /* time */
    "clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64", "gettimeofday",
    "time", "times",
    /* signals of its own */
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "rt_sigtimedwait",
    "rt_sigtimedwait_time64", "rt_sigpending", "rt_sigsuspend", "sigaltstack", "signalfd4"};

/* Newer than the newest that libseccomp knows, up to here. */
enum { CALLS_END = 640 };

static int allow(scmp_filter_ctx filter, const char *name, const struct scmp_arg_cmp *arguments,
                 unsigned count)
{
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR || number < 0)
        return 0; /* this machine has none of that name */
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, count, arguments);
}

static int allow_where(scmp_filter_ctx filter, const char *name, struct scmp_arg_cmp argument)
{
    return allow(filter, name, &argument, 1);
}

/* The first that fails. */
static int first_of(int before, int error)
{
    return before < 0 ? before : error;
}

static int allow_plain(scmp_filter_ctx filter)
{
    int error = 0;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        error = first_of(error, allow(filter, allowed[i], NULL, 0));
    return error;
}

/* By their arguments. */
static int allow_sockets(scmp_filter_ctx filter)
{
    static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    int error = 0;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        error = first_of(error, allow_where(filter, "socket",
                                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0)));
    return first_of(error, allow_where(filter, "socketpair", SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0)));
}

static int allow_requests(scmp_filter_ctx filter)
{
    static const unsigned long requests[] = {FIONBIO,    FIONREAD,    TIOCOUTQ,    TCGETS,
                                             TIOCGWINSZ, SIOCGIFNAME, SIOCGIFINDEX};
    static const int of_processes[] = {PR_SET_NAME, PR_GET_NAME};
    int error = 0;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        error = first_of(error, allow_where(filter, "ioctl", SCMP_A1(SCMP_CMP_EQ, requests[i], 0)));
    for (size_t i = 0; i < sizeof of_processes / sizeof *of_processes; i++)
        error =
            first_of(error, allow_where(filter, "prctl",
                                        SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)of_processes[i], 0)));
    return error;
}

/* Memory that is written to, or was, is never executed: a library is mapped from its file. */
static int allow_memory(scmp_filter_ctx filter)
{
    static const char *const maps[] = {"mmap", "mmap2"};
    const scmp_datum_t both = PROT_WRITE | PROT_EXEC;
    int error =
        allow_where(filter, "mprotect", SCMP_A2(SCMP_CMP_MASKED_EQ, (scmp_datum_t)PROT_EXEC, 0));
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        error =
            first_of(error, allow_where(filter, maps[i],
                                        SCMP_A2(SCMP_CMP_MASKED_EQ, (scmp_datum_t)PROT_EXEC, 0)));
        error = first_of(
            error, allow_where(filter, maps[i], SCMP_A2(SCMP_CMP_MASKED_EQ, both, PROT_EXEC)));
    }
    return error;
}

/* Threads, no processes; signals to itself alone; limits of itself alone. */
static int allow_own(scmp_filter_ctx filter)
{
#ifdef __s390__
    const struct scmp_arg_cmp thread = SCMP_A1(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
#else
    const struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
#endif
    int error = allow_where(filter, "clone", thread);
    error = first_of(
        error, allow_where(filter, "tgkill", SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0)));
    error = first_of(error, allow_where(filter, "prlimit64", SCMP_A0(SCMP_CMP_EQ, 0, 0)));
    return first_of(
        error, allow_where(filter, "prlimit64", SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0)));
}

static int lack(scmp_filter_ctx filter, int number)
{
    return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(ENOSYS), number, 0, NULL);
}

/* What is newer than the list, and clone3. */
static int lack_newer(scmp_filter_ctx filter)
{
    int newest = seccomp_syscall_resolve_name("futex_waitv");
    int error = lack(filter, seccomp_syscall_resolve_name("clone3"));
    for (int number = newest + 1; newest > 0 && number < CALLS_END; number++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
        if (!name)
            error = first_of(error, lack(filter, number));
        free(name);
    }
    return error;
}

static int fill(scmp_filter_ctx filter)
{
    static int (*const parts[])(scmp_filter_ctx) = {allow_plain,  allow_sockets, allow_requests,
                                                    allow_memory, allow_own,     lack_newer};
    int error = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        error = first_of(error, parts[i](filter));
    return error;
}

int calls_restrict(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return -ENOMEM;
    int error = fill(filter);
    error = first_of(error, seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1));
    /* An older libseccomp or kernel goes without these. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    error = first_of(error, seccomp_load(filter));
    seccomp_release(filter);
    return error;
}
