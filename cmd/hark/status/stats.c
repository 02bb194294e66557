/* stats.c - GET /stats and GET /streams: everything that the dashboard shows, as JSON. Names and
 * states hold nothing that JSON would need escaped, but for paths and refusals, which are
 * escaped. */
#include "status/stats.h"
#include "broker/look.h"
#include "log/log.h"
#include "status/stages.h"
#include "status/status.h"
#include "tail/tail.h"

typedef unsigned long long number;

/* A JSON string. Bytes that are no UTF-8 pass as they are. */
static void add_string(struct text *text, const char *string)
{
    text_add(text, "\"");
    for (const char *at = string; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte == '"' || byte == '\\')
            text_add(text, "\\%c", byte);
        else if (byte < ' ')
            text_add(text, "\\u%04x", byte);
        else
            text_add(text, "%c", byte);
    }
    text_add(text, "\"");
}

static void add_refusals(struct text *text, struct hark_loop *loop)
{
    static const struct {
        const char *name;
        enum hark_backend_kind kind;
    } kinds[] = {
        {"uring", HARK_BACKEND_URING}, {"epoll", HARK_BACKEND_EPOLL}, {"poll", HARK_BACKEND_POLL}};
    const char *comma = "";
    text_add(text, "\"refusals\":{");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *refusal = hark_loop_refusal(loop, kinds[i].kind);
        if (!refusal)
            continue;
        text_add(text, "%s\"%s\":", comma, kinds[i].name);
        add_string(text, refusal);
        comma = ",";
    }
    text_add(text, "}");
}

static void add_lag(struct text *text, const struct hark_metrics *metrics)
{
    const char *comma = "";
    text_add(text, "\"lag\":{\"total_seconds\":%.9f,\"longest_turn_seconds\":%.9f",
             (double)metrics->lag_total_ns / 1e9, (double)metrics->longest_turn_ns / 1e9);
    text_add(text,
             ",\"p50_seconds\":%.9f,\"p90_seconds\":%.9f,\"p99_seconds\":%.9f,\"max_seconds\":%.9f,"
             "\"buckets\":[",
             counters_lag(metrics, 0.5), counters_lag(metrics, 0.9), counters_lag(metrics, 0.99),
             counters_lag(metrics, 1));
    for (int i = 0; i < HARK_LAG_BUCKETS; i++) {
        if (metrics->lag[i] == 0)
            continue;
        text_add(text, "%s[%.9f,%llu]", comma, counters_lag_upper(i), (number)metrics->lag[i]);
        comma = ",";
    }
    text_add(text, "]}");
}

static void add_ops(struct text *text, const struct hark_metrics *metrics)
{
    const char *comma = "";
    text_add(text, "\"ops\":[");
    for (int i = 0; i < HARK_OP_KINDS; i++) {
        if (metrics->requested[i] == 0)
            continue;
        text_add(text,
                 "%s{\"name\":\"%s\",\"requested\":%llu,\"handled\":%llu,\"repeated\":%llu,\"in_"
                 "flight\":%llu}",
                 comma, hark_op_name(i), (number)metrics->requested[i], (number)metrics->handled[i],
                 (number)metrics->repeated[i],
                 (number)(metrics->requested[i] - metrics->handled[i]));
        comma = ",";
    }
    text_add(text, "]");
}

static void add_loop(struct text *text, const struct hark_metrics *metrics, uint64_t active)
{
    text_add(text,
             "\"loop\":{\"turns\":%llu,\"sleeps\":%llu,\"wakes\":%llu,\"system_calls\":%llu,"
             "\"waits\":%llu",
             (number)metrics->turns, (number)metrics->sleeps, (number)metrics->wakes,
             (number)metrics->system_calls, (number)metrics->waits);
    text_add(text,
             ",\"registrations\":%llu,\"ring_full\":%llu,\"overflows\":%llu,\"buffers_exhausted\":%"
             "llu,\"active\":%llu,",
             (number)metrics->registrations, (number)metrics->ring_full, (number)metrics->overflows,
             (number)metrics->buffers_exhausted, (number)active);
    add_lag(text, metrics);
    text_add(text, ",");
    add_ops(text, metrics);
    text_add(text, "}");
}

