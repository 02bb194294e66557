/* tcp_output.c - segments that leave. Their size is the sender's to choose, below what the path
 * takes; with the seed it is small now and then (a program cannot rely on it: RFC 9293, 3.7). */
#include "base/check.h"
#include "sim/net/tcp.h"
#include "sim/world/luck.h"

enum {
    SEGMENT_MOST = 1448,
    SEGMENT_ON_LOOPBACK_MOST = 65483,
    OVERHEAD = 2, /* what Linux takes of a buffer's bytes for itself: tcp_adv_win_scale(1) */
    SMALL_PER_MILLION = 20000,
};

/* --- room --- */

size_t tcp_room_to_receive(const struct tcp *tcp)
{
    size_t room = (size_t)tcp->inet.socket.options.receive_bytes / OVERHEAD;
    return tcp->received.count < room ? room - tcp->received.count : 0;
}

static size_t most_to_send(const struct tcp *tcp)
{
    return (size_t)tcp->inet.socket.options.send_bytes / OVERHEAD;
}

size_t tcp_room_to_send(const struct tcp *tcp)
{
    size_t most = most_to_send(tcp);
    return tcp->sending.count < most ? most - tcp->sending.count : 0;
}

/* sk_stream_is_writeable in Linux's include/net/sock.h: a third of it is free. */
bool tcp_is_writable(const struct tcp *tcp)
{
    size_t room = tcp_room_to_send(tcp);
    return room > 0 && room >= tcp->sending.count / 2;
}

/* SYN and FIN take a number each: bytes begin where the SYN's is behind. */
uint64_t tcp_end(const struct tcp *tcp)
{
    return tcp->acknowledged + tcp->sending.count;
}

static size_t segment_most(const struct tcp *tcp)
{
    bool stays =
        address_find(&tcp->inet.remote, tcp->inet.socket.machine) == tcp->inet.socket.machine;
    size_t most = stays ? SEGMENT_ON_LOOPBACK_MOST : SEGMENT_MOST;
    return tcp->segment_most > 0 && (size_t)tcp->segment_most < most ? (size_t)tcp->segment_most
                                                                     : most;
}

/* --- segments --- */

static struct packet *prepare(struct tcp *tcp, uint32_t flags, uint64_t sequence, size_t size)
{
    struct packet *packet = network_packet(size);
    packet->source = tcp->inet.local;
    packet->target = tcp->inet.remote;
    packet->flags = flags;
    packet->sequence = sequence;
    packet->acknowledges = tcp->expected;
    uint64_t edge = tcp->expected + tcp_room_to_receive(tcp);
    if (edge > tcp->offered)
        tcp->offered = edge; /* what was offered once is not taken back */
    packet->window_end = tcp->offered;
    if (tcp->has_urgent && tcp->urgent_sent >= sequence) {
        packet->flags |= SEGMENT_URG;
        packet->urgent = tcp->urgent_sent;
    }
    packet->arrived = tcp_arrived;
    return packet;
}

static void leave(struct tcp *tcp, struct packet *packet)
{
    network_send(tcp->inet.socket.machine, packet, &tcp->in_order_ns);
}

void tcp_acknowledge(struct tcp *tcp)
{
    leave(tcp, prepare(tcp, SEGMENT_ACK, tcp->sent_most, 0));
}

void tcp_send_syn(struct tcp *tcp)
{
    bool answers = tcp->state == TCP_SYN_RECV;
    leave(tcp, prepare(tcp, SEGMENT_SYN | (answers ? SEGMENT_ACK : 0u), tcp->acknowledged, 0));
    tcp->next = tcp->sent_most = tcp->acknowledged + 1;
    tcp_timers_retransmit(tcp, true);
}

void tcp_send_reset(struct tcp *tcp)
{
    leave(tcp, prepare(tcp, SEGMENT_RST | SEGMENT_ACK, tcp->sent_most, 0));
}

