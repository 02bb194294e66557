/* libevent_echo.c - an echo server: a listener and bufferevents. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* --- the server --- */
static void wrote(struct bufferevent *peer, void *context)
{
    (void)context;
    bufferevent_free(peer); /* the peer had ended, and all is sent */
}

static void received(struct bufferevent *peer, void *context)
{
    (void)context;
    evbuffer_add_buffer(bufferevent_get_output(peer), bufferevent_get_input(peer));
}

static void ended(struct bufferevent *peer, short what, void *context)
{
    (void)context;
    if ((what & BEV_EVENT_EOF) && evbuffer_get_length(bufferevent_get_output(peer)) > 0)
        bufferevent_setcb(peer, NULL, wrote, ended, NULL);
    else
        bufferevent_free(peer);
}

static void came(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *name,
                 int length, void *context)
{
    struct bufferevent *peer =
        bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    (void)name;
    (void)length;
    (void)context;
    if (!peer) {
        evutil_closesocket(fd);
        return;
    }
    bufferevent_setcb(peer, received, NULL, ended, NULL);
    bufferevent_enable(peer, EV_READ | EV_WRITE);
}
/* --- so far --- */

int main(void)
{
    struct event_base *base = event_base_new();
    struct sockaddr_in address;
    socklen_t length = sizeof address;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct evconnlistener *listener =
        base ? evconnlistener_new_bind(base, came, NULL, LEV_OPT_CLOSE_ON_FREE, -1,
                                       (struct sockaddr *)&address, sizeof address)
             : NULL;
    if (!listener ||
        getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &length) < 0)
        return 1;
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return event_base_dispatch(base) != 0;
}
