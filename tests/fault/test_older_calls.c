/* test_older_calls.c - what is known of a file, on kernels that lack the newer calls (fchmodat2(2),
 * setxattrat(2) and its kin) and under filters that refuse them: the same results, and errors, as
 * with them. Without /proc as well, where that is what the older calls need.
 *
 * A filter stays for the process's life; each test is in a process of its own. */
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { FCHMODAT2 = 452, SETXATTRAT = 463, REMOVEXATTRAT = 466 };

/* From here on these calls give the error. */
static void refuse(uint32_t first, uint32_t last, int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        harness_skip("no seccomp filter can be set: %s", strerror(errno));
    assert_int_equal(syscall((long)first, -1, 0, 0, 0, 0, 0), -1);
    assert_int_equal(errno, error);
}

static int open_directory(void)
{
    return open(harness_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Goes where there is no /proc; what is open stays so. Gives: the way back. */
static int leave_proc(void)
{
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (chroot(harness_directory()) != 0)
        harness_skip("another root needs rights: %s", strerror(errno));
    assert_int_equal(access("/proc/self/fd", F_OK), -1);
    return root;
}

static void go_back(int root)
{
    assert_int_equal(fchdir(root), 0);
    assert_int_equal(chroot("."), 0);
    close(root);
}

/* --- modes --- */

static int64_t set_mode(struct hark_loop *loop, int directory, const char *path, mode_t mode,
                        int flags)
{
    struct harness_op op = {0};
    hark_fchmodat(loop, &op.op, directory, path, mode, flags, harness_done);
    return harness_wait(loop, &op);
}

static mode_t mode_of(int fd)
{
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    return status.st_mode & 07777;
}

static void modes_without_the_newest(struct hark_loop *loop, int error)
{
    char before[PATH_MAX];
    int directory = open_directory(), fd = harness_file("file", "text", 4);
    assert_int_equal(symlink("file", harness_path("link")), 0);
    int place = open(harness_path("file"), O_PATH | O_CLOEXEC);
    int link = open(harness_path("link"), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    refuse(FCHMODAT2, FCHMODAT2, error);
    assert_result(set_mode(loop, fd, "", 0604, AT_EMPTY_PATH), 0);
    assert_int_equal(mode_of(fd), 0604);
    assert_result(set_mode(loop, place, "", 0640, AT_EMPTY_PATH), 0);
    assert_int_equal(mode_of(fd), 0640);
    assert_result(set_mode(loop, link, "", 0600, AT_EMPTY_PATH), -EOPNOTSUPP);
    assert_result(set_mode(loop, directory, "file", 0601, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(mode_of(fd), 0601);
    assert_result(set_mode(loop, directory, "link", 0600, AT_SYMLINK_NOFOLLOW), -EOPNOTSUPP);
    assert_result(set_mode(loop, directory, "file", 0602, AT_EMPTY_PATH), 0);
    assert_result(set_mode(loop, directory, "file", 0603, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(mode_of(fd), 0603);
    assert_result(set_mode(loop, directory, "none", 0600, AT_SYMLINK_NOFOLLOW), -ENOENT);
    assert_result(set_mode(loop, directory, "", 0600, AT_SYMLINK_NOFOLLOW), -ENOENT);
    assert_result(set_mode(loop, directory, NULL, 0600, AT_SYMLINK_NOFOLLOW), -EFAULT);
    assert_result(set_mode(loop, fd, "", 0600, AT_EMPTY_PATH | AT_REMOVEDIR), -EINVAL);
    assert_int_equal(mode_of(fd), 0603);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(harness_directory()), 0);
    assert_result(set_mode(loop, AT_FDCWD, "", 0711, AT_EMPTY_PATH), 0);
    assert_int_equal(mode_of(directory), 0711);
    assert_int_equal(chdir(before), 0);
    harness_close(loop, link);
    harness_close(loop, place);
    harness_close(loop, fd);
    harness_close(loop, directory);
}

BACKEND_TEST(modes_are_set_on_a_kernel_without_fchmodat2)
{
    modes_without_the_newest(loop, ENOSYS);
}

BACKEND_TEST(modes_are_set_under_a_filter_that_refuses_fchmodat2)
{
    modes_without_the_newest(loop, EPERM);
}

static void modes_without_proc(struct hark_loop *loop, int filtered, int refusal)
{
    int directory = open_directory(), fd = harness_file("file", "text", 4);
    int place = open(harness_path("file"), O_PATH | O_CLOEXEC);
    int root = leave_proc();
    refuse(FCHMODAT2, FCHMODAT2, filtered);
    mode_t mode = mode_of(fd);
    assert_result(set_mode(loop, directory, "file", 0601, AT_SYMLINK_NOFOLLOW), refusal);
    assert_result(set_mode(loop, place, "", 0601, AT_EMPTY_PATH), refusal);
    assert_int_equal(mode_of(fd), mode);
    assert_result(set_mode(loop, fd, "", 0604, AT_EMPTY_PATH), 0);
    assert_int_equal(mode_of(fd), 0604);
    go_back(root);
    harness_close(loop, place);
    harness_close(loop, fd);
    harness_close(loop, directory);
}

BACKEND_TEST(modes_without_fchmodat2_and_proc_are_not_supported)
{
    modes_without_proc(loop, ENOSYS, -EOPNOTSUPP);
}

BACKEND_TEST(modes_refused_by_a_filter_and_without_proc_are_not_permitted)
{
    modes_without_proc(loop, EPERM, -EPERM);
}

/* --- attributes --- */

struct place {
    int directory;
    const char *path;
    int flags;
};

static int64_t set_at(struct hark_loop *loop, struct place place)
{
    struct harness_op op = {0};
    hark_setxattrat(loop, &op.op, place.directory, place.path, "user.one", "12", 2, place.flags,
                    harness_done);
    return harness_wait(loop, &op);
}

static int64_t get_at(struct hark_loop *loop, struct place place)
{
    char value[8];
    struct harness_op op = {0};
    hark_getxattrat(loop, &op.op, place.directory, place.path, "user.one", value, sizeof value,
                    place.flags, harness_done);
    return harness_wait(loop, &op);
}

static int64_t list_at(struct hark_loop *loop, struct place place)
{
    struct harness_op op = {0};
    hark_listxattrat(loop, &op.op, place.directory, place.path, NULL, 0, place.flags, harness_done);
    return harness_wait(loop, &op);
}

static int64_t remove_at(struct hark_loop *loop, struct place place)
{
    struct harness_op op = {0};
    hark_removexattrat(loop, &op.op, place.directory, place.path, "user.one", place.flags,
                       harness_done);
    return harness_wait(loop, &op);
}

static void assert_each_gives(struct hark_loop *loop, struct place place, int error)
{
    assert_result(set_at(loop, place), error);
    assert_result(get_at(loop, place), error);
    assert_result(list_at(loop, place), error);
    assert_result(remove_at(loop, place), error);
}

static int make_file(void)
{
    int fd = harness_file("file", "text", 4);
    if (fsetxattr(fd, "user.probe", "", 0, 0) < 0)
        harness_skip("this file system has no attributes: %s", strerror(errno));
    assert_int_equal(fremovexattr(fd, "user.probe"), 0);
    return fd;
}

static void attributes_without_the_newest(struct hark_loop *loop, int error)
{
    int fd = make_file(), directory = open_directory();
    assert_int_equal(symlink("file", harness_path("link")), 0);
    refuse(SETXATTRAT, REMOVEXATTRAT, error);
    const struct place places[] = {{directory, "file", 0},
                                   {directory, "file", AT_SYMLINK_NOFOLLOW},
                                   {directory, "file", AT_EMPTY_PATH},
                                   {directory, "link", 0},
                                   {directory, "./file", 0},
                                   {fd, "", AT_EMPTY_PATH},
                                   {fd, NULL, AT_EMPTY_PATH}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        assert_result(set_at(loop, places[i]), 0);
        assert_int_equal(fgetxattr(fd, "user.one", NULL, 0), 2);
        assert_result(get_at(loop, places[i]), 2);
        assert_result(list_at(loop, places[i]), 9);
        assert_result(remove_at(loop, places[i]), 0);
        assert_result(list_at(loop, places[i]), 0);
    }
    assert_each_gives(loop, (struct place){directory, "", 0}, -ENOENT);
    assert_each_gives(loop, (struct place){directory, "none", 0}, -ENOENT);
    assert_each_gives(loop, (struct place){directory, "file/below", 0}, -ENOTDIR);
    assert_each_gives(loop, (struct place){directory, NULL, 0}, -EFAULT);
    assert_each_gives(loop, (struct place){directory, (const char *)16, 0}, -EFAULT);
    assert_each_gives(loop, (struct place){fd, "file", 0}, -ENOTDIR);
    assert_result(set_at(loop, (struct place){directory, "link", AT_SYMLINK_NOFOLLOW}), -EPERM);
    assert_int_equal(fgetxattr(directory, "user.one", NULL, 0), -1);
    harness_close(loop, fd);
    harness_close(loop, directory);
}

BACKEND_TEST(attributes_are_found_on_a_kernel_without_setxattrat)
{
    attributes_without_the_newest(loop, ENOSYS);
}

BACKEND_TEST(attributes_are_found_under_a_filter_that_refuses_setxattrat)
{
    attributes_without_the_newest(loop, EPERM);
}

static void attributes_without_proc(struct hark_loop *loop, int error)
{
    int fd = make_file(), directory = open_directory();
    int root = leave_proc();
    refuse(SETXATTRAT, REMOVEXATTRAT, error);
    assert_each_gives(loop, (struct place){directory, "file", 0}, -error);
    assert_each_gives(loop, (struct place){directory, "none", 0}, -ENOENT);
    assert_result(set_at(loop, (struct place){fd, "", AT_EMPTY_PATH}), 0);
    assert_result(get_at(loop, (struct place){fd, "", AT_EMPTY_PATH}), 2);
    go_back(root);
    harness_close(loop, fd);
    harness_close(loop, directory);
}

BACKEND_TEST(attributes_without_setxattrat_and_proc_are_no_call)
{
    attributes_without_proc(loop, ENOSYS);
}

BACKEND_TEST(attributes_refused_by_a_filter_and_without_proc_are_not_permitted)
{
    attributes_without_proc(loop, EPERM);
}

/* With the calls, but without /proc, what the file itself refuses is told as it is. */
BACKEND_TEST(attributes_that_a_file_may_not_have_are_not_permitted_without_proc)
{
    close(make_file());
    int directory = open_directory();
    assert_int_equal(symlink("file", harness_path("link")), 0);
    int root = leave_proc();
    assert_result(set_at(loop, (struct place){directory, "link", AT_SYMLINK_NOFOLLOW}), -EPERM);
    go_back(root);
    harness_close(loop, directory);
}
