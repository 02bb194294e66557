/* links.h - files that have several names, by the one under which they were copied. */
#ifndef FILE_LINKS_H
#define FILE_LINKS_H

#include <stdbool.h>
#include <stddef.h>

struct statx;
struct linked;

/* Zeroed before its first use. */
struct links {
    struct linked **table;
    size_t count, room; /* room: a power of two, or 0 */
};

/* Whether both are of the same file. */
bool links_are_one(const struct statx *one, const struct statx *other);

/* The path under which the file was remembered; NULL: it was not. */
const char *links_find(const struct links *links, const struct statx *status);

/* Takes: path: copied.
 * Gives: 0; -ENOMEM. */
int links_remember(struct links *links, const struct statx *status, const char *path);

/* All are forgotten. */
void links_done(struct links *links);

#endif
