/* pipe.c - a pipe holds pages, not bytes: a write goes to the end of the last page if all of what
 * does not fill a page fits there, and takes new ones for the rest; a page is free when all of it
 * was read (pipe_write in Linux's fs/pipe.c).
 *
 * One that has a name is there while it is open anywhere, and may have any number of ends of either
 * kind, and such as are both (fifo_open there). */
#include "sim/net/pipe.h"
#include "base/check.h"
#include "sim/disk/inode.h"
#include "sim/disk/inotify.h"
#include "sim/net/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

enum { PAGE = 4096, PAGES = 16 };

struct pipe_page {
    size_t begin, end; /* what is to be read of it */
};

struct pipe;

struct pipe_end {
    struct file file;
    struct pipe *pipe;
    struct pipe_end *next;  /* of the pipe */
    uint64_t others_before; /* ends of the other kind that had been opened before it was */
    bool awaits_first;      /* no hang-up is told before somebody writes: it was opened without */
};

struct pipe {
    struct pipe_end *ends;
    struct inode *inode; /* that names it; NULL: it has no name */
    unsigned readers, writers;
    uint64_t readers_ever, writers_ever;
    struct bytes bytes;
    struct pipe_page pages[PAGES]; /* a ring */
    size_t first, count;
};

static struct pipe *pipe_of(struct file *file)
{
    return ((struct pipe_end *)file)->pipe;
}

static bool reads(const struct pipe_end *end)
{
    return (end->file.flags & O_ACCMODE) != O_WRONLY;
}

static bool writes(const struct pipe_end *end)
{
    return (end->file.flags & O_ACCMODE) != O_RDONLY;
}

/* Whoever waits at ends of that kind looks again. */
static void wake(struct pipe *pipe, bool (*concerns)(const struct pipe_end *end), uint32_t events)
{
    for (struct pipe_end *end = pipe->ends; end; end = end->next)
        if (concerns(end))
            file_wake(&end->file, events);
}

static struct pipe_page *page_at(struct pipe *pipe, size_t place)
{
    return &pipe->pages[(pipe->first + place) % PAGES];
}

/* --- moving --- */

static int64_t pipe_read(struct file *file, const struct iovec *vector, int count, int64_t offset,
                         int flags)
{
    (void)offset;
    struct pipe *pipe = pipe_of(file);
    size_t wanted = vector_bytes(vector, count);
    if (flags & RWF_NOWAIT && pipe->inode)
        return -EOPNOTSUPP; /* of pipes without a name alone: create_pipe_files */
    size_t size = wanted < pipe->bytes.count ? wanted : pipe->bytes.count;
    if (wanted == 0)
        return 0;
    if (size == 0)
        return pipe->writers > 0 ? -EAGAIN : 0;
    bytes_copy_to_vector(&pipe->bytes, 0, vector, count, 0, size);
    bytes_drop(&pipe->bytes, size);
    bool was_full = pipe->count == PAGES;
    for (size_t left = size; left > 0;) {
        struct pipe_page *page = page_at(pipe, 0);
        size_t part = page->end - page->begin < left ? page->end - page->begin : left;
        page->begin += part;
        left -= part;
        if (page->begin < page->end)
            break;
        pipe->first = (pipe->first + 1) % PAGES;
        pipe->count--;
    }
    if (was_full && pipe->count < PAGES)
        wake(pipe, writes, POLLOUT | POLLWRNORM);
    return (int64_t)size;
}

/* Gives: how many went to the last page. */
static size_t merge(struct pipe *pipe, size_t size)
{
    size_t part = size % PAGE;
    if (part == 0 || pipe->count == 0)
        return 0;
    struct pipe_page *last = page_at(pipe, pipe->count - 1);
    if (last->end + part > PAGE)
        return 0;
    last->end += part;
    return part;
}

static int64_t pipe_write(struct file *file, const struct iovec *vector, int count, int64_t offset,
                          int flags)
{
    (void)offset;
    struct pipe *pipe = pipe_of(file);
    size_t size = vector_bytes(vector, count);
    if (flags & RWF_NOWAIT && pipe->inode)
        return -EOPNOTSUPP;
    if (size == 0)
        return 0;
    if (pipe->readers == 0)
        return -EPIPE;
    size_t taken = merge(pipe, size);
    while (taken < size && pipe->count < PAGES) {
        size_t part = size - taken < PAGE ? size - taken : PAGE;
        *page_at(pipe, pipe->count++) = (struct pipe_page){0, part};
        taken += part;
    }
    bytes_put(&pipe->bytes, vector, count, 0, taken);
    if (taken > 0)
        wake(pipe, reads, POLLIN | POLLRDNORM);
    return taken > 0 ? (int64_t)taken : -EAGAIN;
}

/* --- the two ends --- */

static uint32_t pipe_poll(struct file *file)
{
    const struct pipe *pipe = pipe_of(file);
    const struct pipe_end *end = (const struct pipe_end *)file;
    bool awaits_first = end->awaits_first && end->others_before == pipe->writers_ever;
    uint32_t events = 0;
    if (reads(end))
        events |= (pipe->count > 0 ? (uint32_t)(POLLIN | POLLRDNORM) : 0) |
                  (pipe->writers > 0 || awaits_first ? 0 : (uint32_t)POLLHUP);
    if (writes(end))
        events |= (pipe->count < PAGES ? (uint32_t)(POLLOUT | POLLWRNORM) : 0) |
                  (pipe->readers > 0 ? 0 : (uint32_t)POLLERR);
    return events;
}

