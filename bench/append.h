/* append.h - what the append_ programs share: writers that each wait until their record is on the
 * disk before they append the next, and the group of records that is written at once.
 *
 *   append_LIBRARY FILE WRITERS APPENDS
 *
 * A record has 256 bytes. All that is queued while a group is on its way is the next group: one
 * write, one fdatasync, then each of its writers has its answer and appends again. The file is new,
 * and grows. One line at the end: appends, seconds, CPU time, and the time from an append to its
 * answer at p50, p99 and p99.9. */
#ifndef APPEND_H
#define APPEND_H

#include "bench.h"

#include <fcntl.h>

enum { RECORD_BYTES = 256, WRITERS_MAX = 1024 };

struct group {
    unsigned count;
    unsigned writers[WRITERS_MAX];
    char bytes[WRITERS_MAX * RECORD_BYTES];
};

static int file;
static bool synced_by_write; /* APPEND_DSYNC: the file is open with O_DSYNC, a write is on the disk
                                when it has ended */
static struct group groups[2];
static struct group *filling = &groups[0], *syncing = &groups[1];
static int64_t offset; /* where the group that is on its way begins */
static uint64_t appends, appended, answered;
static uint64_t began_ns[WRITERS_MAX];
static uint32_t *times_ns;
static struct stopwatch watch;

static inline void append(unsigned writer)
{
    char *record = filling->bytes + (size_t)filling->count * RECORD_BYTES;
    memset(record, (int)('a' + writer % 26), RECORD_BYTES - 1);
    record[RECORD_BYTES - 1] = '\n';
    filling->writers[filling->count++] = writer;
    began_ns[writer] = now_ns();
    appended++;
}

/* What is queued becomes the group that is on its way.
 * Gives: its bytes; 0 nothing is queued, and all is done. */
static inline size_t group_begin(void)
{
    struct group *taken = filling;
    filling = syncing;
    syncing = taken;
    filling->count = 0;
    return (size_t)syncing->count * RECORD_BYTES;
}

static inline size_t group_bytes(void)
{
    return (size_t)syncing->count * RECORD_BYTES;
}

/* The group is on the disk. */
static inline void group_end(void)
{
    uint64_t time_ns = now_ns();
    offset += (int64_t)group_bytes();
    for (unsigned i = 0; i < syncing->count; i++) {
        unsigned writer = syncing->writers[i];
        times_ns[answered++] = (uint32_t)(time_ns - began_ns[writer]);
        if (appended < appends)
            append(writer);
    }
}

static inline void append_check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "cannot %s\n", what);
    exit(1);
}

/* Reads the arguments, and has every writer queue its first record. */
static inline void append_open(int argc, char **argv)
{
    unsigned writers = argc > 3 ? (unsigned)atoi(argv[2]) : 0;
    if (writers < 1 || writers > WRITERS_MAX) {
        fprintf(stderr, "usage: %s FILE WRITERS APPENDS\n", argv[0]);
        exit(2);
    }
    appends = strtoull(argv[3], NULL, 10);
    times_ns = times_make(appends);
    synced_by_write = getenv("APPEND_DSYNC") != NULL;
    file = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | (synced_by_write ? O_DSYNC : 0),
                0600);
    append_check(file >= 0, "open the file");
    watch = stopwatch_start();
    for (unsigned writer = 0; writer < writers && appended < appends; writer++)
        append(writer);
}

static inline int append_print(void)
{
    stopwatch_print(&watch, (double)answered);
    print_percentiles(times_ns, answered);
    printf("\n");
    return answered != appends;
}

#endif
