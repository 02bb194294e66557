/* stream_name.c - a stream that connects to the first of several addresses that answers.
 *
 * Until it is connected its transport is a race: the look-up, attempts that begin one after the
 * other, and a timer between them. The stream knows of none of that: its `connect` is a timer that
 * never comes, which is moved to now once there is an outcome. So deadlines and cancels find it
 * there, and however it ends, that is in connected(): the race is over, its winner or no descriptor
 * is the stream's, and the stream goes on as one over a socket, or over a filter of the caller's.
 *
 * What must hold: `in_flight` counts the ops of the race, the stream's `connect` among them, and it
 * is freed by the last of them; each attempt's descriptor is its own until it is closed or given to
 * the stream; nothing begins once the race is over. */
#include "hark/stream_name.h"
#include "hark/transport.h"
#include "net/stream.h"
#include "net/transport_socket.h"

#include "hark/close.h"
#include "hark/net.h"
#include "hark/os.h"
#include "hark/timer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MILLISECOND_NS 1000000ull

static const uint64_t delay_default_ns = 250 * MILLISECOND_NS; /* RFC 8305, 8 */
static const uint64_t delay_least_ns = 10 * MILLISECOND_NS;
static const uint64_t delay_most_ns = 2000 * MILLISECOND_NS;
static const uint64_t resolution_delay_ns = 50 * MILLISECOND_NS;

struct race;

struct attempt {
    struct hark_op connect;
    struct hark_op close;
    struct race *race;
    struct attempt *before;
    struct hark_address address;
    int fd; /* -1: it is being closed, or somebody else's */
};

struct race {
    struct hark_transport transport;
    struct hark_stream *stream;
    const struct hark_transport *after; /* what the stream goes on over */
    hark_done *done;                    /* the stream's */
    struct hark_loop *loop;
    const struct hark_resolver *resolver;
    struct hark_lookup lookup;
    bool looking;        /* the look-up may bring more addresses */
    struct hark_op next; /* when another attempt is due */
    uint64_t next_ns, delay_ns;
    struct hark_address *addresses;
    size_t count, taken;
    size_t at[2]; /* how far it has come: in the family of the first address, in the other */
    bool other;   /* whose turn it is */
    struct attempt *attempts; /* the last that has begun, and those before */
    size_t connecting;
    struct attempt *winner;
    size_t in_flight;
    int error; /* that tells most, of attempts and the look-up */
    bool over;
    int family;
    const char *host, *service;
    char text[];
};

static struct race *race_of(const struct hark_stream *stream)
{
    return hark_container_of(stream->transport, struct race, transport);
}

/* One op of the race has ended. The last of its callback: the race may be gone. */
static void release(struct race *race)
{
    if (--race->in_flight > 0)
        return;
    while (race->attempts) {
        struct attempt *attempt = race->attempts;
        race->attempts = attempt->before;
        free(attempt);
    }
    free(race->addresses);
    free(race);
}

/* --- what became of it --- */

/* How much an error tells of the host that was asked for. */
static int weight(int error)
{
    switch (error) {
    case 0:
        return 0;
    case -EAFNOSUPPORT:
    case -EADDRNOTAVAIL:
    case -ENETUNREACH:
    case -ENETDOWN:
        return 1; /* this machine has no such way */
    case -EHOSTUNREACH:
    case -ETIMEDOUT:
        return 2; /* nobody was found */
    default:
        return 3; /* somebody was, or this machine lacks something that it could have */
    }
}

static void note(struct race *race, int error)
{
    if (weight(error) > weight(race->error))
        race->error = error;
}

static void closed(struct hark_op *op, int64_t result)
{
    (void)result; /* it is closed whatever it says */
    release(hark_container_of(op, struct attempt, close)->race);
}

static void close_attempt(struct attempt *attempt)
{
    int fd = attempt->fd;
    if (fd < 0)
        return;
    attempt->fd = -1;
    attempt->race->in_flight++;
    hark_close(attempt->race->loop, &attempt->close, fd, closed);
}

/* Nothing begins any more, and all but the winner end. */
static void stop(struct race *race)
{
    race->over = true;
    hark_cancel(&race->lookup.op);
    hark_cancel(&race->next);
    for (struct attempt *attempt = race->attempts; attempt; attempt = attempt->before)
        if (attempt != race->winner)
            close_attempt(attempt);
}

