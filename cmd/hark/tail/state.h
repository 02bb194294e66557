/* state.h - the tail as its own files see it, and who of them looks after which part.
 *
 *     tail.c     opening and closing, inotify
 *     start.c    where publishing stood when the process ended
 *     pattern.c  which files match a pattern
 *     source.c   which files are open: the one at the path, and older ones that are being finished
 *     missed.c   files that nobody saw come and go: what is looked for, and what became of it
 *     read.c     from a file into the buffer
 *     publish.c  from the buffer into the stream
 *     again.c    what could not be had, tried again
 *
 * Everything that is under way is counted (tail_begin, tail_end): a tail that is closing is gone
 * when the count is 0.
 */
#ifndef TAIL_STATE_H
#define TAIL_STATE_H

#include "tail/again.h"
#include "tail/position.h"
#include "tail/resolve.h"
#include "tail/split.h"
#include "tail/survey.h"
#include "tail/tail.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/uio.h>

enum {
    TAIL_BATCH_LINES = 512,
    TAIL_BUFFER_FIRST = 64 * 1024,     /* kept for each file that has ever had a line */
    TAIL_BUFFER_MAX = 2 * 1024 * 1024, /* holds the longest line; given back after */
    TAIL_INOTIFY_BYTES = 16 * 1024,
    TAIL_MOVED_MAX = 256, /* names kept of files that were renamed and are not open yet */
    TAIL_MOVED_WALK = 16, /* of which so many are opened at a time */
    TAIL_EARLY_MAX = 64,  /* renamings kept during a walk */
    TAIL_RECORDS_NAME_BYTES = 32,
};

/* A file that stood at the path and was renamed, maybe before it could be opened: inotify told its
 * new name, or a look at all names did. */
struct tail_moved {
    char name[RESOLVE_NAME_BYTES];
    bool again;     /* it was renamed once more while it was being opened */
    bool goes_on;   /* at the place */
    uint64_t inode; /* of the file that a survey saw; 0: whatever has the name */
    struct position_place place;
};

/* A place whose file is not there any more, or was cut. */
struct tail_lost {
    struct position_place place;
    bool read; /* its file was done with */
    bool told;
};

/* A renaming in a directory that is not known to matter: a walk that is under way may tell that it
 * does. */
struct tail_early {
    int watch;
    char from[RESOLVE_NAME_BYTES];
    char to[RESOLVE_NAME_BYTES];
};

/* One of those, while it is being opened on the pool. */
struct tail_moved_file {
    struct tail_moved moved;
    struct resolve_file file;
};

/* An open file. The last in a follower's list stands at the path, where `current` says so; the
 * others are older. */
struct tail_source {
    struct tail_source *newer;
    struct tail_follower *follower;
    struct hark_op close;
    int fd;
    int watch;
    uint64_t device, inode;
    int64_t born_ns;
    uint64_t offset;  /* of the first byte that is not published */
    uint32_t skip;    /* units that the last process has published */
    uint64_t left_ns; /* when it was no longer at the path, or has grown after that */
    uint32_t part;    /* parts of the line at the offset that are published */
    uint32_t first_count;
    uint32_t last_count;
    bool dirty;   /* it may have grown */
    bool leaving; /* to be let go once it is read to its end */
    bool held;    /* it was cut: what its copy still has goes first */
    bool copy;    /* of a file that was cut or is gone */
    char first[POSITION_FIRST_BYTES];
    char last[POSITION_LAST_BYTES]; /* what stands before the offset */
};

/* What was read and is not published. Before `bytes + at` there is always room for a part's
 * mark. */
struct tail_buffer {
    struct tail_source *source; /* whose bytes they are */
    char *block;
    size_t room;    /* of the block behind the mark's room */
    size_t at;      /* what is published ends here */
    size_t count;   /* what was read ends here */
    uint64_t start; /* the offset in the file of the first */
};

/* A line on its way. */
struct tail_line {
    struct broker_publish publish;
    struct tail_follower *follower;
    const char *bytes;
    size_t count;
    struct split_unit unit;
    int64_t result;
};

/* The lines that are being published, and the record before them. */
struct tail_batch {
    struct tail_follower *follower;
    struct log_append record;
    int64_t record_result;
    size_t record_count;
    char record_text[POSITION_TEXT_BYTES];
    uint32_t count;
    uint32_t waiting; /* answers still to come, the record's too */
    bool final;       /* its source is done with it */
    bool again; /* it is sent a second time: lines of it, or all, are published, but not its record
                   or others */
    uint64_t retry_ns;
    struct tail_line lines[TAIL_BATCH_LINES];
};

