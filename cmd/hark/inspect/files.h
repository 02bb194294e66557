/* files.h - what stands in a data directory. */
#ifndef HARK_COMMAND_INSPECT_FILES_H
#define HARK_COMMAND_INSPECT_FILES_H

#include "inspect/calls.h"

enum { FILE_NAME_BYTES = 256 };

/* A segment, or its index, or whatever else the server keeps; the lock, what is unfinished and what
 * is no plain file are none of these. */
struct file {
    uint64_t segment; /* its first; 0: it is none */
    bool is_index;
    char name[FILE_NAME_BYTES];
};

/* In order: what is no segment, then segments, each before its index. */
struct files {
    struct file *all;
    size_t count, capacity;
};

/* Lists a directory, in place of what `files` had.
 * Gives: 0, or a negative errno. */
int64_t files_list(struct calls *calls, int directory, struct files *files);
void files_free(struct files *files);

/* Gives: whether one of that name is among them. */
bool files_have(const struct files *files, const struct file *file);

/* Both give the first of that segment; 0: there is none. */
uint64_t files_newest(const struct files *files);
uint64_t files_oldest(const struct files *files);

#endif
