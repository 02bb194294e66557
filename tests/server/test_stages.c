/* test_stages.c - the stages of requests in /stats and /metrics, and that nothing of them is left
 * running once nobody looks. */
#include "server/fixture.h"
#include "server/prometheus.h"

#include <cjson/cJSON.h>

enum { POSTS = 50 };

static void read_stats(struct client *client, cJSON **out_stats)
{
    char *text = client_get(client, "/stats");
    *out_stats = cJSON_Parse(text);
    assert_non_null(*out_stats);
    free(text);
}

static const cJSON *member(const cJSON *object, const char *name)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!found)
        fail_msg("there is no %s", name);
    return found;
}

static uint64_t number(const cJSON *object, const char *name)
{
    return (uint64_t)cJSON_GetNumberValue(member(object, name));
}

static const cJSON *of_kind(const cJSON *list, const char *name)
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry, list)
    {
        if (strcmp(cJSON_GetStringValue(member(entry, "name")), name) == 0)
            return entry;
    }
    return NULL;
}

/* How often the loops have called back for ops of a kind. */
static uint64_t calls(const cJSON *stats, const char *name)
{
    const cJSON *op = of_kind(member(member(stats, "loop"), "ops"), name);
    return op ? number(op, "handled") + number(op, "repeated") : 0;
}

static uint64_t recorded_calls(const cJSON *stats, const char *name)
{
    const cJSON *op = of_kind(member(member(stats, "stages"), "ops"), name);
    return op ? number(member(op, "callback"), "count") : 0;
}

static uint64_t sum_of_buckets(const cJSON *histogram)
{
    uint64_t sum = 0;
    const cJSON *bucket;
    cJSON_ArrayForEach(bucket, member(histogram, "buckets"))
    {
        sum += (uint64_t)cJSON_GetNumberValue(cJSON_GetArrayItem(bucket, 1));
    }
    return sum;
}

SERVER_TEST(every_callback_since_the_first_look_is_in_the_stages)
{
    struct server server;
    struct client client;
    cJSON *first, *second;
    server_begin(&server, &client);
    read_stats(&client, &first);
    assert_int_equal(cJSON_GetArraySize(member(member(first, "stages"), "ops")), 0);
    assert_int_equal(number(member(first, "stages"), "recording"), server_threads);
    for (int i = 0; i < POSTS; i++)
        client_post(&client, "s", "x", 1);
    read_stats(&client, &second);
    const cJSON *stages = member(second, "stages");
    assert_int_equal(number(stages, "missed"), 0);
    for (int kind = 0; kind < HARK_OP_KINDS; kind++) {
        const char *name = hark_op_name(kind);
        /* The callbacks that look are not over: one that writes the answer, and one that takes the
         * question on each of the other threads. */
        uint64_t running = kind == HARK_OP_DEFER  ? 1
                           : kind == HARK_OP_POST ? server_threads - 1
                                                  : 0;
        assert_int_equal(recorded_calls(second, name) + running,
                         calls(second, name) - calls(first, name));
    }
    assert_true(recorded_calls(second, "fdatasync") > 0);
    const cJSON *sync = of_kind(member(stages, "ops"), "fdatasync");
    assert_true(cJSON_IsFalse(member(sync, "waits")));
    assert_true(cJSON_GetNumberValue(member(member(sync, "kernel"), "seconds")) > 0);
    assert_int_equal(sum_of_buckets(member(sync, "kernel")),
                     number(member(sync, "kernel"), "count"));
    assert_true(cJSON_GetNumberValue(member(member(stages, "longest"), "seconds")) > 0);
    cJSON_Delete(first);
    cJSON_Delete(second);
    server_finish(&server, &client);
}

SERVER_TEST(metrics_are_the_strict_text_format_with_histograms_of_each_stage)
{
    struct server server;
    struct client client;
    struct metrics before, after;
    char labels[64];
    server_begin(&server, &client);
    char *text = client_get(&client, "/metrics");
    metrics_read(&before, text);
    free(text);
    for (int i = 0; i < POSTS; i++)
        client_post(&client, "s", "x", 1);
    text = client_get(&client, "/metrics");
    metrics_read(&after, text);
    assert_true(metrics_value(&after, "hark_stages_recording", "") == server_threads);
    assert_true(metrics_value(&after, "hark_stages_missed_total", "") == 0);
    assert_true(metrics_value(&before, "hark_stage_seconds_count",
                              "stage=\"callback\",op=\"fdatasync\"") < 0);
    for (int kind = 0; kind < HARK_OP_KINDS; kind++) {
        snprintf(labels, sizeof labels, "op=\"%s\"", hark_op_name(kind));
        double now = metrics_value(&after, "hark_loop_ops_handled_total", labels);
        double then = metrics_value(&before, "hark_loop_ops_handled_total", labels);
        if (kind == HARK_OP_RECV_EACH || kind == HARK_OP_POST || kind == HARK_OP_DEFER ||
            now - (then < 0 ? 0 : then) <= 0)
            continue; /* such as are called more than once, or run */
        snprintf(labels, sizeof labels, "stage=\"callback\",op=\"%s\"", hark_op_name(kind));
        assert_true(metrics_value(&after, "hark_stage_seconds_count", labels) ==
                    now - (then < 0 ? 0 : then));
    }
    assert_true(metrics_value(&after, "hark_loop_lag_seconds_count", "of=\"callbacks\"") > POSTS);
    metrics_done(&before);
    metrics_done(&after);
    free(text);
    server_finish(&server, &client);
}

SERVER_TEST(where_stages_are_not_wanted_none_are_recorded)
{
    struct server server;
    struct client client;
    cJSON *stats;
    server_init(&server, "a");
    server.options.stages_ns = 0;
    server_start(&server);
    client_open(&client, server.http);
    for (int i = 0; i < 2; i++) {
        client_post(&client, "s", "x", 1);
        read_stats(&client, &stats);
        assert_int_equal(number(member(stats, "stages"), "recording"), 0);
        assert_int_equal(cJSON_GetArraySize(member(member(stats, "stages"), "ops")), 0);
        assert_true(cJSON_IsNull(member(member(stats, "stages"), "longest")));
        cJSON_Delete(stats);
    }
    server_finish(&server, &client);
}
