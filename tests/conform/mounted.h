/* mounted.h - a watch of a mount (hark/watch_mount.h) whose callbacks are written down, and a file
 * system in memory for it, which this process and its children alone see. */
#ifndef CONFORM_MOUNTED_H
#define CONFORM_MOUNTED_H

#include "hark/watch_mount.h"
#include "harness/harness.h"

struct mounted {
    struct hark_watch_mount watch;
    struct hark_loop *loop;
    char *lines; /* what was told and is not yet expected, in words, each with ", " behind it */
    size_t count;
    size_t close_at; /* with which event its owner closes it; 0: none */
    int32_t process; /* who did what was told last */
    bool is_closed;
    int error; /* of closed */
};

/* Mounts the file system; a second call finds it there. Skips the test where that, or fanotify,
 * cannot be. */
void mounted_mount(void);

/* The path of a name in it. */
const char *mounted_path(const char *name);

/* fs.fanotify.max_queued_events. */
int mounted_queue_max(void);

/* Mounts, and begins to watch a directory of it. The second waits until it is ready. */
void mounted_start(struct mounted *mounted, struct hark_loop *loop, const char *name,
                   uint32_t kinds);
void mounted_open(struct mounted *mounted, struct hark_loop *loop, const char *name,
                  uint32_t kinds);

/* Waits until as many bytes were told, and asserts that they are these: "created d/, removed a,
 * renamed a > b, overflow ."; what is watched itself is ".". */
void mounted_expect(struct mounted *mounted, const char *lines);

/* Passes over what is told up to one event. Waits for it. */
void mounted_await(struct mounted *mounted, const char *line);

/* Waits for the end, closes it before in the second, and frees what was written down. */
void mounted_await_end(struct mounted *mounted);
void mounted_close(struct mounted *mounted);

/* Names in it. */
void mounted_mkdir(const char *name);
void mounted_touch(const char *name);
void mounted_write(const char *name);
void mounted_rename(const char *from, const char *to);
void mounted_unlink(const char *name);
void mounted_rmdir(const char *name);

#endif
