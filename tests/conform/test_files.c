/* test_files.c - a whole file read, a file replaced at once, a directory made for oneself. */
#include "hark/files.h"
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { LARGE = 300001 }; /* no multiple of any room */

static const uint64_t far_ns = UINT64_C(3600000000000);

/* --- reading --- */

struct reading {
    struct hark_file_read read;
    bool ended;
    int error;
};

static void was_read(struct hark_file_read *read, int error)
{
    struct reading *reading = hark_container_of(read, struct reading, read);
    assert_false(reading->ended);
    assert_int_equal(!read->bytes, error != 0);
    assert_true(!error || read->count == 0);
    reading->ended = true;
    reading->error = error;
}

static int read_all(struct hark_loop *loop, struct reading *reading, const char *path, size_t most)
{
    *reading = (struct reading){0};
    hark_file_read_start(loop, &reading->read, AT_FDCWD, path, most, was_read);
    assert_false(reading->ended);
    harness_run(loop);
    assert_true(reading->ended);
    return reading->error;
}

BACKEND_TEST(read_gives_all_of_a_file_and_a_null_byte)
{
    struct reading reading;
    char *content = malloc(LARGE);
    static const size_t counts[] = {0, 1, 16383, 16384, 16385, LARGE};
    assert_non_null(content);
    harness_fill(content, LARGE, 7);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        assert_true(i == 0 || unlink(harness_path("file")) == 0);
        close(harness_file("file", content, counts[i]));
        assert_result(read_all(loop, &reading, harness_path("file"), LARGE), 0);
        assert_int_equal(reading.read.count, counts[i]);
        assert_memory_equal(reading.read.bytes, content, counts[i]);
        assert_int_equal(reading.read.bytes[counts[i]], '\0');
        free(reading.read.bytes);
    }
    free(content);
}

BACKEND_TEST(read_takes_as_much_as_it_may_and_no_byte_more)
{
    struct reading reading;
    close(harness_file("file", "text", 4));
    close(harness_file("empty", "", 0));
    assert_result(read_all(loop, &reading, harness_path("file"), 4), 0);
    assert_int_equal(reading.read.count, 4);
    free(reading.read.bytes);
    assert_result(read_all(loop, &reading, harness_path("empty"), 0), 0);
    free(reading.read.bytes);
    assert_result(read_all(loop, &reading, harness_path("file"), 3), -EFBIG);
    assert_result(read_all(loop, &reading, harness_path("file"), 0), -EFBIG);
    assert_result(read_all(loop, &reading, harness_path("file"), SIZE_MAX / 2), -EINVAL);
}

BACKEND_TEST(read_that_cannot_gives_its_error_and_leaves_nothing_open)
{
    struct reading reading;
    assert_result(read_all(loop, &reading, harness_path("missing"), 10), -ENOENT);
    assert_result(read_all(loop, &reading, harness_directory(), 10), -EISDIR);
}

/* A named pipe that has a writer, who says nothing: the read waits. */
BACKEND_TEST(read_that_waits_is_cancelled_and_has_a_deadline)
{
    assert_int_equal(mkfifo(harness_path("pipe"), 0600), 0);
    int end = open(harness_path("pipe"), O_RDWR | O_CLOEXEC);
    for (int how = 0; how < 4; how++) {
        struct reading reading = {0};
        hark_file_read_start(loop, &reading.read, AT_FDCWD, harness_path("pipe"), 10, was_read);
        if (how == 1 || how == 3)
            harness_turns(loop, 2);
        if (how < 2)
            hark_cancel(&reading.read.op);
        else if (how == 2)
            hark_op_deadline(&reading.read.op, hark_now(loop));
        else
            hark_cancel_all(loop);
        harness_run(loop);
        assert_true(reading.ended);
        assert_result(reading.error, how == 2 ? -ETIMEDOUT : -ECANCELED);
    }
    close(end);
}

