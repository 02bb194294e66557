/* landlock.h - which files, and which ports, a process may reach from here on: Landlock
 * (landlock(7)), by the kernel's own system calls.
 *
 * What is not allowed before landlock_enter is refused afterwards, with -EACCES: to the thread that
 * enters, to those that it starts, and to their io_uring requests. What is open stays open. Rules
 * are about directories and files as they are: one that is made anew under the same name is covered
 * by a rule for a directory above it. */
#ifndef HARK_COMMAND_SANDBOX_LANDLOCK_H
#define HARK_COMMAND_SANDBOX_LANDLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* What a rule lets be done with the files beneath a place. */
enum landlock_use {
    LANDLOCK_LIST = 1,    /* read names: directories */
    LANDLOCK_READ = 2,    /* read files, too */
    LANDLOCK_WRITE = 4,   /* write to files that are there */
    LANDLOCK_KEEP = 8,    /* make, write, rename and remove files and directories */
    LANDLOCK_SOCKETS = 16 /* make and remove unix sockets */
};

/* Zeroed at first, with fd -1. All private. */
struct landlock {
    int fd;
    int version;      /* of the kernel's Landlock */
    uint64_t handled; /* what is refused unless a rule allows it */
    bool ports;       /* binding is handled */
};

/* Begins a list of rules.
 * Takes: connects: connections over TCP may be made; else none. abstract: abstract unix sockets of
 *   others may be connected to.
 * Gives: 0 and the version of the kernel's Landlock in landlock->version.
 * Fails: -ENOSYS, -EOPNOTSUPP the kernel has none, or it is switched off; -EMFILE, -ENOMEM. */
int landlock_begin(struct landlock *landlock, bool connects, bool abstract);

/* Allows what is meant for a file or a directory and all beneath it.
 * Takes: use: of enum landlock_use; what makes no sense for a file is passed over.
 * Fails: what open(2) answers, -ENOENT that there is no such place. */
int landlock_allow(struct landlock *landlock, const char *path, unsigned use);

/* Allows it for the directory that a file is in, so that another file may take its place, and for
 * the one in which a link ends. What is missing on the way is allowed with the nearest directory
 * above that is there. Where it fails, nothing is allowed. */
void landlock_allow_around(struct landlock *landlock, const char *path, unsigned use);

/* Likewise for a file whose directory may be made anew: with the directory above it, unless that is
 * the root or in it. Takes: path: the last name may be a pattern; of what it stands for now links
 * are followed as well. */
void landlock_allow_above(struct landlock *landlock, const char *path, unsigned use);

/* Allows a port of TCP to be listened on; 0: a free one. */
int landlock_allow_port(struct landlock *landlock, uint16_t port);

/* From here on the calling thread, and those that it starts, have what is allowed alone.
 * Takes: privileges have been renounced (privileges_renounce).
 * Fails: what landlock_restrict_self(2) answers; nothing is restricted then. */
int landlock_enter(struct landlock *landlock);

/* Makes a directory where it is missing, and sees that it is on the disk.
 * Gives: 0: it is there; or why not, of mkdir(2), open(2) and fsync(2). */
int landlock_make_directory(const char *path, unsigned mode);

/* Takes: landlock: begun or not, entered or not. */
void landlock_done(struct landlock *landlock);

#endif
