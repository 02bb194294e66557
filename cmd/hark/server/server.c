/* server.c - the server's beginning: options, loops, log, brokers, listeners, tails, in this
 * order; then it runs until it is told to end.
 *
 * Whatever refuses says one line, and the parts that were opened by then are closed as in any other
 * end.
 */
#include "server/server.h"
#include "broker/broker.h"
#include "connection/connection.h"
#include "connection/worker.h"
#include "http/publish.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/say.h"

static const char *const http_default[] = {"127.0.0.1:12345"};
static const char *const lines_default[] = {"127.0.0.1:12346"};

void serve_options_init(struct serve_options *out_options)
{
    *out_options = (struct serve_options){
        .http = http_default,
        .http_count = 1,
        .lines = lines_default,
        .lines_count = 1,
        .data = "./hark-data",
        .sync = SERVE_SYNC_ALWAYS,
        .backend = HARK_BACKEND_AUTO,
        .threads = 1,
    };
}

const char *worker_date(struct worker *worker)
{
    const uint64_t second_ns = 1000000000U;
    uint64_t now_ns = hark_now(worker->loop);
    if (now_ns >= worker->date_until_ns) {
        uint64_t wall_ns = hark_os_wall_clock(worker->loop);
        http_date((int64_t)(wall_ns / second_ns), worker->date);
        worker->date_until_ns = now_ns + second_ns - wall_ns % second_ns;
    }
    return worker->date;
}

static void report(void *context, enum log_severity severity, const char *text)
{
    const struct worker *worker = context;
    static const enum say_level levels[] = {
        [LOG_NOTE] = SAY_NOTE, [LOG_WARNING] = SAY_WARNING, [LOG_ERROR] = SAY_ERROR};
    if (severity != LOG_NOTE || !worker->options->quiet)
        say_at(levels[severity], "%s", text);
}

/* --- what has to be open before there is anything to serve --- */

/* Whether a directory is to be followed, which can only be meant otherwise. */
static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int tails_open(struct worker *worker)
{
    const struct serve_options *options = worker->options;
    if (options->tails_count == 0)
        return EXIT_DONE;
    for (size_t i = 0; i < options->tails_count; i++) {
        if (is_directory(options->tails[i].file)) {
            say("cannot follow %s: it is a directory: name a file in it (look at --tail)",
                options->tails[i].file);
            return EXIT_USAGE;
        }
    }
    struct tail_file *files = calloc(options->tails_count, sizeof *files);
    int error = !files ? -ENOMEM : 0;
    if (files) {
        for (size_t i = 0; i < options->tails_count; i++)
            files[i] = (struct tail_file){.path = options->tails[i].file,
                                          .stream = options->tails[i].stream};
        struct tail_options tail = {
            .files = files,
            .count = options->tails_count,
            .directory = options->data,
            .report = report,
            .spare = reserve_give,
            .report_context = worker,
        };
        error = tail_open(worker->loop, worker->broker, worker->log, &tail, &worker->tail);
        if (error == 0)
            pending_begin(&worker->accepted);
    }
    free(files);
    if (error == -EINVAL) {
        say("cannot follow files: a stream's name is wrong, or a FILE=STREAM is there twice (look "
            "at --tail)");
        return EXIT_USAGE;
    }
    if (error < 0) {
        say("cannot follow files: %s (look at fs.inotify.max_user_instances and ulimit -n)",
            why(error));
        return EXIT_REFUSED;
    }
    return EXIT_DONE;
}

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

static void say_no_data(const struct worker *worker, int error)
{
    say("cannot open the data directory %s: %s (%s)", worker->options->data,
        error == -EBUSY ? "it is in use" : why(error), data_advice(error));
}

/* Tells the person and the supervisor that everything is listened on. */
static void say_ready(const struct worker *worker)
{
    const struct serve_options *options = worker->options;
    char threads[32] = "";
    if (worker->server->count > 1)
        snprintf(threads, sizeof threads, ", %u threads", (unsigned)worker->server->count);
    if (!options->quiet)
        say_at(SAY_NOTE, "ready: events in %s, backend %s%s, up to %llu connections", options->data,
               hark_loop_backend(worker->loop), threads,
               (unsigned long long)worker->connections_max);
    if (options->ready_descriptor > 0 && write(options->ready_descriptor, "\n", 1) < 0)
        say("cannot tell that it is ready: %s", why(errno));
}

static void listeners_are_open(struct worker *worker, int code)
{
    if (code == EXIT_DONE)
        code = tails_open(worker);
    if (code != EXIT_DONE)
        shutdown_begin(worker, code);
    else
        say_ready(worker);
}

struct broker_options worker_broker_options(struct worker *worker)
{
    return (struct broker_options){
        .ring_bytes = (size_t)worker->options->ring_bytes,
        .heartbeat_ns = worker->options->heartbeat_ns,
        .brokers = worker->server->count,
        .trouble = &worker->server->trouble,
    };
}

void workers_are_ready(struct worker *owner, int error)
{
    if (owner->ending != ENDING_NOT)
        return;
    if (error == 0) {
        listeners_open(owner, listeners_are_open);
    } else {
        say("cannot begin: %s", why(error));
        shutdown_begin(owner, EXIT_REFUSED);
    }
}

static void parts_open(struct worker *worker)
{
    struct broker_options options = worker_broker_options(worker);
    int error = broker_create(worker->loop, worker->log, &options, &worker->broker);
    if (error == 0)
        workers_begin(worker);
    else
        workers_are_ready(worker, error);
}

static void log_is_open(void *context, int result, struct log *log)
{
    struct worker *worker = context;
    worker->log = log;
    if (result < 0) {
        say_no_data(worker, result);
        shutdown_begin(worker, EXIT_REFUSED);
    } else if (worker->ending == ENDING_NOT) {
        parts_open(worker);
    }
    pending_end(&worker->accepted);
}

