/* test_path.c - openat, statx, renameat, unlinkat, mkdirat, getdents, and the walk through its
 * entries. */
#include "harness/harness.h"
#include "harness/lacking.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t open_path(struct hark_loop *loop, int directory, const char *path, int flags)
{
    struct harness_op op = {0};
    hark_openat(loop, &op.op, directory, path, flags, 0640, harness_done);
    assert_int_equal(op.calls, 0);
    return harness_wait(loop, &op);
}

BACKEND_TEST(openat_gives_a_descriptor_close_on_exec)
{
    struct stat status;
    int64_t fd = open_path(loop, AT_FDCWD, harness_path("new"), O_RDWR | O_CREAT);
    assert_true(fd >= 0);
    assert_true(fcntl((int)fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(fstat((int)fd, &status), 0);
    assert_int_equal(status.st_mode & 0777 & ~0022u, 0640 & ~0022u);
    harness_close(loop, (int)fd);
}

BACKEND_TEST(openat_is_relative_to_its_directory)
{
    close(harness_file("inside", "text", 4));
    int64_t directory = open_path(loop, AT_FDCWD, harness_directory(), O_RDONLY | O_DIRECTORY);
    assert_true(directory >= 0);
    int64_t fd = open_path(loop, (int)directory, "inside", O_RDONLY);
    assert_true(fd >= 0);
    harness_close(loop, (int)fd);
    harness_close(loop, (int)directory);
}

BACKEND_TEST(openat_that_cannot_gives_its_error)
{
    char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    close(harness_file("file", "text", 4));
    assert_int_equal(symlink("loop", harness_path("loop")), 0);
    assert_result(open_path(loop, AT_FDCWD, harness_path("missing"), O_RDONLY), -ENOENT);
    assert_result(open_path(loop, AT_FDCWD, harness_path("file/below"), O_RDONLY), -ENOTDIR);
    assert_result(open_path(loop, AT_FDCWD, harness_path("loop"), O_RDONLY), -ELOOP);
    assert_result(open_path(loop, AT_FDCWD, longest, O_RDONLY), -ENAMETOOLONG);
    assert_result(open_path(loop, AT_FDCWD, harness_path("file"), O_RDWR | O_CREAT | O_EXCL),
                  -EEXIST);
    assert_result(open_path(loop, AT_FDCWD, harness_directory(), O_RDWR), -EISDIR);
    assert_result(open_path(loop, AT_FDCWD, (const char *)16, O_RDONLY), -EFAULT);
    assert_result(open_path(loop, AT_FDCWD, "", O_RDONLY), -ENOENT);
}

BACKEND_TEST(openat_cancelled_gives_its_descriptor_or_opens_none)
{
    close(harness_file("file", "text", 4)); /* descriptors that leaked would show after the test */
    for (int round = 0; round < 100; round++) {
        struct harness_op op = {0};
        hark_openat(loop, &op.op, AT_FDCWD, harness_path("file"), O_RDONLY, 0, harness_done);
        if (round % 2)
            harness_turns(loop, 1);
        hark_cancel(&op.op);
        harness_run(loop);
        assert_true(op.result >= 0 || op.result == -ECANCELED);
        if (op.result >= 0)
            harness_close(loop, (int)op.result);
    }
}

BACKEND_TEST(statx_fills_the_status)
{
    struct statx status;
    struct harness_op op = {0};
    int fd = harness_file("file", "text", 4);
    memset(&status, 0xff, sizeof status);
    hark_statx(loop, &op.op, AT_FDCWD, harness_path("file"), 0, STATX_SIZE, &status, harness_done);
    assert_result(harness_wait(loop, &op), 0);
    assert_int_equal(status.stx_size, 4);
    memset(&status, 0xff, sizeof status);
    harness_op_again(&op);
    hark_statx(loop, &op.op, fd, "", AT_EMPTY_PATH, STATX_SIZE | STATX_TYPE, &status, harness_done);
    assert_result(harness_wait(loop, &op), 0);
    assert_int_equal(status.stx_size, 4);
    assert_true(S_ISREG(status.stx_mode));
    harness_op_again(&op);
    hark_statx(loop, &op.op, AT_FDCWD, harness_path("missing"), 0, STATX_SIZE, &status,
               harness_done);
    assert_result(harness_wait(loop, &op), -ENOENT);
    harness_op_again(&op);
    hark_statx(loop, &op.op, AT_FDCWD, harness_path("file"), 0x40000000, STATX_SIZE, &status,
               harness_done);
    assert_result(harness_wait(loop, &op), -EINVAL);
    harness_close(loop, fd);
}

static int64_t status_of(struct hark_loop *loop, int directory, const char *path, int flags,
                         struct statx *out_status)
{
    struct harness_op op = {0};
    hark_statx(loop, &op.op, directory, path, flags, STATX_SIZE, out_status, harness_done);
    return harness_wait(loop, &op);
}

BACKEND_TEST(statx_of_a_descriptor_needs_no_path_at_all)
{
    struct statx status = {0};
    int fd = harness_file("file", "text", 4);
    assert_result(status_of(loop, fd, NULL, AT_EMPTY_PATH, &status), 0);
    assert_int_equal(status.stx_size, 4);
    assert_result(status_of(loop, AT_FDCWD, NULL, AT_EMPTY_PATH, &status), 0);
    assert_true(S_ISDIR(status.stx_mode));
    assert_result(status_of(loop, fd, NULL, 0, &status), -EFAULT);
    assert_result(status_of(loop, fd, NULL, AT_SYMLINK_NOFOLLOW, &status), -EFAULT);
    assert_result(status_of(loop, AT_FDCWD, NULL, 0, &status), -EFAULT);
    harness_close(loop, fd);
}

static int64_t rename_path(struct hark_loop *loop, const char *from, const char *to, int flags)
{
    struct harness_op op = {0};
    hark_renameat(loop, &op.op, AT_FDCWD, from, AT_FDCWD, to, flags, harness_done);
    return harness_wait(loop, &op);
}

BACKEND_TEST(renameat_moves_refuses_and_exchanges)
{
    close(harness_file("one", "1", 1));
    close(harness_file("two", "22", 2));
    struct stat status;
    assert_result(rename_path(loop, harness_path("one"), harness_path("three"), 0), 0);
    assert_int_equal(access(harness_path("one"), F_OK), -1);
    assert_result(rename_path(loop, harness_path("three"), harness_path("two"), RENAME_NOREPLACE),
                  -EEXIST);
    assert_result(rename_path(loop, harness_path("three"), harness_path("two"), RENAME_EXCHANGE),
                  0);
    assert_int_equal(stat(harness_path("three"), &status), 0);
    assert_int_equal(status.st_size, 2);
    assert_result(rename_path(loop, harness_path("missing"), harness_path("four"), 0), -ENOENT);
    assert_result(rename_path(loop, harness_path("two"), harness_path("none/four"), 0), -ENOENT);
    assert_result(rename_path(loop, harness_path("two"), harness_path("four"), 0x4000), -EINVAL);
}

BACKEND_TEST(renameat_moves_from_directory_to_directory_and_says_which_is_none)
{
    struct harness_op op = {0};
    close(harness_file("one", "1", 1));
    assert_int_equal(mkdir(harness_path("to"), 0700), 0);
    int from = open(harness_directory(), O_DIRECTORY | O_CLOEXEC);
    int to = open(harness_path("to"), O_DIRECTORY | O_CLOEXEC);
    hark_renameat(loop, &op.op, from, "one", to, "two", 0, harness_done);
    assert_result(harness_wait(loop, &op), 0);
    assert_int_equal(access(harness_path("to/two"), F_OK), 0);
    harness_close(loop, to);
    harness_op_again(&op);
    hark_renameat(loop, &op.op, AT_FDCWD, harness_path("to/two"), to, "three", 0, harness_done);
    assert_result(harness_wait(loop, &op), -EBADF);
    harness_close(loop, from);
}

static int64_t unlink_path(struct hark_loop *loop, const char *path, int flags)
{
    struct harness_op op = {0};
    hark_unlinkat(loop, &op.op, AT_FDCWD, path, flags, harness_done);
    return harness_wait(loop, &op);
}

static int64_t make_directory(struct hark_loop *loop, const char *path)
{
    struct harness_op op = {0};
    hark_mkdirat(loop, &op.op, AT_FDCWD, path, 0700, harness_done);
    return harness_wait(loop, &op);
}

BACKEND_TEST(directories_are_made_and_removed)
{
    assert_result(make_directory(loop, harness_path("made")), 0);
    assert_result(make_directory(loop, harness_path("made")), -EEXIST);
    assert_result(make_directory(loop, harness_path("none/made")), -ENOENT);
    close(harness_file("made/file", "text", 4));
    assert_result(make_directory(loop, harness_path("made/file/below")), -ENOTDIR);
    assert_result(unlink_path(loop, harness_path("made"), AT_REMOVEDIR), -ENOTEMPTY);
    assert_result(unlink_path(loop, harness_path("made"), 0), -EISDIR);
    assert_result(unlink_path(loop, harness_path("made/file"), AT_REMOVEDIR), -ENOTDIR);
    assert_result(unlink_path(loop, harness_path("made/file"), 0), 0);
    assert_result(unlink_path(loop, harness_path("made"), AT_REMOVEDIR), 0);
    assert_result(unlink_path(loop, harness_path("made"), AT_REMOVEDIR), -ENOENT);
    assert_result(unlink_path(loop, harness_path("made"), 0x40), -EINVAL);
}

BACKEND_TEST(getdents_gives_every_entry_once)
{
    enum { FILES = 100 };
    bool seen[FILES] = {false};
    bool seen_directory = false;
    char bytes[512]; /* small: many calls are needed */
    char name[20];
    for (int index = 0; index < FILES; index++) {
        snprintf(name, sizeof name, "file-%d", index);
        close(harness_file(name, "", 0));
    }
    assert_int_equal(mkdir(harness_path("directory"), 0700), 0);
    int fd = open(harness_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int64_t filled = 1; filled > 0;) {
        struct harness_op op = {0};
        hark_getdents(loop, &op.op, fd, bytes, sizeof bytes, harness_done);
        filled = harness_wait(loop, &op);
        assert_true(filled >= 0);
        size_t position = 0;
        struct hark_dirent entry;
        while (hark_dirent_next(bytes, (size_t)filled, &position, &entry)) {
            assert_true(entry.inode != 0);
            if (strcmp(entry.name, "directory") == 0) {
                assert_true(entry.type == DT_DIR || entry.type == DT_UNKNOWN);
                assert_false(seen_directory);
                seen_directory = true;
                continue;
            }
            assert_int_equal(strncmp(entry.name, "file-", 5), 0);
            int index = atoi(entry.name + 5);
            assert_true(index >= 0 && index < FILES && !seen[index]);
            seen[index] = true;
        }
    }
    assert_true(seen_directory);
    for (int index = 0; index < FILES; index++)
        assert_true(seen[index]);
    harness_close(loop, fd);
}

BACKEND_TEST(getdents_that_cannot_gives_its_error)
{
    char bytes[512];
    struct harness_op file = {0};
    struct harness_op small = {0};
    int fd = harness_file("a-file-with-a-name-that-needs-some-room", "", 0);
    int directory = open(harness_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    hark_getdents(loop, &file.op, fd, bytes, sizeof bytes, harness_done);
    assert_result(harness_wait(loop, &file), -ENOTDIR);
    hark_getdents(loop, &small.op, directory, bytes, 8, harness_done);
    assert_result(harness_wait(loop, &small), -EINVAL);
    harness_close(loop, fd);
    harness_close(loop, directory);
}

TEST(walk_through_no_entries_ends_at_once)
{
    struct hark_dirent entry;
    size_t position = 0;
    assert_false(hark_dirent_next("", 0, &position, &entry));
}