/* --- ends --- */

static void let_go_of_name(struct inode *inode, bool wrote)
{
    inotify_tell(inode, wrote ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
    inode->opened--;
    inode_look_gone(inode);
    inode_release(inode);
}

static bool is_any(const struct pipe_end *end)
{
    return end;
}

static void pipe_release(struct file *file)
{
    struct pipe_end *end = (struct pipe_end *)file;
    struct pipe *pipe = end->pipe;
    struct inode *inode = pipe->inode;
    bool wrote = writes(end);
    struct pipe_end **at = &pipe->ends;
    while (*at != end)
        at = &(*at)->next;
    *at = end->next;
    pipe->readers -= reads(end);
    pipe->writers -= wrote;
    memory_own_free(file);
    if (pipe->ends) {
        wake(pipe, is_any, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM | POLLERR | POLLHUP);
    } else {
        bytes_done(&pipe->bytes);
        memory_own_free(pipe);
        if (inode)
            inode->pipe = NULL; /* who has it open by O_PATH alone has no end of it */
    }
    if (inode)
        let_go_of_name(inode, wrote);
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
    const struct pipe *pipe = pipe_of(file);
    if (pipe->inode)
        inode_status(pipe->inode, out_status);
    else
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
    end->next = pipe->ends;
    pipe->ends = end;
    end->others_before = reads(end) ? pipe->writers_ever : pipe->readers_ever;
    pipe->readers += reads(end);
    pipe->readers_ever += reads(end);
    pipe->writers += writes(end);
    pipe->writers_ever += writes(end);
    return end;
}

/* --- without a name --- */

int pipe_open(struct process *process, int flags, int out_fds[2])
{
    if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
        return -EINVAL;
    struct pipe *pipe = memory_own(sizeof *pipe);
    struct file *reader = &make_end(pipe, O_RDONLY | (flags & O_NONBLOCK))->file;
    struct file *writer = &make_end(pipe, O_WRONLY | (flags & O_NONBLOCK))->file;
    bool close_on_exec = (flags & O_CLOEXEC) != 0;
    int read_fd = descriptors_add_or_release(&process->descriptors, reader, close_on_exec);
    if (read_fd < 0) {
        file_release(writer);
        return read_fd;
    }
    int write_fd = descriptors_add_or_release(&process->descriptors, writer, close_on_exec);
    if (write_fd < 0) {
        (void)descriptors_close(&process->descriptors, read_fd);
        return write_fd;
    }
    out_fds[0] = read_fd;
    out_fds[1] = write_fd;
    return 0;
}

/* --- for splices --- */

bool pipe_is(const struct file *file)
{
    return file->kind == &pipe_kind;
}

bool pipe_is_same(const struct file *file, const struct file *other)
{
    return pipe_is(file) && pipe_is(other) &&
           ((const struct pipe_end *)file)->pipe == ((const struct pipe_end *)other)->pipe;
}

size_t pipe_room(struct file *file)
{
    return (PAGES - pipe_of(file)->count) * PAGE;
}

size_t pipe_look(struct file *file, void *bytes, size_t room)
{
    const struct pipe *pipe = pipe_of(file);
    size_t size = room < pipe->bytes.count ? room : pipe->bytes.count;
    bytes_copy(&pipe->bytes, 0, bytes, size);
    return size;
}

bool pipe_has_writer(struct file *file)
{
    return pipe_of(file)->writers > 0;
}

bool pipe_has_reader(struct file *file)
{
    return pipe_of(file)->readers > 0;
}

/* --- with one --- */

struct inode *pipe_inode(const struct file *file)
{
    return file->kind == &pipe_kind ? ((const struct pipe_end *)file)->pipe->inode : NULL;
}

int pipe_open_named(struct inode *inode, int flags, struct file **out_file)
{
    struct pipe *pipe = inode->pipe;
    bool waits = !(flags & O_NONBLOCK);
    if ((flags & O_ACCMODE) == O_WRONLY && !waits && (!pipe || pipe->readers == 0))
        return -ENXIO;
    if (!pipe) {
        pipe = inode->pipe = memory_own(sizeof *pipe);
        pipe->inode = inode;
    }
    inode_hold(inode);
    inode->opened++;
    struct pipe_end *end = make_end(pipe, flags);
    end->awaits_first = !waits && !writes(end) && pipe->writers == 0;
    wake(pipe, is_any, 0);
    inotify_tell(inode, IN_OPEN);
    *out_file = &end->file;
    return 0;
}

bool pipe_is_met(const struct file *file)
{
    const struct pipe_end *end = (const struct pipe_end *)file;
    if (!pipe_inode(file) || (reads(end) && writes(end)))
        return true;
    return reads(end) ? end->pipe->writers > 0 || end->pipe->writers_ever != end->others_before
                      : end->pipe->readers > 0 || end->pipe->readers_ever != end->others_before;
}
