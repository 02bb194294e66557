/* server.c - the server's beginning: options, loops, log, brokers, listeners, tails, in this
 * order; then it runs until it is told to end.
 *
 * Whatever refuses says one line, and the parts that were opened by then are closed as in any other
 * end.
 */
#include "server/server.h"
#include "server/certificates.h"
#include "server/confine.h"
#include "server/listeners.h"
#include "server/notify.h"
#include "server/permissions.h"
#include "server/reserve.h"
#include "server/shutdown.h"
#include "server/workers.h"
#include "status/query.h"
#include "status/status.h"
#include "subscriptions/subscriptions.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/say.h"

struct server {
    const struct serve_options *options;
    struct workers workers;
    struct listeners listeners;
    struct reserve reserve;
    struct notify notify;
    struct certificates certificates;
    struct permissions permissions;
    struct status status;
    struct shutdown shutdown;
    struct confinement confinement;
    struct subscriptions *subscriptions; /* stays until all threads are gone */
};

/* --- what the log and the tails ask of it --- */

static void report(void *context, enum log_severity severity, const char *text)
{
    const struct server *server = context;
    static const enum say_level levels[] = {
        [LOG_NOTE] = SAY_NOTE, [LOG_WARNING] = SAY_WARNING, [LOG_ERROR] = SAY_ERROR};
    if (severity != LOG_NOTE || !server->options->quiet)
        say_at(levels[severity], "%s", text);
}

static bool spare(void *context)
{
    return reserve_give(&((struct server *)context)->reserve);
}

/* --- files that are followed --- */

/* Whether a directory is to be followed, which can only be meant otherwise. */
static bool is_directory(const char *path)
{
    struct stat status;
    return hark_os_fstatat(AT_FDCWD, path, &status, 0) == 0 && S_ISDIR(status.st_mode);
}

static int say_no_tails(int error)
{
    if (error == -EINVAL) {
        say("cannot follow files: a stream's name is wrong, or a FILE=STREAM is there twice (look "
            "at --tail)");
        return EXIT_USAGE;
    }
    say("cannot follow files: %s (look at fs.inotify.max_user_instances and ulimit -n)",
        why(error));
    return EXIT_REFUSED;
}

static int tails_open(struct server *server)
{
    const struct serve_options *options = server->options;
    struct worker *owner = workers_owner(&server->workers);
    struct tail_options tail = {
        .files = options->tails,
        .count = options->tails_count,
        .directory = options->data,
        .report = report,
        .spare = spare,
        .report_context = server,
    };
    if (options->tails_count == 0)
        return EXIT_DONE;
    for (size_t i = 0; i < options->tails_count; i++) {
        if (is_directory(options->tails[i].path)) {
            say("cannot follow %s: it is a directory: name a file in it (look at --tail)",
                options->tails[i].path);
            return EXIT_USAGE;
        }
    }
    int error =
        tail_open(owner->loop, owner->broker, server->shutdown.log, &tail, &server->shutdown.tail);
    if (error < 0)
        return say_no_tails(error);
    server->status.tail = server->shutdown.tail;
    pending_begin(&owner->accepted);
    return EXIT_DONE;
}

/* --- subscriptions --- */

/* Every thread may ask them, from the first connection on. Gives: 0; -ENOMEM. */
static int subscriptions_begin(struct server *server)
{
    struct workers *workers = &server->workers;
    struct worker *owner = workers_owner(workers);
    int error = subscriptions_open(owner, server->shutdown.log, server->options->data,
                                   &server->options->subscriptions, &server->subscriptions);
    server->shutdown.subscriptions = server->subscriptions;
    if (server->subscriptions)
        pending_begin(&owner->accepted); /* until it is closed */
    for (uint32_t i = 0; i < workers->count; i++)
        workers->all[i].worker.subscriptions = server->subscriptions;
    return error;
}

/* --- what has to be open before there is anything to serve --- */

static const char *data_advice(int error)
{
    switch (-error) {
    case EBUSY:
        return "another hark serve uses it: end that, or try --data OTHER";
    case EPROTO:
        return "it was written by a newer hark: use that, or try --data OTHER";
    case EACCES:
    case EPERM:
    case EROFS:
        return "try --data DIR with one that you may write";
    case ENOENT:
        return "make the directory that it is to be in, or try another --data";
    case ELOOP:
        return "no link is followed inside it: put the file itself there, or remove the link";
    case ENOTDIR:
    case EEXIST:
        return "it is no directory: try another --data";
    case ENOSPC:
    case EDQUOT:
        return "make space, or try --data DIR on another disk";
    default:
        return "try another --data";
    }
}

