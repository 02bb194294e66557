/* fixture.h - a server in a process of its own, and a client that waits for what should come: for
 * the tests of this folder.
 *
 * It listens on unix sockets in the test's directory, so no port is shared with others. Every wait
 * is for an event; the limit on it is only there to end a test that has failed. */
#ifndef TESTS_SERVER_FIXTURE_H
#define TESTS_SERVER_FIXTURE_H

#include "harness/harness.h"
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SERVER_WAIT_SECONDS = 250, SERVER_THREADS = 3, SERVER_SOON_NS = 20000000 };

/* Of the servers that are made next. */
extern uint32_t server_threads;

/* A test of a server on each backend: once with one thread, once with several. */
#define SERVER_TEST(test_name)                                                                     \
    static void test_name##_body(struct hark_loop *loop);                                          \
    BACKEND_TEST(test_name)                                                                        \
    {                                                                                              \
        test_name##_body(loop);                                                                    \
    }                                                                                              \
    BACKEND_TEST(test_name##_on_several_threads)                                                   \
    {                                                                                              \
        server_threads = SERVER_THREADS;                                                           \
        test_name##_body(loop);                                                                    \
    }                                                                                              \
    static void test_name##_body(struct hark_loop *loop __attribute__((unused)))

struct server {
    struct serve_options options; /* may be changed before server_start */
    pid_t pid;
    char http[256];
    char lines[256]; /* empty: no such port */
    char data[256];
    int says_to;    /* standard error, in place of the file; 0: the file */
    char said[256]; /* the file with what it says on standard error */
};

void server_init(struct server *server, const char *name);

/* Starts it and waits until it listens, or has ended.
 * Gives: true: it listens. */
bool server_try(struct server *server);

/* Wakes it, by a connection that ends at once. ThreadSanitizer keeps a signal back until the
 * process next calls the C library: one that comes in the moment before the loop falls asleep in a
 * system call of its own is then seen when something else wakes it. */
void server_wake(const struct server *server);

/* Waits for its end.
 * Gives: its exit code, or 128 and the signal. */
int server_wait(struct server *server);
int server_end(struct server *server, int number);

/* Ends it in order: asserts that it does. */
void server_stop(struct server *server);

/* Its resident memory, in bytes. A sanitizer keeps freed memory for a while: then it says
 * nothing. */
uint64_t server_resident(const struct server *server);

/* What it has said, in memory that the next call uses again. */
const char *server_said(const struct server *server);
void server_start(struct server *server);

/* A server that leaves clients only so much time: what is 0 is not changed. Starts it. */
void server_start_within(struct server *server, const struct connection_options *times);

/* --- clients --- */

/* A connection that gathers what comes. */
struct client {
    int fd;
    char *bytes;
    size_t count;
    size_t room;
};

void client_open(struct client *client, const char *address);

/* Over TCP, to the HTTP port that the server has said it listens on: 127.0.0.1:0 was asked for. */
void client_open_tcp(struct client *client, const struct server *server);

/* Opens it and sends a text. */
void client_say(struct client *client, const char *address, const char *text);
void client_close(struct client *client);
void client_send_bytes(struct client *client, const void *bytes, size_t count);
void client_send(struct client *client, const char *text);

/* The same where the server may have ended the connection. */
void client_try_send(struct client *client, const char *text);

/* A text so many times, at once. */
void client_send_many(struct client *client, const char *text, int count);

/* Receives once.
 * Gives: false at the end of the connection. */
bool client_receive(struct client *client);

/* Whether something can be received; waits for it for so long. */
bool client_is_answered(const struct client *client, int wait_ms);

/* Receives until a text has come.
 * Gives: where it begins. */
char *client_await(struct client *client, const char *text);
void client_await_end(struct client *client);

/* Drops the first bytes. */
void client_drop(struct client *client, size_t count);

/* One line, without its end.
 * Gives: text that the next call uses again. */
const char *client_line(struct client *client);

/* A server of which nothing is changed, and a client of its HTTP; and both to their ends. */
void server_begin(struct server *server, struct client *client);
void server_finish(struct server *server, struct client *client);

/* --- HTTP --- */

struct response {
    int status;
    char head[4096];
    char *body; /* NUL at its end; free it with response_done */
    size_t count;
};

void response_done(struct response *response);

/* Receives a head, and the body where there is one. */
void client_response(struct client *client, bool with_body, struct response *out_response);

/* Receives an answer with a body: it has this status. */
void client_expect_status(struct client *client, int status);

/* Publishes by POST on a connection that lives on.
 * Gives: the id. */
uint64_t client_post(struct client *client, const char *stream, const void *event, size_t count);

/* Makes streams s0, s1 and so on, a multiple of a hundred, each with an event. */
void client_make_streams(struct client *client, int count);

/* A GET on a connection that lives on.
 * Gives: the body, the caller's to free. */
char *client_get(struct client *client, const char *path);

/* A number out of /stats, by the text before it. */
uint64_t client_stat(struct client *client, const char *section, const char *name);

/* Begins a subscription over SSE and takes its head.
 * Takes: path with its query; fields: further header lines or "". */
void client_subscribe(struct client *client, const char *address, const char *path,
                      const char *fields);

/* The same, and passes over the blocks in front of the first event.
 * Gives: the position. */
uint64_t client_follow(struct client *client, const struct server *server, const char *path,
                       const char *fields);

/* The next block of an event stream, without the empty line at its end.
 * Gives: memory that is the caller's. */
char *client_block(struct client *client);

/* The next block is this. */
void client_expect(struct client *client, const char *expected);

/* Passes over the blocks in front of the first event: the time to wait, and the position.
 * Gives: that. */
uint64_t client_position(struct client *client);

/* The next block tells of a gap after an id.
 * Gives: the first id that is there. */
uint64_t client_expect_gap(struct client *client, uint64_t after);

#endif
