/* address.h - addresses of sockets, from and to text. No names are looked up. */
#ifndef HARK_ADDRESS_H
#define HARK_ADDRESS_H

#include "base.h"
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

HARK_BEGIN

struct hark_address {
    socklen_t length;
    union {
        struct sockaddr any;
        struct sockaddr_in ip4;
        struct sockaddr_in6 ip6;
        struct sockaddr_un unix_path;
    } name;
};

enum { HARK_ADDRESS_TEXT_MAX = 128 };

/* Reads "127.0.0.1:80", "[::1]:80", ":80" or "*:80" (every IPv6 and IPv4 address), "unix:/path",
 * "unix:@abstract".
 * Gives: 0 and *out_address.
 * Fails: -EINVAL.
 * Thread: any. */
HARK_API int hark_address_parse(const char *text, struct hark_address *out_address);

/* Writes an address as hark_address_parse reads it.
 * Takes: room of at least HARK_ADDRESS_TEXT_MAX bytes.
 * Gives: text.
 * Thread: any. */
HARK_API const char *hark_address_format(const struct hark_address *address, char *text,
                                         size_t room);

HARK_END

#endif