TEST(read_gives_a_file_of_proc_whose_length_nobody_tells)
{
    struct hark_loop *loop;
    struct reading reading;
    struct stat status;
    assert_int_equal(hark_loop_create(NULL, &loop), 0);
    if (stat("/proc/self/status", &status) < 0) {
        assert_int_equal(hark_loop_destroy(loop), 0);
        harness_skip("no /proc");
    }
    assert_int_equal(status.st_size, 0);
    assert_result(read_all(loop, &reading, "/proc/self/status", 1 << 20), 0);
    assert_non_null(strstr(reading.read.bytes, "Pid:"));
    free(reading.read.bytes);
    assert_int_equal(hark_loop_destroy(loop), 0);
}

/* --- replacing --- */

struct replacing {
    struct hark_file_replace replace;
    bool ended;
    int error;
};

static void was_replaced(struct hark_file_replace *replace, int error)
{
    struct replacing *replacing = hark_container_of(replace, struct replacing, replace);
    assert_false(replacing->ended);
    assert_true(error || replace->replaced);
    replacing->ended = true;
    replacing->error = error;
}

static int replace_by(struct hark_loop *loop, int directory, const char *path, const char *bytes,
                      size_t count)
{
    struct replacing replacing = {0};
    hark_file_replace_start(loop, &replacing.replace, directory, path, bytes, count, 0640,
                            was_replaced);
    assert_false(replacing.ended);
    harness_run(loop);
    assert_true(replacing.ended);
    return replacing.error;
}

static void expect_file(const char *name, const char *bytes, size_t count)
{
    char *is = malloc(count + 1);
    int fd = open(harness_path(name), O_RDONLY | O_CLOEXEC);
    assert_true(is && fd >= 0);
    size_t filled = 0;
    ssize_t got;
    while ((got = read(fd, is + filled, count + 1 - filled)) > 0)
        filled += (size_t)got;
    assert_int_equal(filled, count);
    assert_memory_equal(is, bytes, count);
    close(fd);
    free(is);
}

static int count_names(void)
{
    char bytes[4096];
    struct hark_dirent entry;
    int count = 0;
    int fd = open(harness_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int64_t filled = 1; filled > 0;) {
        size_t position = 0;
        filled = hark_os_getdents(fd, bytes, sizeof bytes);
        assert_true(filled >= 0);
        while (hark_dirent_next(bytes, (size_t)filled, &position, &entry))
            count++;
    }
    close(fd);
    return count;
}

BACKEND_TEST(replace_makes_a_file_and_makes_it_anew)
{
    struct stat status, after;
    char *content = malloc(LARGE);
    assert_non_null(content);
    harness_fill(content, LARGE, 9);
    assert_result(replace_by(loop, AT_FDCWD, harness_path("file"), "text", 4), 0);
    expect_file("file", "text", 4);
    assert_int_equal(stat(harness_path("file"), &status), 0);
    assert_int_equal(status.st_mode & 0777 & ~0022u, 0640 & ~0022u);
    assert_result(replace_by(loop, AT_FDCWD, harness_path("file"), content, LARGE), 0);
    expect_file("file", content, LARGE);
    assert_int_equal(stat(harness_path("file"), &after), 0);
    assert_true(after.st_ino != status.st_ino);
    assert_result(replace_by(loop, AT_FDCWD, harness_path("file"), "", 0), 0);
    expect_file("file", "", 0);
    assert_int_equal(count_names(), 1);
    free(content);
}