/* There is an outcome: the stream's op is due. Where a deadline or a cancel of it came first, that
 * is told. */
static void finish(struct race *race)
{
    stop(race);
    hark_sleep_move(&race->stream->connect, 0);
}

/* The stream's op has ended: what it is told, and with what it goes on. */
static void connected(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, connect);
    struct race *race = race_of(stream);
    hark_done *done = race->done;
    if (result >= 0 && !race->winner)
        result = race->error;
    if (!race->over)
        stop(race);
    const struct hark_transport *after = stream->transport = race->after;
    stream->fd = -1;
    if (race->winner && result >= 0) {
        stream->fd = race->winner->fd;
        race->winner->fd = -1;
    } else if (race->winner) {
        close_attempt(race->winner);
    }
    race->stream = NULL;
    release(race);
    if (result < 0 || after == &transport_socket || !after->open)
        done(op, result); /* the last: the stream may be gone */
    else
        after->open(stream, done);
}

/* --- attempts --- */

/* The families take turns; what is left of one comes when the other has come to its end.
 * Gives: NULL: all were taken. */
static const struct hark_address *take_address(struct race *race)
{
    for (int turn = 0; turn < 2; turn++) {
        bool other = race->other;
        size_t *at = &race->at[other];
        race->other = !other;
        for (; *at < race->count; ++*at) {
            const struct hark_address *address = &race->addresses[*at];
            bool is_other = address->name.any.sa_family != race->addresses[0].name.any.sa_family;
            if (is_other != other)
                continue;
            ++*at;
            race->taken++;
            return address;
        }
    }
    return NULL;
}

static void next_due(struct hark_op *op, int64_t result);

/* Another attempt is due at next_ns. */
static void set_next(struct race *race)
{
    if (hark_op_active(&race->next)) {
        hark_sleep_move(&race->next, race->next_ns); /* one that was due looks at next_ns */
    } else {
        race->in_flight++;
        hark_sleep_until(race->loop, &race->next, race->next_ns, next_due);
    }
}

static void attempted(struct hark_op *op, int64_t result);

/* Gives: 0 or a negative errno; then there is none. */
static int begin_attempt(struct race *race, const struct hark_address *address)
{
    int fd = transport_socket_make(race->loop, address);
    if (fd < 0)
        return fd;
    struct attempt *attempt = calloc(1, sizeof *attempt);
    if (!attempt) {
        (void)hark_os_close(race->loop, fd);
        return -ENOMEM;
    }
    attempt->race = race;
    attempt->before = race->attempts;
    attempt->address = *address;
    attempt->fd = fd;
    race->attempts = attempt;
    race->connecting++;
    race->in_flight++;
    hark_connect(race->loop, &attempt->connect, fd, &attempt->address.name.any, address->length,
                 attempted);
    return 0;
}

/* Begins with the next address for which there is a socket; where no attempt is left, and the
 * look-up brings no more, it is over. */
static void begin_next(struct race *race)
{
    const struct hark_address *address;
    while ((address = take_address(race))) {
        int error = begin_attempt(race, address);
        if (error) {
            note(race, error);
            continue;
        }
        race->next_ns = hark_os_clock(race->loop) + race->delay_ns;
        if (race->taken < race->count)
            set_next(race);
        return;
    }
    if (race->connecting == 0 && !race->looking)
        finish(race);
}

static void attempted(struct hark_op *op, int64_t result)
{
    struct attempt *attempt = hark_container_of(op, struct attempt, connect);
    struct race *race = attempt->race;
    race->connecting--;
    if (!race->over && result >= 0) {
        race->winner = attempt;
        finish(race);
    } else if (!race->over) {
        note(race, (int)result);
        close_attempt(attempt);
        begin_next(race);
    }
    release(race);
}

static void next_due(struct hark_op *op, int64_t result)
{
    struct race *race = hark_container_of(op, struct race, next);
    bool early = result == 0 && hark_os_clock(race->loop) < race->next_ns;
    if (!race->over && early) { /* another attempt has begun since */
        race->in_flight++;
        hark_sleep_until(race->loop, op, race->next_ns, next_due);
    } else if (!race->over && result != -ECANCELED) {
        begin_next(race);
    }
    release(race);
}

/* --- the name --- */

/* One family is known. IPv4 waits a little for the other, which is tried first where it comes in
 * time. Without memory both are tried when both are known. */
