/* tcp_input.c - what a segment does that has arrived. The order of the questions is that of
 * RFC 9293, 3.10.7. What comes before its turn is dropped, and sent again (RFC 9293, 3.10.7.4: it
 * may be kept, and need not). */
#include "base/check.h"
#include "sim/net/tcp.h"

#include <errno.h>
#include <poll.h>

static uint64_t length_of(const struct packet *packet)
{
    return packet->size + ((packet->flags & SEGMENT_SYN) != 0) +
           ((packet->flags & SEGMENT_FIN) != 0);
}

static void wake(struct tcp *tcp, uint32_t events)
{
    file_wake(&tcp->inet.socket.file, events);
}

/* --- connections that begin --- */

static void answered(struct tcp *tcp, const struct packet *packet)
{
    tcp->expected = packet->sequence + 1;
    tcp->offered = tcp->expected;
    tcp->acknowledged = packet->acknowledges;
    tcp->window_end = packet->window_end;
    tcp_established(tcp);
    tcp_acknowledge(tcp);
    wake(tcp, POLLOUT | POLLWRNORM);
}

/* Both have called at once (RFC 9293, figure 7). */
static void crossed(struct tcp *tcp, const struct packet *packet)
{
    tcp->state = TCP_SYN_RECV;
    tcp->expected = packet->sequence + 1;
    tcp->offered = tcp->expected;
    tcp->window_end = tcp->acknowledged + 1 + (packet->window_end - packet->acknowledges);
    tcp_send_syn(tcp);
}

static void calling(struct tcp *tcp, const struct packet *packet)
{
    bool acknowledges = (packet->flags & SEGMENT_ACK) != 0;
    if (acknowledges && packet->acknowledges != tcp->next)
        return tcp_refuse(packet);
    if (packet->flags & SEGMENT_RST) {
        if (acknowledges)
            tcp_end_with(tcp, -ECONNREFUSED);
    } else if (packet->flags & SEGMENT_SYN) {
        if (acknowledges)
            answered(tcp, packet);
        else
            crossed(tcp, packet);
    }
}

/* Gives: whether the connection is there now, and the segment is looked at as all others are. */
static bool called(struct tcp *tcp, const struct packet *packet)
{
    if (packet->flags & SEGMENT_RST) {
        if (packet->sequence == tcp->expected)
            tcp_end_with(tcp, -ECONNREFUSED);
        return false;
    }
    if (packet->flags & SEGMENT_SYN && !(packet->flags & SEGMENT_ACK)) {
        if (packet->sequence + 1 == tcp->expected)
            tcp_send_syn(tcp); /* it has not heard */
        return false;
    }
    if (packet->acknowledges != tcp->acknowledged + 1) {
        tcp_refuse(packet);
        return false;
    }
    if (tcp->listener && !tcp_listen_completed(tcp))
        return false;
    tcp->acknowledged = packet->acknowledges;
    if (packet->window_end > tcp->window_end)
        tcp->window_end = packet->window_end;
    if (tcp->state == TCP_SYN_RECV)
        tcp_established(tcp);
    tcp_timers_retransmit(tcp, true);
    if (tcp->inet.socket.shut & SHUT_FOR_WRITING)
        tcp_send_fin(tcp);
    return true;
}

/* --- acknowledgements --- */

/* Gives: whether the connection is still there. */
static bool fin_was_acknowledged(struct tcp *tcp)
{
    switch (tcp->state) {
    case TCP_FIN_WAIT1:
        tcp->state = TCP_FIN_WAIT2;
        if (tcp->is_orphan)
            tcp_timers_linger(tcp, UINT64_C(60000000000));
        wake(tcp, 0);
        return true;
    case TCP_CLOSING:
        tcp_wait_for_stragglers(tcp);
        return false;
    case TCP_LAST_ACK:
        tcp_end_with(tcp, 0);
        return false;
    default:
        return true;
    }
}

