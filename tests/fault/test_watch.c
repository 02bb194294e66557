/* test_watch.c - a tree is watched (hark/watch.h) while one of the kernel's calls fails, or memory
 * lacks, at each place in turn: the watch ends and says why, or says what it does not watch; and
 * once that is mended, the names that were told are those that there are. */
#include "fault/faults.h"
#include "fault/memory.h"
#include "hark/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { ENOUGH = 2000, NAMES = 32, NAME_BYTES = 32 };

/* Its memory is its own: here allocations fail. */
static struct {
    struct hark_loop *loop;
    struct hark_watch watch;
    char names[NAMES][NAME_BYTES]; /* what is there, by what was told; "": a free place */
    size_t readies, unwatched;
    bool is_open, told_wrongly;
    int error;
} seen;

/* --- names --- */

static char *find(const char *name)
{
    for (size_t i = 0; i < NAMES; i++)
        if (strcmp(seen.names[i], name) == 0)
            return seen.names[i];
    return NULL;
}

/* What stands behind a directory, or is it; NULL: it is none of it. */
static const char *behind(const char *name, const char *directory)
{
    size_t length = strlen(directory);
    bool is = strncmp(name, directory, length) == 0 && (name[length] == '/' || !name[length]);
    return is ? name + length : NULL;
}

static void create(const char *name)
{
    char *place = find("");
    seen.told_wrongly |= !!find(name);
    assert_non_null(place);
    strcpy(place, name);
}

static void remove_all(const char *name)
{
    seen.told_wrongly |= !find(name);
    for (size_t i = 0; i < NAMES; i++)
        if (seen.names[i][0] && behind(seen.names[i], name))
            seen.names[i][0] = '\0';
}

static void rename_all(const char *from, const char *to)
{
    char moved[2 * NAME_BYTES];
    seen.told_wrongly |= !find(from);
    for (size_t i = 0; i < NAMES; i++) {
        const char *rest = seen.names[i][0] ? behind(seen.names[i], from) : NULL;
        if (!rest)
            continue;
        snprintf(moved, sizeof moved, "%s%s", to, rest);
        snprintf(seen.names[i], NAME_BYTES, "%.*s", NAME_BYTES - 1, moved);
    }
}

static void told(struct hark_watch *watch, const struct hark_watch_event *event)
{
    (void)watch;
    if (event->kind == HARK_WATCH_CREATED)
        create(event->path);
    else if (event->kind == HARK_WATCH_REMOVED && *event->path)
        remove_all(event->path);
    else if (event->kind == HARK_WATCH_RENAMED && *event->path)
        rename_all(event->from, event->path);
    seen.readies += event->kind == HARK_WATCH_READY;
    seen.unwatched += event->kind == HARK_WATCH_UNWATCHED;
}

static void closed(struct hark_watch *watch, int error)
{
    (void)watch;
    seen.is_open = false;
    seen.error = error;
}

static const struct hark_watch_events events = {.told = told, .closed = closed};

/* --- a tree, and what is done to it --- */

