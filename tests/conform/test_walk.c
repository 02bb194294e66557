/* test_walk.c - a tree of files walked: what is told, in which order, how many directories are
 * open, what vanishes meanwhile, and how it ends. */
#include "hark/tree.h"
#include "harness/harness.h"
#include "harness/lacking.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINES = 4000, LINE_BYTES = 400, DEEP = 40 };

struct walking {
    struct hark_walk walk;
    struct hark_loop *loop;
    int count; /* of what was told */
    int turn;  /* told in this turn */
    char lines[LINES][LINE_BYTES];
    enum hark_walk_next (*also)(struct walking *walking, const struct hark_walk_entry *entry);
    int open_most, open_before; /* the lowest number that is free */
    struct hark_op later;
    bool ended;
    int error;
};

static struct walking walking;

static void walk_ended(struct hark_walk *walk, int error)
{
    assert_ptr_equal(walk, &walking.walk);
    assert_false(walking.ended);
    walking.ended = true;
    walking.error = error;
}

static int free_number(void)
{
    int fd = open(harness_directory(), O_PATH | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd;
}

static const char *kind_of(const struct hark_walk_entry *entry)
{
    return entry->kind == HARK_WALK_LEFT        ? "left"
           : entry->kind == HARK_WALK_DIRECTORY ? "directory"
           : entry->type == DT_LNK              ? "link"
                                                : "file";
}

static enum hark_walk_next told(struct hark_walk *walk, const struct hark_walk_entry *entry)
{
    struct stat status;
    assert_ptr_equal(walk, &walking.walk);
    assert_true(walking.count < LINES);
    snprintf(walking.lines[walking.count++], LINE_BYTES, "%s %u %s %d", kind_of(entry),
             entry->depth, entry->path, entry->error);
    walking.turn++;
    int open = free_number();
    if (open > walking.open_most)
        walking.open_most = open;
    /* What it names is there, but for what the tests take away. */
    int found = fstatat(entry->directory, entry->name, &status, AT_SYMLINK_NOFOLLOW);
    if (entry->status) {
        assert_int_equal(found, 0);
        assert_int_equal(entry->status->stx_ino, status.st_ino);
    }
    return walking.also ? walking.also(&walking, entry) : HARK_WALK_ON;
}

static void start(struct hark_loop *loop, const char *path, const struct hark_walk_options *options)
{
    walking.walk = (struct hark_walk){0};
    walking.loop = loop;
    walking.later = (struct hark_op){0};
    walking.count = walking.turn = 0;
    walking.ended = false;
    walking.open_most = walking.open_before = free_number();
    hark_walk_start(loop, &walking.walk, AT_FDCWD, path, options, told, walk_ended);
    assert_int_equal(walking.count, 0);
    assert_false(walking.ended);
}

static int walk_through(struct hark_loop *loop, const char *path,
                        const struct hark_walk_options *options)
{
    start(loop, path, options);
    harness_run(loop);
    assert_true(walking.ended);
    return walking.error;
}

static int place_of(const char *line)
{
    for (int i = 0; i < walking.count; i++)
        if (strcmp(walking.lines[i], line) == 0)
            return i;
    return -1;
}

static bool was_told(const char *line)
{
    return place_of(line) >= 0;
}

static void make_tree(void)
{
    assert_int_equal(mkdir(harness_path("top"), 0700), 0);
    assert_int_equal(mkdir(harness_path("top/a"), 0700), 0);
    assert_int_equal(mkdir(harness_path("top/a/b"), 0700), 0);
    assert_int_equal(mkdir(harness_path("top/empty"), 0700), 0);
    close(harness_file("top/one", "1", 1));
    close(harness_file("top/a/two", "22", 2));
    close(harness_file("top/a/b/three", "333", 3));
    assert_int_equal(symlink("a", harness_path("top/link")), 0);
    assert_int_equal(symlink("..", harness_path("top/a/up")), 0);
}

/* --- what is told --- */

static void expect_tree(void)
{
    static const char *const expected[] = {
        "directory 0  0", "left 0  0",     "directory 1 a 0",   "left 1 a 0",
        "file 2 a/two 0", "link 2 a/up 0", "directory 2 a/b 0", "file 3 a/b/three 0",
        "left 2 a/b 0",   "file 1 one 0",  "link 1 link 0",     "directory 1 empty 0",
        "left 1 empty 0",
    };
    const int count = (int)(sizeof expected / sizeof *expected);
    for (int i = 0; i < count; i++)
        if (!was_told(expected[i]))
            fail_msg("not told: %s", expected[i]);
    assert_int_equal(walking.count, count);
    assert_int_equal(place_of("directory 0  0"), 0);
    assert_int_equal(place_of("left 0  0"), count - 1);
    assert_true(place_of("directory 1 a 0") < place_of("file 2 a/two 0"));
    assert_true(place_of("file 3 a/b/three 0") < place_of("left 2 a/b 0"));
    assert_true(place_of("left 2 a/b 0") < place_of("left 1 a 0"));
    assert_int_equal(place_of("left 1 empty 0"), place_of("directory 1 empty 0") + 1);
}

BACKEND_TEST(all_of_a_tree_is_told_and_no_link_is_followed)
{
    make_tree();
    assert_result(walk_through(loop, harness_path("top"), NULL), 0);
    expect_tree();
    const struct hark_walk_options statuses = {.mask = STATX_BASIC_STATS, .open_max = 2};
    assert_result(walk_through(loop, harness_path("top"), &statuses), 0);
    expect_tree();
}

BACKEND_TEST(the_top_may_be_a_file_or_a_link_but_must_be_there)
{
    make_tree();
    assert_result(walk_through(loop, harness_path("top/one"), NULL), 0);
    assert_int_equal(walking.count, 1);
    assert_true(was_told("file 0  0"));
    assert_result(walk_through(loop, harness_path("top/link"), NULL), 0);
    assert_int_equal(walking.count, 1);
    assert_true(was_told("link 0  0"));
    assert_result(walk_through(loop, harness_path("top/link/"), NULL), 0);
    assert_true(was_told("file 2 b/three 0"));
    assert_result(walk_through(loop, harness_path("missing"), NULL), -ENOENT);
    assert_int_equal(walking.count, 0);
    const struct hark_walk_options none = {.open_max = 1};
    assert_result(walk_through(loop, harness_path("top"), &none), -EINVAL);
}

/* --- bounds --- */

BACKEND_TEST(a_deep_tree_is_walked_with_few_descriptors)
{
    char path[DEEP * 2 + 8] = "top";
    for (int i = 0; i < DEEP; i++) {
        assert_int_equal(mkdir(harness_path(path), 0700), 0);
        char file[sizeof path + 2];
        snprintf(file, sizeof file, "%s/z", path);
        close(harness_file(file, "z", 1));
        strcat(path, "/d");
    }
    for (unsigned most = 2; most < 8; most += 5) {
        const struct hark_walk_options options = {.open_max = most};
        assert_result(walk_through(loop, harness_path("top"), &options), 0);
        assert_int_equal(walking.count, 3 * DEEP);
        assert_true(walking.open_most <=
                    walking.open_before + (int)most + 8); /* and a backend's own */
        int files = 0;
        for (int i = 0; i < walking.count; i++)
            files += strncmp(walking.lines[i], "file", 4) == 0;
        assert_int_equal(files, DEEP);
    }
    const struct hark_walk_options shallow = {.depth_max = 1};
    assert_result(walk_through(loop, harness_path("top"), &shallow), 0);
    assert_int_equal(walking.count, 5);
    assert_true(was_told("left 1 d -36")); /* ENAMETOOLONG */
}

static enum hark_walk_next move_away(struct walking *of, const struct hark_walk_entry *entry)
{
    (void)of;
    if (entry->kind == HARK_WALK_DIRECTORY && entry->depth == 6) {
        assert_int_equal(mkdir(harness_path("elsewhere"), 0700), 0);
        int directory = open(harness_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(harness_renameat2(directory, "top/d/d", directory, "elsewhere/d", 0), 0);
        close(directory);
    }
    return HARK_WALK_ON;
}

BACKEND_TEST(a_way_back_that_leads_elsewhere_ends_the_walk)
{
    const struct hark_walk_options options = {.open_max = 2};
    char path[32] = "top";
    for (int i = 0; i < 8; i++) {
        assert_int_equal(mkdir(harness_path(path), 0700), 0);
        strcat(path, "/d");
    }
    walking.also = move_away;
    assert_result(walk_through(loop, harness_path("top"), &options), -ESTALE);
    walking.also = NULL;
}

BACKEND_TEST(a_turn_tells_some_of_many)
{
    enum { FILES = 1000 };
    assert_int_equal(mkdir(harness_path("top"), 0700), 0);
    for (int i = 0; i < FILES; i++) {
        char name[32];
        snprintf(name, sizeof name, "top/%d", i);
        close(harness_file(name, "", 0));
    }
    start(loop, harness_path("top"), NULL);
    while (!walking.ended) {
        walking.turn = 0;
        assert_true(hark_run_once(loop) >= 0);
        assert_true(walking.turn <= 64);
    }
    assert_result(walking.error, 0);
    assert_int_equal(walking.count, FILES + 2);
}

/* --- what the owner wants --- */

static enum hark_walk_next pass_a(struct walking *of, const struct hark_walk_entry *entry)
{
    (void)of;
    return strcmp(entry->path, "a") == 0 ? HARK_WALK_PASS : HARK_WALK_ON;
}

static enum hark_walk_next stop_in_a(struct walking *of, const struct hark_walk_entry *entry)
{
    (void)of;
    return entry->depth == 2 ? HARK_WALK_STOP : HARK_WALK_ON;
}

BACKEND_TEST(a_directory_is_passed_over_and_a_walk_is_stopped)
{
    make_tree();
    walking.also = pass_a;
    assert_result(walk_through(loop, harness_path("top"), NULL), 0);
    assert_true(was_told("directory 1 a 0"));
    assert_false(was_told("file 2 a/two 0"));
    assert_false(was_told("left 1 a 0"));
    walking.also = stop_in_a;
    assert_result(walk_through(loop, harness_path("top"), NULL), 0);
    assert_non_null(strstr(walking.lines[walking.count - 1], " 2 a/"));
    assert_false(was_told("left 0  0"));
    walking.also = NULL;
}

static void go_on_later(struct hark_op *op, int64_t result)
{
    int before = walking.count;
    (void)result;
    hark_walk_go_on(&hark_container_of(op, struct walking, later)->walk, HARK_WALK_ON);
    assert_int_equal(walking.count, before);
}

/* At once, or later. */
static enum hark_walk_next wait_each(struct walking *of, const struct hark_walk_entry *entry)
{
    (void)entry;
    if (of->count % 2)
        hark_sleep(of->loop, &of->later, 1000, go_on_later);
    else
        hark_walk_go_on(&of->walk, HARK_WALK_ON);
    return HARK_WALK_WAIT;
}

BACKEND_TEST(a_walk_waits_for_its_owner)
{
    make_tree();
    walking.also = wait_each;
    assert_result(walk_through(loop, harness_path("top"), NULL), 0);
    expect_tree();
    walking.also = NULL;
}

/* --- what happens meanwhile --- */

/* All other names go with the first that is told below the top. */
static enum hark_walk_next remove_all(struct walking *of, const struct hark_walk_entry *entry)
{
    if (of->count != 2)
        return HARK_WALK_ON;
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof name, "%s%d", i % 2 ? "f" : "d", i);
        if (strcmp(name, entry->name) != 0)
            assert_int_equal(unlinkat(entry->directory, name, i % 2 ? 0 : AT_REMOVEDIR), 0);
    }
    return HARK_WALK_ON;
}

