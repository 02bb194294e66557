/* address.c - machine N is 10.0.0.N and fd00::N, and 127.0.0.0/8 and ::1 for itself. All machines
 * are on one link, without a way beyond it. */
#include "sim/net/address.h"

#include <errno.h>
#include <string.h>

/* --- in and out --- */

enum { LENGTH_6_LEAST = 24 }; /* without the scope: RFC 2133 */

static void map(struct in6_addr *ip, uint32_t number)
{
    const uint32_t prefix = htonl(0xffff);
    memset(ip, 0, sizeof *ip);
    memcpy(&ip->s6_addr[8], &prefix, sizeof prefix);
    memcpy(&ip->s6_addr[12], &number, sizeof number);
}

static uint32_t number_of_4(const struct address *address)
{
    uint32_t number;
    memcpy(&number, &address->ip.s6_addr[12], sizeof number);
    return ntohl(number);
}

int address_read(const struct sockaddr *name, socklen_t length, int family,
                 struct address *out_address)
{
    if (length < (family == AF_INET ? sizeof(struct sockaddr_in) : (size_t)LENGTH_6_LEAST))
        return -EINVAL;
    if (name->sa_family != family)
        return -EAFNOSUPPORT;
    if (family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, name, sizeof in);
        map(&out_address->ip, in.sin_addr.s_addr);
        out_address->port = ntohs(in.sin_port);
        return 0;
    }
    struct sockaddr_in6 in = {0};
    memcpy(&in, name, length < sizeof in ? length : sizeof in);
    out_address->ip = in.sin6_addr;
    out_address->port = ntohs(in.sin6_port);
    return 0;
}

void address_copy(const void *name, socklen_t size, struct sockaddr *out_name, socklen_t *length)
{
    if (!out_name || !length)
        return;
    memcpy(out_name, name, *length < size ? *length : size);
    *length = size;
}

void address_write(const struct address *address, int family, struct sockaddr *out_name,
                   socklen_t *length)
{
    if (family == AF_INET) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(address->port)};
        if (!address_is_any(address))
            in.sin_addr.s_addr = htonl(number_of_4(address));
        return address_copy(&in, sizeof in, out_name, length);
    }
    struct sockaddr_in6 in = {
        .sin6_family = AF_INET6, .sin6_port = htons(address->port), .sin6_addr = address->ip};
    address_copy(&in, sizeof in, out_name, length);
}

/* --- what it is --- */

bool address_is_of_4(const struct address *address)
{
    return IN6_IS_ADDR_V4MAPPED(&address->ip);
}

bool address_is_any(const struct address *address)
{
    return IN6_IS_ADDR_UNSPECIFIED(&address->ip) ||
           (address_is_of_4(address) && number_of_4(address) == INADDR_ANY);
}

bool address_is_loopback(const struct address *address)
{
    return IN6_IS_ADDR_LOOPBACK(&address->ip) ||
           (address_is_of_4(address) && number_of_4(address) >> 24 == IN_LOOPBACKNET);
}

bool address_is_same(const struct address *one, const struct address *other)
{
    return memcmp(&one->ip, &other->ip, sizeof one->ip) == 0;
}

struct in6_addr address_any_like(const struct address *address)
{
    struct in6_addr any = IN6ADDR_ANY_INIT;
    if (address_is_of_4(address))
        map(&any, INADDR_ANY);
    return any;
}

uint64_t address_hash(const struct address *address)
{
    uint64_t hash = address->port;
    for (size_t i = 0; i < sizeof address->ip; i++)
        hash = (hash ^ address->ip.s6_addr[i]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 29;
}

/* --- whose it is --- */

static const uint32_t net_of_4 = 10u << 24; /* 10.0.0.0/24 */

static struct in6_addr own_of_4(const struct machine *machine)
{
    struct in6_addr ip;
    map(&ip, htonl(net_of_4 + (uint32_t)machine->number));
    return ip;
}

static struct in6_addr own_of_6(const struct machine *machine)
{
    struct in6_addr ip = {.s6_addr = {0xfd}};
    ip.s6_addr[14] = (unsigned char)(machine->number >> 8);
    ip.s6_addr[15] = (unsigned char)machine->number;
    return ip;
}

static bool has(const struct machine *machine, const struct address *address)
{
    struct in6_addr own = address_is_of_4(address) ? own_of_4(machine) : own_of_6(machine);
    return memcmp(&own, &address->ip, sizeof own) == 0;
}

bool address_is_of(const struct address *address, const struct machine *machine)
{
    return address_is_loopback(address) || has(machine, address);
}

struct machine *address_find(const struct address *address, struct machine *from)
{
    if (address_is_loopback(address))
        return from;
    struct machine *machine = world->machines;
    while (machine && !has(machine, address))
        machine = machine->next;
    return machine;
}

bool address_has_way(const struct address *address)
{
    const uint32_t broadcast_of_loopback = 0x7fffffff; /* 127.255.255.255 */
    if (address_is_of_4(address) && number_of_4(address) == broadcast_of_loopback)
        return false; /* nothing is sent to all */
    if (address_is_loopback(address))
        return true;
    if (address_is_of_4(address))
        return (number_of_4(address) & 0xff) != 0xff && number_of_4(address) >> 8 == net_of_4 >> 8;
    static const unsigned char net[8] = {0xfd};
    return memcmp(address->ip.s6_addr, net, sizeof net) == 0; /* fd00::/64 */
}

struct in6_addr address_of_source(const struct address *to, const struct machine *from)
{
    if (!address_is_loopback(to))
        return address_is_of_4(to) ? own_of_4(from) : own_of_6(from);
    struct in6_addr ip = IN6ADDR_LOOPBACK_INIT;
    if (address_is_of_4(to))
        map(&ip, htonl(INADDR_LOOPBACK));
    return ip;
}

void address_complete(struct address *address)
{
    if (!address_is_any(address))
        return;
    if (address_is_of_4(address))
        map(&address->ip, htonl(INADDR_LOOPBACK));
    else
        address->ip = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
}
