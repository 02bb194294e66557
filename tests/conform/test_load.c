/* test_load.c - ten thousand connections at once with mixed traffic: no byte lost, repeated or
 * changed.
 *
 * The server echoes, a fifth of its connections by each kind of op; the client, in a process of its
 * own as the two together have more descriptors than one process may, knows from the offset what
 * each byte must be. select takes fewer connections, and so does a machine whose limit of
 * descriptors is lower. */
#include "harness/harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CONNECTIONS = 10000,
    CONNECTIONS_ON_SELECT = 900,
    SPARE_DESCRIPTORS = 100,
    SERVER_BYTES = 2048,
    CLIENT_BYTES = 4096,
    KINDS = 5
};

static int connections(void)
{
    static int count;
    struct rlimit limit;
    if (count == 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        count = harness_backend() == HARK_BACKEND_SELECT ? CONNECTIONS_ON_SELECT : CONNECTIONS;
        if (limit.rlim_cur < (rlim_t)count + SPARE_DESCRIPTORS) {
            count = (int)limit.rlim_cur - SPARE_DESCRIPTORS;
            print_message("RLIMIT_NOFILE allows %d connections only\n", count);
        }
    }
    return count;
}

/* --- the server --- */

struct server {
    struct harness_op accepting;
    int fd;
    int accepted;
    int closed;
};

struct bytes {
    char *at;
    size_t count;
    size_t room;
};

struct peer {
    struct hark_op receive;
    struct hark_op send;
    struct hark_op close;
    struct server *server;
    struct msghdr message;
    struct iovec vector;
    int fd;
    int kind;
    bool ended;
    size_t sent;
    struct bytes sending; /* what is on its way back */
    struct bytes waiting; /* what came meanwhile; only hark_recv_each goes on receiving */
    char room[SERVER_BYTES];
};

static void append(struct bytes *bytes, const void *from, size_t count)
{
    if (bytes->count + count > bytes->room) {
        bytes->room = (bytes->count + count) * 2;
        bytes->at = realloc(bytes->at, bytes->room);
        assert_non_null(bytes->at);
    }
    memcpy(bytes->at + bytes->count, from, count);
    bytes->count += count;
}

static void peer_closed(struct hark_op *op, int64_t result)
{
    struct peer *peer = hark_container_of(op, struct peer, close);
    struct server *server = peer->server;
    assert_result(result, 0);
    free(peer->sending.at);
    free(peer->waiting.at);
    free(peer);
    if (++server->closed == connections())
        hark_cancel(&server->accepting.op);
}

static void peer_received(struct hark_op *op, int64_t result);

static void peer_receive(struct peer *peer)
{
    struct hark_loop *loop = peer->server->accepting.op.loop;
    peer->vector = (struct iovec){.iov_base = peer->room, .iov_len = sizeof peer->room};
    peer->message = (struct msghdr){.msg_iov = &peer->vector, .msg_iovlen = 1};
    if (peer->kind == 0)
        hark_recv_each(loop, &peer->receive, peer->fd, peer_received);
    else if (peer->kind == 1)
        hark_recv(loop, &peer->receive, peer->fd, peer->room, sizeof peer->room, 0, peer_received);
    else if (peer->kind == 2)
        hark_recvmsg(loop, &peer->receive, peer->fd, &peer->message, 0, peer_received);
    else if (peer->kind == 3)
        hark_read(loop, &peer->receive, peer->fd, peer->room, sizeof peer->room, HARK_AT_POSITION,
                  peer_received);
    else
        hark_poll(loop, &peer->receive, peer->fd, HARK_POLL_READABLE, peer_received);
}

static void peer_sent(struct hark_op *op, int64_t result);

