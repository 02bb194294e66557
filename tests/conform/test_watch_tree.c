/* test_watch_tree.c - hark/watch.h of a tree: whatever happens, the names that are told are those
 * that there are. */
#include "conform/watcher.h"
#include "harness/lacking.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct hark_watch_options tree = {.flags = HARK_WATCH_RECURSIVE,
                                               .kinds = HARK_WATCH_CREATED | HARK_WATCH_REMOVED |
                                                        HARK_WATCH_RENAMED};

static void open_tree(struct watcher *watcher, struct hark_loop *loop)
{
    watcher_mkdir("t");
    watcher_open(watcher, loop, "t", &tree);
    watcher_expect(watcher, "ready");
}

/* Nothing is left out: to look again finds nothing. */
static void assert_complete(struct watcher *watcher)
{
    watcher->read = watcher->count;
    hark_watch_look_again(&watcher->watch);
    watcher_expect(watcher, "ready");
}

/* --- what is new --- */

BACKEND_TEST(watch_tells_what_came_into_a_directory_before_it_was_watched_and_once)
{
    struct watcher watcher = {0};
    open_tree(&watcher, loop);
    watcher_mkdir("t/a");
    watcher_mkdir("t/a/b");
    watcher_touch("t/a/b/c");
    watcher_touch("t/d");
    watcher_expect(&watcher, "created a/");
    watcher_expect(&watcher, "created d");
    watcher_expect(&watcher, "created a/b/");
    watcher_expect(&watcher, "created a/b/c");
    watcher_touch("t/a/b/e");
    watcher_expect(&watcher, "created a/b/e");
    watcher_equals(&watcher, "last");
    assert_int_equal(watcher.twice, 0);
    assert_complete(&watcher);
    watcher_close(&watcher);
}

BACKEND_TEST(watch_tells_the_tree_that_was_there_where_that_is_asked_for)
{
    struct watcher watcher = {0};
    struct hark_watch_options options = tree;
    options.flags |= HARK_WATCH_EXISTING;
    watcher_mkdir("t");
    watcher_mkdir("t/a");
    watcher_touch("t/a/b");
    watcher_open(&watcher, loop, "t", &options);
    watcher_expect(&watcher, "created a/");
    watcher_expect(&watcher, "created a/b");
    watcher_expect(&watcher, "ready");
    watcher_equals(&watcher, "last");
    watcher_close(&watcher);
}

BACKEND_TEST(watch_follows_a_directory_to_its_new_name)
{
    struct watcher watcher = {0};
    open_tree(&watcher, loop);
    watcher_mkdir("t/a");
    watcher_mkdir("t/a/b");
    watcher_mkdir("t/x");
    watcher_await(&watcher, "created a/b/");
    watcher_equals(&watcher, "one");
    watcher_rename("t/a", "t/x/y");
    watcher_await(&watcher, "renamed a/ > x/y/");
    watcher_touch("t/x/y/b/c");
    watcher_expect(&watcher, "created x/y/b/c");
    watcher_rename("t/x/y/b/c", "t/c");
    watcher_expect(&watcher, "renamed x/y/b/c > c");
    watcher_equals(&watcher, "last");
    assert_complete(&watcher);
    watcher_close(&watcher);
}

BACKEND_TEST(watch_hears_nothing_of_what_was_moved_outside)
{
    struct watcher watcher = {0};
    open_tree(&watcher, loop);
    watcher_mkdir("t/a");
    watcher_mkdir("t/a/b");
    watcher_await(&watcher, "created a/b/");
    watcher_equals(&watcher, "one");
    watcher_rename("t/a", "a");
    watcher_await(&watcher, "removed a/");
    watcher_touch("a/b/c");
    watcher_rename("a", "t/e");
    watcher_expect(&watcher, "created e/");
    watcher_expect(&watcher, "created e/b/");
    watcher_expect(&watcher, "created e/b/c");
    watcher_equals(&watcher, "last");
    watcher_close(&watcher);
}

