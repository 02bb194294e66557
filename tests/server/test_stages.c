/* test_stages.c - the stages of requests in /stats and /metrics, and that nothing of them is left
 * running once nobody looks. */
#include "server/fixture.h"
#include "server/prometheus.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <sys/uio.h>
#include <time.h>

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
    server_init(&server, "a");
    server.options.stages_ns =
        UINT64_C(3600) * 1000000000; /* whatever the machine does meanwhile */
    server_start(&server);
    client_open(&client, server.http);
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

/* --- rest --- */

enum { NOT_ASLEEP = -1, SECONDS_MAX = 1000000 };

static bool peek(const struct server *server, uint64_t at, void *into, size_t bytes)
{
    struct iovec here = {into, bytes}, there = {(void *)(uintptr_t)at, bytes};
    return process_vm_readv(server->pid, &here, 1, &there, 1, 0) == (ssize_t)bytes;
}

/* For how many whole seconds a thread may sleep in the wait of its loop. */
static long sleeps_for(const struct server *server, const char *thread)
{
    char path[320], text[256];
    unsigned long long call[6];
    int number;
    struct timespec timeout;
    snprintf(path, sizeof path, "/proc/%d/task/%s/syscall", (int)server->pid, thread);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    close(fd);
    text[count > 0 ? count : 0] = '\0';
    if (sscanf(text, "%d %llx %llx %llx %llx %llx %llx", &number, &call[0], &call[1], &call[2],
               &call[3], &call[4], &call[5]) != 7)
        return NOT_ASLEEP;
    uint64_t at = 0;
    if (number == SYS_io_uring_enter && call[3] & IORING_ENTER_EXT_ARG) {
        struct io_uring_getevents_arg argument;
        if (!peek(server, call[4], &argument, sizeof argument))
            return NOT_ASLEEP;
        at = argument.ts;
    } else if (number == SYS_epoll_pwait2) {
        at = call[3];
    } else if (number == SYS_ppoll) {
        at = call[2];
    } else if (number == SYS_pselect6) {
        at = call[4];
    } else if (number != SYS_io_uring_enter) {
        return NOT_ASLEEP;
    }
    if (at == 0)
        return SECONDS_MAX;
    return peek(server, at, &timeout, sizeof timeout) ? (long)timeout.tv_sec : NOT_ASLEEP;
}

/* How many loops of a server sleep for a time in such a range, of seconds. */
static uint32_t asleep(const struct server *server, long least, long most)
{
    char path[64];
    uint32_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)server->pid);
    DIR *listing = opendir(path);
    assert_non_null(listing);
    const struct dirent *entry;
    while ((entry = readdir(listing))) {
        long seconds = *entry->d_name == '.' ? NOT_ASLEEP : sleeps_for(server, entry->d_name);
        count += seconds >= least && seconds <= most;
    }
    closedir(listing);
    return count;
}

static void await_sleep(const struct server *server, long least, long most)
{
    while (asleep(server, least, most) != server_threads)
        sched_yield();
}

SERVER_TEST(once_nobody_looks_no_thread_is_to_be_woken_for_it)
{
    struct server server;
    struct client client;
    const uint64_t holds_ns[] = {UINT64_C(3600) * 1000000000, 1000000};
    for (int i = 0; i < 2; i++) {
        server_init(&server, i == 0 ? "long" : "short");
        server.options.stages_ns = holds_ns[i];
        server_start(&server);
        client_open(&client, server.http);
        client_post(&client, "s", "x", 1);
        await_sleep(&server, 60, SECONDS_MAX); /* nobody has looked */
        free(client_get(&client, i == 0 ? "/stats" : "/metrics"));
        if (i == 0)
            await_sleep(&server, 0, 0); /* it is looked at: a few times a second */
        else
            await_sleep(&server, 60, SECONDS_MAX);
        server_finish(&server, &client);
    }
}
