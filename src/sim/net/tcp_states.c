/* tcp_states.c - how connections begin and end. */
#include "base/check.h"
#include "sim/net/tcp.h"
#include "sim/world/notes.h"

#include <errno.h>
#include <poll.h>

static const uint64_t minute_ns = UINT64_C(60000000000); /* TCP_TIMEWAIT_LEN, tcp_fin_timeout */

void tcp_established(struct tcp *tcp)
{
    tcp->state = TCP_ESTABLISHED;
    tcp->retries = 0;
    tcp_timers_retransmit(tcp, true);
    tcp_timers_keep_alive(tcp);
    file_wake(&tcp->inet.socket.file, 0);
}

void tcp_destroy(struct tcp *tcp)
{
    check(tcp->is_orphan || tcp->listener || tcp->inet.socket.file.references == 0);
    if (tcp->listener)
        tcp_listen_lost(tcp);
    tcp_timers_stop(tcp);
    tcp_let_go(tcp, UINT64_MAX);
    ports_release(&tcp->inet);
    network_remove(tcp->inet.socket.machine, &tcp->inet.remnant);
    bytes_done(&tcp->sending);
    bytes_done(&tcp->received);
    memory_own_free(tcp);
}

/* No segment goes or comes any more (tcp_done in Linux's net/ipv4/tcp.c). Connections that nobody
 * has seen yet go with it. */
static void done(struct tcp *tcp)
{
    bool was_half = tcp->state == TCP_SYN_RECV && tcp->listener;
    tcp->state = TCP_CLOSE;
    tcp->inet.socket.shut = SHUT_FOR_BOTH;
    tcp_timers_stop(tcp);
    bytes_drop(&tcp->sending, tcp->sending.count);
    tcp_let_go(tcp, UINT64_MAX);
    tcp->fin_is_due = tcp->has_urgent = false;
    if (tcp->inet.chose_port)
        ports_unpair(&tcp->inet);
    else
        ports_release(&tcp->inet);
    if (tcp->is_orphan || was_half)
        return tcp_destroy(tcp);
    file_wake(&tcp->inet.socket.file, 0);
}

void tcp_end_with(struct tcp *tcp, int error)
{
    note("tcp ends", (uint64_t)tcp->inet.local.port, (uint64_t)tcp->inet.remote.port,
         (uint64_t)error);
    tcp->inet.socket.error = error ? error : tcp->inet.socket.error;
    done(tcp);
}

void tcp_abort(struct tcp *tcp, int error)
{
    tcp_send_reset(tcp);
    tcp_end_with(tcp, error);
}

/* Who keeps the descriptor has a closed socket; what is left of the connection answers a FIN that
 * comes again (RFC 9293, 3.6.1). */
void tcp_wait_for_stragglers(struct tcp *tcp)
{
    struct tcp *left = tcp;
    if (!tcp->is_orphan) {
        left = tcp_create(tcp->inet.socket.machine, tcp->inet.socket.family);
        left->inet.socket.options = tcp->inet.socket.options;
        left->inet.local = tcp->inet.local;
        left->inet.remote = tcp->inet.remote;
        left->acknowledged = left->next = left->sent_most = tcp->sent_most;
        left->expected = left->offered = tcp->expected;
        left->is_orphan = true;
        tcp_end_with(tcp, 0);
        ports_add(&left->inet);
    }
    left->state = TCP_TIME_WAIT;
    tcp_timers_linger(left, minute_ns);
}

void tcp_send_fin(struct tcp *tcp)
{
    tcp->state = tcp->state == TCP_CLOSE_WAIT ? TCP_LAST_ACK : TCP_FIN_WAIT1;
    tcp->fin_is_due = true;
    tcp_push(tcp);
}

static void reset_if_needed(struct tcp *tcp)
{
    if (tcp->state != TCP_SYN_SENT && tcp->state != TCP_CLOSE)
        tcp_send_reset(tcp);
}

void tcp_disconnect(struct tcp *tcp)
{
    struct socket *socket = &tcp->inet.socket;
    if (tcp->state == TCP_LISTEN)
        tcp_listen_stop(tcp);
    else if (tcp->state != TCP_CLOSE)
        socket->error = -ECONNRESET;
    if (tcp->state != TCP_LISTEN)
        reset_if_needed(tcp);
    socket->listens = false;
    tcp->state = TCP_CLOSE;
    tcp->progress = TCP_UNCONNECTED;
    tcp_timers_stop(tcp);
    bytes_drop(&tcp->sending, tcp->sending.count);
    tcp_let_go(tcp, UINT64_MAX);
    bytes_drop(&tcp->received, tcp->received.count);
    tcp->fin_is_due = tcp->fin_came = tcp->has_urgent = false;
    tcp->urgent = URGENT_NONE;
    if (tcp->inet.chose_port)
        ports_unpair(&tcp->inet);
    else {
        ports_release(&tcp->inet);
        tcp->inet.local.port = 0;
    }
    if (!tcp->inet.chose_address)
        tcp->inet.local.ip = address_any_like(&tcp->inet.local);
    tcp->inet.remote = (struct address){.port = 0};
    socket->shut = 0;
    file_wake(&socket->file, 0);
}

/* --- close(2) --- */

static void orphan(struct tcp *tcp)
{
    tcp->is_orphan = true;
    events_remove(&world->events, &tcp->keep_alive);
    if (tcp->state == TCP_CLOSE)
        return tcp_destroy(tcp);
    if (tcp->state == TCP_FIN_WAIT2)
        tcp_timers_linger(tcp, minute_ns);
}

static void close_open(struct tcp *tcp)
{
    const struct linger *linger = &tcp->inet.socket.options.linger;
    bool unread = tcp->received.count > 0;
    bool at_once = linger->l_onoff && linger->l_linger == 0;
    tcp->inet.socket.shut = SHUT_FOR_BOTH;
    tcp->is_orphan = true;
    if (unread || at_once || tcp->state == TCP_SYN_RECV)
        return tcp_abort(tcp, 0);
    if (tcp->state == TCP_ESTABLISHED || tcp->state == TCP_CLOSE_WAIT)
        tcp_send_fin(tcp);
    orphan(tcp);
}

void tcp_close(struct tcp *tcp)
{
    if (tcp->state == TCP_LISTEN) {
        tcp_listen_stop(tcp);
        tcp->inet.socket.listens = false;
        tcp->state = TCP_CLOSE;
    }
    if (tcp->state == TCP_SYN_SENT)
        tcp->state = TCP_CLOSE;
    if (tcp->state == TCP_CLOSE)
        return orphan(tcp);
    close_open(tcp);
}
