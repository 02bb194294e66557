/* survey.h - a look at all names of a directory: which of its files stood at a path while nobody
 * could see it.
 *
 * That is asked after a start, after inotify's queue overflowed, after a file was cut, and when the
 * first bytes of a file were read: it may have been copied and cut before. A file is a rotation of
 * the path's by its name (survey_is_rotation) and nobody has read it if its inode and birth are no
 * open file's and it was born since the path was last looked at, or if it begins with what was read
 * of a file that is gone or was cut.
 *
 * What must hold: the findings are of one moment. Names that change meanwhile are looked at again;
 * a file that was cut meanwhile makes them void.
 *
 * Every function here blocks: they run on the work pool.
 */
#ifndef HARK_COMMAND_TAIL_SURVEY_H
#define HARK_COMMAND_TAIL_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tail/position.h"

enum {
    SURVEY_NAME_BYTES = 256,
    SURVEY_KNOWN_MAX = 3 * POSITION_PLACES_MAX + 1, /* open, lost, cut; and at the path */
    SURVEY_FILES_MAX = 256,
    SURVEY_DONE_MAX = 80,
    SURVEY_PRESENT_MAX = 8,
};

/* A file that was looked at before. */
struct survey_known {
    struct position_place place;
    int fd; /* open, and not closed before the survey is over; -1: it is gone, or was cut: a copy of
               it is looked for */
    bool read;     /* the whole file is published: no copy is looked for either */
    bool fresh;    /* it is not known yet what goes before it */
    bool unread;   /* nothing of it is published */
    bool unplaced; /* nor does it stand in order among those that are open */
    bool at_path;  /* it stands at the path, as far as is known */
    bool stood;    /* or stood there when it was opened: it is no copy */
    bool leaving;  /* nobody writes to it any more */
    bool matched;  /* out: a copy was found */
    bool copy;     /* out: it is a copy of another one */
    bool rotated;  /* out: it has a name of a rotated file, so it left the path meanwhile */
    bool cut;      /* out: it does not begin as its place tells any more */
};

/* A name that inotify has told of, or another survey. */
struct survey_told {
    char name[SURVEY_NAME_BYTES];
    uint64_t
        inode; /* of the file that a survey saw, which may have another name by now; 0: whatever
                       has the name */
};

/* A file to read. */
struct survey_file {
    char name[SURVEY_NAME_BYTES];
    uint64_t inode, size;
    int64_t born_ns;    /* 0: not known */
    int64_t since_ns;   /* when it came */
    int64_t written_ns; /* when it was written last, which is its order: one that was cut is younger
                           than its copy */
    int known;          /* it goes on where this one stood; -1: from its beginning */
    int self;           /* it is this one of the known, a fresh one; -1: it is not open */
    int rank;           /* its place in the order that was told; -1: it has none */
    bool stood;         /* it has stood at the path: it is no copy */
};

struct survey {
    int64_t since_ns; /* files born before are passed over; 0: all but files that go on where a
                         known one stood */
    struct survey_known known[SURVEY_KNOWN_MAX];
    unsigned known_count, open_count; /* the first are open files */
    struct survey_told *told;         /* in their order: these files are new */
    unsigned told_count;
    struct position_done done[SURVEY_DONE_MAX]; /* done with; out: and passed over */
    unsigned done_count;
    struct position_done present[SURVEY_PRESENT_MAX]; /* were there at the first look: not new, if
                                                         they were not told of */
    unsigned present_count;
    bool passes_over; /* files that the disk does not give are passed over: it has failed for too
                         long */
    /* Out: */
    int error; /* the directory, or a file in it, cannot be read, the file for now: a negative errno
                */
    struct survey_file files[SURVEY_FILES_MAX];
    unsigned count;       /* in the order in which they are to be read */
    unsigned found;       /* of which so many are not open */
    unsigned lost;        /* for which there was no room */
    bool is_void;         /* a file was cut: one of the known tells which */
    int64_t undecided_ns; /* when the oldest copy came of a file of which nothing was read: whether
                             it is to be read is known once that was; 0: there is none */
    unsigned packed, unreadable, failed; /* failed: passed over */
    unsigned copies;                     /* of what is open, passed over */
    char packed_name[SURVEY_NAME_BYTES], unreadable_name[SURVEY_NAME_BYTES],
        copy_name[SURVEY_NAME_BYTES], failed_name[SURVEY_NAME_BYTES];
};

/* Whether rotation may give such a name to a file: the name with numbers, dates or words such as
 * "old" behind it or before its ending: app.log.1, app.log.old, app-1.log, app-2026-11-22.log,
 * app.log-20261122. *out_packed: and it is packed: app.log.1.gz.
 */
bool survey_is_rotation(const char *name, const char *base, bool *out_packed);

/* Whether of two files that were written last in the same tick the first is the older. Small
 * numbers are shifted: the greater one is older. Others, and dates, grow. */
bool survey_is_older_name(const char *a, const char *b);

/* Looks at all names.
 * Takes: the directory; the name in it that is followed, which is not looked at; survey: zero but
 *   for what stands above "out".
 * Gives: the rest. */
void survey_directory(const char *directory, const char *base, struct survey *survey);

/* Looks for files of a rotation that were born at a time or later.
 * Gives: true, *out_count and the files; false: there are more than `room`, their births are not
 *   known, or they cannot be looked at. */
bool survey_present(const char *directory, const char *base, int64_t since_ns,
                    struct position_done *files, unsigned room, unsigned *out_count);

/* Whether an open file begins with what a place tells of.
 * Takes: first, last: room for the bytes that the place tells of, filled on success.
 * Gives: 1: it does; 0: it does not.
 * Fails: what reading gave. */
int survey_begins_as(int fd, const struct position_place *place, char *first, char *last);

/* When a file was born.
 * Gives: nanoseconds; 0: the file system does not keep births, or cannot be asked. */
int64_t survey_birth(int fd);

/* The clock of births: that of the file systems, which goes by ticks. */
int64_t survey_now(void);

#endif
