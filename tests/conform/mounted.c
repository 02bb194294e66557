/* mounted.c - see the header. */
#include "conform/mounted.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };

/* --- the file system --- */

void mounted_mount(void)
{
    static bool is_mounted;
    if (is_mounted)
        return;
    if (harness_in_world())
        harness_skip("a world has no fanotify(7)");
    assert_int_equal(mkdir(harness_path("mount"), 0700), 0);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", harness_path("mount"), "tmpfs", 0, "size=64m,mode=0700") != 0)
        harness_skip("nothing can be mounted: %s", strerror(errno));
    is_mounted = true;
}

const char *mounted_path(const char *name)
{
    char path[LINE_MAX_BYTES];
    snprintf(path, sizeof path, "mount%s%s", *name ? "/" : "", name);
    return harness_path(path);
}

int mounted_queue_max(void)
{
    int most = INT32_MAX;
    FILE *file = fopen("/proc/sys/fs/fanotify/max_queued_events", "re");
    if (file && fscanf(file, "%d", &most) != 1)
        most = INT32_MAX;
    if (file)
        (void)fclose(file);
    return most;
}

/* --- what was told --- */

static const char *word_of(enum hark_watch_kind kind)
{
    static const char *const words[] = {"created", "removed",    "renamed", "modified",
                                        "written", "attributes", "ready",   "overflow"};
    size_t i = 0;
    while (i < sizeof words / sizeof *words && (unsigned)kind != 1U << i)
        i++;
    assert_true(i < sizeof words / sizeof *words);
    return words[i];
}

static const char *slash_of(const struct hark_watch_mount_event *event)
{
    return event->is_directory && *event->path ? "/" : "";
}

static void told(struct hark_watch_mount *watch, const struct hark_watch_mount_event *event)
{
    struct mounted *mounted = hark_container_of(watch, struct mounted, watch);
    char line[LINE_MAX_BYTES], from[LINE_MAX_BYTES / 2] = "";
    assert_false(mounted->is_closed);
    assert_true(mounted->close_at == 0 || mounted->count < mounted->close_at);
    assert_int_equal(!!event->from, event->kind == HARK_WATCH_RENAMED);
    if (event->from)
        snprintf(from, sizeof from, "%s%s > ", event->from, slash_of(event));
    snprintf(line, sizeof line, "%s %s%s%s, ", word_of(event->kind), from,
             *event->path ? event->path : ".", slash_of(event));
    size_t before = mounted->lines ? strlen(mounted->lines) : 0;
    mounted->lines = realloc(mounted->lines, before + strlen(line) + 1);
    assert_non_null(mounted->lines);
    memcpy(mounted->lines + before, line, strlen(line) + 1);
    mounted->process = event->process;
    mounted->count++;
    if (mounted->count == mounted->close_at)
        hark_watch_mount_close(watch);
}

static void closed(struct hark_watch_mount *watch, int error)
{
    struct mounted *mounted = hark_container_of(watch, struct mounted, watch);
    assert_false(mounted->is_closed);
    mounted->is_closed = true;
    mounted->error = error;
}

static const struct hark_watch_mount_events events = {.told = told, .closed = closed};

static void drop(struct mounted *mounted, size_t bytes)
{
    memmove(mounted->lines, mounted->lines + bytes, strlen(mounted->lines + bytes) + 1);
}

/* --- for tests --- */

void mounted_start(struct mounted *mounted, struct hark_loop *loop, const char *name,
                   uint32_t kinds)
{
    mounted_mount();
    mounted->loop = loop;
    int error = hark_watch_mount_open(loop, &mounted->watch, mounted_path(name), kinds, &events);
    if (error == -ENOSYS || error == -EPERM)
        harness_skip("there is no fanotify(7) here: %s", hark_error_text(error));
    assert_result(error, 0);
}

void mounted_open(struct mounted *mounted, struct hark_loop *loop, const char *name, uint32_t kinds)
{
    mounted_start(mounted, loop, name, kinds);
    while (!mounted->lines && !mounted->is_closed)
        assert_true(hark_run_once(loop) >= 0);
    if (mounted->is_closed)
        harness_skip("this file system cannot be watched: %s", hark_error_text(mounted->error));
    mounted_expect(mounted, "ready .");
}

void mounted_expect(struct mounted *mounted, const char *lines)
{
    size_t size = strlen(lines);
    while (!mounted->lines || strlen(mounted->lines) < size + 2)
        assert_true(hark_run_once(mounted->loop) >= 0);
    mounted->lines[size] = '\0';
    assert_string_equal(mounted->lines, lines);
    drop(mounted, size + 2);
}

void mounted_await(struct mounted *mounted, const char *line)
{
    char *at;
    while (!mounted->lines || !(at = strstr(mounted->lines, line)))
        assert_true(hark_run_once(mounted->loop) >= 0);
    drop(mounted, (size_t)(at - mounted->lines) + strlen(line) + 2);
}

void mounted_await_end(struct mounted *mounted)
{
    harness_run_until(mounted->loop, &mounted->is_closed);
    free(mounted->lines);
    mounted->lines = NULL;
}

void mounted_close(struct mounted *mounted)
{
    hark_watch_mount_close(&mounted->watch);
    hark_watch_mount_close(&mounted->watch);
    mounted_await_end(mounted);
}

void mounted_mkdir(const char *name)
{
    assert_int_equal(mkdir(mounted_path(name), 0700), 0);
}

static void write_to(const char *name, int flags, size_t count)
{
    int fd = open(mounted_path(name), O_WRONLY | O_CLOEXEC | flags, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", count), count);
    assert_int_equal(close(fd), 0);
}

void mounted_touch(const char *name)
{
    write_to(name, O_CREAT, 0);
}

void mounted_write(const char *name)
{
    write_to(name, O_APPEND, 1);
}

void mounted_rename(const char *from, const char *to)
{
    char was[LINE_MAX_BYTES];
    snprintf(was, sizeof was, "%s", mounted_path(from));
    assert_int_equal(rename(was, mounted_path(to)), 0);
}

void mounted_unlink(const char *name)
{
    assert_int_equal(unlink(mounted_path(name)), 0);
}

void mounted_rmdir(const char *name)
{
    assert_int_equal(rmdir(mounted_path(name)), 0);
}