BACKEND_TEST(watch_takes_directories_that_change_places)
{
    struct watcher watcher = {0};
    open_tree(&watcher, loop);
    watcher_mkdir("t/a");
    watcher_touch("t/a/one");
    watcher_mkdir("t/b");
    watcher_touch("t/b/two");
    watcher_equals(&watcher, "before");
    assert_int_equal(harness_renameat2(AT_FDCWD, harness_path("t/a"), AT_FDCWD, harness_path("t/b"),
                                       RENAME_EXCHANGE),
                     0);
    watcher_equals(&watcher, "between");
    watcher_touch("t/a/three");
    watcher_equals(&watcher, "last");
    assert_complete(&watcher);
    watcher_close(&watcher);
}

BACKEND_TEST(watch_does_not_follow_links_inside)
{
    struct watcher watcher = {0};
    open_tree(&watcher, loop);
    watcher_mkdir("outside");
    if (symlink("..", harness_path("t/up")) < 0)
        harness_skip("there are no links here");
    assert_int_equal(symlink(harness_path("outside"), harness_path("t/out")), 0);
    watcher_expect(&watcher, "created up");
    watcher_expect(&watcher, "created out");
    watcher_touch("outside/a");
    watcher_touch("t/b");
    watcher_expect(&watcher, "created b");
    watcher_close(&watcher);
}

BACKEND_TEST(watch_finds_a_file_where_a_directory_was)
{
    struct watcher watcher = {0};
    open_tree(&watcher, loop);
    watcher_mkdir("t/a");
    watcher_rmdir("t/a");
    watcher_touch("t/a");
    watcher_expect(&watcher, "created a/");
    watcher_expect(&watcher, "removed a/");
    watcher_expect(&watcher, "created a");
    watcher_equals(&watcher, "last");
    watcher_close(&watcher);
}

BACKEND_TEST(watch_goes_deeper_than_a_path_is_long)
{
    enum { DEEP = 40, LONG = 200 };
    struct watcher watcher = {0};
    char name[LONG + 1];
    int at[DEEP + 1], depth = 0;
    open_tree(&watcher, loop);
    memset(name, 'd', LONG);
    name[LONG] = '\0';
    at[0] = hark_os_openat(AT_FDCWD, harness_path("t"), O_RDONLY | O_DIRECTORY, 0);
    for (; depth < DEEP; depth++) {
        assert_int_equal(mkdirat(at[depth], name, 0700), 0);
        at[depth + 1] = hark_os_openat(at[depth], name, O_RDONLY | O_DIRECTORY, 0);
        assert_true(at[depth + 1] >= 0);
    }
    for (int i = 1; i <= DEEP; i++) {
        assert_true(hark_run_once(loop) >= 0);
        while (watcher.name_count < (size_t)i)
            assert_true(hark_run_once(loop) >= 0);
    }
    for (; depth > 0; depth--) {
        assert_result(hark_os_close_unknown(at[depth]), 0);
        assert_int_equal(unlinkat(at[depth - 1], name, AT_REMOVEDIR), 0);
    }
    assert_result(hark_os_close_unknown(at[0]), 0);
    watcher_equals(&watcher, "last");
    watcher_close(&watcher);
}

/* --- much at once --- */

struct changer {
    pthread_t thread;
    uint64_t random;
    int steps;
};

static unsigned below(struct changer *changer, unsigned limit)
{
    changer->random = changer->random * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(changer->random >> 33) % limit;
}

/* A name of the tree, three deep at most, of a few: so they meet. */
static void choose(struct changer *changer, char *to, size_t room)
{
    size_t used = (size_t)snprintf(to, room, "t");
    for (unsigned depth = 1 + below(changer, 3); depth > 0; depth--)
        used += (size_t)snprintf(to + used, room - used, "/%c", 'a' + (int)below(changer, 4));
}

