/* peers.c - a table of addresses, the owner's: IPv4 by the whole address, IPv6 by its first 64
 * bits, which is what one customer has. What comes over a unix socket has no address and is not
 * counted.
 *
 * Connections end on whatever thread they are on, so their number is atomic; addresses that have
 * none are forgotten when the next one comes into their bucket.
 */
#include "connection/peers.h"

#include "hark.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct peer {
    struct peer *next;
    uint64_t address;
    _Atomic(uint32_t) connections;
};

/* In the place of an IPv6 prefix: 0xff begins the addresses of groups, which no peer has. */
static uint64_t number_of_ip4(const void *address)
{
    uint64_t number;
    unsigned char bytes[sizeof number] = {0xff};
    memcpy(bytes + 4, address, 4);
    memcpy(&number, bytes, sizeof number);
    return number;
}

bool peer_address(struct hark_loop *loop, int fd, uint64_t *out_address)
{
    struct hark_address peer;
    *out_address = 0;
    if (hark_os_getpeername(loop, fd, &peer))
        return false;
    if (peer.name.any.sa_family == AF_INET) {
        *out_address = number_of_ip4(&peer.name.ip4.sin_addr);
        return true;
    }
    if (peer.name.any.sa_family != AF_INET6)
        return false;
    const struct in6_addr *address = &peer.name.ip6.sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(address))
        *out_address = number_of_ip4(address->s6_addr + 12);
    else
        memcpy(out_address, address->s6_addr, sizeof *out_address);
    return true;
}

/* The address in its bucket; those without connections go. Gives: NULL: no memory. */
static struct peer *find(struct peer **link, uint64_t address)
{
    struct peer *found = NULL;
    while (*link) {
        struct peer *peer = *link;
        if (peer->address == address) {
            found = peer;
        } else if (atomic_load_explicit(&peer->connections, memory_order_acquire) == 0) {
            *link = peer->next;
            free(peer);
            continue;
        }
        link = &peer->next;
    }
    if (!found)
        found = *link = calloc(1, sizeof **link);
    if (found)
        found->address = address;
    return found;
}

bool peer_enter(struct peers *peers, struct hark_loop *loop, uint64_t limit, int fd,
                struct peer **out_peer)
{
    uint64_t address;
    *out_peer = NULL;
    if (limit == 0 || !peer_address(loop, fd, &address))
        return true;
    size_t bucket = (size_t)((address * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % PEERS_BUCKETS;
    struct peer *peer = find(&peers->buckets[bucket], address);
    if (!peer || atomic_load_explicit(&peer->connections, memory_order_relaxed) >= limit)
        return false;
    atomic_fetch_add_explicit(&peer->connections, 1, memory_order_relaxed);
    *out_peer = peer;
    return true;
}

void peer_leave(struct peer *peer)
{
    if (peer)
        atomic_fetch_sub_explicit(&peer->connections, 1, memory_order_release);
}

void peers_done(struct peers *peers)
{
    for (size_t i = 0; i < PEERS_BUCKETS; i++) {
        while (peers->buckets[i]) {
            struct peer *next = peers->buckets[i]->next;
            free(peers->buckets[i]);
            peers->buckets[i] = next;
        }
    }
}
