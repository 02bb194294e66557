/* test_refused.c - watches and names of a directory that the kernel refuses: until it gives them,
 * nothing is lost. */
#include "broker/fixture.h"
#include "fault/faults.h"
#include "tail/fixture.h"

#include <sys/inotify.h>

/* --- what the kernel refuses --- */

static atomic_bool no_files, no_directories; /* watches of these (ENOSPC) */
static atomic_int file_watches;              /* that were given */
static atomic_int broken;                    /* so many reads of the names beside "f" fail */

int kernel_inotify_add_watch(uint64_t *calls, int fd, const char *path, uint32_t events)
{
    (void)calls;
    bool file = strncmp(path, "/proc/self/fd/", 14) == 0;
    if (atomic_load(file ? &no_files : &no_directories))
        return -ENOSPC;
    int watch = inotify_add_watch(fd, path, events);
    if (watch < 0)
        return -errno;
    atomic_fetch_add(&file_watches, file);
    return watch;
}

static bool is_beside_the_file(int fd)
{
    struct stat directory, this;
    return stat(harness_directory(), &directory) == 0 && fstat(fd, &this) == 0 &&
           this.st_ino == directory.st_ino && this.st_dev == directory.st_dev;
}

int64_t kernel_getdents64(uint64_t *calls, int fd, void *entries, size_t count)
{
    (void)calls;
    if (atomic_load(&broken) > 0 && is_beside_the_file(fd)) {
        atomic_fetch_sub(&broken, 1);
        return -EIO;
    }
    int64_t filled = syscall(SYS_getdents64, fd, entries, count);
    return filled < 0 ? -errno : filled;
}

static void wait_for_report(struct server *server, const char *part)
{
    while (!reported(part))
        assert_int_equal(hark_run_once(server->loop), 1);
}

static void wait_for_watches(struct server *server, int count)
{
    while (atomic_load(&file_watches) < count)
        assert_int_equal(hark_run_once(server->loop), 1);
    harness_assert_idle(server->loop); /* from here on nothing is looked at that is not told of */
}

/* --- watches --- */

TEST(tail_without_inotify_is_refused_and_leaves_nothing)
{
    struct hark_loop *loop = harness_loop_create(NULL);
    const struct tail_file files[] = {{harness_path("f"), stream_name}};
    const struct tail_options options = {
        .files = files, .count = 1, .directory = harness_path("data"), .report = record_report};
    struct log *log = open_log(loop, harness_path("data"), NULL);
    struct broker *broker = open_broker(loop, log, NULL);
    struct tail *tail = NULL;
    int fault = FAULT(.calls = "kernel_inotify_init1", .error = -EMFILE);
    assert_result(tail_open(loop, broker, log, &options, &tail), -EMFILE);
    assert_int_equal(fault_met(fault), 1);
    fault_end(fault);
    assert_null(tail);
    close_broker(loop, broker);
    close_log(loop, log);
    harness_loop_destroy(loop);
}

BACKEND_TEST(file_that_got_no_watch_is_told_of_once_there_is_one)
{
    atomic_store(&no_files, true);
    append_file("f", "one\n");
    struct server server = server_open(loop, "f", NULL, 0);
    wait_for_report(&server, "no inotify watch is left");
    append_file("f", "two\n");
    wait_for_count(&server, 2); /* it is looked at again and again */
    atomic_store(&no_files, false);
    wait_for_watches(&server, 1);
    append_file("f", "three\n");
    CLOSE_WITH(&server, "one", "two", "three");
}

BACKEND_TEST(rotation_in_a_directory_without_watches_is_found_by_looking_again)
{
    atomic_store(&no_directories, true);
    append_file("f", "one\n");
    struct server server = server_open(loop, "f", NULL, 0);
    wait_for_report(&server, "no inotify watch is left");
    wait_for_count(&server, 1);
    rename_file("f", "f.1");
    append_file("f", "two\n");
    wait_for_count(&server, 2);
    atomic_store(&no_directories, false);
    wait_for_watches(&server, 2);
    rename_file("f", "f.2");
    append_file("f", "three\n");
    CLOSE_WITH(&server, "one", "two", "three");
}

