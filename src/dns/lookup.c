/* lookup.c - a look-up: what is known without asking, and what c-ares is asked for.
 *
 * The caller's op is a timer that never comes, and is moved to now once there is an outcome, as in
 * libhark's own look-ups: so it is cancelled and has a deadline like any other, and nobody is
 * called back from inside of c-ares. c-ares cannot give up one question among others: a job whose
 * look-up has ended waits for what it is told, and keeps its place among those that are asked for,
 * until nobody waits for any of them; then all are given up.
 *
 * What must hold: job->lookup and lookup->job point at each other or at nothing; a job is freed
 * when it is neither in the queue nor c-ares's. */
#include "dns/dns.h"

#include "hark/timer.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 255 };

/* Ends the look-up: its op is due now, unless a cancel or its deadline was first. */
static void end(struct hark_lookup *lookup, int error)
{
    lookup->error = error;
    (void)hark_sleep_move(&lookup->op, 0);
}

static int error_of(const struct hark_dns *dns, int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return 0;
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
    case ARES_ENONAME:
    case ARES_EBADNAME:
    case ARES_EBADQUERY:
    case ARES_EBADSTR:
        return HARK_LOOKUP_NOT_FOUND;
    case ARES_EREFUSED:
    case ARES_EFORMERR:
    case ARES_ENOTIMP:
    case ARES_EBADRESP:
        return HARK_LOOKUP_FAILED;
    case ARES_ENOMEM:
        return -ENOMEM;
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION:
        return dns->given_up;
    default:
        return HARK_LOOKUP_AGAIN;
    }
}

/* --- what nobody is asked for --- */

static void set_port(struct hark_address *address, uint16_t port)
{
    if (address->name.any.sa_family == AF_INET)
        address->name.ip4.sin_port = htons(port);
    else
        address->name.ip6.sin6_port = htons(port);
}

/* Gives: 0 and the port, or HARK_LOOKUP_SERVICE. */
static int find_port(const char *service, uint16_t *out_port)
{
    struct servent entry, *found = NULL;
    char room[2048];
    unsigned number = 0;
    const char *digit = service;
    *out_port = 0;
    if (!service)
        return 0;
    for (; *digit >= '0' && *digit <= '9' && number <= UINT16_MAX; digit++)
        number = 10 * number + (unsigned)(*digit - '0');
    if (digit > service && *digit == '\0' && number <= UINT16_MAX) {
        *out_port = (uint16_t)number;
        return 0;
    }
    if (getservbyname_r(service, "tcp", &entry, room, sizeof room, &found) != 0 || !found)
        return HARK_LOOKUP_SERVICE;
    *out_port = ntohs((uint16_t)found->s_port);
    return 0;
}

/* This machine, or all its addresses. Gives: how many. */
static size_t own_addresses(bool all, int family, struct hark_address *out_addresses)
{
    static const char *const texts[2][2] = {{"::1", "127.0.0.1"}, {"::", "0.0.0.0"}};
    size_t count = 0;
    for (int i = 0; i < 2; i++)
        if ((family == AF_UNSPEC || family == (i ? AF_INET : AF_INET6)) &&
            host_file_parse(texts[all][i], &out_addresses[count]))
            count++;
    return count;
}

static bool is_localhost(const char *name)
{
    static const char local[] = "localhost";
    size_t length = strlen(name), own = sizeof local - 1;
    if (length > 0 && name[length - 1] == '.')
        length--;
    if (length < own || strncasecmp(name + length - own, local, own) != 0)
        return false;
    return length == own || name[length - own - 1] == '.';
}

/* Gives: how many are known; 0: somebody is to be asked; or what it ends with. */
static int64_t find_at_once(const struct hark_dns *dns, const char *host, int family,
                            unsigned flags, struct hark_address *out_addresses)
{
    size_t length = host ? strlen(host) : 0, count;
    if (!host)
        return (int64_t)own_addresses(flags & HARK_LOOKUP_PASSIVE, family, out_addresses);
    if (host_file_parse(host, out_addresses))
        return family == AF_UNSPEC || family == out_addresses->name.any.sa_family
                   ? 1
                   : HARK_LOOKUP_NOT_FOUND;
    if (flags & HARK_LOOKUP_NUMERIC || length == 0 || length > NAME_MAX_BYTES)
        return HARK_LOOKUP_NOT_FOUND;
    count = host_file_find(&dns->hosts, host, family, out_addresses, HARK_LOOKUP_ADDRESSES_MAX);
    if (count == 0 && is_localhost(host))
        count = own_addresses(false, family, out_addresses);
    return (int64_t)count;
}

