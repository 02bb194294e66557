/* host.c - which hosts a request may be for.
 *
 * A page of any origin can have its own name resolve to 127.0.0.1 once it is loaded (DNS
 * rebinding). To the browser it then is of our origin: Origin and Host agree, and it may read
 * answers and publish. What gives it away is the name. An address cannot be made to point
 * elsewhere, nor can localhost; every other name has to be one that the operator has given.
 */
#include "http/host.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

enum { HOST_BYTES_MAX = 255 };

bool host_is_loopback(const struct hark_address *address)
{
    const struct in6_addr *ip6 = &address->name.ip6.sin6_addr;
    switch (address->name.any.sa_family) {
    case AF_INET:
        return ntohl(address->name.ip4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(ip6) ||
               (IN6_IS_ADDR_V4MAPPED(ip6) && ip6->s6_addr[12] == IN_LOOPBACKNET);
    default:
        return false;
    }
}

static bool is_name(const char *name, size_t count, const char *wanted)
{
    return strlen(wanted) == count && strncasecmp(name, wanted, count) == 0;
}

bool host_allowed(const struct connection_options *options, const char *host)
{
    char text[HOST_BYTES_MAX + 1];
    struct in_addr ip4;
    size_t count = strcspn(host, ":");
    if (*host == '[' || *host == '\0')
        return true; /* an IPv6 address; or no browser: HTTP/1.0 without Host */
    if (count == 0 || count > HOST_BYTES_MAX)
        return false;
    memcpy(text, host, count);
    text[count] = '\0';
    if (inet_pton(AF_INET, text, &ip4) == 1)
        return true;
    if (text[count - 1] == '.') /* the root's, which no other name has */
        count--;
    for (size_t i = 0; i < options->hosts_count; i++) {
        if (is_name(text, count, options->hosts[i]))
            return true;
    }
    return is_name(text, count, "localhost");
}
