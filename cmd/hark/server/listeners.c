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
static const char *const protocol_names[PROTOCOLS] = {
    [PROTOCOL_HTTP] = "http", [PROTOCOL_LINES] = "lines"};

void listeners_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit); /* where it is refused, the limit stays what it is */
}

uint64_t listeners_connections_max(struct worker *owner)
{
    struct rlimit limit;
    uint64_t descriptors = SELECT_DESCRIPTORS;
    uint64_t wanted = owner->options->connections_max;
    uint64_t reserved = RESERVED + 2 * owner->options->tails_count + 2 * owner->listeners_count;
    for (size_t i = 0; i < owner->options->tails_count; i++)
        if (tail_is_pattern(owner->options->tails[i].file))
            reserved += PATTERN_RESERVED;
    reserved += (uint64_t)(owner->server->count - 1) * RESERVED_FOR_LOOP;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        descriptors = limit.rlim_cur;
    if (strcmp(hark_loop_backend(owner->loop), "select") == 0 && descriptors > SELECT_DESCRIPTORS)
        descriptors = SELECT_DESCRIPTORS;
    uint64_t most = descriptors > 2 * reserved ? descriptors - reserved : descriptors / 2;
    return wanted != 0 && wanted < most ? wanted : most;
}

/* --- accepting --- */

static void accepted(struct hark_listener *socket, int fd)
{
    struct listener *listener = hark_container_of(socket, struct listener, socket);
    struct worker *owner = listener->worker;
    struct worker *worker = workers_deal(owner, listener->protocol);
    struct peer *peer = NULL;
    if (!worker || !peer_enter(owner, fd, &peer)) {
        owner->counters.shed++;
        hark_os_close(owner->loop, fd);
        return;
    }
    atomic_fetch_add_explicit(&owner->server->open[listener->protocol], 1, memory_order_relaxed);
    if (worker == owner || !workers_hand_over(owner, worker, listener, fd, peer)) {
        owner->dealt++;
        connection_open_or_shed(owner, listener, fd, peer);
    }
}