static void peer_send(struct peer *peer)
{
    struct hark_loop *loop = peer->server->accepting.op.loop;
    char *from = peer->sending.at + peer->sent;
    size_t count = peer->sending.count - peer->sent;
    peer->vector = (struct iovec){.iov_base = from, .iov_len = count};
    peer->message = (struct msghdr){.msg_iov = &peer->vector, .msg_iovlen = 1};
    if (peer->kind == 0)
        hark_send(loop, &peer->send, peer->fd, from, count, MSG_WAITALL, peer_sent);
    else if (peer->kind == 2)
        hark_sendmsg(loop, &peer->send, peer->fd, &peer->message, 0, peer_sent);
    else if (peer->kind == 3)
        hark_writev(loop, &peer->send, peer->fd, &peer->vector, 1, HARK_AT_POSITION, peer_sent);
    else
        hark_send(loop, &peer->send, peer->fd, from, count, 0, peer_sent);
}

/* What waits is sent; where nothing does, the connection is closed if the client has ended its
 * side. */
static void peer_go_on(struct peer *peer)
{
    struct bytes sent = peer->sending;
    peer->sending = peer->waiting;
    peer->waiting = sent;
    peer->waiting.count = 0;
    peer->sent = 0;
    if (peer->sending.count > 0)
        peer_send(peer);
    else if (peer->ended)
        hark_close(peer->server->accepting.op.loop, &peer->close, peer->fd, peer_closed);
    else if (!hark_op_active(&peer->receive))
        peer_receive(peer);
}

static void peer_sent(struct hark_op *op, int64_t result)
{
    struct peer *peer = hark_container_of(op, struct peer, send);
    assert_true(result > 0);
    peer->sent += (size_t)result;
    if (peer->sent < peer->sending.count)
        return peer_send(peer);
    peer_go_on(peer);
}

static void peer_received(struct hark_op *op, int64_t result)
{
    struct peer *peer = hark_container_of(op, struct peer, receive);
    const void *from = peer->kind == 0 ? hark_op_buffer(op) : peer->room;
    if (peer->kind == 4) {
        assert_true(result > 0);
        ssize_t count = recv(peer->fd, peer->room, sizeof peer->room, MSG_DONTWAIT);
        if (count < 0 && errno == EAGAIN)
            return peer_receive(peer);
        result = count;
    }
    assert_true(result >= 0);
    peer->ended = result == 0;
    if (result > 0)
        append(&peer->waiting, from, (size_t)result);
    if (!hark_op_active(&peer->send))
        peer_go_on(peer);
}

static void server_accepted(struct harness_op *accepting, int64_t result)
{
    struct server *server = hark_container_of(accepting, struct server, accepting);
    if (result < 0) {
        assert_result(result, -ECANCELED);
        return;
    }
    struct peer *peer = calloc(1, sizeof *peer);
    assert_non_null(peer);
    peer->server = server;
    peer->fd = (int)result;
    peer->kind = server->accepted++ % KINDS;
    peer_receive(peer);
}

/* --- the client --- */

struct client;

struct connection {
    struct hark_op op; /* connect, then send, then shutdown */
    struct hark_op receive;
    struct hark_op close;
    struct client *client;
    uint64_t seed;
    uint64_t total;
    uint64_t sent;
    uint64_t received;
    int fd;
    char out[CLIENT_BYTES];
    char in[CLIENT_BYTES];
};

struct client {
    struct hark_loop *loop;
    struct connection *connections;
    int connected;
    int closed;
};

/* The byte that stands at an offset of a connection's traffic. */
static char byte_at(uint64_t seed, uint64_t offset)
{
    uint64_t value = (seed << 32 | offset) * 0x9e3779b97f4a7c15u;
    value = (value ^ value >> 29) * 0xbf58476d1ce4e5b9u;
    return (char)(value >> 40);
}

static void client_closed(struct hark_op *op, int64_t result)
{
    struct connection *connection = hark_container_of(op, struct connection, close);
    assert_result(result, 0);
    connection->client->closed++;
}