static void say_no_data(const struct server *server, int error)
{
    say("cannot open the data directory %s: %s (%s)", server->options->data,
        error == -EBUSY ? "it is in use" : why(error), data_advice(error));
}

/* Tells the person and the supervisor that everything is listened on. */
static void say_ready(struct server *server)
{
    const struct serve_options *options = server->options;
    const struct workers *workers = &server->workers;
    char threads[32] = "";
    if (workers->count > 1)
        snprintf(threads, sizeof threads, ", %u threads", (unsigned)workers->count);
    if (!options->quiet)
        say_at(SAY_NOTE, "ready: events in %s, backend %s%s, up to %llu connections", options->data,
               hark_loop_backend(workers->all[0].worker.loop), threads,
               (unsigned long long)workers->connections_max);
    notify_tell(&server->notify, "READY=1");
    notify_watch(&server->notify);
    int64_t told =
        options->ready_descriptor > 0 ? hark_os_write(options->ready_descriptor, "\n", 1) : 0;
    if (told < 0)
        say("cannot tell that it is ready: %s", why(told));
}

static void listeners_are_open(struct listeners *listeners, int code)
{
    struct server *server = hark_container_of(listeners, struct server, listeners);
    if (code == EXIT_DONE)
        code = tails_open(server);
    if (code != EXIT_DONE)
        shutdown_begin(&server->shutdown, code);
    else
        say_ready(server);
}

static void listeners_failed(struct listeners *listeners, int code)
{
    shutdown_begin(&hark_container_of(listeners, struct server, listeners)->shutdown, code);
}

static void workers_are_ready(struct workers *workers, int error)
{
    struct server *server = hark_container_of(workers, struct server, workers);
    if (server->shutdown.begun)
        return;
    if (error == 0)
        error = subscriptions_begin(server);
    if (error == 0) {
        listeners_open(&server->listeners, workers, listeners_are_open, listeners_failed);
    } else {
        say("cannot begin: %s", why(error));
        shutdown_begin(&server->shutdown, EXIT_REFUSED);
    }
}

static void log_is_open(void *context, int result, struct log *log)
{
    struct server *server = context;
    server->shutdown.log = log;
    server->status.log = log;
    if (result < 0) {
        say_no_data(server, result);
        shutdown_begin(&server->shutdown, EXIT_REFUSED);
    } else if (!server->shutdown.begun) {
        workers_begin(&server->workers, log, &server->status.health.trouble, workers_are_ready);
    }
    pending_end(&workers_owner(&server->workers)->accepted);
}