BACKEND_TEST(file_that_comes_while_no_watch_is_left_is_found_by_looking_again)
{
    atomic_store(&no_directories, true);
    struct server server = server_open(loop, "f", NULL, 0);
    wait_for_report(&server, "no inotify watch is left");
    append_file("f", "one\n");
    wait_for_count(&server, 1);
    atomic_store(&no_directories, false);
    wait_for_watches(&server, 1);
    append_file("f", "two\n");
    CLOSE_WITH(&server, "one", "two");
}

BACKEND_TEST(pattern_in_a_directory_without_watches_is_looked_through_again)
{
    atomic_store(&no_directories, true);
    append_file("fa", "one\n");
    struct server server = server_open_into(loop, "f*", stream_name, NULL, 0);
    wait_for_report(&server, "cannot look for files: no space left on device: trying again");
    wait_for_count(&server, 1);
    append_file("fb", "two\n");
    wait_for_count(&server, 2);
    atomic_store(&no_directories, false);
    wait_for_watches(&server, 2);
    append_file("fc", "three\n");
    CLOSE_WITH(&server, "one", "two", "three");
}

BACKEND_TEST(files_rotated_while_stopped_are_read_though_no_watch_is_left)
{
    struct server server = follow(loop, "one\n");
    server_close(&server);
    append_file("f", "two\n");
    rename_file("f", "f.2");
    append_file("f", "three\n");
    rename_file("f", "f.1");
    append_file("f", "four\n");
    atomic_store(&no_directories, true);
    EXPECT_AT_START(loop, "one", "two", "three", "four");
}

/* --- names --- */

/* The file of the place has another name: the directory is looked through for its number. */
BACKEND_TEST(renamed_file_is_found_though_the_names_cannot_be_read_at_first)
{
    struct server server = follow(loop, "one\n");
    server_close(&server);
    append_file("f", "two\n");
    rename_file("f", "moved");
    append_file("f", "three\n");
    atomic_store(&broken, 2); /* it is looked through again by its path without links */
    EXPECT_AT_START(loop, "one", "two", "three");
    assert_int_equal(atomic_load(&broken), 0);
    assert_true(reported("input/output error"));
}

/* Behind a symbolic link the number is looked for in the file's own directory as well. */
BACKEND_TEST(renamed_file_behind_a_link_is_found_in_its_own_directory)
{
    make_directory("own");
    append_file("own/f", "one\n");
    assert_int_equal(symlink("own/../own/f", harness_path("f")), 0);
    struct server server = server_open(loop, "f", NULL, 0);
    wait_for_count(&server, 1);
    server_close(&server);
    append_file("own/f", "two\n");
    rename_file("own/f", "own/moved");
    append_file("own/f", "three\n");
    EXPECT_AT_START(loop, "one", "two", "three");
}

/* A survey that fails after each so many reads of names: what it has found by then is found
 * again. */
BACKEND_TEST(files_rotated_while_stopped_are_read_though_the_names_cannot_be_read_at_first)
{
    struct server server = follow(loop, "one\n");
    server_close(&server);
    rename_file("f", "f.2");
    append_file("f", "two\n");
    rename_file("f", "f.1");
    append_file("f", "three\n");
    atomic_store(&broken, 3);
    EXPECT_AT_START(loop, "one", "two", "three");
    assert_int_equal(atomic_load(&broken), 0);
}

BACKEND_TEST(files_of_a_pattern_are_found_though_the_names_cannot_be_read_at_first)
{
    append_file("fa", "one\n");
    atomic_store(&broken, 2);
    struct server server = server_open_into(loop, "f*", stream_name, NULL, 0);
    wait_for_report(&server, "cannot look for files: input/output error: trying again");
    wait_until_read(&server, 1);
    assert_int_equal(atomic_load(&broken), 0);
    append_file("fb", "two\n");
    CLOSE_WITH(&server, "one", "two");
}
