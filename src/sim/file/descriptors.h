/* descriptors.h - the numbers by which a process knows its open files: the lowest free one is given
 * out. */
#ifndef SIM_FILE_DESCRIPTORS_H
#define SIM_FILE_DESCRIPTORS_H

#include "sim/file/file.h"

struct descriptor {
    struct file *file; /* NULL: the number is free */
    bool close_on_exec;
};

struct descriptors {
    struct descriptor *table;
    int room;
    int limit, limit_most; /* RLIMIT_NOFILE */
};

/* Takes: the caller's reference of the file, on success; at: the lowest number that will do.
 * Gives: the number.
 * Fails: -EMFILE: the reference stays the caller's. */
int descriptors_add(struct descriptors *descriptors, struct file *file, bool close_on_exec, int at);
/* The same with the reference given back where it fails. */
int descriptors_add_or_release(struct descriptors *descriptors, struct file *file,
                               bool close_on_exec);

/* Whether one more may be added. */
bool descriptors_have_room(const struct descriptors *descriptors);

/* NULL: there is none of that number. It stays the table's. */
struct file *descriptors_find(const struct descriptors *descriptors, int fd);

/* Fails: -EBADF. */
int descriptors_close(struct descriptors *descriptors, int fd);
void descriptors_close_all(struct descriptors *descriptors);

#endif
