/* test_watch.c - hark/watch.h of one file, and of the names in one directory. */
#include "conform/watcher.h"
#include "harness/lacking.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct hark_watch_options names_alone = {
    .kinds = HARK_WATCH_CREATED | HARK_WATCH_REMOVED | HARK_WATCH_RENAMED};

/* A directory d in the test's own, which is watched. */
static void open_directory(struct watcher *watcher, struct hark_loop *loop,
                           const struct hark_watch_options *options)
{
    watcher_mkdir("d");
    watcher_open(watcher, loop, "d", options);
    watcher_expect(watcher, "ready");
}

/* --- a file --- */

BACKEND_TEST(watch_of_a_file_tells_of_it_under_whatever_name)
{
    struct watcher watcher = {0};
    harness_close(loop, harness_file("f", "", 0));
    watcher_open(&watcher, loop, "f", NULL);
    watcher_expect(&watcher, "ready");
    watcher_write("f");
    watcher_expect(&watcher, "modified .");
    watcher_expect(&watcher, "written .");
    watcher_rename("f", "g");
    watcher_expect(&watcher, "renamed . > .");
    watcher_write("g");
    watcher_expect(&watcher, "modified .");
    watcher_expect(&watcher, "written .");
    watcher_unlink("g");
    watcher_expect(&watcher, "removed .");
    watcher_expect(&watcher, "closed ENOENT");
    watcher_close(&watcher);
}

BACKEND_TEST(watch_tells_of_attributes_where_they_are_asked_for)
{
    if (harness_in_world())
        harness_skip("there is no fchmod(2)");
    struct watcher watcher = {0};
    const struct hark_watch_options options = {.kinds = HARK_WATCH_ATTRIBUTES};
    int fd = harness_file("f", "", 0);
    watcher_open(&watcher, loop, "f", &options);
    watcher_expect(&watcher, "ready");
    assert_int_equal(fchmod(fd, 0640), 0);
    watcher_expect(&watcher, "attributes .");
    harness_close(loop, fd);
    watcher_close(&watcher);
}

/* --- a directory --- */

BACKEND_TEST(watch_of_a_directory_tells_of_names_and_joins_a_renaming)
{
    struct watcher watcher = {0};
    open_directory(&watcher, loop, &names_alone);
    watcher_touch("d/a");
    watcher_expect(&watcher, "created a");
    watcher_mkdir("d/b");
    watcher_expect(&watcher, "created b/");
    watcher_touch("d/b/unseen");
    watcher_rename("d/a", "d/c");
    watcher_expect(&watcher, "renamed a > c");
    watcher_rename("d/b", "d/e");
    watcher_expect(&watcher, "renamed b/ > e/");
    watcher_unlink("d/c");
    watcher_expect(&watcher, "removed c");
    watcher_equals(&watcher, "f");
    watcher_close(&watcher);
}

BACKEND_TEST(watch_tells_what_was_there_where_that_is_asked_for)
{
    struct watcher watcher = {0};
    const struct hark_watch_options options = {.kinds = names_alone.kinds,
                                               .flags = HARK_WATCH_EXISTING};
    watcher_mkdir("d");
    watcher_touch("d/a");
    watcher_open(&watcher, loop, "d", &options);
    watcher_expect(&watcher, "created a");
    watcher_expect(&watcher, "ready");
    watcher_close(&watcher);
}

BACKEND_TEST(watch_tells_of_a_removal_of_what_was_there_before)
{
    struct watcher watcher = {0};
    watcher_mkdir("d");
    watcher_touch("d/a");
    watcher_touch("d/b");
    watcher_open(&watcher, loop, "d", &names_alone);
    watcher_expect(&watcher, "ready");
    watcher_unlink("d/a");
    watcher_expect(&watcher, "removed a");
    watcher_rename("d/b", "d/a");
    watcher_expect(&watcher, "renamed b > a");
    watcher_close(&watcher);
}

