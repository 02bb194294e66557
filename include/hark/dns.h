/* dns.h - names as addresses without a thread: a resolver of its own for a loop, on c-ares, in a
 * library of its own (libhark-dns).
 *
 * It asks name servers by UDP, and by TCP where an answer is too long, from sockets that the loop
 * polls; between questions it has neither a socket nor an op in flight. A look-up can be given up
 * for good, thousands can be under way, and no look-up holds up files, or another look-up of
 * another loop.
 *
 * What hark_dns_create has read (resolv.conf, the file of hosts) holds until hark_dns_destroy: for
 * what has changed since, make another resolver and destroy the first. Nothing of
 * /etc/nsswitch.conf is looked at: the file of hosts is first, then come the servers. Answers are
 * not kept: who wants that has a server on this machine do it.
 */
#ifndef HARK_DNS_H
#define HARK_DNS_H

#include "lookup.h"

HARK_BEGIN

struct hark_dns;

/* All zero: as the system is set up. */
struct hark_dns_options {
    const char *servers;     /* "127.0.0.1:5353,[::1]:53,192.0.2.1": a port that is not named is 53.
                            NULL: those of resolv_conf, or 127.0.0.1 where there is none */
    const char *domains;     /* that names without enough dots are looked for in, "a.test b.test";
                            "" none; NULL: those of resolv_conf */
    const char *resolv_conf; /* NULL: "/etc/resolv.conf"; "": no file */
    const char *hosts_file;  /* NULL: "/etc/hosts"; "": no file */
    unsigned ndots;          /* a name with as many dots is asked for as it is first; 0: what
                                 resolv_conf says, or 1. 15 at the most */
    unsigned tries;          /* of each server; 0: 2; 10 at the most */
    uint64_t timeout_ns;     /* of the first round of tries, doubled in each that follows; in whole
                                 milliseconds, rounded up; 0: 5 s; half an hour at the most */
    bool rotate;             /* questions begin with another server each time, too where resolv_conf
                                 does not say so */
    unsigned lookups_max;    /* are asked for at a time, others wait for their turn; 0: 100, whose
                                 answers a socket holds */
};

/* Makes a resolver for a loop. It reads the two files: at a program's start.
 * Takes: options: NULL: all zero. They, and all that they point to, are not needed later.
 * Gives: 0; hark_dns_destroy frees it.
 * Fails: -EINVAL servers or domains cannot be read, ndots, tries or timeout_ns are too large;
 *   -EMFILE, -ENFILE, -EACCES, -EISDIR, -EIO, as open(2) and read(2), of a file of hosts that is
 *   there; -ENOMEM. */
HARK_API int hark_dns_create(struct hark_loop *loop, const struct hark_dns_options *options,
                             struct hark_dns **out_dns);

/* Gives it up, also inside of a look-up's `done`. Look-ups under way end with -ECANCELED: their
 * `done` comes as always, from hark_run. Before the loop is destroyed.
 * Takes: NULL: nothing happens.
 * Owns: its sockets are closed at once; its memory is freed here, or by hark_run where its timer
 *   still has its final call. */
HARK_API void hark_dns_destroy(struct hark_dns *dns);

/* Looks a name up, as hark_lookup_start does, and calls back: the same request, the same addresses,
 * the same errors. Digits, no host, what the file of hosts has, and "localhost" and what ends in
 * ".localhost" (RFC 6761) wait for nobody. For all else name servers are asked, for both families
 * at the same time, and so are the search domains, one after the other. A name that ends in a dot
 * is asked for as it is, and nowhere else.
 *
 * A service that is named, not numbered, is looked for by the C library, in the thread of the loop.
 * Takes: lookup, host, service, family, done: as hark_lookup_start. flags: HARK_LOOKUP_PASSIVE,
 *   HARK_LOOKUP_NUMERIC.
 * Owns: `lookup` is the library's until `done`; lookup->addresses are the caller's then.
 * Gives: at least one address, HARK_LOOKUP_ADDRESSES_MAX at the most, of the servers' answers the
 *   best first (RFC 6724, by c-ares), of the file of hosts in its order.
 * Fails: HARK_LOOKUP_NOT_FOUND the servers know no such name, or no address of that family, or it
 *   is none; HARK_LOOKUP_AGAIN no server has answered: all were silent, could not be reached, or
 *   said SERVFAIL, NOTIMP or REFUSED, or no socket could be opened; HARK_LOOKUP_FAILED a server has
 *   said FORMERR, or what cannot be read;
 *   HARK_LOOKUP_SERVICE. -ECANCELED after hark_cancel(&lookup->op) or hark_dns_destroy; -ETIMEDOUT
 *   past hark_op_deadline(&lookup->op, ...): with the last look-up that waits its questions are
 *   given up, and their sockets closed. -ENOMEM; -ENOSPC the user's epoll descriptors watch as much
 *   as they may; -EINVAL unknown flags, or HARK_LOOKUP_CONFIGURED, of which c-ares knows nothing;
 *   -EAFNOSUPPORT another family.
 * Backends: on select -ERANGE where the socket would be a descriptor of FD_SETSIZE or above. */
HARK_API void hark_dns_lookup(struct hark_dns *dns, struct hark_lookup *lookup, const char *host,
                              const char *service, int family, unsigned flags,
                              hark_lookup_done *done);

/* It as one that hark_stream_connect_name takes, in hark_stream_name.resolver: for streams of the
 * same loop.
 * Owns: what it gives lives as long as dns, which may be destroyed while streams connect. */
HARK_API const struct hark_resolver *hark_dns_resolver(const struct hark_dns *dns);

HARK_END

#endif
