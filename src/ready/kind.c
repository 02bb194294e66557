/* kind.c - what a descriptor is, looked up once for those that the library did not make itself. */
#include "ready/kind.h"
#include "core/row.h"
#include "core/unblocked.h"
#include "ready/events.h"

#include <netinet/in.h>
#include <sys/sysmacros.h>

enum ready_kind kind_of_socket(int family, int type, int protocol)
{
    if (type != SOCK_STREAM)
        return type == SOCK_SEQPACKET ? KIND_STREAM : KIND_SOCKET;
    /* A unix stream ends a read where descriptors or credentials were passed: more may be left. */
    bool tcp =
        (family == AF_INET || family == AF_INET6) && (protocol == 0 || protocol == IPPROTO_TCP);
    return tcp ? KIND_TCP : KIND_STREAM;
}

static int option_of(struct hark_loop *loop, int fd, int option)
{
    int value = -1;
    socklen_t length = sizeof value;
    return kernel_getsockopt(calls_of(loop), fd, SOL_SOCKET, option, &value, &length) == 0 ? value
                                                                                           : -1;
}

static enum ready_kind look_up_socket(struct hark_loop *loop, int fd)
{
    return kind_of_socket(option_of(loop, fd, SO_DOMAIN), option_of(loop, fd, SO_TYPE),
                          option_of(loop, fd, SO_PROTOCOL));
}

/* Direct reads wait for the disk, whatever they are asked (RWF_NOWAIT does not change it). */
static bool waits_for_disk(struct hark_loop *loop, int fd)
{
    int flags = kernel_fcntl(calls_of(loop), fd, F_GETFL, 0);
    return flags < 0 || flags & O_DIRECT;
}

/* A device that is always ready and may keep its caller waiting even so, such as a tape. /dev/null
 * and its like never do. */
static bool is_like_a_file(struct hark_loop *loop, int fd, const struct stat *status)
{
    const unsigned memory = 1,
                   terminals =
                       136; /* Linux's numbers of devices: Documentation/admin-guide/devices.txt */
    if (!S_ISCHR(status->st_mode) || major(status->st_rdev) == memory ||
        major(status->st_rdev) == terminals)
        return false;
    return !unblocked_can_poll(loop, fd);
}

int kind_look_up(struct hark_loop *loop, int fd, struct descriptor *row)
{
    struct stat status;
    int error = kernel_fstat(calls_of(loop), fd, &status);
    if (error < 0)
        return error;
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode) ||
        is_like_a_file(loop, fd, &status)) {
        row->kind = KIND_FILE;
        row->flags |= waits_for_disk(loop, fd) ? DESCRIPTOR_BLOCKING : 0;
    } else if (S_ISSOCK(status.st_mode)) {
        row->kind = (uint8_t)look_up_socket(loop, fd);
        /* Accepting and connecting have no flag that says not to wait. A terminal or pipe may be
         * shared with other processes, whose reads would then fail: it stays as it is. */
        unblocked_for_good(loop, fd);
    } else {
        row->kind = KIND_PIPE;
        row->flags |= S_ISFIFO(status.st_mode) ? DESCRIPTOR_PIPE : 0;
    }
    row->flags |= DESCRIPTOR_KNOWN;
    row->ready = READY_ALL;
    return 0;
}

void kind_note_socket(struct hark_loop *loop, int fd, enum ready_kind kind)
{
    row_forget(loop, fd);
    if (descriptors_grow(&loop->descriptors, fd) < 0)
        return; /* it is looked up when first used */
    struct descriptor *row = descriptors_row(&loop->descriptors, fd);
    row->kind = (uint8_t)kind;
    row->flags |= DESCRIPTOR_KNOWN;
    row->ready = READY_ALL;
}
