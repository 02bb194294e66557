/* state.h - the log as its own files see it: what it holds, and who of them looks after which
 * part. */
#ifndef HARK_COMMAND_LOG_STATE_H
#define HARK_COMMAND_LOG_STATE_H

#include "base/pending.h"
#include "log/index.h"
#include "log/log.h"
#include "log/mark.h"
#include "log/record.h"
#include "log/table.h"
#include "log/table_file.h"
#include "log/transfer.h"

#include <sys/uio.h>

/* The name of a file of a segment: 20 digits and a suffix. */
#define SEGMENT_NAME_BYTES 32u
#define SUFFIX_LOG         ".log"
#define SUFFIX_INDEX       ".idx"
#define SUFFIX_UNFINISHED  ".new"

enum log_segment_state { SEGMENT_CLOSED, SEGMENT_OPENING, SEGMENT_OPEN, SEGMENT_CLOSING };

/* One segment file. segment.c looks after its life. */
struct log_segment {
    struct log *log;
    uint64_t first;
    uint64_t end; /* where its records end that may be read; the next write goes there */
    uint64_t created_ns;
    uint64_t newest_ns;
    uint64_t last_sequence;
    struct log_index index; /* once sealed, while it is open or pinned */
    int fd;                 /* -1 none */
    enum log_segment_state state;
    uint32_t references; /* reads, the seal: what keeps it from going */
    uint32_t live;       /* spans of streams that are in it; counted once the log is open */
    uint64_t dead;       /* bytes in it of streams that were deleted since */
    uint64_t
        dead_since;   /* the sequence that the last deletion is not above; 0: it is on the disk */
    bool sealed;      /* nothing is written to it any more */
    bool failed;      /* a sync or a cut of it failed: it takes no more appends */
    bool pinned;      /* its index is in memory alone */
    bool unlinked;    /* removed, and its files are being dealt with */
    bool damage_told; /* that something in it is unreadable */
    bool idle;        /* it stands in the list of those that may be closed */
    /* The start has passed something over: no index is kept of it, and each start looks again. */
    bool damaged;
    bool index_damaged; /* the next start makes it anew */
    struct log_segment *idle_before, *idle_after;
    struct log_wait *waiting; /* for it to be open */
    /* Removed: is called when nobody holds it and its descriptor rests; NULL: it is in the list. */
    void (*unused)(struct log_segment *segment);
    struct hark_op op;
    struct log_transfer transfer;
    unsigned char *loading;
    int index_fd;
    char name[SEGMENT_NAME_BYTES];
};

enum { COMMIT_VECTORS = 128 };

/* The appends: commit.c. */
struct log_commit {
    struct log_append *queue, **queue_end; /* those that wait */
    struct log_append *batch, **batch_end; /* those in the write in flight, in order */
    unsigned char *buffer;                 /* headers, small events, zeros */
    size_t used;
    struct iovec vector[COMMIT_VECTORS];
    unsigned vectors;
    unsigned first_vector; /* those before it are written */
    uint64_t bytes;        /* of the batch in the file */
    uint64_t written;      /* of those */
    uint64_t time_ns;
    int reported;                /* the error that was told to a person, and still lasts */
    int error;                   /* why the batch fails, while it is being cut off */
    bool running;                /* from the turn's end to the answers */
    bool closes;                 /* the batch takes no more: its last request deletes a stream */
    bool leans;                  /* a stream of the batch leans on another: none is deleted in it */
    bool dirty;                  /* answered, not yet synced: LOG_SYNC_INTERVAL */
    uint64_t dirty_id;           /* the first of those */
    uint64_t syncing_id;         /* the first that the sync in flight is for */
    struct log_segment *syncing; /* held */
    struct hark_op turn;
    struct hark_op op;
    struct hark_op timer;
    struct hark_op sync;
};

