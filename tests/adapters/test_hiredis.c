/* test_hiredis.c - hiredis on the loop's polls, with a real redis-server on a unix socket:
 * connections that come and go, that are refused, whose server goes away, that the library closes
 * from inside its callbacks. Each time the number comes again. */
#include "adapters/numbers.h"
#include "hark/adapters/hiredis.h"
#include "harness/harness.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

/* --- the server --- */

struct server {
    pid_t pid;
    char path[108];
};

static void server_exec(const struct server *server, int says_to)
{
    dup2(says_to, STDOUT_FILENO);
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", server->path, "--save",
           "", "--appendonly", "no", "--daemonize", "no", "--dir", harness_directory(),
           (char *)NULL);
    _exit(127);
}

/* Starts it in the test's own directory and process group, and waits until it says that it is
 * ready. */
static void server_start(struct server *server)
{
    char said[16384];
    size_t count = 0;
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    snprintf(server->path, sizeof server->path, "%s", harness_path("redis"));
    harness_pipe(ends, 0);
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0)
        server_exec(server, ends[1]);
    close(ends[1]);
    do {
        ssize_t more = read(ends[0], said + count, sizeof said - 1 - count);
        if (more <= 0)
            fail_msg("redis-server did not start: %.*s", (int)count, said);
        count += (size_t)more;
        said[count] = '\0';
    } while (!strstr(said, "eady to accept connections"));
    close(ends[0]); /* what it says from here on is for nobody */
}

static void server_kill(struct server *server)
{
    int status;
    kill(server->pid, SIGKILL);
    assert_int_equal(waitpid(server->pid, &status, 0), server->pid);
}

/* --- a client --- */

/* A connection and what has become of it. */
struct client {
    redisAsyncContext *context; /* NULL: hiredis has freed it */
    int connected;              /* times that it was told; and the last answer */
    int connect_status;
    int disconnected;
    int disconnect_status;
    int replies;
    int without_reply; /* callbacks whose connection had gone */
    struct server *server;
    struct hark_loop *loop;
    int rounds;
    hark_done *then; /* in the next turn after a disconnect, when hiredis has closed the descriptor;
                        NULL: nothing */
    struct hark_op later;
};

static void connected(const redisAsyncContext *context, int status)
{
    struct client *client = context->data;
    client->connected++;
    client->connect_status = status;
    if (status != REDIS_OK)
        client->context = NULL;
}

static void disconnected(const redisAsyncContext *context, int status)
{
    struct client *client = context->data;
    client->disconnected++;
    client->disconnect_status = status;
    client->context = NULL;
    if (client->then)
        hark_defer(client->loop, &client->later, client->then);
}

static void client_attach(struct hark_loop *loop, struct client *client, redisAsyncContext *context)
{
    assert_non_null(context);
    if (context->err)
        fail_msg("not connected: %s", context->errstr);
    numbers_note(context->c.fd);
    client->context = context;
    client->loop = loop;
    context->data = client;
    assert_int_equal(hark_hiredis_attach(loop, context), 0);
    redisAsyncSetConnectCallback(context, connected);
    redisAsyncSetDisconnectCallback(context, disconnected);
}

static void client_open(struct hark_loop *loop, struct client *client, struct server *server)
{
    client->server = server;
    client_attach(loop, client, redisAsyncConnectUnix(server->path));
}

static void replied(redisAsyncContext *context, void *reply, void *data)
{
    struct client *client = context->data;
    (void)data;
    if (reply)
        client->replies++;
    else
        client->without_reply++;
}

/* --- tests --- */

enum { COMMANDS = 100000, VALUE_BYTES = 8 << 20, CONNECTIONS = 100, PARALLEL = 60 };

static void counted(redisAsyncContext *context, void *reply, void *data)
{
    const redisReply *answer = reply;
    replied(context, reply, data);
    assert_int_equal(answer->type, REDIS_REPLY_INTEGER);
    assert_int_equal(answer->integer, ((struct client *)context->data)->replies);
}

BACKEND_TEST(hundred_thousand_commands_are_answered_in_their_order)
{
    struct server server;
    struct client client = {0};
    server_start(&server);
    client_open(loop, &client, &server);
    for (int i = 0; i < COMMANDS; i++)
        assert_int_equal(redisAsyncCommand(client.context, counted, NULL, "INCR n"), REDIS_OK);
    redisAsyncDisconnect(client.context); /* once all are answered */
    harness_run(loop);
    assert_int_equal(client.connect_status, REDIS_OK);
    assert_int_equal(client.replies, COMMANDS);
    assert_int_equal(client.disconnected, 1);
    assert_int_equal(client.disconnect_status, REDIS_OK);
    server_kill(&server);
}

