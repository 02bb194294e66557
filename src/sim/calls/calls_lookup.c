/* calls_lookup.c - names of hosts as addresses: the world's own resolver. It knows what the world
 * was told (hark_sim_add_name), localhost, and digits; and it takes its time, as name servers do.
 * It sends no packets: a machine that is cut off from all others finds names all the same. */
#include "sim/calls/call.h"
#include "sim/world/hosts.h"
#include "sim/world/luck.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>
#include <strings.h>

static const uint64_t answer_least_ns = 20000, answer_most_ns = 200000000;
static const uint64_t silence_ns = 5000000000; /* resolv.conf(5): a server that does not answer */

/* --- services --- */

static const struct {
    const char *name;
    uint16_t port;
} services[] = {{"ssh", 22}, {"domain", 53}, {"http", 80}, {"https", 443}};

/* Gives: the port in network order; -1: there is no such service. */
static int port_of(const char *service)
{
    if (!service)
        return 0;
    if (*service && service[strspn(service, "0123456789")] == '\0' && strlen(service) < 6 &&
        atoi(service) <= UINT16_MAX)
        return htons((uint16_t)atoi(service));
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
        if (strcmp(services[i].name, service) == 0)
            return htons(services[i].port);
    return -1;
}

/* --- hosts --- */

struct answer {
    int family; /* that is asked for */
    in_port_t port;
    struct hark_address *addresses;
    size_t count, room;
    bool known; /* there is such a name, of whatever family */
};

static void add(struct answer *answer, int family, const void *ip)
{
    answer->known = true;
    if ((answer->family != AF_UNSPEC && answer->family != family) || answer->count == answer->room)
        return;
    struct hark_address *address = &answer->addresses[answer->count++];
    *address = (struct hark_address){.length = sizeof address->name.ip6};
    if (family == AF_INET) {
        address->length = sizeof address->name.ip4;
        address->name.ip4.sin_family = AF_INET;
        address->name.ip4.sin_port = answer->port;
        memcpy(&address->name.ip4.sin_addr, ip, sizeof address->name.ip4.sin_addr);
    } else {
        address->name.ip6.sin6_family = AF_INET6;
        address->name.ip6.sin6_port = answer->port;
        memcpy(&address->name.ip6.sin6_addr, ip, sizeof address->name.ip6.sin6_addr);
    }
}

static bool add_text(struct answer *answer, const char *text)
{
    unsigned char ip[sizeof(struct in6_addr)];
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(family, text, ip) != 1)
        return false;
    add(answer, family, ip);
    return true;
}

static void add_both(struct answer *answer, const char *six, const char *four)
{
    (void)add_text(answer, six);
    (void)add_text(answer, four);
}

/* The world is asked, or rather its name server. Gives: 0; a code of EAI_. */
static int ask(struct answer *answer, const char *host)
{
    if (strcasecmp(host, "localhost") == 0) {
        add_both(answer, "::1", "127.0.0.1");
        return 0;
    }
    call_delay(chance_delay(&world->chance, answer_least_ns, answer_most_ns));
    if (luck_fails(HARK_SIM_FAULT_AWAY, 20000))
        call_delay(silence_ns);
    if (luck_errs(HARK_SIM_FAULT_ERROR, 20000)) {
        call_delay(2 * silence_ns);
        return EAI_AGAIN;
    }
    for (const struct host *name = world->hosts; name; name = name->next)
        if (strcasecmp(name->text, host) == 0)
            (void)add_text(answer, name->address);
    return 0;
}

static int64_t look_up(struct answer *answer, const char *host, const char *service, int flags)
{
    int port = port_of(service);
    int code = 0;
    if (!host && !service)
        return KERNEL_EAI + EAI_NONAME;
    if (port < 0)
        return KERNEL_EAI + EAI_SERVICE;
    answer->port = (in_port_t)port;
    if (!host && flags & AI_PASSIVE)
        add_both(answer, "0.0.0.0", "::");
    else if (!host)
        add_both(answer, "::1", "127.0.0.1");
    else if (!add_text(answer, host) && !(flags & AI_NUMERICHOST))
        code = ask(answer, host);
    if (code == 0 && answer->count == 0)
        code = answer->known ? EAI_ADDRFAMILY : EAI_NONAME;
    return code ? KERNEL_EAI + code : (int64_t)answer->count;
}

int64_t kernel_getaddrinfo(const char *host, const char *service, int family, int flags,
                           struct hark_address *out_addresses, size_t room)
{
    struct answer answer = {.family = family, .addresses = out_addresses, .room = room};
    return CALL(NULL, "getaddrinfo", -1, look_up(&answer, host, service, flags));
}
