/* dns.h - a resolver: a channel of c-ares, the loop's ops that drive it, and who waits for it. */
#ifndef DNS_DNS_H
#define DNS_DNS_H

#include "dns/host_file.h"
#include "hark/dns.h"

#include <ares.h>

/* A socket of c-ares. It outlives the resolver until the final call of its poll. */
struct dns_socket {
    struct hark_op poll;
    struct hark_dns *dns; /* NULL: c-ares waits for nothing on it any more */
    int fd;
    uint32_t events;
    struct dns_socket *next;
};

struct hark_dns {
    struct hark_resolver resolver;
    struct hark_loop *loop;
    ares_channel channel;
    struct host_file hosts;
    struct hark_op timer; /* in flight while c-ares has questions */
    uint64_t due_ns;      /* when c-ares wants to look at its time-outs; HARK_NEVER: it does not */
    struct dns_socket *sockets;           /* a few: one or two for each server */
    struct hark_lookup_job *first, *last; /* that wait for their turn */
    size_t asked;                         /* jobs that c-ares has */
    size_t awaited;                       /* of those, whose look-up has not ended yet */
    size_t asked_max;
    unsigned ndots;
    bool has_domains;
    bool is_over; /* destroyed, but for the final call of the timer */
    int given_up; /* what jobs end with that c-ares gives up because it is told to */
};

/* What c-ares is asked for. In the resolver's queue until its turn has come; from there until the
 * last of its calls of c-ares has ended c-ares's, also where nobody waits for it any more. */
struct hark_lookup_job {
    struct hark_dns *dns;
    struct hark_lookup *lookup; /* whose it is; NULL: nobody waits for it any more */
    hark_lookup_early *early;
    struct hark_lookup_job *next, *previous; /* of those that wait for their turn */
    struct hark_address *addresses;
    size_t count;
    unsigned calls; /* of c-ares that have not ended */
    int status;     /* ARES_SUCCESS, or what the first part to end in an error has said */
    bool is_asked;
    bool in_parts; /* each family is asked for by itself */
    int family;
    uint16_t port;
    char name[];
};

/* --- options.c --- */

/* Makes the channel as the options say. Gives: 0 or a negative errno. */
int options_open_channel(struct hark_dns *dns, const struct hark_dns_options *options);

/* --- sockets.c --- */

/* What c-ares calls when it waits for something else on a socket. */
void sockets_wanted(void *context, ares_socket_t fd, int readable, int writable);

/* What c-ares makes its sockets with. */
extern const struct ares_socket_functions sockets_functions;

/* --- dns.c --- */

/* Begins with jobs whose turn has come, and sets the timer: after all that c-ares was called for.
 */
void dns_go_on(struct hark_dns *dns);

/* Ends all that c-ares has; jobs end with this error. Not from inside of c-ares. */
void dns_give_up(struct hark_dns *dns, int error);

/* --- lookup.c --- */

void lookup_start(const struct hark_resolver *resolver, struct hark_loop *loop,
                  struct hark_lookup *lookup, const char *host, const char *service, int family,
                  unsigned flags, hark_lookup_done *done, hark_lookup_early *early);

/* Hands those over to c-ares whose turn has come. */
void lookup_begin_waiting(struct hark_dns *dns);

/* Ends all that wait for their turn. */
void lookup_end_waiting(struct hark_dns *dns, int error);

#endif