BACKEND_TEST(replace_is_relative_to_its_directory)
{
    assert_int_equal(mkdir(harness_path("below"), 0700), 0);
    int directory = open(harness_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_result(replace_by(loop, directory, "one", "1", 1), 0);
    assert_result(replace_by(loop, directory, "below/two", "22", 2), 0);
    harness_close(loop, directory);
    expect_file("one", "1", 1);
    expect_file("below/two", "22", 2);
    assert_int_equal(count_names(), 2);
}

BACKEND_TEST(replace_that_cannot_gives_its_error_and_leaves_nothing)
{
    assert_int_equal(mkdir(harness_path("directory"), 0700), 0);
    close(harness_file("file", "text", 4));
    assert_result(replace_by(loop, AT_FDCWD, harness_path("none/file"), "1", 1), -ENOENT);
    assert_result(replace_by(loop, AT_FDCWD, harness_path("file/below"), "1", 1), -ENOTDIR);
    assert_result(replace_by(loop, AT_FDCWD, harness_path("directory"), "1", 1), -EISDIR);
    assert_result(replace_by(loop, AT_FDCWD, harness_path("directory/"), "1", 1), -EINVAL);
    assert_result(replace_by(loop, AT_FDCWD, harness_path("directory/.."), "1", 1), -EINVAL);
    assert_result(replace_by(loop, AT_FDCWD, "", "1", 1), -EINVAL);
    expect_file("file", "text", 4);
    assert_int_equal(count_names(), 2);
}

static int replace_keeping(struct hark_loop *loop, uint32_t keeps)
{
    struct replacing replacing = {.replace.keeps = keeps};
    hark_file_replace_start(loop, &replacing.replace, AT_FDCWD, harness_path("file"), "new", 3,
                            0600, was_replaced);
    harness_run(loop);
    assert_true(replacing.ended);
    expect_file("file", "new", 3);
    assert_int_equal(count_names(), 1);
    return replacing.error;
}

BACKEND_TEST(replace_keeps_what_it_is_told_to)
{
    char value[16];
    if (geteuid() != 0)
        harness_skip("only root gives files away");
    for (uint32_t keeps = 0; keeps < 8; keeps++) {
        struct stat status;
        assert_true(keeps == 0 || unlink(harness_path("file")) == 0);
        close(harness_file("file", "old", 3));
        bool has_attributes = setxattr(harness_path("file"), "user.one", "123", 3, 0) == 0;
        assert_int_equal(chown(harness_path("file"), 12, 34), 0);
        assert_int_equal(chmod(harness_path("file"), 04751), 0);
        assert_result(replace_keeping(loop, keeps), 0);
        assert_int_equal(stat(harness_path("file"), &status), 0);
        assert_int_equal(status.st_mode & 07777, keeps & HARK_FILE_KEEP_MODE ? 04751 : 0600);
        assert_int_equal(status.st_uid, keeps & HARK_FILE_KEEP_OWNER ? 12 : 0);
        assert_int_equal(status.st_gid, keeps & HARK_FILE_KEEP_OWNER ? 34 : getegid());
        ssize_t size = getxattr(harness_path("file"), "user.one", value, sizeof value);
        assert_int_equal(size, has_attributes && keeps & HARK_FILE_KEEP_ATTRIBUTES ? 3 : -1);
    }
}

/* They are an attribute that the kernel takes away when the owner is changed. */
BACKEND_TEST(replace_keeps_capabilities_with_the_owner)
{
    static const unsigned char given[20] = {1, 0, 0, 2, 0, 4};
    unsigned char kept[sizeof given] = {0};
    close(harness_file("file", "old", 3));
    if (setxattr(harness_path("file"), "security.capability", given, sizeof given, 0) < 0)
        harness_skip("this process gives no file capabilities");
    assert_result(replace_keeping(loop, HARK_FILE_KEEP_OWNER | HARK_FILE_KEEP_ATTRIBUTES), 0);
    ssize_t count = getxattr(harness_path("file"), "security.capability", kept, sizeof kept);
    assert_int_equal(count, sizeof given);
    assert_memory_equal(kept, given, sizeof given);
}

BACKEND_TEST(replace_keeps_nothing_where_nothing_is_and_nothing_of_a_link)
{
    struct stat status;
    assert_result(replace_keeping(loop, 7), 0);
    assert_int_equal(stat(harness_path("file"), &status), 0);
    assert_int_equal(status.st_mode, S_IFREG | 0600);
    assert_int_equal(unlink(harness_path("file")), 0);
    assert_int_equal(symlink("/", harness_path("file")), 0);
    assert_result(replace_keeping(loop, 7), 0);
    assert_int_equal(lstat(harness_path("file"), &status), 0);
    assert_int_equal(status.st_mode, S_IFREG | 0600);
}

/* At each step: the old or the new content, and no third name. */
BACKEND_TEST(replace_that_is_stopped_leaves_the_old_or_the_new_and_nothing_else)
{
    for (int turns = 0; turns < 60; turns++) {
        struct replacing replacing = {.replace.keeps = turns % 3 ? 7 : 0};
        assert_true(turns == 0 || unlink(harness_path("file")) == 0);
        close(harness_file("file", "old", 3));
        hark_file_replace_start(loop, &replacing.replace, AT_FDCWD, harness_path("file"), "newer",
                                5, 0600, was_replaced);
        for (int i = 0; i < turns / 4 && !replacing.ended; i++)
            assert_true(hark_run_once(loop) >= 0);
        if (turns % 4 == 0)
            hark_cancel_all(loop);
        else if (turns % 4 == 1)
            hark_op_deadline(&replacing.replace.op, 0);
        else
            hark_cancel(&replacing.replace.op);
        harness_run(loop);
        assert_true(replacing.ended);
        assert_true(replacing.error == 0 || replacing.error == -ECANCELED ||
                    (turns % 4 == 1 && replacing.error == -ETIMEDOUT));
        if (replacing.replace.replaced)
            expect_file("file", "newer", 5);
        else
            expect_file("file", "old", 3);
        assert_int_equal(count_names(), 1);
    }
}

BACKEND_TEST(replace_with_a_deadline_that_is_far_ends_before_it)
{
    struct replacing replacing = {0};
    hark_file_replace_start(loop, &replacing.replace, AT_FDCWD, harness_path("file"), "1", 1, 0600,
                            was_replaced);
    hark_op_deadline(&replacing.replace.op, hark_now(loop) + far_ns);
    harness_run(loop);
    assert_true(replacing.ended);
    assert_result(replacing.error, 0);
}

/* --- a directory for oneself --- */

struct making {
    struct hark_mkdtemp mkdtemp;
    char path[4096];
    bool ended;
    int error;
};

static void was_made(struct hark_mkdtemp *mkdtemp, int error)
{
    struct making *making = hark_container_of(mkdtemp, struct making, mkdtemp);
    assert_false(making->ended);
    making->ended = true;
    making->error = error;
}

static int make_directory(struct hark_loop *loop, struct making *making, const char *path)
{
    *making = (struct making){0};
    snprintf(making->path, sizeof making->path, "%s", path);
    hark_mkdtemp_start(loop, &making->mkdtemp, AT_FDCWD, making->path, was_made);
    assert_false(making->ended);
    harness_run(loop);
    assert_true(making->ended);
    return making->error;
}

BACKEND_TEST(mkdtemp_makes_a_directory_of_its_own_each_time)
{
    struct stat status;
    struct making one, other;
    assert_result(make_directory(loop, &one, harness_path("dir.XXXXXX")), 0);
    assert_result(make_directory(loop, &other, harness_path("dir.XXXXXX")), 0);
    assert_int_equal(stat(one.path, &status), 0);
    assert_int_equal(status.st_mode, S_IFDIR | 0700);
    assert_string_not_equal(one.path, other.path);
    assert_int_equal(strlen(one.path), strlen(other.path));
    assert_int_equal(strncmp(one.path, other.path, strlen(one.path) - 6), 0);
    assert_null(strstr(one.path, "XXXXXX"));
    assert_int_equal(count_names(), 2);
}

BACKEND_TEST(mkdtemp_that_cannot_gives_its_error)
{
    struct making making;
    assert_result(make_directory(loop, &making, harness_path("dirXXXXX")), -EINVAL);
    assert_result(make_directory(loop, &making, ""), -EINVAL);
    assert_result(make_directory(loop, &making, harness_path("none/XXXXXX")), -ENOENT);
    assert_int_equal(count_names(), 0);
    making = (struct making){0};
    snprintf(making.path, sizeof making.path, "%s", harness_path("XXXXXX"));
    hark_mkdtemp_start(loop, &making.mkdtemp, AT_FDCWD, making.path, was_made);
    hark_cancel(&making.mkdtemp.op);
    harness_run(loop);
    assert_true(making.ended);
    assert_int_equal(count_names(), making.error == 0 ? 1 : 0);
}
