/* watcher.h - a watch (hark/watch.h) whose callbacks are written down, and the names that are there
 * by what it was told. */
#ifndef CONFORM_WATCHER_H
#define CONFORM_WATCHER_H

#include "hark/watch.h"
#include "harness/harness.h"

struct watcher {
    struct hark_watch watch;
    struct hark_loop *loop;
    char **lines; /* what was told, in words: see watcher_expect */
    size_t count, room, read;
    char **names; /* what is there, by what was told; a directory's ends with a slash */
    size_t name_count, name_room;
    size_t twice;     /* names that were created though they were there */
    const char *root; /* its path */
    const char *last; /* watcher_equals: the name that is told when all has been done */
    bool saw_last, is_equal;
    bool is_recursive;
    size_t close_at; /* with which line the watch is closed by its owner; 0: none */
    bool is_closed;
    int error; /* of closed */
};

/* Opens it, of a name in the test's directory. Asserts that it opens. */
void watcher_open(struct watcher *watcher, struct hark_loop *loop, const char *name,
                  const struct hark_watch_options *options);

/* What is told next, as "created d/", "removed a", "renamed a > b", "ready", "overflow",
 * "unwatched d/ ENOSPC", "closed ENOENT"; what is watched itself is ".". Waits for it. */
void watcher_expect(struct watcher *watcher, const char *line);

/* Passes over what is told up to a line. Waits for it. */
void watcher_await(struct watcher *watcher, const char *line);

/* Makes a file of that name, waits until that is told, and then until what was told are all names
 * that there are. */
void watcher_equals(struct watcher *watcher, const char *last);

/* Closes it, waits for the end, and frees what was written down. */
void watcher_close(struct watcher *watcher);

/* Makes them in the test's directory. */
void watcher_mkdir(const char *name);
void watcher_touch(const char *name);
void watcher_write(const char *name);
void watcher_rename(const char *from, const char *to);
void watcher_unlink(const char *name);
void watcher_rmdir(const char *name);

#endif
