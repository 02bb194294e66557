/* test_copy.c - a tree of files copied: all that is in it and is known of it, what cannot be
 * copied, and what a copy that is stopped leaves. */
#include "hark/tree.h"
#include "harness/harness.h"
#include "harness/world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { LARGE = 300001 };

struct copying {
    struct hark_copy copy;
    int failures, progress, error;
    char path[256]; /* of the last failure */
    int why;
    bool ended;
};

static struct copying copying;

static void was_copied(struct hark_copy *copy, int error)
{
    assert_ptr_equal(copy, &copying.copy);
    assert_false(copying.ended);
    copying.ended = true;
    copying.error = error;
}

static void failed(struct hark_copy *copy, const char *path, int error)
{
    assert_ptr_equal(copy, &copying.copy);
    assert_true(error < 0);
    copying.failures++;
    copying.why = error;
    snprintf(copying.path, sizeof copying.path, "%s", path);
}

static void progressed(struct hark_copy *copy, const char *path)
{
    (void)path;
    assert_ptr_equal(copy, &copying.copy);
    copying.progress++;
}

static const struct hark_copy_options options = {.failed = failed, .progressed = progressed};

/* harness_path has one text at a time. */
static void start(struct hark_loop *loop, const char *from, const char *to)
{
    char target[4096];
    snprintf(target, sizeof target, "%s", harness_path(to));
    copying = (struct copying){0};
    hark_copy_start(loop, &copying.copy, AT_FDCWD, harness_path(from), AT_FDCWD, target, &options,
                    was_copied);
    assert_false(copying.ended);
}

static int copy(struct hark_loop *loop, const char *from, const char *to)
{
    start(loop, from, to);
    harness_run(loop);
    assert_true(copying.ended);
    assert_int_equal(copying.copy.failures, copying.failures);
    return copying.error;
}

/* --- trees --- */

static void put(const char *name, size_t count)
{
    char *content = malloc(count + 1);
    assert_non_null(content);
    harness_fill(content, count, count);
    close(harness_file(name, content, count));
    free(content);
}

