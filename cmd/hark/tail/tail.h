/* tail.h - files that grow, as sources of events: each complete line that is appended to a file
 * becomes an event of a stream.
 *
 * Files are followed by inotify: nothing is polled. Rotation by renaming (the old file is finished
 * first), copy-and-truncate, deletion and re-creation, files and directories that do not exist yet,
 * and symbolic links that are switched are all followed. A file that is seen for the first time is
 * read from its beginning.
 *
 * No line is lost or repeated, also across kill -9: see tail/position.h for how.
 *
 * A line is what stands before an LF, without the LF. What a file that was renamed or removed still
 * holds after its last LF is a line too, once nobody writes to it any more. A line longer than an
 * event may be becomes several events, its parts, in order. Each part begins with a line of JSON
 * and an LF: {"part":1,"last":false}. As other lines hold no LF, no line looks like a part.
 *
 * The last name of a path may be a pattern: each file in the directory that matches is followed so,
 * now or once it comes.
 *
 * Thread, for every function here: the loop's.
 */
#ifndef HARK_COMMAND_TAIL_TAIL_H
#define HARK_COMMAND_TAIL_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hark.h"
#include "log/log.h"
#include "tail/pattern_name.h"

struct broker;
struct tail;

/* One file to follow, or a pattern. */
struct tail_file {
    const char *path;
    const char *stream; /* for a pattern: {name} in it stands for the file's name, with _ for what
                           no stream's name holds */
};

/* What to follow; copied. */
struct tail_options {
    const struct tail_file *files;
    size_t count;
    const char *directory; /* the data directory, which exists: small files named tail-*.position
                              are kept in it */
    uint64_t let_go_ns; /* a file that was renamed or removed is let go once it has not grown for so
                           long; 0: 60 s */
    uint64_t retry_ns;  /* how long what failed waits before the first new try: lines that the log
                           refuses, files; 0: 1 s */
    log_report *report; /* what a person should know: a line each; NULL: nobody */
    bool (*spare)(void *context); /* as log_options.spare */
    void *report_context;         /* of both */
};

/* Begins to follow.
 * Takes: a broker and its log, open until `closed` of tail_close. A path may be relative: to the
 *   directory that is current now.
 * Gives: 0 and *out_tail; what happens to single files later is reported. With count 0 it gives a
 *   tail that does nothing.
 * Fails: -EINVAL a name of a stream, or the same file and stream twice; -ENOMEM; -EMFILE, -ENFILE,
 *   -ENOSYS: no inotify. */
int tail_open(struct hark_loop *loop, struct broker *broker, struct log *log,
              const struct tail_options *options, struct tail **out_tail);

/* Stops reading, waits for what is being published, and calls closed from hark_run; the tail's
 * memory is then gone.
 * Takes: closed: not NULL; context: as it is. Call tail_close before broker_close and log_close. */
void tail_close(struct tail *tail, void (*closed)(void *context), void *context);

/* One followed file as /stats shows it. */
struct tail_view {
    const char *path;
    const char *stream;
    /* "reading", "following", "waiting for the file", "stopped", ... for a person */
    const char *state;
    uint64_t offset;      /* in the current file: what stands before is published */
    uint64_t lines;       /* published since the start */
    uint64_t bytes;       /* of these lines */
    uint64_t split;       /* lines that were longer than an event */
    uint64_t rotations;   /* times that another file stood at the path */
    uint64_t truncations; /* times that the file was cut */
};

/* Calls back for each file, in the order of the options.
 * Takes: tail: NULL: nothing happens. */
void tail_each(const struct tail *tail, void (*each)(void *context, const struct tail_view *view),
               void *context);

#endif
