/* descriptors.h - the table of descriptors: a row for each number, with the ops in flight on it.
 *
 * A row exists from the first op on a number. Close and cancel find a descriptor's ops here, and
 * the ready backends those that wait. The table is an array over the numbers, which the kernel
 * gives out from the lowest; it doubles. */
#ifndef CORE_DESCRIPTORS_H
#define CORE_DESCRIPTORS_H

#include "hark/op.h"

struct descriptor {
    struct hark_op *ops; /* linked through next, the newest first */
    uint8_t flags;
    uint8_t kind;      /* ready: what it is, enum ready_kind; uring: ROW_BORDERS and others */
    uint16_t ready;    /* ready: events that the last call did not disprove */
    uint16_t interest; /* ready: events that the poller reports */
    uint16_t seen; /* ready: events that were reported and that a short read says nothing about */
};

enum {
    DESCRIPTOR_CLOSING = 1, /* hark_close was called: nothing new may start */
    DESCRIPTOR_RELEASED =
        2, /* its close is with the kernel: the number means nothing, or another file already */
    DESCRIPTOR_KNOWN = 4, /* what it is was looked up; uring: its reads and writes never block in
                             the loop's thread */
    DESCRIPTOR_BLOCKING =
        8, /* ready: a file, or a device like one, whose reads go to the pool at once */
    DESCRIPTOR_WATCHED = 16, /* ready: registered with the poller */
    DESCRIPTOR_CHANGES = 64, /* ready: it has a poll of its own */
    DESCRIPTOR_PIPE = 128,   /* ready: it is a pipe */
    DESCRIPTOR_BY_HAND =
        32, /* the kernel takes no call on it that is told not to wait: see unblocked.h */
};

struct descriptors {
    struct descriptor *rows;
    struct hark_op **ended; /* for each row: polls that are over but for their final calls, once the
                               core has set them aside */
    uint32_t count;
    struct hark_op **pairs; /* for each number: ops that stand at another one, and use it: pair.h */
    uint32_t pairs_count;   /* as many as have been needed */
    struct hark_op *loose;  /* ops without a descriptor */
};

/* Makes sure that fd has a row.
 * Fails: -ENOMEM. */
int descriptors_grow(struct descriptors *table, int fd);

static inline struct descriptor *descriptors_row(const struct descriptors *table, int fd)
{
    return &table->rows[fd];
}

/* The row where there is one, else NULL. */
static inline struct descriptor *descriptors_find(const struct descriptors *table, int fd)
{
    return (uint32_t)fd < table->count ? &table->rows[fd]
                                       : NULL; /* a negative one is past every table */
}

static inline void descriptors_link(struct hark_op **head, struct hark_op *op)
{
    op->link = head;
    op->next = *head;
    if (op->next)
        op->next->link = &op->next;
    *head = op;
}

static inline void descriptors_unlink(struct hark_op *op)
{
    *op->link = op->next;
    if (op->next)
        op->next->link = op->link;
    op->link = NULL;
}

void descriptors_done(struct descriptors *table);

#endif
