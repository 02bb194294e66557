/* tcp_timers.c - segments that are not acknowledged are sent again, twice as late each time, until
 * it is given up: the times and counts of tcp(7) and Linux's include/net/tcp.h. */
#include "sim/net/tcp.h"

#include <errno.h>

static const uint64_t ms_ns = 1000000;
static const uint64_t second_ns = UINT64_C(1000000000);
enum {
    FIRST_MS = 200,
    FIRST_OF_SYN_MS = 1000,
    LAST_MS = 120000,
    RETRIES = 15,
    RETRIES_OF_ORPHAN = 8,
    RETRIES_OF_ANSWER = 5, /* tcp_synack_retries */
    ADDRESS_NOT_FOUND =
        2, /* which of them is about when the neighbour is given up: three seconds */
};

static bool is_beginning(const struct tcp *tcp)
{
    return tcp->state == TCP_SYN_SENT || tcp->state == TCP_SYN_RECV;
}

static uint64_t first_ns(const struct tcp *tcp)
{
    return (is_beginning(tcp) ? FIRST_OF_SYN_MS : FIRST_MS) * ms_ns;
}

/* Something was sent, or waits for the window to open. */
static bool is_waiting(const struct tcp *tcp)
{
    return tcp->sent_most > tcp->acknowledged || tcp->sending.count > 0;
}

void tcp_timers_retransmit(struct tcp *tcp, bool anew)
{
    if (!is_waiting(tcp)) {
        events_remove(&world->events, &tcp->retransmit);
        return;
    }
    if (tcp->retransmit.place && !anew)
        return;
    if (!tcp->retransmit.place && tcp->retries == 0)
        tcp->unheard_ns = world->now_ns;
    if (tcp->retries == 0)
        tcp->timeout_ns = first_ns(tcp);
    events_set(&world->events, &tcp->retransmit, world->now_ns + tcp->timeout_ns);
}

static int retries_most(const struct tcp *tcp)
{
    if (tcp->state == TCP_SYN_SENT)
        return tcp->syn_count;
    if (tcp->state == TCP_SYN_RECV)
        return RETRIES_OF_ANSWER;
    return tcp->is_orphan ? RETRIES_OF_ORPHAN : RETRIES;
}

static bool is_given_up(const struct tcp *tcp)
{
    uint64_t patience_ns = (uint64_t)tcp->user_timeout_ms * ms_ns;
    if (patience_ns && world->now_ns - tcp->unheard_ns >= patience_ns)
        return true;
    return tcp->retries >= retries_most(tcp);
}

/* Nobody answers for the address on the link: ICMP says so (RFC 1122, 3.3.2.3), or, where the
 * neighbour is believed to be there, nobody does. */
static bool is_unreachable(struct tcp *tcp)
{
    return tcp->state == TCP_SYN_SENT && tcp->retries == ADDRESS_NOT_FOUND &&
           !network_reaches(tcp->inet.socket.machine, &tcp->inet.remote) &&
           chance_below(&world->chance, 2) == 0;
}

static void time_to_retransmit(struct event *event)
{
    struct tcp *tcp = hark_container_of(event, struct tcp, retransmit);
    if (tcp->state == TCP_TIME_WAIT || (tcp->is_orphan && tcp->state == TCP_FIN_WAIT2))
        return tcp_destroy(tcp);
    if (is_unreachable(tcp))
        return tcp_end_with(tcp, -EHOSTUNREACH);
    if (is_given_up(tcp))
        return tcp_end_with(tcp, -ETIMEDOUT);
    tcp->retries++;
    tcp->timeout_ns *= 2;
    if (tcp->timeout_ns > LAST_MS * ms_ns)
        tcp->timeout_ns = LAST_MS * ms_ns;
    tcp_send_again(tcp);
    tcp_timers_retransmit(tcp, true);
}

void tcp_timers_linger(struct tcp *tcp, uint64_t ns)
{
    events_remove(&world->events, &tcp->keep_alive);
    events_set(&world->events, &tcp->retransmit, world->now_ns + ns);
}

/* --- keep-alive --- */

static void time_to_probe(struct event *event)
{
    struct tcp *tcp = hark_container_of(event, struct tcp, keep_alive);
    uint64_t idle_ns = (uint64_t)tcp->keep_idle * second_ns;
    uint64_t since_ns = world->now_ns - tcp->heard_ns;
    if (is_waiting(tcp) || since_ns < idle_ns) {
        tcp->probes = 0;
        uint64_t left_ns = is_waiting(tcp) ? idle_ns : idle_ns - since_ns;
        return events_set(&world->events, event, world->now_ns + left_ns);
    }
    if (tcp->probes >= tcp->keep_count)
        return tcp_abort(tcp, -ETIMEDOUT);
    tcp->probes++;
    tcp_probe(tcp);
    events_set(&world->events, event, world->now_ns + (uint64_t)tcp->keep_interval * second_ns);
}

void tcp_timers_keep_alive(struct tcp *tcp)
{
    bool wanted = tcp->inet.socket.options.keep_alive && !tcp->is_orphan &&
                  (tcp->state == TCP_ESTABLISHED || tcp->state == TCP_CLOSE_WAIT);
    tcp->probes = 0;
    if (!wanted)
        return events_remove(&world->events, &tcp->keep_alive);
    events_set(&world->events, &tcp->keep_alive,
               world->now_ns + (uint64_t)tcp->keep_idle * second_ns);
}

void tcp_timers_init(struct tcp *tcp)
{
    tcp->retransmit.happen = time_to_retransmit;
    tcp->keep_alive.happen = time_to_probe;
    tcp->keep_idle = 7200;
    tcp->keep_interval = 75;
    tcp->keep_count = 9;
    tcp->syn_count = 6;
}

void tcp_timers_stop(struct tcp *tcp)
{
    events_remove(&world->events, &tcp->retransmit);
    events_remove(&world->events, &tcp->keep_alive);
}
