/* http_server.c - see the header. */
#include "adapters/http_server.h"

struct http_connection {
    struct peer peer;
    char head[4096];
    size_t count;
    uint64_t body_left, body_count; /* of a POST */
};

static struct http_server *http_server_of(struct http_connection *connection)
{
    return hark_container_of(connection->peer.peers, struct http_server, peers);
}

static void http_send(struct http_connection *connection, size_t announced, size_t sent, bool kept)
{
    char head[256];
    int length = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n",
                          announced, kept ? "" : "Connection: close\r\n");
    assert_true(announced <= HTTP_BODY_MAX);
    assert_true(hark_stream_write(&connection->peer.stream, head, (size_t)length) >= 0);
    assert_true(
        hark_stream_write(&connection->peer.stream, http_server_of(connection)->body, sent) >= 0);
    if (!kept)
        hark_stream_close_after_sending(&connection->peer.stream);
}

static void http_get(struct http_connection *connection, const char *path)
{
    size_t bytes = strtoul(strrchr(path, '/') + 1, NULL, 10);
    if (strncmp(path, "/bytes/", 7) == 0)
        http_send(connection, bytes, bytes, true);
    else if (strncmp(path, "/close/", 7) == 0)
        http_send(connection, bytes, bytes, false);
    else if (strncmp(path, "/short/", 7) == 0)
        http_send(connection, 2 * bytes, bytes, false);
    else if (strcmp(path, "/gone") == 0)
        hark_stream_close(&connection->peer.stream);
    else
        assert_string_equal(path, "/never");
}

static void http_posted(struct http_connection *connection)
{
    char answer[256];
    char number[32];
    int digits =
        snprintf(number, sizeof number, "%llu", (unsigned long long)connection->body_count);
    int length = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s",
                          digits, number);
    assert_true(hark_stream_write(&connection->peer.stream, answer, (size_t)length) >= 0);
}

/* A request's head is whole. */
static void http_request(struct http_connection *connection)
{
    char method[8], path[64];
    assert_int_equal(sscanf(connection->head, "%7s %63s ", method, path), 2);
    http_server_of(connection)->requests++;
    if (strcmp(method, "GET") == 0) {
        http_get(connection, path);
        return;
    }
    const char *length = strstr(connection->head, "Content-Length: ");
    assert_string_equal(method, "POST");
    assert_non_null(length);
    connection->body_left = connection->body_count = strtoull(length + 16, NULL, 10);
    if (strstr(connection->head, "Expect: 100-continue"))
        assert_true(
            hark_stream_write(&connection->peer.stream, "HTTP/1.1 100 Continue\r\n\r\n", 25) >= 0);
}

static void http_received(struct peer *peer, const void *bytes, size_t count)
{
    struct http_connection *connection = hark_container_of(peer, struct http_connection, peer);
    for (size_t i = 0; i < count; i++) {
        if (connection->body_left > 0) {
            uint64_t taken = connection->body_left < count - i ? connection->body_left : count - i;
            i += taken - 1;
            connection->body_left -= taken;
            if (connection->body_left == 0)
                http_posted(connection);
            continue;
        }
        assert_true(connection->count < sizeof connection->head - 1);
        connection->head[connection->count++] = ((const char *)bytes)[i];
        connection->head[connection->count] = '\0';
        if (connection->count >= 4 &&
            strcmp(connection->head + connection->count - 4, "\r\n\r\n") == 0) {
            connection->count = 0;
            http_request(connection);
        }
    }
}

void http_start(struct hark_loop *loop, struct http_server *server)
{
    *server = (struct http_server){.body = malloc(HTTP_BODY_MAX)};
    harness_fill(server->body, HTTP_BODY_MAX, 1);
    peers_start(loop, &server->peers, sizeof(struct http_connection), http_received);
}

void http_done(struct http_server *server)
{
    assert_int_equal(server->peers.open, 0);
    free(server->body);
}
