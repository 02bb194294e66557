/* address.h - the addresses of machines: those of IPv4 as IPv6 writes them (::ffff:1.2.3.4), so
 * that a socket of either family has one kind. */
#ifndef SIM_NET_ADDRESS_H
#define SIM_NET_ADDRESS_H

#include "sim/world/state.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct address {
    struct in6_addr ip;
    uint16_t port;
};

/* From what a call was given, for a socket of that family.
 * Fails: -EINVAL too short; -EAFNOSUPPORT of another family. */
int address_read(const struct sockaddr *name, socklen_t length, int family,
                 struct address *out_address);
/* As a call gives it: cut to the room, *length is the whole (accept(2)). */
void address_write(const struct address *address, int family, struct sockaddr *out_name,
                   socklen_t *length);
/* The same for any name. */
void address_copy(const void *name, socklen_t size, struct sockaddr *out_name, socklen_t *length);

bool address_is_any(const struct address *address);
bool address_is_of_4(const struct address *address);
bool address_is_loopback(const struct address *address);
bool address_is_same(const struct address *one, const struct address *other); /* without the port */

/* The IP address that stands for all, of the family of that one. */
struct in6_addr address_any_like(const struct address *address);

/* Whether it is one of the machine's own. */
bool address_is_of(const struct address *address, const struct machine *machine);
/* The one that has it, as seen from there; NULL: none. */
struct machine *address_find(const struct address *address, struct machine *from);
/* Whether a packet to it would leave the machine by some way, whoever has it. */
bool address_has_way(const struct address *address);
/* The address that a packet from there to that one bears. */
struct in6_addr address_of_source(const struct address *to, const struct machine *from);

/* What is called by any address is this machine (ip(7)): the loopback address then. */
void address_complete(struct address *address);

/* A number that is the same in every run. */
uint64_t address_hash(const struct address *address);

#endif
