/* listeners.c - listening, and how many connections there may be. All of it is the owner's.
 *
 * Each connection takes one descriptor. Some are kept back for the log, the files that are followed
 * and the ports themselves; a connection past that is closed at once, so that the log never lacks a
 * descriptor. Dead peers are found by TCP's keep-alive, which accepted sockets inherit, without a
 * timer of ours.
 */
#include "connection/connection.h"
#include "connection/worker.h"
#include "http/host.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/say.h"
#include "options/names.h"

enum {
    RESERVED = 64, /* the log's segments, standard streams, the loop's own */
    PATTERN_RESERVED = 2 * TAIL_PATTERN_FILES_MAX,
    RESERVED_FOR_LOOP = 4, /* of each further thread */
    KEEP_ALIVE_IDLE_SECONDS = 60,
    KEEP_ALIVE_INTERVAL_SECONDS = 15,
    KEEP_ALIVE_COUNT = 4,
    SELECT_DESCRIPTORS = 1024,
};

static const uint64_t PATIENT_NS = 1000000000U;
static const uint64_t AGAIN_NS = 20000000U;

static const char *const option_names[PROTOCOLS] = {
    [PROTOCOL_HTTP] = "--http", [PROTOCOL_LINES] = "--lines"};
static const char *const port_names[PROTOCOLS] = {
    [PROTOCOL_HTTP] = "http", [PROTOCOL_LINES] = "lines"};

void ports_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit); /* where it is refused, the limit stays what it is */
}

uint64_t ports_connections_max(struct agent *owner)
{
    struct rlimit limit;
    uint64_t descriptors = SELECT_DESCRIPTORS;
    uint64_t wanted = owner->options->connections_max;
    uint64_t reserved = RESERVED + 2 * owner->options->tails_count + 2 * owner->ports_count;
    for (size_t i = 0; i < owner->options->tails_count; i++)
        if (tail_is_pattern(owner->options->tails[i].file))
            reserved += PATTERN_RESERVED;
    reserved += (uint64_t)(owner->crew->count - 1) * RESERVED_FOR_LOOP;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        descriptors = limit.rlim_cur;
    if (strcmp(hark_loop_backend(owner->loop), "select") == 0 && descriptors > SELECT_DESCRIPTORS)
        descriptors = SELECT_DESCRIPTORS;
    uint64_t most = descriptors > 2 * reserved ? descriptors - reserved : descriptors / 2;
    return wanted != 0 && wanted < most ? wanted : most;
}

/* --- accepting --- */

static void accepted(struct hark_listener *listener, int fd)
{
    struct port *port = hark_container_of(listener, struct port, listener);
    struct agent *owner = port->agent;
    struct agent *agent = crew_deal(owner, port->protocol);
    struct peer *peer = NULL;
    if (!agent || !peer_enter(owner, fd, &peer)) {
        owner->counters.shed++;
        hark_os_close(owner->loop, fd);
        return;
    }
    atomic_fetch_add_explicit(&owner->crew->open[port->protocol], 1, memory_order_relaxed);
    if (agent == owner || !crew_hand_over(owner, agent, port, fd, peer)) {
        owner->dealt++;
        session_open_or_shed(owner, port, fd, peer);
    }
}

static void failed(struct hark_listener *listener, int error)
{
    struct port *port = hark_container_of(listener, struct port, listener);
    switch (-error) {
    case EMFILE:
    case ENFILE:
        say_at(SAY_WARNING,
               "no descriptor is left for connections to the %s port: they are closed until there "
               "is (raise the limit: ulimit -n)",
               port_names[port->protocol]);
        break;
    case ENOMEM:
    case ENOBUFS:
        say_at(SAY_WARNING,
               "no memory is left for connections to the %s port: they wait until there is",
               port_names[port->protocol]);
        break;
    default:
        say("cannot accept connections to the %s port: %s", port_names[port->protocol], why(error));
        shutdown_begin(port->agent, EXIT_REFUSED);
        break;
    }
}

/* --- opening --- */

static const char *advice(enum protocol protocol, int error)
{
    switch (-error) {
    case EADDRINUSE:
        return protocol == PROTOCOL_HTTP ? "try --http 127.0.0.1:0" : "try --lines 127.0.0.1:0";
    case EACCES:
    case EPERM:
        return protocol == PROTOCOL_HTTP
                   ? "ports below 1024 need a privilege: try --http 127.0.0.1:12345"
                   : "ports below 1024 need a privilege: try --lines 127.0.0.1:12346";
    case EADDRNOTAVAIL:
        return "this machine has no such address: try 127.0.0.1";
    case EMFILE:
    case ENFILE:
        return "raise the limit of descriptors: ulimit -n";
    default:
        return "try another address";
    }
}

