/* fixture.c - see the header. */
#include "tail/fixture.h"
#include "broker/fixture.h"
#include "tail/state.h"

#include <sys/ioctl.h>

uint64_t server_retry_ns = 1000000; /* what failed is tried again soon */

struct server server_open_files(struct hark_loop *loop, const struct tail_file *files, size_t count,
                                const struct log_options *log_options, uint64_t let_go_ns)
{
    struct server server = {.loop = loop, .log = open_log(loop, harness_path("data"), log_options)};
    server.broker = open_broker(loop, server.log, NULL);
    const struct tail_options options = {
        .files = files,
        .count = count,
        .directory = harness_path("data"),
        .let_go_ns = let_go_ns,
        .retry_ns = server_retry_ns,
        .report = record_report,
        .report_context = &reports,
    };
    assert_int_equal(tail_open(loop, server.broker, server.log, &options, &server.tail), 0);
    return server;
}

struct server server_open_into(struct hark_loop *loop, const char *file, const char *stream,
                               const struct log_options *log_options, uint64_t let_go_ns)
{
    const struct tail_file files[] = {{harness_path(file), stream}};
    return server_open_files(loop, files, 1, log_options, let_go_ns);
}

struct server server_open(struct hark_loop *loop, const char *file,
                          const struct log_options *log_options, uint64_t let_go_ns)
{
    return server_open_into(loop, file, stream_name, log_options, let_go_ns);
}

void server_close(struct server *server)
{
    bool tail_closed = false;
    tail_close(server->tail, set_flag, &tail_closed);
    harness_run_until(server->loop, &tail_closed);
    close_broker(server->loop, server->broker);
    close_log(server->loop, server->log);
}

void wait_for_count_in(struct server *server, const char *name, uint64_t count)
{
    for (;;) {
        const struct log_stream *stream = find(server->log, name);
        if (stream && stream->count >= count)
            return;
        int result = hark_run_once(server->loop);
        if (result != 1)
            assert_result(result, 1);
    }
}

void wait_for_count(struct server *server, uint64_t count)
{
    wait_for_count_in(server, stream_name, count);
}

/* Whether nothing is under way that the tail has begun, but what waits for a time to pass or for a
 * change; and none has been told. */
static bool is_at_rest(const struct tail *tail)
{
    uint64_t waiting = hark_op_active(&tail->watch);
    int told = 0;
    for (size_t i = 0; i < tail->count; i++) {
        const struct tail_follower *follower = &tail->followers[i];
        waiting += hark_op_active(&follower->let_go);
        waiting += hark_op_active(&follower->retry);
        waiting += hark_op_active(&follower->again.op);
    }
    for (size_t i = 0; i < tail->pattern_count; i++)
        waiting += hark_op_active(&tail->patterns[i].again.op);
    assert_int_equal(ioctl(tail->inotify, FIONREAD, &told), 0);
    return told == 0 && tail->pending.count == waiting;
}

void wait_until_at_rest(struct server *server)
{
    harness_settle(server->loop); /* what the kernel has done for the loop is told to it */
    while (!is_at_rest(server->tail)) {
        assert_int_equal(hark_run_once(server->loop), 1);
        harness_settle(server->loop);
    }
}

struct wanted_state {
    const char *state;
    bool reached;
};

static void compare_state(void *context, const struct tail_view *view)
{
    struct wanted_state *wanted = context;
    wanted->reached = strcmp(view->state, wanted->state) == 0;
}

void wait_for_state(struct server *server, const char *state)
{
    struct wanted_state wanted = {.state = state};
    for (;;) {
        wait_until_at_rest(server);
        tail_each(server->tail, compare_state, &wanted);
        if (wanted.reached)
            return;
        assert_int_equal(hark_run_once(server->loop), 1);
    }
}

void assert_lines_in(struct server *server, const char *stream, const char *const *lines)
{
    struct history history = read_from(server->loop, server->log, stream, LOG_START);
    size_t count = 0;
    for (; lines[count]; count++) {
        if (count >= history.count)
            fail_msg("line %zu, \"%s\", is missing", count, lines[count]);
        assert_text(&history.seen[count], lines[count]);
    }
    if (history.count > count)
        fail_msg("after %zu lines: \"%s\" was not expected", count,
                 (const char *)history.seen[count].bytes);
    history_free(&history);
}

void assert_lines(struct server *server, const char *const *lines)
{
    assert_lines_in(server, stream_name, lines);
}

void assert_numbers(struct server *server, size_t count)
{
    struct history history = read_from(server->loop, server->log, stream_name, LOG_START);
    for (size_t i = 0; i < history.count && i < count; i++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", i);
        assert_text(&history.seen[i], number);
    }
    assert_int_equal(history.count, count);
    history_free(&history);
}

void append_file(const char *name, const char *text)
{
    int fd = open(harness_path(name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

void append_numbers(const char *name, size_t from, size_t end)
{
    FILE *file = fopen(harness_path(name), "ae");
    assert_non_null(file);
    for (size_t i = from; i < end; i++)
        fprintf(file, "%zu\n", i);
    assert_int_equal(fclose(file), 0);
}

void rename_file(const char *from, const char *to)
{
    assert_int_equal(rename(harness_path(from), harness_path(to)), 0);
}

void make_directory(const char *name)
{
    assert_int_equal(mkdir(harness_path(name), 0700), 0);
}

void remove_file(const char *name)
{
    assert_int_equal(unlink(harness_path(name)), 0);
}

void cut_file(const char *name)
{
    assert_int_equal(truncate(harness_path(name), 0), 0);
}

void copy_file(const char *from, const char *to)
{
    size_t length;
    unsigned char *bytes = load_file(harness_path(from), &length);
    store_file(harness_path(to), bytes, length);
    free(bytes);
}

/* --- a test's beginning and end --- */

struct server follow(struct hark_loop *loop, const char *text)
{
    uint64_t count = 0;
    append_file("f", text);
    struct server server = server_open(loop, "f", NULL, 0);
    for (const char *at = text; *at; at++)
        count += *at == '\n';
    wait_for_count(&server, count);
    return server;
}

void close_with(struct server server, const char *const *lines, size_t count)
{
    wait_for_count(&server, count);
    assert_lines(&server, lines);
    server_close(&server);
}
