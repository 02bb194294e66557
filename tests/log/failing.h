/* failing.h - system calls that fail from now on, as on a disk that breaks. */
#ifndef TESTS_LOG_FAILING_H
#define TESTS_LOG_FAILING_H

#include "fixture.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* From now on a system call fails with EIO on that descriptor, in every thread of the process. */
static inline void fail_call(long number, int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)fd, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
        harness_skip("no filter of system calls: %s", strerror(errno));
}

static inline void fail_write(int fd)
{
    fail_call(SYS_pwritev2, fd);
    fail_call(SYS_pwritev, fd);
    fail_call(SYS_pwrite64, fd);
    fail_call(SYS_writev, fd);
}

static inline void fail_read(int fd)
{
    fail_call(SYS_preadv2, fd);
    fail_call(SYS_preadv, fd);
    fail_call(SYS_pread64, fd);
}

/* The descriptor of the newest file in a directory that ends so. */
static inline int descriptor_of(const char *path, const char *suffix)
{
    char names[64][64], link[64], target[4096];
    int count = list_files(path, suffix, names, 64);
    assert_in_range(count, 1, 64);
    for (int fd = 0; fd < 256; fd++) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = '\0';
        if (strcmp(target, inside(path, names[count - 1])) == 0)
            return fd;
    }
    fail_msg("no descriptor of %s", names[count - 1]);
    return -1;
}

static inline void not_on_uring(void)
{
    if (harness_backend() == HARK_BACKEND_URING)
        harness_skip("a filter does not see what io_uring does");
}

#endif
