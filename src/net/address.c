/* Addresses of sockets, from and to text: numbers and paths, no names. What must hold: what is
 * written here reads back as the same address, and text that is not wholly an address is refused,
 * never read in part. Nothing here calls the kernel. */
#include "hark/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define UNIX_PREFIX "unix:"

enum { UNIX_NAME_MAX = sizeof(((struct sockaddr_un *)NULL)->sun_path) };

/* Reads all of text as a decimal number up to max; digits alone, so that "+80", " 80" and "0x50"
 * are refused. */
static bool number_parse(const char *text, uint64_t max, uint64_t *out_number)
{
    if (*text == '\0')
        return false;
    uint64_t number = 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        number = number * 10 + (uint64_t)(*text - '0');
        if (number > max)
            return false;
    }
    *out_number = number;
    return true;
}

/* Copies count characters into room bytes as a string. */
static bool part_copy(char *into, size_t room, const char *from, size_t count)
{
    if (count >= room)
        return false;
    memcpy(into, from, count);
    into[count] = '\0';
    return true;
}

static int unix_parse(const char *name, struct hark_address *out_address)
{
    size_t count = strlen(name);
    bool abstract = name[0] == '@';
    /* A path ends in a NUL that counts; an abstract name begins with one, in the place of the
     * '@'. */
    if (count == 0 || (abstract && count == 1) || count + (abstract ? 0 : 1) > UNIX_NAME_MAX)
        return -EINVAL;
    struct hark_address address = {.name.unix_path.sun_family = AF_UNIX};
    memcpy(address.name.unix_path.sun_path, name, count);
    if (abstract)
        address.name.unix_path.sun_path[0] = '\0';
    address.length =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + count + (abstract ? 0 : 1));
    *out_address = address;
    return 0;
}

/* An IPv6 address with an optional "%2", the number of the link that a link-local address is on. */
static bool ip6_parse(char *host, struct sockaddr_in6 *ip6)
{
    uint64_t scope = 0;
    char *percent = strchr(host, '%');
    if (percent) {
        *percent = '\0';
        if (!number_parse(percent + 1, UINT32_MAX, &scope))
            return false;
    }
    ip6->sin6_family = AF_INET6;
    ip6->sin6_scope_id = (uint32_t)scope;
    return inet_pton(AF_INET6, host, &ip6->sin6_addr) == 1;
}

int hark_address_parse(const char *text, struct hark_address *out_address)
{
    if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
        return unix_parse(text + strlen(UNIX_PREFIX), out_address);

    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (!colon || !number_parse(colon + 1, UINT16_MAX, &port))
        return -EINVAL;

    struct hark_address address = {0};
    char host[HARK_ADDRESS_TEXT_MAX];
    size_t count = (size_t)(colon - text);
    if (count == 0 || (count == 1 && text[0] == '*')) {
        address.name.ip6.sin6_family =
            AF_INET6; /* "::", the zeroed address, which takes IPv4 as well */
    } else if (text[0] == '[' && colon[-1] == ']') {
        if (!part_copy(host, sizeof host, text + 1, count - 2) ||
            !ip6_parse(host, &address.name.ip6))
            return -EINVAL;
    } else {
        if (!part_copy(host, sizeof host, text, count) ||
            inet_pton(AF_INET, host, &address.name.ip4.sin_addr) != 1)
            return -EINVAL;
        address.name.ip4.sin_family = AF_INET;
    }
    if (address.name.any.sa_family == AF_INET) {
        address.name.ip4.sin_port = htons((uint16_t)port);
        address.length = sizeof(struct sockaddr_in);
    } else {
        address.name.ip6.sin6_port = htons((uint16_t)port);
        address.length = sizeof(struct sockaddr_in6);
    }
    *out_address = address;
    return 0;
}

/* The kernel gives a path with or without its NUL, an abstract name by its length alone, and for a
 * socket without a name nothing but the family. A NUL inside an abstract name is shown as '@'. */
static void unix_format(const struct hark_address *address, char *text, size_t room)
{
    const char *name = address->name.unix_path.sun_path;
    size_t header = offsetof(struct sockaddr_un, sun_path);
    size_t count = address->length > header ? address->length - header : 0;
    if (count > UNIX_NAME_MAX)
        count = UNIX_NAME_MAX;
    if (count > 0 && name[0] != '\0')
        count = strnlen(name, count);
    snprintf(text, room, "%s", UNIX_PREFIX);
    size_t at = strlen(text);
    for (size_t i = 0; i < count && at + 1 < room; i++)
        text[at++] = name[i] != '\0' ? name[i] : '@';
    text[at] = '\0';
}

const char *hark_address_format(const struct hark_address *address, char *text, size_t room)
{
    char host[INET6_ADDRSTRLEN];
    if (room == 0)
        return text;
    if (address->length < sizeof(sa_family_t)) {
        snprintf(text, room, "unknown");
        return text;
    }
    switch (address->name.any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &address->name.ip4.sin_addr, host, sizeof host);
        snprintf(text, room, "%s:%u", host, (unsigned)ntohs(address->name.ip4.sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &address->name.ip6.sin6_addr, host, sizeof host);
        if (address->name.ip6.sin6_scope_id)
            snprintf(text, room, "[%s%%%u]:%u", host, (unsigned)address->name.ip6.sin6_scope_id,
                     (unsigned)ntohs(address->name.ip6.sin6_port));
        else
            snprintf(text, room, "[%s]:%u", host, (unsigned)ntohs(address->name.ip6.sin6_port));
        break;
    case AF_UNIX:
        unix_format(address, text, room);
        break;
    default:
        snprintf(text, room, "unknown");
        break;
    }
    return text;
}
