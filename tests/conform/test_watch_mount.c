/* test_watch_mount.c - hark/watch_mount.h, on a file system of the test's own. */
#include "conform/mounted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- what is told --- */

BACKEND_TEST(watch_of_a_mount_tells_of_names_and_of_what_is_written)
{
    struct mounted mounted = {0};
    mounted_open(&mounted, loop, "", 0);
    mounted_touch("a");
    mounted_expect(&mounted, "created a, written a");
    mounted_write("a");
    mounted_expect(&mounted, "modified a, written a");
    mounted_rename("a", "b");
    mounted_expect(&mounted, "renamed a > b");
    mounted_unlink("b");
    mounted_expect(&mounted, "removed b");
    mounted_close(&mounted);
}

BACKEND_TEST(watch_of_a_mount_tells_of_directories_that_are_new)
{
    struct mounted mounted = {0};
    mounted_open(&mounted, loop, "", HARK_WATCH_CREATED | HARK_WATCH_REMOVED | HARK_WATCH_RENAMED);
    mounted_mkdir("d");
    mounted_mkdir("d/e");
    mounted_touch("d/e/f");
    mounted_expect(&mounted, "created d/, created d/e/, created d/e/f");
    mounted_rename("d/e", "g");
    mounted_touch("g/h");
    mounted_expect(&mounted, "renamed d/e/ > g/, created g/h");
    mounted_unlink("g/f");
    mounted_unlink("g/h");
    mounted_expect(&mounted, "removed g/f, removed g/h");
    mounted_rmdir("g");
    mounted_rmdir("d");
    mounted_expect(&mounted, "removed g/, removed d/");
    mounted_close(&mounted);
}

BACKEND_TEST(watch_of_a_mount_tells_of_a_directorys_end_and_not_of_what_was_in_it)
{
    struct mounted mounted = {0};
    mounted_mount();
    mounted_mkdir("d");
    mounted_touch("d/f");
    mounted_open(&mounted, loop, "", 0);
    mounted_unlink("d/f");
    mounted_rmdir("d");
    mounted_touch("last");
    mounted_expect(&mounted, "removed d/, created last, written last");
    mounted_close(&mounted);
}

BACKEND_TEST(watch_of_a_mount_tells_of_what_lies_below_its_directory_alone)
{
    struct mounted mounted = {0};
    mounted_mount();
    mounted_mkdir("in");
    mounted_mkdir("inside"); /* which begins as the other does */
    mounted_open(&mounted, loop, "in", 0);
    mounted_touch("inside/a");
    mounted_touch("b");
    mounted_rename("b", "in/b");
    mounted_rename("in/b", "in/c");
    mounted_rename("in/c", "inside/c");
    mounted_rename("inside/c", "d");
    mounted_touch("in/last");
    mounted_expect(&mounted, "created b, renamed b > c, removed c, created last, written last");
    mounted_close(&mounted);
}

BACKEND_TEST(watch_of_a_mount_goes_on_by_the_name_that_its_directory_has)
{
    struct mounted mounted = {0};
    mounted_mount();
    mounted_mkdir("before");
    mounted_open(&mounted, loop, "before", 0);
    mounted_rename("before", "after");
    mounted_touch("after/a");
    mounted_expect(&mounted, "created a, written a");
    mounted_close(&mounted);
}

BACKEND_TEST(watch_of_a_mount_tells_of_attributes_where_they_are_asked_for)
{
    struct mounted mounted = {0};
    mounted_mount();
    mounted_touch("a");
    mounted_open(&mounted, loop, "", HARK_WATCH_ATTRIBUTES);
    mounted_touch("unseen");
    assert_int_equal(chmod(mounted_path("a"), 0640), 0);
    mounted_expect(&mounted, "attributes a");
    assert_int_equal(chmod(mounted_path(""), 0750), 0);
    mounted_expect(&mounted, "attributes .");
    mounted_close(&mounted);
}

BACKEND_TEST(watch_of_a_mount_tells_what_became_of_a_name_that_came_and_went)
{
    struct mounted mounted = {0};
    mounted_mount();
    mounted_mkdir("there");
    mounted_open(&mounted, loop, "", HARK_WATCH_CREATED | HARK_WATCH_REMOVED);
    mounted_mkdir("gone");
    mounted_rmdir("gone");
    mounted_expect(&mounted, "created gone/, removed gone/");
    mounted_rmdir("there");
    mounted_mkdir("there");
    mounted_expect(&mounted, "removed there/, created there/");
    mounted_close(&mounted);
}