/* One path that is followed. */
struct tail_follower {
    struct tail *tail;
    const struct tail_pattern *pattern; /* that it matches; NULL: it was named */
    char *path;                         /* absolute */
    char *stream_name;
    char private_name[TAIL_RECORDS_NAME_BYTES];
    struct broker_stream *stream;

    struct hark_op resolve;
    struct resolution *resolution; /* the last one; its fd is handed over to a source */
    struct resolution *resolving;
    bool resolve_wanted;
    char directory[PATH_MAX];        /* in which the path ended at the last walk */
    struct tail_moved *moved;        /* the oldest first; made when first needed */
    struct tail_moved_file *opening; /* the first of those, in the walk that is under way */
    unsigned moved_count, opening_count;
    struct tail_early *early; /* made when first needed */
    unsigned early_count;
    bool survey_wanted;    /* the next walk looks at all names */
    struct survey *survey; /* while it does */
    int64_t walk_ns;       /* the clock of births when the last walk began */
    int64_t looked_ns;     /* files born before are known, or no matter */
    int64_t passed_ns; /* no copy that was passed over is younger: it may be of the tick of the look
                          itself */
    struct tail_lost lost[POSITION_PLACES_MAX]; /* at the start */
    unsigned lost_count;
    struct tail_lost cut; /* the last file that was cut, as it was; inode 0: none */
    bool walked;          /* once */
    int told;             /* the last trouble with the path that was reported */
    int lacks;            /* what the last walk lacked, and another may find; 0: nothing */
    bool incomplete;      /* so that a file which is there is not open */
    int read_told;        /* the last trouble with reading that was reported, while it lasts */
    struct tail_again again;

    struct tail_source *oldest;
    unsigned source_count;
    bool current; /* the newest source stands at the path */

    bool busy; /* a source is being read, or a batch published */
    struct tail_source *reading;
    struct hark_op read;
    struct statx status;
    char check[POSITION_FIRST_BYTES];
    char before[POSITION_LAST_BYTES]; /* what is read once more before the new bytes: the same, or
                                         the file was cut */
    size_t before_count;
    struct iovec vector[2];
    struct tail_buffer buffer;
    struct tail_batch *batch;
    struct hark_op retry;
    struct hark_op let_go;
    struct log_append placing; /* a record of the places alone */
    bool placing_active, place_wanted;
    char placing_text[POSITION_TEXT_BYTES];

    int slot_fd;
    unsigned slot_next;
    bool slot_writing, slot_wanted;
    uint64_t slot_id;
    struct hark_op slot_op;
    char slot[POSITION_SLOT_BYTES];

    struct tail_start *start; /* while it is being found out where to begin */
    bool ready;
    bool stopped; /* for good, after an error */
    const char *state;
    uint64_t lines, bytes, split, rotations, truncations;
};

/* One pattern. */
struct tail_pattern {
    struct tail *tail;
    char *path; /* absolute */
    char *name; /* its last name, the pattern itself */
    char *stream;
    unsigned count; /* of the followers that it has made */
    struct hark_op look;
    struct tail_again again;
    struct resolution *way, *walking; /* to the directory; of the look that is under way */
    bool wanted;                      /* once more */
    struct tail_match *matches;       /* of the look that is under way */
    size_t match_count, match_room;
    unsigned rotated; /* names that match and belong to others */
    char rotated_name[RESOLVE_NAME_BYTES];
    int error, told;
    bool rotated_told, full;
};

struct tail {
    struct hark_loop *loop;
    struct broker *broker;
    struct log *log;
    log_report *report;
    bool (*spare)(void *context);
    void *report_context;
    char *directory;
    uint64_t let_go_ns;
    uint64_t retry_ns;
    struct tail_follower *followers; /* with room for all that patterns may add */
    size_t count;
    struct tail_pattern *patterns;
    size_t pattern_count;
    uint64_t opened_id; /* the log's newest event when the tail was opened */
    int inotify;
    struct hark_op watch;
    struct hark_op close;
    struct hark_op settle;
    int move_watch; /* the last renaming that was half told: the directory, */
    uint32_t move_cookie;
    char move_name[RESOLVE_NAME_BYTES]; /* and the old name */
    unsigned resolving;                 /* walks on the pool, which may be adding watches */
    int *stale;                         /* watches that may be used by nothing any more */
    size_t stale_count, stale_room;
    uint64_t under_way;
    bool closing;
    bool emptied; /* nothing is read or published any more */
    void (*closed)(void *context);
    void *closed_context;
    char events[TAIL_INOTIFY_BYTES] __attribute__((aligned(8)));
};

/* tail.c: something begins that calls back, something has; after the end the tail may be gone. */
void tail_begin(struct tail *tail);
void tail_end(struct tail *tail);

