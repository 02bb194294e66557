/* ports.c - two tables a protocol: by the port, for binding and listening; by both addresses, for
 * what arrives. */
#include "sim/net/ports.h"

#include <errno.h>

/* ip(7): ip_local_port_range */
enum { ROWS = 256, PORT_LEAST = 32768, PORT_MOST = 60999 };

struct ports {
    struct inet *bound[ROWS];
    struct inet *paired[ROWS];
};

static struct ports *ports_of(struct machine *machine, int type)
{
    struct network *network = network_of(machine);
    struct ports **ports = type == SOCK_STREAM ? &network->tcp : &network->udp;
    if (!*ports)
        *ports = memory_own(sizeof **ports);
    return *ports;
}

static struct inet **bound_row(struct machine *machine, int type, uint16_t port)
{
    return &ports_of(machine, type)->bound[port % ROWS];
}

static struct inet **paired_row(struct machine *machine, int type, const struct address *local,
                                const struct address *remote)
{
    uint64_t hash = address_hash(local) + address_hash(remote) * 31;
    return &ports_of(machine, type)->paired[hash % ROWS];
}

/* --- who is in the way of whom --- */

static bool takes_all(const struct inet *inet, const struct address *other)
{
    if (!address_is_any(&inet->local))
        return false;
    return address_is_of_4(&inet->local) == address_is_of_4(other) ||
           (!address_is_of_4(&inet->local) && !inet->only_6);
}

static bool overlap(const struct inet *one, const struct inet *other)
{
    return address_is_same(&one->local, &other->local) || takes_all(one, &other->local) ||
           takes_all(other, &one->local);
}

/* inet_csk_bind_conflict in Linux's net/ipv4/inet_connection_sock.c, and inet_rcv_saddr_equal. All
 * processes have one user. */
static bool is_in_the_way(const struct inet *other, const struct inet *inet)
{
    if (other == inet || !overlap(other, inet))
        return false;
    const struct socket_options *own = &inet->socket.options;
    const struct socket_options *its = &other->socket.options;
    if (own->reuse_port && its->reuse_port)
        return false;
    bool listens = inet->socket.type == SOCK_STREAM && (other->socket.listens);
    return !(own->reuse_address && its->reuse_address && !listens);
}

static bool is_free(const struct inet *inet, uint16_t port)
{
    struct inet *other = *bound_row(inet->socket.machine, inet->socket.type, port);
    for (; other; other = other->next_bound)
        if (other->local.port == port && is_in_the_way(other, inet))
            return false;
    return true;
}

/* --- binding --- */

static void enter(struct inet *inet)
{
    struct inet **row = bound_row(inet->socket.machine, inet->socket.type, inet->local.port);
    inet->next_bound = *row;
    *row = inet;
    inet->is_bound = true;
}

static uint16_t choose(const struct inet *inet, bool (*will_do)(const struct inet *, uint16_t))
{
    const uint64_t count = PORT_MOST - PORT_LEAST + 1;
    uint64_t first = chance_below(&world->chance, count);
    for (uint64_t i = 0; i < count; i++) {
        uint16_t port = (uint16_t)(PORT_LEAST + (first + i) % count);
        if (will_do(inet, port))
            return port;
    }
    return 0;
}

int ports_bind(struct inet *inet, const struct address *wanted)
{
    const struct address copy = *wanted; /* it may be the socket's own */
    const struct address *address = &copy;
    if (!address_is_any(address) && !address_is_of(address, inet->socket.machine))
        return -EADDRNOTAVAIL;
    inet->local = *address;
    uint16_t port = address->port ? address->port : choose(inet, is_free);
    if (port == 0 || !is_free(inet, port)) {
        inet->local = (struct address){.ip = address_any_like(address)};
        return -EADDRINUSE;
    }
    inet->local.port = port;
    inet->chose_address = !address_is_any(address);
    inet->chose_port = address->port != 0;
    enter(inet);
    return 0;
}