/* The making of the next segment: roll.c. */
struct log_roll {
    struct log_segment *segment;
    unsigned char header[SEGMENT_HEADER_BYTES];
    int error;
    char mark[2 * MARK_BYTES];
    bool names_oldest; /* the mark says which segment is the oldest, too */
    struct hark_op op;
    struct log_transfer transfer;
    void (*done)(struct log *log, int error);
};

/* The table of streams in its file, and the writing of the next: checkpoint.c. */
struct log_checkpoint {
    uint64_t covers;           /* all in segments below that one is told by the table on the disk */
    uint64_t from;             /* of that table: all up to there is on the disk */
    uint64_t size;             /* of it; covers 0: there is none */
    uint64_t written;          /* bytes of segments, since the log was opened */
    uint64_t written_at_begin; /* of the walk under way */
    uint64_t since;            /* of those, since the walk of the table on the disk began */
    struct table_segment *missing; /* segments that were lost, of which each start is to tell */
    size_t missing_count;
    struct table_header header;
    unsigned char *bytes; /* what is being written */
    size_t count, capacity;
    uint64_t offset;   /* where in the file it goes */
    uint64_t unsynced; /* of the file */
    uint64_t rows;
    uint32_t unsynced_segments; /* sealed ones whose sync is under way */
    struct log_segment *syncing;
    int fd;
    int error;
    int failed; /* why the last one could not be written; 0: it could */
    bool running;
    bool ended;    /* all of it is written, and not yet on the disk */
    bool waiting;  /* for the segments that are being synced */
    bool stopping; /* nobody needs it any more */
    void (*awaited)(struct log *log, int error);
    void (*told)(struct log *log); /* of each that is on the disk; NULL: nobody is */
    struct hark_op op;
    struct log_transfer transfer;
};

/* The lock file's line of the oldest segment: oldest.c. */
struct log_oldest {
    uint64_t told;               /* what it says, on the disk; 0: nothing, as far as is known */
    uint64_t writing;            /* what it is going to say; 0: it is not being written */
    struct log_segment *waiting; /* removed ones that it may still name, by idle_after */
    char line[MARK_BYTES];
    struct hark_op op;
    struct log_transfer transfer;
};

/* The end of the log: close.c. */
struct log_close {
    unsigned step;
    int error; /* what is told: the first that lost something */
    struct hark_op op;
    log_closed *closed;
    void *context;
};

/* Those that wait for a descriptor, in order of their asking: segment.c. */
struct log_starved {
    struct log_wait *head, **end;
    size_t count;
    bool feeding; /* they are being asked to try again */
    bool again;
};

struct log {
    struct hark_loop *loop;
    struct log_options options;
    char *path;
    int directory;
    /* For flock alone: what the kernel still has in flight on a descriptor keeps its lock, even
     * when the process is gone; and the same file once more, to read and write. */
    int lock;
    int mark;
    struct log_table table;
    uint64_t next; /* the next sequence */

    /* In order; the one being written, if there is one, is the last. */
    struct log_segment **segments;
    size_t segment_count;
    size_t segment_capacity;
    struct log_segment *active; /* NULL: the next append makes one */
    /* The active one must not grow: a header that says where it ends may be on the disk already. */
    bool must_roll;
    /* The start has found losses: what it knows of them has to be in the table on the disk before
     * another segment is made. */
    bool must_write_table;
    struct log_builder builder; /* of the active segment */

    struct log_segment *idle_oldest, *idle_newest; /* open, sealed, unused */
    uint32_t open;              /* sealed segments that hold a descriptor, or soon will */
    struct log_starved starved; /* reads that wait for one of those to be let go */

    struct log_commit commit;
    struct log_roll roll;
    struct log_checkpoint checkpoint;
    struct log_oldest oldest;
    struct hark_op age; /* the timer of retention */

    struct log_statistics statistics;

    struct pending pending;        /* ops, reads, seals: recovery and the end wait for them */
    struct log_recovery *recovery; /* NULL: the log is open */
    bool recovered;
    bool closing;
    struct log_close close;
};

#endif