static void failed(struct hark_listener *socket, int error)
{
    struct listener *listener = hark_container_of(socket, struct listener, socket);
    switch (-error) {
    case EMFILE:
    case ENFILE:
        say_at(SAY_WARNING,
               "no descriptor is left for connections to the %s port: they are closed until there "
               "is (raise the limit: ulimit -n)",
               protocol_names[listener->protocol]);
        break;
    case ENOMEM:
    case ENOBUFS:
        say_at(SAY_WARNING,
               "no memory is left for connections to the %s port: they wait until there is",
               protocol_names[listener->protocol]);
        break;
    default:
        say("cannot accept connections to the %s port: %s", protocol_names[listener->protocol],
            why(error));
        shutdown_begin(listener->worker, EXIT_REFUSED);
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

/* Opens one listener. Gives: 0, or a negative errno. */
static int listener_open(struct worker *worker, struct listener *listener)
{
    struct hark_address address = listener->address;
    char actual[HARK_ADDRESS_TEXT_MAX];
    int fd = hark_os_listen_at(worker->loop, &address, 0, HARK_LISTEN_NO_DELAY);
    if (fd < 0)
        return fd;
    if (address.name.any.sa_family != AF_UNIX)
        keep_alive(worker->loop, fd);
    int error = hark_listener_adopt(worker->loop, &listener->socket, fd, accepted, failed);
    if (error < 0)
        return error;
    listener->guarded = host_is_loopback(&address) || (worker->options->hosts_count != 0 &&
                                                       address.name.any.sa_family != AF_UNIX);
    listener->open = true;
    pending_begin(&worker->accepted);
    if (!worker->options->quiet && hark_listener_address(&listener->socket, &address) == 0)
        say_at(SAY_NOTE, "%s on %s", protocol_names[listener->protocol],
               hark_address_format(&address, actual, sizeof actual));
    return 0;
}

/* Whether a listener may be left out: this machine lacks its address, or the whole family, and
 * another address of the same name is open or to be opened still. So localhost serves where there
 * is no IPv6. */
static bool may_be_missed(const struct worker *worker, const struct listener *listener, int error)
{
    if (!listener->named || (error != -EAFNOSUPPORT && error != -EADDRNOTAVAIL))
        return false;
    for (const struct listener *other = worker->listeners;
         other < worker->listeners + worker->listeners_count; other++) {
        if (other->text == listener->text && other->protocol == listener->protocol &&
            (other->open || other > listener))
            return true;
    }
    return false;
}

/* Gives: whether the others may be opened all the same. */
static bool say_not_open(const struct worker *worker, const struct listener *listener, int error)
{
    char text[NAMES_TEXT_MAX];
    names_format(&listener->address, listener->named ? listener->text : NULL, text, sizeof text);
    if (!may_be_missed(worker, listener, error)) {
        say("cannot listen on %s: %s (%s)", text, why(error), advice(listener->protocol, error));
        return false;
    }
    if (!worker->options->quiet)
        say_at(SAY_NOTE, "%s not on %s: %s", protocol_names[listener->protocol], text, why(error));
    return true;
}

static void open_rest(struct worker *worker);

static void again(struct hark_op *op, int64_t result)
{
    struct worker *worker = hark_container_of(op, struct worker, listeners_again);
    (void)result;
    if (worker->ending == ENDING_NOT)
        open_rest(worker);
    pending_end(&worker->accepted);
}

/* Opens those that are not open yet. A process that was killed may hold its listening sockets a
 * moment longer than it lives: the kernel (6.18) takes an io_uring apart in the background. So an
 * address in use is tried again for a while, and a supervisor may start the next at once. */
static void open_rest(struct worker *worker)
{
    while (worker->listeners_next < worker->listeners_count) {
        struct listener *listener = &worker->listeners[worker->listeners_next];
        listener->worker = worker;
        int error = listener_open(worker, listener);
        if (error == -EADDRINUSE && hark_os_clock(worker->loop) < worker->listeners_patient_ns) {
            pending_begin(&worker->accepted);
            hark_sleep(worker->loop, &worker->listeners_again, AGAIN_NS, again);
            return;
        }
        if (error < 0 && !say_not_open(worker, listener, error)) {
            worker->listeners_opened(worker, EXIT_REFUSED);
            return;
        }
        worker->listeners_next++;
    }
    worker->listeners_opened(worker, EXIT_DONE);
}

void listeners_open(struct worker *worker, void (*opened)(struct worker *worker, int code))
{
    worker->listeners_opened = opened;
    worker->listeners_patient_ns = hark_os_clock(worker->loop) + PATIENT_NS;
    open_rest(worker);
}

/* --- looking up --- */

/* Adds a listener for each address. Gives: 0, or an exit code. */
static int add_listeners(enum protocol protocol, const struct names *names,
                         struct listener **listeners, size_t *count)
{
    struct listener *larger = reallocarray(*listeners, *count + names->count, sizeof *larger);
    if (!larger) {
        say("cannot begin: %s", why(ENOMEM));
        return EXIT_REFUSED;
    }
    *listeners = larger;
    for (size_t i = 0; i < names->count; i++) {
        larger[(*count)++] = (struct listener){
            .address = names->addresses[i],
            .text = names->text,
            .named = names->named,
            .protocol = protocol,
        };
    }
    return EXIT_DONE;
}

static int look_up(enum protocol protocol, const char *const *texts, size_t texts_count,
                   struct listener **listeners, size_t *count)
{
    int code = EXIT_DONE;
    for (size_t i = 0; i < texts_count && code == EXIT_DONE; i++) {
        struct names names;
        code = names_look_up(option_names[protocol], texts[i], &names);
        if (code == EXIT_DONE)
            code = add_listeners(protocol, &names, listeners, count);
        names_done(&names);
    }
    return code;
}

int listeners_look_up(const struct serve_options *options, struct listener **out_listeners,
                      size_t *out_count)
{
    *out_listeners = NULL;
    *out_count = 0;
    int code = look_up(PROTOCOL_HTTP, options->http, options->http_count, out_listeners, out_count);
    if (code == EXIT_DONE)
        code =
            look_up(PROTOCOL_LINES, options->lines, options->lines_count, out_listeners, out_count);
    return code;
}

/* --- closing --- */

static void closed(struct hark_listener *socket)
{
    struct listener *listener = hark_container_of(socket, struct listener, socket);
    listener->open = false;
    pending_end(&listener->worker->accepted);
}

void listeners_close(struct worker *worker)
{
    hark_cancel(&worker->listeners_again);
    for (size_t i = 0; i < worker->listeners_count; i++) {
        if (worker->listeners[i].open)
            hark_listener_close(&worker->listeners[i].socket, closed);
    }
}
