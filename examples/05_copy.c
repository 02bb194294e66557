/* 05_copy.c - copy a file, and say how far it is.
 *
 * Shows: one request leads to the next, and the program reads like the list of its steps: open,
 * size, create, read, write, read, write ..., sync, close. A timer prints the progress meanwhile,
 * because no step blocks the loop. Every error goes one way: what is open is closed, and a
 * half-made copy is removed.
 *
 * Try:   ./05_copy FROM TO        TO must not exist yet
 */
#include "hark.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

enum { BLOCK = 1024 * 1024 };

static struct copy {
    struct hark_op step, progress;
    const char *from_path, *to_path;
    const char *failed; /* what failed first */
    int64_t error;      /* and why */
    int from, to;
    bool created;
    struct statx status;
    int64_t copied;
    size_t filled, written; /* of the block */
} copy = {.from = -1, .to = -1};

/* Not in the struct, which is initialised: it would stand in the program's file, and be read from
 * there before it is written to. */
static char block[BLOCK];

/* The end: closes one thing, or removes the failed copy, and is called back for the next. */
static void finish(struct hark_op *op, int64_t result)
{
    int *fd = copy.to >= 0 ? &copy.to : &copy.from;
    int closing = *fd;

    if (result < 0 && copy.error == 0) { /* a write that was put off may fail as late as here */
        copy.failed = "finish";
        copy.error = result;
    }
    if (closing >= 0) {
        *fd = -1;
        hark_close(op->loop, op, closing, finish);
    } else if (copy.error < 0 && copy.created) {
        copy.created = false;
        hark_unlinkat(op->loop, op, AT_FDCWD, copy.to_path, 0, finish);
    } else {
        hark_cancel(&copy.progress); /* the last request: hark_run returns */
    }
}

static void fail(const char *what, int64_t error)
{
    copy.failed = what;
    copy.error = error;
    finish(&copy.step, 0);
}

static void got(struct hark_op *op, int64_t count);

static void wrote(struct hark_op *op, int64_t count)
{
    if (count <= 0)
        return fail("write", count < 0 ? count : -EIO);
    copy.written += (size_t)count;
    copy.copied += count;
    if (copy.written < copy.filled)
        hark_write(op->loop, op, copy.to, block + copy.written, copy.filled - copy.written,
                   copy.copied, wrote);
    else
        hark_read(op->loop, op, copy.from, block, BLOCK, copy.copied, got);
}

static void got(struct hark_op *op, int64_t count)
{
    if (count < 0)
        return fail("read", count);
    if (count == 0) { /* the end of the file: only what is synced is surely there */
        hark_fsync(op->loop, op, copy.to, finish);
        return;
    }
    copy.filled = (size_t)count;
    copy.written = 0;
    hark_write(op->loop, op, copy.to, block, copy.filled, copy.copied, wrote);
}

static void progressed(struct hark_op *op, int64_t periods)
{
    if (hark_op_more(op) && periods > 0 && copy.status.stx_size > 0)
        fprintf(stderr, "%3d %%\n", (int)((uint64_t)copy.copied * 100 / copy.status.stx_size));
}

static void created(struct hark_op *op, int64_t result)
{
    if (result < 0)
        return fail("create the copy", result);
    copy.to = (int)result;
    copy.created = true;
    hark_every(op->loop, &copy.progress, 100000000, progressed);
    hark_read(op->loop, op, copy.from, block, BLOCK, 0, got);
}

static void sized(struct hark_op *op, int64_t result)
{
    if (result < 0)
        return fail("ask for the size", result);
    hark_openat(op->loop, op, AT_FDCWD, copy.to_path, O_WRONLY | O_CREAT | O_EXCL,
                copy.status.stx_mode & 0777, created);
}

static void opened(struct hark_op *op, int64_t result)
{
    if (result < 0)
        return fail("open", result);
    copy.from = (int)result;
    hark_statx(op->loop, op, copy.from, "", AT_EMPTY_PATH, STATX_SIZE | STATX_MODE, &copy.status,
               sized);
}

int main(int count, char **arguments)
{
    struct hark_loop *loop;
    int error;

    if (count != 3) {
        fprintf(stderr, "usage: 05_copy FROM TO\n");
        return 2;
    }
    copy.from_path = arguments[1];
    copy.to_path = arguments[2];
    if ((error = hark_loop_create(NULL, &loop)) < 0) {
        fprintf(stderr, "05_copy: cannot make a loop: %s\n", hark_error_text(error));
        return 1;
    }
    hark_openat(loop, &copy.step, AT_FDCWD, copy.from_path, O_RDONLY, 0, opened);
    error = hark_run(loop);
    hark_loop_destroy(loop);
    if (error < 0 || copy.error < 0) {
        fprintf(stderr, "05_copy: %s to %s: cannot %s: %s\n", copy.from_path, copy.to_path,
                error < 0 ? "run" : copy.failed, hark_error_text(error < 0 ? error : copy.error));
        return 1;
    }
    printf("copied %" PRId64 " bytes\n", copy.copied);
    return 0;
}
