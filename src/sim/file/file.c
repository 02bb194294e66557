/* file.c - see the header. */
#include "sim/file/file.h"
#include "base/check.h"
#include "sim/world/memory.h"

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

/* What a kernel copies no sanitizer sees: buffers that a program must not touch meanwhile are
 * filled by it all the same. The barrier keeps the compiler from calling memcpy, which is seen. */
__attribute__((no_sanitize("address"), no_sanitize("thread"))) static void copy_unseen(
    char *to, const char *from, size_t size)
{
    size_t at = 0;
    for (; size - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t word;
        __builtin_memcpy(&word, from + at, sizeof word);
        __builtin_memcpy(to + at, &word, sizeof word);
        __asm__ volatile("" ::: "memory");
    }
    for (; at < size; at++) {
        to[at] = from[at];
        __asm__ volatile("" ::: "memory");
    }
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
        copy_unseen(into_vector ? here : bytes + done, into_vector ? bytes + done : here, part);
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

int vector_rest(const struct iovec *vector, int count, size_t done, struct iovec *out_rest)
{
    int parts = 0;
    for (int i = 0; i < count; i++) {
        size_t skipped = done < vector[i].iov_len ? done : vector[i].iov_len;
        done -= skipped;
        if (vector[i].iov_len > skipped)
            out_rest[parts++] =
                (struct iovec){(char *)vector[i].iov_base + skipped, vector[i].iov_len - skipped};
    }
    return parts;
}