/* How the threads share the load. */
static void add_threads(struct text *text, const struct status *status)
{
    const char *comma = "";
    text_add(text, ",\"threads\":[");
    for (uint32_t i = 0; i < status->count; i++) {
        const struct counters *counters = &status->counters[i];
        text_add(text,
                 "%s{\"connections\":%llu,\"turns\":%llu,\"sleeps\":%llu,\"busy_seconds\":%.9f}",
                 comma,
                 (number)(counters->served.connections[PROTOCOL_HTTP] +
                          counters->served.connections[PROTOCOL_LINES]),
                 (number)counters->loop.turns, (number)counters->loop.sleeps,
                 (double)counters->loop.lag_total_ns / 1e9);
        comma = ",";
    }
    text_add(text, "]");
}

static void add_stalls(struct text *text, const struct status *status, const struct counters *total,
                       uint64_t now_ns)
{
    const struct live_callback *last = &total->last_stall;
    uint64_t count = 0;
    for (int i = 0; i < HARK_OP_KINDS; i++)
        count += total->served.stalls[i];
    text_add(text, ",\"stalls\":{\"limit_seconds\":%.9f,\"count\":%llu,\"seconds\":%.9f,\"last\":",
             (double)status->stall_ns / 1e9, (number)count, (double)total->served.stalled_ns / 1e9);
    if (last->ended_ns == 0)
        text_add(text, "null}");
    else
        text_add(text, "{\"op\":\"%s\",\"seconds\":%.9f,\"ago_seconds\":%.3f}}",
                 hark_op_name((int)last->kind), (double)last->held_ns / 1e9,
                 now_ns > last->ended_ns ? (double)(now_ns - last->ended_ns) / 1e9 : 0);
}

/* Whether events are taken. */
static void add_health(struct text *text, const struct status *status)
{
    const char *trouble = health_trouble(&status->health);
    text_add(text, ",\"health\":{\"ok\":%s,\"reason\":", !trouble ? "true" : "false");
    add_string(text, !trouble ? "" : trouble);
    text_add(text, "}");
}

static void add_traffic(struct text *text, const struct status *status,
                        const struct counters *totals)
{
    const struct worker_counters *counters = &totals->served;
    const struct broker_statistics *broker = &totals->broker;
    text_add(text,
             ",\"connections\":{\"http\":%llu,\"lines\":%llu,\"max\":%llu,\"accepted_http\":%llu,"
             "\"accepted_lines\":%llu,"
             "\"shed\":%llu,\"timeouts\":%llu,\"documents\":%llu}",
             (number)counters->connections[PROTOCOL_HTTP],
             (number)counters->connections[PROTOCOL_LINES], (number)status->connections_max,
             (number)counters->accepted[PROTOCOL_HTTP], (number)counters->accepted[PROTOCOL_LINES],
             (number)counters->shed, (number)counters->timeouts, (number)counters->documents);
    text_add(text,
             ",\"events\":{\"published\":%llu,\"published_bytes\":%llu,\"failed\":%llu,"
             "\"delivered\":%llu,\"delivered_bytes\":%llu",
             (number)broker->published, (number)broker->published_bytes, (number)broker->failed,
             (number)broker->delivered, (number)broker->delivered_bytes);
    text_add(text,
             ",\"gaps\":%llu,\"heartbeats\":%llu,\"disk_reads\":%llu,\"encoded\":%llu,\"left_out\":"
             "%llu,\"ring_bytes\":%llu}",
             (number)broker->gaps, (number)broker->heartbeats, (number)broker->disk_reads,
             (number)broker->encoded, (number)broker->left_out, (number)broker->ring_bytes);
    text_add(text, ",\"subscribers\":{\"sse\":%llu,\"lines\":%llu}",
             (number)broker->readers[BROKER_SSE], (number)broker->readers[BROKER_LINES]);
}

static void add_log(struct text *text, const struct log *log)
{
    const struct log_statistics *statistics = log_statistics(log);
    text_add(text,
             ",\"log\":{\"segments\":%llu,\"bytes\":%llu,\"streams\":%llu,\"appends\":%llu,"
             "\"append_bytes\":%llu,"
             "\"append_errors\":%llu,\"commits\":%llu,\"syncs\":%llu,\"sync_errors\":%llu",
             (number)statistics->segments, (number)statistics->bytes, (number)statistics->streams,
             (number)statistics->appends, (number)statistics->append_bytes,
             (number)statistics->append_errors, (number)statistics->commits,
             (number)statistics->syncs, (number)statistics->sync_errors);
    text_add(text, ",\"reads\":%llu,\"read_bytes\":%llu,\"damaged\":%llu,\"removed\":%llu}",
             (number)statistics->reads, (number)statistics->read_bytes, (number)statistics->damaged,
             (number)statistics->removed);
}

