/* listeners.c - listening, and how many connections there may be. All of it is the owner's.
 *
 * Each connection takes one descriptor. Some are kept back for the log, the files that are followed
 * and the ports themselves; a connection past that is closed at once, so that the log never lacks a
 * descriptor. Dead peers are found by TCP's keep-alive, which accepted sockets inherit, without a
 * timer of ours.
 */
#include "server/listeners.h"
#include "http/connection.h"
#include "http/host.h"
#include "lines/connection.h"
#include "server/inherited.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
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

void listeners_raise_limit(void)
{
    struct rlimit limit;
    if (hark_os_getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    /* Where it is refused, the limit stays what it is. */
    hark_os_setrlimit(RLIMIT_NOFILE, &limit);
}

uint64_t listeners_connections_max(const struct listeners *listeners, const struct workers *workers)
{
    const struct serve_options *options = workers->options;
    struct rlimit limit;
    uint64_t descriptors = SELECT_DESCRIPTORS;
    uint64_t wanted = options->connections_max;
    uint64_t reserved = RESERVED + 2 * options->tails_count + 2 * listeners->count;
    for (size_t i = 0; i < options->tails_count; i++)
        if (tail_is_pattern(options->tails[i].path))
            reserved += PATTERN_RESERVED;
    reserved += (uint64_t)(workers->count - 1) * RESERVED_FOR_LOOP;
    if (hark_os_getrlimit(RLIMIT_NOFILE, &limit) == 0)
        descriptors = limit.rlim_cur;
    if (strcmp(hark_loop_backend(workers->all[0].worker.loop), "select") == 0 &&
        descriptors > SELECT_DESCRIPTORS)
        descriptors = SELECT_DESCRIPTORS;
    uint64_t most = descriptors > 2 * reserved ? descriptors - reserved : descriptors / 2;
    return wanted != 0 && wanted < most ? wanted : most;
}

static struct worker *owner_of(const struct listeners *listeners)
{
    return workers_owner(listeners->workers);
}

/* --- accepting --- */

static void accepted(struct hark_listener *socket, int fd)
{
    struct listener *listener = hark_container_of(socket, struct listener, socket);
    const struct arrival arrival = {
        .protocol = listener->protocol,
        .fd = fd,
        .guarded = listener->guarded,
        .secure = listener->secure,
    };
    workers_deal(listener->listeners->workers, &arrival);
}

static void accept_failed(struct hark_listener *socket, int error)
{
    struct listener *listener = hark_container_of(socket, struct listener, socket);
    switch (-error) {
    case EMFILE:
    case ENFILE:
        say_at(SAY_WARNING,
               "no descriptor is left for connections to the %s port: they are closed until there "
               "is (raise the limit: ulimit -n)",
               listener->protocol->name);
        break;
    case ENOMEM:
    case ENOBUFS:
        say_at(SAY_WARNING,
               "no memory is left for connections to the %s port: they wait until there is",
               listener->protocol->name);
        break;
    case ENOSPC:
        say_at(SAY_WARNING,
               "the kernel watches no more descriptors for this user: connections to the %s port "
               "wait until it does (raise fs.epoll.max_user_watches)",
               listener->protocol->name);
        break;
    default:
        say("cannot accept connections to the %s port: %s", listener->protocol->name, why(error));
        listener->listeners->failed(listener->listeners, EXIT_REFUSED);
        break;
    }
}

static void closed(struct hark_listener *socket)
{
    struct listener *listener = hark_container_of(socket, struct listener, socket);
    listener->open = false;
    pending_end(&owner_of(listener->listeners)->accepted);
}

static const struct hark_listener_events events = {
    .accepted = accepted,
    .failed = accept_failed,
    .closed = closed,
};

/* --- opening --- */

static const char *advice(enum protocol_kind protocol, int error)
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
static int listener_open(struct listener *listener)
{
    struct worker *owner = owner_of(listener->listeners);
    const struct serve_options *options = listener->listeners->workers->options;
    struct hark_address address = listener->address;
    char actual[HARK_ADDRESS_TEXT_MAX];
    int fd = listener->inherited ? listener->inherited
                                 : hark_listen_at(owner->loop, &address, 0, HARK_LISTEN_NO_DELAY);
    if (fd < 0)
        return fd;
    bool is_unix = address.name.any.sa_family == AF_UNIX;
    if (!is_unix)
        keep_alive(owner->loop, fd);
    int error = hark_listener_adopt(owner->loop, &listener->socket, fd, &events);
    if (error < 0)
        return error;
    listener->guarded =
        host_is_loopback(&address) || (options->connection.hosts_count != 0 && !is_unix);
    listener->secure = options->tls.certificate && !listener->plain && !is_unix;
    listener->open = true;
    pending_begin(&owner->accepted);
    if (!options->quiet && hark_listener_address(&listener->socket, &address) == 0)
        say_at(SAY_NOTE, "%s%s on %s", listener->protocol->name,
               listener->secure ? " over TLS" : "",
               hark_address_format(&address, actual, sizeof actual));
    return 0;
}

/* Whether a listener may be left out: this machine lacks its address, or the whole family, and
 * another address of the same name is open or to be opened still. So localhost serves where there
 * is no IPv6. */
static bool may_be_missed(const struct listener *listener, int error)
{
    const struct listeners *listeners = listener->listeners;
    if (!listener->named || (error != -EAFNOSUPPORT && error != -EADDRNOTAVAIL))
        return false;
    for (const struct listener *other = listeners->all; other < listeners->all + listeners->count;
         other++) {
        if (other->text == listener->text && other->protocol == listener->protocol &&
            (other->open || other > listener))
            return true;
    }
    return false;
}

/* Gives: whether the others may be opened all the same. */
static bool say_not_open(const struct listener *listener, int error)
{
    char text[NAMES_TEXT_MAX];
    names_format(&listener->address, listener->named ? listener->text : NULL, text, sizeof text);
    if (!may_be_missed(listener, error)) {
        say("cannot listen on %s: %s (%s)", text, why(error),
            advice(listener->protocol->kind, error));
        return false;
    }
    if (!listener->listeners->workers->options->quiet)
        say_at(SAY_NOTE, "%s not on %s: %s", listener->protocol->name, text, why(error));
    return true;
}

static void open_rest(struct listeners *listeners);

static void again(struct hark_op *op, int64_t result)
{
    struct listeners *listeners = hark_container_of(op, struct listeners, again);
    struct worker *owner = owner_of(listeners);
    (void)result;
    if (owner->state == WORKER_SERVES)
        open_rest(listeners);
    pending_end(&owner->accepted);
}

/* Opens those that are not open yet. A process that was killed may hold its listening sockets a
 * moment longer than it lives: the kernel (6.18) takes an io_uring apart in the background. So an
 * address in use is tried again for a while, and a supervisor may start the next at once. */
static void open_rest(struct listeners *listeners)
{
    struct worker *owner = owner_of(listeners);
    while (listeners->next < listeners->count) {
        struct listener *listener = &listeners->all[listeners->next];
        listener->listeners = listeners;
        int error = listener_open(listener);
        if (error == -EADDRINUSE && hark_os_clock(owner->loop) < listeners->patient_ns) {
            pending_begin(&owner->accepted);
            hark_sleep(owner->loop, &listeners->again, AGAIN_NS, again);
            return;
        }
        if (error < 0 && !say_not_open(listener, error)) {
            listeners->opened(listeners, EXIT_REFUSED);
            return;
        }
        listeners->next++;
    }
    listeners->opened(listeners, EXIT_DONE);
}

void listeners_open(struct listeners *listeners, struct workers *workers,
                    void (*opened)(struct listeners *listeners, int code),
                    void (*failed)(struct listeners *listeners, int code))
{
    listeners->workers = workers;
    listeners->opened = opened;
    listeners->failed = failed;
    listeners->patient_ns = hark_os_clock(workers_owner(workers)->loop) + PATIENT_NS;
    open_rest(listeners);
}

/* --- looking up --- */

/* Adds a listener for each address. Gives: 0, or an exit code. */
static int add_listeners(struct listeners *listeners, const struct protocol *protocol,
                         const struct name *name, bool plain, const struct names *names)
{
    struct listener *larger =
        reallocarray(listeners->all, listeners->count + names->count, sizeof *larger);
    if (!larger) {
        say("cannot begin: %s", why(ENOMEM));
        return EXIT_REFUSED;
    }
    listeners->all = larger;
    for (size_t i = 0; i < names->count; i++) {
        larger[listeners->count++] = (struct listener){
            .protocol = protocol,
            .address = names->addresses[i],
            .text = name->text,
            .named = name->named,
            .plain = plain,
        };
    }
    return EXIT_DONE;
}

/* Whether others than this machine could come in. */
static bool is_open_to_others(const struct listener *listener)
{
    return listener->address.name.any.sa_family != AF_UNIX && !host_is_loopback(&listener->address);
}

/* Whether they could, and nothing says who may do what. Client certificates do: who has one may do
 * everything. */
static bool is_reckless(const struct listener *listener, const struct serve_options *options)
{
    bool certified = options->tls.client_ca && !listener->plain;
    return is_open_to_others(listener) && !options->tokens && !options->insecure && !certified;
}

static bool shows_tokens(const struct listener *listener, const struct serve_options *options)
{
    bool secure = options->tls.certificate && !listener->plain;
    return is_open_to_others(listener) && options->tokens && !options->insecure && !secure;
}

/* Gives: 0, or an exit code. */
static int check_rules(const struct listeners *listeners, const struct serve_options *options)
{
    for (const struct listener *one = listeners->all; one < listeners->all + listeners->count;
         one++) {
        if (shows_tokens(one, options))
            say_at(SAY_WARNING,
                   "--%s %s: tokens go over the network as they are, for all on the way to read "
                   "(--tls-cert hides them; --insecure says that it is well)",
                   one->protocol->name, one->text);
        if (!is_reckless(one, options))
            continue;
        say("--%s %s: others than this machine could connect, and nothing says who may do what "
            "(make rules: --tokens FILE, see hark help token; or say --insecure)",
            one->protocol->name, one->text);
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}

static int look_up(struct listeners *listeners, const struct protocol *protocol,
                   const char *const *texts, size_t count)
{
    char option[16];
    int code = EXIT_DONE;
    snprintf(option, sizeof option, "--%s", protocol->name);
    for (size_t i = 0; i < count && code == EXIT_DONE; i++) {
        struct names names = {0};
        struct name name;
        bool plain;
        code = names_parse(option, serve_address(texts[i], &plain), &name);
        if (code == EXIT_DONE)
            code = names_look_up(option, &name, &names);
        if (code == EXIT_DONE)
            code = add_listeners(listeners, protocol, &name, plain, &names);
        names_done(&names);
    }
    return code;
}

/* One that the service manager has opened. Gives: 0, or an exit code. */
static int add_inherited(struct listeners *listeners, size_t index)
{
    struct hark_address address = {0};
    const struct names one = {.addresses = &address, .count = 1};
    const struct name name = {.text = "LISTEN_FDS"};
    const int fd = INHERITED_FIRST + (int)index;
    int error = inherited_prepare(fd, &address);
    if (error < 0) {
        say("descriptor %d is no socket that listens, as LISTEN_FDS says: %s", fd, why(error));
        return EXIT_REFUSED;
    }
    const struct protocol *protocol = inherited_is_lines(index) ? &lines_protocol : &http_protocol;
    int code = add_listeners(listeners, protocol, &name, false, &one);
    if (code == EXIT_DONE)
        listeners->all[listeners->count - 1].inherited = fd;
    return code;
}

static int add_all_inherited(struct listeners *listeners)
{
    int count = inherited_count(), code = EXIT_DONE;
    if (count < 0) {
        say("LISTEN_FDS and LISTEN_PID do not say how many sockets this process was given");
        return EXIT_REFUSED;
    }
    for (int i = 0; i < count && code == EXIT_DONE; i++)
        code = add_inherited(listeners, (size_t)i);
    return code;
}

static bool has(const struct listeners *listeners, const struct protocol *protocol)
{
    for (size_t i = 0; i < listeners->count; i++)
        if (listeners->all[i].protocol == protocol)
            return true;
    return false;
}

int listeners_look_up(struct listeners *listeners, const struct serve_options *options)
{
    int code = add_all_inherited(listeners);
    bool http = has(listeners, &http_protocol), lines = has(listeners, &lines_protocol);
    if (code == EXIT_DONE && !http)
        code = look_up(listeners, &http_protocol, options->http, options->http_count);
    if (code == EXIT_DONE && !lines)
        code = look_up(listeners, &lines_protocol, options->lines, options->lines_count);
    return code == EXIT_DONE ? check_rules(listeners, options) : code;
}

/* --- closing --- */

void listeners_close(struct listeners *listeners)
{
    hark_cancel(&listeners->again);
    for (size_t i = 0; i < listeners->count; i++) {
        if (listeners->all[i].open)
            hark_listener_close(&listeners->all[i].socket);
    }
}

void listeners_done(struct listeners *listeners)
{
    free(listeners->all);
}
