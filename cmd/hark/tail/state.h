/* state.h - the tail as its own files see it: what they share.
 *
 * Each file uses only files that stand below it here:
 *
 *     tail.c          opening and closing
 *     events.c        what inotify tells
 *     pattern.c       which files match a pattern
 *     follower.c      one path: made, begun, gone on with
 *     start.c         where publishing stood when the process ended
 *     walk.c          what stands at the path now
 *     moved.c         files that were renamed before they were opened
 *     missed.c        files that nobody saw come and go
 *     let_go.c        old files are let go in time
 *     read.c          from a file into the buffer
 *     publish.c       from the buffer into the stream
 *     places.c        where the files stand is kept
 *     source.c        which files are open, and how far they are published
 *     watches.c       inotify's watches
 *     later.c         what could not be had, tried again
 *     tell.c          what a person is told
 *
 * resolve.c and survey.c look at paths and directories, on the pool; position.c, split.c,
 * pattern_name.c and survey_name.c do no I/O.
 *
 * Whatever calls back is counted in tail->pending: a tail that is closing is gone when nothing is
 * under way any more.
 */
#ifndef HARK_COMMAND_TAIL_STATE_H
#define HARK_COMMAND_TAIL_STATE_H

#include "base/pending.h"
#include "broker/publish.h"
#include "log/log.h"
#include "tail/again.h"
#include "tail/position.h"
#include "tail/resolve.h"
#include "tail/split.h"
#include "tail/survey.h"

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
    TAIL_DONE_MAX = 64,   /* files that are done with and kept in mind */
    TAIL_RECORDS_NAME_BYTES = 32,
    TAIL_PATIENCE = 150, /* times the first wait: for so long a disk that fails is waited for where
                            other files wait behind one */
};

/* A file that stood at the path and was renamed, maybe before it could be opened: inotify told its
 * new name, or a look at all names did. */
struct tail_moved {
    char name[RESOLVE_NAME_BYTES];
    bool again;         /* it was renamed once more while it was being opened */
    bool goes_on;       /* at the place */
    bool stood;         /* a survey knows that it has stood at the path */
    uint64_t failed_ns; /* since when the disk does not give it; 0: it was not tried */
    uint64_t inode;     /* of the file that a survey saw; 0: whatever has the name */
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

/* A renamed file while it is being opened on the pool. */
struct tail_moved_file {
    struct tail_moved moved;
    struct resolve_file file;
};

/* An open file. The last in a follower's list stands at the path if `current` says so; the others
 * are older. */
struct tail_source {
    struct tail_source *newer;
    struct tail_follower *follower;
    struct hark_op close;
    int fd;
    int watch;
    uint64_t device, inode;
    int64_t born_ns;
    uint64_t offset;    /* of the first byte that is not published */
    uint32_t skip;      /* units that the last process has published */
    uint64_t failed_ns; /* since when it cannot be read; 0: it can */
    uint64_t left_ns;   /* when it was no longer at the path, or has grown after that */
    uint32_t part;      /* parts of the line at the offset that are published */
    uint32_t first_count;
    uint32_t last_count;
    bool dirty;    /* it may have grown */
    bool more;     /* the last read moved something: what follows may be there */
    bool leaving;  /* to be let go once it is read to its end */
    bool checked;  /* nothing goes before it: it may be published. Else nothing of it is, and its
                     place tells of its beginning */
    bool unplaced; /* it stands before files that go before it */
    bool held;     /* what goes before it is being looked for */
    bool suspect;  /* a survey has seen that it was cut */
    bool stood;    /* it was seen at the path itself: whatever its bytes are, it is no copy */
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

/* The batch is in the log, or has to be cut out of the buffer anew. */
typedef void tail_published(struct tail_follower *follower);

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
    bool again;       /* it is sent a second time: some or all of its lines are published, but its
                         record or other lines are not */
    uint64_t retry_ns;
    tail_published *done;
    struct tail_line lines[TAIL_BATCH_LINES];
};

/* What lower files need of higher ones. */
struct tail_steps {
    /* The path has to be looked at: a file was cut, or closed while another waited for room. */
    void (*walk)(struct tail_follower *follower);
    /* What could not be had may be there now. */
    void (*again)(struct tail_follower *follower);
};

/* One path that is followed. */
struct tail_follower {
    struct tail *tail;
    const struct tail_steps *steps;
    const struct tail_pattern *pattern; /* that it matches; NULL: it was named */
    char *path;                         /* absolute */
    char *stream_name;
    char private_name[TAIL_RECORDS_NAME_BYTES];
    struct broker_stream *stream;
    bool ready;        /* it is known where to begin */
    bool stopped;      /* for good, after an error */
    const char *state; /* as /stats shows it, and how much there was: */
    uint64_t lines, bytes, split, rotations, truncations;

