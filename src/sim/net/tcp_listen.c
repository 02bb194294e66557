/* tcp_listen.c - the queues of who listens: connections that are half made, and those that wait to
 * be accepted, of which there is room for one more than the backlog (sk_acceptq_is_full in Linux's
 * include/net/sock.h). Where that is full a SYN is lost, and the last step of a connection, too:
 * both come again. With the seed the latter is answered by a RST, as tcp_abort_on_overflow has it
 * (tcp(7)). */
#include "base/check.h"
#include "sim/net/tcp.h"
#include "sim/world/luck.h"

#include <errno.h>
#include <poll.h>

enum { ABORTED_PER_MILLION = 50000, BACKLOG_MOST = 4096 };

static bool is_full(const struct tcp *listener)
{
    return listener->whole > listener->backlog;
}

int tcp_listen(struct socket *socket, int backlog)
{
    struct tcp *tcp = tcp_of((struct inet *)socket);
    if (tcp->progress != TCP_UNCONNECTED || (tcp->state != TCP_CLOSE && tcp->state != TCP_LISTEN))
        return -EINVAL;
    unsigned wanted = (unsigned)backlog; /* negative is much: listen(2) of Linux */
    tcp->backlog = wanted > BACKLOG_MOST ? BACKLOG_MOST : backlog;
    if (tcp->state == TCP_LISTEN)
        return 0;
    socket->listens = true;
    int error = tcp->inet.is_bound ? ports_may_listen(&tcp->inet)
                                   : ports_bind(&tcp->inet, &tcp->inet.local);
    if (error) {
        socket->listens = false;
        return error;
    }
    tcp->state = TCP_LISTEN;
    return 0;
}

/* --- connections come --- */

static void inherit(struct tcp *tcp, const struct tcp *listener)
{
    struct socket *socket = &tcp->inet.socket;
    socket->options = listener->inet.socket.options;
    socket->shut = listener->inet.socket.shut; /* of a connection that it was once */
    tcp->inet.only_6 = listener->inet.only_6;
    tcp->no_delay = listener->no_delay;
    tcp->keep_idle = listener->keep_idle;
    tcp->keep_interval = listener->keep_interval;
    tcp->keep_count = listener->keep_count;
    tcp->user_timeout_ms = listener->user_timeout_ms;
    tcp->segment_most = listener->segment_most;
}

void tcp_listen_arrived(struct tcp *listener, const struct packet *packet)
{
    if (is_full(listener))
        return;
    struct tcp *tcp = tcp_create(listener->inet.socket.machine, listener->inet.socket.family);
    inherit(tcp, listener);
    tcp->inet.local = packet->target;
    tcp->inet.remote = packet->source;
    tcp->state = TCP_SYN_RECV;
    tcp->expected = packet->sequence + 1;
    tcp->window_end = tcp->acknowledged + 1 + (packet->window_end - packet->acknowledges);
    tcp->listener = listener;
    tcp->next_of_listener = listener->first_half;
    listener->first_half = tcp;
    ports_add(&tcp->inet);
    tcp_send_syn(tcp);
}

static void take_out_half(struct tcp *tcp)
{
    struct tcp **at = &tcp->listener->first_half;
    while (*at && *at != tcp)
        at = &(*at)->next_of_listener;
    if (*at)
        *at = tcp->next_of_listener;
}

bool tcp_listen_completed(struct tcp *tcp)
{
    struct tcp *listener = tcp->listener;
    if (is_full(listener)) {
        if (luck_fails(HARK_SIM_FAULT_LINK, ABORTED_PER_MILLION))
            tcp_abort(tcp, -ECONNABORTED);
        return false;
    }
    take_out_half(tcp);
    tcp->next_of_listener = NULL;
    *(listener->last_whole ? &listener->last_whole->next_of_listener : &listener->first_whole) =
        tcp;
    listener->last_whole = tcp;
    listener->whole++;
    tcp_established(tcp);
    file_wake(&listener->inet.socket.file, POLLIN | POLLRDNORM);
    return true;
}

static struct tcp *take_first(struct tcp *listener)
{
    struct tcp *tcp = listener->first_whole;
    if (!tcp)
        return NULL;
    listener->first_whole = tcp->next_of_listener;
    if (!listener->first_whole)
        listener->last_whole = NULL;
    listener->whole--;
    tcp->listener = NULL;
    return tcp;
}

void tcp_listen_lost(struct tcp *tcp)
{
    take_out_half(tcp);
    tcp->listener = NULL;
}

int tcp_accept(struct socket *socket, struct socket **out_socket)
{
    struct tcp *listener = tcp_of((struct inet *)socket);
    if (listener->state != TCP_LISTEN)
        return -EINVAL;
    struct tcp *tcp = take_first(listener);
    if (!tcp)
        return -EAGAIN;
    tcp->progress = TCP_CONNECTED;
    *out_socket = &tcp->inet.socket;
    return 0;
}

/* --- the end of who listens --- */

void tcp_listen_stop(struct tcp *listener)
{
    struct tcp *tcp;
    while ((tcp = listener->first_half))
        tcp_destroy(tcp);
    while ((tcp = take_first(listener))) {
        tcp->is_orphan = true;
        if (tcp->state == TCP_CLOSE)
            tcp_destroy(tcp);
        else
            tcp_abort(tcp, 0);
    }
}
