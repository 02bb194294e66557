/* test_attributes.c - setxattrat, getxattrat, listxattrat, removexattrat: by a path, below a
 * directory's descriptor, and of a descriptor itself, each as the other calls show it. */
#include "harness/harness.h"
#include "harness/lacking.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { WAYS = 5 };

/* Where a file is named. */
struct place {
    int directory;
    const char *path;
    int flags;
};

/* An absolute path; one below a directory; a descriptor, with an empty path and without one; a path
 * whose links are not followed. */
static struct place place_of(int way, int directory, int fd)
{
    return way == 0   ? (struct place){AT_FDCWD, harness_path("file"), 0}
           : way == 1 ? (struct place){directory, "file", 0}
           : way == 2 ? (struct place){fd, "", AT_EMPTY_PATH}
           : way == 3 ? (struct place){fd, NULL, AT_EMPTY_PATH}
                      : (struct place){AT_FDCWD, harness_path("file"), AT_SYMLINK_NOFOLLOW};
}

static int64_t set_at(struct hark_loop *loop, struct place place, const char *name,
                      const void *value, size_t size, int how)
{
    struct harness_op op = {0};
    hark_setxattrat(loop, &op.op, place.directory, place.path, name, value, size, place.flags | how,
                    harness_done);
    return harness_wait(loop, &op);
}

static int64_t get_at(struct hark_loop *loop, struct place place, const char *name, void *value,
                      size_t size)
{
    struct harness_op op = {0};
    hark_getxattrat(loop, &op.op, place.directory, place.path, name, value, size, place.flags,
                    harness_done);
    return harness_wait(loop, &op);
}

static int64_t list_at(struct hark_loop *loop, struct place place, char *names, size_t size)
{
    struct harness_op op = {0};
    hark_listxattrat(loop, &op.op, place.directory, place.path, names, size, place.flags,
                     harness_done);
    return harness_wait(loop, &op);
}

static int64_t remove_at(struct hark_loop *loop, struct place place, const char *name)
{
    struct harness_op op = {0};
    hark_removexattrat(loop, &op.op, place.directory, place.path, name, place.flags, harness_done);
    return harness_wait(loop, &op);
}

