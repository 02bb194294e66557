/* scan.h - reads a segment file from its beginning, record by record, around what is damaged. */
#ifndef HARK_COMMAND_LOG_SCAN_H
#define HARK_COMMAND_LOG_SCAN_H

#include "hark.h"
#include "log/record.h"

#define SCAN_BUFFER_BYTES (2u * 1024 * 1024) /* more than any record takes */

struct log_scan;

struct log_scan {
    /* Set by the caller: */
    int fd;
    unsigned char *buffer; /* SCAN_BUFFER_BYTES */
    uint64_t first;        /* of the segment */
    uint64_t limit;        /* read no further than this */
    bool torn_allowed;     /* it may end in a write that a crash has interrupted */
    int (*record)(struct log_scan *scan, const struct log_record *record,
                  uint64_t offset); /* not 0: the scan ends with that error */
    /* Something unreadable, passed over; what was good before it ended with scan->last. next: the
     * sequence of the record that follows, 0 none does. NULL: nobody asks. */
    void (*hole)(struct log_scan *scan, uint64_t from, uint64_t end, uint64_t next);
    void (*done)(struct log_scan *scan, int error);
    /* Set when done is called: */
    uint64_t end;  /* where the records end */
    uint64_t torn; /* the bytes after it that belong to an interrupted write */
    uint64_t last; /* the sequence of the newest record so far; before the first: the segment's */
    /* Private: */
    struct hark_op op;
    uint64_t offset;
    uint64_t filled;
    uint64_t position;
    uint64_t hole_from;
    bool searching;
    bool damaged; /* what began the search was once whole */
};

/* Scans from right after the header. Starts like an op; callbacks come from hark_run. */
void scan_begin(struct hark_loop *loop, struct log_scan *scan);

#endif