static void looked_up_early(struct hark_lookup *lookup, const struct hark_address *addresses,
                            size_t count)
{
    struct race *race = hark_container_of(lookup, struct race, lookup);
    if (race->over || count == 0)
        return;
    race->addresses = malloc(count * sizeof *addresses);
    if (!race->addresses)
        return;
    memcpy(race->addresses, addresses, count * sizeof *addresses);
    race->count = count;
    if (addresses->name.any.sa_family == AF_INET6) {
        begin_next(race);
    } else {
        race->other = true;
        race->next_ns = hark_os_clock(race->loop) + resolution_delay_ns;
        set_next(race);
    }
}

static void looked_up(struct hark_lookup *lookup, int error)
{
    struct race *race = hark_container_of(lookup, struct race, lookup);
    race->looking = false;
    if (!error) { /* those that were known early are the first of them */
        free(race->addresses);
        race->addresses = lookup->addresses;
        race->count = lookup->count;
    }
    if (!race->over && race->count == 0) {
        race->error = error;
        finish(race);
    } else if (!race->over && race->connecting == 0) {
        begin_next(race);
    } else if (!race->over && race->taken < race->count) {
        set_next(race);
    }
    release(race);
}

static void look_up(struct race *race)
{
    const struct hark_resolver *resolver = race->resolver;
    race->in_flight++;
    race->looking = true;
    if (resolver)
        resolver->start(resolver, race->loop, &race->lookup, race->host, race->service,
                        race->family, 0, looked_up, looked_up_early);
    else
        hark_lookup_start(race->loop, &race->lookup, race->host, race->service, race->family, 0,
                          looked_up);
}

static void open_race(struct hark_stream *stream, hark_done *done)
{
    struct race *race = race_of(stream);
    race->done = done;
    race->in_flight++;
    hark_sleep_until(race->loop, &stream->connect, HARK_NEVER, connected);
    if (race->count > 0)
        begin_next(race);
    else
        look_up(race);
}

/* Closed while it connects: connected() lets go of all that there is. A filter has a state of its
 * own: it is closed next. */
static bool close_race(struct hark_stream *stream, hark_done *done)
{
    hark_cancel(&stream->connect);
    hark_defer(stream->loop, &stream->close, done);
    return race_of(stream)->after != &transport_socket;
}

static uint64_t delay_of(const struct hark_stream_name *name)
{
    uint64_t delay_ns = name->attempt_delay_ns ? name->attempt_delay_ns : delay_default_ns;
    if (delay_ns < delay_least_ns)
        return delay_least_ns;
    return delay_ns < delay_most_ns ? delay_ns : delay_most_ns;
}

static size_t size_of(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static struct race *make_race(struct hark_loop *loop, const struct hark_stream_name *name)
{
    size_t host = size_of(name->host), service = size_of(name->service);
    struct race *race = calloc(1, sizeof *race + host + service);
    if (!race)
        return NULL;
    race->transport = (struct hark_transport){
        .version = HARK_TRANSPORT_VERSION, .open = open_race, .close = close_race};
    race->loop = loop;
    race->delay_ns = delay_of(name);
    race->family = name->family;
    race->resolver = name->resolver;
    if (name->host)
        race->host = memcpy(race->text, name->host, host);
    if (name->service)
        race->service = memcpy(race->text + host, name->service, service);
    if (name->count == 0)
        return race;
    race->count = name->count;
    race->addresses = calloc(name->count, sizeof *name->addresses);
    if (race->addresses) {
        memcpy(race->addresses, name->addresses, name->count * sizeof *name->addresses);
        return race;
    }
    free(race);
    return NULL;
}

int hark_stream_connect_over(struct hark_loop *loop, struct hark_stream *stream,
                             const struct hark_stream_name *name,
                             const struct hark_transport *transport,
                             const struct hark_stream_options *options,
                             const struct hark_stream_events *events)
{
    struct race *race = make_race(loop, name);
    if (!race)
        return -ENOMEM;
    race->stream = stream;
    race->after = transport;
    stream_open_over(loop, stream, &race->transport, -1, options, events);
    stream_connect(stream);
    return 0;
}

int hark_stream_connect_name(struct hark_loop *loop, struct hark_stream *stream,
                             const struct hark_stream_name *name,
                             const struct hark_stream_options *options,
                             const struct hark_stream_events *events)
{
    return hark_stream_connect_over(loop, stream, name, &transport_socket, options, events);
}
