/* server.c - the agent's beginning: options, loops, log, brokers, ports, tails, in this order; then
 * it runs until it is told to end.
 *
 * Whatever refuses says one line, and the parts that were opened by then are closed as in any other
 * end.
 */
#include "server/server.h"
#include "connection/worker.h"
#include "http/http.h"

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

const char *agent_date(struct agent *agent)
{
    const uint64_t second_ns = 1000000000U;
    uint64_t now_ns = hark_now(agent->loop);
    if (now_ns >= agent->date_until_ns) {
        uint64_t wall_ns = hark_os_wall_clock(agent->loop);
        http_date((int64_t)(wall_ns / second_ns), agent->date);
        agent->date_until_ns = now_ns + second_ns - wall_ns % second_ns;
    }
    return agent->date;
}

static void report(void *context, enum log_severity severity, const char *text)
{
    const struct agent *agent = context;
    static const enum say_level levels[] = {
        [LOG_NOTE] = SAY_NOTE, [LOG_WARNING] = SAY_WARNING, [LOG_ERROR] = SAY_ERROR};
    if (severity != LOG_NOTE || !agent->options->quiet)
        say_at(levels[severity], "%s", text);
}

/* --- what has to be open before there is anything to serve --- */

/* Whether a directory is to be followed, which can only be meant otherwise. */
static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int tails_open(struct agent *agent)
{
    const struct serve_options *options = agent->options;
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
            .report_context = agent,
        };
        error = tail_open(agent->loop, agent->broker, agent->log, &tail, &agent->tail);
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

static void say_no_data(const struct agent *agent, int error)
{
    say("cannot open the data directory %s: %s (%s)", agent->options->data,
        error == -EBUSY ? "it is in use" : why(error), data_advice(error));
}

/* Tells the person and the supervisor that everything is listened on. */
static void tell_ready(const struct agent *agent)
{
    const struct serve_options *options = agent->options;
    char threads[32] = "";
    if (agent->crew->count > 1)
        snprintf(threads, sizeof threads, ", %u threads", (unsigned)agent->crew->count);
    if (!options->quiet)
        say_at(SAY_NOTE, "ready: events in %s, backend %s%s, up to %llu connections", options->data,
               hark_loop_backend(agent->loop), threads, (unsigned long long)agent->connections_max);
    if (options->ready_descriptor > 0 && write(options->ready_descriptor, "\n", 1) < 0)
        say("cannot tell that it is ready: %s", why(errno));
}

static void ports_are_open(struct agent *agent, int code)
{
    if (code == EXIT_DONE)
        code = tails_open(agent);
    if (code != EXIT_DONE)
        shutdown_begin(agent, code);
    else
        tell_ready(agent);
}

struct broker_options agent_broker_options(struct agent *agent)
{
    return (struct broker_options){
        .ring_bytes = (size_t)agent->options->ring_bytes,
        .heartbeat_ns = agent->options->heartbeat_ns,
        .brokers = agent->crew->count,
        .trouble = &agent->crew->trouble,
        .mailbox = &agent->mailbox,
    };
}

void crew_is_ready(struct agent *owner, int error)
{
    if (owner->ending != ENDING_NOT)
        return;
    if (error == 0) {
        ports_open(owner, ports_are_open);
    } else {
        say("cannot begin: %s", why(error));
        shutdown_begin(owner, EXIT_REFUSED);
    }
}

static void parts_open(struct agent *agent)
{
    struct broker_options options = agent_broker_options(agent);
    int error = broker_create(agent->loop, agent->log, &options, &agent->broker);
    if (error == 0)
        crew_begin(agent);
    else
        crew_is_ready(agent, error);
}

static void log_is_open(void *context, int result, struct log *log)
{
    struct agent *agent = context;
    agent->log_opening = false;
    agent->log = log;
    if (result < 0) {
        say_no_data(agent, result);
        shutdown_begin(agent, EXIT_REFUSED);
    } else if (agent->ending == ENDING_NOT) {
        parts_open(agent);
    }
    shutdown_advance(agent);
}

