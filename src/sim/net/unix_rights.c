/* unix_rights.c - descriptors that are passed (unix(7), SCM_RIGHTS): the message holds the open
 * files until it is read. */
#include "sim/net/unix.h"

#include <errno.h>
#include <string.h>

enum { RIGHTS_MOST = 253 }; /* SCM_MAX_FD */

static int take(struct process *process, const struct cmsghdr *header, struct unix_message *into)
{
    if (header->cmsg_level != SOL_SOCKET)
        return 0;
    if (header->cmsg_type != SCM_RIGHTS)
        return header->cmsg_type == SCM_CREDENTIALS ? 0 : -EINVAL;
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    if (count > RIGHTS_MOST || into->rights)
        return -EINVAL;
    into->rights = memory_own((count + 1) * sizeof(struct file *));
    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
        struct file *file = descriptors_find(&process->descriptors, fd);
        if (!file)
            return -EBADF;
        file_hold(file);
        into->rights[into->right_count++] = file;
    }
    return 0;
}

int unix_rights_take(struct process *process, const struct msghdr *message,
                     struct unix_message *into)
{
    if (!message->msg_control || message->msg_controllen == 0)
        return 0;
    struct msghdr copy = *message;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&copy); header;
         header = CMSG_NXTHDR(&copy, header)) {
        int error = header->cmsg_len < sizeof *header ? -EINVAL : take(process, header, into);
        if (error) {
            unix_rights_drop(into);
            return error;
        }
    }
    return 0;
}

/* The rest of what there is no room for is lost, and that is told (MSG_CTRUNC). */
void unix_rights_give(struct process *process, struct unix_message *from, struct msghdr *message,
                      int flags)
{
    size_t room = message->msg_control ? message->msg_controllen : 0;
    message->msg_controllen = 0;
    if (from->right_count == 0)
        return;
    size_t places = room > CMSG_LEN(0) ? (room - CMSG_LEN(0)) / sizeof(int) : 0;
    size_t given = 0;
    unsigned char *control = message->msg_control;
    for (; given < from->right_count && given < places; given++) {
        file_hold(from->rights[given]);
        int fd = descriptors_add_or_release(&process->descriptors, from->rights[given],
                                            (flags & MSG_CMSG_CLOEXEC) != 0);
        if (fd < 0)
            break;
        memcpy(control + CMSG_LEN(0) + given * sizeof fd, &fd, sizeof fd);
    }
    if (given < from->right_count)
        message->msg_flags |= MSG_CTRUNC;
    if (given > 0) {
        struct cmsghdr header = {CMSG_LEN(given * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(control, &header, sizeof header);
        size_t space = CMSG_SPACE(given * sizeof(int));
        message->msg_controllen = space < room ? space : room;
    }
    if (!(flags & MSG_PEEK))
        unix_rights_drop(from);
}

void unix_rights_drop(struct unix_message *message)
{
    for (size_t i = 0; i < message->right_count; i++)
        file_release(message->rights[i]);
    message->right_count = 0;
    memory_own_free(message->rights);
    message->rights = NULL;
}
