/* lookup.h - names of hosts and services as addresses, by the C library's resolver on the work
 * pool: what /etc/hosts, /etc/nsswitch.conf and the name servers say. */
#ifndef HARK_LOOKUP_H
#define HARK_LOOKUP_H

#include "address.h"
#include "op.h"

HARK_BEGIN

/* What a look-up can end with beside a negative errno: the resolver's own answers. hark_error_name
 * and hark_error_text know them as well. */
enum hark_lookup_error {
    HARK_LOOKUP_NOT_FOUND = -20001, /* no such host, or none with an address of that family */
    HARK_LOOKUP_AGAIN = -20002,     /* no name server has answered: later it may */
    HARK_LOOKUP_FAILED = -20003,    /* a name server has refused to answer */
    HARK_LOOKUP_SERVICE = -20004,   /* no such service */
};

enum hark_lookup_flags {
    HARK_LOOKUP_PASSIVE = 1,    /* to listen on: no host is every address (AI_PASSIVE) */
    HARK_LOOKUP_NUMERIC = 2,    /* numbers alone: nobody is asked (AI_NUMERICHOST) */
    HARK_LOOKUP_CONFIGURED = 4, /* families alone that this machine has (AI_ADDRCONFIG) */
};

enum { HARK_LOOKUP_ADDRESSES_MAX = 64 };

struct hark_lookup;
struct hark_lookup_job;

/* Called once, from hark_run. Takes: error: 0, a negative errno or enum hark_lookup_error. */
typedef void hark_lookup_done(struct hark_lookup *lookup, int error);

/* In the caller's memory, zeroed before its first use. `context` is the caller's, `loop` may be
 * read, and `op` is there to be cancelled and to be given a deadline. */
struct hark_lookup {
    struct hark_op op;
    void *context;
    struct hark_loop *loop;
    /* What was found, each once, the best first (RFC 6724). From `done` on the caller's, to be
     * freed with free(3); NULL after an error. */
    struct hark_address *addresses;
    size_t count;
    hark_lookup_done *done;      /* private, as all below */
    struct hark_lookup_job *job; /* what the resolver has; NULL: it has ended */
    int error;
};

/* Looks a name up, as getaddrinfo(3) does for streams, and calls back. An address in digits with a
 * port in digits is read at once, and waits for nobody.
 *
 * The pool's threads are for files, too: half of hark_options.workers_max, one at least, look names
 * up at the same time, and other names wait. With workers_max 1 a name server that does not answer
 * (30 seconds with the C library's own settings) holds up what else the pool has to do.
 * Takes: host: a name, or an address in digits; NULL: this machine. service: a name, or a port in
 *   digits; NULL: port 0. One of the two is needed. Both are copied. family: AF_UNSPEC both,
 *   AF_INET, AF_INET6. flags: enum hark_lookup_flags.
 * Owns: `lookup` is the library's until `done`; lookup->addresses are the caller's then.
 * Gives: at least one address, HARK_LOOKUP_ADDRESSES_MAX at the most.
 * Fails: enum hark_lookup_error; -ECANCELED after hark_cancel(&lookup->op), -ETIMEDOUT past
 *   hark_op_deadline(&lookup->op, ...): `done` comes soon, though the resolver cannot be stopped.
 *   The thread goes on, what it finds is thrown away by the library, and hark_run returns once it
 *   has come back. -ENOMEM; -EAGAIN no thread could be started; -EINVAL unknown flags;
 *   -EAFNOSUPPORT another family; what the resolver met in the system, such as -EMFILE. */
HARK_API void hark_lookup_start(struct hark_loop *loop, struct hark_lookup *lookup,
                                const char *host, const char *service, int family, unsigned flags,
                                hark_lookup_done *done);

/* Called at most once, before hark_lookup_done, from hark_run: what has been found so far, all of
 * one family, while the other is still waited for. The addresses are the resolver's, to be copied.
 * It may start ops and cancel them, the look-up's among them; it does not end the resolver. */
typedef void hark_lookup_early(struct hark_lookup *lookup, const struct hark_address *addresses,
                               size_t count);

/* Who looks names up in the place of hark_lookup_start: hark_dns_resolver gives one. A program may
 * have its own, which may say nothing early. */
struct hark_resolver {
    uint32_t version; /* HARK_RESOLVER_VERSION */
    /* As hark_lookup_start, outcome and errors too. It fills addresses and count in, those first
     * that were given early, and calls `done` once, from hark_run; -EINVAL it is not the loop's.
     * hark_cancel and a deadline of lookup->op end it. early: NULL: not wanted. */
    void (*start)(const struct hark_resolver *resolver, struct hark_loop *loop,
                  struct hark_lookup *lookup, const char *host, const char *service, int family,
                  unsigned flags, hark_lookup_done *done, hark_lookup_early *early);
};

enum { HARK_RESOLVER_VERSION = 1 };

HARK_END

#endif
