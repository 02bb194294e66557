/* recovery_state.h - a log that is being opened, as the files of that see it: recovery.c goes from
 * segment to segment, load.c takes one, prove.c and replay.c do parts of that. */
#ifndef HARK_COMMAND_LOG_RECOVERY_STATE_H
#define HARK_COMMAND_LOG_RECOVERY_STATE_H

#include "log/record.h"
#include "log/scan.h"
#include "log/state.h"

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

/* The opening of a log. It frees itself. */
struct log_recovery {
    struct log *log;
    void (*recovered)(struct log *log, int error, void *context); /* recovery_done */
    void *context;
    int error;
    struct hark_op op;
    struct log_transfer transfer;
    struct log_scan scan;
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