    /* later.c */
    struct tail_again again;

    /* start.c */
    struct tail_start *start;                   /* while it is being found out where to begin */
    struct tail_lost lost[POSITION_PLACES_MAX]; /* at the start */
    unsigned lost_count;

    /* walk.c */
    struct hark_op walk;
    struct resolution *way;     /* of the last walk; its fd is handed over to a source */
    struct resolution *walking; /* of the walk that is under way */
    bool walk_wanted;           /* once more, after the one that is under way */
    bool walk_waits;            /* until a file is closed: there are too many */
    bool walked;                /* once */
    bool away; /* the directory was not there at the start: the places' files may be in it */
    char directory[PATH_MAX];         /* in which the path ended at the last walk */
    int64_t walk_ns;                  /* the clock of births when the last walk began */
    bool path_known;                  /* the last walk could see what stands at the path: */
    uint64_t path_device, path_inode; /* this; inode 0: nothing */
    int told;                         /* the last trouble with the path that was reported */
    int lacks;       /* what the last walk lacked, and another may find; 0: nothing */
    bool incomplete; /* so that a file which is there is not open */

    /* moved.c */
    struct tail_moved *moved;        /* the oldest first; made when first needed */
    struct tail_moved_file *opening; /* the first of `moved`, in the walk that is under way */
    unsigned moved_count, opening_count;
    struct tail_early *early; /* made when first needed */
    unsigned early_count;

    /* missed.c */
    bool survey_wanted;    /* the next walk looks at all names */
    bool survey_waits;     /* but not before a file that was cut is begun anew */
    struct survey *survey; /* while it does */
    struct tail_lost cuts[POSITION_PLACES_MAX]; /* files that were cut, as they were, until their
                                                   copies are found */
    unsigned cut_count;
    int64_t surveyed_ns;       /* when the last look at all names began; 0: its files are open */
    struct position_done seen; /* stood at the path then, and was not open; inode 0: none */
    int64_t undecided_ns; /* no file that it could not decide about is older; 0: there is none */
    uint64_t survey_failed_ns; /* since when the disk fails in it; 0: it does not */
    int survey_told;           /* the last trouble with it that was reported */
    unsigned unreadable_told;

    /* source.c, let_go.c */
    int64_t looked_ns; /* files born before are known, or no matter */
    bool looks_first;  /* the walk that is under way looks at them first, */
    bool looked_first; /* and has: files that were born since it began */
    struct position_done
        present[SURVEY_PRESENT_MAX]; /* and were there before it: they are nobody's */
    unsigned present_count;
    struct position_done done[TAIL_DONE_MAX]; /* these are done with, the last ones */
    unsigned done_count;
    struct tail_source *oldest;
    struct tail_source *surveyed; /* to be closed when the survey that looks at them is over */
    unsigned source_count;
    bool current; /* the newest source stands at the path */
    struct hark_op let_go;

    /* read.c */
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
    int read_told; /* the last trouble with reading that was reported, until something is read */

    /* publish.c */
    struct tail_batch *batch;
    struct hark_op retry;

    /* places.c: a record of the places alone, */
    struct log_append placing;
    bool placing_active, place_wanted;
    char placing_text[POSITION_TEXT_BYTES];
    /* and the slots beside the log */
    int slot_fd;
    unsigned slot_next;
    bool slot_writing, slot_wanted;
    uint64_t slot_id;
    struct hark_op slot_op;
    char slot[POSITION_SLOT_BYTES];
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
    unsigned walking;                   /* walks on the pool, which may be adding watches */
    int *stale;                         /* watches that may be used by nothing any more */
    size_t stale_count, stale_room;
    struct pending pending;
    bool closing;
    void (*closed)(void *context);
    void *closed_context;
    char events[TAIL_INOTIFY_BYTES] __attribute__((aligned(8)));
};

#endif
