/* bulk_event.c - bulk transfer on libevent, with its plain events and calls of our own: a
 * bufferevent of 2.1 takes 4 KiB in at once, whatever it is set to.
 *
 *   bulk_event PORT */
#include "bench.h"
#include "bulk.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>

struct session {
    struct event event;
    uint64_t left;
    bool asked;
};

static void end(struct session *session)
{
    event_del(&session->event);
    close(event_get_fd(&session->event));
    free(session);
}

/* Sends until the socket is full; ends once all is sent. */
static void writable(evutil_socket_t fd, short events, void *context)
{
    struct session *session = context;
    (void)events;
    while (session->left > 0) {
        size_t wanted = next_block(session->left);
        ssize_t count = send(fd, block, wanted, MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN)
            return;
        session->left -= count > 0 ? (uint64_t)count : session->left;
        if (count > 0 && (size_t)count < wanted)
            return;
    }
    end(session);
}

static void readable(evutil_socket_t fd, short events, void *context)
{
    static char bytes[BLOCK_BYTES];
    struct session *session = context;
    (void)events;
    size_t wanted = session->asked ? sizeof bytes : HEADER_BYTES;
    ssize_t count = recv(fd, bytes, wanted, 0);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0)
        return end(session);
    if (session->asked)
        return;
    session->asked = true;
    session->left = wanted_by(bytes);
    if (session->left > 0) {
        event_del(&session->event);
        event_assign(&session->event, event_get_base(&session->event), fd, EV_WRITE | EV_PERSIST,
                     writable, session);
        event_add(&session->event, NULL);
    }
}

static void accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                     int length, void *context)
{
    (void)address;
    (void)length;
    (void)context;
    struct session *session = calloc(1, sizeof *session);
    event_assign(&session->event, evconnlistener_get_base(listener), fd, EV_READ | EV_PERSIST,
                 readable, session);
    event_add(&session->event, NULL);
}

int main(int argc, char **argv)
{
    struct event_base *base = event_base_new();
    struct evconnlistener *listener = evconnlistener_new(
        base, accepted, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, listen_at(argc > 1 ? argv[1] : NULL));
    return listener == NULL || event_base_dispatch(base) < 0;
}
