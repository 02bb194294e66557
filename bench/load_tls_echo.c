/* load_tls_echo.c - messages over TLS 1.3 that come back, one under way on each connection.
 *
 *   load_tls_echo PORT CONNECTIONS SIZE MESSAGES
 *
 * Each byte that comes back is looked at. One line at the end: messages, seconds. Once all
 * handshakes are over it prints "connected" and waits for a line. */
#include "tls_client.h"

#include <sys/epoll.h>

enum { BATCH = 256, SIZE_MAX_BYTES = 16384 };

struct connection {
    SSL *ssl;
    size_t received; /* of the message that is coming back */
};

static char message[SIZE_MAX_BYTES], answer[SIZE_MAX_BYTES];
static size_t size;
static uint64_t started, done, total;

static void send_message(struct connection *connection)
{
    if (started == total)
        return;
    started++;
    connection->received = 0;
    if (SSL_write(connection->ssl, message, (int)size) != (int)size)
        fail("cannot send");
}

static void receive(struct connection *connection)
{
    int count;
    ERR_clear_error();
    while ((count = SSL_read(connection->ssl, answer, sizeof answer)) > 0) {
        if (connection->received + (size_t)count > size ||
            memcmp(answer, message + connection->received, (size_t)count) != 0)
            fail("a byte came back changed");
        connection->received += (size_t)count;
        if (connection->received < size)
            continue;
        done++;
        send_message(connection);
    }
    if (SSL_get_error(connection->ssl, count) != SSL_ERROR_WANT_READ)
        fail("the connection ended");
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: load_tls_echo PORT CONNECTIONS SIZE MESSAGES\n");
        return 2;
    }
    int count = atoi(argv[2]);
    size = strtoul(argv[3], NULL, 10);
    total = strtoull(argv[4], NULL, 10);
    if (size == 0 || size > sizeof message)
        return 2;
    for (size_t i = 0; i < size; i++)
        message[i] = (char)('a' + i % 26);
    SSL_CTX *context = client_make("load_tls_echo");
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct connection *connections = calloc((size_t)count, sizeof *connections);
    for (int i = 0; i < count; i++) {
        SSL *ssl = connections[i].ssl = client_dial(context, argv[1], 0);
        if (SSL_do_handshake(ssl) != 1)
            fail("the handshake has failed");
        if (fcntl(SSL_get_fd(ssl), F_SETFL, O_NONBLOCK) < 0)
            fail("no non-blocking socket");
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, SSL_get_fd(ssl), &event);
    }
    client_wait();
    uint64_t began_ns = now_ns();
    for (int i = 0; i < count; i++)
        send_message(&connections[i]);
    while (done < total) {
        struct epoll_event events[BATCH];
        int ready = epoll_wait(epoll, events, BATCH, 10000);
        if (ready <= 0)
            fail("no answer within ten seconds");
        for (int i = 0; i < ready; i++)
            receive(events[i].data.ptr);
    }
    printf("operations %llu seconds %.4f\n", (unsigned long long)done,
           (double)(now_ns() - began_ns) / 1e9);
    return 0;
}
