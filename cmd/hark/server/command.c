/* command.c - the options of `hark serve`: from the command line and the configuration file
 * into struct serve_options. Values are checked here as far as their text goes, so that a wrong one
 * is told with its name and, in a file, its line; whether the machine agrees is for serve_run to
 * find out.
 */
#include "server/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "log/log.h"
#include "options/names.h"
#include "options/value.h"
#include "server/server.h"
#include "tail/tail.h"
#include "wire/name.h"

enum {
    THREADS_MAX = 1024,
    ORIGIN_BYTES_MAX = 270, /* a scheme, the longest name, a port */
};

/* A sanitizer looks at the process from a process of its own, and what is covered is written where
 * the program was built. */
#ifdef HARK_WITHOUT_SANDBOX
static const enum serve_sandbox sandbox_default = SANDBOX_OFF;
#else
static const enum serve_sandbox sandbox_default = SANDBOX_ON;
#endif

/* What the rows fill in. The lists take the place of the defaults once they are set. */
struct serving {
    struct serve_options options;
    struct options_memory memory;
    const char **http;
    const char **lines;
    const char **hosts;
    const char **sandbox_reads;
    struct tail_file *tails;
    size_t tails_count;
};

/* Makes room for one more: the arrays grow by doubling, at the powers of two. */
static void *grown(void *array, size_t count, size_t size)
{
    if (count & (count - 1))
        return array;
    return reallocarray(array, count ? 2 * count : 1, size);
}

/* One more address in a list; "off" empties it. */
static const char *add_address(const char ***list, const char *const **used, size_t *count,
                               const char *value)
{
    static const char *const none[1];
    if (strcmp(value, "off") == 0) {
        *used = none;
        *count = 0;
        return NULL;
    }
    bool plain;
    const char *wrong = names_check(serve_address(value, &plain));
    if (wrong)
        return wrong;
    if (*used != *list)
        *count = 0;
    const char **larger = grown(*list, *count, sizeof **list);
    if (!larger)
        return hark_error_text(ENOMEM);
    larger[(*count)++] = value;
    *list = larger;
    *used = larger;
    return NULL;
}

static const char *set_http(void *target, const char *value)
{
    struct serving *serving = target;
    return add_address(&serving->http, &serving->options.http, &serving->options.http_count, value);
}

static const char *set_lines(void *target, const char *value)
{
    struct serving *serving = target;
    return add_address(&serving->lines, &serving->options.lines, &serving->options.lines_count,
                       value);
}

static const char *set_host(void *target, const char *value)
{
    struct serving *serving = target;
    const char *wrong = value_host(value);
    const char **larger =
        wrong ? NULL
              : grown(serving->hosts, serving->options.connection.hosts_count, sizeof *larger);
    if (wrong || !larger)
        return wrong ? wrong : hark_error_text(ENOMEM);
    larger[serving->options.connection.hosts_count++] = value;
    serving->hosts = larger;
    serving->options.connection.hosts = larger;
    return NULL;
}

/* Gives: the place of a word in a list that ends with NULL; -1: it is not there. */
static int word_of(const char *const *words, const char *value)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], value) == 0)
            return i;
    return -1;
}

static const char *set_sandbox(void *target, const char *value)
{
    static const char *const words[] = {
        [SANDBOX_OFF] = "off", [SANDBOX_ON] = "on", [SANDBOX_REQUIRED] = "required", NULL};
    const int found = word_of(words, value);
    if (found >= 0)
        ((struct serving *)target)->options.sandbox = (enum serve_sandbox)found;
    return found >= 0 ? NULL : "is not on, off or required";
}

static const char *set_log_format(void *target, const char *value)
{
    static const char *const words[] = {[SAY_TEXT] = "text", [SAY_JSON] = "json", NULL};
    const int found = word_of(words, value);
    if (found >= 0)
        ((struct serving *)target)->options.log_format = (enum say_format)found;
    return found >= 0 ? NULL : "is not text or json";
}