static int found_at_once(struct hark_lookup *lookup, struct hark_address *addresses, size_t count,
                         uint16_t port)
{
    lookup->addresses = malloc(count * sizeof *addresses);
    if (!lookup->addresses)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        set_port(&addresses[i], port);
    memcpy(lookup->addresses, addresses, count * sizeof *addresses);
    lookup->count = count;
    return 0;
}

/* --- asking --- */

static void queue_put(struct hark_dns *dns, struct hark_lookup_job *job)
{
    job->previous = dns->last;
    *(dns->last ? &dns->last->next : &dns->first) = job;
    dns->last = job;
}

static void queue_take(struct hark_dns *dns, struct hark_lookup_job *job)
{
    *(job->previous ? &job->previous->next : &dns->first) = job->next;
    *(job->next ? &job->next->previous : &dns->last) = job->previous;
    job->next = job->previous = NULL;
}

static void free_job(struct hark_lookup_job *job)
{
    free(job->addresses);
    free(job);
}

static bool is_dotted(const char *name)
{
    return name[strlen(name) - 1] == '.';
}

static void answered(void *context, int status, int timeouts, struct ares_addrinfo *answer);

static void ask(struct hark_lookup_job *job, const char *name, int family)
{
    const struct ares_addrinfo_hints hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    ares_getaddrinfo(job->dns->channel, name, NULL, &hints, answered, job);
}

/* Both families of the name as it is, and nothing else. */
static void ask_in_parts(struct hark_lookup_job *job)
{
    char name[NAME_MAX_BYTES + 2];
    size_t length = strlen(job->name);
    memcpy(name, job->name, length);
    if (!is_dotted(job->name))
        name[length++] = '.';
    name[length] = '\0';
    job->calls = 2;
    ask(job, name, AF_INET6);
    ask(job, name, AF_INET);
}

static void ask_for_all(struct hark_lookup_job *job)
{
    job->in_parts = false;
    job->calls = 1;
    ask(job, job->name, job->family);
}

/* Whether the name itself is what is asked for first: what comes of a family then is of the same
 * name as what comes of the other. */
static bool is_whole(const struct hark_dns *dns, const char *name)
{
    unsigned dots = 0;
    for (const char *at = name; *at; at++)
        dots += *at == '.';
    return !dns->has_domains || is_dotted(name) || dots >= dns->ndots;
}

void lookup_begin_waiting(struct hark_dns *dns)
{
    while (dns->first && dns->asked < dns->asked_max) {
        struct hark_lookup_job *job = dns->first;
        queue_take(dns, job);
        job->is_asked = true;
        dns->asked++;
        dns->awaited++;
        job->in_parts = job->early && job->family == AF_UNSPEC && is_whole(dns, job->name);
        if (job->in_parts)
            ask_in_parts(job);
        else
            ask_for_all(job);
    }
}

/* --- answers, inside of c-ares --- */

static bool is_among(const struct hark_lookup_job *job, const struct hark_address *address)
{
    for (size_t i = 0; i < job->count; i++)
        if (job->addresses[i].length == address->length &&
            memcmp(&job->addresses[i].name, &address->name, address->length) == 0)
            return true;
    return false;
}

/* Gives: ARES_SUCCESS or ARES_ENOMEM. */
static int take(struct hark_lookup_job *job, const struct ares_addrinfo *answer)
{
    size_t room = job->count;
    for (struct ares_addrinfo_node *node = answer->nodes; node; node = node->ai_next)
        room++;
    struct hark_address *larger = realloc(job->addresses, (room + 1) * sizeof *larger);
    if (!larger)
        return ARES_ENOMEM;
    job->addresses = larger;
    for (struct ares_addrinfo_node *node = answer->nodes;
         node && job->count < HARK_LOOKUP_ADDRESSES_MAX; node = node->ai_next) {
        struct hark_address *address = &job->addresses[job->count];
        *address = (struct hark_address){.length = node->ai_addrlen};
        memcpy(&address->name, node->ai_addr, node->ai_addrlen);
        set_port(address, job->port);
        if (!is_among(job, address))
            job->count++;
    }
    return ARES_SUCCESS;
}

static bool says_nothing_found(int status)
{
    return status == ARES_ENODATA || status == ARES_ENOTFOUND;
}

/* That a server was silent tells more than that another part of the name is not there. */
static void note(struct hark_lookup_job *job, int status)
{
    if (job->status == ARES_SUCCESS || says_nothing_found(job->status))
        job->status = status;
}

static void end_job(struct hark_lookup_job *job)
{
    struct hark_dns *dns = job->dns;
    struct hark_lookup *lookup = job->lookup;
    dns->asked--;
    if (lookup) {
        dns->awaited--;
        lookup->job = NULL;
        if (job->count > 0) {
            lookup->addresses = job->addresses;
            lookup->count = job->count;
            job->addresses = NULL;
        }
        end(lookup, job->count > 0 ? 0 : error_of(dns, job->status));
    }
    free_job(job);
}

