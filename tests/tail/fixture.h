/* fixture.h - a log, a broker and a tail over one file, as steps of a test. */
#ifndef TESTS_TAIL_FIXTURE_H
#define TESTS_TAIL_FIXTURE_H

#include "broker/broker.h"
#include "log/fixture.h"
#include "tail/tail.h"

enum { STREAM_LINES_MAX = 8192 };

static const char stream_name[] = "lines";
static const uint64_t soon_ns = 1000 * 1000; /* after which an old file is let go */

/* What a server would have open. */
struct server {
    struct hark_loop *loop;
    struct log *log;
    struct broker *broker;
    struct tail *tail;
};

/* Opens a server that follows these files. */
static inline struct server server_open_files(struct hark_loop *loop, const struct tail_file *files,
                                              size_t count, const struct log_options *log_options,
                                              uint64_t let_go_ns)
{
    struct server server = {.loop = loop, .log = open_log(loop, harness_path("data"), log_options)};
    assert_int_equal(broker_create(loop, server.log, NULL, &server.broker), 0);
    const struct tail_options options = {
        .files = files,
        .count = count,
        .directory = harness_path("data"),
        .let_go_ns = let_go_ns,
        .retry_ns = 1000000, /* what failed is tried again soon */
        .report = record_report,
        .report_context = &reports,
    };
    assert_int_equal(tail_open(loop, server.broker, server.log, &options, &server.tail), 0);
    return server;
}

/* Opens a server that follows a file of the test's directory, or a pattern, into a stream. */
static inline struct server server_open_into(struct hark_loop *loop, const char *file,
                                             const char *stream,
                                             const struct log_options *log_options,
                                             uint64_t let_go_ns)
{
    const struct tail_file files[] = {{harness_path(file), stream}};
    return server_open_files(loop, files, 1, log_options, let_go_ns);
}

static inline struct server server_open(struct hark_loop *loop, const char *file,
                                        const struct log_options *log_options, uint64_t let_go_ns)
{
    return server_open_into(loop, file, stream_name, log_options, let_go_ns);
}

static inline void set_flag(void *context)
{
    *(bool *)context = true;
}

static inline void server_close(struct server *server)
{
    bool tail_closed = false, broker_closed = false;
    tail_close(server->tail, set_flag, &tail_closed);
    harness_run_until(server->loop, &tail_closed);
    broker_close(server->broker, set_flag, &broker_closed);
    harness_run_until(server->loop, &broker_closed);
    broker_destroy(server->broker);
    close_log(server->loop, server->log);
}

/* Turns the loop until a stream has so many events. */
static inline void wait_for_count_in(struct server *server, const char *name, uint64_t count)
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

static inline void wait_for_count(struct server *server, uint64_t count)
{
    wait_for_count_in(server, stream_name, count);
}

struct wanted_state {
    const char *state;
    bool reached;
};

static inline void compare_state(void *context, const struct tail_view *view)
{
    struct wanted_state *wanted = context;
    wanted->reached = strcmp(view->state, wanted->state) == 0;
}

/* Turns the loop until the tail says that it is in a state. */
static inline void wait_for_state(struct server *server, const char *state)
{
    struct wanted_state wanted = {.state = state};
    for (tail_each(server->tail, compare_state, &wanted); !wanted.reached;
         tail_each(server->tail, compare_state, &wanted))
        assert_int_equal(hark_run_once(server->loop), 1);
}

/* Asserts that a stream holds these lines and no other, in this order. The list ends with NULL. */
static inline void assert_lines_in(struct server *server, const char *stream,
                                   const char *const *lines)
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

static inline void assert_lines(struct server *server, const char *const *lines)
{
    assert_lines_in(server, stream_name, lines);
}

#define ASSERT_LINES_IN(server, stream, ...)                                                       \
    assert_lines_in((server), (stream), (const char *const[]){__VA_ARGS__, NULL})
#define ASSERT_LINES(server, ...) ASSERT_LINES_IN((server), stream_name, __VA_ARGS__)

/* Asserts that the stream holds "0", "1", ... up to count, each once and in order. */
static inline void assert_numbers(struct server *server, size_t count)
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

/* Appends text to a file of the test's directory, made if it is missing. */
static inline void append_file(const char *name, const char *text)
{
    int fd = open(harness_path(name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* Appends the numbers from `from` to below `end`, a line each. */
static inline void append_numbers(const char *name, size_t from, size_t end)
{
    FILE *file = fopen(harness_path(name), "ae");
    assert_non_null(file);
    for (size_t i = from; i < end; i++)
        fprintf(file, "%zu\n", i);
    assert_int_equal(fclose(file), 0);
}

static inline void rename_file(const char *from, const char *to)
{
    assert_int_equal(rename(harness_path(from), harness_path(to)), 0);
}

static inline void make_directory(const char *name)
{
    assert_int_equal(mkdir(harness_path(name), 0700), 0);
}

static inline void remove_file(const char *name)
{
    assert_int_equal(unlink(harness_path(name)), 0);
}

static inline void cut_file(const char *name)
{
    assert_int_equal(truncate(harness_path(name), 0), 0);
}

static inline void copy_file(const char *from, const char *to)
{
    size_t length;
    unsigned char *bytes = load_file(harness_path(from), &length);
    store_file(harness_path(to), bytes, length);
    free(bytes);
}

/* --- a test's beginning and end --- */

/* Appends text to the file "f", follows it, and waits until its lines are published. */
static inline struct server follow(struct hark_loop *loop, const char *text)
{
    uint64_t count = 0;
    append_file("f", text);
    struct server server = server_open(loop, "f", NULL, 0);
    for (const char *at = text; *at; at++)
        count += *at == '\n';
    wait_for_count(&server, count);
    return server;
}

/* Waits for so many lines, asserts that these are there and no other, and closes. */
static inline void close_with(struct server server, const char *const *lines, size_t count)
{
    wait_for_count(&server, count);
    assert_lines(&server, lines);
    server_close(&server);
}

#define CLOSE_WITH(server, ...)                                                                    \
    close_with(*(server), (const char *const[]){__VA_ARGS__, NULL},                                \
               sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* Opens a server on the file "f", and goes on as CLOSE_WITH. */
#define EXPECT_AT_START(loop, ...)                                                                 \
    close_with(server_open((loop), "f", NULL, 0), (const char *const[]){__VA_ARGS__, NULL},        \
               sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

#endif
