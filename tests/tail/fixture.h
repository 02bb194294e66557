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

/* What a server that is opened waits before it tries again what failed. */
extern uint64_t server_retry_ns;

/* Opens a server that follows these files. */
struct server server_open_files(struct hark_loop *loop, const struct tail_file *files, size_t count,
                                const struct log_options *log_options, uint64_t let_go_ns);

/* Opens a server that follows a file of the test's directory, or a pattern, into a stream. */
struct server server_open_into(struct hark_loop *loop, const char *file, const char *stream,
                               const struct log_options *log_options, uint64_t let_go_ns);
struct server server_open(struct hark_loop *loop, const char *file,
                          const struct log_options *log_options, uint64_t let_go_ns);
void server_close(struct server *server);

/* Turns the loop until a stream has so many events. */
void wait_for_count_in(struct server *server, const char *name, uint64_t count);
void wait_for_count(struct server *server, uint64_t count);

/* Turns the loop until the tail has seen all changes that were made before, and waits for more, or
 * for a time to pass. A read or a look that is under way, which other threads make, would see what
 * is changed next, or not. */
void wait_until_at_rest(struct server *server);

/* Turns the loop until the tail is at rest, and says that it is in a state. */
void wait_for_state(struct server *server, const char *state);

/* Turns the loop until the stream has so many events, and the tail waits for more. */
static inline void wait_until_read(struct server *server, uint64_t count)
{
    wait_for_count(server, count);
    wait_for_state(server, "following");
}

/* Asserts that a stream holds these lines and no other, in this order. The list ends with NULL. */
void assert_lines_in(struct server *server, const char *stream, const char *const *lines);
void assert_lines(struct server *server, const char *const *lines);

#define ASSERT_LINES_IN(server, stream, ...)                                                       \
    assert_lines_in((server), (stream), (const char *const[]){__VA_ARGS__, NULL})
#define ASSERT_LINES(server, ...) ASSERT_LINES_IN((server), stream_name, __VA_ARGS__)

/* Asserts that the stream holds "0", "1", ... up to count, each once and in order. */
void assert_numbers(struct server *server, size_t count);

/* Appends text to a file of the test's directory, made if it is missing. */
void append_file(const char *name, const char *text);

/* Appends the numbers from `from` to below `end`, a line each. */
void append_numbers(const char *name, size_t from, size_t end);
void rename_file(const char *from, const char *to);
void make_directory(const char *name);
void remove_file(const char *name);
void cut_file(const char *name);
void copy_file(const char *from, const char *to);

/* --- a test's beginning and end --- */

/* Appends text to the file "f", follows it, and waits until its lines are published. */
struct server follow(struct hark_loop *loop, const char *text);

/* Waits for so many lines, asserts that these are there and no other, and closes. */
void close_with(struct server server, const char *const *lines, size_t count);

#define CLOSE_WITH(server, ...)                                                                    \
    close_with(*(server), (const char *const[]){__VA_ARGS__, NULL},                                \
               sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* Opens a server on the file "f", and goes on as CLOSE_WITH. */
#define EXPECT_AT_START(loop, ...)                                                                 \
    close_with(server_open((loop), "f", NULL, 0), (const char *const[]){__VA_ARGS__, NULL},        \
               sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

#endif