static void answered(void *context, int status, int timeouts, struct ares_addrinfo *answer)
{
    struct hark_lookup_job *job = context;
    (void)timeouts;
    job->calls--;
    if (status == ARES_SUCCESS)
        status = take(job, answer);
    if (status == ARES_SUCCESS && job->count == 0)
        status = ARES_ENODATA;
    if (answer)
        ares_freeaddrinfo(answer);
    if (status != ARES_SUCCESS)
        note(job, status);
    if (job->calls > 0) {
        if (job->lookup && job->count > 0)
            job->early(job->lookup, job->addresses, job->count);
        return;
    }
    if (job->in_parts && job->lookup && job->count == 0 && says_nothing_found(job->status) &&
        job->dns->has_domains && !is_dotted(job->name)) {
        job->status = ARES_SUCCESS;
        ask_for_all(job); /* as it is once more, and then in the domains */
    } else {
        end_job(job);
    }
}

/* --- the look-up's end --- */

/* Nobody waits for the job any more. */
static void leave(struct hark_lookup *lookup)
{
    struct hark_lookup_job *job = lookup->job;
    struct hark_dns *dns = job->dns;
    lookup->job = NULL;
    job->lookup = NULL;
    if (!job->is_asked) {
        queue_take(dns, job);
        free_job(job);
    } else if (--dns->awaited == 0) {
        dns_give_up(dns, -ECANCELED);
    }
}

static void ended(struct hark_op *op, int64_t result)
{
    struct hark_lookup *lookup = hark_container_of(op, struct hark_lookup, op);
    int error = result < 0 ? (int)result : lookup->error;
    if (lookup->job)
        leave(lookup);
    if (error) {
        free(lookup->addresses);
        lookup->addresses = NULL;
        lookup->count = 0;
    }
    lookup->done(lookup, error);
}

void lookup_end_waiting(struct hark_dns *dns, int error)
{
    struct hark_lookup_job *job = dns->first;
    dns->first = dns->last = NULL;
    while (job) {
        struct hark_lookup_job *next = job->next;
        job->lookup->job = NULL;
        end(job->lookup, error);
        free_job(job);
        job = next;
    }
}

/* --- its start --- */

static int make_job(struct hark_dns *dns, struct hark_lookup *lookup, const char *host, int family,
                    uint16_t port, hark_lookup_early *early)
{
    size_t size = strlen(host) + 1;
    struct hark_lookup_job *job = calloc(1, sizeof *job + size);
    if (!job)
        return -ENOMEM;
    memcpy(job->name, host, size);
    job->dns = dns;
    job->lookup = lookup;
    job->early = early;
    job->family = family;
    job->port = port;
    lookup->job = job;
    queue_put(dns, job);
    dns_go_on(dns);
    return 0;
}

/* Gives: what it ends with; 1: it goes on. */
static int start(struct hark_dns *dns, struct hark_lookup *lookup, const char *host,
                 const char *service, int family, unsigned flags, hark_lookup_early *early)
{
    const unsigned known = HARK_LOOKUP_PASSIVE | HARK_LOOKUP_NUMERIC;
    struct hark_address addresses[HARK_LOOKUP_ADDRESSES_MAX];
    uint16_t port;
    if (lookup->loop != dns->loop || flags & ~known)
        return -EINVAL;
    if (family != AF_UNSPEC && family != AF_INET && family != AF_INET6)
        return -EAFNOSUPPORT;
    if (!host && !service)
        return HARK_LOOKUP_NOT_FOUND;
    int error = find_port(service, &port);
    if (error)
        return error;
    int64_t count = find_at_once(dns, host, family, flags, addresses);
    if (count < 0)
        return (int)count;
    if (count > 0)
        return found_at_once(lookup, addresses, (size_t)count, port);
    if (!host)
        return HARK_LOOKUP_NOT_FOUND;
    error = make_job(dns, lookup, host, family, port, early);
    return error ? error : 1;
}

void lookup_start(const struct hark_resolver *resolver, struct hark_loop *loop,
                  struct hark_lookup *lookup, const char *host, const char *service, int family,
                  unsigned flags, hark_lookup_done *done, hark_lookup_early *early)
{
    struct hark_dns *dns = (struct hark_dns *)(void *)(uintptr_t)resolver;
    hark_sleep_until(loop, &lookup->op, HARK_NEVER, ended);
    lookup->loop = loop;
    lookup->done = done;
    lookup->job = NULL;
    lookup->addresses = NULL;
    lookup->count = 0;
    int error = start(dns, lookup, host, service, family, flags, early);
    if (error <= 0)
        end(lookup, error);
}
