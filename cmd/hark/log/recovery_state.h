/* recovery_state.h - a log that is being opened, as the files of that see it: recovery.c goes from
 * segment to segment, load.c takes one, prove.c and replay.c do parts of that. */
#ifndef HARK_COMMAND_LOG_RECOVERY_STATE_H
#define HARK_COMMAND_LOG_RECOVERY_STATE_H

#include "log/record.h"
#include "log/scan.h"
#include "log/state.h"
#include "log/table_file.h"

struct log_recovery;

/* A segment file as it was found. */
struct log_found {
    uint64_t first;
    uint64_t size;
    struct log_segment_header header;
    bool whole_header; /* the header was read and is sound */
    bool foreign;      /* it is sound, and another segment's */
    bool has_index;    /* there is a file of that name */
    bool missing;      /* only its index is there */
};

/* Streams up to a generation, after those of the part before, are known as of a sequence. */
struct log_restored_part {
    uint64_t through;
    uint64_t as_of;
};

/* The table of streams, as it is read back: restore.c. */
struct log_restored {
    bool found;    /* there is a file of that name */
    bool whole;    /* all of it was read: it is used */
    bool salvages; /* it is not whole, or does not fit: names and notes are taken, and the whole log
                      is read */
    bool parts_missing; /* of a table that is not whole */
    struct table_header header;
    struct log_restored_part *parts;
    size_t part_count, part_capacity;
    unsigned char *end_bytes; /* the payload of the last part */
    struct table_end end;
    uint64_t listed;                 /* its segments before those that are missing */
    struct log_restored_part *lasts; /* of a table that is not whole: generations and newest ids */
    size_t last_count, last_capacity;
    uint64_t rows;
    unsigned char *bytes;
    size_t filled, capacity;
    uint64_t size;
    uint64_t offset; /* where in the file the bytes begin */
    int error;
    void (*done)(struct log_recovery *recovery, int error);
};

/* The opening of a log. It frees itself. */
struct log_recovery {
    struct log *log;
    void (*recovered)(struct log *log, int error, void *context); /* recovery_done */
    void *context;
    int error;
    struct hark_op op;
    struct log_transfer transfer;
    struct log_scan scan;
    struct log_restored restored;
    unsigned char *buffer;   /* SCAN_BUFFER_BYTES */
    struct log_found *found; /* in order, once all are known */
    size_t count, capacity;
    uint64_t *indexes; /* the indexes that there are */
    size_t index_count, index_capacity;
    uint64_t *unfinished; /* files to remove: indexes that were being written */
    size_t unfinished_count, unfinished_capacity;
    size_t at; /* which of a list is being looked at */
    struct log_segment *segment;
    struct log_index sealed; /* the segment's index, which tells of more than can be found */
    uint64_t proven;         /* in the segment: what stands before it is on the disk */
    void (*proved)(struct log_recovery *recovery, int error);
    void (*loaded)(struct log_recovery *recovery, int error);
    uint64_t declared; /* declarations found in the segment */
    uint64_t events;   /* other records found in it */
    uint64_t known;    /* events in it that the table has told of */
    bool made;         /* the directory, by this start */
    bool damaged; /* something in the segment is missing: the next one's declarations tell what */
    bool previous_damaged;
    uint64_t mark;   /* the newest segment, as the lock file says; 0: it does not */
    uint64_t oldest; /* the same of the oldest */
    uint64_t high;   /* the next sequence, if the last segment was not ended in order */
    int fd;
    char name[SEGMENT_NAME_BYTES];
};

#endif