int ports_may_listen(const struct inet *inet)
{
    return is_free(inet, inet->local.port) ? 0 : -EADDRINUSE;
}

/* --- pairs --- */

static void enter_pair(struct inet *inet)
{
    struct inet **row =
        paired_row(inet->socket.machine, inet->socket.type, &inet->local, &inet->remote);
    inet->next_paired = *row;
    *row = inet;
    inet->is_paired = true;
}

/* One that connects to the very port that it chooses would meet itself. Linux lets it; whoever
 * chooses need not choose so. */
static bool makes_new_pair(const struct inet *inet, uint16_t port)
{
    struct address local = inet->local;
    local.port = port;
    bool meets_itself = port == inet->remote.port && address_is_same(&local, &inet->remote);
    const struct inet *other = *bound_row(inet->socket.machine, inet->socket.type, port);
    for (; other; other = other->next_bound)
        if (other->local.port == port && other->chose_port && !other->is_paired)
            return false; /* somebody has it for himself */
    return !meets_itself &&
           !ports_find_paired(inet->socket.machine, inet->socket.type, &local, &inet->remote);
}

int ports_pair(struct inet *inet)
{
    if (!inet->is_bound) {
        uint16_t port = choose(inet, makes_new_pair);
        if (port == 0)
            return -EADDRNOTAVAIL;
        inet->local.port = port;
        enter(inet);
    } else if (ports_find_paired(inet->socket.machine, inet->socket.type, &inet->local,
                                 &inet->remote)) {
        return -EADDRNOTAVAIL;
    }
    enter_pair(inet);
    return 0;
}

void ports_add(struct inet *inet)
{
    enter(inet);
    enter_pair(inet);
}

void ports_unpair(struct inet *inet)
{
    if (!inet->is_paired)
        return;
    struct inet **at =
        paired_row(inet->socket.machine, inet->socket.type, &inet->local, &inet->remote);
    while (*at != inet)
        at = &(*at)->next_paired;
    *at = inet->next_paired;
    inet->is_paired = false;
}

void ports_release(struct inet *inet)
{
    ports_unpair(inet);
    if (!inet->is_bound)
        return;
    struct inet **at = bound_row(inet->socket.machine, inet->socket.type, inet->local.port);
    while (*at != inet)
        at = &(*at)->next_bound;
    *at = inet->next_bound;
    inet->is_bound = false;
}

/* --- finding --- */

struct inet *ports_find_paired(struct machine *machine, int type, const struct address *local,
                               const struct address *remote)
{
    struct inet *inet = *paired_row(machine, type, local, remote);
    for (; inet; inet = inet->next_paired)
        if (inet->local.port == local->port && inet->remote.port == remote->port &&
            address_is_same(&inet->local, local) && address_is_same(&inet->remote, remote))
            return inet;
    return NULL;
}

/* How well it fits the target; 0: not at all. */
static int fit(const struct inet *inet, const struct address *target)
{
    if (inet->local.port != target->port || inet->is_paired ||
        (inet->socket.type == SOCK_STREAM && !inet->socket.listens))
        return 0;
    if (address_is_same(&inet->local, target))
        return 3;
    if (!takes_all(inet, target))
        return 0;
    return address_is_of_4(&inet->local) == address_is_of_4(target) ? 2 : 1;
}

struct inet *ports_find_bound(struct machine *machine, int type, const struct address *target,
                              const struct address *source)
{
    int best = 0;
    uint64_t count = 0;
    struct inet *first = *bound_row(machine, type, target->port);
    for (struct inet *inet = first; inet; inet = inet->next_bound) {
        int fits = fit(inet, target);
        count = fits > best ? 1 : count + (fits == best);
        best = fits > best ? fits : best;
    }
    if (best == 0)
        return NULL;
    uint64_t chosen = address_hash(source) % count;
    for (struct inet *inet = first; inet; inet = inet->next_bound)
        if (fit(inet, target) == best && chosen-- == 0)
            return inet;
    return NULL;
}
