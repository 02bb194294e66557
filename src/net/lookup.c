/* lookup.c - names as addresses, by a thread of the pool.
 *
 * The caller's op is a timer that never comes: so it can be cancelled and have a deadline like any
 * other, while the resolver cannot be stopped. What the resolver needs and finds stands in a job of
 * the library's own, which outlives the look-up where that ends first.
 *
 * What must hold: a job waits in loop->lookups, or its work is in flight, and is freed when it has
 * left both; job->lookup and lookup->job point at each other or at nothing; a job waits only while
 * as many as may are at work, so each that ends begins the next, and none waits for ever. */
#include "hark/lookup.h"
#include "core/loop.h"
#include "hark/timer.h"
#include "hark/work.h"

#include <netdb.h>
#include <string.h>

struct hark_lookup_job {
    struct hark_op work;
    struct hark_lookup *lookup;              /* whose it is; NULL: nobody waits for it any more */
    struct hark_lookup_job *next, *previous; /* of those that wait for their turn */
    struct hark_address *addresses;
    size_t count;
    const char *host, *service; /* in `text`, or NULL */
    int family;
    int flags; /* of getaddrinfo */
    char text[];
};

/* --- on a thread of the pool --- */

static int error_of(int64_t found)
{
    switch (found - KERNEL_EAI) {
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return HARK_LOOKUP_NOT_FOUND;
    case EAI_AGAIN:
        return HARK_LOOKUP_AGAIN;
    case EAI_FAIL:
        return HARK_LOOKUP_FAILED;
    case EAI_SERVICE:
        return HARK_LOOKUP_SERVICE;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_FAMILY:
        return -EAFNOSUPPORT;
    case EAI_BADFLAGS:
        return -EINVAL;
    default:
        return found > KERNEL_EAI ? (int)found : HARK_LOOKUP_FAILED;
    }
}

static bool is_same(const struct hark_address *one, const struct hark_address *other)
{
    return one->length == other->length && memcmp(&one->name, &other->name, one->length) == 0;
}

/* Takes out what stands before. Gives: how many are left. */
static size_t keep_each_once(struct hark_address *addresses, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        size_t before = 0;
        while (before < kept && !is_same(&addresses[before], &addresses[i]))
            before++;
        if (before == kept)
            addresses[kept++] = addresses[i];
    }
    return kept;
}

static int64_t look_up(struct hark_op *op)
{
    struct hark_lookup_job *job = hark_container_of(op, struct hark_lookup_job, work);
    struct hark_address found[HARK_LOOKUP_ADDRESSES_MAX];
    int64_t count = kernel_getaddrinfo(job->host, job->service, job->family, job->flags, found,
                                       HARK_LOOKUP_ADDRESSES_MAX);
    if (count <= 0)
        return count < 0 ? error_of(count) : HARK_LOOKUP_NOT_FOUND;
    job->count = keep_each_once(found, (size_t)count);
    job->addresses = malloc(job->count * sizeof found[0]);
    if (!job->addresses)
        return -ENOMEM;
    memcpy(job->addresses, found, job->count * sizeof found[0]);
    return 0;
}

/* --- on the loop's --- */

static void free_job(struct hark_lookup_job *job)
{
    free(job->addresses);
    free(job);
}

static void queue_put(struct lookups *waiting, struct hark_lookup_job *job)
{
    job->previous = waiting->last;
    *(waiting->last ? &waiting->last->next : &waiting->first) = job;
    waiting->last = job;
}

static void queue_take(struct lookups *waiting, struct hark_lookup_job *job)
{
    *(job->previous ? &job->previous->next : &waiting->first) = job->next;
    *(job->next ? &job->next->previous : &waiting->last) = job->previous;
    job->next = job->previous = NULL;
}

static void worked(struct hark_op *op, int64_t result);

/* Begins with those that wait, as many as may be at work. */
static void begin_waiting(struct hark_loop *loop)
{
    struct lookups *lookups = &loop->lookups;
    uint32_t most = loop->workers_max > 1 ? loop->workers_max / 2 : 1;
    while (lookups->first && lookups->running < most) {
        struct hark_lookup_job *job = lookups->first;
        queue_take(lookups, job);
        lookups->running++;
        hark_work(loop, &job->work, look_up, worked);
    }
}

/* Ends the look-up: its op is due now, unless a cancel or its deadline was first. */
static void end(struct hark_lookup *lookup, int error)
{
    lookup->error = error;
    hark_sleep_move(&lookup->op, 0);
}

