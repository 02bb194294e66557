/* mount_events.h - what fanotify tells, as paths: the part of a watch of a mount that asks the
 * kernel, and may wait for its disk. For threads of the pool. */
#ifndef FILE_MOUNT_EVENTS_H
#define FILE_MOUNT_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file_handle;

/* Something that happened, for those of its kinds that were asked for. The texts are in
 * mount_events.text, from these places on. */
struct mount_event {
    uint32_t kinds; /* told from the lowest to the highest, but for is_back */
    bool is_back;   /* it was removed, and then created anew */
    bool is_directory;
    int32_t process;
    size_t path, from;
};

struct mount_events {
    int fd;        /* of fanotify */
    int directory; /* what is watched; -1: not open yet */
    uint32_t kinds;
    char *path; /* where it is to be opened */

    char *bytes; /* what was read */
    size_t filled;

    struct mount_event *found;
    size_t count, room;
    char *text;
    size_t text_filled, text_room;

    const struct file_handle *known; /* the directory that was asked for last, */
    int known_fd;                    /* open; -1: it is gone, or lies outside; */
    size_t known_path;               /* and its path, below what is watched */
    char root[4096];                 /* what is watched, by its name of now */
    size_t root_length;
};

/* Opens the directory, and marks its file system. Gives: 0 or a negative errno. */
int mount_events_begin(struct mount_events *events);

/* Turns `bytes` into `found`. Gives: 0 or a negative errno. */
int mount_events_take(struct mount_events *events);

void mount_events_done(struct mount_events *events);

#endif