static int begin(struct worker *worker)
{
    const struct serve_options *options = worker->options;
    static const enum log_sync syncs[] = {
        [SERVE_SYNC_ALWAYS] = LOG_SYNC_ALWAYS,
        [SERVE_SYNC_INTERVAL] = LOG_SYNC_INTERVAL,
        [SERVE_SYNC_NEVER] = LOG_SYNC_NEVER,
    };
    struct log_options log = {
        .sync = syncs[options->sync],
        .sync_interval_ns = options->sync_interval_ns,
        .segment_bytes = options->segment_bytes,
        .retain_bytes = options->retention_bytes,
        .retain_age_ns = options->retention_age_ns,
        .report = report,
        .spare = reserve_give,
        .report_context = worker,
    };
    int error = log_open(worker->loop, options->data, &log, log_is_open, worker);
    if (error == -EINVAL) {
        say("the log cannot be kept so: --segment-bytes is out of its range, %s",
            LOG_SEGMENT_BYTES_RANGE);
        return EXIT_USAGE;
    }
    if (error < 0) {
        say_no_data(worker, error);
        return EXIT_REFUSED;
    }
    pending_begin(&worker->accepted);
    reserve_fill(worker);
    shutdown_watch(worker);
    return EXIT_DONE;
}

/* --- the run --- */

static int group_make(const struct serve_options *options, struct hark_group **out_group)
{
    struct hark_group_options wanted = {.loop.backend = options->backend,
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
    else if (options->backend != HARK_BACKEND_AUTO || getenv("HARK_BACKEND"))
        say("cannot make the event loop: this backend is refused here: %s (try --backend auto; "
            "hark doctor tells more)",
            why(error));
    else
        say("cannot make the event loop: %s (hark doctor tells more)", why(error));
    return error == -EINVAL ? EXIT_USAGE : EXIT_REFUSED;
}

static void held(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
}

/* The others have nothing to do but what comes by mail. */
static int begin_loop(struct hark_loop *loop, uint32_t index, void *context)
{
    struct server *server = context;
    if (index != 0)
        hark_sleep_until(loop, &server->workers[index].hold, HARK_NEVER, held);
    return 0;
}

static int run(struct server *server)
{
    struct worker *owner = &server->workers[0];
    int code = begin(owner);
    if (code != EXIT_DONE)
        return code;
    int result = hark_group_run(server->group, begin_loop, server);
    if (result < 0) {
        say("the event loop cannot go on: %s", why(result));
        return EXIT_REFUSED;
    }
    return owner->exit_code;
}

static void worker_init(struct server *server, uint32_t index)
{
    struct worker *worker = &server->workers[index];
    worker->options = server->options;
    worker->server = server;
    worker->index = index;
    worker->loop = hark_group_loop(server->group, index);
    mailbox_init(&worker->mailbox, worker->loop);
    turns_init(&worker->turns, worker->loop, connection_turn);
    incoming_init(&worker->incoming, worker->loop, worker->options->incoming_bytes, server->count);
    list_init(&worker->connections);
    server->counters[index].worker = worker;
    if (index != 0)
        return;
    worker->listeners = server->listeners;
    worker->listeners_count = server->listeners_count;
    worker->connections_max = listeners_connections_max(worker);
    worker->started_ns = hark_os_clock(worker->loop);
}

static void server_free(struct server *server)
{
    free(server->workers);
    free(server->counters);
    peers_done(server);
    free(server);
}

/* Makes the workers' memory. Takes: listeners: stay the caller's, and as long as the server. Gives:
 * NULL: none. */
static struct server *server_create(const struct serve_options *options, struct hark_group *group,
                                    struct listener *listeners, size_t listeners_count)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server)
        return NULL;
    server->options = options;
    server->group = group;
    server->listeners = listeners;
    server->listeners_count = listeners_count;
    server->count = hark_group_size(group);
    size_t bytes = server->count * sizeof *server->workers;
    server->workers = aligned_alloc(_Alignof(struct worker), bytes);
    server->counters = calloc(server->count, sizeof *server->counters);
    if (!server->workers || !server->counters) {
        server_free(server);
        return NULL;
    }
    memset(server->workers, 0, bytes);
    for (uint32_t i = 0; i < server->count; i++)
        worker_init(server, i);
    return server;
}

static int run_all(const struct serve_options *options)
{
    struct hark_group *group = NULL;
    struct listener *listeners = NULL;
    size_t listeners_count = 0;
    int code = listeners_look_up(options, &listeners, &listeners_count);
    listeners_raise_limit();
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow refuses events, and ends nothing */
    if (code == EXIT_DONE)
        code = group_make(options, &group);
    if (code != EXIT_DONE) {
        free(listeners);
        return code;
    }
    struct server *server = server_create(options, group, listeners, listeners_count);
    if (!server) {
        say("cannot begin: %s", why(ENOMEM));
        code = EXIT_REFUSED;
    } else {
        code = run(server);
        for (uint32_t i = 0; i < server->count; i++)
            publish_http_done(&server->workers[i]);
    }
    /* Where the loops had to be left, what is in flight still points at the workers: all stay, and
     * the process ends. */
    if (hark_group_destroy(group) == 0) {
        if (server)
            server_free(server);
        free(listeners);
    }
    return code;
}

int serve_run(const struct serve_options *options)
{
    /* Standard error may be a pipe whose reader is gone, a file at its limit gives an error as
     * well, and the other two mean nothing here: no reasons to end. */
    static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_IGN);
    say_begin_log();
    int code = run_all(options);
    say_end_log();
    return code;
}
