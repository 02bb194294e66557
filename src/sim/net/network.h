/* network.h - what carries packets from machine to machine, and what of the network a machine
 * keeps. */
#ifndef SIM_NET_NETWORK_H
#define SIM_NET_NETWORK_H

#include "sim/net/address.h"

/* A packet on its way, of TCP or UDP. */
struct packet {
    struct event arrives;
    struct packet *next, *previous; /* of those that the sender has under way */
    struct machine *from, *to;
    void (*arrived)(struct packet *packet); /* which does not keep it */
    struct address source, target;
    /* TCP's own. Numbers do not wrap. */
    uint32_t flags;
    uint64_t sequence, acknowledges, window_end, urgent;
    size_t size;
    unsigned char bytes[];
};

/* What of the network lives on when its descriptor has gone: embedded. */
struct remnant {
    struct remnant *next, *previous;
    void (*destroy)(struct remnant *remnant);
};

struct ports;
struct unix_names;
struct unix_socket;

struct network {
    struct packet *packets;
    struct link *links;
    struct remnant *remnants;
    struct ports *tcp, *udp;          /* ports.h */
    struct unix_names *unix_names;    /* unix_names.h */
    struct unix_socket *unix_sockets; /* unix.h */
};

struct network *network_of(struct machine *machine);

/* The machine has lost its power, and is on again: connections and packets are gone. What its
 * processes had open must be closed before. */
void network_forget(struct machine *machine);
/* The world ends. */
void network_destroy(struct machine *machine);

void network_add(struct machine *machine, struct remnant *remnant);
void network_remove(struct machine *machine, struct remnant *remnant);

struct packet *network_packet(size_t size);
/* Sends it from that machine to wherever its target is: it arrives, or is lost.
 * Takes: in_order: NULL, or when the one before it arrives, which it does not overtake; then its
 *   own time.
 * Owns: the packet is the network's from here. */
void network_send(struct machine *from, struct packet *packet, uint64_t *in_order);

/* Whether packets from there to that address have a chance to arrive at all. */
bool network_reaches(struct machine *from, const struct address *to);

#endif