BACKEND_TEST(watch_takes_moves_over_its_border_as_creation_and_removal)
{
    struct watcher watcher = {0};
    open_directory(&watcher, loop, &names_alone);
    watcher_touch("outside");
    watcher_rename("outside", "d/inside");
    watcher_expect(&watcher, "created inside");
    watcher_rename("d/inside", "outside");
    watcher_expect(&watcher, "removed inside");
    /* Behind one that waits for its other half nothing is lost. */
    watcher_rename("outside", "d/inside");
    watcher_rename("d/inside", "outside");
    watcher_touch("d/a");
    watcher_expect(&watcher, "created inside");
    watcher_expect(&watcher, "removed inside");
    watcher_expect(&watcher, "created a");
    /* In the place of another: that is told, too. */
    watcher_rename("outside", "d/a");
    watcher_expect(&watcher, "created a");
    watcher_close(&watcher);
}

BACKEND_TEST(watch_takes_what_changes_places_as_it_is)
{
    struct watcher watcher = {0};
    open_directory(&watcher, loop, &names_alone);
    watcher_touch("d/a");
    watcher_mkdir("d/b");
    assert_int_equal(harness_renameat2(AT_FDCWD, harness_path("d/a"), AT_FDCWD, harness_path("d/b"),
                                       RENAME_EXCHANGE),
                     0);
    watcher_equals(&watcher, "f");
    watcher_close(&watcher);
}

BACKEND_TEST(watch_tells_names_of_any_bytes_and_the_longest)
{
    struct watcher watcher = {0};
    char name[260] = "d/", line[300];
    open_directory(&watcher, loop, &names_alone);
    memset(name + 2, 'n', 255);
    name[257] = '\0';
    watcher_touch(name);
    snprintf(line, sizeof line, "created %s", name + 2);
    watcher_expect(&watcher, line);
    for (int byte = 1; byte < 256; byte++) {
        if (byte == '/' || byte == '.')
            continue;
        snprintf(name, sizeof name, "d/%c", byte);
        watcher_touch(name);
        snprintf(line, sizeof line, "created %c", byte);
        watcher_expect(&watcher, line);
    }
    watcher_close(&watcher);
}

/* --- modifications --- */

BACKEND_TEST(watch_tells_once_what_was_written_again_and_again)
{
    struct watcher watcher = {0};
    const struct hark_watch_options options = {.kinds = HARK_WATCH_MODIFIED | HARK_WATCH_RENAMED};
    watcher_mkdir("d");
    watcher_touch("d/a");
    watcher_touch("d/b");
    watcher_open(&watcher, loop, "d", &options);
    watcher_expect(&watcher, "ready");
    for (int i = 0; i < 10; i++) {
        watcher_write("d/a");
        watcher_write("d/b");
    }
    watcher_rename("d/a", "d/c");
    watcher_write("d/c"); /* under a name that its owner knows only now */
    watcher_rename("d/c", "d/e");
    watcher_expect(&watcher, "modified a");
    watcher_expect(&watcher, "modified b");
    watcher_expect(&watcher, "renamed a > c");
    watcher_expect(&watcher, "modified c");
    watcher_expect(&watcher, "renamed c > e");
    watcher_write("d/e");
    watcher_expect(&watcher, "modified e");
    watcher_close(&watcher);
}

BACKEND_TEST(watch_gathers_modifications_for_a_time)
{
    struct watcher watcher = {0};
    const struct hark_watch_options options = {.kinds = HARK_WATCH_MODIFIED | HARK_WATCH_CREATED |
                                                        HARK_WATCH_REMOVED | HARK_WATCH_RENAMED,
                                               .gather_ns = 20000000};
    watcher_mkdir("d");
    watcher_touch("d/a");
    watcher_touch("d/b");
    watcher_open(&watcher, loop, "d", &options);
    watcher_expect(&watcher, "ready");
    watcher_write("d/a");
    watcher_write("d/b");
    watcher_unlink("d/b"); /* nobody can look at it any more */
    watcher_rename("d/a", "d/c");
    watcher_expect(&watcher, "removed b");
    watcher_expect(&watcher, "renamed a > c");
    watcher_expect(&watcher, "modified c");
    watcher_close(&watcher);
}

/* --- the end --- */

