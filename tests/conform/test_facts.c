/* test_facts.c - fchmodat, fchownat, utimensat, each as stat(2) shows it. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct stat status_of(const char *name)
{
    struct stat status;
    assert_int_equal(lstat(harness_path(name), &status), 0);
    return status;
}

static int64_t set_mode(struct hark_loop *loop, const char *path, mode_t mode, int flags)
{
    struct harness_op op = {0};
    hark_fchmodat(loop, &op.op, AT_FDCWD, path, mode, flags, harness_done);
    return harness_wait(loop, &op);
}

static int64_t set_owner(struct hark_loop *loop, const char *path, uid_t owner, gid_t group,
                         int flags)
{
    struct harness_op op = {0};
    hark_fchownat(loop, &op.op, AT_FDCWD, path, owner, group, flags, harness_done);
    return harness_wait(loop, &op);
}

static int64_t set_times(struct hark_loop *loop, const char *path, const struct timespec *times,
                         int flags)
{
    struct harness_op op = {0};
    hark_utimensat(loop, &op.op, AT_FDCWD, path, times, flags, harness_done);
    return harness_wait(loop, &op);
}

/* --- modes --- */

BACKEND_TEST(fchmodat_sets_permissions_by_path_and_of_a_descriptor)
{
    struct harness_op op = {0};
    int fd = harness_file("file", "text", 4);
    assert_int_equal(symlink("file", harness_path("link")), 0);
    assert_result(set_mode(loop, harness_path("file"), 0640, 0), 0);
    assert_int_equal(status_of("file").st_mode, S_IFREG | 0640);
    assert_result(set_mode(loop, harness_path("link"), 0604, 0), 0);
    assert_int_equal(status_of("file").st_mode, S_IFREG | 0604);
    assert_result(set_mode(loop, harness_path("file"), 0600, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(status_of("file").st_mode, S_IFREG | 0600);
    hark_fchmodat(loop, &op.op, fd, "", 0444, AT_EMPTY_PATH, harness_done);
    assert_result(harness_wait(loop, &op), 0);
    assert_int_equal(status_of("file").st_mode, S_IFREG | 0444);
    harness_close(loop, fd);
    int directory = open(harness_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    harness_op_again(&op);
    hark_fchmodat(loop, &op.op, directory, "file", 0700, 0, harness_done);
    assert_result(harness_wait(loop, &op), 0);
    assert_int_equal(status_of("file").st_mode, S_IFREG | 0700);
    harness_close(loop, directory);
}

BACKEND_TEST(fchmodat_that_cannot_gives_its_error)
{
    close(harness_file("file", "text", 4));
    assert_int_equal(symlink("file", harness_path("link")), 0);
    mode_t mode = status_of("file").st_mode;
    assert_result(set_mode(loop, harness_path("missing"), 0600, 0), -ENOENT);
    assert_result(set_mode(loop, harness_path("file/below"), 0600, 0), -ENOTDIR);
    assert_result(set_mode(loop, harness_path("link"), 0600, AT_SYMLINK_NOFOLLOW), -EOPNOTSUPP);
    assert_result(set_mode(loop, harness_path("file"), 0600, AT_REMOVEDIR), -EINVAL);
    assert_result(set_mode(loop, (const char *)16, 0600, 0), -EFAULT);
    assert_int_equal(status_of("file").st_mode, mode);
}

/* --- owners --- */

BACKEND_TEST(fchownat_sets_the_owner_the_group_or_neither)
{
    struct harness_op op = {0};
    struct stat status;
    if (geteuid() != 0)
        harness_skip("only root gives files away");
    int fd = harness_file("file", "text", 4);
    assert_int_equal(symlink("file", harness_path("link")), 0);
    assert_result(set_owner(loop, harness_path("file"), 12, 34, 0), 0);
    assert_result(set_owner(loop, harness_path("file"), (uid_t)-1, 56, 0), 0);
    status = status_of("file");
    assert_true(status.st_uid == 12 && status.st_gid == 56);
    assert_result(set_owner(loop, harness_path("link"), 78, (gid_t)-1, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(status_of("link").st_uid, 78);
    assert_int_equal(status_of("file").st_uid, 12);
    hark_fchownat(loop, &op.op, fd, "", 9, (gid_t)-1, AT_EMPTY_PATH, harness_done);
    assert_result(harness_wait(loop, &op), 0);
    assert_int_equal(status_of("file").st_uid, 9);
    harness_close(loop, fd);
}

BACKEND_TEST(fchownat_takes_the_right_to_run_as_the_owner_away)
{
    close(harness_file("file", "text", 4));
    assert_result(set_mode(loop, harness_path("file"), 06755, 0), 0);
    assert_int_equal(status_of("file").st_mode, S_IFREG | 06755);
    assert_result(set_owner(loop, harness_path("file"), (uid_t)-1, getegid(), 0), 0);
    assert_int_equal(status_of("file").st_mode, S_IFREG | 0755);
}

BACKEND_TEST(fchownat_that_cannot_gives_its_error)
{
    close(harness_file("file", "text", 4));
    assert_result(set_owner(loop, harness_path("missing"), (uid_t)-1, (gid_t)-1, 0), -ENOENT);
    assert_result(set_owner(loop, harness_path("file"), (uid_t)-1, (gid_t)-1, AT_REMOVEDIR),
                  -EINVAL);
    assert_result(set_owner(loop, (const char *)16, (uid_t)-1, (gid_t)-1, 0), -EFAULT);
}

/* --- times --- */

static bool is_time(struct timespec time, int64_t seconds, long nanoseconds)
{
    return time.tv_sec == seconds && time.tv_nsec == nanoseconds;
}

BACKEND_TEST(utimensat_sets_each_time_or_leaves_it)
{
    struct harness_op op = {0};
    struct timespec times[2] = {{1000, 250000000}, {2000, 500000000}};
    int fd = harness_file("file", "text", 4);
    assert_int_equal(symlink("file", harness_path("link")), 0);
    assert_result(set_times(loop, harness_path("link"), times, 0), 0);
    assert_true(is_time(status_of("file").st_atim, 1000, 250000000));
    assert_true(is_time(status_of("file").st_mtim, 2000, 500000000));
    times[0].tv_nsec = UTIME_OMIT;
    times[1] = (struct timespec){3000, 0};
    assert_result(set_times(loop, harness_path("file"), times, 0), 0);
    assert_true(is_time(status_of("file").st_atim, 1000, 250000000));
    assert_true(is_time(status_of("file").st_mtim, 3000, 0));
    times[0] = times[1] = (struct timespec){4000, 0};
    assert_result(set_times(loop, harness_path("link"), times, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(is_time(status_of("link").st_mtim, 4000, 0));
    assert_true(is_time(status_of("file").st_mtim, 3000, 0));
    times[0] = times[1] = (struct timespec){5000, 0};
    hark_utimensat(loop, &op.op, fd, "", times, AT_EMPTY_PATH, harness_done);
    assert_result(harness_wait(loop, &op), 0);
    assert_true(is_time(status_of("file").st_mtim, 5000, 0));
    assert_result(set_times(loop, harness_path("file"), NULL, 0), 0);
    assert_true(status_of("file").st_mtim.tv_sec > 5000);
    harness_close(loop, fd);
}

BACKEND_TEST(utimensat_sets_times_before_1970)
{
    const struct timespec times[2] = {{-1, 500000000}, {-1000, 1}};
    close(harness_file("file", "text", 4));
    assert_result(set_times(loop, harness_path("file"), times, 0), 0);
    assert_true(is_time(status_of("file").st_atim, -1, 500000000));
    assert_true(is_time(status_of("file").st_mtim, -1000, 1));
}

BACKEND_TEST(utimensat_that_cannot_gives_its_error)
{
    struct timespec times[2] = {{1, 1000000000}, {1, 0}};
    close(harness_file("file", "text", 4));
    assert_result(set_times(loop, harness_path("file"), times, 0), -EINVAL);
    assert_result(set_times(loop, harness_path("missing"), NULL, 0), -ENOENT);
    assert_result(set_times(loop, harness_path("file"), NULL, AT_REMOVEDIR), -EINVAL);
    assert_result(set_times(loop, (const char *)16, NULL, 0), -EFAULT);
    assert_true(status_of("file").st_mtim.tv_sec > 1);
}

/* --- of a descriptor --- */

static int64_t set_mode_of(struct hark_loop *loop, int fd, const char *path, mode_t mode, int flags)
{
    struct harness_op op = {0};
    hark_fchmodat(loop, &op.op, fd, path, mode, flags, harness_done);
    return harness_wait(loop, &op);
}

static int64_t set_owner_of(struct hark_loop *loop, int fd, const char *path, int flags)
{
    struct harness_op op = {0};
    hark_fchownat(loop, &op.op, fd, path, (uid_t)-1, getegid(), flags, harness_done);
    return harness_wait(loop, &op);
}

static int64_t set_times_of(struct hark_loop *loop, int fd, const char *path, int64_t seconds,
                            int flags)
{
    struct harness_op op = {0};
    struct timespec times[2] = {{seconds, 0}, {seconds, 0}};
    hark_utimensat(loop, &op.op, fd, path, times, flags, harness_done);
    return harness_wait(loop, &op);
}

BACKEND_TEST(facts_of_a_descriptor_need_no_path_at_all)
{
    int fd = harness_file("file", "text", 4);
    assert_result(set_mode_of(loop, fd, NULL, 0604, AT_EMPTY_PATH), 0);
    assert_int_equal(status_of("file").st_mode, S_IFREG | 0604);
    assert_result(set_mode_of(loop, fd, NULL, 0640, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(status_of("file").st_mode, S_IFREG | 0640);
    assert_result(set_owner_of(loop, fd, NULL, AT_EMPTY_PATH), 0);
    assert_result(set_times_of(loop, fd, NULL, 1000, AT_EMPTY_PATH), 0);
    assert_true(is_time(status_of("file").st_mtim, 1000, 0));
    harness_close(loop, fd);
}

BACKEND_TEST(facts_of_no_path_at_all_give_efault)
{
    int fd = harness_file("file", "text", 4);
    const int places[] = {fd, AT_FDCWD}, flags[] = {0, AT_SYMLINK_NOFOLLOW};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        for (size_t way = 0; way < sizeof flags / sizeof *flags; way++) {
            assert_result(set_mode_of(loop, places[i], NULL, 0600, flags[way]), -EFAULT);
            assert_result(set_owner_of(loop, places[i], NULL, flags[way]), -EFAULT);
            assert_result(set_times_of(loop, places[i], NULL, 1, flags[way]), -EFAULT);
        }
    }
    assert_true(status_of("file").st_mtim.tv_sec > 1);
    harness_close(loop, fd);
}

BACKEND_TEST(flags_that_are_none_are_refused_of_a_descriptor_as_well)
{
    int fd = harness_file("file", "text", 4);
    mode_t mode = status_of("file").st_mode;
    const int flags = AT_EMPTY_PATH | AT_REMOVEDIR;
    assert_result(set_mode_of(loop, fd, "", 0600, flags), -EINVAL);
    assert_result(set_owner_of(loop, fd, "", flags), -EINVAL);
    assert_result(set_times_of(loop, fd, "", 1, flags), -EINVAL);
    assert_int_equal(status_of("file").st_mode, mode);
    assert_true(status_of("file").st_mtim.tv_sec > 1);
    harness_close(loop, fd);
}

BACKEND_TEST(a_flag_for_an_empty_path_says_nothing_of_another)
{
    int directory = open(harness_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    close(harness_file("file", "text", 4));
    assert_result(set_mode_of(loop, directory, "file", 0604, AT_EMPTY_PATH), 0);
    assert_result(set_times_of(loop, directory, "file", 1000, AT_EMPTY_PATH), 0);
    assert_int_equal(status_of("file").st_mode, S_IFREG | 0604);
    assert_true(is_time(status_of("file").st_mtim, 1000, 0));
    harness_close(loop, directory);
}

BACKEND_TEST(facts_of_the_directory_that_is_worked_in_are_set_without_its_name)
{
    char before[PATH_MAX];
    struct stat status;
    if (harness_in_world())
        harness_skip("worlds have no working directory but the root");
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(harness_directory()), 0);
    assert_result(set_mode_of(loop, AT_FDCWD, "", 0710, AT_EMPTY_PATH), 0);
    assert_result(set_times_of(loop, AT_FDCWD, NULL, 1000, AT_EMPTY_PATH), 0);
    assert_int_equal(stat(harness_directory(), &status), 0);
    assert_int_equal(status.st_mode, S_IFDIR | 0710);
    assert_true(is_time(status.st_mtim, 1000, 0));
    assert_int_equal(chdir(before), 0);
}

/* A descriptor that is but a place: the calls that name it by its path take it. */
BACKEND_TEST(facts_are_set_of_what_stands_behind_a_place)
{
    close(harness_file("file", "text", 4));
    assert_int_equal(symlink("file", harness_path("link")), 0);
    int place = open(harness_path("file"), O_PATH | O_CLOEXEC);
    int link = open(harness_path("link"), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    assert_true(place >= 0 && link >= 0);
    assert_result(set_mode_of(loop, place, "", 0604, AT_EMPTY_PATH), 0);
    assert_int_equal(status_of("file").st_mode, S_IFREG | 0604);
    assert_result(set_owner_of(loop, place, "", AT_EMPTY_PATH), 0);
    assert_result(set_mode_of(loop, link, "", 0600, AT_EMPTY_PATH), -EOPNOTSUPP);
    assert_int_equal(status_of("file").st_mode, S_IFREG | 0604);
    harness_close(loop, place);
    harness_close(loop, link);
}

BACKEND_TEST(sockets_and_pipes_take_facts)
{
    int sockets[2], pipes[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    const int ends[] = {sockets[0], pipes[0]};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        assert_result(set_mode_of(loop, ends[i], "", 0600, AT_EMPTY_PATH), 0);
        assert_result(set_owner_of(loop, ends[i], "", AT_EMPTY_PATH), 0);
        assert_result(set_times_of(loop, ends[i], "", 1000, AT_EMPTY_PATH), 0);
        assert_result(set_mode_of(loop, ends[i], "below", 0600, 0), -ENOTDIR);
    }
    for (int i = 0; i < 2; i++) {
        harness_close(loop, sockets[i]);
        harness_close(loop, pipes[i]);
    }
}

/* The C library's calls of a descriptor, unlike those of a path that is empty. */
TEST(fchmod_fchown_and_futimens_take_no_place)
{
    const struct timespec times[2] = {{1, 0}, {1, 0}};
#ifndef __GLIBC__
    harness_skip("this C library goes by /proc instead");
#endif
    close(harness_file("file", "text", 4));
    int place = open(harness_path("file"), O_PATH | O_CLOEXEC);
    assert_true(place >= 0);
    mode_t mode = status_of("file").st_mode;
    assert_int_equal(fchmod(place, 0604), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(fchown(place, (uid_t)-1, getegid()), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(futimens(place, times), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(status_of("file").st_mode, mode);
    assert_true(status_of("file").st_mtim.tv_sec > 1);
    close(place);
}
