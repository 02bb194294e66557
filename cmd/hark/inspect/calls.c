/* calls.c - see the header. */
#include "inspect/calls.h"

#include <fcntl.h>

#include "base/check.h"

static void ended(struct hark_op *op, int64_t result)
{
    struct calls *calls = hark_container_of(op, struct calls, op);
    calls->result = result;
    calls->ended = true;
}

static int64_t end_of(struct calls *calls)
{
    while (!calls->ended) {
        int ran = hark_run_once(calls->loop);
        check(ran >= 0); /* the kernel has the op */
    }
    calls->ended = false;
    return calls->result;
}

int64_t calls_open(struct calls *calls, int directory, const char *path, int flags, mode_t mode)
{
    hark_openat(calls->loop, &calls->op, directory, path, flags, mode, ended);
    return end_of(calls);
}

int64_t calls_read(struct calls *calls, int fd, void *bytes, size_t count, int64_t offset)
{
    hark_read(calls->loop, &calls->op, fd, bytes, count, offset, ended);
    return end_of(calls);
}

int64_t calls_write(struct calls *calls, int fd, const void *bytes, size_t count, int64_t offset)
{
    hark_write(calls->loop, &calls->op, fd, bytes, count, offset, ended);
    return end_of(calls);
}

int64_t calls_sync(struct calls *calls, int fd)
{
    hark_fsync(calls->loop, &calls->op, fd, ended);
    return end_of(calls);
}

int64_t calls_rename(struct calls *calls, int directory, const char *from, const char *to)
{
    hark_renameat(calls->loop, &calls->op, directory, from, directory, to, 0, ended);
    return end_of(calls);
}

int64_t calls_unlink(struct calls *calls, int directory, const char *name)
{
    hark_unlinkat(calls->loop, &calls->op, directory, name, 0, ended);
    return end_of(calls);
}

int64_t calls_mkdir(struct calls *calls, const char *path, mode_t mode)
{
    hark_mkdirat(calls->loop, &calls->op, AT_FDCWD, path, mode, ended);
    return end_of(calls);
}

int64_t calls_getdents(struct calls *calls, int fd, void *bytes, size_t count)
{
    hark_getdents(calls->loop, &calls->op, fd, bytes, count, ended);
    return end_of(calls);
}

void calls_close(struct calls *calls, int fd)
{
    if (fd < 0)
        return;
    hark_close(calls->loop, &calls->op, fd, ended);
    (void)end_of(calls); /* what was written was synced before */
}

static void copied(struct hark_copy *copy, int error)
{
    struct calls *calls = hark_container_of(copy, struct calls, copy);
    calls->result = error;
    calls->ended = true;
}

int64_t calls_copy(struct calls *calls, int from_directory, const char *from, int to_directory,
                   const char *to)
{
    calls->copy = (struct hark_copy){0};
    hark_copy_start(calls->loop, &calls->copy, from_directory, from, to_directory, to, NULL,
                    copied);
    return end_of(calls);
}