static const char *set_log_level(void *target, const char *value)
{
    static const char *const words[] = {
        [SAY_ERROR] = "error", [SAY_WARNING] = "warning", [SAY_NOTE] = "note", NULL};
    const int found = word_of(words, value);
    if (found >= 0)
        ((struct serving *)target)->options.log_level = (enum say_level)found;
    return found >= 0 ? NULL : "is not error, warning or note";
}

static const char *set_sandbox_read(void *target, const char *value)
{
    struct serving *serving = target;
    const char **larger =
        grown(serving->sandbox_reads, serving->options.sandbox_reads_count, sizeof *larger);
    if (!larger || !*value)
        return *value ? hark_error_text(ENOMEM) : "is empty";
    larger[serving->options.sandbox_reads_count++] = value;
    serving->sandbox_reads = larger;
    serving->options.sandbox_reads = larger;
    return NULL;
}

#define SET_FILE(name, field)                                                                      \
    static const char *set_##name(void *target, const char *value)                                 \
    {                                                                                              \
        ((struct serving *)target)->options.field = value;                                         \
        return *value ? NULL : "is empty";                                                         \
    }

SET_FILE(data, data)
SET_FILE(tls_certificate, tls.certificate)
SET_FILE(tls_key, tls.key)
SET_FILE(tls_client_ca, tls.client_ca)
SET_FILE(tokens, tokens)

/* FILE=STREAM: a file's name may hold a '=', a stream's may not. */
static const char *set_tail(void *target, const char *value)
{
    struct serving *serving = target;
    const char *equals = strrchr(value, '=');
    if (!equals || equals == value)
        return "is not FILE=STREAM";
    char *file = options_memory_copy(&serving->memory, value, (size_t)(equals - value));
    if (!file)
        return hark_error_text(ENOMEM);
    char *slash = strrchr(file, '/');
    if (slash && strcspn(file, "*?") < (size_t)(slash - file))
        return "is a pattern in the name of a directory, which is not taken: only the last name "
               "may be one";
    const char *stream = equals + 1;
    if (tail_is_pattern(file) ? !tail_pattern_stream_valid(stream)
                              : !name_valid(stream, strlen(stream)))
        return "the part after the = is not a stream's name: " NAME_RULE;
    struct tail_file *tails = grown(serving->tails, serving->tails_count, sizeof *tails);
    if (tails)
        serving->tails = tails;
    if (!tails)
        return hark_error_text(ENOMEM);
    tails[serving->tails_count++] = (struct tail_file){.path = file, .stream = stream};
    return NULL;
}

/* A value of 0 would mean "the default" to serve_run, where it stands for nothing else it is
 * refused. */
static const char *above_zero(const char *wrong, uint64_t value)
{
    if (wrong)
        return wrong;
    return value ? NULL : "must be more than 0";
}

/* A deadline so far off still fits into the clock. */
static const char *within_a_century(const char *wrong, uint64_t value)
{
    static const uint64_t day_ns = UINT64_C(86400) * 1000000000;
    if (wrong)
        return wrong;
    return value > 0 && value <= 36500 * day_ns ? NULL
                                                : "is out of range: more than 0, up to 36500d";
}

static const char *none_or_a_millisecond(const char *wrong, uint64_t value)
{
    if (wrong || value == 0)
        return wrong;
    return value >= 1000000 ? within_a_century(NULL, value) : "is out of range: 0, or 1ms and more";
}

static const char *up_to_a_billion(const char *wrong, uint64_t value)
{
    if (wrong)
        return wrong;
    return value <= 1000000000 ? NULL : "is out of range: 0 to 1000000000";
}

static const char *seconds_up_to_an_hour(const char *wrong, uint64_t value)
{
    static const uint64_t second_ns = 1000000000;
    if (wrong)
        return wrong;
    return value % second_ns == 0 && value <= 3600 * second_ns
               ? NULL
               : "is out of range: whole seconds, up to 1h";
}