static void client_received(struct hark_op *op, int64_t result)
{
    struct connection *connection = hark_container_of(op, struct connection, receive);
    assert_true(result >= 0);
    if (result == 0) {
        assert_int_equal(connection->received, connection->total);
        return hark_close(op->loop, &connection->close, connection->fd, client_closed);
    }
    for (int64_t index = 0; index < result; index++)
        if (connection->in[index] !=
            byte_at(connection->seed, connection->received + (uint64_t)index))
            fail_msg("connection %llu: the byte at %llu is wrong",
                     (unsigned long long)connection->seed,
                     (unsigned long long)connection->received + (unsigned long long)index);
    connection->received += (uint64_t)result;
    assert_true(connection->received <= connection->total);
    hark_recv(op->loop, op, connection->fd, connection->in, sizeof connection->in, 0,
              client_received);
}

static void client_ended(struct hark_op *op, int64_t result)
{
    (void)op;
    assert_result(result, 0);
}

static void client_sent(struct hark_op *op, int64_t result)
{
    struct connection *connection = hark_container_of(op, struct connection, op);
    assert_true(result >= 0);
    connection->sent += (uint64_t)result;
    uint64_t left = connection->total - connection->sent;
    if (left == 0)
        return hark_shutdown(op->loop, op, connection->fd, SHUT_WR, client_ended);
    uint64_t piece = 1 + (connection->seed * 31 + connection->sent * 7) % sizeof connection->out;
    piece = piece < left ? piece : left;
    for (uint64_t index = 0; index < piece; index++)
        connection->out[index] = byte_at(connection->seed, connection->sent + index);
    hark_send(op->loop, op, connection->fd, connection->out, (size_t)piece, 0, client_sent);
}

static void client_connected(struct hark_op *op, int64_t result)
{
    struct client *client = hark_container_of(op, struct connection, op)->client;
    assert_result(result, 0);
    if (++client->connected < connections())
        return;
    for (int index = 0; index < connections(); index++) { /* all stand: now all talk */
        struct connection *connection = &client->connections[index];
        hark_recv(op->loop, &connection->receive, connection->fd, connection->in,
                  sizeof connection->in, 0, client_received);
        client_sent(&connection->op, 0);
    }
}

/* How much a connection says: many say little, some nothing, a few much. */
static uint64_t amount(uint64_t seed)
{
    if (seed % 100 == 99)
        return 300000 + seed % 1000;
    return seed % 10 == 0 ? 0 : 100 + seed * 2654435761u % 6000;
}

static void client_run(const struct hark_address *address)
{
    struct client client = {.loop = harness_loop_create(NULL)};
    client.connections = calloc((size_t)connections(), sizeof *client.connections);
    assert_non_null(client.connections);
    for (int index = 0; index < connections(); index++) {
        struct connection *connection = &client.connections[index];
        connection->client = &client;
        connection->seed = (uint64_t)index;
        connection->total = amount(connection->seed);
        connection->fd = hark_os_socket(client.loop, AF_INET, SOCK_STREAM, 0);
        assert_true(connection->fd >= 0);
        hark_connect(client.loop, &connection->op, connection->fd, &address->name.any,
                     address->length, client_connected);
    }
    harness_run(client.loop);
    assert_int_equal(client.closed, connections());
    harness_loop_destroy(client.loop);
}

BACKEND_TEST(ten_thousand_connections_lose_and_repeat_no_byte)
{
    struct hark_address address;
    struct server server = {.accepting = {.then = server_accepted}};
    server.fd = harness_listen(loop, &address);
    fflush(NULL);
    pid_t client = fork();
    assert_true(client >= 0);
    if (client == 0) {
        client_run(&address);
        _exit(0);
    }
    hark_accept_each(loop, &server.accepting.op, server.fd, harness_done);
    harness_run(loop);
    int status = 0;
    assert_int_equal(waitpid(client, &status, 0), client);
    assert_int_equal(status, 0);
    assert_int_equal(server.accepted, connections());
    assert_int_equal(server.closed, connections());
    harness_close(loop, server.fd);
}
