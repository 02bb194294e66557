/* survey.h - a look at all names of a directory: which of its files stood at a path while nobody
 * could see it.
 *
 * That is asked after a start, after inotify's queue overflowed, and after a file was cut. A file
 * is a rotation of the path's by its name (survey_is_rotation) and nobody has read it if its inode
 * and birth are no open file's and it was born since the path was last looked at, or if it begins
 * with what was read of a file that is gone or was cut.
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
    SURVEY_KNOWN_MAX = 2 * POSITION_PLACES_MAX + 1,
    SURVEY_FILES_MAX = 256,
};

/* A file that was looked at before. */
struct survey_known {
    struct position_place place;
    int fd; /* open; closed by the survey; -1: it is gone, or was cut: a copy of it is looked for */
    bool read;    /* the whole file is published: no copy is looked for either */
    bool matched; /* out: a copy was found */
};

/* A file to read. */
struct survey_file {
    char name[SURVEY_NAME_BYTES];
    uint64_t inode;
    int64_t since_ns;   /* when it came */
    int64_t written_ns; /* when it was written last, which is its order: one that was cut is younger
                           than its copy */
    int known;          /* it goes on where this one stood; -1: from its beginning */
};

struct survey {
    int64_t since_ns; /* files born before are passed over; 0: all but files that go on where a
                         known one stood */
    struct survey_known known[SURVEY_KNOWN_MAX];
    unsigned known_count;
    /* Out: */
    int error; /* the directory, or a file in it, cannot be read, the file for now: a negative errno
                */
    struct survey_file files[SURVEY_FILES_MAX];
    unsigned count;    /* in the order in which they are to be read */
    unsigned lost;     /* for which there was no room */
    int64_t passed_ns; /* when the youngest copy came that is not read */
    unsigned packed, unreadable;
    unsigned copies; /* of what is open, passed over */
    char packed_name[SURVEY_NAME_BYTES], unreadable_name[SURVEY_NAME_BYTES],
        copy_name[SURVEY_NAME_BYTES];
};

/* Whether rotation may give such a name to a file: the name with numbers, dates or words such as
 * "old" behind it or before its ending: app.log.1, app.log.old, app-1.log, app-2026-11-22.log,
 * app.log-20261122. *out_packed: and it is packed: app.log.1.gz.
 */
bool survey_is_rotation(const char *name, const char *base, bool *out_packed);

/* Looks at all names.
 * Takes: the directory; the name in it that is followed, which is not looked at; survey: zero but
 *   for the first three.
 * Gives: the rest. */
void survey_directory(const char *directory, const char *base, struct survey *survey);

/* Whether an open file begins with what a place tells of.
 * Takes: first, last: room for the bytes that the place tells of, filled on success. */
bool survey_begins_as(int fd, const struct position_place *place, char *first, char *last);

/* When a file was born.
 * Gives: nanoseconds; 0: the file system does not keep births, or cannot be asked. */
int64_t survey_birth(int fd);

/* The clock of births: that of the file systems, which goes by ticks. */
int64_t survey_now(void);

#endif