static const char *in_segment_range(const char *wrong, uint64_t value)
{
    if (wrong)
        return wrong;
    return value >= LOG_SEGMENT_BYTES_MIN && value <= LOG_SEGMENT_BYTES_MAX
               ? NULL
               : "is out of range: " LOG_SEGMENT_BYTES_RANGE;
}

static const char *set_sync(void *target, const char *value)
{
    struct serving *serving = target;
    uint64_t interval_ns = 0;
    if (strcmp(value, "always") == 0) {
        serving->options.log.sync = LOG_SYNC_ALWAYS;
    } else if (strcmp(value, "never") == 0) {
        serving->options.log.sync = LOG_SYNC_NEVER;
    } else {
        if (value_duration(value, &interval_ns))
            return "is not always, never or a duration such as 200ms";
        const char *wrong = within_a_century(NULL, interval_ns);
        if (wrong)
            return wrong;
        serving->options.log.sync = LOG_SYNC_INTERVAL;
        serving->options.log.sync_interval_ns = interval_ns;
    }
    return NULL;
}

static const char *set_backend(void *target, const char *value)
{
    return value_backend(value, &((struct serving *)target)->options.backend);
}

static const char *set_threads(void *target, const char *value)
{
    uint64_t count = 0;
    const char *wrong = value_count(value, &count);
    if (wrong)
        return wrong;
    if (count > THREADS_MAX)
        return "is out of range: 0 to 1024";
    ((struct serving *)target)->options.threads = (uint32_t)count;
    return NULL;
}

/* It stands in the head of every answer. */
static const char *set_allow_origin(void *target, const char *value)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*+-.:/[]_~%";
    size_t length = strlen(value);
    if (length < 1 || length > ORIGIN_BYTES_MAX || strspn(value, letters) != length)
        return "is not an origin such as https://example.org, or *";
    ((struct serving *)target)->options.connection.allow_origin = value;
    return NULL;
}

static const char *set_insecure(void *target, const char *value)
{
    ((struct serving *)target)->options.insecure = strcmp(value, "yes") == 0;
    return NULL;
}

static const char *set_quiet(void *target, const char *value)
{
    ((struct serving *)target)->options.quiet = strcmp(value, "yes") == 0;
    return NULL;
}

static const char *set_webhooks(void *target, const char *value)
{
    static const char *const words[] = {[TARGET_PUBLIC] = "public",
                                        [TARGET_LOCAL] = "local",
                                        [TARGET_ANY] = "any",
                                        [TARGET_NONE] = "off"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(value, words[i]) == 0) {
            ((struct serving *)target)->options.subscriptions.reach = (enum target_reach)i;
            return NULL;
        }
    }
    return "is not public, local, any or off";
}

/* It stands in bodies as it is. */
static const char *set_public_url(void *target, const char *value)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-.:/[]_~%";
    const size_t length = strlen(value);
    const bool scheme = strncmp(value, "https://", 8) == 0 || strncmp(value, "http://", 7) == 0;
    if (!scheme || length >= SUBSCRIPTION_BASE_MAX || strspn(value, letters) != length ||
        value[length - 1] == '/')
        return "is not a URL such as https://events.example.org, without a slash at its end";
    ((struct serving *)target)->options.subscriptions.public_url = value;
    return NULL;
}

#define SET(name, field, read, check)                                                              \
    static const char *set_##name(void *target, const char *text)                                  \
    {                                                                                              \
        uint64_t value = 0;                                                                        \
        const char *wrong = read(text, &value);                                                    \
        ((struct serving *)target)->options.field = value;                                         \
        return check(wrong, value);                                                                \
    }

#define ANY(wrong, value) (wrong)

