/* ports.h - which socket of a machine has which addresses, for TCP and UDP. */
#ifndef SIM_NET_PORTS_H
#define SIM_NET_PORTS_H

#include "sim/net/network.h"
#include "sim/net/socket_base.h"

/* A socket of the internet. */
struct inet {
    struct socket socket;
    struct remnant remnant;
    struct address local, remote;   /* port 0: it has none */
    bool is_bound;                  /* among those of its port */
    bool chose_address, chose_port; /* by bind(2): they stay where the connection goes */
    bool is_paired;                 /* found by both addresses */
    bool only_6;                    /* IPV6_V6ONLY */
    struct inet *next_bound, *next_paired;
};

/* Binds it.
 * Takes: port 0: one is chosen.
 * Fails: -EADDRINUSE, -EADDRNOTAVAIL. */
int ports_bind(struct inet *inet, const struct address *wanted);

/* Whether it may listen at what it is bound to.
 * Fails: -EADDRINUSE. */
int ports_may_listen(const struct inet *inet);

/* Chooses a port for a connection to inet->remote, where it has none.
 * Fails: -EADDRNOTAVAIL there is none, or the connection exists. */
int ports_pair(struct inet *inet);

/* One that has come about here: it shares the port of who listens. */
void ports_add(struct inet *inet);

/* No packet finds it by both addresses any more. */
void ports_unpair(struct inet *inet);
/* Nor by its own. */
void ports_release(struct inet *inet);

/* NULL: there is none. */
struct inet *ports_find_paired(struct machine *machine, int type, const struct address *local,
                               const struct address *remote);
/* The one that is bound to the target, is not paired, and, if it is a stream's, listens. Of several
 * that share it, the source decides. */
struct inet *ports_find_bound(struct machine *machine, int type, const struct address *target,
                              const struct address *source);

#endif
