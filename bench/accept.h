/* accept.h - what the accept_ servers of readiness share: the answer. See load_accept.c.
 *
 * The request has mostly come by the time that its connection is accepted, so it is tried at once,
 * and most connections are never registered. */
#ifndef ACCEPT_H
#define ACCEPT_H

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

/* Gives: whether the connection can be closed: it is answered, or over. Else nothing has come
 *   yet. */
static inline bool answer(int fd)
{
    char bytes[4096];
    ssize_t count = recv(fd, bytes, sizeof bytes, 0);
    if (count > 0)
        send(fd, bytes, (size_t)count, MSG_NOSIGNAL);
    return count >= 0 || errno != EAGAIN;
}

#endif
