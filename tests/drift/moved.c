/* moved.c - see the header. The linker leads the library's calls here (tests/meson.build). */
#include "drift/moved.h"
#include "drift/record.h"

#include "hark/base.h"
#include "kernel/kernel.h"

enum { NUMBERS = 1024, TEXT_BYTES = 28 };

static struct last {
    uint64_t file, thread;
    char text[TEXT_BYTES];
} last_at[NUMBERS];

const char *moved_outcome(size_t wanted, int64_t result)
{
    if (result < 0)
        return hark_error_name(result);
    if (result == 0)
        return "0";
    return wanted == 0 ? "some" : (size_t)result == wanted ? "all" : "part";
}

/* What a file gives is a matter of its offset, and not of the call before. */
static bool has_order(const char *kind)
{
    static const char *const kinds[] = {"tcp", "udp", "unix", "pipe"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i]) == 0)
            return true;
    return false;
}

void moved_note(const char *kind, int fd, uint64_t file, const char *what, const char *outcome)
{
    if (!has_order(kind) || fd < 0 || fd >= NUMBERS)
        return;
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "%s %s", what, outcome);
    record_lock();
    struct last *last = &last_at[fd];
    if (last->file == file && last->thread == record_thread())
        record_line("then %s %s, %s", kind, last->text, text);
    last->file = file;
    last->thread = record_thread();
    memcpy(last->text, text, sizeof text);
    record_unlock();
}

static int64_t noted(const char *what, int fd, size_t wanted, int64_t result)
{
    if (!record_is_on())
        return result;
    const char *kind = record_kind(fd), *outcome = moved_outcome(wanted, result);
    if (wanted > 0)
        record_line("moved %s %s %s", kind, what, outcome);
    moved_note(kind, fd, record_file(fd), what, outcome);
    return result;
}

size_t moved_bytes(const struct iovec *vector, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += vector[i].iov_len;
    return bytes;
}

static bool looks_only(int flags)
{
    return flags & (MSG_PEEK | MSG_ERRQUEUE);
}

/* Defines what stands before a call of kernel.h. */
#define BEFORE(result, name, parameters, arguments, what, wanted)                                  \
    result __real_kernel_##name parameters;                                                        \
    result __wrap_kernel_##name parameters;                                                        \
    result __wrap_kernel_##name parameters                                                         \
    {                                                                                              \
        return (result)noted(what, fd, wanted, __real_kernel_##name arguments);                    \
    }

BEFORE(int64_t, read, (uint64_t * calls, int fd, void *bytes, size_t count),
       (calls, fd, bytes, count), "in", count)
BEFORE(int64_t, write, (uint64_t * calls, int fd, const void *bytes, size_t count),
       (calls, fd, bytes, count), "out", count)
BEFORE(int64_t, readv, (uint64_t * calls, int fd, const struct iovec *vector, int count),
       (calls, fd, vector, count), "in", moved_bytes(vector, (size_t)count))
BEFORE(int64_t, writev, (uint64_t * calls, int fd, const struct iovec *vector, int count),
       (calls, fd, vector, count), "out", moved_bytes(vector, (size_t)count))
BEFORE(int64_t, pread, (uint64_t * calls, int fd, void *bytes, size_t count, off_t offset),
       (calls, fd, bytes, count, offset), "in", count)
BEFORE(int64_t, pwrite, (uint64_t * calls, int fd, const void *bytes, size_t count, off_t offset),
       (calls, fd, bytes, count, offset), "out", count)
BEFORE(int64_t, preadv,
       (uint64_t * calls, int fd, const struct iovec *vector, int count, off_t offset),
       (calls, fd, vector, count, offset), "in", moved_bytes(vector, (size_t)count))
BEFORE(int64_t, pwritev,
       (uint64_t * calls, int fd, const struct iovec *vector, int count, off_t offset),
       (calls, fd, vector, count, offset), "out", moved_bytes(vector, (size_t)count))
BEFORE(int64_t, preadv2,
       (uint64_t * calls, int fd, const struct iovec *vector, int count, off_t offset, int flags),
       (calls, fd, vector, count, offset, flags), "in", moved_bytes(vector, (size_t)count))
BEFORE(int64_t, pwritev2,
       (uint64_t * calls, int fd, const struct iovec *vector, int count, off_t offset, int flags),
       (calls, fd, vector, count, offset, flags), "out", moved_bytes(vector, (size_t)count))
BEFORE(int64_t, recv, (uint64_t * calls, int fd, void *bytes, size_t count, int flags),
       (calls, fd, bytes, count, flags), looks_only(flags) ? "look" : "in", count)
BEFORE(int64_t, send, (uint64_t * calls, int fd, const void *bytes, size_t count, int flags),
       (calls, fd, bytes, count, flags), "out", count)
BEFORE(int64_t, recvmsg, (uint64_t * calls, int fd, struct msghdr *message, int flags),
       (calls, fd, message, flags), looks_only(flags) ? "look" : "in",
       moved_bytes(message->msg_iov, message->msg_iovlen))
BEFORE(int64_t, sendmsg, (uint64_t * calls, int fd, const struct msghdr *message, int flags),
       (calls, fd, message, flags), "out", moved_bytes(message->msg_iov, message->msg_iovlen))
BEFORE(int, connect, (uint64_t * calls, int fd, const struct sockaddr *name, socklen_t length),
       (calls, fd, name, length), "connect", 0)
BEFORE(int, accept4,
       (uint64_t * calls, int fd, struct sockaddr *out_name, socklen_t *length, int flags),
       (calls, fd, out_name, length, flags), "accept", 0)
BEFORE(int, shutdown, (uint64_t * calls, int fd, int how), (calls, fd, how), "shutdown", 0)
BEFORE(int, listen, (uint64_t * calls, int fd, int backlog), (calls, fd, backlog), "listen", 0)

int64_t __real_kernel_splice(uint64_t *calls, int from, off_t *from_offset, int to,
                             off_t *to_offset, size_t count, unsigned flags);
int64_t __wrap_kernel_splice(uint64_t *calls, int from, off_t *from_offset, int to,
                             off_t *to_offset, size_t count, unsigned flags);
int64_t __wrap_kernel_splice(uint64_t *calls, int from, off_t *from_offset, int to,
                             off_t *to_offset, size_t count, unsigned flags)
{
    if (!record_is_on())
        return __real_kernel_splice(calls, from, from_offset, to, to_offset, count, flags);
    const char *source = record_kind(from), *target = record_kind(to);
    int64_t result = __real_kernel_splice(calls, from, from_offset, to, to_offset, count, flags);
    record_line("spliced %s %s %s", source, target, moved_outcome(count, result));
    return result;
}
