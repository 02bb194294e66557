/* resolve.h - from a path to the file that stands there now, and the watches that tell when that
 * may have changed.
 *
 * Every function here blocks: they run on the work pool.
 */
#ifndef HARK_COMMAND_TAIL_RESOLVE_H
#define HARK_COMMAND_TAIL_RESOLVE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tail/position.h"

enum { RESOLVE_WATCHES_MAX = 64, RESOLVE_NAME_BYTES = 256 };

/* A watch on a directory on the way to the file. */
struct resolve_watch {
    int watch;
    char name[RESOLVE_NAME_BYTES]; /* of the entry that matters; "": the directory itself, whether
                                      it stays where it is */
};

/* What a path leads to. */
struct resolution {
    int fd;       /* the file, open for reading; or a negative errno */
    int watch;    /* of the file; or a negative errno */
    int trouble;  /* the first errno of a watch on the way that could not be had; 0: none */
    bool reached; /* the file's own directory is there, whether or not the file is; else `directory`
                     and `name` tell what is missing on the way to it */
    uint64_t device, inode;
    int64_t born_ns;               /* 0: not known */
    int directory_watch;           /* of the directory in which the way ends; -1: it has none */
    char directory[PATH_MAX];      /* its path; "" the root */
    char name[RESOLVE_NAME_BYTES]; /* what was looked for in it */
    unsigned count;
    struct resolve_watch watches[RESOLVE_WATCHES_MAX];
};

/* Walks a path, watching on the way: each directory whether it is moved or removed; each one in
 * which the next name is a symbolic link, the file, or missing, whether that name changes. So what
 * is missing is waited for in its nearest existing directory. Each watch is set before what it
 * guards is looked at: nothing can change unseen.
 * Takes: an absolute path; the descriptor of inotify.
 * Gives: *out_resolution; its fd is the caller's to close. */
void resolve_path(int inotify, const char *path, struct resolution *out_resolution);

/* The same for the directory in which a path ends: what the last name leads to is not looked at.
 * Gives: *out_resolution; its fd is -ENOENT, or says why the directory is not reached. */
void resolve_directory(int inotify, const char *path, struct resolution *out_resolution);

/* A file that was found again. */
struct resolve_file {
    int fd; /* open for reading; or a negative errno */
    int watch;
    uint64_t device, inode;
    int64_t born_ns;                  /* 0: not known */
    bool begins;                      /* with what the place tells of */
    char first[POSITION_FIRST_BYTES]; /* as many of its first bytes as the place knows, */
    char last[POSITION_LAST_BYTES];   /* and of the bytes before the place */
};

/* Opens the file of a place again: at the path, or in the same directory under the name that
 * rotation has given it.
 * Takes: as resolve_path.
 * Gives: *out_file; its fd is the caller's to close; -ENOENT the file is gone, or another has its
 *   number; -EMFILE and what else again_may_help names: it may be there. */
void resolve_place(int inotify, const char *path, const struct position_place *place,
                   struct resolve_file *out_file);

/* Opens a file by its name in a directory: one that stood at the path and was renamed.
 * Takes: place: to be gone on from, or NULL.
 * Gives: *out_file, its fd a negative errno if it cannot be had or is no regular file. */
void resolve_name(int inotify, const char *directory, const char *name,
                  const struct position_place *place, struct resolve_file *out_file);

#endif
