/* attributes.h - all extended attributes of one file given to another, a step of the conveniences
 * of files. */
#ifndef FILE_ATTRIBUTES_H
#define FILE_ATTRIBUTES_H

#include "hark/op.h"

enum { ATTRIBUTES_BYTES = 65536 }; /* XATTR_LIST_MAX, XATTR_SIZE_MAX */

/* `op` may be cancelled. All else is set by attributes_give. */
struct attributes {
    struct hark_op op;
    struct hark_loop *loop;
    void (*done)(struct attributes *attributes, int error);
    int from_directory, to_directory;
    const char *from, *to;
    int from_flags, to_flags;
    int error; /* the first */
    size_t filled, at;
    char names[ATTRIBUTES_BYTES], value[ATTRIBUTES_BYTES];
};

/* Takes: from_flags, to_flags: AT_SYMLINK_NOFOLLOW or AT_EMPTY_PATH.
 * Gives: by `done` 0; -ECANCELED; the first error of those that are one: not that there are none,
 *   nor that one of another namespace than the users' may not be set. */
void attributes_give(struct hark_loop *loop, struct attributes *attributes, int from_directory,
                     const char *from, int from_flags, int to_directory, const char *to,
                     int to_flags, void (*done)(struct attributes *attributes, int error));

#endif