SET(clock_skew, clock_skew_ns, value_duration, seconds_up_to_an_hour)
SET(retention_age, log.retain_age_ns, value_duration, ANY)
SET(heartbeat, broker.heartbeat_ns, value_duration, within_a_century)
SET(head_timeout, connection.head_timeout_ns, value_duration, within_a_century)
SET(body_timeout, connection.body_timeout_ns, value_duration, within_a_century)
SET(poll_timeout, connection.poll_timeout_ns, value_duration, within_a_century)
SET(idle_timeout, connection.idle_timeout_ns, value_duration, within_a_century)
SET(stall_timeout, connection.stall_timeout_ns, value_duration, within_a_century)
SET(stages, stages_ns, value_duration, ANY)
SET(stall, stall_ns, value_duration, none_or_a_millisecond)
SET(shutdown_timeout, shutdown_timeout_ns, value_duration, within_a_century)
SET(streams_max, log.streams_max, value_count, ANY)
SET(segment, log.segment_bytes, value_bytes, in_segment_range)
SET(retention, log.retain_bytes, value_bytes, ANY)
SET(ring, broker.ring_bytes, value_bytes, above_zero)
SET(incoming, connection.incoming_bytes, value_bytes, above_zero)
SET(connections_max, connections_max, value_count, above_zero)
SET(connections_each, connections_each, value_count, ANY)
SET(requests_each, rates[RATE_REQUESTS], value_count, up_to_a_billion)
SET(bytes_each, rates[RATE_BYTES], value_bytes, ANY)

