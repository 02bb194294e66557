/* pipe.c - a pipe holds pages, not bytes: a write goes to the end of the last page if all of what
 * does not fill a page fits there, and takes new ones for the rest; a page is free when all of it
 * was read (pipe_write in Linux's fs/pipe.c). */
#include "sim/net/pipe.h"
#include "base/check.h"
#include "sim/net/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

enum { PAGE = 4096, PAGES = 16 };

struct page {
    size_t begin, end; /* what is to be read of it */
};

struct pipe;

struct pipe_end {
    struct file file;
    struct pipe *pipe;
};

struct pipe {
    struct pipe_end *reader, *writer; /* NULL: it is closed */
    struct bytes bytes;
    struct page pages[PAGES]; /* a ring */
    size_t first, count;
};

static struct pipe *pipe_of(struct file *file)
{
    return ((struct pipe_end *)file)->pipe;
}

static struct page *page_at(struct pipe *pipe, size_t place)
{
    return &pipe->pages[(pipe->first + place) % PAGES];
}

/* --- moving --- */

static int64_t pipe_read(struct file *file, const struct iovec *vector, int count, int64_t offset,
                         int flags)
{
    (void)offset;
    (void)flags;
    struct pipe *pipe = pipe_of(file);
    size_t wanted = vector_bytes(vector, count);
    size_t size = wanted < pipe->bytes.count ? wanted : pipe->bytes.count;
    if (wanted == 0)
        return 0;
    if (size == 0)
        return pipe->writer ? -EAGAIN : 0;
    bytes_copy_to_vector(&pipe->bytes, 0, vector, count, 0, size);
    bytes_drop(&pipe->bytes, size);
    bool was_full = pipe->count == PAGES;
    for (size_t left = size; left > 0;) {
        struct page *page = page_at(pipe, 0);
        size_t part = page->end - page->begin < left ? page->end - page->begin : left;
        page->begin += part;
        left -= part;
        if (page->begin < page->end)
            break;
        pipe->first = (pipe->first + 1) % PAGES;
        pipe->count--;
    }
    if (was_full && pipe->count < PAGES && pipe->writer)
        file_wake(&pipe->writer->file, POLLOUT | POLLWRNORM);
    return (int64_t)size;
}

/* Gives: how many went to the last page. */
static size_t merge(struct pipe *pipe, size_t size)
{
    size_t part = size % PAGE;
    if (part == 0 || pipe->count == 0)
        return 0;
    struct page *last = page_at(pipe, pipe->count - 1);
    if (last->end + part > PAGE)
        return 0;
    last->end += part;
    return part;
}

static int64_t pipe_write(struct file *file, const struct iovec *vector, int count, int64_t offset,
                          int flags)
{
    (void)offset;
    (void)flags;
    struct pipe *pipe = pipe_of(file);
    size_t size = vector_bytes(vector, count);
    if (size == 0)
        return 0;
    if (!pipe->reader)
        return -EPIPE;
    size_t taken = merge(pipe, size);
    while (taken < size && pipe->count < PAGES) {
        size_t part = size - taken < PAGE ? size - taken : PAGE;
        *page_at(pipe, pipe->count++) = (struct page){0, part};
        taken += part;
    }
    bytes_put(&pipe->bytes, vector, count, 0, taken);
    if (taken > 0)
        file_wake(&pipe->reader->file, POLLIN | POLLRDNORM);
    return taken > 0 ? (int64_t)taken : -EAGAIN;
}

/* --- the two ends --- */

static uint32_t pipe_poll(struct file *file)
{
    const struct pipe *pipe = pipe_of(file);
    if (pipe->reader == (struct pipe_end *)file)
        return (pipe->count > 0 ? (uint32_t)(POLLIN | POLLRDNORM) : 0) |
               (pipe->writer ? 0 : (uint32_t)POLLHUP);
    return (pipe->count < PAGES ? (uint32_t)(POLLOUT | POLLWRNORM) : 0) |
           (pipe->reader ? 0 : (uint32_t)POLLERR);
}

static void pipe_release(struct file *file)
{
    struct pipe *pipe = pipe_of(file);
    bool reads = pipe->reader == (struct pipe_end *)file;
    *(reads ? &pipe->reader : &pipe->writer) = NULL;
    struct pipe_end *other = reads ? pipe->writer : pipe->reader;
    memory_own_free(file);
    if (other)
        return file_wake(&other->file,
                         POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM | POLLERR | POLLHUP);
    bytes_done(&pipe->bytes);
    memory_own_free(pipe);
}

static int pipe_ioctl(struct file *file, unsigned long request, void *argument)
{
    if (request != FIONREAD)
        return -ENOTTY;
    int value = (int)pipe_of(file)->bytes.count;
    memcpy(argument, &value, sizeof value);
    return 0;
}

static void pipe_status(struct file *file, struct stat *out_status)
{
    (void)file;
    out_status->st_mode = S_IFIFO | 0600;
}

static const struct file_kind pipe_kind = {
    .name = "pipe",
    .release = pipe_release,
    .read = pipe_read,
    .write = pipe_write,
    .poll = pipe_poll,
    .ioctl = pipe_ioctl,
    .status = pipe_status,
};

static struct pipe_end *make_end(struct pipe *pipe, int flags)
{
    struct pipe_end *end = file_create(&pipe_kind, sizeof *end, flags);
    end->pipe = pipe;
    return end;
}

int pipe_open(struct process *process, int flags, int out_fds[2])
{
    if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
        return -EINVAL;
    struct pipe *pipe = memory_own(sizeof *pipe);
    pipe->reader = make_end(pipe, O_RDONLY | (flags & O_NONBLOCK));
    pipe->writer = make_end(pipe, O_WRONLY | (flags & O_NONBLOCK));
    struct file *writer = &pipe->writer->file;
    int reads = descriptors_add_or_release(&process->descriptors, &pipe->reader->file,
                                           (flags & O_CLOEXEC) != 0);
    if (reads < 0) {
        file_release(writer);
        return reads;
    }
    int writes =
        descriptors_add_or_release(&process->descriptors, writer, (flags & O_CLOEXEC) != 0);
    if (writes < 0) {
        (void)descriptors_close(&process->descriptors, reads);
        return writes;
    }
    out_fds[0] = reads;
    out_fds[1] = writes;
    return 0;
}