static void *change(void *argument)
{
    struct changer *changer = argument;
    char one[64], other[64];
    for (int i = 0; i < changer->steps; i++) {
        choose(changer, one, sizeof one);
        choose(changer, other, sizeof other);
        unsigned what = below(changer, 12);
        if (what < 5)
            (void)mkdir(harness_path(one), 0700);
        else if (what < 7)
            (void)mknod(harness_path(one), S_IFREG | 0600, 0);
        else if (what < 8)
            (void)unlink(harness_path(one));
        else if (what < 9)
            (void)rmdir(harness_path(one));
        else
            (void)rename(harness_path(one), harness_path(what == 11 ? "outside" : other));
        if (what == 11 && below(changer, 2))
            (void)rename(harness_path("outside"), harness_path(other));
    }
    return NULL;
}

BACKEND_TEST(watch_of_random_changes_has_the_names_in_the_end)
{
    const int rounds = harness_in_world() ? 2 : 4;
    struct watcher watcher = {0};
    open_tree(&watcher, loop);
    for (int round = 0; round < rounds; round++) {
        char last[16];
        struct changer changer = {.random = (uint64_t)round + 1,
                                  .steps = harness_in_world() ? 200 : 600};
        assert_int_equal(pthread_create(&changer.thread, NULL, change, &changer), 0);
        for (int i = 0; i < 20; i++)
            assert_true(hark_run_ready(loop) >= 0);
        assert_int_equal(pthread_join(changer.thread, NULL), 0);
        snprintf(last, sizeof last, "last%d", round);
        watcher_equals(&watcher, last);
    }
    assert_complete(&watcher);
    watcher_close(&watcher);
}

enum { MANY = 1000 };

static void *make_many(void *argument)
{
    char name[64];
    for (int i = 0; i < *(const int *)argument; i++) {
        snprintf(name, sizeof name, "t/%d", i);
        assert_int_equal(mkdir(harness_path(name), 0700), 0);
        snprintf(name, sizeof name, "t/%d/f", i);
        watcher_touch(name);
    }
    return NULL;
}

BACKEND_TEST(watch_of_a_thousand_directories_made_while_it_reads_tells_each_once)
{
    struct watcher watcher = {0};
    pthread_t thread;
    int many = harness_in_world() ? 100 : MANY;
    open_tree(&watcher, loop);
    assert_int_equal(pthread_create(&thread, NULL, make_many, &many), 0);
    while (watcher.name_count < (size_t)many)
        assert_true(hark_run_once(loop) >= 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    watcher_equals(&watcher, "last");
    assert_int_equal(watcher.twice, 0);
    assert_int_equal(watcher.name_count, 2 * many + 1);
    watcher_close(&watcher);
}

enum { QUEUED_MOST = 100000 };

static int number_in(const char *path)
{
    char text[32] = "";
    int fd = hark_os_openat(AT_FDCWD, path, O_RDONLY, 0);
    assert_true(fd >= 0);
    assert_true(hark_os_read(fd, text, sizeof text - 1) > 0);
    assert_result(hark_os_close_unknown(fd), 0);
    return atoi(text);
}

/* More than the kernel keeps, and names that come and go among what is lost. */
BACKEND_TEST(watch_whose_queue_overflows_says_so_and_looks_again)
{
    if (harness_in_world())
        harness_skip("sim_watch_overflow has a small queue for it");
    const int most = number_in("/proc/sys/fs/inotify/max_queued_events");
    if (most > QUEUED_MOST)
        harness_skip("the kernel keeps %d events", most);
    struct watcher watcher = {0};
    open_tree(&watcher, loop);
    watcher_mkdir("t/a");
    watcher_mkdir("t/b");
    watcher_touch("t/b/c");
    watcher_equals(&watcher, "one");
    for (int i = 0; i < most / 2 + 1; i++) {
        watcher_mkdir("t/x");
        watcher_rmdir("t/x");
    }
    watcher_mkdir("t/a/new");
    watcher_touch("t/a/new/f");
    watcher_unlink("t/b/c");
    watcher_rmdir("t/b");
    watcher_touch("t/b"); /* a file in the place of a directory */
    watcher_await(&watcher, "overflow");
    watcher_await(&watcher, "ready");
    watcher_equals(&watcher, "last");
    assert_complete(&watcher);
    watcher_close(&watcher);
}
