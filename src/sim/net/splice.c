/* splice.c - see the header. Bytes are copied where Linux moves pages: nobody can tell. */
#include "sim/net/splice.h"
#include "sim/net/pipe.h"

#include "sim/file/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>

enum { ROOM = 65536 }; /* that a pipe has */

static int refused(const struct file *from, const int64_t *from_offset, const struct file *to,
                   const int64_t *to_offset)
{
    if ((from->flags & O_ACCMODE) == O_WRONLY || (to->flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    if (!pipe_is(from) && !pipe_is(to))
        return -EINVAL;
    if ((pipe_is(from) && from_offset) || (pipe_is(to) && to_offset))
        return -ESPIPE;
    if (pipe_is_same(from, to))
        return -EINVAL;
    if ((from_offset && !from->kind->is_regular) || (to_offset && !to->kind->is_regular))
        return -EINVAL;
    return to->kind->is_regular && to->flags & O_APPEND ? -EINVAL : 0;
}

/* Linux's tcp_read_sock does not go past an urgent byte, and tcp_splice_read says then what it says
 * of an empty queue. */
static bool is_at_mark(struct file *from)
{
    int at_mark = 0;
    return from->kind->ioctl && from->kind->ioctl(from, SIOCATMARK, &at_mark) == 0 && at_mark;
}

static int64_t read_some(struct file *from, int64_t *offset, char *bytes, size_t count)
{
    struct iovec vector = {bytes, count};
    if (pipe_is(from)) {
        size_t size = pipe_look(from, bytes, count);
        return size > 0 ? (int64_t)size : pipe_has_writer(from) ? -EAGAIN : 0;
    }
    if (is_at_mark(from))
        return file_poll(from) & POLLRDHUP ? 0 : -EAGAIN;
    return file_read(from, &vector, 1, offset ? *offset : FILE_OFFSET_OWN, 0);
}

/* What was looked at in a pipe goes out of it once it has been written. */
static void take_out(struct file *from, char *bytes, size_t count)
{
    struct iovec vector = {bytes, count};
    if (pipe_is(from))
        (void)file_read(from, &vector, 1, FILE_OFFSET_OWN, 0);
}

static int64_t move(struct file *from, int64_t *from_offset, struct file *to, int64_t *to_offset,
                    char *bytes, size_t count)
{
    int64_t read = read_some(from, from_offset, bytes, count);
    if (read <= 0)
        return read;
    struct iovec vector = {bytes, (size_t)read};
    int64_t written = file_write(to, &vector, 1, to_offset ? *to_offset : FILE_OFFSET_OWN, 0);
    if (written <= 0)
        return written;
    take_out(from, bytes, (size_t)written);
    if (from_offset)
        *from_offset += written;
    if (to_offset)
        *to_offset += written;
    return written;
}

int64_t splice_now(struct file *from, int64_t *from_offset, struct file *to, int64_t *to_offset,
                   size_t count)
{
    int error = refused(from, from_offset, to, to_offset);
    if (error)
        return error;
    size_t most = count < ROOM ? count : ROOM;
    if (pipe_is(to) && !pipe_has_reader(to))
        return -EPIPE;
    if (pipe_is(to) && pipe_room(to) < most)
        most = pipe_room(to);
    if (most == 0)
        return count == 0 ? 0 : -EAGAIN;
    char *bytes = memory_own(ROOM);
    int64_t result = move(from, from_offset, to, to_offset, bytes, most);
    memory_own_free(bytes);
    return result;
}
