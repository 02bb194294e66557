/* console.c - see the header. */
#include "sim/file/console.h"
#include "base/check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The real machine's: src/sim/posix/posix.h. */
ssize_t __real_writev(int fd, const struct iovec *vector, int count);

struct console {
    struct file file;
    int number; /* of the real machine's descriptor */
};

static void console_release(struct file *file)
{
    memory_own_free(file);
}

static int64_t console_read(struct file *file, const struct iovec *vector, int count,
                            int64_t offset, int flags)
{
    (void)file;
    (void)vector;
    (void)count;
    (void)offset;
    (void)flags;
    return 0;
}

static int64_t console_write(struct file *file, const struct iovec *vector, int count,
                             int64_t offset, int flags)
{
    (void)offset;
    (void)flags;
    if (!world->options.quiet)
        (void)!__real_writev(((struct console *)file)->number, vector, count);
    return (int64_t)vector_bytes(vector, count);
}

static uint32_t console_poll(struct file *file)
{
    (void)file;
    return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

static void console_status(struct file *file, struct stat *out_status)
{
    (void)file;
    out_status->st_mode = S_IFCHR | 0600;
    out_status->st_rdev = makedev(1, 3); /* as /dev/null: it never waits */
}

static const struct file_kind console = {
    .name = "console",
    .release = console_release,
    .read = console_read,
    .write = console_write,
    .poll = console_poll,
    .status = console_status,
};

void console_open(struct process *process)
{
    for (int fd = 0; fd <= 2; fd++) {
        struct console *opened = file_create(&console, sizeof *opened, O_RDWR);
        opened->number = fd;
        check(descriptors_add(&process->descriptors, &opened->file, false, fd) == fd);
    }
}
