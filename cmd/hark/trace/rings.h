/* rings.h - the files in which traced processes keep their rings (hark/trace.h): finding them,
 * looking whether they are what they seem, and reading them while they are written. */
#ifndef HARK_COMMAND_TRACE_RINGS_H
#define HARK_COMMAND_TRACE_RINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "hark.h"

enum { TRACE_RINGS_IN_FILE = 2, TRACE_RINGS_NAME_MAX = 80 };

/* One file: a loop's ring, and behind it that of its pool. */
struct trace_file {
    struct trace_file *next;
    char name[TRACE_RINGS_NAME_MAX];
    dev_t device;
    ino_t inode;
    void *memory; /* NULL: it is refused */
    size_t bytes;
    const struct hark_trace_ring *rings[TRACE_RINGS_IN_FILE]; /* the loop's is the first */
    size_t count;
    uint64_t positions[TRACE_RINGS_IN_FILE];
    uint64_t lost[TRACE_RINGS_IN_FILE]; /* events that were overwritten before they were read */
    void *reader;                       /* of whoever takes the events; NULL at first */
};

/* In the caller's memory, zeroed but for the first. */
struct trace_rings {
    bool
        only_reader; /* the files are for nobody else: each loses its name once it is open, and goes
                         when its loop has ended and all of it is read */
    struct trace_file *files;
    size_t found;     /* files that were rings, those that have gone too */
    size_t refused;   /* files that were not what they should be */
    double fill_most; /* the share of its ring that the fullest one held at the last read */
};

/* What is done with the events of one file, oldest first.
 * Takes: reader: that of the file; lost: how many were overwritten directly before these. */
typedef void trace_rings_take(void *context, void **reader, const struct hark_trace_ring *ring,
                              const struct hark_trace_event *events, size_t count, uint64_t lost);

/* Opens the hark-*.trace files of a directory that are not open yet.
 * Takes: last: they are complete, so what is no ring now never will be: it is refused, and one
 *   line says why.
 * Fails: -ENOENT and what else opening a directory gives. */
int trace_rings_look(struct trace_rings *rings, const char *directory, bool last);

/* Adds one file.
 * Takes: fd: stays the caller's; name: for messages.
 * Gives: 0; 1: it is there already.
 * Fails: -EAGAIN it is not complete (yet); -EBADMSG it is no ring; -ENOMEM; what mapping gives.
 *   *out_wrong: what is wrong with it, in words. */
int trace_rings_add(struct trace_rings *rings, int fd, const char *name, const char **out_wrong);

/* Hands out all that has been written since the last time. Of each file the loop's events come
 * before the pool's, and of the pool's at least those that had been written when the loop's were
 * looked at: so an op's request is seen before its thread, and its thread in the same call as its
 * end, or in the next one. */
void trace_rings_read(struct trace_rings *rings, trace_rings_take *take, void *context);

void trace_rings_done(struct trace_rings *rings);

#endif
