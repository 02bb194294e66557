/* echo_event_plain.c - the echo server on libevent's plain events: one a connection, read and
 * answered in its callback, as on libev. See echo_ev.c.
 *
 *   echo_event_plain PORT */
#include "bench.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>

static void readable(evutil_socket_t fd, short events, void *context)
{
    static char bytes[65536];
    struct event *event = context;
    (void)events;
    ssize_t count = recv(fd, bytes, sizeof bytes, 0);
    if (count < 0 && errno == EAGAIN)
        return;
    ssize_t done = 0;
    while (done < count) {
        ssize_t sent = send(fd, bytes + done, (size_t)(count - done), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            break;
        done += sent > 0 ? sent : 0;
    }
    if (count <= 0) {
        event_del(event);
        close(fd);
        free(event);
    }
}

static void accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                     int length, void *context)
{
    (void)address;
    (void)length;
    (void)context;
    struct event *event = malloc(sizeof *event);
    event_assign(event, evconnlistener_get_base(listener), fd, EV_READ | EV_PERSIST, readable,
                 event);
    event_add(event, NULL);
}

int main(int argc, char **argv)
{
    answer_struct(argc, argv, sizeof(struct event));
    struct event_base *base = event_base_new();
    struct evconnlistener *listener = evconnlistener_new(
        base, accepted, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, listen_at(argc > 1 ? argv[1] : NULL));
    return listener == NULL || event_base_dispatch(base) < 0;
}
