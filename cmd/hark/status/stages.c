/* stages.c - the histograms of the stages. In /metrics every second bucket is told, from 1 us on,
 * and of the kinds of ops those alone that were seen: else most of an answer would be empty
 * buckets. /stats has each bucket that something is in. */
#include "status/stages.h"

#include <stdio.h>

typedef unsigned long long number;

/* 2^10 ns to 2^34 ns, by fours. */
enum { FIRST = 9, LAST = 33, STEP = 2 };

/* --- /metrics --- */

static void add_kind(struct text *text, const char *name, const char *type, const char *help)
{
    text_add(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Takes: labels: without braces. */
static void add_histogram(struct text *text, const char *name, const char *labels,
                          const struct stage_histogram *histogram)
{
    uint64_t count = 0;
    for (int i = 0; i < STAGE_BUCKETS; i++) {
        count += histogram->buckets[i];
        if (i >= FIRST && i <= LAST && (i - FIRST) % STEP == 0)
            text_add(text, "%s_bucket{%s,le=\"%.9g\"} %llu\n", name, labels,
                     stage_bucket_seconds(i), (number)count);
    }
    text_add(text, "%s_bucket{%s,le=\"+Inf\"} %llu\n", name, labels, (number)count);
    text_add(text, "%s_sum{%s} %.9f\n%s_count{%s} %llu\n", name, labels,
             (double)histogram->sum_ns / 1e9, name, labels, (number)count);
}

static void add_ops_metrics(struct text *text, const struct stage_times *times)
{
    static const char name[] = "hark_stage_seconds";
    char labels[80];
    add_kind(text, name, "histogram",
             "Time that requests spent in a stage of their way, by kind, while stages were "
             "recorded.");
    for (int kind = 0; kind < HARK_OP_KINDS; kind++) {
        for (enum stage stage = 0; stage < STAGES; stage++) {
            const struct stage_histogram *histogram = &times->ops[kind][stage];
            snprintf(labels, sizeof labels, "stage=\"%s\",op=\"%s\"", stage_name(stage),
                     hark_op_name(kind));
            if (stage_histogram_count(histogram) != 0)
                add_histogram(text, name, labels, histogram);
        }
    }
}

static void add_lag_metrics(struct text *text, const struct stage_times *times)
{
    static const char name[] = "hark_loop_lag_seconds";
    char labels[40];
    add_kind(text, name, "histogram",
             "How late timers and callbacks were, while stages were recorded.");
    for (enum stage_lateness lateness = 0; lateness < STAGE_LATENESSES; lateness++) {
        snprintf(labels, sizeof labels, "of=\"%s\"", stage_lateness_name(lateness));
        add_histogram(text, name, labels, &times->late[lateness]);
    }
}

void stages_metrics(struct text *text, const struct live_view *view)
{
    add_kind(text, "hark_stages_recording", "gauge", "Loops whose stages are recorded now.");
    text_add(text, "hark_stages_recording %llu\n", (number)view->recording);
    add_kind(text, "hark_stages_recorded_seconds_total", "counter",
             "Time for which stages were recorded, of all loops.");
    text_add(text, "hark_stages_recorded_seconds_total %.9f\n", (double)view->recorded_ns / 1e9);
    add_kind(text, "hark_stages_missed_total", "counter",
             "Callbacks that came too fast to be recorded.");
    text_add(text, "hark_stages_missed_total %llu\n", (number)view->missed);
    add_ops_metrics(text, &view->times);
    add_lag_metrics(text, &view->times);
    add_kind(text, "hark_longest_callback_seconds", "gauge",
             "The longest callback of the last ten seconds in which stages were recorded.");
    if (view->longest.held_ns != 0)
        text_add(text, "hark_longest_callback_seconds{op=\"%s\"} %.9f\n",
                 hark_op_name((int)view->longest.kind), (double)view->longest.held_ns / 1e9);
}

/* --- /stats --- */

static void add_buckets(struct text *text, const char *name,
                        const struct stage_histogram *histogram)
{
    const char *comma = "";
    text_add(text, "\"%s\":{\"seconds\":%.9f,\"count\":%llu,\"buckets\":[", name,
             (double)histogram->sum_ns / 1e9, (number)stage_histogram_count(histogram));
    for (int i = 0; i < STAGE_BUCKETS; i++) {
        if (histogram->buckets[i] == 0)
            continue;
        text_add(text, "%s[%.9f,%llu]", comma, stage_bucket_seconds(i),
                 (number)histogram->buckets[i]);
        comma = ",";
    }
    text_add(text, "]}");
}

static bool is_seen(const struct stage_times *times, int kind)
{
    for (enum stage stage = 0; stage < STAGES; stage++)
        if (stage_histogram_count(&times->ops[kind][stage]) != 0)
            return true;
    return false;
}

static void add_ops(struct text *text, const struct stage_times *times)
{
    const char *comma = "";
    text_add(text, ",\"ops\":[");
    for (int kind = 0; kind < HARK_OP_KINDS; kind++) {
        if (!is_seen(times, kind))
            continue;
        text_add(text, "%s{\"name\":\"%s\",\"waits\":%s", comma, hark_op_name(kind),
                 trace_op_kind_waits(kind) ? "true" : "false");
        for (enum stage stage = 0; stage < STAGES; stage++) {
            text_add(text, ",");
            add_buckets(text, stage_name(stage), &times->ops[kind][stage]);
        }
        text_add(text, "}");
        comma = ",";
    }
    text_add(text, "]");
}

static void add_longest(struct text *text, const struct live_callback *longest, uint64_t now_ns)
{
    text_add(text, ",\"longest\":");
    if (longest->held_ns == 0)
        text_add(text, "null");
    else
        text_add(text, "{\"op\":\"%s\",\"seconds\":%.9f,\"ago_seconds\":%.3f}",
                 hark_op_name((int)longest->kind), (double)longest->held_ns / 1e9,
                 now_ns > longest->ended_ns ? (double)(now_ns - longest->ended_ns) / 1e9 : 0);
}

void stages_stats(struct text *text, const struct live_view *view, uint64_t now_ns)
{
    text_add(text, ",\"stages\":{\"recording\":%llu,\"recorded_seconds\":%.9f,\"missed\":%llu",
             (number)view->recording, (double)view->recorded_ns / 1e9, (number)view->missed);
    add_ops(text, &view->times);
    text_add(text, ",\"late\":{");
    for (enum stage_lateness lateness = 0; lateness < STAGE_LATENESSES; lateness++) {
        text_add(text, "%s", lateness == 0 ? "" : ",");
        add_buckets(text, stage_lateness_name(lateness), &view->times.late[lateness]);
    }
    text_add(text, "}");
    add_longest(text, &view->longest, now_ns);
    text_add(text, "}");
}