static int begin(struct agent *agent)
{
    const struct serve_options *options = agent->options;
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
        .report_context = agent,
    };
    int error = log_open(agent->loop, options->data, &log, log_is_open, agent);
    if (error == -EINVAL) {
        say("the log cannot be kept so: --segment-bytes is out of its range, %s",
            LOG_SEGMENT_BYTES_RANGE);
        return EXIT_USAGE;
    }
    if (error < 0) {
        say_no_data(agent, error);
        return EXIT_REFUSED;
    }
    agent->log_opening = true;
    reserve_fill(agent);
    shutdown_watch(agent);
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
    struct crew *crew = context;
    if (index != 0)
        hark_sleep_until(loop, &crew->agents[index].hold, HARK_NEVER, held);
    return 0;
}

static int run(struct crew *crew)
{
    struct agent *owner = &crew->agents[0];
    int code = begin(owner);
    if (code != EXIT_DONE)
        return code;
    int result = hark_group_run(crew->group, begin_loop, crew);
    if (result < 0) {
        say("the event loop cannot go on: %s", why(result));
        return EXIT_REFUSED;
    }
    return owner->exit_code;
}

static void agent_init(struct crew *crew, uint32_t index)
{
    struct agent *agent = &crew->agents[index];
    agent->options = crew->options;
    agent->crew = crew;
    agent->index = index;
    agent->loop = hark_group_loop(crew->group, index);
    mailbox_init(&agent->mailbox, agent->loop);
    list_init(&agent->sessions);
    turns_init(&agent->turns);
    incoming_init(agent);
    crew->sheets[index].agent = agent;
    if (index != 0)
        return;
    agent->ports = crew->ports;
    agent->ports_count = crew->ports_count;
    agent->connections_max = ports_connections_max(agent);
    agent->started_ns = hark_os_clock(agent->loop);
}

static void crew_free(struct crew *crew)
{
    free(crew->agents);
    free(crew->sheets);
    peers_done(crew);
    free(crew);
}

/* Makes the agents' memory. Takes: ports: stay the caller's, and as long as the crew. Gives: NULL:
 * none. */
static struct crew *crew_create(const struct serve_options *options, struct hark_group *group,
                                struct port *ports, size_t ports_count)
{
    struct crew *crew = calloc(1, sizeof *crew);
    if (!crew)
        return NULL;
    crew->options = options;
    crew->group = group;
    crew->ports = ports;
    crew->ports_count = ports_count;
    crew->count = hark_group_size(group);
    size_t bytes = crew->count * sizeof *crew->agents;
    crew->agents = aligned_alloc(_Alignof(struct agent), bytes);
    crew->sheets = calloc(crew->count, sizeof *crew->sheets);
    if (!crew->agents || !crew->sheets) {
        crew_free(crew);
        return NULL;
    }
    memset(crew->agents, 0, bytes);
    for (uint32_t i = 0; i < crew->count; i++)
        agent_init(crew, i);
    return crew;
}

static int run_all(const struct serve_options *options)
{
    struct hark_group *group = NULL;
    struct port *ports = NULL;
    size_t ports_count = 0;
    int code = ports_look_up(options, &ports, &ports_count);
    ports_raise_limit();
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow refuses events, and ends nothing */
    if (code == EXIT_DONE)
        code = group_make(options, &group);
    if (code != EXIT_DONE) {
        free(ports);
        return code;
    }
    struct crew *crew = crew_create(options, group, ports, ports_count);
    if (!crew) {
        say("cannot begin: %s", why(ENOMEM));
        code = EXIT_REFUSED;
    } else {
        code = run(crew);
        for (uint32_t i = 0; i < crew->count; i++)
            publish_http_done(&crew->agents[i]);
    }
    /* Where the loops had to be left, what is in flight still points at the agents: all stay, and
     * the process ends. */
    if (hark_group_destroy(group) == 0) {
        if (crew)
            crew_free(crew);
        free(ports);
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
