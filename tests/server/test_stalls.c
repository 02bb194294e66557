/* test_stalls.c - callbacks that hold a loop for longer than is allowed: said, with their stack,
 * and counted. */
#include "connection/worker.h"
#include "server/fixture.h"
#include "server/prometheus.h"
#include "server/stalls.h"

#include <stdatomic.h>
#include <time.h>

enum { LIMIT_NS = 2000000 };

/* --- what is said --- */

static _Atomic(bool) been_seen;

/* Standard error, of this process, in a file. */
static void say_into_file(void)
{
    int fd = open(harness_path("said"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    close(fd);
}

static const char *said(void)
{
    static char text[8192];
    ssize_t count = pread(STDERR_FILENO, text, sizeof text - 1, 0);
    text[count > 0 ? count : 0] = '\0';
    return text;
}

/* Holds the loop until somebody has said so. */
static void hold(struct harness_op *self, int64_t result)
{
    (void)self, (void)result;
    while (!strstr(said(), "so far"))
        ;
    been_seen = true;
}

/* And one that ends in the last moment may be told of when it is over alone: as long as the limit,
 * and again. */
static void hold_for_the_limit(struct harness_op *self, int64_t result)
{
    (void)result;
    uint64_t from_ns = hark_os_clock(self->op.loop);
    while (hark_os_clock(self->op.loop) - from_ns < LIMIT_NS)
        ;
}

static size_t lines(const char *text)
{
    size_t count = 0;
    while ((text = strchr(text, '\n'))) {
        text++;
        count++;
    }
    return count;
}

BACKEND_TEST(a_callback_that_holds_the_loop_is_said_and_counted_and_others_wait_their_time)
{
    struct worker worker = {.loop = loop};
    struct stalls stalls = {.limit_ns = LIMIT_NS};
    struct stall_watch watch = {0};
    struct harness_op first = {.then = hold}, others[5] = {0};
    say_into_file();
    stalls_watch(&watch, &stalls, &worker, 7);
    hark_defer(loop, &first.op, harness_done);
    harness_run(loop);
    assert_true(been_seen);
    const char *text = said();
    assert_non_null(strstr(text, "a callback of defer holds the loop of thread 7 for "));
    assert_non_null(strstr(text, " ms so far, in "));
    assert_non_null(strstr(text, "server_stalls+0x")); /* this program */
    assert_non_null(strstr(text, "that callback of defer has held the loop of thread 7 for "));
    assert_int_equal(lines(text), 2);
    assert_int_equal(worker.counters.stalls[HARK_OP_DEFER], 1);
    assert_true(worker.counters.stalled_ns >= LIMIT_NS);
    assert_true(worker.last_stall.held_ns == worker.counters.stalled_ns);
    assert_int_equal(worker.last_stall.kind, HARK_OP_DEFER);
    for (int i = 0; i < 5; i++) {
        others[i].then = hold_for_the_limit;
        hark_sleep(loop, &others[i].op, 0, harness_done);
        harness_wait(loop, &others[i]);
    }
    hark_stall_unwatch(loop);
    assert_int_equal(lines(said()), 2); /* counted, and not said */
    assert_int_equal(worker.counters.stalls[HARK_OP_SLEEP], 5);
    assert_true(stalls.untold >= 5);
    atomic_store(&stalls.silent_until_ns, 0);
    stalls_watch(&watch, &stalls, &worker, 7);
    harness_op_again(&others[0]);
    hark_sleep(loop, &others[0].op, 0, harness_done);
    harness_wait(loop, &others[0]);
    hark_stall_unwatch(loop);
    assert_non_null(strstr(said(), " before it were not told\n"));
}

TEST(a_stack_is_as_long_as_a_line_has_room)
{
    char text[STALL_TEXT_BYTES];
    void *frames[STALL_FRAMES_MAX + 2];
    for (int i = 0; i < STALL_FRAMES_MAX + 2; i++)
        frames[i] = (char *)(uintptr_t)hold + 1 + i;
    stalls_write_frames(text, frames, 0);
    assert_string_equal(text, "");
    stalls_write_frames(text, frames, STALL_FRAMES_MAX + 2);
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, "server_stalls+0x")); at++)
        count++;
    assert_int_equal(count, STALL_FRAMES_MAX);
    assert_null(strchr(text, '/'));
    frames[0] = (void *)16; /* nowhere */
    frames[1] = (char *)(uintptr_t)malloc + 1;
    stalls_write_frames(text, frames, 2);
    assert_non_null(strstr(text, "0x10, "));
    assert_non_null(strstr(text, "malloc+0x1"));
    frames[0] = (void *)(uintptr_t)malloc; /* behind a call that does not return, at the very end
                                              of the function in front */
    stalls_write_frames(text, frames, 1);
    assert_null(strstr(text, "malloc+0x0"));
}

/* --- in the server --- */

/* Stops the whole server in the middle of its work: whatever it does then takes as long. */
static void disturb(struct server *server, struct client *client)
{
    enum { REQUESTS = 200 };
    struct timespec from, now;
    for (int i = 0; i < REQUESTS; i++)
        client_send(client, "GET /streams HTTP/1.1\r\nHost: a\r\n\r\n");
    kill(server->pid, SIGSTOP);
    clock_gettime(CLOCK_MONOTONIC, &from);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - from.tv_sec) * 1000000000 + now.tv_nsec - from.tv_nsec < 2 * LIMIT_NS);
    kill(server->pid, SIGCONT);
    for (int i = 0; i < REQUESTS; i++) {
        client_expect_status(client, 200);
    }
}

SERVER_TEST(a_server_that_is_held_up_tells_of_it_everywhere)
{
    struct server server;
    struct client client;
    struct metrics metrics;
    server_init(&server, "a");
    server.options.stall_ns = LIMIT_NS;
    server_start(&server);
    client_open(&client, server.http);
    do
        disturb(&server, &client);
    while (client_stat(&client, "stalls", "count") == 0);
    char *text = client_get(&client, "/metrics");
    metrics_read(&metrics, text);
    double count = 0;
    for (size_t i = 0; i < metrics.count; i++)
        count += strcmp(metrics.samples[i].name, "hark_stalls_total") == 0
                     ? metrics.samples[i].value
                     : 0;
    assert_true(count >= 1);
    assert_true(metrics_value(&metrics, "hark_stalled_seconds_total", "") >=
                count * LIMIT_NS / 1e9);
    metrics_done(&metrics);
    free(text);
    text = client_get(&client, "/stats");
    assert_non_null(strstr(text, "\"stalls\":{\"limit_seconds\":0.002000000,\"count\":"));
    assert_non_null(strstr(text, "\"last\":{\"op\":\""));
    free(text);
    assert_non_null(strstr(server_said(&server), " the loop of thread "));
    server_finish(&server, &client);
}

SERVER_TEST(a_server_that_nobody_asked_does_not_watch)
{
    struct server server;
    struct client client;
    server_begin(&server, &client);
    disturb(&server, &client);
    assert_int_equal(client_stat(&client, "stalls", "count"), 0);
    assert_null(strstr(server_said(&server), " the loop of thread "));
    server_finish(&server, &client);
}