static int begin(struct server *server)
{
    const struct serve_options *options = server->options;
    struct worker *owner = workers_owner(&server->workers);
    struct log_options log = options->log;
    log.report = report;
    log.spare = spare;
    log.report_context = server;
    int error = log_open(owner->loop, options->data, &log, log_is_open, server);
    if (error == -EINVAL) {
        say("the log cannot be kept so: --segment-bytes is out of its range, %s",
            LOG_SEGMENT_BYTES_RANGE);
        return EXIT_USAGE;
    }
    if (error < 0) {
        say_no_data(server, error);
        return EXIT_REFUSED;
    }
    pending_begin(&owner->accepted);
    reserve_init(&server->reserve, owner->loop);
    notify_open(&server->notify, owner->loop);
    shutdown_watch(&server->shutdown);
    if (options->tls.certificate || options->tokens)
        /* It is given back to that, when the server ends; and it has to be so before anybody
           follows it: it would be ignored from then on. */
        hark_os_sigaction(SIGHUP, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    certificates_watch(&server->certificates);
    permissions_watch(&server->permissions);
    return EXIT_DONE;
}

/* --- the run --- */

static int group_make(const struct serve_options *options, struct hark_group **out_group)
{
    struct hark_group_options wanted = {.loop.backend = options->backend,
                                        .loop.kinds = confine_kinds(options),
                                        .loops = options->threads};
    int error = hark_group_create(&wanted, out_group);
    if (error == 0)
        return EXIT_DONE;
    if (error == -EINVAL)
        say("cannot make the event loop: no such backend (HARK_BACKEND is auto, uring, epoll, poll "
            "or select)");
    else if (error == -EMFILE || error == -ENFILE)
        say("cannot make the event loops: %s (raise ulimit -n, or try --threads 1)", why(error));
    else if (options->threads != 1 && (error == -EAGAIN || error == -ENOMEM))
        say("cannot make the event loops: %s (try --threads 1)", why(error));
    else if (options->backend != HARK_BACKEND_AUTO || hark_os_getenv("HARK_BACKEND"))
        say("cannot make the event loop: this backend is refused here: %s (try --backend auto; "
            "hark doctor tells more)",
            why(error));
    else
        say("cannot make the event loop: %s (hark doctor tells more)", why(error));
    return error == -EINVAL ? EXIT_USAGE : EXIT_REFUSED;
}

static int begin_loop(struct hark_loop *loop, uint32_t index, void *context)
{
    struct server *server = context;
    workers_begin_loop(&server->workers, loop, index);
    return 0;
}

static int run(struct server *server)
{
    int code = begin(server);
    if (code != EXIT_DONE)
        return code;
    int result = hark_group_run(server->workers.group, begin_loop, server);
    if (result < 0) {
        say("the event loop cannot go on: %s", why(result));
        return EXIT_REFUSED;
    }
    return server->shutdown.exit_code;
}

/* --- its parts --- */

static const struct worker_calls calls = {
    .connection_ended = workers_connection_ended,
    .query_now = query_now,
    .query_send = query_send,
};

static struct status_listeners count_listeners(void *context)
{
    const struct listeners *listeners = context;
    struct status_listeners counted = {0};
    for (size_t i = 0; i < listeners->count; i++) {
        counted.pauses += listeners->all[i].socket.pauses;
        counted.shed += listeners->all[i].socket.shed_count;
    }
    return counted;
}

static int status_init(struct server *server)
{
    struct status *status = &server->status;
    struct workers *workers = &server->workers;
    status->counters = calloc(workers->count, sizeof *status->counters);
    if (!status->counters)
        return -ENOMEM;
    for (uint32_t i = 0; i < workers->count; i++)
        status->counters[i].worker = &workers->all[i].worker;
    status->owner = workers_owner(workers);
    status->count = workers->count;
    status->started_ns = hark_os_clock(status->owner->loop);
    status->connections_max = workers->connections_max;
    status->stall_ns = server->options->stall_ns;
    status->listeners = count_listeners;
    status->listeners_context = &server->listeners;
    return 0;
}

static int parts_init(struct server *server, struct hark_group *group)
{
    struct workers *workers = &server->workers;
    int error = workers_create(workers, server->options, group, &calls, &server->status);
    if (error < 0)
        return error;
    workers->connections_max = listeners_connections_max(&server->listeners, workers);
    workers->reserve = &server->reserve;
    workers->shutdown = &server->shutdown;
    server->shutdown.workers = workers;
    server->shutdown.listeners = &server->listeners;
    server->shutdown.reserve = &server->reserve;
    server->shutdown.notify = &server->notify;
    server->shutdown.certificates = &server->certificates;
    server->shutdown.permissions = &server->permissions;
    workers->certificates = &server->certificates;
    workers->permissions = &server->permissions;
    return status_init(server);
}

static void server_free(struct server *server)
{
    subscriptions_destroy(server->subscriptions);
    workers_done(&server->workers);
    permissions_done(&server->permissions);
    listeners_done(&server->listeners);
    free(server->status.counters);
    free(server);
}

static int run_group(struct server *server)
{
    struct hark_group *group = NULL;
    int code = group_make(server->options, &group);
    if (code != EXIT_DONE) {
        server_free(server);
        return code;
    }
    int error = parts_init(server, group);
    if (error == 0) {
        code = certificates_open(&server->certificates, &server->workers);
    } else {
        say("cannot begin: %s", why(error));
        code = EXIT_REFUSED;
    }
    if (code == EXIT_DONE)
        code = permissions_open(&server->permissions, &server->workers);
    if (code == EXIT_DONE)
        code = confine_calls(&server->confinement, server->options);
    if (code == EXIT_DONE)
        code = run(server);
    /* If the loops had to be left, what is in flight still points at the workers: all stay, and the
     * process ends. */
    if (hark_group_destroy(group) == 0)
        server_free(server);
    return code;
}

static void ignore(int number)
{
    hark_os_sigaction(number, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
}

static int run_all(const struct serve_options *options)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server) {
        say("cannot begin: %s", why(ENOMEM));
        return EXIT_REFUSED;
    }
    server->options = options;
    int code = listeners_look_up(&server->listeners, options);
    listeners_raise_limit();
    ignore(SIGXFSZ); /* a file that may not grow refuses events, and ends nothing */
    if (code == EXIT_DONE)
        code = confine_files(&server->confinement, options, &server->listeners);
    if (code == EXIT_DONE)
        return run_group(server);
    server_free(server);
    return code;
}

int serve_run(const struct serve_options *options)
{
    /* Standard error may be a pipe whose reader is gone, a file at its limit gives an error as
     * well, and the other two mean nothing here: no reasons to end. */
    static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        ignore(ignored[i]);
    say_begin_log();
    say_set_log(options->log_format, options->log_level);
    int code = run_all(options);
    say_end_log();
    return code;
}
