/* watcher.c - see the header. */
#include "conform/watcher.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 16 * 1024 };

/* --- what was told --- */

static void add(char ***list, size_t *count, size_t *room, const char *text)
{
    if (*count == *room) {
        *room = *room ? 2 * *room : 64;
        *list = realloc(*list, *room * sizeof **list);
        assert_non_null(*list);
    }
    (*list)[*count] = strdup(text);
    assert_non_null((*list)[(*count)++]);
}

static const char *word_of(enum hark_watch_kind kind)
{
    static const char *const words[] = {"created",    "removed", "renamed",  "modified", "written",
                                        "attributes", "ready",   "overflow", "unwatched"};
    size_t i = 0;
    while (i < sizeof words / sizeof *words && (unsigned)kind != 1U << i)
        i++;
    assert_true(i < sizeof words / sizeof *words);
    return words[i];
}

static void name_of(char *to, const struct hark_watch_event *event, const char *path)
{
    snprintf(to, LINE_MAX_BYTES, "%s%s", *path ? path : ".",
             event->is_directory && *path ? "/" : "");
}

/* --- names --- */

static size_t find(const struct watcher *watcher, const char *name)
{
    size_t i = 0;
    while (i < watcher->name_count && strcmp(watcher->names[i], name) != 0)
        i++;
    return i;
}

static void take(struct watcher *watcher, size_t i)
{
    free(watcher->names[i]);
    watcher->names[i] = watcher->names[--watcher->name_count];
}

/* It, of whichever kind it is, and what is below it. */
static void forget(struct watcher *watcher, const char *name)
{
    size_t size = strlen(name);
    size -= name[size - 1] == '/';
    for (size_t i = watcher->name_count; i-- > 0;) {
        const char *known = watcher->names[i];
        if (strncmp(known, name, size) == 0 && (known[size] == '\0' || known[size] == '/'))
            take(watcher, i);
    }
}

static void move(struct watcher *watcher, const char *from, const char *to)
{
    static char moved[2 * LINE_MAX_BYTES];
    size_t size = strlen(from);
    for (size_t i = 0; i < watcher->name_count; i++) {
        if (strcmp(watcher->names[i], from) != 0 &&
            (from[size - 1] != '/' || strncmp(watcher->names[i], from, size) != 0))
            continue;
        snprintf(moved, sizeof moved, "%s%s", to, watcher->names[i] + size);
        free(watcher->names[i]);
        watcher->names[i] = strdup(moved);
    }
}

static void note(struct watcher *watcher, const struct hark_watch_event *event)
{
    static char name[LINE_MAX_BYTES], from[LINE_MAX_BYTES];
    if (*event->path == '\0')
        return;
    name_of(name, event, event->path);
    if (event->kind == HARK_WATCH_CREATED) {
        bool is_there = find(watcher, name) < watcher->name_count;
        watcher->twice += is_there;
        forget(watcher, name);
        add(&watcher->names, &watcher->name_count, &watcher->name_room, name);
    } else if (event->kind == HARK_WATCH_REMOVED) {
        forget(watcher, name);
    } else if (event->kind == HARK_WATCH_RENAMED) {
        name_of(from, event, event->from);
        forget(watcher, name);
        move(watcher, from, name);
    }
}

static bool is_there(struct watcher *watcher, const char *directory, size_t *count)
{
    _Alignas(8) char bytes[4096];
    bool is_same = true;
    char path[LINE_MAX_BYTES / 2], name[LINE_MAX_BYTES];
    snprintf(path, sizeof path, "%s/%s", watcher->root, directory);
    int fd = hark_os_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
    int64_t filled;
    if (fd < 0)
        return false;
    while (is_same && (filled = hark_os_getdents(fd, bytes, sizeof bytes)) > 0) {
        struct hark_dirent entry;
        size_t at = 0;
        while (is_same && hark_dirent_next(bytes, (size_t)filled, &at, &entry)) {
            bool is_directory = entry.type == DT_DIR;
            snprintf(name, sizeof name, "%s%s%s", directory, entry.name, is_directory ? "/" : "");
            is_same = find(watcher, name) < watcher->name_count;
            ++*count;
            if (is_same && is_directory && watcher->is_recursive)
                is_same = is_there(watcher, name, count);
        }
    }
    assert_result(hark_os_close_unknown(fd), 0);
    return is_same;
}

/* Whether the names that were told are those that there are. */
static bool equals(struct watcher *watcher)
{
    size_t count = 0;
    return is_there(watcher, "", &count) && count == watcher->name_count;
}

/* --- callbacks --- */