static void got_value(redisAsyncContext *context, void *reply, void *data)
{
    const redisReply *answer = reply;
    replied(context, reply, data);
    assert_int_equal(answer->len, VALUE_BYTES);
    assert_true(harness_filled(answer->str, VALUE_BYTES, 7));
}

BACKEND_TEST(value_that_no_socket_holds_is_written_and_read_in_pieces)
{
    struct server server;
    struct client client = {0};
    char *value = malloc(VALUE_BYTES);
    harness_fill(value, VALUE_BYTES, 7);
    server_start(&server);
    client_open(loop, &client, &server);
    redisAsyncCommand(client.context, replied, NULL, "SET value %b", value, (size_t)VALUE_BYTES);
    redisAsyncCommand(client.context, got_value, NULL, "GET value");
    redisAsyncDisconnect(client.context);
    harness_run(loop);
    assert_int_equal(client.replies, 2);
    free(value);
    server_kill(&server);
}

/* --- numbers that come again --- */

static void next_round(struct hark_op *op, int64_t result)
{
    struct client *client = hark_container_of(op, struct client, later);
    (void)result;
    if (client->rounds-- == 0)
        return;
    client_open(client->loop, client, client->server);
    redisAsyncCommand(client->context, replied, NULL, "PING");
    redisAsyncDisconnect(client->context);
}

BACKEND_TEST(connection_after_connection_has_the_same_number)
{
    struct server server;
    struct client client = {
        .loop = loop, .server = &server, .rounds = CONNECTIONS, .then = next_round};
    server_start(&server);
    hark_defer(loop, &client.later, next_round);
    harness_run(loop);
    assert_int_equal(client.replies, CONNECTIONS);
    assert_int_equal(client.disconnected, CONNECTIONS);
    assert_int_equal(numbers_again, CONNECTIONS - 1);
    server_kill(&server);
}

static void waits(struct client *client);

/* The program gives up waiting. The next connection has the number while the final calls of the
 * last one's polls are to come. */
static void replace(struct hark_op *op, int64_t result)
{
    struct client *client = hark_container_of(op, struct client, later);
    int number = client->context->c.fd;
    (void)result;
    redisAsyncFree(client->context);
    assert_null(client->context);
    if (--client->rounds == 0)
        return;
    client_open(client->loop, client, client->server);
    assert_int_equal(client->context->c.fd, number);
    waits(client);
}

static void answered_so_replace(redisAsyncContext *context, void *reply, void *data)
{
    struct client *client = context->data;
    replied(context, reply, data);
    hark_sleep(client->loop, &client->later, 1000, replace);
}

static void waits(struct client *client)
{
    redisAsyncCommand(client->context, answered_so_replace, NULL, "PING");
    redisAsyncCommand(client->context, replied, NULL, "BLPOP nothing 0");
}

BACKEND_TEST(connection_freed_while_it_waits_gives_its_number_to_the_next_at_once)
{
    struct server server;
    struct client client = {.rounds = CONNECTIONS};
    server_start(&server);
    client_open(loop, &client, &server);
    waits(&client);
    harness_run(loop);
    assert_int_equal(client.replies, CONNECTIONS);
    assert_int_equal(client.without_reply, CONNECTIONS);
    assert_int_equal(numbers_again, CONNECTIONS - 1);
    server_kill(&server);
}

/* More than any batch of the loop, all with one number, within one callback; only the last of them
 * is ever used. */
static void many_at_once(struct hark_op *op, int64_t result)
{
    struct client *client = hark_container_of(op, struct client, later);
    (void)result;
    while (client->rounds-- > 0) {
        client_open(client->loop, client, client->server);
        redisAsyncCommand(client->context, replied, NULL, "PING");
        if (client->rounds > 0)
            redisAsyncFree(client->context);
    }
    redisAsyncDisconnect(client->context);
}

BACKEND_TEST(connections_freed_before_they_are_used_leave_their_number_to_the_last)
{
    struct server server;
    struct client client = {.loop = loop, .server = &server, .rounds = 4 * CONNECTIONS};
    server_start(&server);
    hark_defer(loop, &client.later, many_at_once);
    harness_run(loop);
    assert_int_equal(client.replies, 1);
    assert_int_equal(client.without_reply, 4 * CONNECTIONS - 1);
    assert_int_equal(numbers_again, 4 * CONNECTIONS - 1);
    server_kill(&server);
}

/* --- trouble --- */

