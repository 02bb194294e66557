/* bulk_epoll.c - bulk transfer by hand on epoll, level-triggered: one large receive an event; sends
 * until one takes less than it was given, which says that the socket is full.
 *
 *   bulk_epoll PORT */
#include "bench.h"
#include "bulk.h"

#include <errno.h>
#include <sys/epoll.h>

enum { DESCRIPTORS = 1024, BATCH = 64 };

static struct session {
    uint64_t left;
    bool asked;
} sessions[DESCRIPTORS];

static char bytes[BLOCK_BYTES];
static int epoll;

/* Sends until the socket is full; closes once all is sent. */
static void send_on(int fd)
{
    struct session *session = &sessions[fd];
    while (session->left > 0) {
        size_t wanted = next_block(session->left);
        ssize_t count = send(fd, block, wanted, MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN)
            return;
        session->left -= count > 0 ? (uint64_t)count : session->left;
        if (count > 0 && (size_t)count < wanted)
            return;
    }
    close(fd);
}

static void receive_on(int fd)
{
    struct session *session = &sessions[fd];
    ssize_t count = recv(fd, bytes, session->asked ? sizeof bytes : HEADER_BYTES, 0);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0) {
        close(fd);
        return;
    }
    if (session->asked)
        return;
    session->asked = true;
    session->left = wanted_by(bytes);
    if (session->left > 0) {
        struct epoll_event event = {.events = EPOLLOUT, .data.fd = fd};
        epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
    }
}

int main(int argc, char **argv)
{
    int listener = listen_at(argc > 1 ? argv[1] : NULL);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        struct epoll_event events[BATCH];
        int count = epoll_wait(epoll, events, BATCH, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                    sessions[fd] = (struct session){0};
                    event.data.fd = fd;
                    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
                }
            } else if (sessions[fd].left > 0) {
                send_on(fd);
            } else {
                receive_on(fd);
            }
        }
    }
}
