/* target.c - see the header. Of a URL as much is read as decides: its scheme and its host. What is
 * no plain name and no address in the usual form is left to the look at the address. */
#include "subscriptions/target.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { HOST_BYTES = 256 };

/* --- addresses --- */

struct range4 {
    uint32_t first;
    unsigned bits;
};

static const struct range4 loopback4 = {0x7f000000, 8};

/* What is no one's on the network as a whole: RFC 6890, and the group and broadcast addresses. */
static const struct range4 private4[] = {
    {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16},
    {0xac100000, 12}, {0xc0000000, 24}, {0xc0000200, 24}, {0xc0586300, 24}, {0xc0a80000, 16},
    {0xc6120000, 15}, {0xc6336400, 24}, {0xcb007100, 24}, {0xe0000000, 4},  {0xf0000000, 4},
};

static bool is_in4(const struct range4 *range, uint32_t address)
{
    return (address ^ range->first) >> (32 - range->bits) == 0;
}

static bool allows4(enum target_reach reach, uint32_t address)
{
    if (reach == TARGET_LOCAL && is_in4(&loopback4, address))
        return true;
    for (size_t i = 0; i < sizeof private4 / sizeof *private4; i++)
        if (is_in4(&private4[i], address))
            return false;
    return true;
}

static uint32_t word_of(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The address of IPv4 that one of IPv6 stands for. Gives: false: for none. */
static bool inner4(const unsigned char *bytes, uint32_t *out_address)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const unsigned char translated[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(bytes, mapped, 12) == 0 || memcmp(bytes, translated, 12) == 0)
        *out_address = word_of(bytes + 12);
    else if (bytes[0] == 0x20 && bytes[1] == 0x02) /* 6to4 */
        *out_address = word_of(bytes + 2);
    else
        return false;
    return true;
}

/* Of IPv6 only the part that is given out to the whole network, 2000::/3, and of that not what is
 * for examples, for tunnels that hide an address, or for machines (RFC 6890). */
static bool allows6(enum target_reach reach, const unsigned char *bytes)
{
    static const unsigned char loopback[16] = {[15] = 1};
    uint32_t inner;
    if (inner4(bytes, &inner))
        return allows4(reach, inner);
    if (memcmp(bytes, loopback, 16) == 0)
        return reach == TARGET_LOCAL;
    const uint32_t first = word_of(bytes);
    return (bytes[0] & 0xe0) == 0x20 && first != 0x20010db8 && (first & 0xfffffe00) != 0x20010000;
}

bool target_allows(enum target_reach reach, const struct sockaddr *address)
{
    if (reach == TARGET_NONE)
        return false;
    if (reach == TARGET_ANY)
        return address->sa_family == AF_INET || address->sa_family == AF_INET6;
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return allows4(reach, ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        return allows6(reach, in6.sin6_addr.s6_addr);
    }
    return false;
}

/* --- URLs --- */

/* Takes the host out of what stands behind the scheme. Gives: false: there is none. */
static bool take_host(const char *rest, char host[HOST_BYTES])
{
    const size_t authority = strcspn(rest, "/?#");
    const bool bracketed = *rest == '[';
    const size_t length = bracketed ? strcspn(rest + 1, "]") : strcspn(rest, ":/?#");
    if (memchr(rest, '@', authority) || length == 0 || length >= HOST_BYTES)
        return false;
    memcpy(host, rest + bracketed, length);
    host[length] = '\0';
    return true;
}

/* Whether a host that is an address may be gone to; one that is a name may. */
static bool host_allowed_by(enum target_reach reach, const char *host)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, host, &in.sin_addr) == 1)
        return target_allows(reach, (const struct sockaddr *)&in);
    if (inet_pton(AF_INET6, host, &in6.sin6_addr) == 1)
        return target_allows(reach, (const struct sockaddr *)&in6);
    return true;
}

static bool is_this_machine(const char *host)
{
    struct in_addr in;
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (inet_pton(AF_INET, host, &in) == 1 && is_in4(&loopback4, ntohl(in.s_addr)));
}

const char *target_check_url(enum target_reach reach, const char *url)
{
    char host[HOST_BYTES];
    const bool tls = strncasecmp(url, "https://", 8) == 0;
    if (reach == TARGET_NONE)
        return "webhooks are switched off here (hark serve --webhooks)";
    if (!tls && strncasecmp(url, "http://", 7) != 0)
        return "webhook.url is no https URL";
    for (const char *at = url; *at; at++)
        if (*at <= ' ' || *at > '~' || *at == '\\')
            return "webhook.url has a byte that must be escaped";
    if (!take_host(url + (tls ? 8 : 7), host))
        return "webhook.url names no host, or a user";
    if (!tls && reach == TARGET_PUBLIC)
        return "webhook.url must be https (hark serve --webhooks local takes http to this machine)";
    if (!tls && reach == TARGET_LOCAL && !is_this_machine(host))
        return "webhook.url must be https, but to this machine";
    if (!host_allowed_by(reach, host) ||
        (reach == TARGET_PUBLIC && strcasecmp(host, "localhost") == 0))
        return "webhook.url leads to an address that is not public";
    return NULL;
}
