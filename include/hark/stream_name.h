/* stream_name.h - a stream to a host by its name, over whichever of its addresses connects first
 * (RFC 8305, "happy eyeballs"). */
#ifndef HARK_STREAM_NAME_H
#define HARK_STREAM_NAME_H

#include "lookup.h"
#include "stream.h"

HARK_BEGIN

/* Where a stream is to connect to. All zero is the default. */
struct hark_stream_name {
    const char *host;                     /* as hark_lookup_start */
    const char *service;                  /* as hark_lookup_start */
    const struct hark_address *addresses; /* in the place of a host: these, the best first */
    size_t count;                         /* how many; 0: `host` is looked up */
    int family;                           /* AF_UNSPEC both, AF_INET, AF_INET6; with a host */
    uint64_t attempt_delay_ns; /* how long an attempt has before the next begins beside it; 0: 250
                                  ms; what is outside of 10 ms to 2 s is brought there */
    const struct hark_resolver *resolver; /* who looks `host` up; NULL: hark_lookup_start */
};

/* Looks a name up and connects to the first of its addresses that answers: as hark_stream_connect,
 * but for what is said here.
 *
 * Families take turns, beginning with that of the best address: so a host whose IPv6, or IPv4, is
 * broken costs one delay and no time-out. When an attempt fails the next begins at once. The first
 * that connects is the stream's, and all others are closed. connect_timeout_ns of the options is
 * for all of it together, looking up too.
 *
 * With a resolver that gives one family before the other, attempts begin with that: with IPv6 at
 * once, with IPv4 after 50 ms in which IPv6 may still come (RFC 8305, 3).
 * Takes: name: copied, and all that it points to, but for the resolver, which is the same loop's.
 * Owns: memory of the library's for the time of connecting, some 500 bytes for each address. It,
 *   the sockets of attempts and a look-up that a thread of the pool is busy with may outlive the
 *   stream if that is closed meanwhile; hark_run returns when they have ended.
 * Gives: 0. `connected` is then called with 0; an error of hark_lookup_start; or, where no address
 *   has answered, the error that tells most: of an attempt that found somebody or nobody at the
 *   other end (-ECONNREFUSED, -ETIMEDOUT) rather than of one for which this machine had no way
 *   (-ENETUNREACH, -EAFNOSUPPORT). -ETIMEDOUT past connect_timeout_ns. hark_os_getpeername tells
 *   who it was.
 * Fails: -ENOMEM; the stream is then not open and no callback comes. */
HARK_API int hark_stream_connect_name(struct hark_loop *loop, struct hark_stream *stream,
                                      const struct hark_stream_name *name,
                                      const struct hark_stream_options *options,
                                      const struct hark_stream_events *events);

HARK_END

#endif
