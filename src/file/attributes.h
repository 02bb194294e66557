/* attributes.h - all extended attributes of one file given to another, a step of the conveniences
 * of files. */
#ifndef FILE_ATTRIBUTES_H
#define FILE_ATTRIBUTES_H

#include "hark/op.h"

enum { ATTRIBUTES_BYTES = 65536 }; /* XATTR_LIST_MAX, XATTR_SIZE_MAX */

/* A file by its name, or, with AT_EMPTY_PATH and "", by its descriptor. */
struct file_place {
    int directory;
    const char *path;
    int flags; /* AT_SYMLINK_NOFOLLOW or AT_EMPTY_PATH */
};

/* All is set by attributes_give. */
struct attributes {
    struct hark_op op;
    struct hark_loop *loop;
    void (*done)(struct attributes *attributes, int error);
    struct file_place from, to;
    int error; /* the first */
    bool cancelled;
    size_t filled, at;
    char names[ATTRIBUTES_BYTES], value[ATTRIBUTES_BYTES];
};

/* Gives: by `done` 0; -ECANCELED; the first error of those that are one: not that there are none,
 *   nor that one of another namespace than the users' may not be set. */
void attributes_give(struct hark_loop *loop, struct attributes *attributes, struct file_place from,
                     struct file_place to, void (*done)(struct attributes *attributes, int error));

/* Asks that it end soon. One that has ended, or not begun: nothing happens. */
void attributes_cancel(struct attributes *attributes);

#endif
