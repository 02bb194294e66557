/* visitor.c - the kernel is asked once for each connection, when it is first of use, and for the
 * address when something has failed. */
#include "connection/visitor.h"
#include "connection/peers.h"

#include <sys/socket.h>

struct access_who visitor_of(struct connection *connection)
{
    struct ucred peer = {.uid = UINT32_MAX};
    socklen_t length = sizeof peer;
    if (connection->visited)
        return connection->visitor;
    connection->visited = true;
    /* Of a socket of another kind it gives nobody. */
    if (hark_os_getsockopt(connection->worker->loop, hark_stream_fd(&connection->stream),
                           SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
        peer.uid != UINT32_MAX) {
        connection->visitor.has_uid = true;
        connection->visitor.uid = peer.uid;
    }
    return connection->visitor;
}

/* A user of this machine counts as an address: no peer has one that begins so. */
static uint64_t address_of(struct connection *connection)
{
    const int fd = hark_stream_fd(&connection->stream);
    if (connection->addressed)
        return connection->address;
    connection->addressed = true;
    if (!peer_address(connection->worker->loop, fd, &connection->address)) {
        /* Neither has a connection that was reset: they all count as one. */
        const struct access_who user = visitor_of(connection);
        connection->address = UINT64_C(0xfefe) << 32 | (user.has_uid ? user.uid : UINT32_MAX);
    }
    return connection->address;
}

unsigned visitor_failed(struct connection *connection)
{
    struct worker *worker = connection->worker;
    unsigned seconds =
        attempts_fail(worker->access.attempts, address_of(connection), hark_now(worker->loop));
    visitor_refused(connection, seconds ? REFUSAL_LIMITED : REFUSAL_UNKNOWN);
    return seconds;
}

uint64_t visitor_until(struct connection *connection, const struct access_who *who)
{
    static const uint64_t second_ns = 1000000000;
    const struct worker *worker = connection->worker;
    const uint64_t until = access_until(&worker->access, who);
    if (until > HARK_NEVER / (2 * second_ns))
        return HARK_NEVER;
    const uint64_t wall_ns = hark_os_wall_clock(worker->loop);
    const uint64_t now_ns = hark_now(worker->loop);
    return until * second_ns > wall_ns ? now_ns + (until * second_ns - wall_ns) : now_ns;
}

void visitor_expires(struct connection *connection, const struct access_who *who)
{
    const uint64_t until_ns = visitor_until(connection, who);
    if (until_ns != HARK_NEVER)
        deadline_set(&connection->deadline, until_ns - hark_now(connection->worker->loop));
}

unsigned visitor_asks_counted(struct connection *connection, uint64_t bytes)
{
    struct worker *worker = connection->worker;
    const uint64_t counts[RATE_KINDS] = {[RATE_REQUESTS] = 1, [RATE_BYTES] = bytes};
    enum rate_kind kind;
    unsigned seconds =
        rates_ask(worker->rates, address_of(connection), counts, hark_now(worker->loop), &kind);
    if (seconds != 0)
        worker->counters.limited[kind]++;
    return seconds;
}

void visitor_brings(struct connection *connection, uint64_t bytes)
{
    struct worker *worker = connection->worker;
    if (worker->rates)
        rates_add(worker->rates, address_of(connection), RATE_BYTES, bytes, hark_now(worker->loop));
}
