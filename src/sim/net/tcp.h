/* tcp.h - TCP (RFC 9293), as Linux shows it to programs: connections that really exchange segments,
 * which may be lost. Its states are Linux's (netinet/tcp.h).
 *
 * tcp.c: the socket. tcp_input.c: what arrives. tcp_output.c: what is sent. tcp_listen.c: the
 * queue of who listens. tcp_states.c: how connections begin and end. tcp_bytes.c: send and receive.
 * tcp_timers.c: what time brings. tcp_options.c. */
#ifndef SIM_NET_TCP_H
#define SIM_NET_TCP_H

#include "sim/net/bytes.h"
#include "sim/net/ports.h"

#include <netinet/tcp.h>

enum tcp_flags {
    SEGMENT_SYN = 1,
    SEGMENT_ACK = 2,
    SEGMENT_FIN = 4,
    SEGMENT_RST = 8,
    SEGMENT_URG = 16
};

/* Of the socket, apart from the connection's state: include/linux/net.h. */
enum tcp_progress { TCP_UNCONNECTED, TCP_CONNECTING, TCP_CONNECTED, TCP_DISCONNECTING };

enum tcp_urgent { URGENT_NONE, URGENT_COMING, URGENT_HERE, URGENT_TAKEN };

struct tcp {
    struct inet inet;
    int state;
    enum tcp_progress progress;
    bool is_orphan; /* its descriptor has gone */

    /* What is sent: the bytes from `acknowledged` on, but for what of SYN and FIN is not. */
    struct bytes sending;
    uint64_t acknowledged, next, sent_most; /* next: of what is sent anew after a loss */
    uint64_t window_end;                    /* the peer takes nothing from here on */
    bool fin_is_due;                        /* behind the bytes comes the end */
    bool has_urgent;
    uint64_t urgent_sent;
    struct socket_holder *holders; /* of what was sent without a copy */

    /* What comes */
    struct bytes received;
    uint64_t expected; /* behind the bytes, and behind the FIN */
    uint64_t offered;  /* the window's end as the peer knows it */
    bool fin_came;
    enum tcp_urgent urgent;
    uint64_t urgent_at;
    unsigned char urgent_byte;

    /* Connections of who listens, in the order in which they were completed */
    struct tcp *listener; /* not accepted yet */
    struct tcp *next_of_listener;
    struct tcp *first_whole, *last_whole;
    struct tcp *first_half;
    int whole, backlog;

    struct event retransmit; /* also for lingering at the end */
    struct event keep_alive;
    uint64_t timeout_ns;
    uint64_t heard_ns, unheard_ns; /* the last segment; since when nothing was acknowledged */
    int retries, probes;
    uint64_t in_order_ns;

    int no_delay, cork, keep_idle, keep_interval, keep_count, user_timeout_ms, syn_count;
    int defer_accept, quick_ack, linger_2, segment_most;
};

/* --- tcp.c --- */
struct socket *tcp_open(struct machine *machine, int family, int type);
/* One that nobody has opened. */
struct tcp *tcp_create(struct machine *machine, int family);
static inline struct tcp *tcp_of(struct inet *inet)
{
    return (struct tcp *)inet;
}

/* --- tcp_output.c --- */
void tcp_acknowledge(struct tcp *tcp);
void tcp_send_syn(struct tcp *tcp);
/* All that the window takes. */
void tcp_push(struct tcp *tcp);
/* One segment without a byte, which the peer has to answer. */
void tcp_probe(struct tcp *tcp);
/* What is first and was not acknowledged, once more. */
void tcp_send_again(struct tcp *tcp);
void tcp_send_reset(struct tcp *tcp);
/* To a segment that belongs to no connection. */
void tcp_refuse(const struct packet *packet);
/* Tells the peer if what was read has made enough room. */
void tcp_offer_room(struct tcp *tcp);
size_t tcp_room_to_receive(const struct tcp *tcp);
size_t tcp_room_to_send(const struct tcp *tcp);
bool tcp_is_writable(const struct tcp *tcp);
/* All that was ever written is before it, and the FIN at it. */
uint64_t tcp_end(const struct tcp *tcp);

/* --- tcp_timers.c --- */
void tcp_timers_init(struct tcp *tcp);
/* From now on, if something is under way and it does not run; or not at all. */
void tcp_timers_retransmit(struct tcp *tcp, bool anew);
void tcp_timers_keep_alive(struct tcp *tcp);
/* How long the last of it stays, until it is destroyed. */
void tcp_timers_linger(struct tcp *tcp, uint64_t ns);
void tcp_timers_stop(struct tcp *tcp);

/* --- tcp_states.c --- */
void tcp_established(struct tcp *tcp);
/* It is over, with this error for who asks (0: none). */
void tcp_end_with(struct tcp *tcp, int error);
/* The same with a RST for the peer. */
void tcp_abort(struct tcp *tcp, int error);
/* Both sides have ended it, this one first. */
void tcp_wait_for_stragglers(struct tcp *tcp);
/* A direction is ended here. */
void tcp_send_fin(struct tcp *tcp);
/* connect(2) with AF_UNSPEC, and what ends a listener by shutdown(2). */
void tcp_disconnect(struct tcp *tcp);
void tcp_close(struct tcp *tcp);
void tcp_destroy(struct tcp *tcp);

/* --- tcp_listen.c --- */
int tcp_listen(struct socket *socket, int backlog);
int tcp_accept(struct socket *socket, struct socket **out_socket);
/* A SYN for who listens. */
void tcp_listen_arrived(struct tcp *listener, const struct packet *packet);
/* Its connection is complete. Gives: whether there was room for it. */
bool tcp_listen_completed(struct tcp *tcp);
/* It has gone before it was accepted. */
void tcp_listen_lost(struct tcp *tcp);
/* All that were not accepted are reset. */
void tcp_listen_stop(struct tcp *listener);

/* --- tcp_input.c --- */
void tcp_arrived(struct packet *packet);

/* --- tcp_bytes.c --- */
int64_t tcp_send(struct process *process, struct socket *socket, const struct msghdr *message,
                 int flags);
int64_t tcp_receive(struct process *process, struct socket *socket, struct msghdr *message,
                    int flags);
bool tcp_hold(struct socket *socket, struct socket_holder *holder);
/* What is sent up to there is needed no more. */
void tcp_let_go(struct tcp *tcp, uint64_t up_to);
/* Bytes before the one that is read next. */
uint64_t tcp_taken(const struct tcp *tcp);

/* --- tcp_options.c --- */
int tcp_set_option(struct socket *socket, int level, int option, int value);
int tcp_get_option(struct socket *socket, int level, int option, int *out_value);
/* The state, and whether something is under way. */
void tcp_info(struct socket *socket, struct tcp_info *out_info);
void tcp_options_changed(struct socket *socket);

#endif