static void make_tree(void)
{
    static const struct timespec times[2] = {{1000, 0}, {2000, 500000000}};
    assert_int_equal(mkdir(harness_path("top"), 0700), 0);
    assert_int_equal(mkdir(harness_path("top/a"), 0700), 0);
    assert_int_equal(mkdir(harness_path("top/a/locked"), 0700), 0);
    put("top/one", 1);
    put("top/empty", 0);
    put("top/a/large", LARGE);
    put("top/a/locked/inside", 10);
    assert_int_equal(symlink("../one", harness_path("top/a/link")), 0);
    assert_int_equal(symlink("no/where", harness_path("top/broken")), 0);
    int top = open(harness_path("top"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(linkat(top, "one", top, "a/again", 0), 0);
    (void)setxattr(harness_path("top/one"), "user.one", "123", 3, 0);
    (void)setxattr(harness_path("top/one"), "user.two", "", 0, 0);
    (void)setxattr(harness_path("top/a"), "user.a", "a", 1, 0);
    if (geteuid() == 0) {
        assert_int_equal(fchownat(top, "a/large", 12, 34, 0), 0);
        assert_int_equal(fchownat(top, "broken", 56, 78, AT_SYMLINK_NOFOLLOW), 0);
    }
    assert_int_equal(chmod(harness_path("top/a/large"), 04755), 0);
    assert_int_equal(chmod(harness_path("top/one"), 0640), 0);
    assert_int_equal(chmod(harness_path("top/a/locked"), 0500), 0);
    assert_int_equal(utimensat(top, "broken", times, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(utimensat(top, "a/large", times, 0), 0);
    assert_int_equal(utimensat(top, "a/locked", times, 0), 0);
    assert_int_equal(utimensat(top, "a", times, 0), 0);
    close(top);
}

static void expect_same_content(int from, int to, const char *path)
{
    static char bytes[2][LARGE + 1];
    int one = openat(from, path, O_RDONLY | O_CLOEXEC),
        other = openat(to, path, O_RDONLY | O_CLOEXEC);
    assert_true(one >= 0 && other >= 0);
    for (int side = 0; side < 2; side++) {
        ssize_t got;
        size_t filled = 0;
        while ((got = read(side ? other : one, bytes[side] + filled, LARGE + 1 - filled)) > 0)
            filled += (size_t)got;
        memset(bytes[side] + filled, 0, LARGE + 1 - filled);
    }
    assert_memory_equal(bytes[0], bytes[1], LARGE + 1);
    static const char *const attributes[] = {"user.one", "user.two", "user.a"};
    for (int i = 0; i < 3; i++) {
        char values[2][8] = {"", ""};
        assert_int_equal(fgetxattr(one, attributes[i], values[0], 8),
                         fgetxattr(other, attributes[i], values[1], 8));
        assert_memory_equal(values[0], values[1], 8);
    }
    close(one);
    close(other);
}

static void expect_same(int from, int to, const char *path)
{
    struct stat one, other;
    char texts[2][64] = {"", ""};
    assert_int_equal(fstatat(from, path, &one, AT_SYMLINK_NOFOLLOW), 0);
    if (fstatat(to, path, &other, AT_SYMLINK_NOFOLLOW) < 0)
        fail_msg("%s is missing", path);
    assert_int_equal(one.st_mode, other.st_mode);
    assert_int_equal(one.st_uid, other.st_uid);
    assert_int_equal(one.st_gid, other.st_gid);
    assert_int_equal(one.st_mtim.tv_sec, other.st_mtim.tv_sec);
    assert_int_equal(one.st_mtim.tv_nsec, other.st_mtim.tv_nsec);
    assert_int_equal(one.st_nlink, other.st_nlink);
    if (S_ISREG(one.st_mode))
        expect_same_content(from, to, path);
    if (S_ISLNK(one.st_mode)) {
        assert_true(readlinkat(from, path, texts[0], 64) > 0);
        assert_true(readlinkat(to, path, texts[1], 64) > 0);
        assert_string_equal(texts[0], texts[1]);
    }
}

static const char *const all[] = {".",      "a",       "a/locked",        "one",
                                  "empty",  "a/large", "a/locked/inside", "a/link",
                                  "broken", "a/again"};
enum { ALL = sizeof all / sizeof *all };

static void expect_copy(const char *copied)
{
    int from = open(harness_path("top"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int to = open(harness_path(copied), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat one, other;
    assert_true(from >= 0 && to >= 0);
    for (size_t i = 0; i < ALL; i++)
        expect_same(from, to, all[i]);
    assert_int_equal(fstatat(to, "one", &one, 0), 0);
    assert_int_equal(fstatat(to, "a/again", &other, 0), 0);
    assert_int_equal(one.st_ino, other.st_ino);
    close(from);
    close(to);
}

/* --- all of it --- */

BACKEND_TEST(a_copy_has_all_that_the_tree_has)
{
    make_tree();
    assert_result(copy(loop, "top", "copied"), 0);
    assert_int_equal(copying.failures, 0);
    assert_int_equal(copying.copy.entries, ALL);
    assert_int_equal(copying.copy.bytes, 1 + LARGE + 10);
    assert_true(copying.progress >= ALL);
    expect_copy("copied");
}

BACKEND_TEST(a_file_or_a_link_is_copied_alone)
{
    struct stat status;
    make_tree();
    assert_result(copy(loop, "top/a/large", "file"), 0);
    assert_int_equal(copying.copy.entries, 1);
    assert_int_equal(stat(harness_path("file"), &status), 0);
    assert_int_equal(status.st_size, LARGE);
    assert_int_equal(status.st_mode, S_IFREG | 04755);
    assert_result(copy(loop, "top/broken", "link"), 0);
    assert_int_equal(lstat(harness_path("link"), &status), 0);
    assert_true(S_ISLNK(status.st_mode));
}

/* The kernel takes it from a file whose owner is changed, be it to the same. Only who may give it
 * to files has something to copy. */
BACKEND_TEST(a_copy_has_the_capabilities_of_the_file)
{
    static const unsigned char given[20] = {1, 0, 0, 2, 0, 4};
    unsigned char copied[sizeof given] = {0};
    close(harness_file("file", "abc", 3));
    if (setxattr(harness_path("file"), "security.capability", given, sizeof given, 0) < 0)
        harness_skip("this process gives no file capabilities");
    assert_result(copy(loop, "file", "other"), 0);
    ssize_t count = getxattr(harness_path("other"), "security.capability", copied, sizeof copied);
    assert_int_equal(count, sizeof given);
    assert_memory_equal(copied, given, sizeof given);
}

BACKEND_TEST(a_copy_into_the_tree_itself_leaves_itself_out)
{
    struct stat status;
    make_tree();
    assert_result(copy(loop, "top", "top/copied"), 0);
    assert_int_equal(copying.copy.entries, ALL);
    assert_int_equal(stat(harness_path("top/copied/a/large"), &status), 0);
    assert_int_equal(stat(harness_path("top/copied/copied"), &status), -1);
}

/* What the kernel does not copy by itself is read and written. */
BACKEND_TEST(a_file_of_proc_is_copied)
{
    char bytes[2][4096] = {"", ""};
    int from = open("/proc/version", O_RDONLY | O_CLOEXEC);
    if (from < 0)
        harness_skip("no /proc");
    copying = (struct copying){0};
    hark_copy_start(loop, &copying.copy, AT_FDCWD, "/proc/version", AT_FDCWD, harness_path("file"),
                    &options, was_copied);
    harness_run(loop);
    assert_result(copying.error, 0);
    ssize_t count = read(from, bytes[0], sizeof bytes[0]);
    int to = open(harness_path("file"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(to, bytes[1], sizeof bytes[1]), count);
    assert_string_equal(bytes[0], bytes[1]);
    assert_true(count > 0 && copying.copy.bytes == (uint64_t)count);
    close(from);
    close(to);
}

/* More than the copy has room for at first. */
BACKEND_TEST(many_files_with_two_names_have_two_in_the_copy)
{
    enum { FILES = 150 };
    char one[64], other[64];
    assert_int_equal(mkdir(harness_path("top"), 0700), 0);
    int top = open(harness_path("top"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < FILES; i++) {
        snprintf(one, sizeof one, "top/one%d", i);
        snprintf(other, sizeof other, "other%d", i);
        put(one, (size_t)i);
        assert_int_equal(linkat(top, one + strlen("top/"), top, other, 0), 0);
    }
    assert_result(copy(loop, "top", "copied"), 0);
    int copied = open(harness_path("copied"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < FILES; i++) {
        struct stat status, of_other;
        snprintf(one, sizeof one, "one%d", i);
        snprintf(other, sizeof other, "other%d", i);
        assert_int_equal(fstatat(copied, one, &status, 0), 0);
        assert_int_equal(fstatat(copied, other, &of_other, 0), 0);
        assert_int_equal(status.st_nlink, 2);
        assert_int_equal(status.st_ino, of_other.st_ino);
        assert_int_equal(status.st_size, i);
    }
    close(top);
    close(copied);
}

/* Whoever may not give files away gets a copy that is his, and does not run as another. */
BACKEND_TEST(a_copy_that_may_not_have_its_owner_does_not_run_as_him)
{
    enum { NOBODY = 65534 };
    struct stat status;
    if (geteuid() != 0 || harness_in_world())
        harness_skip("only root can give files away first");
    assert_int_equal(chmod(harness_directory(), 0777), 0);
    put("runs", 10);
    assert_int_equal(chmod(harness_path("runs"), 06755), 0);
    assert_int_equal(seteuid(NOBODY), 0); /* of all threads: setuid(2), of the C library */
    int error = copy(loop, "runs", "copied");
    assert_int_equal(seteuid(0), 0);
    assert_result(error, 0);
    assert_int_equal(stat(harness_path("copied"), &status), 0);
    assert_int_equal(status.st_uid, NOBODY);
    assert_int_equal(status.st_mode & 07777, 0755);
}

/* --- what cannot be --- */

BACKEND_TEST(what_cannot_be_copied_is_told_and_the_rest_is_copied)
{
    make_tree();
    assert_int_equal(mkfifo(harness_path("top/pipe"), 0600), 0);
    assert_result(copy(loop, "top", "copied"), -EOPNOTSUPP);
    assert_int_equal(copying.failures, 1);
    assert_string_equal(copying.path, "pipe");
    assert_int_equal(copying.copy.entries, ALL);
    expect_copy("copied");
}

BACKEND_TEST(a_copy_that_cannot_begin_gives_its_error_and_changes_nothing)
{
    struct stat status;
    make_tree();
    put("taken", 5);
    assert_result(copy(loop, "missing", "copied"), -ENOENT);
    assert_result(copy(loop, "top", "taken"), -EEXIST);
    assert_result(copy(loop, "top/one", "taken"), -EEXIST);
    assert_result(copy(loop, "top", "none/copied"), -ENOENT);
    assert_result(copy(loop, "top", "top/a"), -EEXIST);
    assert_int_equal(stat(harness_path("taken"), &status), 0);
    assert_int_equal(status.st_size, 5);
    assert_int_equal(stat(harness_path("copied"), &status), -1);
}

/* --- ends --- */

/* What is there is of the tree, and no descriptor is left (the harness looks). */
BACKEND_TEST(a_copy_is_cancelled_or_late_at_any_moment)
{
    make_tree();
    for (int turns = 0; turns < 100; turns++) {
        char name[32];
        snprintf(name, sizeof name, "copied%d", turns);
        start(loop, "top", name);
        for (int i = 0; i < turns && !copying.ended; i++)
            assert_true(hark_run_once(loop) >= 0);
        if (turns % 3 == 0)
            hark_cancel_all(loop);
        else if (turns % 3 == 1)
            hark_op_deadline(&copying.copy.op, 0);
        else
            hark_cancel(&copying.copy.op);
        harness_run(loop);
        assert_true(copying.ended);
        assert_true(copying.error == 0 || copying.error == -ECANCELED ||
                    (turns % 3 == 1 && copying.error == -ETIMEDOUT));
        assert_true(turns > 0 || copying.error != 0);
        assert_int_equal(copying.failures, 0);
    }
}