static int open_directory(void)
{
    return open(harness_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A file in a file system that has attributes. */
static int make_file(void)
{
    int fd = harness_file("file", "text", 4);
    if (fsetxattr(fd, "user.probe", "", 0, 0) < 0)
        harness_skip("this file system has no attributes: %s", strerror(errno));
    assert_int_equal(fremovexattr(fd, "user.probe"), 0);
    return fd;
}

/* --- each way --- */

BACKEND_TEST(an_attribute_is_set_read_listed_and_removed_each_way)
{
    int fd = make_file(), directory = open_directory();
    for (int way = 0; way < WAYS; way++) {
        char value[32] = "", names[128];
        assert_result(set_at(loop, place_of(way, directory, fd), "user.one", "12345", 5, 0), 0);
        assert_int_equal(getxattr(harness_path("file"), "user.one", value, sizeof value), 5);
        assert_memory_equal(value, "12345", 5);
        assert_int_equal(setxattr(harness_path("file"), "user.one", "678", 3, 0), 0);
        assert_result(get_at(loop, place_of(way, directory, fd), "user.one", value, sizeof value),
                      3);
        assert_memory_equal(value, "678", 3);
        assert_result(get_at(loop, place_of(way, directory, fd), "user.one", NULL, 0), 3);
        assert_result(list_at(loop, place_of(way, directory, fd), names, sizeof names), 9);
        assert_memory_equal(names, "user.one", 9);
        assert_result(list_at(loop, place_of(way, directory, fd), NULL, 0), 9);
        assert_result(remove_at(loop, place_of(way, directory, fd), "user.one"), 0);
        assert_int_equal(getxattr(harness_path("file"), "user.one", value, sizeof value), -1);
        assert_int_equal(errno, ENODATA);
        assert_result(list_at(loop, place_of(way, directory, fd), names, sizeof names), 0);
    }
    harness_close(loop, directory);
    harness_close(loop, fd);
}

BACKEND_TEST(attributes_that_cannot_be_give_their_errors_each_way)
{
    char *large = calloc(1, XATTR_SIZE_MAX + 1), name[300] = "user.", value[8];
    int fd = make_file(), directory = open_directory();
    assert_non_null(large);
    memset(name + 5, 'x', sizeof name - 6);
    name[sizeof name - 1] = '\0';
    for (int way = 0; way < WAYS; way++) {
        struct place place = place_of(way, directory, fd);
        assert_result(set_at(loop, place, "user.one", "12345", 5, XATTR_REPLACE), -ENODATA);
        assert_result(get_at(loop, place, "user.one", value, sizeof value), -ENODATA);
        assert_result(remove_at(loop, place, "user.one"), -ENODATA);
        assert_result(set_at(loop, place, "user.one", "12345", 5, XATTR_CREATE), 0);
        assert_result(set_at(loop, place, "user.one", "12345", 5, XATTR_CREATE), -EEXIST);
        assert_result(set_at(loop, place, "user.one", "67", 2, XATTR_REPLACE), 0);
        assert_result(get_at(loop, place, "user.one", value, 1), -ERANGE);
        assert_result(list_at(loop, place, value, 3), -ERANGE);
        assert_result(set_at(loop, place, "user.one", large, XATTR_SIZE_MAX + 1, 0), -E2BIG);
        assert_result(set_at(loop, place, "user.one", "1", 1, 4), -EINVAL);
        assert_result(set_at(loop, place, "", "1", 1, 0), -ERANGE);
        assert_result(set_at(loop, place, name, "1", 1, 0), -ERANGE);
        assert_result(get_at(loop, place, name, value, sizeof value), -ERANGE);
        assert_result(remove_at(loop, place, name), -ERANGE);
        assert_result(set_at(loop, place, "nowhere.one", "1", 1, 0), -EOPNOTSUPP);
        assert_result(set_at(loop, place, (const char *)16, "1", 1, 0), -EFAULT);
        assert_result(get_at(loop, place, "user.one", value, sizeof value), 2);
        assert_result(remove_at(loop, place, "user.one"), 0);
    }
    free(large);
    harness_close(loop, directory);
    harness_close(loop, fd);
}

BACKEND_TEST(attributes_of_what_is_not_there_give_enoent)
{
    char value[8];
    int directory = open_directory();
    close(make_file());
    const struct place places[] = {{AT_FDCWD, harness_path("missing"), 0},
                                   {directory, "missing", 0},
                                   {directory, "", 0},
                                   {AT_FDCWD, "", 0}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        assert_result(set_at(loop, places[i], "user.one", "1", 1, 0), -ENOENT);
        assert_result(get_at(loop, places[i], "user.one", value, sizeof value), -ENOENT);
        assert_result(list_at(loop, places[i], value, sizeof value), -ENOENT);
        assert_result(remove_at(loop, places[i], "user.one"), -ENOENT);
    }
    struct place bad = {AT_FDCWD, (const char *)16, 0}, below = {directory, (const char *)16, 0};
    assert_result(set_at(loop, bad, "user.one", "1", 1, 0), -EFAULT);
    assert_result(get_at(loop, below, "user.one", value, sizeof value), -EFAULT);
    const struct place flagged[] = {{directory, "file", AT_REMOVEDIR},
                                    {AT_FDCWD, harness_path("file"), AT_REMOVEDIR}};
    for (size_t i = 0; i < sizeof flagged / sizeof *flagged; i++) {
        assert_result(set_at(loop, flagged[i], "user.one", "1", 1, 0), -EINVAL);
        assert_result(get_at(loop, flagged[i], "user.one", value, sizeof value), -EINVAL);
        assert_result(list_at(loop, flagged[i], value, sizeof value), -EINVAL);
        assert_result(remove_at(loop, flagged[i], "user.one"), -EINVAL);
    }
    harness_close(loop, directory);
}

BACKEND_TEST(attributes_of_no_path_at_all_give_efault)
{
    char value[8];
    int directory = open_directory();
    close(make_file());
    const struct place places[] = {
        {AT_FDCWD, NULL, 0}, {directory, NULL, 0}, {directory, NULL, AT_SYMLINK_NOFOLLOW}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        assert_result(set_at(loop, places[i], "user.one", "1", 1, 0), -EFAULT);
        assert_result(get_at(loop, places[i], "user.one", value, sizeof value), -EFAULT);
        assert_result(list_at(loop, places[i], value, sizeof value), -EFAULT);
        assert_result(remove_at(loop, places[i], "user.one"), -EFAULT);
    }
    harness_close(loop, directory);
}

BACKEND_TEST(an_attribute_of_the_directory_that_is_worked_in_is_found_without_its_name)
{
    char before[PATH_MAX], value[8];
    close(make_file());
    if (harness_in_world())
        harness_skip("worlds have no working directory but the root");
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(harness_directory()), 0);
    const struct place places[] = {{AT_FDCWD, "", AT_EMPTY_PATH}, {AT_FDCWD, NULL, AT_EMPTY_PATH}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        assert_result(set_at(loop, places[i], "user.one", "12", 2, 0), 0);
        assert_int_equal(getxattr(harness_directory(), "user.one", value, sizeof value), 2);
        assert_result(get_at(loop, places[i], "user.one", value, sizeof value), 2);
        assert_result(list_at(loop, places[i], NULL, 0), 9);
        assert_result(remove_at(loop, places[i], "user.one"), 0);
    }
    assert_int_equal(chdir(before), 0);
}

BACKEND_TEST(an_attribute_of_a_link_is_that_of_what_it_leads_to_unless_told)
{
    char value[8];
    int directory = open_directory();
    close(make_file());
    assert_int_equal(symlinkat("file", directory, "link"), 0);
    assert_result(set_at(loop, (struct place){directory, "link", 0}, "user.one", "12", 2, 0), 0);
    assert_int_equal(getxattr(harness_path("file"), "user.one", value, sizeof value), 2);
    struct place itself = {directory, "link", AT_SYMLINK_NOFOLLOW};
    assert_result(set_at(loop, itself, "user.one", "12", 2, 0), -EPERM);
    assert_result(get_at(loop, itself, "user.one", value, sizeof value), -ENODATA);
    harness_close(loop, directory);
}

BACKEND_TEST(a_descriptor_that_is_but_a_place_has_no_attributes)
{
    char value[8];
    close(make_file());
    int place = open(harness_path("file"), O_PATH | O_CLOEXEC);
    struct place itself = {place, "", AT_EMPTY_PATH};
    assert_result(set_at(loop, itself, "user.one", "12", 2, 0), -EBADF);
    assert_result(get_at(loop, itself, "user.one", value, sizeof value), -EBADF);
    assert_result(list_at(loop, itself, value, sizeof value), -EBADF);
    assert_result(remove_at(loop, itself, "user.one"), -EBADF);
    harness_close(loop, place);
}

BACKEND_TEST(attributes_without_memory_for_them_give_efault)
{
    char value[8];
    int fd = make_file(), directory = open_directory();
    for (int way = 0; way < WAYS; way++) {
        struct place place = place_of(way, directory, fd);
        assert_result(set_at(loop, place, "user.one", NULL, 5, 0), -EFAULT);
        assert_result(set_at(loop, place, NULL, "12345", 5, 0), -EFAULT);
        assert_result(set_at(loop, place, "user.one", NULL, 0, 0), 0);
        assert_result(get_at(loop, place, "user.one", NULL, 5), 0);
        assert_result(set_at(loop, place, "user.one", "12345", 5, 0), 0);
        assert_result(get_at(loop, place, "user.one", NULL, 5), -EFAULT);
        assert_result(get_at(loop, place, "user.one", NULL, 4), -ERANGE);
        assert_result(get_at(loop, place, "user.two", NULL, 5), -ENODATA);
        assert_result(list_at(loop, place, NULL, 100), -EFAULT);
        assert_result(get_at(loop, place, "user.one", value, sizeof value), 5);
        assert_result(remove_at(loop, place, "user.one"), 0);
    }
    harness_close(loop, fd);
    harness_close(loop, directory);
}

BACKEND_TEST(a_pipe_has_no_attributes)
{
    char value[8];
    int pipes[2];
    close(make_file());
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    struct place itself = {pipes[0], "", AT_EMPTY_PATH};
    assert_result(set_at(loop, itself, "user.one", "12", 2, 0), -EPERM);
    assert_result(get_at(loop, itself, "user.one", value, sizeof value), -ENODATA);
    assert_result(remove_at(loop, itself, "user.one"), -EPERM);
    assert_result(set_at(loop, itself, "nowhere.one", "12", 2, 0), -EOPNOTSUPP);
    harness_close(loop, pipes[0]);
    harness_close(loop, pipes[1]);
}

/* The C library's calls, whose flags are those of the attribute alone. */
TEST(setxattr_takes_no_flags_of_a_path)
{
    static const int flags[] = {AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH};
    int fd = make_file();
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        assert_int_equal(setxattr(harness_path("file"), "user.one", "1", 1, flags[i]), -1);
        assert_int_equal(errno, EINVAL);
        assert_int_equal(fsetxattr(fd, "user.one", "1", 1, flags[i]), -1);
        assert_int_equal(errno, EINVAL);
    }
    assert_int_equal(fgetxattr(fd, "user.one", NULL, 0), -1);
    close(fd);
}

