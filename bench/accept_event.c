/* accept_event.c - connections answered once and closed, on libevent: its listener, and a plain
 * event a connection, which is less than a bufferevent and enough here.
 *
 *   accept_event PORT */
#include "accept.h"
#include "bench.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>

static void readable(evutil_socket_t fd, short events, void *context)
{
    struct event *event = context;
    (void)events;
    if (!answer(fd))
        return;
    event_del(event);
    close(fd);
    free(event);
}

static void accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                     int length, void *context)
{
    (void)address;
    (void)length;
    (void)context;
    if (answer(fd)) {
        close(fd);
        return;
    }
    struct event *event = malloc(sizeof *event);
    event_assign(event, evconnlistener_get_base(listener), fd, EV_READ | EV_PERSIST, readable,
                 event);
    event_add(event, NULL);
}

int main(int argc, char **argv)
{
    struct event_base *base = event_base_new();
    struct evconnlistener *listener = evconnlistener_new(
        base, accepted, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, listen_at(argc > 1 ? argv[1] : NULL));
    return listener == NULL || event_base_dispatch(base) < 0;
}
