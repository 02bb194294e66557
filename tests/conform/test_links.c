/* test_links.c - symlinkat, readlinkat, linkat. */
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t make_link(struct hark_loop *loop, const char *target, const char *path)
{
    struct harness_op op = {0};
    hark_symlinkat(loop, &op.op, target, AT_FDCWD, path, harness_done);
    return harness_wait(loop, &op);
}

static int64_t read_link(struct hark_loop *loop, const char *path, char *text, size_t room)
{
    struct harness_op op = {0};
    hark_readlinkat(loop, &op.op, AT_FDCWD, path, text, room, harness_done);
    return harness_wait(loop, &op);
}

/* harness_path has one text at a time. */
static int64_t link_to(struct hark_loop *loop, const char *from, const char *to, int flags)
{
    struct harness_op op = {0};
    int directory = open(harness_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    hark_linkat(loop, &op.op, directory, from, directory, to, flags, harness_done);
    int64_t result = harness_wait(loop, &op);
    harness_close(loop, directory);
    return result;
}

/* --- symbolic links --- */

BACKEND_TEST(a_symbolic_link_is_made_read_and_followed)
{
    char text[64];
    struct stat status;
    struct harness_op op = {0};
    close(harness_file("file", "text", 4));
    assert_result(make_link(loop, "file", harness_path("link")), 0);
    assert_int_equal(stat(harness_path("link"), &status), 0);
    assert_true(S_ISREG(status.st_mode) && status.st_size == 4);
    memset(text, 'x', sizeof text);
    assert_result(read_link(loop, harness_path("link"), text, sizeof text), 4);
    assert_memory_equal(text, "filex", 5);
    assert_result(read_link(loop, harness_path("link"), text, 2), 2);
    int directory = open(harness_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    hark_symlinkat(loop, &op.op, "no/where", directory, "within", harness_done);
    assert_result(harness_wait(loop, &op), 0);
    harness_op_again(&op);
    hark_readlinkat(loop, &op.op, directory, "within", text, sizeof text, harness_done);
    assert_result(harness_wait(loop, &op), 8);
    assert_memory_equal(text, "no/where", 8);
    harness_close(loop, directory);
    int link = open(harness_path("within"), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    harness_op_again(&op);
    hark_readlinkat(loop, &op.op, link, "", text, sizeof text, harness_done);
    assert_result(harness_wait(loop, &op), 8);
    harness_close(loop, link);
}

BACKEND_TEST(symlinkat_that_cannot_gives_its_error)
{
    char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    close(harness_file("file", "text", 4));
    assert_result(make_link(loop, "none", harness_path("broken")), 0);
    assert_result(make_link(loop, "other", harness_path("broken")), -EEXIST);
    assert_result(make_link(loop, "other", harness_path("file")), -EEXIST);
    assert_result(make_link(loop, "", harness_path("link")), -ENOENT);
    assert_result(make_link(loop, "file", harness_path("none/link")), -ENOENT);
    assert_result(make_link(loop, "file", harness_path("file/link")), -ENOTDIR);
    assert_result(make_link(loop, longest, harness_path("link")), -ENAMETOOLONG);
    assert_result(make_link(loop, (const char *)16, harness_path("link")), -EFAULT);
    assert_result(make_link(loop, "file", (const char *)16), -EFAULT);
    assert_int_equal(access(harness_path("link"), F_OK), -1);
}

BACKEND_TEST(readlinkat_that_cannot_gives_its_error)
{
    char text[64];
    struct harness_op op = {0};
    int fd = harness_file("file", "text", 4);
    assert_int_equal(symlink("file", harness_path("link")), 0);
    assert_result(read_link(loop, harness_path("file"), text, sizeof text), -EINVAL);
    assert_result(read_link(loop, harness_path("link"), text, 0), -EINVAL);
    assert_result(read_link(loop, harness_path("missing"), text, sizeof text), -ENOENT);
    assert_result(read_link(loop, harness_path("file/below"), text, sizeof text), -ENOTDIR);
    hark_readlinkat(loop, &op.op, fd, "", text, sizeof text, harness_done);
    assert_result(harness_wait(loop, &op), -ENOENT);
    harness_close(loop, fd);
}

/* --- hard links --- */

static nlink_t names_of(const char *name)
{
    struct stat status;
    assert_int_equal(lstat(harness_path(name), &status), 0);
    return status.st_nlink;
}

BACKEND_TEST(a_file_has_as_many_names_as_it_was_linked_to)
{
    char text[8];
    struct stat one, other;
    close(harness_file("file", "text", 4));
    assert_int_equal(names_of("file"), 1);
    assert_result(link_to(loop, "file", "second", 0), 0);
    assert_result(link_to(loop, "second", "third", 0), 0);
    assert_int_equal(names_of("file"), 3);
    assert_int_equal(stat(harness_path("file"), &one), 0);
    assert_int_equal(stat(harness_path("third"), &other), 0);
    assert_int_equal(one.st_ino, other.st_ino);
    assert_int_equal(unlink(harness_path("file")), 0);
    assert_int_equal(unlink(harness_path("third")), 0);
    assert_int_equal(names_of("second"), 1);
    int fd = open(harness_path("second"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, text, sizeof text), 4);
    assert_memory_equal(text, "text", 4);
    harness_close(loop, fd);
}

BACKEND_TEST(linkat_follows_a_symbolic_link_where_it_is_told_to)
{
    struct stat status;
    close(harness_file("file", "text", 4));
    assert_int_equal(symlink("file", harness_path("link")), 0);
    assert_result(link_to(loop, "link", "itself", 0), 0);
    assert_int_equal(lstat(harness_path("itself"), &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_result(link_to(loop, "link", "followed", AT_SYMLINK_FOLLOW), 0);
    assert_int_equal(lstat(harness_path("followed"), &status), 0);
    assert_true(S_ISREG(status.st_mode));
    assert_int_equal(names_of("file"), 2);
}

BACKEND_TEST(linkat_names_an_open_file)
{
    struct harness_op op = {0};
    int fd = open(harness_directory(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        harness_skip("O_TMPFILE: %s", strerror(errno));
    assert_int_equal(write(fd, "text", 4), 4);
    hark_linkat(loop, &op.op, fd, "", AT_FDCWD, harness_path("named"), AT_EMPTY_PATH, harness_done);
    int64_t result = harness_wait(loop, &op);
    harness_op_again(&op);
    hark_linkat(loop, &op.op, fd, NULL, AT_FDCWD, harness_path("again"), AT_EMPTY_PATH,
                harness_done);
    int64_t again = harness_wait(loop, &op);
    harness_close(loop, fd);
    if (result == -ENOENT && geteuid() != 0)
        harness_skip("needs CAP_DAC_READ_SEARCH before Linux 6.10");
    assert_result(result, 0);
    assert_result(again, 0); /* no path at all */
    assert_int_equal(names_of("named"), 2);
}

/* By the directory that it was made in, without a name, not by those in which it gets some. */
TEST(group_of_a_file_comes_from_the_directory_that_it_was_made_in)
{
    enum { GROUP = 1234 };
    struct stat status;
    if (geteuid() != 0)
        harness_skip("only root gives directories to any group");
    assert_int_equal(mkdir(harness_path("shared"), 0700), 0);
    assert_int_equal(mkdir(harness_path("plain"), 0700), 0);
    assert_int_equal(chown(harness_path("shared"), (uid_t)-1, GROUP), 0);
    assert_int_equal(chmod(harness_path("shared"), 02700), 0);
    int fd = open(harness_path("shared"), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        harness_skip("O_TMPFILE: %s", strerror(errno));
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_gid, GROUP);
    assert_int_equal(linkat(fd, "", AT_FDCWD, harness_path("plain/one"), AT_EMPTY_PATH), 0);
    assert_int_equal(stat(harness_path("plain/one"), &status), 0);
    assert_int_equal(status.st_gid, GROUP);
    close(fd);
    fd = open(harness_path("plain"), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    assert_int_equal(linkat(fd, "", AT_FDCWD, harness_path("shared/two"), AT_EMPTY_PATH), 0);
    assert_int_equal(stat(harness_path("shared/two"), &status), 0);
    assert_int_not_equal(status.st_gid, GROUP);
    close(fd);
    assert_int_equal(mkdir(harness_path("shared/below"), 0700), 0);
    assert_int_equal(stat(harness_path("shared/below"), &status), 0);
    assert_int_equal(status.st_gid, GROUP);
    assert_true(status.st_mode & S_ISGID);
    assert_int_equal(symlink("any", harness_path("shared/link")), 0);
    assert_int_equal(lstat(harness_path("shared/link"), &status), 0);
    assert_int_equal(status.st_gid, GROUP);
}

BACKEND_TEST(linkat_that_cannot_gives_its_error)
{
    struct harness_op op = {0};
    close(harness_file("file", "text", 4));
    close(harness_file("other", "text", 4));
    assert_int_equal(mkdir(harness_path("directory"), 0700), 0);
    assert_result(link_to(loop, "file", "other", 0), -EEXIST);
    assert_result(link_to(loop, "missing", "new", 0), -ENOENT);
    assert_result(link_to(loop, "", "new", 0), -ENOENT);
    assert_result(link_to(loop, "file", "none/new", 0), -ENOENT);
    assert_result(link_to(loop, "file/below", "new", 0), -ENOTDIR);
    assert_result(link_to(loop, "directory", "new", 0), -EPERM);
    assert_result(link_to(loop, "file", "new", AT_SYMLINK_NOFOLLOW), -EINVAL);
    hark_linkat(loop, &op.op, AT_FDCWD, (const char *)16, AT_FDCWD, "/new", 0, harness_done);
    assert_result(harness_wait(loop, &op), -EFAULT);
    assert_int_equal(names_of("file"), 1);
    assert_int_equal(access(harness_path("new"), F_OK), -1);
}