void tcp_refuse(const struct packet *packet)
{
    if (packet->flags & SEGMENT_RST)
        return;
    struct packet *answer = network_packet(0);
    answer->source = packet->target;
    answer->target = packet->source;
    answer->flags = SEGMENT_RST | SEGMENT_ACK;
    answer->sequence = packet->flags & SEGMENT_ACK ? packet->acknowledges : 0;
    answer->acknowledges = packet->sequence + packet->size + ((packet->flags & SEGMENT_SYN) != 0) +
                           ((packet->flags & SEGMENT_FIN) != 0);
    answer->arrived = tcp_arrived;
    network_send(packet->to, answer, NULL);
}

void tcp_probe(struct tcp *tcp)
{
    leave(tcp, prepare(tcp, SEGMENT_ACK, tcp->acknowledged - 1, 0));
}

/* --- the bytes --- */

/* With Nagle's algorithm a small segment waits while another is under way (RFC 896). */
static bool holds_back(const struct tcp *tcp, size_t size, size_t most)
{
    bool small = size < most && tcp->next + size == tcp_end(tcp);
    return small && !tcp->fin_is_due && !tcp->no_delay && tcp->next != tcp->acknowledged;
}

static size_t next_size(const struct tcp *tcp)
{
    uint64_t end = tcp_end(tcp);
    uint64_t until = tcp->window_end < end ? tcp->window_end : end;
    size_t size = until > tcp->next ? (size_t)(until - tcp->next) : 0;
    size_t most = segment_most(tcp);
    if (size > most)
        size = most;
    if (size == 0 || holds_back(tcp, size, most))
        return 0;
    return luck_fails(HARK_SIM_FAULT_SMALL, SMALL_PER_MILLION)
               ? 1 + chance_below(&world->chance, size)
               : size;
}

static bool is_at_end(const struct tcp *tcp)
{
    return tcp->fin_is_due && tcp->next == tcp_end(tcp);
}

static void send_bytes(struct tcp *tcp, size_t size)
{
    struct packet *packet = prepare(tcp, SEGMENT_ACK, tcp->next, size);
    bytes_copy(&tcp->sending, (size_t)(tcp->next - tcp->acknowledged), packet->bytes, size);
    tcp->next += size;
    if (is_at_end(tcp)) {
        packet->flags |= SEGMENT_FIN;
        tcp->next++;
    }
    if (tcp->next > tcp->sent_most)
        tcp->sent_most = tcp->next;
    leave(tcp, packet);
}

static bool may_send(const struct tcp *tcp)
{
    switch (tcp->state) {
    case TCP_ESTABLISHED:
    case TCP_CLOSE_WAIT:
    case TCP_FIN_WAIT1:
    case TCP_CLOSING:
    case TCP_LAST_ACK:
        return true;
    default:
        return false;
    }
}

void tcp_push(struct tcp *tcp)
{
    if (!may_send(tcp))
        return;
    size_t size;
    while ((size = next_size(tcp)) > 0 || is_at_end(tcp))
        send_bytes(tcp, size);
    tcp_timers_retransmit(tcp, false);
}

void tcp_send_again(struct tcp *tcp)
{
    if (tcp->state == TCP_SYN_SENT || tcp->state == TCP_SYN_RECV)
        return tcp_send_syn(tcp);
    tcp->next = tcp->acknowledged;
    size_t size = next_size(tcp);
    if (size > 0 || is_at_end(tcp))
        send_bytes(tcp, size);
    else
        tcp_probe(tcp);
}

void tcp_offer_room(struct tcp *tcp)
{
    size_t most = (size_t)tcp->inet.socket.options.receive_bytes / OVERHEAD;
    size_t enough = segment_most(tcp) < most / 2 ? segment_most(tcp) : most / 2;
    uint64_t edge = tcp->expected + tcp_room_to_receive(tcp);
    if (edge > tcp->offered && edge - tcp->offered >= enough && tcp->inet.is_paired &&
        tcp->state != TCP_SYN_SENT && tcp->state != TCP_SYN_RECV)
        tcp_acknowledge(tcp);
}
