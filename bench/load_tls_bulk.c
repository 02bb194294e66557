/* load_tls_bulk.c - bulk transfer over TLS 1.3 on one connection.
 *
 *   load_tls_bulk PORT up|down BYTES
 *
 * "down": asks for so many bytes and reads to the server's end. "up": sends so many, ends, and
 * waits for the server's end. One line at the end: operations (each of 1 MiB), seconds. Once the
 * handshake is over it prints "connected" and waits for a line. */
#include "tls_client.h"

static char bytes[1 << 18];

static uint64_t receive_all(SSL *ssl)
{
    uint64_t received = 0;
    int count;
    while ((count = SSL_read(ssl, bytes, sizeof bytes)) > 0)
        received += (uint64_t)count;
    if (SSL_get_error(ssl, count) != SSL_ERROR_ZERO_RETURN)
        fail("cannot receive");
    return received;
}

static void send_all(SSL *ssl, const void *from, uint64_t total, uint64_t at_a_time)
{
    while (total > 0) {
        size_t sent;
        if (SSL_write_ex(ssl, from, total < at_a_time ? total : at_a_time, &sent) != 1)
            fail("cannot send");
        total -= sent;
    }
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: load_tls_bulk PORT up|down BYTES\n");
        return 2;
    }
    bool up = strcmp(argv[2], "up") == 0;
    uint64_t total = strtoull(argv[3], NULL, 10);
    char request[64];
    int length = snprintf(request, sizeof request, "%s /%llu HTTP/1.0\r\n\r\n", up ? "PUT" : "GET",
                          (unsigned long long)total);
    SSL *ssl = client_dial(client_make("load_tls_bulk"), argv[1], 0);
    if (SSL_do_handshake(ssl) != 1)
        fail("the handshake has failed");
    client_wait();
    uint64_t began_ns = now_ns();
    send_all(ssl, request, (uint64_t)length, (uint64_t)length);
    if (up) {
        send_all(ssl, bytes, total, sizeof bytes);
        SSL_shutdown(ssl);
        receive_all(ssl);
    } else if (receive_all(ssl) < total) {
        fail("not all came");
    }
    printf("operations %.3f seconds %.6f\n", (double)total / (1 << 20),
           (double)(now_ns() - began_ns) / 1e9);
    return 0;
}