BACKEND_TEST(connection_that_is_refused_is_told_and_its_number_comes_again)
{
    struct server server;
    struct client client = {0};
    int taken;
    uint16_t port = numbers_refusing_port(SOCK_STREAM, &taken);
    for (int i = 1; i <= CONNECTIONS; i++) {
        client_attach(loop, &client, redisAsyncConnect("127.0.0.1", port));
        redisAsyncCommand(client.context, replied, NULL, "PING");
        harness_run(loop);
        assert_null(client.context);
        assert_int_equal(client.connected, i);
        assert_int_equal(client.connect_status, REDIS_ERR);
        assert_int_equal(client.without_reply, i);
    }
    assert_int_equal(numbers_again, CONNECTIONS - 1);
    server_start(&server); /* the same number, and this time it answers */
    client_open(loop, &client, &server);
    redisAsyncCommand(client.context, replied, NULL, "PING");
    redisAsyncDisconnect(client.context);
    harness_run(loop);
    assert_int_equal(client.replies, 1);
    server_kill(&server);
    close(taken);
}

static int count_blocked(const struct client *clients)
{
    int blocked = 0;
    for (int i = 0; i < PARALLEL; i++)
        blocked += clients[i].replies == 1;
    return blocked;
}

BACKEND_TEST(server_that_dies_ends_every_connection_and_the_next_server_serves_the_same_numbers)
{
    struct server server;
    struct client clients[PARALLEL] = {0};
    for (int round = 0; round < 3; round++) {
        server_start(&server);
        memset(clients, 0, sizeof clients);
        for (int i = 0; i < PARALLEL; i++) {
            client_open(loop, &clients[i], &server);
            redisAsyncCommand(clients[i].context, replied, NULL, "PING");
            redisAsyncCommand(clients[i].context, replied, NULL, "BLPOP nothing 0");
        }
        while (count_blocked(clients) < PARALLEL)
            assert_int_equal(hark_run_once(loop), 1);
        server_kill(&server);
        harness_run(loop);
        for (int i = 0; i < PARALLEL; i++) {
            assert_int_equal(clients[i].disconnected, 1);
            assert_int_equal(clients[i].disconnect_status, REDIS_ERR);
            assert_int_equal(clients[i].without_reply, 1);
        }
    }
    assert_in_range(numbers_again, 2 * PARALLEL - 2, 2 * PARALLEL);
}

/* --- side by side --- */

struct subscription {
    struct client client;
    int subscribed, messages;
};

static void heard(redisAsyncContext *context, void *reply, void *data)
{
    struct subscription *subscription = data;
    const redisReply *answer = reply;
    (void)context;
    if (!answer || answer->elements != 3)
        return;
    if (strcmp(answer->element[0]->str, "subscribe") == 0)
        subscription->subscribed++;
    else if (strcmp(answer->element[0]->str, "message") == 0 &&
             strcmp(answer->element[2]->str, "last") != 0)
        subscription->messages++;
    else if (strcmp(answer->element[0]->str, "message") == 0)
        redisAsyncFree(context); /* from inside its callback */
}

static int count_subscribed(const struct subscription *subscriptions)
{
    int subscribed = 0;
    for (int i = 0; i < PARALLEL; i++)
        subscribed += subscriptions[i].subscribed;
    return subscribed;
}

BACKEND_TEST(subscribers_hear_every_message_and_are_freed_inside_their_callbacks)
{
    enum { MESSAGES = 50 };
    struct server server;
    struct subscription subscriptions[PARALLEL] = {0};
    struct client publisher = {0};
    server_start(&server);
    for (int i = 0; i < PARALLEL; i++) {
        client_open(loop, &subscriptions[i].client, &server);
        redisAsyncCommand(subscriptions[i].client.context, heard, &subscriptions[i],
                          "SUBSCRIBE news");
    }
    while (count_subscribed(subscriptions) < PARALLEL)
        assert_int_equal(hark_run_once(loop), 1);
    harness_assert_idle(loop);
    client_open(loop, &publisher, &server);
    for (int i = 0; i < MESSAGES; i++)
        redisAsyncCommand(publisher.context, replied, NULL, "PUBLISH news %d", i);
    redisAsyncCommand(publisher.context, replied, NULL, "PUBLISH news last");
    redisAsyncDisconnect(publisher.context);
    harness_run(loop);
    for (int i = 0; i < PARALLEL; i++) {
        assert_int_equal(subscriptions[i].messages, MESSAGES);
        assert_int_equal(subscriptions[i].client.disconnected, 1);
    }
    assert_int_equal(publisher.replies, MESSAGES + 1);
    server_kill(&server);
}
