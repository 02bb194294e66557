/* child.h - child processes: started, waited for and sent signals by a descriptor.
 *
 * A child is its pidfd (pidfd_open(2)), which never comes to mean another process as a number may.
 * No SIGCHLD is needed, no handler is installed, and no child but the one that is asked for is
 * waited for: other parts of the program may have children of their own. What a child reads and
 * writes is a stream over pipes (hark_stream_open_pair). Linux 5.4 or newer is needed. A simulated
 * world runs no other programs: there every call gives -ENOSYS.
 */
#ifndef HARK_CHILD_H
#define HARK_CHILD_H

#include "op.h"
#include <signal.h>
#include <sys/types.h>

HARK_BEGIN

/* A descriptor of the program's, and its number in the child. */
struct hark_child_descriptor {
    int fd;
    int number;
};

enum { HARK_CHILD_DESCRIPTORS_MAX = 64 };

/* Bits of hark_child_options.flags. */
enum {
    HARK_CHILD_GROUP = 1,   /* joins the process group `group`; 0: leads one of its own */
    HARK_CHILD_SESSION = 2, /* leads a session of its own, without a terminal */
    HARK_CHILD_UID = 4,     /* runs as the user `uid` */
    HARK_CHILD_GID = 8,     /* runs in the group `gid` and in no other */
    HARK_CHILD_NO_NEW_PRIVILEGES = 16, /* nothing that it runs gains any (no_new_privs) */
};

/* What is run, and in which surroundings. All that is zero is the default. */
struct hark_child_options {
    const char *program;            /* without a slash it is looked for in PATH */
    const char *const *arguments;   /* ended by NULL; the first is the program's own name */
    const char *const *environment; /* "NAME=value", ended by NULL; NULL: the program's own */
    const char *directory;          /* where it runs, and where `program` begins; NULL: here */
    const struct hark_child_descriptor *descriptors; /* those that it has; see below */
    size_t descriptor_count;
    uint32_t flags; /* HARK_CHILD_ */
    pid_t group;
    uid_t uid;
    gid_t gid;
    int death_signal; /* it is sent when the thread that has started it ends; 0: none */
};

/* Starts a program. The call returns once it runs, or cannot: so whatever is wrong with it is told
 * here. (A child that a signal ends before it runs has ended as any other: its wait tells.) The
 * child has the descriptors that are named, at their numbers, and no others: whatever else the
 * program has open, close-on-exec or not, stays out. Those of 0, 1, 2 that are not named are
 * /dev/null, since programs take it that they have them. Descriptors may change places. No signal
 * is blocked in it, and each has its default action, but for those that the program ignores, as
 * under nohup(1); SIGPIPE never is. The steps are made in the order of the options above, with the
 * directory, the limits on privileges and the death signal last.
 * Takes: out_pid: NULL: not asked. It is for people to read: the number means the child only until
 *   its end was waited for.
 * Owns: the pidfd is the caller's, to wait for (hark_waitid) and to close (hark_close). One that
 *   is never waited for stays a zombie as long as the program lives.
 * Gives: the pidfd, close-on-exec; and *out_pid.
 * Fails: -EINVAL unknown flags, too many descriptors, or a negative number for one; of the program:
 *   as execve(2), -ENOENT, -EACCES, -ENOEXEC, -E2BIG; of its surroundings: as chdir(2), setpgid(2),
 *   setsid(2), setresuid(2), setresgid(2), setgroups(2), -EPERM, -EBADF a descriptor is not open,
 *   or the limit (RLIMIT_NOFILE) does not allow its number; -EAGAIN, -ENOMEM, -EMFILE; -ENOSYS.
 *   Then there is no child, nothing is to be waited for.
 * Thread: any. The calling thread stands still until the program runs, some hundred microseconds;
 *   as another user or group as long as a fork(2) takes. hark_work can do it elsewhere, but then
 *   `death_signal` follows that thread. */
HARK_API int hark_os_spawn(const struct hark_child_options *options, pid_t *out_pid);

/* Sends a signal to the process of a pidfd: pidfd_send_signal(2).
 * Takes: number: 0 asks only whether it is there.
 * Gives: 0.
 * Fails: -ESRCH it has ended, and its end was waited for; -EPERM; -EINVAL; -EBADF; -ENOSYS.
 * Thread: any. */
HARK_API int hark_os_kill(int pidfd, int number);
#ifdef CLD_EXITED /* signal.h has siginfo_t: not in C without POSIX */
/* Waits until a child ends, and takes its end: waitid(2) with P_PIDFD, WEXITED and __WALL.
 * Takes: a pidfd of a child of this process, whoever has started it.
 * Owns: *out_end is the loop's until the final call; it means something after a result of 0 alone.
 * Gives: 0 and *out_end: si_code CLD_EXITED with the exit code in si_status; CLD_KILLED or
 *   CLD_DUMPED with the signal in it; si_pid. The child is gone then, the pidfd is still to be
 *   closed.
 * Fails: -ECHILD no child of this process, or its end was taken already, by another wait. Where the
 *   program ignores SIGCHLD, or has asked for SA_NOCLDWAIT, the kernel keeps no ends: then this
 *   comes when the child has ended.
 * Backends: uring asks the kernel to wait (Linux 6.7); without that, and elsewhere, the pidfd is
 *   polled, and waitid(2) is called once it is ready. */
HARK_API void hark_waitid(struct hark_loop *loop, struct hark_op *op, int pidfd, siginfo_t *out_end,
                          hark_done *done);
#endif
HARK_END

#endif
