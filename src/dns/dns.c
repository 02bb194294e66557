/* dns.c - a resolver: its making, its end, and its time-outs, which are one timer of the loop's.
 *
 * What must hold: the timer is in flight only while c-ares has questions, so a resolver that is not
 * asked keeps no loop running; the resolver's memory is freed when it is over and the timer has had
 * its final call; c-ares has questions only while somebody waits for one of them. */
#include "dns/dns.h"

#include "hark/os.h"
#include "hark/timer.h"

#include <errno.h>
#include <stdlib.h>

#define MICROSECOND_NS 1000ull
#define SECOND_NS      1000000000ull

/* --- the time-outs --- */

static void rings(struct hark_op *op, int64_t result);

/* When c-ares wants to be called next. It has a few hundred questions at the most to look through.
 */
static uint64_t next_time(struct hark_dns *dns)
{
    struct timeval room;
    const struct timeval *wait = dns->asked > 0 ? ares_timeout(dns->channel, NULL, &room) : NULL;
    if (!wait)
        return HARK_NEVER;
    return hark_os_clock(dns->loop) + (uint64_t)wait->tv_sec * SECOND_NS +
           ((uint64_t)wait->tv_usec + 1) * MICROSECOND_NS;
}

/* A timer whose call is under way looks at due_ns when it comes. */
static void set_timer(struct hark_dns *dns)
{
    dns->due_ns = next_time(dns);
    if (dns->due_ns == HARK_NEVER)
        hark_cancel(&dns->timer);
    else if (hark_op_active(&dns->timer))
        (void)hark_sleep_move(&dns->timer, dns->due_ns);
    else
        hark_sleep_until(dns->loop, &dns->timer, dns->due_ns, rings);
}

static void rings(struct hark_op *op, int64_t result)
{
    struct hark_dns *dns = hark_container_of(op, struct hark_dns, timer);
    if (dns->is_over) {
        free(dns);
    } else if (dns->due_ns == HARK_NEVER) {
        return;
    } else if (result < 0 && result != -ECANCELED) {
        dns_give_up(dns, (int)result); /* no memory for a timer */
    } else if (hark_os_clock(dns->loop) < dns->due_ns) {
        hark_sleep_until(dns->loop, op, dns->due_ns, rings);
    } else {
        ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        dns_go_on(dns);
    }
}

void dns_go_on(struct hark_dns *dns)
{
    lookup_begin_waiting(dns);
    set_timer(dns);
}

void dns_give_up(struct hark_dns *dns, int error)
{
    dns->given_up = error;
    ares_cancel(dns->channel);
    dns->given_up = -ECANCELED;
    dns_go_on(dns);
}

/* --- its life --- */

int hark_dns_create(struct hark_loop *loop, const struct hark_dns_options *options,
                    struct hark_dns **out_dns)
{
    static const struct hark_dns_options defaults;
    struct hark_dns *dns = calloc(1, sizeof *dns);
    if (!dns)
        return -ENOMEM;
    if (!options)
        options = &defaults;
    dns->resolver = (struct hark_resolver){.version = HARK_RESOLVER_VERSION, .start = lookup_start};
    dns->loop = loop;
    dns->due_ns = HARK_NEVER;
    dns->given_up = -ECANCELED;
    dns->asked_max = options->lookups_max ? options->lookups_max : 100;
    const char *hosts_file = options->hosts_file ? options->hosts_file : "/etc/hosts";
    int error = *hosts_file ? host_file_read(&dns->hosts, hosts_file) : 0;
    if (!error)
        error = options_open_channel(dns, options);
    if (error) {
        host_file_done(&dns->hosts);
        free(dns);
        return error;
    }
    *out_dns = dns;
    return 0;
}

void hark_dns_destroy(struct hark_dns *dns)
{
    if (!dns)
        return;
    lookup_end_waiting(dns, -ECANCELED);
    ares_destroy(dns->channel);
    host_file_done(&dns->hosts);
    dns->is_over = true;
    if (hark_op_active(&dns->timer))
        hark_cancel(&dns->timer);
    else
        free(dns);
}

const struct hark_resolver *hark_dns_resolver(const struct hark_dns *dns)
{
    return &dns->resolver;
}

void hark_dns_lookup(struct hark_dns *dns, struct hark_lookup *lookup, const char *host,
                     const char *service, int family, unsigned flags, hark_lookup_done *done)
{
    lookup_start(&dns->resolver, dns->loop, lookup, host, service, family, flags, done, NULL);
}
