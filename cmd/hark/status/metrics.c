/* metrics.c - GET /metrics: the text format 0.0.4 of Prometheus. Each metric has its HELP and TYPE
 * once, its samples together, and the last line ends with LF. Streams past a number are left out,
 * so that an answer stays small; how many is told. */
#include "status/metrics.h"
#include "base/say.h"
#include "broker/look.h"
#include "connection/handshakes.h"
#include "log/log.h"
#include "status/stages.h"
#include "status/status.h"

typedef unsigned long long number;

enum { STREAMS_MAX = 1000 };

static void add_kind(struct text *text, const char *name, const char *type, const char *help)
{
    text_add(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_counter(struct text *text, const char *name, const char *help, uint64_t value)
{
    add_kind(text, name, "counter", help);
    text_add(text, "%s %llu\n", name, (number)value);
}

static void add_gauge(struct text *text, const char *name, const char *help, uint64_t value)
{
    add_kind(text, name, "gauge", help);
    text_add(text, "%s %llu\n", name, (number)value);
}

static void add_process(struct text *text, const struct status *status)
{
    struct counters_usage usage = counters_usage();
    struct hark_loop *loop = status->owner->loop;
    add_kind(text, "hark_build_info", "gauge",
             "1, with the version and the backend that the loop runs on.");
    text_add(text, "hark_build_info{version=\"%s\",backend=\"%s\"} 1\n", hark_version(),
             hark_loop_backend(loop));
    add_gauge(text, "hark_refusing", "1 while events are refused; /healthz says why.",
              health_trouble(&status->health) ? 1 : 0);
    add_gauge(text, "hark_threads", "Threads that serve connections.", status->count);
    add_kind(text, "hark_uptime_seconds", "gauge", "Time since the start.");
    text_add(text, "hark_uptime_seconds %.3f\n",
             (double)(hark_now(loop) - status->started_ns) / 1e9);
    add_kind(text, "process_cpu_seconds_total", "counter", "User and system CPU time.");
    text_add(text, "process_cpu_seconds_total %.6f\n", usage.user_seconds + usage.system_seconds);
    add_gauge(text, "hark_process_resident_max_bytes", "The most memory that was resident.",
              usage.max_resident_bytes);
    add_kind(text, "hark_process_switches_total", "counter", "Context switches of the process.");
    text_add(text,
             "hark_process_switches_total{kind=\"voluntary\"} "
             "%llu\nhark_process_switches_total{kind=\"involuntary\"} %llu\n",
             (number)usage.voluntary_switches, (number)usage.involuntary_switches);
    add_counter(text, "hark_messages_left_out_total", "Lines that standard error did not take.",
                say_left_out());
}

static void add_lag(struct text *text, const struct hark_metrics *metrics)
{
    uint64_t count = 0;
    add_kind(text, "hark_loop_turn_seconds", "histogram",
             "Time that a turn of the loop spent handling: its lag.");
    for (int i = 0; i < HARK_LAG_BUCKETS - 1; i++) {
        count += metrics->lag[i];
        if (i >= 9 && i <= 33) /* 1 us to 17 s */
            text_add(text, "hark_loop_turn_seconds_bucket{le=\"%.9g\"} %llu\n",
                     counters_lag_upper(i), (number)count);
    }
    count += metrics->lag[HARK_LAG_BUCKETS - 1];
    text_add(text, "hark_loop_turn_seconds_bucket{le=\"+Inf\"} %llu\n", (number)count);
    text_add(text, "hark_loop_turn_seconds_sum %.9f\nhark_loop_turn_seconds_count %llu\n",
             (double)metrics->lag_total_ns / 1e9, (number)count);
}

static void add_ops(struct text *text, const char *name, const char *help, const char *type,
                    const uint64_t *values, const uint64_t *less, const uint64_t *used)
{
    add_kind(text, name, type, help);
    for (int i = 0; i < HARK_OP_KINDS; i++) {
        if (used[i] != 0)
            text_add(text, "%s{op=\"%s\"} %llu\n", name, hark_op_name(i),
                     (number)(values[i] - (less ? less[i] : 0)));
    }
}

static void add_loop(struct text *text, const struct hark_metrics *metrics)
{
    add_counter(text, "hark_loop_turns_total", "Turns of the loop.", metrics->turns);
    add_counter(text, "hark_loop_sleeps_total", "Waits that could block.", metrics->sleeps);
    add_counter(text, "hark_loop_wakes_total",
                "Posts, stops and signals that had to wake the loop.", metrics->wakes);
    add_counter(text, "hark_loop_system_calls_total", "System calls on the loop's thread.",
                metrics->system_calls);
    add_counter(text, "hark_loop_waits_total",
                "Calls of io_uring_enter, epoll_pwait2, ppoll or pselect.", metrics->waits);
    add_counter(text, "hark_loop_registrations_total", "Calls of epoll_ctl.",
                metrics->registrations);
    add_counter(text, "hark_loop_ring_full_total", "Starts that waited for a submission entry.",
                metrics->ring_full);
    add_counter(text, "hark_loop_overflows_total", "Overflows of the completion queue.",
                metrics->overflows);
    add_counter(text, "hark_loop_buffers_exhausted_total", "Receives that found no buffer.",
                metrics->buffers_exhausted);
    add_kind(text, "hark_loop_longest_turn_seconds", "gauge",
             "The longest time that the callbacks of one turn took.");
    text_add(text, "hark_loop_longest_turn_seconds %.9f\n", (double)metrics->longest_turn_ns / 1e9);
    add_lag(text, metrics);
    add_ops(text, "hark_loop_ops_requested_total", "Operations started, by kind.", "counter",
            metrics->requested, NULL, metrics->requested);
    add_ops(text, "hark_loop_ops_handled_total", "Final calls of operations, by kind.", "counter",
            metrics->handled, NULL, metrics->requested);
    add_ops(text, "hark_loop_ops_in_flight", "Operations in flight, by kind.", "gauge",
            metrics->requested, metrics->handled, metrics->requested);
}

static void add_stalls(struct text *text, const struct worker_counters *counters)
{
    add_kind(text, "hark_stalls_total", "counter",
             "Callbacks that held a loop for longer than --stall, by the kind of their op.");
    for (int i = 0; i < HARK_OP_KINDS; i++)
        if (counters->stalls[i] != 0)
            text_add(text, "hark_stalls_total{op=\"%s\"} %llu\n", hark_op_name(i),
                     (number)counters->stalls[i]);
    add_kind(text, "hark_stalled_seconds_total", "counter", "Time for which they held it.");
    text_add(text, "hark_stalled_seconds_total %.9f\n", (double)counters->stalled_ns / 1e9);
}

static void add_tls(struct text *text, const struct worker_counters *counters)
{
    add_kind(text, "hark_tls_handshakes_total", "counter",
             "TLS handshakes, with certificates or of a session that was resumed.");
    text_add(text,
             "hark_tls_handshakes_total{resumed=\"no\"} "
             "%llu\nhark_tls_handshakes_total{resumed=\"yes\"} %llu\n",
             (number)counters->handshakes, (number)counters->handshakes_resumed);
    add_kind(text, "hark_tls_handshake_failures_total", "counter",
             "TLS handshakes that failed, by reason.");
    for (enum handshake_failure failure = 0; failure < HANDSHAKE_FAILURES; failure++)
        text_add(text, "hark_tls_handshake_failures_total{reason=\"%s\"} %llu\n",
                 handshakes_name(failure), (number)counters->handshake_failures[failure]);
    add_counter(text, "hark_tls_reloads_total", "Times that new certificates were taken.",
                counters->tls_reloads);
    add_counter(text, "hark_tls_reload_failures_total",
                "Times that new certificates were asked for and could not be used.",
                counters->tls_reload_failures);
}

static void add_rules(struct text *text, const struct worker_counters *counters)
{
    static const char *const names[REFUSALS] = {
        [REFUSAL_STRANGER] = "no_token",     [REFUSAL_UNKNOWN] = "unknown_token",
        [REFUSAL_FORBIDDEN] = "not_allowed", [REFUSAL_EXPIRED] = "expired",
        [REFUSAL_LIMITED] = "too_many",
    };
    add_kind(text, "hark_refused_total", "counter",
             "What was refused by the rules of --tokens, by reason.");
    for (enum access_refusal why = 0; why < REFUSALS; why++)
        text_add(text, "hark_refused_total{reason=\"%s\"} %llu\n", names[why],
                 (number)counters->refusals[why]);
    add_kind(text, "hark_limited_total", "counter",
             "What was refused as its address asked for too much in a second, by what it was.");
    text_add(text, "hark_limited_total{of=\"requests\"} %llu\n",
             (number)counters->limited[RATE_REQUESTS]);
    text_add(text, "hark_limited_total{of=\"bytes\"} %llu\n",
             (number)counters->limited[RATE_BYTES]);
    add_counter(text, "hark_rules_reloads_total", "Times that other rules came to hold.",
                counters->rules_reloads);
    add_counter(text, "hark_rules_reload_failures_total",
                "Times that other rules were asked for and could not be used.",
                counters->rules_reload_failures);
}

static void add_connections(struct text *text, const struct status *status,
                            const struct worker_counters *counters)
{
    struct status_listeners listeners = status->listeners(status->listeners_context);
    add_kind(text, "hark_connections", "gauge", "Open connections.");
    text_add(
        text,
        "hark_connections{protocol=\"http\"} %llu\nhark_connections{protocol=\"lines\"} %llu\n",
        (number)counters->connections[PROTOCOL_HTTP],
        (number)counters->connections[PROTOCOL_LINES]);
    add_gauge(text, "hark_connections_max", "How many there may be.", status->connections_max);
    add_kind(text, "hark_connections_accepted_total", "counter", "Connections accepted.");
    text_add(text,
             "hark_connections_accepted_total{protocol=\"http\"} "
             "%llu\nhark_connections_accepted_total{protocol=\"lines\"} %llu\n",
             (number)counters->accepted[PROTOCOL_HTTP], (number)counters->accepted[PROTOCOL_LINES]);
    add_counter(text, "hark_connections_shed_total",
                "Connections closed at once, for want of a place.",
                counters->shed + listeners.shed);
    add_counter(text, "hark_accept_pauses_total",
                "Times that accepting paused for want of descriptors or memory.", listeners.pauses);
    add_counter(text, "hark_timeouts_total", "Connections ended by a deadline.",
                counters->timeouts);
    add_stalls(text, counters);
    add_counter(text, "hark_documents_total",
                "Times that /metrics, /stats or /streams was made, each for all who waited.",
                counters->documents);
    add_kind(text, "hark_http_requests_total", "counter", "Requests, by method.");
    for (enum http_method method = 0; method < HTTP_METHODS; method++)
        text_add(text, "hark_http_requests_total{method=\"%s\"} %llu\n", http_method_name(method),
                 (number)counters->requests[method]);
    add_kind(text, "hark_http_answers_total", "counter", "Answers, by the class of their status.");
    for (int i = 2; i < 6; i++)
        text_add(text, "hark_http_answers_total{status=\"%dxx\"} %llu\n", i,
                 (number)counters->answers[i]);
}

static void add_broker(struct text *text, const struct broker_statistics *statistics)
{
    add_counter(text, "hark_events_published_total", "Events published.", statistics->published);
    add_counter(text, "hark_events_published_bytes_total", "Bytes of events published.",
                statistics->published_bytes);
    add_counter(text, "hark_events_failed_total", "Publishes that ended with an error.",
                statistics->failed);
    add_counter(text, "hark_events_delivered_total", "Events given to subscribers.",
                statistics->delivered);
    add_counter(text, "hark_events_delivered_bytes_total", "Bytes given to subscribers.",
                statistics->delivered_bytes);
    add_counter(text, "hark_events_encoded_total",
                "Encodings of events, each shared by all subscribers.", statistics->encoded);
    add_counter(text, "hark_gaps_total", "Gaps told to subscribers.", statistics->gaps);
    add_counter(text, "hark_heartbeats_total", "Comments sent to idle subscribers.",
                statistics->heartbeats);
    add_counter(text, "hark_catch_up_reads_total", "Reads of the log for subscribers that lag.",
                statistics->disk_reads);
    add_counter(text, "hark_events_left_out_total",
                "Events that a thread which lags was not told of.", statistics->left_out);
    add_gauge(text, "hark_ring_bytes", "Memory that holds the newest events.",
              statistics->ring_bytes);
    add_kind(text, "hark_subscribers", "gauge", "Subscribers, by protocol.");
    for (int i = 0; i < BROKER_ENCODINGS; i++)
        text_add(text, "hark_subscribers{protocol=\"%s\"} %llu\n",
                 broker_encoding_name((enum broker_encoding)i), (number)statistics->readers[i]);
}

static void add_log(struct text *text, const struct log *log)
{
    const struct log_statistics *statistics = log_statistics(log);
    add_gauge(text, "hark_log_segments", "Segment files.", statistics->segments);
    add_gauge(text, "hark_log_bytes", "Bytes of the segments.", statistics->bytes);
    add_counter(text, "hark_log_appends_total", "Appends answered with success.",
                statistics->appends);
    add_counter(text, "hark_log_append_errors_total", "Appends answered with an error.",
                statistics->append_errors);
    add_counter(text, "hark_log_commits_total", "Writes that carried appends.",
                statistics->commits);
    add_counter(text, "hark_log_syncs_total", "Calls of fdatasync.", statistics->syncs);
    add_counter(text, "hark_log_sync_errors_total", "Calls of fdatasync that failed.",
                statistics->sync_errors);
    add_counter(text, "hark_log_reads_total", "Reads from segments.", statistics->reads);
    add_counter(text, "hark_log_read_bytes_total", "Bytes of those reads.", statistics->read_bytes);
    add_counter(text, "hark_log_damaged_total", "Places where something is unreadable or missing.",
                statistics->damaged);
    add_counter(text, "hark_log_cut_bytes_total",
                "Bytes cut off at the start, of writes that a crash had interrupted.",
                statistics->cut_bytes);
    add_gauge(text, "hark_log_dead_bytes",
              "Bytes of the segments that hold events of deleted streams.", statistics->dead_bytes);
    add_counter(text, "hark_log_removed_total",
                "Segments removed by retention, or since all in them was deleted.",
                statistics->removed);
}

/* --- streams --- */

static const struct {
    const char *name;
    const char *type;
    const char *help;
} kinds[] = {
    {"hark_stream_events", "gauge", "Events that are kept."},
    {"hark_stream_bytes", "gauge", "Bytes of those events."},
    {"hark_stream_published_total", "counter", "Events published since the start."},
    {"hark_stream_subscribers", "gauge", "Subscribers of the stream."},
};

_Static_assert(sizeof kinds / sizeof kinds[0] <= EDITION_LISTS, "each has its list");

static void metrics_stream(struct edition *edition, const struct broker_stream_view *view)
{
    const uint64_t values[] = {
        view->log ? view->log->count : 0,
        view->log ? view->log->bytes : 0,
        view->published,
        view->readers,
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        text_add(&edition->lists[i], "%s{stream=\"%s\"} %llu\n", kinds[i].name, view->name,
                 (number)values[i]);
}

static void metrics_end(struct edition *edition)
{
    struct text *text = &edition->text;
    uint64_t count = edition->streams;
    if (edition->full) /* the server's own are among them */
        count = log_statistics(edition->status->log)->streams;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        add_kind(text, kinds[i].name, kinds[i].type, kinds[i].help);
        text_join(text, &edition->lists[i]);
    }
    add_gauge(text, "hark_streams", "Streams.", count);
    add_gauge(text, "hark_streams_left_out",
              "Streams without metrics of their own here, for they are too many.",
              count > STREAMS_MAX ? count - STREAMS_MAX : 0);
}

/* Where there are several threads: how they share the load. */
static void add_threads(struct text *text, const struct status *status)
{
    if (status->count == 1)
        return;
    add_kind(text, "hark_thread_connections", "gauge", "Open connections, by thread.");
    for (uint32_t i = 0; i < status->count; i++) {
        const struct worker_counters *counters = &status->counters[i].served;
        text_add(
            text, "hark_thread_connections{thread=\"%u\"} %llu\n", (unsigned)i,
            (number)(counters->connections[PROTOCOL_HTTP] + counters->connections[PROTOCOL_LINES]));
    }
    add_kind(text, "hark_thread_busy_seconds_total", "counter",
             "Time that a thread's loop spent handling.");
    for (uint32_t i = 0; i < status->count; i++)
        text_add(text, "hark_thread_busy_seconds_total{thread=\"%u\"} %.9f\n", (unsigned)i,
                 (double)status->counters[i].loop.lag_total_ns / 1e9);
}

static void metrics_begin(struct edition *edition, struct status *status)
{
    struct text *text = &edition->text;
    const struct counters *total = &status->total;
    counters_read(&status->counters[0]);
    counters_total(status->counters, status->count, &status->total);
    add_process(text, status);
    add_loop(text, &total->loop);
    stages_metrics(text, &total->stages);
    add_threads(text, status);
    add_connections(text, status, &total->served);
    if (status->owner->tls)
        add_tls(text, &total->served);
    add_rules(text, &total->served);
    add_broker(text, &total->broker);
    add_log(text, status->log);
}

const struct edition_writer metrics_writer = {metrics_begin, metrics_stream, metrics_end,
                                              STREAMS_MAX};
