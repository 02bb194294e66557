/* 04_read_many.c - read many files at once, and count their lines and bytes, as `wc -lc` does.
 *
 * Shows: opening, reading and closing as requests, with many of them in flight: the kernel (or the
 * work pool, where there is no io_uring) has a full queue to work on. A reader is a small state
 * machine that reads downwards: next file -> opened -> got -> ... -> closed -> next file.
 * Thirty-two readers share the list, so that a long list needs no more descriptors or memory than a
 * short one.
 *
 * Try:   ./04_read_many *.c
 *        ./04_read_many /usr/include/linux/<all>.h     (write a star for <all>)
 */
#include "hark.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { READERS = 32, BLOCK = 64 * 1024 };

struct file {
    const char *path;
    int64_t error;
    uint64_t bytes, lines;
};

static struct file *files;
static size_t file_count, file_next;

struct reader {
    struct hark_op op; /* one request at a time */
    struct file *file;
    int fd;
    char block[BLOCK];
};

static void opened(struct hark_op *op, int64_t result);

/* Takes the next file of the list; where none is left the reader rests, and hark_run returns after
 * the last. */
static void reader_next(struct reader *reader, struct hark_loop *loop)
{
    if (file_next == file_count)
        return;
    reader->file = &files[file_next++];
    hark_openat(loop, &reader->op, AT_FDCWD, reader->file->path, O_RDONLY, 0, opened);
}

static void closed(struct hark_op *op, int64_t result)
{
    (void)result; /* nothing was written: a failing close loses nothing */
    reader_next(hark_container_of(op, struct reader, op), op->loop);
}

static void got(struct hark_op *op, int64_t count)
{
    struct reader *reader = hark_container_of(op, struct reader, op);
    struct file *file = reader->file;

    if (count <= 0) { /* the end, or an error */
        file->error = count;
        hark_close(op->loop, op, reader->fd, closed);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        file->lines += reader->block[i] == '\n';
    file->bytes += (uint64_t)count;
    hark_read(op->loop, op, reader->fd, reader->block, BLOCK, (int64_t)file->bytes, got);
}

static void opened(struct hark_op *op, int64_t result)
{
    struct reader *reader = hark_container_of(op, struct reader, op);

    if (result < 0) {
        reader->file->error = result;
        reader_next(reader, op->loop);
        return;
    }
    reader->fd = (int)result;
    hark_read(op->loop, op, reader->fd, reader->block, BLOCK, 0, got);
}

static int print_counts(void)
{
    uint64_t lines = 0, bytes = 0;
    int failed = 0;

    for (size_t i = 0; i < file_count; i++) {
        if (files[i].error < 0) {
            fprintf(stderr, "04_read_many: cannot read %s: %s\n", files[i].path,
                    hark_error_text(files[i].error));
            failed = 1;
            continue;
        }
        printf("%8" PRIu64 " %10" PRIu64 " %s\n", files[i].lines, files[i].bytes, files[i].path);
        lines += files[i].lines;
        bytes += files[i].bytes;
    }
    printf("%8" PRIu64 " %10" PRIu64 " total\n", lines, bytes);
    return failed;
}

int main(int count, char **arguments)
{
    static struct reader readers[READERS];
    struct hark_loop *loop;
    int error = hark_loop_create(NULL, &loop);

    if (error < 0) {
        fprintf(stderr, "04_read_many: cannot make a loop: %s\n", hark_error_text(error));
        return 1;
    }
    file_count = count > 1 ? (size_t)count - 1 : 0;
    files = calloc(file_count + 1, sizeof *files);
    if (!files) {
        perror("04_read_many");
        hark_loop_destroy(loop);
        return 1;
    }
    for (size_t i = 0; i < file_count; i++)
        files[i].path = arguments[i + 1];
    for (size_t i = 0; i < READERS; i++)
        reader_next(&readers[i], loop);
    error = hark_run(loop);
    if (error < 0)
        fprintf(stderr, "04_read_many: cannot run: %s\n", hark_error_text(error));
    hark_loop_destroy(loop);
    error |= print_counts();
    free(files);
    return error != 0;
}