static const struct option_row rows[] = {
    {"http", 0, "HOST:PORT",
     "listen for HTTP: events in and out, the dashboard, metrics\n"
     "[127.0.0.1:12345]; may be repeated; off: none; port 0: a free one;\n"
     "PORT alone: on 127.0.0.1; *:PORT: on all addresses; a name: on all of its",
     set_http},
    {"lines", 0, "HOST:PORT",
     "listen for plain lines, as nc, hark pub and hark sub speak them\n"
     "[127.0.0.1:12346]; may be repeated; off: none",
     set_lines},
    {"host", 0, "NAME",
     "a name that requests may be for; may be repeated. Where HTTP listens on\n"
     "loopback, or names are given: others than these, localhost and\n"
     "addresses are refused, so that no web page can get in by a name",
     set_host},
    {"tls-cert", 0, "FILE",
     "speak TLS on all TCP ports but those given as plain:HOST:PORT: the\n"
     "certificate and those that lead to its CA, in PEM; read anew at SIGHUP",
     set_tls_certificate},
    {"tls-key", 0, "FILE", "its private key, in PEM [in the same file]", set_tls_key},
    {"tls-client-ca", 0, "FILE",
     "let in clients alone whose certificate leads to a CA of FILE, in PEM", set_tls_client_ca},
    {"tokens", 0, "FILE",
     "let in clients by the rules of FILE alone: who may read, append, create\n"
     "and delete which streams; hark token makes tokens and rules for them;\n"
     "read anew at SIGHUP, and so are the keys of signed tokens (JWT)",
     set_tokens},
    {"clock-skew", 0, "TIME",
     "how far off the clocks of who signs tokens may be: such a token is good\n"
     "for so much longer, and so much sooner; up to 1h [60s]",
     set_clock_skew},
    {"insecure", 0, NULL,
     "listen where others can connect, although neither --tokens nor\n"
     "--tls-client-ca says who may do what",
     set_insecure},
    {"data", 'd', "DIR", "keep the events in DIR, made where it is missing [./hark-data]",
     set_data},
    {"tail", 't', "FILE=STREAM",
     "make each line appended to FILE an event of STREAM, across\n"
     "rotation, truncation and restarts; may be repeated. The last name\n"
     "of FILE may be a pattern, in quotes: '/var/log/*.log={name}'; {name}\n"
     "stands for the file's name",
     set_tail},
    {"sync", 0, "WHEN",
     "when an event is acknowledged: always: once it is synced to\n"
     "disk; never: once it is written; a duration such as 200ms:\n"
     "once it is written, synced that often [always]",
     set_sync},
    {"backend", 'b', "NAME", "the loop's backend: auto, uring, epoll, poll, select [auto]",
     set_backend},
    {"threads", 0, "COUNT",
     "serve connections on COUNT threads, each with a loop; 0: one for\n"
     "each CPU [1]",
     set_threads},
    {"segment-bytes", 0, "SIZE", "begin a new segment of the log at SIZE, 4K to 4G [64M]",
     set_segment},
    {"retention-bytes", 0, "SIZE", "drop the oldest segments while the log is larger; 0: keep [0]",
     set_retention},
    {"retention-age", 0, "TIME", "drop segments whose newest event is older; 0: keep [0]",
     set_retention_age},
    {"streams-max", 0, "COUNT", "the most streams; past it new ones are refused; 0: no limit [0]",
     set_streams_max},
    {"connections-max", 0, "COUNT", "the most connections at once [as many as descriptors]",
     set_connections_max},
    {"incoming-bytes", 0, "SIZE",
     "memory for bodies and lines that are on their way in, of all\nconnections together [64M]",
     set_incoming},
    {"connections-per-address", 0, "COUNT", "the most connections of one address; 0: no limit [0]",
     set_connections_each},
    {"requests-per-address", 0, "COUNT",
     "the most requests, and lines that are published, of one address in a\n"
     "second, on each thread; 0: no limit [0]",
     set_requests_each},
    {"bytes-per-address", 0, "SIZE",
     "the most bytes that one address publishes in a second, on each thread;\n"
     "0: no limit [0]",
     set_bytes_each},
    {"ring-bytes", 0, "SIZE",
     "memory for the newest events of a stream, shared by all its\nsubscribers [4M]", set_ring},
    {"heartbeat", 0, "TIME", "send a comment to event-stream clients this often [15s]",
     set_heartbeat},
    {"head-timeout", 0, "TIME", "the longest time for a request's whole head [10s]",
     set_head_timeout},
    {"body-timeout", 0, "TIME", "the longest time for a request's whole body [60s]",
     set_body_timeout},
    {"poll-timeout", 0, "TIME", "how long a long poll of /v1/stream waits [20s]", set_poll_timeout},
    {"idle-timeout", 0, "TIME", "the longest time between two requests [75s]", set_idle_timeout},
    {"stall-timeout", 0, "TIME", "the longest time in which a client may take nothing [60s]",
     set_stall_timeout},
    {"shutdown-timeout", 0, "TIME", "the longest time that an orderly end may take [5s]",
     set_shutdown_timeout},
    {"stages", 0, "TIME",
     "record the stages of requests for TIME after each look at the\n"
     "dashboard, /stats or /metrics; 0: never [10s]",
     set_stages},
    {"stall", 0, "TIME",
     "say which callback holds a thread for longer than TIME, and where it\n"
     "is, and count it; 0: nobody watches [0]",
     set_stall},
    {"allow-origin", 0, "ORIGIN", "let pages of ORIGIN (or *) use the HTTP port", set_allow_origin},
    {"webhooks", 0, "WHERE",
     "where webhooks of subscriptions may go: public: by https, to public\n"
     "addresses; local: and by http to this machine, for development; any:\n"
     "to any address; off: nowhere [public]",
     set_webhooks},
    {"public-url", 0, "URL",
     "how others reach this server, in what webhooks are told: the scheme, the\n"
     "host, a path [http:// and the host that was asked]",
     set_public_url},
    {"sandbox", 0, "on|off|required",
     "give up at the start what a running server does not need: privileges,\n"
     "files and ports that no option names, system calls; on: what the kernel\n"
     "has of it; required: all of it, or the server does not start [on]",
     set_sandbox},
    {"sandbox-read", 0, "PATH",
     "let the sandbox read PATH, and all beneath it, as well; may be repeated:\n"
     "where links of --tail or --tls-cert will lead",
     set_sandbox_read},
    {"log-format", 0, "text|json",
     "how the lines on standard error look: json: an object each, with time,\n"
     "level and message [text]",
     set_log_format},
    {"log-level", 0, "LEVEL", "say what is of this level at least: error, warning, note [note]",
     set_log_level},
    {"quiet", 'q', NULL, "say nothing but errors", set_quiet},
};