/* tail.c: tells a person about a follower. */
__attribute__((format(printf, 3, 4))) void tail_tell(const struct tail_follower *follower,
                                                     enum log_severity severity, const char *format,
                                                     ...);

/* tail.c: gives up a follower for good; reported by the caller. */
void tail_stop(struct tail_follower *follower, const char *state);

/* again.c: tries again later what the follower could not have: its start, its path, its bytes. */
void tail_follower_again(struct tail_follower *follower, int64_t error);

/* tail.c: removes a watch, once it is sure that nothing uses it any more. */
void tail_drop_watch(struct tail *tail, int watch);
void tail_trim_watches(struct tail *tail);

/* tail.c: the path from the root on.
 * Gives: memory of its own; NULL none is left. */
char *tail_absolute_path(const char *path);

/* tail.c: the stream of records, by path and stream: the same after a restart.
 * Takes: name of TAIL_RECORDS_NAME_BYTES. */
void tail_records_name(const char *path, const char *stream, char *name);

/* tail.c: makes a follower.
 * Takes: pattern: NULL where it was named.
 * Fails: -EINVAL the name of the stream, or it is there already; -ENOMEM. */
int tail_follow(struct tail *tail, const struct tail_file *file, const struct tail_pattern *pattern,
                struct tail_follower **out_follower);

/* tail.c: watches, and finds out where to begin. */
void tail_follow_begin(struct tail_follower *follower);

/* pattern.c */
struct inotify_event;
int tail_pattern_init(struct tail *tail, struct tail_pattern *pattern,
                      const struct tail_file *file);
void tail_pattern_free(struct tail_pattern *pattern);

/* pattern.c: looks through the directory, soon. */
void tail_pattern_look(struct tail_pattern *pattern);

/* pattern.c: whether an event may tell of a file that matches. */
bool tail_pattern_concerned(const struct tail_pattern *pattern, const struct inotify_event *event);

/* start.c: finds out where to begin, then lets the follower be ready and resolves its path. */
void tail_start_begin(struct tail_follower *follower);

/* source.c: a file in a watched directory was renamed. */
void tail_source_moved(struct tail_follower *follower, int watch, const char *from, const char *to);

/* missed.c: something may have come and gone unseen: the next walk looks at all names. */
void tail_missed_look(struct tail_follower *follower);

/* missed.c: what a survey has to know.
 * Gives: a survey that was made ready; NULL: no memory is left. */
struct survey *tail_missed_begin(struct tail_follower *follower);

/* missed.c: puts what a survey has found in front of the names to open, and tells what could not be
 * found. */
void tail_missed_take(struct tail_follower *follower);

/* missed.c: a survey that was not made. */
void tail_missed_drop(struct tail_follower *follower);

/* source.c: walks the path again, soon. */
void tail_source_resolve(struct tail_follower *follower);

/* source.c: adds an open file as the newest.
 * Fails: -ENOMEM, -ENOSPC too many; fd is then still the caller's. */
int tail_source_add(struct tail_follower *follower, int fd, int watch, uint64_t device,
                    uint64_t inode, int64_t born_ns, struct tail_source **out_source);

/* source.c: the place of a file that was found again; its bytes stand in first and last. */
void tail_source_go_on(struct tail_source *source, const struct position_place *place,
                       const char *first, const char *last);

/* source.c: closes a file that is done. */
void tail_source_close(struct tail_source *source);

/* source.c: the place has moved past these bytes, which follow those it keeps. */
void tail_source_passed(struct tail_source *source, const char *bytes, size_t count);

/* source.c: the place as it is written. */
void tail_source_place(const struct tail_source *source, struct position_place *out_place);

/* source.c: the position before or after what is at hand. */
void tail_source_positions(const struct tail_follower *follower, struct position *out_position);

/* source.c: sees to it that old files are let go in time. */
void tail_source_arm(struct tail_follower *follower);

/* read.c: goes on with whatever there is to read. */
void tail_read_pump(struct tail_follower *follower);

/* read.c: the buffer is used up as far as it goes: reads on, or ends this turn of the source. */
void tail_read_more(struct tail_follower *follower);

/* read.c: publishes what the buffer holds, or reads on. */
void tail_read_step(struct tail_follower *follower);

/* publish.c: publishes units from the buffer.
 * Gives: false where the buffer holds none. */
bool tail_publish(struct tail_follower *follower);

/* publish.c: appends a record of the places, once no batch is under way. */
void tail_publish_places(struct tail_follower *follower);

/* publish.c: writes the position beside the log, after the batch of record `id`. */
void tail_publish_slot(struct tail_follower *follower, uint64_t id);

#endif
