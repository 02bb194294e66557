/* spawn.h - a child process, from the clone to the exec: kernel_spawn, and the end of linux.h.
 *
 * The child shares the memory of the program until it runs another: that is quick however large the
 * program is, and what fails is told by a variable. One that becomes another user shares its stack
 * alone: the kernel would take core dumps and /proc from the program as well (PR_SET_DUMPABLE), or
 * that user could reach the program's memory by the child. What must hold meanwhile: the thread
 * that calls stands still; the child is on a stack of its own, runs no handler of the program's,
 * and makes raw system calls alone: those of the C library may change what it keeps for the whole
 * process, as setuid(3) does in each thread, and sanitizers keep books in theirs. Its exit signal
 * is none until the exec, so nobody is told of a child that never ran. */
#ifndef KERNEL_SPAWN_H
#define KERNEL_SPAWN_H

#include "hark/child.h"
#include "kernel/unseen.h"

#include <limits.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Sanitizers' notes on a stack that is never returned from would stay. */
#define SPAWN_IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))

enum { SPAWN_STACK_BYTES = 64 * 1024, SPAWN_STANDARD = 3 };

#ifdef SYS_setresuid32 /* where the plain one is of 16 bits */
#define SPAWN_SETRESUID SYS_setresuid32
#define SPAWN_SETRESGID SYS_setresgid32
#define SPAWN_SETGROUPS SYS_setgroups32
#else
#define SPAWN_SETRESUID SYS_setresuid
#define SPAWN_SETRESGID SYS_setresgid
#define SPAWN_SETGROUPS SYS_setgroups
#endif

struct spawn {
    const struct hark_child_options *options;
    const char *search; /* PATH */
    pid_t parent;
    uint64_t reset; /* bit n - 1: signal n gets its default action */
    int error;      /* what the child has died of; 0: it runs */
    struct hark_child_descriptor moved[HARK_CHILD_DESCRIPTORS_MAX + SPAWN_STANDARD];
    size_t moved_count;
};

/* --- in the child --- */

/* A raw call: its value, or -errno. */
#define SPAWN_CALL(...)                                                                            \
    __extension__({                                                                                \
        long spawn_value = syscall(__VA_ARGS__);                                                   \
        spawn_value < 0 ? -errno : (int)spawn_value;                                               \
    })

/* All is zero for the default action, in each architecture's own order. */
SPAWN_IN_CHILD static inline void spawn_reset_signals(const struct spawn *spawn)
{
    const uint64_t action[8] = {0};
    for (int number = 1; number <= 64; number++)
        if (spawn->reset >> (number - 1) & 1)
            (void)SPAWN_CALL(SYS_rt_sigaction, number, action, NULL, _NSIG / 8);
}

SPAWN_IN_CHILD static inline void spawn_unblock_signals(void)
{
    const uint64_t none[2] = {0};
    (void)SPAWN_CALL(SYS_rt_sigprocmask, SIG_SETMASK, none, NULL, _NSIG / 8);
}

SPAWN_IN_CHILD static inline bool spawn_has(const struct hark_child_options *options, int number)
{
    for (size_t i = 0; i < options->descriptor_count; i++)
        if (options->descriptors[i].number == number)
            return true;
    return false;
}

/* To a number that none is to have: so it may be as high as the limit allows. */
SPAWN_IN_CHILD static inline int spawn_move(struct spawn *spawn, int fd, int number)
{
    int moved = SPAWN_STANDARD - 1;
    do
        moved = SPAWN_CALL(SYS_fcntl, fd, F_DUPFD_CLOEXEC, moved + 1);
    while (moved >= 0 && spawn_has(spawn->options, moved));
    if (moved < 0)
        return moved;
    spawn->moved[spawn->moved_count].fd = moved;
    spawn->moved[spawn->moved_count].number = number;
    spawn->moved_count++;
    return 0;
}

SPAWN_IN_CHILD static inline int spawn_move_nothing(struct spawn *spawn)
{
    int error = 0;
    for (int number = 0; number < SPAWN_STANDARD && !error; number++) {
        if (spawn_has(spawn->options, number))
            continue;
        int nothing = SPAWN_CALL(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);
        error = nothing < 0 ? nothing : spawn_move(spawn, nothing, number);
    }
    return error;
}

struct spawn_entry { /* getdents64(2) */
    uint64_t inode, next;
    uint16_t size;
    uint8_t kind;
    char name[];
};

SPAWN_IN_CHILD static inline void spawn_close_named_on_exec(const char *name)
{
    int fd = 0;
    for (; *name >= '0' && *name <= '9'; name++)
        fd = fd * 10 + (*name - '0');
    (void)SPAWN_CALL(SYS_fcntl, fd, F_SETFD,
                     FD_CLOEXEC); /* of "." and "..": 0, which is replaced */
}