static void make_file(const char *name)
{
    int fd = open(harness_path(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
}

static void make_directory(const char *name)
{
    assert_int_equal(mkdir(harness_path(name), 0700), 0);
}

static void move(const char *from, const char *to)
{
    assert_int_equal(rename(harness_path(from), harness_path(to)), 0);
}

static void make_tree(void)
{
    make_directory("t");
    make_directory("t/a");
    make_directory("t/a/b");
    make_file("t/a/f");
    make_file("t/g");
}

static void change_tree(void)
{
    make_directory("t/n");
    make_file("t/n/h");
    move("t/g", "t/a/g");
    move("t/a/b", "t/n/b");
    assert_int_equal(unlink(harness_path("t/a/f")), 0);
    make_file("t/done");
}

static void change_back(void)
{
    move("t/n/b", "t/a/b");
    move("t/a/g", "t/g");
    assert_int_equal(unlink(harness_path("t/n/h")), 0);
    assert_int_equal(rmdir(harness_path("t/n")), 0);
    make_file("t/a/f");
    assert_int_equal(unlink(harness_path("t/done")), 0);
}

static bool is_complete(void)
{
    static const char *const names[] = {"a", "a/g", "n", "n/h", "n/b", "done"};
    size_t count = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!find(names[i]))
            return false;
    for (size_t i = 0; i < NAMES; i++)
        count += seen.names[i][0] != '\0';
    return count == sizeof names / sizeof *names;
}

/* --- one play --- */

static void run_until_ready(void)
{
    size_t before = seen.readies;
    while (seen.is_open && seen.readies == before)
        assert_true(hark_run_once(seen.loop) >= 0);
}

/* Watches while a fault stands, looks again without it, and closes. */
static void play(struct hark_loop *loop, void (*arm)(void), void (*disarm)(void))
{
    static const struct hark_watch_options options = {
        .flags = HARK_WATCH_RECURSIVE | HARK_WATCH_EXISTING,
        .kinds = HARK_WATCH_CREATED | HARK_WATCH_REMOVED | HARK_WATCH_RENAMED,
    };
    memset(&seen, 0, sizeof seen);
    seen.loop = loop;
    const char *path = harness_path("t");
    arm();
    seen.error = hark_watch_open(loop, &seen.watch, path, &options, &events);
    seen.is_open = seen.error == 0;
    run_until_ready();
    change_tree();
    while (seen.is_open && !find("done"))
        assert_true(hark_run_once(loop) >= 0);
    disarm();
    assert_false(seen.told_wrongly);
    if (seen.is_open) {
        hark_watch_look_again(&seen.watch);
        run_until_ready();
        while (seen.is_open && !is_complete())
            assert_true(hark_run_once(loop) >= 0);
        assert_false(seen.told_wrongly);
        assert_true(seen.is_open);
        hark_watch_close(&seen.watch);
        while (seen.is_open)
            assert_true(hark_run_once(loop) >= 0);
    }
    change_back();
}

/* --- calls --- */

static const char *calls;
static uint64_t passes;
static int fault, error_of_fault;

static void arm_call(void)
{
    fault = FAULT(.calls = calls, .after = passes, .error = error_of_fault);
}

static void disarm_call(void)
{
    fault_end(fault);
}

static void fail_each_call(struct hark_loop *loop, const char *names, int error)
{
    calls = names;
    error_of_fault = error;
    make_tree();
    size_t told_of = 0;
    for (passes = 0; passes < ENOUGH; passes++) {
        play(loop, arm_call, disarm_call);
        if (fault_met(fault) == 0)
            break;
        told_of += seen.unwatched > 0 || seen.error == error;
        assert_true(seen.error == 0 || seen.error == error);
    }
    assert_true(passes > 0 && passes < ENOUGH);
    assert_true(told_of > 0);
    assert_int_equal(seen.error, 0);
    assert_int_equal(seen.unwatched, 0);
}

BACKEND_TEST(watch_whose_directories_cannot_be_opened_says_so_and_is_mended)
{
    fail_each_call(loop, "kernel_openat", -EMFILE);
}

BACKEND_TEST(watch_whose_directories_cannot_be_read_says_so_and_is_mended)
{
    fail_each_call(loop, "kernel_getdents64", -EIO);
}

BACKEND_TEST(watch_that_gets_no_watches_says_so_and_is_mended)
{
    fail_each_call(loop, "kernel_inotify_add_watch", -ENOSPC);
}

BACKEND_TEST(watch_that_cannot_ask_what_is_there_says_so_and_is_mended)
{
    fail_each_call(loop, "kernel_fstat kernel_inotify_init1", -EIO);
}

/* --- memory --- */

static unsigned long number;
static bool for_ever;

static void arm_memory(void)
{
    memory_begin(number, for_ever);
}

static void disarm_memory(void)
{
    memory_end();
}

static void fail_each_allocation(bool ever)
{
    /* One thread in the pool, so that none is made, with memory of its own, in the midst. */
    const struct hark_options options = {.backend = harness_backend(), .workers_max = 1};
    struct hark_loop *loop;
    assert_int_equal(hark_loop_create(&options, &loop), 0);
    make_tree();
    number = 0;
    play(loop, arm_memory, disarm_memory);
    play(loop, arm_memory, disarm_memory);
    assert_int_equal(seen.error, 0);
    long alive_before = memory_alive();
    for_ever = ever;
    for (number = 1; number < ENOUGH; number++) {
        play(loop, arm_memory, disarm_memory);
        assert_true(memory_alive() <= alive_before);
        if (memory_refused() == 0)
            break;
        assert_true(seen.error == 0 || seen.error == -ENOMEM);
    }
    assert_true(number > 10 && number < ENOUGH);
    assert_int_equal(hark_loop_destroy(loop), 0);
}

BACKEND_TEST(watch_without_memory_once_ends_or_is_mended)
{
    (void)loop;
    fail_each_allocation(false);
}

BACKEND_TEST(watch_without_memory_ends_with_enomem_and_leaves_nothing)
{
    (void)loop;
    fail_each_allocation(true);
}