static void told(struct hark_watch *watch, const struct hark_watch_event *event)
{
    static char line[3 * LINE_MAX_BYTES], name[LINE_MAX_BYTES], from[LINE_MAX_BYTES];
    struct watcher *watcher = hark_container_of(watch, struct watcher, watch);
    assert_false(watcher->is_closed);
    assert_true(watcher->close_at == 0 || watcher->count < watcher->close_at);
    name_of(name, event, event->path);
    if (event->kind == HARK_WATCH_RENAMED) {
        name_of(from, event, event->from);
        snprintf(line, sizeof line, "renamed %s > %s", from, name);
    } else if (event->kind == HARK_WATCH_READY || event->kind == HARK_WATCH_OVERFLOW) {
        snprintf(line, sizeof line, "%s", word_of(event->kind));
    } else {
        snprintf(line, sizeof line, "%s %s%s%s", word_of(event->kind), name,
                 event->error ? " " : "", event->error ? hark_error_name(event->error) : "");
    }
    add(&watcher->lines, &watcher->count, &watcher->room, line);
    note(watcher, event);
    if (watcher->count == watcher->close_at)
        hark_watch_close(watch);
    if (watcher->last && event->kind == HARK_WATCH_CREATED &&
        strcmp(event->path, watcher->last) == 0)
        watcher->saw_last = true;
    if (watcher->saw_last)
        watcher->is_equal = equals(watcher);
}

static void closed(struct hark_watch *watch, int error)
{
    char line[64];
    struct watcher *watcher = hark_container_of(watch, struct watcher, watch);
    assert_false(watcher->is_closed);
    watcher->is_closed = true;
    watcher->error = error;
    snprintf(line, sizeof line, "closed%s%s", error ? " " : "",
             error ? hark_error_name(error) : "");
    add(&watcher->lines, &watcher->count, &watcher->room, line);
}

static const struct hark_watch_events events = {.told = told, .closed = closed};

/* --- for tests --- */

void watcher_open(struct watcher *watcher, struct hark_loop *loop, const char *name,
                  const struct hark_watch_options *options)
{
    watcher->loop = loop;
    watcher->is_recursive = options && options->flags & HARK_WATCH_RECURSIVE;
    watcher->root = strdup(*name ? harness_path(name) : harness_directory());
    assert_non_null(watcher->root);
    assert_result(hark_watch_open(loop, &watcher->watch, watcher->root, options, &events), 0);
}

static const char *next_line(struct watcher *watcher)
{
    while (watcher->read == watcher->count)
        assert_true(hark_run_once(watcher->loop) >= 0);
    return watcher->lines[watcher->read++];
}

void watcher_expect(struct watcher *watcher, const char *line)
{
    assert_string_equal(next_line(watcher), line);
}

void watcher_await(struct watcher *watcher, const char *line)
{
    while (strcmp(next_line(watcher), line) != 0) {
    }
}

void watcher_equals(struct watcher *watcher, const char *last)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", watcher->root, last);
    watcher->last = last;
    int fd = hark_os_openat(AT_FDCWD, path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_result(hark_os_close_unknown(fd), 0);
    harness_run_until(watcher->loop, &watcher->is_equal);
    watcher->saw_last = watcher->is_equal = false;
}

void watcher_close(struct watcher *watcher)
{
    hark_watch_close(&watcher->watch);
    hark_watch_close(&watcher->watch);
    harness_run_until(watcher->loop, &watcher->is_closed);
    while (watcher->count > 0)
        free(watcher->lines[--watcher->count]);
    while (watcher->name_count > 0)
        take(watcher, watcher->name_count - 1);
    free(watcher->lines);
    free(watcher->names);
    free((void *)(uintptr_t)watcher->root);
}

void watcher_mkdir(const char *name)
{
    assert_int_equal(mkdir(harness_path(name), 0700), 0);
}

void watcher_touch(const char *name)
{
    int fd = hark_os_openat(AT_FDCWD, harness_path(name), O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_result(hark_os_close_unknown(fd), 0);
}

void watcher_write(const char *name)
{
    int fd = hark_os_openat(AT_FDCWD, harness_path(name), O_WRONLY | O_APPEND, 0);
    assert_true(fd >= 0);
    assert_result(hark_os_write(fd, "x", 1), 1);
    assert_result(hark_os_close_unknown(fd), 0);
}

void watcher_rename(const char *from, const char *to)
{
    assert_int_equal(rename(harness_path(from), harness_path(to)), 0);
}

void watcher_unlink(const char *name)
{
    assert_int_equal(unlink(harness_path(name)), 0);
}

void watcher_rmdir(const char *name)
{
    assert_int_equal(rmdir(harness_path(name)), 0);
}
