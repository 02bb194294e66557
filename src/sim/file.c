/* file.c - see the header. */
#include "sim/file.h"
#include "base/check.h"
#include "sim/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

static uint64_t last_number;

void file_begin(void)
{
    last_number = 0;
}

void *file_create(const struct file_kind *kind, size_t bytes, int flags)
{
    struct file *file = memory_own(bytes);
    file->kind = kind;
    file->references = 1;
    file->flags = flags;
    file->number = ++last_number;
    return file;
}

void file_hold(struct file *file)
{
    file->references++;
}

void file_release(struct file *file)
{
    check(file->references > 0);
    if (--file->references > 0)
        return;
    if (file->forget)
        file->forget(file);
    file->kind->release(file);
}

uint32_t file_poll(struct file *file)
{
    return file->kind->poll ? file->kind->poll(file)
                            : (uint32_t)(POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
}

void file_wake(struct file *file, uint32_t events)
{
    wait_wake(&file->queue, events);
}

int64_t file_read(struct file *file, const struct iovec *vector, int count, int64_t offset,
                  int flags)
{
    if ((file->flags & O_ACCMODE) == O_WRONLY)
        return -EBADF;
    return file->kind->read ? file->kind->read(file, vector, count, offset, flags) : -EINVAL;
}

int64_t file_write(struct file *file, const struct iovec *vector, int count, int64_t offset,
                   int flags)
{
    if ((file->flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    return file->kind->write ? file->kind->write(file, vector, count, offset, flags) : -EINVAL;
}

size_t vector_bytes(const struct iovec *vector, int count)
{
    size_t total = 0;
    for (int i = 0; i < count; i++)
        total += vector[i].iov_len;
    return total;
}

/* Copies between the vector and the bytes, one way or the other. */
static size_t copy(const struct iovec *vector, int count, size_t at, char *bytes, size_t size,
                   bool into_vector)
{
    size_t done = 0;
    for (int i = 0; i < count && done < size; i++) {
        size_t length = vector[i].iov_len;
        if (at >= length) {
            at -= length;
            continue;
        }
        char *here = (char *)vector[i].iov_base + at;
        size_t part = length - at < size - done ? length - at : size - done;
        memcpy(into_vector ? here : bytes + done, into_vector ? bytes + done : here, part);
        done += part;
        at = 0;
    }
    return done;
}

size_t vector_take(const struct iovec *vector, int count, size_t at, void *bytes, size_t room)
{
    return copy(vector, count, at, bytes, room, false);
}

size_t vector_put(const struct iovec *vector, int count, size_t at, const void *bytes, size_t size)
{
    return copy(vector, count, at, (char *)(uintptr_t)bytes, size, true);
}

int vector_cut(struct iovec *vector, int count, size_t most)
{
    for (int i = 0; i < count; i++) {
        if (vector[i].iov_len >= most) {
            vector[i].iov_len = most;
            return i + 1;
        }
        most -= vector[i].iov_len;
    }
    return count;
}