static void take_out_acknowledged(struct tcp *tcp, uint64_t up_to)
{
    uint64_t bytes = up_to - tcp->acknowledged;
    if (bytes > tcp->sending.count)
        bytes = tcp->sending.count; /* the FIN's number */
    bytes_drop(&tcp->sending, (size_t)bytes);
    tcp->acknowledged = up_to;
    tcp_let_go(tcp, up_to);
    if (tcp->next < up_to)
        tcp->next = up_to;
    if (tcp->has_urgent && tcp->urgent_sent < up_to)
        tcp->has_urgent = false;
}

static bool acknowledged(struct tcp *tcp, const struct packet *packet)
{
    if (packet->acknowledges > tcp->sent_most || packet->acknowledges < tcp->acknowledged)
        return true;
    bool news = packet->acknowledges > tcp->acknowledged;
    if (packet->window_end > tcp->window_end)
        tcp->window_end = packet->window_end;
    tcp->retries = 0;
    tcp->unheard_ns = world->now_ns;
    if (!news)
        return true;
    bool fin = tcp->fin_is_due && packet->acknowledges == tcp_end(tcp) + 1;
    take_out_acknowledged(tcp, packet->acknowledges);
    tcp_timers_retransmit(tcp, true);
    if (fin) {
        tcp->fin_is_due = false;
        return fin_was_acknowledged(tcp);
    }
    if (tcp->inet.socket.wants_room && tcp_is_writable(tcp)) {
        tcp->inet.socket.wants_room = false;
        wake(tcp, POLLOUT | POLLWRNORM | POLLWRBAND);
    }
    return true;
}

/* --- bytes and the end --- */

static void urgent(struct tcp *tcp, const struct packet *packet)
{
    if (packet->urgent < tcp->expected ||
        (tcp->urgent != URGENT_NONE && packet->urgent <= tcp->urgent_at))
        return;
    tcp->urgent = URGENT_COMING;
    tcp->urgent_at = packet->urgent;
}

static void urgent_is_here(struct tcp *tcp)
{
    if (tcp->urgent != URGENT_COMING || tcp->urgent_at >= tcp->expected)
        return;
    bytes_copy(&tcp->received, (size_t)(tcp->urgent_at - tcp_taken(tcp)), &tcp->urgent_byte, 1);
    tcp->urgent = URGENT_HERE;
    wake(tcp, POLLPRI);
}

static void take_in(struct tcp *tcp, const struct packet *packet)
{
    size_t known = (size_t)(tcp->expected - packet->sequence);
    size_t size = packet->size - known;
    if (size > tcp->offered - tcp->expected)
        size = (size_t)(tcp->offered - tcp->expected);
    bytes_put_plain(&tcp->received, packet->bytes + known, size);
    tcp->expected += size;
    urgent_is_here(tcp);
    wake(tcp, POLLIN | POLLPRI | POLLRDNORM | POLLRDBAND);
}

static void fin_came(struct tcp *tcp)
{
    tcp->expected++;
    tcp->fin_came = true;
    tcp->inet.socket.shut |= SHUT_FOR_READING;
    switch (tcp->state) {
    case TCP_ESTABLISHED:
        tcp->state = TCP_CLOSE_WAIT;
        break;
    case TCP_FIN_WAIT1:
        tcp->state = TCP_CLOSING;
        break;
    default:
        tcp_acknowledge(tcp);
        return tcp_wait_for_stragglers(tcp);
    }
    wake(tcp, 0);
}

/* Nobody will read it: the peer is told so (tcp_rcv_state_process in Linux). */
static bool comes_too_late(const struct tcp *tcp, const struct packet *packet)
{
    bool ended = tcp->state == TCP_FIN_WAIT1 || tcp->state == TCP_FIN_WAIT2;
    return ended && tcp->inet.socket.shut == SHUT_FOR_BOTH &&
           packet->sequence + packet->size > tcp->expected;
}

/* That is looked at first, and told of even so. */
static void urgent_comes_too_late(struct tcp *tcp, const struct packet *packet)
{
    if (tcp->urgent != URGENT_COMING || tcp->urgent_at < packet->sequence ||
        tcp->urgent_at >= packet->sequence + packet->size)
        return;
    tcp->urgent_byte = packet->bytes[tcp->urgent_at - packet->sequence];
    tcp->urgent = URGENT_HERE;
}