BACKEND_TEST(what_vanishes_is_no_error)
{
    const struct hark_walk_options options = {.mask = STATX_BASIC_STATS};
    assert_int_equal(mkdir(harness_path("top"), 0700), 0);
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof name, "top/%s%d", i % 2 ? "f" : "d", i);
        if (i % 2)
            close(harness_file(name, "", 0));
        else
            assert_int_equal(mkdir(harness_path(name), 0700), 0);
    }
    walking.also = remove_all;
    assert_result(walk_through(loop, harness_path("top"), &options), 0);
    assert_true(walking.count == 3 || walking.count == 4); /* it may have been a directory */
    walking.also = NULL;
}

/* What is a directory when it is told is a link to another when it would be opened. */
static enum hark_walk_next put_link(struct walking *of, const struct hark_walk_entry *entry)
{
    (void)of;
    if (entry->kind != HARK_WALK_DIRECTORY || entry->depth != 1)
        return HARK_WALK_ON;
    assert_int_equal(unlinkat(entry->directory, entry->name, AT_REMOVEDIR), 0);
    assert_int_equal(symlinkat("../secret", entry->directory, entry->name), 0);
    return HARK_WALK_ON;
}

BACKEND_TEST(a_link_in_the_place_of_a_directory_is_not_followed)
{
    assert_int_equal(mkdir(harness_path("top"), 0700), 0);
    assert_int_equal(mkdir(harness_path("top/d"), 0700), 0);
    assert_int_equal(mkdir(harness_path("secret"), 0700), 0);
    close(harness_file("secret/file", "", 0));
    walking.also = put_link;
    assert_result(walk_through(loop, harness_path("top"), NULL), 0);
    assert_true(was_told("left 1 d 0"));
    assert_int_equal(walking.count, 4);
    walking.also = NULL;
}

