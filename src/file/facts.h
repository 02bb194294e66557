/* facts.h - what belongs to a file beside its content, given to another: owner, extended
 * attributes, mode and times, a step of the conveniences of files. */
#ifndef FILE_FACTS_H
#define FILE_FACTS_H

#include "base/statx.h"
#include "file/attributes.h"

enum facts_kind {
    FACTS_OWNER = 1,
    FACTS_ATTRIBUTES = 2,
    FACTS_MODE = 4,
    FACTS_TIMES = 8,
    /* What may not be given to it is no error, and what fails keeps nothing else back. Who does not
     * get its owner must not run as the one that it has. */
    FACTS_AS_ALLOWED = 16,
};

struct facts {
    /* What is asked. */
    struct hark_loop *loop;
    void (*done)(struct facts *facts, int error); /* 0; -ECANCELED; the first error */
    struct file_place from, to;
    const struct statx *status; /* of `from` */
    unsigned kinds;
    /* Private. */
    struct hark_op op;
    bool owned, group_alone, cancelled;
    int error;
    struct timespec times[2];
    struct attributes attributes;
};

void facts_give(struct facts *facts);

/* Asks that it end soon. One that has ended, or not begun: nothing happens. */
void facts_cancel(struct facts *facts);

#endif
