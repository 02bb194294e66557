/* copy.h - what the copy_ programs share: the two files, and which block comes next.
 *
 *   copy_LIBRARY SOURCE DESTINATION BLOCKS
 *
 * Blocks of 256 KiB are read and written, BLOCKS of them under way at once, each at its own place.
 * The destination is emptied first and not synced at the end: what is measured is moving the bytes,
 * not the disk. One line at the end: operations (each of 1 MiB), seconds and CPU time. */
#ifndef COPY_H
#define COPY_H

#include "bench.h"

#include <fcntl.h>

enum { BLOCK_BYTES = 256 << 10, PAGE_BYTES = 4096, BLOCKS_MAX = 256 };

static int from, to;
static int64_t size, next_offset;
static unsigned blocks;
static struct stopwatch watch;

static inline void copy_check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "cannot %s\n", what);
    exit(1);
}

static inline void copy_open(int argc, char **argv)
{
    blocks = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
    if (blocks < 1 || blocks > BLOCKS_MAX) {
        fprintf(stderr, "usage: %s SOURCE DESTINATION BLOCKS\n", argv[0]);
        exit(2);
    }
    from = open(argv[1], O_RDONLY | O_CLOEXEC);
    to = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    copy_check(from >= 0 && to >= 0, "open the files");
    size = lseek(from, 0, SEEK_END);
    lseek(from, 0, SEEK_SET);
    watch = stopwatch_start();
}

static inline char *copy_buffer(void)
{
    return aligned_alloc(PAGE_BYTES, BLOCK_BYTES);
}

/* Gives the next block's place and its bytes; 0 where none is left. */
static inline size_t copy_next(int64_t *out_offset)
{
    int64_t left = size - next_offset;
    size_t count = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
    *out_offset = next_offset;
    next_offset += (int64_t)count;
    return count;
}

/* The destination is closed within the time: a file system may begin to write it out then (ext4
 * does, where it was emptied before), and uv_fs_copyfile closes it too. */
static inline int copy_print(void)
{
    int64_t written = lseek(to, 0, SEEK_END);
    copy_check(close(to) == 0, "close the destination");
    stopwatch_print(&watch, (double)size / (1 << 20));
    printf("\n");
    return written != size;
}

#endif