/* --- lists --- */

struct listing {
    struct text *text;
    const char *comma;
};

static void add_tail(void *context, const struct tail_view *view)
{
    struct listing *listing = context;
    struct text *text = listing->text;
    text_add(text, "%s{\"path\":", listing->comma);
    add_string(text, view->path);
    text_add(text, ",\"stream\":\"%s\",\"state\":", view->stream);
    add_string(text, view->state);
    text_add(text,
             ",\"offset\":%llu,\"lines\":%llu,\"bytes\":%llu,\"split\":%llu,\"rotations\":%llu,"
             "\"truncations\":%llu}",
             (number)view->offset, (number)view->lines, (number)view->bytes, (number)view->split,
             (number)view->rotations, (number)view->truncations);
    listing->comma = ",";
}

void stats_stream_write(struct text *text, const struct broker_stream_view *view)
{
    const struct log_stream *log = view->log;
    text_add(text, "{\"name\":\"%s\",\"events\":%llu,\"bytes\":%llu,\"first\":%llu,\"last\":%llu",
             view->name, (number)(log ? log->count : 0), (number)(log ? log->bytes : 0),
             (number)(log ? log->first : 0), (number)(log ? log->last : 0));
    text_add(text, ",\"published\":%llu,\"per_second\":%.1f,\"subscribers\":%u}",
             (number)view->published, view->per_second, view->readers);
}

static void streams_stream(struct edition *edition, const struct broker_stream_view *view)
{
    text_add(&edition->text, "%s", edition->comma);
    stats_stream_write(&edition->text, view);
    edition->comma = ",";
}

static void streams_end(struct edition *edition)
{
    text_add(&edition->text, "]");
    if (edition->next != 0)
        text_add(&edition->text, ",\"next\":\"%llu\"", (number)edition->next);
    text_add(&edition->text, "}\n");
}

static void stats_end(struct edition *edition)
{
    const uint64_t all = log_statistics(edition->status->log)->streams;
    text_add(&edition->text, "],\"streams_left_out\":%llu}\n",
             (number)(edition->full && all > edition->streams ? all - edition->streams : 0));
}

static void streams_begin(struct edition *edition, struct status *status)
{
    (void)status;
    text_add(&edition->text, "{\"streams\":[");
}

static void add_process(struct text *text)
{
    struct counters_usage usage = counters_usage();
    text_add(text,
             ",\"process\":{\"cpu_seconds\":%.6f,\"user_seconds\":%.6f,\"system_seconds\":%.6f,"
             "\"max_resident_bytes\":%llu,"
             "\"voluntary_switches\":%llu,\"involuntary_switches\":%llu}",
             usage.user_seconds + usage.system_seconds, usage.user_seconds, usage.system_seconds,
             (number)usage.max_resident_bytes, (number)usage.voluntary_switches,
             (number)usage.involuntary_switches);
}

static void stats_begin(struct edition *edition, struct status *status)
{
    struct text *text = &edition->text;
    struct hark_loop *loop = status->owner->loop;
    struct listing tails = {.text = text, .comma = ""};
    const struct counters *total = &status->total;
    counters_read(&status->counters[0]);
    counters_total(status->counters, status->count, &status->total);
    text_add(text, "{\"version\":\"%s\",\"backend\":\"%s\",\"pid\":%ld,\"uptime_seconds\":%.3f,",
             hark_version(), hark_loop_backend(loop), (long)hark_os_getpid(),
             (double)(hark_now(loop) - status->started_ns) / 1e9);
    add_refusals(text, loop);
    text_add(text, ",");
    add_loop(text, &total->loop, total->active);
    add_threads(text, status);
    stages_stats(text, &total->stages, hark_os_clock(loop));
    add_stalls(text, status, total, hark_os_clock(loop));
    add_process(text);
    add_health(text, status);
    add_traffic(text, status, total);
    add_log(text, status->log);
    text_add(text, ",\"tails\":[");
    tail_each(status->tail, add_tail, &tails);
    text_add(text, "],\"streams\":[");
}

enum { STREAMS_MAX = 10000 };

const struct edition_writer stats_writer = {stats_begin, streams_stream, stats_end, STREAMS_MAX};
const struct edition_writer streams_writer = {streams_begin, streams_stream, streams_end,
                                              STREAMS_MAX};
