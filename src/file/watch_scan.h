/* watch_scan.h - a directory is given a watch, and then read, by a thread of the pool: whatever
 * comes into it is in its list, or told by inotify, or both. */
#ifndef FILE_WATCH_SCAN_H
#define FILE_WATCH_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watch_scan {
    /* What is asked. */
    int fd;           /* of inotify */
    char *root;       /* absolute */
    char *path;       /* below it, "": itself; it is cut into its names. Any length */
    size_t path_room; /* the path's memory */
    uint32_t events;  /* of inotify */
    bool is_known;    /* the root must be this thing: */
    uint64_t device, inode;
    /* What was found. */
    int error;
    int watch;         /* of inotify */
    bool is_directory; /* the root may be none */
    char *entries;     /* as hark_getdents gives them, none of a type that is not known */
    size_t filled, room;
};

/* Does it: blocks. scan->entries is kept for the next time. */
void watch_scan_run(struct watch_scan *scan);

/* Frees what it holds. */
void watch_scan_done(struct watch_scan *scan);

#endif
