/* eventfd.c - eventfd(2). */
#include "sim/file/eventfd.h"
#include "sim/calls/call.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

struct counter {
    struct file file;
    uint64_t count;
    bool one_at_a_time;
};

static const uint64_t count_most = UINT64_MAX - 1;
static bool writes; /* the one that the thread is in: all run in one real thread */

bool eventfd_writes(void)
{
    return writes;
}

static void counter_release(struct file *file)
{
    memory_own_free(file);
}

static int64_t counter_read(struct file *file, const struct iovec *vector, int count,
                            int64_t offset, int flags)
{
    (void)offset;
    (void)flags;
    struct counter *counter = (struct counter *)file;
    if (vector_bytes(vector, count) < sizeof counter->count)
        return -EINVAL;
    if (counter->count == 0)
        return -EAGAIN;
    uint64_t value = counter->one_at_a_time ? 1 : counter->count;
    counter->count -= value;
    file_wake(file, POLLOUT | POLLWRNORM);
    return (int64_t)vector_put(vector, count, 0, &value, sizeof value);
}

static int64_t counter_write(struct file *file, const struct iovec *vector, int count,
                             int64_t offset, int flags)
{
    (void)offset;
    (void)flags;
    struct counter *counter = (struct counter *)file;
    uint64_t value;
    if (vector_take(vector, count, 0, &value, sizeof value) < sizeof value || value == UINT64_MAX)
        return -EINVAL;
    if (value > count_most - counter->count)
        return -EAGAIN;
    bool nested = writes;
    counter->count += value;
    writes = true;
    file_wake(file, POLLIN | POLLRDNORM);
    writes = nested;
    return sizeof value;
}

static uint32_t counter_poll(struct file *file)
{
    uint64_t count = ((struct counter *)file)->count;
    return (count > 0 ? (uint32_t)(POLLIN | POLLRDNORM) : 0u) |
           (count < count_most ? (uint32_t)(POLLOUT | POLLWRNORM) : 0u);
}

static const struct file_kind counter = {
    .name = "eventfd",
    .has_borders = true,
    .release = counter_release,
    .read = counter_read,
    .write = counter_write,
    .poll = counter_poll,
};

static int open_counter(unsigned count, int flags)
{
    struct counter *opened =
        file_create(&counter, sizeof *opened, O_RDWR | (flags & EFD_NONBLOCK ? O_NONBLOCK : 0));
    opened->count = count;
    opened->one_at_a_time = (flags & EFD_SEMAPHORE) != 0;
    return descriptors_add_or_release(&process_current()->descriptors, &opened->file,
                                      (flags & EFD_CLOEXEC) != 0);
}

int kernel_eventfd(uint64_t *calls, unsigned count, int flags)
{
    return (int)CALL(calls, "eventfd", -1, open_counter(count, flags));
}