static void worked(struct hark_op *op, int64_t result)
{
    struct hark_lookup_job *job = hark_container_of(op, struct hark_lookup_job, work);
    struct hark_loop *loop = op->loop;
    struct hark_lookup *lookup = job->lookup;
    loop->lookups.running--;
    if (lookup) {
        lookup->job = NULL;
        lookup->addresses = job->addresses;
        lookup->count = job->count;
        job->addresses = NULL;
        end(lookup, (int)result);
    }
    free_job(job);
    begin_waiting(loop);
}

/* Nobody waits for the job any more: one that a thread has begun with frees itself. */
static void leave(struct hark_lookup *lookup)
{
    struct hark_lookup_job *job = lookup->job;
    lookup->job = NULL;
    job->lookup = NULL;
    if (hark_op_active(&job->work)) {
        hark_cancel(&job->work);
    } else {
        queue_take(&lookup->loop->lookups, job);
        free_job(job);
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

/* Reads what nobody needs to be asked for. Gives: whether it was that. */
static bool read_number(const char *host, const char *service, int family,
                        struct hark_address *out_address)
{
    char text[HARK_ADDRESS_TEXT_MAX];
    struct hark_address address;
    const char *port = service ? service : "0";
    bool bracketed = host && strchr(host, ':');
    if (!host || *host == '\0' || *host == '*' || strlen(host) + strlen(port) + 4 > sizeof text)
        return false;
    snprintf(text, sizeof text, bracketed ? "[%s]:%s" : "%s:%s", host, port);
    if (hark_address_parse(text, &address) < 0 || address.name.any.sa_family == AF_UNIX ||
        (family != AF_UNSPEC && family != address.name.any.sa_family))
        return false;
    *out_address = address;
    return true;
}

static int found_at_once(struct hark_lookup *lookup, const struct hark_address *address)
{
    lookup->addresses = malloc(sizeof *address);
    if (!lookup->addresses)
        return -ENOMEM;
    *lookup->addresses = *address;
    lookup->count = 1;
    return 0;
}

static int flags_of(unsigned flags)
{
    return (flags & HARK_LOOKUP_PASSIVE ? AI_PASSIVE : 0) |
           (flags & HARK_LOOKUP_NUMERIC ? AI_NUMERICHOST : 0) |
           (flags & HARK_LOOKUP_CONFIGURED ? AI_ADDRCONFIG : 0);
}

/* The text behind `*at`, which moves on; NULL stays that. */
static const char *copy(char **at, const char *text)
{
    if (!text)
        return NULL;
    size_t size = strlen(text) + 1;
    *at += size;
    return memcpy(*at - size, text, size);
}

static struct hark_lookup_job *make_job(struct hark_lookup *lookup, const char *host,
                                        const char *service)
{
    size_t size = (host ? strlen(host) + 1 : 0) + (service ? strlen(service) + 1 : 0);
    struct hark_lookup_job *job = calloc(1, sizeof *job + size);
    if (job) {
        char *at = job->text;
        job->host = copy(&at, host);
        job->service = copy(&at, service);
        job->lookup = lookup;
    }
    return job;
}

void hark_lookup_start(struct hark_loop *loop, struct hark_lookup *lookup, const char *host,
                       const char *service, int family, unsigned flags, hark_lookup_done *done)
{
    const unsigned known = HARK_LOOKUP_PASSIVE | HARK_LOOKUP_NUMERIC | HARK_LOOKUP_CONFIGURED;
    struct hark_address address;
    hark_sleep_until(loop, &lookup->op, HARK_NEVER, ended);
    lookup->loop = loop;
    lookup->done = done;
    lookup->job = NULL;
    lookup->addresses = NULL;
    lookup->count = 0;
    if (flags & ~known)
        return end(lookup, -EINVAL);
    if (family != AF_UNSPEC && family != AF_INET && family != AF_INET6)
        return end(lookup, -EAFNOSUPPORT);
    if (read_number(host, service, family, &address))
        return end(lookup, found_at_once(lookup, &address));
    lookup->job = make_job(lookup, host, service);
    if (!lookup->job)
        return end(lookup, -ENOMEM);
    lookup->job->family = family;
    lookup->job->flags = flags_of(flags);
    queue_put(&loop->lookups, lookup->job);
    begin_waiting(loop);
}