const struct options_command options_serve = {
    .name = "serve",
    .usage = "[OPTION]...",
    .about =
        "The event-stream server. It takes events over HTTP, over plain lines and from files that\n"
        "grow, keeps them in a log on disk, and gives them to any number of subscribers, from any\n"
        "event on. While nothing happens it sleeps. SIGTERM, SIGINT or SIGHUP ends it in order; "
        "with\n"
        "--tls-cert or --tokens SIGHUP reads those files anew.\n",
    .after =
        "Sizes: 64K, 16M, 1G. Times: 200ms, 5s, 10m, 12h, 7d.\n"
        "\n"
        "Examples:\n"
        "  hark serve                                        on 127.0.0.1, data in ./hark-data\n"
        "  hark serve --tail /var/log/syslog=syslog          each new line of a log is an event\n"
        "  hark serve --http 80 --lines off --data /var/lib/hark --retention-age 7d\n"
        "  hark serve --http '*:4437' --tls-cert chain.pem --tls-key key.pem --tokens rules\n"
        "  hark serve --config /etc/hark.ini\n"
        "\n"
        "Then, in another terminal:\n"
        "  echo 'it rains' | hark pub weather\n"
        "  hark sub weather --after start\n"
        "  curl -d 'it snows' http://127.0.0.1:12345/streams/weather\n"
        "  curl -N 'http://127.0.0.1:12345/streams/weather?after=start'\n"
        "and http://127.0.0.1:12345/ in a browser.\n"
        "\n"
        "A configuration file:\n"
        "  http = 127.0.0.1:12345\n"
        "  data = /var/lib/hark\n"
        "  tail = /var/log/syslog=syslog\n"
        "  tail = /var/log/nginx/access.log=access\n"
        "  sync = 200ms\n"
        "\n"
        "Exit code: 0 it ended in order; 1 the machine refused something; 2 wrong usage.\n",
    .rows = rows,
    .count = sizeof rows / sizeof *rows,
    .with_config = true,
};

/* Says so where there is nothing to do. */
static bool has_work(const struct serve_options *options)
{
    if (options->http_count > 0 || options->lines_count > 0 || options->tails_count > 0)
        return true;
    say("serve: there is nothing to do: --http and --lines are off, and no --tail is given "
        "(try: hark serve --help)");
    return false;
}

/* Says so where an option is given that means nothing without another. */
static bool tls_is_whole(const struct serve_tls *tls)
{
    if (tls->certificate || (!tls->key && !tls->client_ca))
        return true;
    say("serve: %s needs --tls-cert (try: hark serve --help)",
        tls->key ? "--tls-key" : "--tls-client-ca");
    return false;
}

int options_serve_parse(int argc, char **argv, int (*run)(const struct serve_options *options))
{
    struct serving serving = {.http = NULL};
    struct options_found found;
    int code;

    serve_options_init(&serving.options);
    serving.options.sandbox = sandbox_default;
    if (options_parse(&options_serve, &serving.memory, argc, argv, &serving, &found, &code)) {
        serving.options.tails = serving.tails;
        serving.options.tails_count = serving.tails_count;
        serving.options.config = found.config;
        bool whole = has_work(&serving.options) && tls_is_whole(&serving.options.tls);
        code = whole ? run(&serving.options) : EXIT_USAGE;
    }
    free(serving.http);
    free(serving.lines);
    free(serving.hosts);
    free(serving.sandbox_reads);
    free(serving.tails);
    options_memory_done(&serving.memory);
    return code;
}

int options_serve_run(int argc, char **argv)
{
    return options_serve_parse(argc, argv, serve_run);
}
