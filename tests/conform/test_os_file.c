/* test_os_file.c - os_file.h: the calls that take a path, as the kernel answers them, on any
 * thread. */
#include "harness/harness.h"
#include "harness/lacking.h"
#include "harness/world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_LONGEST = 255, NAMES = 300 };

static void close_it(int fd)
{
    assert_result(hark_os_close_unknown(fd), 0);
}

static int open_directory(const char *path)
{
    int fd = hark_os_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
    assert_true(fd >= 0);
    return fd;
}

static void make_file(const char *name)
{
    int fd = hark_os_openat(AT_FDCWD, harness_path(name), O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close_it(fd);
}

/* --- opening --- */

TEST(os_openat_gives_a_descriptor_that_no_child_inherits)
{
    int fd = hark_os_openat(AT_FDCWD, harness_path("f"), O_RDWR | O_CREAT | O_EXCL, 0640);
    struct stat status;
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_result(hark_os_fstat(fd, &status), 0);
    assert_int_equal(status.st_mode & 07137, 0);
    close_it(fd);
    assert_result(hark_os_openat(AT_FDCWD, harness_path("f"), O_RDWR | O_CREAT | O_EXCL, 0640),
                  -EEXIST);
}

TEST(os_openat_begins_at_the_directory_that_is_given)
{
    int directory = open_directory(harness_directory());
    make_file("f");
    int fd = hark_os_openat(directory, "f", O_RDONLY, 0);
    assert_true(fd >= 0);
    close_it(fd);
    close_it(directory);
    assert_result(hark_os_openat(directory, "f", O_RDONLY, 0), -EBADF);
}

TEST(os_openat_tells_why_it_does_not_open)
{
    char longest[NAME_LONGEST + 2];
    memset(longest, 'n', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    make_file("f");
    assert_int_equal(symlink("f", harness_path("link")), 0);
    assert_int_equal(symlink("circle", harness_path("circle")), 0);
    assert_int_equal(mkfifo(harness_path("pipe"), 0600), 0);
    assert_result(hark_os_openat(AT_FDCWD, harness_path("none"), O_RDONLY, 0), -ENOENT);
    assert_result(hark_os_openat(AT_FDCWD, "", O_RDONLY, 0), -ENOENT);
    assert_result(hark_os_openat(AT_FDCWD, harness_path("f/x"), O_RDONLY, 0), -ENOTDIR);
    assert_result(hark_os_openat(AT_FDCWD, harness_directory(), O_WRONLY, 0), -EISDIR);
    assert_result(hark_os_openat(AT_FDCWD, harness_path("link"), O_RDONLY | O_NOFOLLOW, 0), -ELOOP);
    assert_result(hark_os_openat(AT_FDCWD, harness_path("circle"), O_RDONLY, 0), -ELOOP);
    assert_result(hark_os_openat(AT_FDCWD, harness_path("pipe"), O_WRONLY | O_NONBLOCK, 0), -ENXIO);
    assert_result(hark_os_openat(AT_FDCWD, harness_path(longest), O_RDONLY | O_CREAT, 0600),
                  -ENAMETOOLONG);
    longest[NAME_LONGEST] = '\0';
    make_file(longest);
    assert_result(hark_os_faccessat(AT_FDCWD, harness_path(longest), F_OK), 0);
}

/* --- looking --- */

TEST(os_fstatat_follows_a_link_unless_it_is_told_not_to)
{
    struct stat status;
    make_file("f");
    assert_int_equal(symlink("f", harness_path("link")), 0);
    assert_int_equal(symlink("none", harness_path("broken")), 0);
    assert_result(hark_os_fstatat(AT_FDCWD, harness_path("link"), &status, 0), 0);
    assert_true(S_ISREG(status.st_mode));
    assert_result(hark_os_fstatat(AT_FDCWD, harness_path("link"), &status, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_result(hark_os_fstatat(AT_FDCWD, harness_path("broken"), &status, AT_SYMLINK_NOFOLLOW),
                  0);
    memset(&status, 0x5a, sizeof status);
    struct stat untouched = status;
    assert_result(hark_os_fstatat(AT_FDCWD, harness_path("broken"), &status, 0), -ENOENT);
    assert_memory_equal(&status, &untouched, sizeof status);
}

TEST(os_statx_and_fstat_tell_of_the_same_file)
{
    int fd = harness_file("f", "12345", 5);
    struct statx wide;
    struct stat narrow;
    assert_result(hark_os_statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &wide), 0);
    assert_result(hark_os_fstat(fd, &narrow), 0);
    assert_true((wide.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    assert_int_equal(wide.stx_size, 5);
    assert_int_equal(narrow.st_size, 5);
    assert_int_equal(wide.stx_ino, narrow.st_ino);
    assert_result(hark_os_statx(fd, NULL, AT_EMPTY_PATH, STATX_SIZE, &wide), 0);
    assert_int_equal(wide.stx_size, 5);
    assert_result(hark_os_fstatat(fd, NULL, &narrow, AT_EMPTY_PATH), 0);
    assert_int_equal(narrow.st_size, 5);
    assert_result(hark_os_statx(fd, NULL, 0, STATX_SIZE, &wide), -EFAULT);
    assert_result(hark_os_fstatat(fd, NULL, &narrow, 0), -EFAULT);
    close_it(fd);
    assert_result(hark_os_fstat(fd, &narrow), -EBADF);
    assert_result(hark_os_statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &wide), -EBADF);
    assert_result(hark_os_statx(AT_FDCWD, harness_path("none"), 0, STATX_BASIC_STATS, &wide),
                  -ENOENT);
}

TEST(os_faccessat_tells_whether_a_file_is_there)
{
    make_file("f");
    assert_result(hark_os_faccessat(AT_FDCWD, harness_path("f"), F_OK), 0);
    assert_result(hark_os_faccessat(AT_FDCWD, harness_path("f"), R_OK | W_OK), 0);
    assert_result(hark_os_faccessat(AT_FDCWD, harness_path("none"), F_OK), -ENOENT);
    assert_result(hark_os_faccessat(AT_FDCWD, harness_path("f/x"), F_OK), -ENOTDIR);
    assert_result(hark_os_faccessat(AT_FDCWD, harness_path("f"), X_OK), -EACCES);
    assert_result(hark_os_faccessat(AT_FDCWD, harness_path("f"), 64), -EINVAL);
}

TEST(os_readlinkat_gives_no_more_than_there_is_room_for)
{
    char text[8] = "........";
    make_file("f");
    assert_int_equal(symlink("target", harness_path("link")), 0);
    assert_result(hark_os_readlinkat(AT_FDCWD, harness_path("link"), text, sizeof text), 6);
    assert_memory_equal(text, "target..", sizeof text);
    memset(text, '.', sizeof text);
    assert_result(hark_os_readlinkat(AT_FDCWD, harness_path("link"), text, 3), 3);
    assert_memory_equal(text, "tar.....", sizeof text);
    assert_result(hark_os_readlinkat(AT_FDCWD, harness_path("f"), text, sizeof text), -EINVAL);
    assert_result(hark_os_readlinkat(AT_FDCWD, harness_path("none"), text, sizeof text), -ENOENT);
}

TEST(os_getcwd_gives_the_directory_and_tells_if_there_is_no_room)
{
    char own[PATH_MAX], expected[PATH_MAX];
    if (harness_in_world())
        harness_skip("a process of a world stays in the root");
    assert_non_null(getcwd(expected, sizeof expected));
    assert_result(hark_os_getcwd(own, sizeof own), 0);
    assert_string_equal(own, expected);
    assert_result(hark_os_getcwd(own, strlen(expected) + 1), 0);
    memset(own, '.', sizeof own);
    assert_result(hark_os_getcwd(own, 1), -ERANGE);
    assert_int_equal(mkdir(harness_path("gone"), 0700), 0);
    assert_int_equal(chdir(harness_path("gone")), 0);
    assert_int_equal(rmdir(harness_path("gone")), 0);
    assert_result(hark_os_getcwd(own, sizeof own), -ENOENT);
    assert_int_equal(chdir(expected), 0);
}

/* --- realpath --- */

/* Asserts that it gives what the C library's does. */
static void compare_with_libc(const char *path)
{
    char own[PATH_MAX], expected[PATH_MAX];
    memset(own, '.', sizeof own);
    int result = hark_os_realpath(path, own);
    if (realpath(path, expected)) {
        assert_result(result, 0);
        assert_string_equal(own, expected);
    } else {
        assert_result(result, -errno);
        assert_int_equal(own[0], '.'); /* written on success alone */
    }
}

TEST(os_realpath_gives_what_the_c_library_gives)
{
    if (harness_in_world())
        harness_skip("the C library goes to the real disk");
    static const char *const paths[] = {
        "",       "/",        "/a",         "/a/",      "/a/b/f",      "/a/b/f/",  "/a/b/f/.",
        "/./a//", "/a/..",    "/a/b/../b/", "/up/f",    "/up/../a",    "/down/f",  "/down",
        "/down/", "/chain/f", "/broken",    "/circle",  "/circle/x",   "/none/..", "/a/b/f/..",
        "/ff",    "/ff/",     "/empty/a",   "/root/..", "/chain/../f", "/none",    "/root",
    };
    char target[PATH_MAX];
    assert_int_equal(mkdir(harness_path("a"), 0700), 0);
    assert_int_equal(mkdir(harness_path("a/b"), 0700), 0);
    make_file("a/b/f");
    snprintf(target, sizeof target, "%s/a/b", harness_directory());
    assert_int_equal(symlink(target, harness_path("down")), 0);
    assert_int_equal(symlink("a/../a/b/", harness_path("up")), 0);
    assert_int_equal(symlink("up/.", harness_path("chain")), 0);
    assert_int_equal(symlink("none", harness_path("broken")), 0);
    assert_int_equal(symlink("circle", harness_path("circle")), 0);
    assert_int_equal(symlink("/", harness_path("root")), 0);
    assert_int_equal(symlink("a/b/f", harness_path("ff")), 0);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s%s", harness_directory(), paths[i]);
        compare_with_libc(path);
    }
    compare_with_libc("/");
    compare_with_libc("/..");
#ifdef __GLIBC__ /* to others a path that begins with two may be something else, as POSIX has it */
    compare_with_libc("//.//..");
#endif
    compare_with_libc("/proc/self/cwd");
}

TEST(os_realpath_of_a_path_that_is_too_long_or_not_absolute_is_refused)
{
    char *path = malloc(PATH_MAX + 2), out[PATH_MAX];
    memset(path, '/', PATH_MAX + 1);
    path[PATH_MAX + 1] = '\0';
    assert_result(hark_os_realpath(path, out), -ENAMETOOLONG);
    path[PATH_MAX - 1] = '\0';
    assert_result(hark_os_realpath(path, out), 0);
    assert_string_equal(out, "/");
    assert_result(hark_os_realpath(".", out), -EINVAL);
    assert_result(hark_os_realpath("", out), -EINVAL);
    free(path);
}

TEST(os_realpath_follows_forty_links_and_no_more)
{
    char name[16], target[16], out[PATH_MAX];
    make_file("l0");
    for (int i = 1; i <= 41; i++) {
        snprintf(name, sizeof name, "l%d", i);
        snprintf(target, sizeof target, "l%d", i - 1);
        assert_int_equal(symlink(target, harness_path(name)), 0);
    }
    assert_result(hark_os_realpath(harness_path("l40"), out), 0);
    assert_string_equal(out, harness_path("l0"));
    assert_result(hark_os_realpath(harness_path("l41"), out), -ELOOP);
}

/* --- directories --- */

/* A name of the longest length that ends in a number. */
static void long_name(int number, char *name)
{
    memset(name, 'x', NAME_LONGEST);
    snprintf(name + NAME_LONGEST - 4, 5, "%04d", number);
}

/* Reads a directory, so many bytes at a time, and counts each name.
 * Gives: how many calls that took. */
static int read_names(size_t bytes, int seen[NAMES])
{
    _Alignas(uint64_t) char room[32 * 1024];
    struct hark_dirent entry;
    int calls = 0;
    int fd = open_directory(harness_path("many"));
    memset(seen, 0, NAMES * sizeof *seen);
    for (int64_t filled = 1; filled > 0; calls++) {
        filled = hark_os_getdents(fd, room, bytes);
        assert_true(filled >= 0);
        for (size_t at = 0; hark_dirent_next(room, (size_t)filled, &at, &entry);) {
            assert_int_equal(strlen(entry.name), NAME_LONGEST);
            assert_true(entry.type == DT_REG || entry.type == DT_UNKNOWN);
            seen[atoi(entry.name + NAME_LONGEST - 4)]++;
        }
    }
    close_it(fd);
    return calls;
}

TEST(os_getdents_gives_each_name_once_however_many_calls_it_takes)
{
    static const size_t rooms[] = {280, 1000, 32 * 1024};
    char name[NAME_LONGEST + 1], path[NAME_LONGEST + 16];
    int seen[NAMES];
    assert_int_equal(mkdir(harness_path("many"), 0700), 0);
    for (int i = 0; i < NAMES; i++) {
        long_name(i, name);
        snprintf(path, sizeof path, "many/%s", name);
        make_file(path);
    }
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        assert_true(read_names(rooms[i], seen) > 2); /* no room holds all */
        for (int number = 0; number < NAMES; number++)
            assert_int_equal(seen[number], 1);
    }
}

TEST(os_getdents_tells_what_is_no_directory_and_what_is_too_small)
{
    _Alignas(uint64_t) char room[1024];
    char name[NAME_LONGEST + 1], path[NAME_LONGEST + 16];
    int file = harness_file("f", "", 0);
    assert_result(hark_os_getdents(file, room, sizeof room), -ENOTDIR);
    close_it(file);
    assert_result(hark_os_getdents(file, room, sizeof room), -EBADF);
    assert_int_equal(mkdir(harness_path("one"), 0700), 0);
    long_name(0, name);
    snprintf(path, sizeof path, "one/%s", name);
    make_file(path);
    int fd = open_directory(harness_path("one"));
    int64_t result;
    do /* "." and ".." may fit */
        result = hark_os_getdents(fd, room, 64);
    while (result > 0);
    assert_result(result, -EINVAL);
    close_it(fd);
}

TEST(os_getdents_of_a_removed_directory_gives_enoent)
{
    _Alignas(uint64_t) char room[1024];
    assert_int_equal(mkdir(harness_path("gone"), 0700), 0);
    int fd = open_directory(harness_path("gone"));
    assert_int_equal(rmdir(harness_path("gone")), 0);
    assert_result(hark_os_getdents(fd, room, sizeof room), -ENOENT);
    close_it(fd);
}

/* --- on a thread of the pool --- */

static int64_t look_for_it(struct hark_op *op)
{
    (void)op;
    struct stat status;
    int fd = hark_os_openat(AT_FDCWD, harness_path("f"), O_RDONLY, 0);
    if (fd < 0)
        return fd;
    int error = hark_os_fstat(fd, &status);
    hark_os_close_unknown(fd);
    return error ? error : status.st_size;
}

BACKEND_TEST(os_calls_of_a_pool_thread_need_no_loop)
{
    struct harness_op work = {0};
    close_it(harness_file("f", "12345", 5));
    hark_work(loop, &work.op, look_for_it, harness_done);
    assert_result(harness_wait(loop, &work), 5);
    assert_int_equal(unlink(harness_path("f")), 0);
    harness_op_again(&work);
    hark_work(loop, &work.op, look_for_it, harness_done);
    assert_result(harness_wait(loop, &work), -ENOENT);
}