static struct rlimit limit;

static enum hark_walk_next take_descriptors(struct walking *of, const struct hark_walk_entry *entry)
{
    struct rlimit none = limit;
    (void)of;
    int number = free_number();
    none.rlim_cur = (rlim_t)(number > 0 ? number : 0);
    if (entry->kind == HARK_WALK_DIRECTORY && entry->depth == 1)
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    else
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return HARK_WALK_ON;
}

BACKEND_TEST(a_directory_that_cannot_be_opened_is_told_with_its_error)
{
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(mkdir(harness_path("top"), 0700), 0);
    assert_int_equal(mkdir(harness_path("top/d"), 0700), 0);
    close(harness_file("top/d/file", "", 0));
    walking.also = take_descriptors;
    assert_result(walk_through(loop, harness_path("top"), NULL), 0);
    assert_true(was_told("left 1 d -24")); /* EMFILE */
    assert_true(was_told("left 0  0"));
    assert_int_equal(walking.count, 4);
    walking.also = NULL;
}

/* --- ends --- */

BACKEND_TEST(a_walk_is_cancelled_or_late_at_any_moment)
{
    make_tree();
    for (int turns = 0; turns < 120; turns++) {
        walking.also = turns % 5 == 4 ? wait_each : NULL;
        start(loop, harness_path("top"), NULL);
        for (int i = 0; i < turns / 4 && !walking.ended; i++)
            assert_true(hark_run_once(loop) >= 0);
        if (turns % 4 == 0)
            hark_cancel_all(loop);
        else if (turns % 4 == 1)
            hark_op_deadline(&walking.walk.op, 0);
        else
            hark_cancel(&walking.walk.op);
        harness_run(loop);
        assert_true(walking.ended);
        assert_true(walking.error == 0 || walking.error == -ECANCELED ||
                    (turns % 4 == 1 && walking.error == -ETIMEDOUT));
        assert_true(turns >= 4 || walking.error != 0);
    }
    walking.also = NULL;
}