BACKEND_TEST(watch_of_a_mount_says_who_did_it)
{
    struct mounted mounted = {0};
    mounted_open(&mounted, loop, "", HARK_WATCH_CREATED);
    mounted_mkdir("mine");
    mounted_expect(&mounted, "created mine/");
    assert_int_equal(mounted.process, getpid());
    const char *its = mounted_path("its");
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(mkdir(its, 0700) == 0 ? 0 : errno);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    mounted_expect(&mounted, "created its/");
    assert_int_equal(mounted.process, child);
    mounted_close(&mounted);
}

BACKEND_TEST(watch_of_a_mount_says_that_some_was_lost)
{
    enum { MORE = 17000 }; /* than fs.fanotify.max_queued_events is as a rule */
    struct mounted mounted = {0};
    mounted_mount();
    int most = mounted_queue_max();
    if (most > MORE)
        harness_skip("fs.fanotify.max_queued_events is %d", most);
    mounted_open(&mounted, loop, "", HARK_WATCH_CREATED);
    for (int i = 0; i < MORE; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        mounted_touch(name);
    }
    mounted_await(&mounted, "overflow .");
    mounted_touch("last");
    mounted_expect(&mounted, "created last");
    assert_true(mounted.count < MORE);
    mounted_close(&mounted);
}

/* --- its life --- */

BACKEND_TEST(watch_of_a_mount_is_closed_by_its_owner_at_any_time)
{
    struct mounted mounted = {0};
    mounted_mount();
    mounted_start(&mounted, loop, "", 0);
    mounted_close(&mounted); /* before it is ready */
    assert_int_equal(mounted.error, 0);

    mounted = (struct mounted){.close_at = 1};
    mounted_start(&mounted, loop, "", 0);
    mounted_await_end(&mounted); /* when it is */
    assert_int_equal(mounted.error, 0);

    mounted = (struct mounted){.close_at = 2};
    mounted_open(&mounted, loop, "", 0);
    mounted_touch("a");
    mounted_touch("b");
    mounted_await_end(&mounted); /* in the first of several */
    assert_int_equal(mounted.error, 0);
}

BACKEND_TEST(watch_of_a_mount_ends_with_all_that_the_loop_has)
{
    struct mounted mounted = {0};
    mounted_mount();
    mounted_start(&mounted, loop, "", 0);
    hark_cancel_all(loop);
    mounted_await_end(&mounted);
    assert_result(mounted.error, -ECANCELED);

    mounted = (struct mounted){0};
    mounted_open(&mounted, loop, "", 0);
    hark_cancel_all(loop);
    mounted_await_end(&mounted);
    assert_result(mounted.error, -ECANCELED);
}

static int ends_with(struct hark_loop *loop, const char *name)
{
    struct mounted mounted = {0};
    mounted_start(&mounted, loop, name, 0);
    mounted_await_end(&mounted);
    return mounted.error;
}

BACKEND_TEST(watch_of_a_mount_says_why_it_cannot_be)
{
    static const struct hark_watch_mount_events none = {0};
    struct hark_watch_mount watch = {0};
    mounted_mount();
    mounted_touch("file");
    assert_result(ends_with(loop, "nothing"), -ENOENT);
    assert_result(ends_with(loop, "file"), -ENOTDIR);
    assert_result(hark_watch_mount_open(loop, &watch, "", 0, &none), -ENOENT);
    assert_result(hark_watch_mount_open(loop, &watch, "/", HARK_WATCH_READY, &none), -EINVAL);
    hark_watch_mount_close(&watch);
}

BACKEND_TEST(watch_of_a_mount_needs_rights)
{
    mounted_mount();
    assert_int_equal(chmod(mounted_path(""), 0755), 0);
    if (chmod(harness_directory(), 0755) != 0 || setresuid(65534, 65534, 65534) != 0)
        harness_skip("cannot be another user: %s", strerror(errno));
    if (access(mounted_path(""), R_OK | X_OK) != 0)
        harness_skip("that user cannot see the directory");
    assert_result(ends_with(loop, ""), -EPERM);
}