/* --- capabilities, which whoever changes the file takes away: capabilities(7) --- */

static const uint32_t capabilities[5] = {0x02000001, 1}; /* struct vfs_cap_data, revision 2 */

static void give(int fd)
{
    if (fsetxattr(fd, "security.capability", capabilities, sizeof capabilities, 0) < 0)
        harness_skip("no capabilities can be given to a file: %s", strerror(errno));
}

static bool has_any(int fd)
{
    return fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

BACKEND_TEST(capabilities_of_a_file_go_with_its_owner_and_its_content)
{
    const struct timespec times[2] = {{1, 0}, {1, 0}};
    int fd = make_file(), other = harness_file("other", "text", 4);
    give(fd);
    assert_true(has_any(fd));
    assert_int_equal(fchmod(fd, 0755), 0);
    assert_int_equal(futimens(fd, times), 0);
    assert_int_equal(link(harness_path("file"), harness_path("second")), 0);
    assert_int_equal(pwrite(fd, "x", 0, 0), 0);
    assert_true(has_any(fd));
    assert_int_equal(fchown(fd, (uid_t)-1, (gid_t)-1), 0);
    assert_false(has_any(fd));
    give(fd);
    assert_int_equal(pwrite(fd, "x", 1, 0), 1);
    assert_false(has_any(fd));
    give(fd);
    assert_int_equal(ftruncate(fd, 2), 0);
    assert_false(has_any(fd));
    give(fd);
    close(open(harness_path("file"), O_WRONLY | O_TRUNC | O_CLOEXEC));
    assert_false(has_any(fd));
    give(fd);
    struct harness_op op = {0};
    hark_copy_file_range(loop, &op.op, other, 0, fd, 0, 4, harness_done);
    assert_result(harness_wait(loop, &op), 4);
    assert_false(has_any(fd));
    give(fd);
    assert_int_equal(fallocate(fd, 0, 0, 100), 0);
    assert_false(has_any(fd));
    harness_close(loop, fd);
    harness_close(loop, other);
    int directory = open_directory();
    give(directory);
    assert_int_equal(fchown(directory, (uid_t)-1, (gid_t)-1), 0);
    assert_true(has_any(directory));
    close(directory);
}

TEST(capabilities_that_are_none_are_refused)
{
    int fd = make_file();
    give(fd);
    assert_int_equal(fsetxattr(fd, "security.capability", "none", 4, 0), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(fsetxattr(fd, "security.capability", capabilities, 19, 0), -1);
    assert_int_equal(errno, EINVAL);
    assert_true(has_any(fd));
    close(fd);
}