/* Gives: whether all are seen to. */
SPAWN_IN_CHILD static inline bool spawn_close_listed_on_exec(void)
{
    _Alignas(struct spawn_entry) char entries[2048];
    int count, at;
    int list = SPAWN_CALL(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_CLOEXEC);
    if (list < 0)
        return false;
    while ((count = SPAWN_CALL(SYS_getdents64, list, entries, sizeof entries)) > 0)
        for (at = 0; at < count; at += ((const struct spawn_entry *)(entries + at))->size)
            spawn_close_named_on_exec(((const struct spawn_entry *)(entries + at))->name);
    return count == 0;
}

/* One by one where the kernel is older than Linux 5.11, or a filter is: those that there are, as
 * the limit may be lower by now, or a thousand million; up to the limit where nobody lists them. */
SPAWN_IN_CHILD static inline void spawn_close_all_on_exec(void)
{
    const unsigned on_exec = 4; /* CLOSE_RANGE_CLOEXEC */
    struct {
        uint64_t now, most;
    } limit = {0, 0};
    if (SPAWN_CALL(SYS_close_range, 0u, ~0u, on_exec) == 0 || spawn_close_listed_on_exec())
        return;
    (void)SPAWN_CALL(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
    for (uint64_t fd = 0; fd < limit.now && fd < INT_MAX; fd++)
        (void)SPAWN_CALL(SYS_fcntl, (int)fd, F_SETFD, FD_CLOEXEC);
}

/* All are moved out of the way of all numbers first, so that they may change places; and before
 * that looked at, as one that is not open could be found to be another's copy. */
SPAWN_IN_CHILD static inline int spawn_descriptors(struct spawn *spawn)
{
    const struct hark_child_options *options = spawn->options;
    int error = 0;
    for (size_t i = 0; i < options->descriptor_count && error >= 0; i++)
        error = SPAWN_CALL(SYS_fcntl, options->descriptors[i].fd, F_GETFD);
    if (error < 0)
        return error;
    error = 0;
    for (size_t i = 0; i < options->descriptor_count && !error; i++)
        error = spawn_move(spawn, options->descriptors[i].fd, options->descriptors[i].number);
    if (!error)
        error = spawn_move_nothing(spawn);
    spawn_close_all_on_exec();
    for (size_t i = 0; i < spawn->moved_count && error >= 0; i++)
        error = SPAWN_CALL(SYS_dup3, spawn->moved[i].fd, spawn->moved[i].number, 0);
    return error < 0 ? error : 0;
}

SPAWN_IN_CHILD static inline int spawn_identity(const struct hark_child_options *options)
{
    int error = 0;
    if (options->flags & HARK_CHILD_SESSION)
        error = SPAWN_CALL(SYS_setsid);
    if (error >= 0 && options->flags & HARK_CHILD_GROUP)
        error = SPAWN_CALL(SYS_setpgid, 0, options->group);
    if (error >= 0 && options->flags & HARK_CHILD_GID)
        error = SPAWN_CALL(SPAWN_SETGROUPS, 0, NULL);
    if (error >= 0 && options->flags & HARK_CHILD_GID)
        error = SPAWN_CALL(SPAWN_SETRESGID, options->gid, options->gid, options->gid);
    if (error >= 0 && options->flags & HARK_CHILD_UID)
        error = SPAWN_CALL(SPAWN_SETRESUID, options->uid, options->uid, options->uid);
    return error < 0 ? error : 0;
}

/* After a change of the user, which takes the death signal back. The program may have ended before
 * it was set. */
SPAWN_IN_CHILD static inline int spawn_surroundings(const struct spawn *spawn)
{
    const struct hark_child_options *options = spawn->options;
    int error = 0;
    if (options->directory)
        error = SPAWN_CALL(SYS_chdir, options->directory);
    if (error >= 0 && options->flags & HARK_CHILD_NO_NEW_PRIVILEGES)
        error = SPAWN_CALL(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1ul, 0ul, 0ul, 0ul);
    if (error >= 0 && options->death_signal) {
        error = SPAWN_CALL(SYS_prctl, PR_SET_PDEATHSIG, (unsigned long)options->death_signal, 0ul,
                           0ul, 0ul);
        if (error >= 0 && SPAWN_CALL(SYS_getppid) != spawn->parent)
            error = -ESRCH;
    }
    return error;
}

/* Gives: why it could not be run. */
SPAWN_IN_CHILD static inline int spawn_run(const struct spawn *spawn, const char *path)
{
    const struct hark_child_options *options = spawn->options;
    const char *const *environment =
        options->environment ? options->environment : (const char *const *)environ;
    return SPAWN_CALL(SYS_execve, path, options->arguments, environment);
}

/* A directory of PATH and the name in it. Gives: whether there was room. */
SPAWN_IN_CHILD static inline bool spawn_join(char path[PATH_MAX], const char *directory,
                                             size_t length, const char *name)
{
    size_t at = 0;
    if (length + 2 > PATH_MAX)
        return false;
    for (; at < length; at++)
        path[at] = directory[at];
    if (length > 0)
        path[at++] = '/';
    for (; *name && at < PATH_MAX; name++)
        path[at++] = *name;
    if (at == PATH_MAX)
        return false;
    path[at] = '\0';
    return true;
}

/* As execvp(3): one that may not be run is passed over, and told of if there is no other. */
SPAWN_IN_CHILD static inline int spawn_search(const struct spawn *spawn)
{
    char path[PATH_MAX];
    const char *name = spawn->options->program;
    int error = -ENOENT;
    for (const char *directory = spawn->search; directory;) {
        size_t length = 0;
        while (directory[length] && directory[length] != ':')
            length++;
        if (spawn_join(path, directory, length, name)) {
            int why = spawn_run(spawn, path);
            if (why != -ENOENT && why != -ENOTDIR && why != -EACCES)
                return why;
            if (why == -EACCES)
                error = why;
        }
        directory = directory[length] ? directory + length + 1 : NULL;
    }
    return error;
}

SPAWN_IN_CHILD static inline int spawn_program(const struct spawn *spawn)
{
    const char *name = spawn->options->program;
    bool is_path = !*name;
    for (const char *at = name; *at; at++)
        is_path |= *at == '/';
    return is_path ? spawn_run(spawn, name) : spawn_search(spawn);
}

SPAWN_IN_CHILD static inline int spawn_child(void *argument)
{
    struct spawn *spawn = argument;
    spawn_reset_signals(spawn);
    int error = spawn_descriptors(spawn);
    if (!error)
        error = spawn_identity(spawn->options);
    if (!error)
        error = spawn_surroundings(spawn);
    if (!error) {
        spawn_unblock_signals();
        error = spawn_program(spawn);
    }
    spawn->error = error;
    (void)syscall(SYS_exit, 127);
    return 127;
}

/* --- in the program --- */

/* Which signals are not ignored, or must not be. The C library's own, which it hides, are
 * among them. */
static inline uint64_t spawn_signals_to_reset(void)
{
    uint64_t reset = 0;
    for (int number = 1; number <= 64; number++) {
        struct sigaction action;
        bool ignored = kernel_sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
        if (!ignored || number == SIGPIPE)
            reset |= UINT64_C(1) << (number - 1);
    }
    return reset;
}

/* It has not run: its end, of which nobody is told, is taken. */
static inline void spawn_take_end(pid_t pid)
{
    const int by_pid = 1; /* P_PID */
    siginfo_t end;
    while (syscall(SYS_waitid, by_pid, pid, &end, WEXITED | __WALL, NULL) < 0 && errno == EINTR)
        ;
}

static inline int spawn_clone_child(uint64_t *calls, struct spawn *spawn, int *out_pidfd,
                                    bool apart)
{
    const int kind = CLONE_VFORK | CLONE_PIDFD | (apart ? 0 : CLONE_VM);
    char *stack = (char *)spawn + SPAWN_STACK_BYTES;
    int pid = (int)KERNEL_CALL(calls, unseen_clone(spawn_child, stack, kind, spawn, out_pidfd));
    if (pid < 0)
        return pid;
    if (*out_pidfd < 0 && !spawn->error) /* Linux before 5.2 knows of no pidfds */
        spawn->error = kill(pid, SIGKILL) < 0 ? -errno : -ENOSYS;
    if (spawn->error)
        spawn_take_end(pid);
    return spawn->error ? spawn->error : pid;
}

KERNEL_INLINE int kernel_spawn(uint64_t *calls, const struct hark_child_options *options,
                               pid_t *out_pid)
{
    const bool apart = options->flags & (HARK_CHILD_UID | HARK_CHILD_GID);
    const char *search = kernel_getenv("PATH");
    sigset_t all, before;
    void *memory; /* what both know stands below the stack */
    int pidfd = -1;
    int error = kernel_mmap(calls, SPAWN_STACK_BYTES,
                            (apart ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS, -1, 0, &memory);
    if (error < 0)
        return error;
    sigfillset(&all);
    (void)kernel_sigmask(calls, SIG_SETMASK, &all, &before);
    struct spawn *spawn = memory;
    spawn->options = options;
    spawn->search = search ? search : "/bin:/usr/bin";
    spawn->reset = spawn_signals_to_reset();
    spawn->parent = kernel_getpid();
    int pid = spawn_clone_child(calls, spawn, &pidfd, apart);
    (void)kernel_sigmask(calls, SIG_SETMASK, &before, NULL);
    kernel_munmap(calls, memory, SPAWN_STACK_BYTES);
    if (pid < 0 && pidfd >= 0)
        (void)kernel_close(calls, pidfd);
    if (pid >= 0)
        *out_pid = pid;
    return pid < 0 ? pid : pidfd;
}

#endif