static void keep_alive(struct hark_loop *loop, int fd)
{
    const int on = 1;
    const int idle = KEEP_ALIVE_IDLE_SECONDS;
    const int interval = KEEP_ALIVE_INTERVAL_SECONDS;
    const int count = KEEP_ALIVE_COUNT;
    /* Without them a dead peer stays longer: no reason to end. */
    hark_os_setsockopt(loop, fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    hark_os_setsockopt(loop, fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    hark_os_setsockopt(loop, fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    hark_os_setsockopt(loop, fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

/* Opens one port. Gives: 0, or a negative errno. */
static int port_open(struct agent *agent, struct port *port)
{
    struct hark_address address = port->address;
    char actual[HARK_ADDRESS_TEXT_MAX];
    int fd = hark_os_listen_at(agent->loop, &address, 0, HARK_LISTEN_NO_DELAY);
    if (fd < 0)
        return fd;
    if (address.name.any.sa_family != AF_UNIX)
        keep_alive(agent->loop, fd);
    int error = hark_listener_adopt(agent->loop, &port->listener, fd, accepted, failed);
    if (error < 0)
        return error;
    port->guarded = host_is_loopback(&address) ||
                    (agent->options->hosts_count != 0 && address.name.any.sa_family != AF_UNIX);
    port->open = true;
    agent->ports_open++;
    if (!agent->options->quiet && hark_listener_address(&port->listener, &address) == 0)
        say_at(SAY_NOTE, "%s on %s", port_names[port->protocol],
               hark_address_format(&address, actual, sizeof actual));
    return 0;
}

/* Whether a port may be left out: this machine lacks its address, or the whole family, and another
 * address of the same name is open or to be opened still. So localhost serves where there is no
 * IPv6. */
static bool may_be_missed(const struct agent *agent, const struct port *port, int error)
{
    if (!port->named || (error != -EAFNOSUPPORT && error != -EADDRNOTAVAIL))
        return false;
    for (const struct port *other = agent->ports; other < agent->ports + agent->ports_count;
         other++) {
        if (other->text == port->text && other->protocol == port->protocol &&
            (other->open || other > port))
            return true;
    }
    return false;
}

/* Gives: whether the others may be opened all the same. */
static bool say_not_open(const struct agent *agent, const struct port *port, int error)
{
    char text[NAMES_TEXT_MAX];
    names_format(&port->address, port->named ? port->text : NULL, text, sizeof text);
    if (!may_be_missed(agent, port, error)) {
        say("cannot listen on %s: %s (%s)", text, why(error), advice(port->protocol, error));
        return false;
    }
    if (!agent->options->quiet)
        say_at(SAY_NOTE, "%s not on %s: %s", port_names[port->protocol], text, why(error));
    return true;
}

static void open_rest(struct agent *agent);

static void again(struct hark_op *op, int64_t result)
{
    struct agent *agent = hark_container_of(op, struct agent, ports_again);
    (void)result;
    if (agent->ending == ENDING_NOT)
        open_rest(agent);
    else
        shutdown_advance(agent);
}

/* Opens those that are not open yet. A process that was killed may hold its listening sockets a
 * moment longer than it lives: the kernel (6.18) takes an io_uring apart in the background. So an
 * address in use is tried again for a while, and a supervisor may start the next at once. */
static void open_rest(struct agent *agent)
{
    while (agent->ports_next < agent->ports_count) {
        struct port *port = &agent->ports[agent->ports_next];
        port->agent = agent;
        int error = port_open(agent, port);
        if (error == -EADDRINUSE && hark_os_clock(agent->loop) < agent->ports_patient_ns) {
            hark_sleep(agent->loop, &agent->ports_again, AGAIN_NS, again);
            return;
        }
        if (error < 0 && !say_not_open(agent, port, error)) {
            agent->ports_opened(agent, EXIT_REFUSED);
            return;
        }
        agent->ports_next++;
    }
    agent->ports_opened(agent, EXIT_DONE);
}

void ports_open(struct agent *agent, void (*opened)(struct agent *agent, int code))
{
    agent->ports_opened = opened;
    agent->ports_patient_ns = hark_os_clock(agent->loop) + PATIENT_NS;
    open_rest(agent);
}

/* --- looking up --- */

/* Adds a port for each address. Gives: 0, or an exit code. */
static int add_ports(enum protocol protocol, const struct names *names, struct port **ports,
                     size_t *count)
{
    struct port *larger = reallocarray(*ports, *count + names->count, sizeof *larger);
    if (!larger) {
        say("cannot begin: %s", why(ENOMEM));
        return EXIT_REFUSED;
    }
    *ports = larger;
    for (size_t i = 0; i < names->count; i++) {
        larger[(*count)++] = (struct port){
            .address = names->addresses[i],
            .text = names->text,
            .named = names->named,
            .protocol = protocol,
        };
    }
    return EXIT_DONE;
}

static int look_up(enum protocol protocol, const char *const *texts, size_t texts_count,
                   struct port **ports, size_t *count)
{
    int code = EXIT_DONE;
    for (size_t i = 0; i < texts_count && code == EXIT_DONE; i++) {
        struct names names;
        code = names_look_up(option_names[protocol], texts[i], &names);
        if (code == EXIT_DONE)
            code = add_ports(protocol, &names, ports, count);
        names_done(&names);
    }
    return code;
}

int ports_look_up(const struct serve_options *options, struct port **out_ports, size_t *out_count)
{
    *out_ports = NULL;
    *out_count = 0;
    int code = look_up(PROTOCOL_HTTP, options->http, options->http_count, out_ports, out_count);
    if (code == EXIT_DONE)
        code = look_up(PROTOCOL_LINES, options->lines, options->lines_count, out_ports, out_count);
    return code;
}

/* --- closing --- */

static void closed(struct hark_listener *listener)
{
    struct port *port = hark_container_of(listener, struct port, listener);
    port->open = false;
    port->agent->ports_open--;
    shutdown_advance(port->agent);
}

void ports_close(struct agent *agent)
{
    hark_cancel(&agent->ports_again);
    for (size_t i = 0; i < agent->ports_count; i++) {
        if (agent->ports[i].open)
            hark_listener_close(&agent->ports[i].listener, closed);
    }
}