BACKEND_TEST(watch_ends_with_what_it_watches)
{
    struct watcher removed = {0}, renamed = {0};
    open_directory(&removed, loop, NULL);
    watcher_rmdir("d");
    watcher_expect(&removed, "removed .");
    watcher_expect(&removed, "closed ENOENT");
    watcher_close(&removed);
    open_directory(&renamed, loop, NULL);
    watcher_rename("d", "e");
    watcher_expect(&renamed, "renamed . > .");
    watcher_expect(&renamed, "closed ESTALE");
    watcher_close(&renamed);
}

BACKEND_TEST(watch_ends_where_its_path_leads_elsewhere_when_it_looks_again)
{
    struct watcher watcher = {0};
    watcher_mkdir("p");
    watcher_mkdir("p/d");
    watcher_open(&watcher, loop, "p/d", NULL);
    watcher_expect(&watcher, "ready");
    watcher_rename("p", "q"); /* which nobody tells */
    watcher_mkdir("p");
    watcher_mkdir("p/d");
    watcher_touch("q/d/a");
    watcher_await(&watcher, "created a");
    watcher_await(&watcher, "written a");
    hark_watch_look_again(&watcher.watch);
    watcher_expect(&watcher, "closed ESTALE");
    watcher_close(&watcher);
}

BACKEND_TEST(watch_tells_why_it_does_not_watch)
{
    struct watcher none = {0}, below = {0};
    struct hark_watch watch = {0};
    struct hark_watch_options unknown = {.flags = 1U << 31};
    static const struct hark_watch_events no_events = {.told = NULL};
    watcher_open(&none, loop, "none", NULL);
    watcher_expect(&none, "closed ENOENT");
    watcher_close(&none);
    harness_close(loop, harness_file("f", "", 0));
    watcher_open(&below, loop, "f/d", NULL);
    watcher_expect(&below, "closed ENOTDIR");
    watcher_close(&below);
    assert_int_equal(hark_watch_open(loop, &watch, "", NULL, &no_events), -ENOENT);
    assert_int_equal(hark_watch_open(loop, &watch, "/", &unknown, &no_events), -EINVAL);
    unknown = (struct hark_watch_options){.kinds = HARK_WATCH_READY};
    assert_int_equal(hark_watch_open(loop, &watch, "/", &unknown, &no_events), -EINVAL);
    hark_watch_close(&watch); /* it is not open */
    hark_watch_look_again(&watch);
}

BACKEND_TEST(watch_closed_in_any_of_its_callbacks_tells_nothing_more)
{
    for (size_t i = 1; i <= 8; i++) {
        struct watcher watcher = {.close_at = i};
        const struct hark_watch_options options = {.flags =
                                                       HARK_WATCH_EXISTING | HARK_WATCH_RECURSIVE};
        watcher_mkdir("d");
        watcher_mkdir("d/a");
        watcher_touch("d/a/b");
        watcher_touch("d/c");
        watcher_open(&watcher, loop, "d", &options);
        if (i > 4) {
            watcher_await(&watcher, "ready");
            watcher_write("d/c");
            watcher_rename("d/a", "d/e");
            watcher_unlink("d/e/b");
        }
        harness_run_until(loop, &watcher.is_closed);
        assert_int_equal(watcher.count, i + 1);
        assert_int_equal(watcher.error, 0);
        watcher_close(&watcher);
        (void)unlink(harness_path("d/e/b"));
        (void)unlink(harness_path("d/a/b"));
        (void)rmdir(harness_path("d/e"));
        (void)rmdir(harness_path("d/a"));
        watcher_unlink("d/c");
        watcher_rmdir("d");
    }
}

BACKEND_TEST(watch_ends_with_all_that_is_cancelled)
{
    struct watcher early = {0}, late = {0};
    open_directory(&late, loop, NULL);
    watcher_open(&early, loop, "d", NULL);
    /* What the pool had done with before is no cancel, and the watch goes on. */
    while (!early.is_closed || !late.is_closed) {
        hark_cancel_all(loop);
        assert_true(hark_run_once(loop) >= 0);
    }
    assert_int_equal(late.error, -ECANCELED);
    assert_int_equal(early.error, -ECANCELED);
    watcher_close(&early);
    watcher_close(&late);
}