/* Gives: whether the connection is still there. */
static bool take(struct tcp *tcp, const struct packet *packet)
{
    if (packet->flags & SEGMENT_URG)
        urgent(tcp, packet);
    if (comes_too_late(tcp, packet)) {
        urgent_comes_too_late(tcp, packet);
        tcp_abort(tcp, -ECONNRESET);
        return false;
    }
    if (packet->sequence + packet->size > tcp->expected)
        take_in(tcp, packet);
    bool whole = packet->sequence + packet->size == tcp->expected;
    if (packet->flags & SEGMENT_FIN && whole && !tcp->fin_came) {
        fin_came(tcp);
        if (tcp->state == TCP_CLOSE || tcp->state == TCP_TIME_WAIT)
            return false;
    }
    tcp_acknowledge(tcp);
    return true;
}

/* --- resets --- */

/* tcp_reset in Linux. What has come may still be read. */
static void was_reset(struct tcp *tcp)
{
    tcp_end_with(tcp, tcp->state == TCP_CLOSE_WAIT ? -EPIPE : -ECONNRESET);
}

static void reset(struct tcp *tcp, const struct packet *packet)
{
    if (packet->sequence == tcp->expected)
        was_reset(tcp);
    else if (packet->sequence > tcp->expected && packet->sequence <= tcp->offered)
        tcp_acknowledge(tcp); /* it may be forged: RFC 5961 */
}

/* --- all together --- */

/* What has nothing to say but an acknowledgement may stand behind bytes that are lost: to answer
 * that would go on for ever. Before all that has come it is a probe. */
static bool is_in_turn(const struct tcp *tcp, const struct packet *packet, uint64_t length)
{
    if (length == 0)
        return packet->sequence >= tcp->expected;
    return packet->sequence <= tcp->expected && packet->sequence + length > tcp->expected;
}

static void connected(struct tcp *tcp, const struct packet *packet)
{
    tcp->heard_ns = world->now_ns;
    tcp->probes = 0;
    if (packet->flags & SEGMENT_RST)
        return reset(tcp, packet);
    uint64_t length = length_of(packet);
    if (!is_in_turn(tcp, packet, length) || packet->flags & SEGMENT_SYN)
        return tcp_acknowledge(tcp);
    if (!(packet->flags & SEGMENT_ACK) || !acknowledged(tcp, packet))
        return;
    if (length == 0 || take(tcp, packet))
        tcp_push(tcp);
}

static void arrived_for(struct tcp *tcp, const struct packet *packet)
{
    if (tcp->state == TCP_SYN_SENT)
        return calling(tcp, packet);
    if (tcp->state == TCP_SYN_RECV && !called(tcp, packet))
        return;
    connected(tcp, packet);
}

/* What is left of a connection makes room for a new one (RFC 9293, 3.10.7.4; RFC 6191), and answers
 * a FIN. */
static struct tcp *arrived_late(struct tcp *tcp, const struct packet *packet)
{
    bool begins = (packet->flags & (SEGMENT_SYN | SEGMENT_ACK | SEGMENT_RST)) == SEGMENT_SYN;
    if (begins || packet->flags & SEGMENT_RST) {
        tcp_destroy(tcp);
        return NULL;
    }
    if (length_of(packet) > 0)
        tcp_acknowledge(tcp);
    return tcp;
}

void tcp_arrived(struct packet *packet)
{
    struct tcp *tcp =
        (struct tcp *)ports_find_paired(packet->to, SOCK_STREAM, &packet->target, &packet->source);
    if (tcp && tcp->state == TCP_TIME_WAIT) {
        if (arrived_late(tcp, packet))
            return;
        tcp = NULL;
    }
    if (tcp)
        return arrived_for(tcp, packet);
    struct tcp *listener = NULL;
    if ((packet->flags & (SEGMENT_SYN | SEGMENT_ACK | SEGMENT_RST)) == SEGMENT_SYN)
        listener = (struct tcp *)ports_find_bound(packet->to, SOCK_STREAM, &packet->target,
                                                  &packet->source);
    if (listener)
        tcp_listen_arrived(listener, packet);
    else
        tcp_refuse(packet);
}
