/* tls_client.h - what the load generators for TLS share: OpenSSL on a socket of their own, the same
 * to every server. No certificate is looked at: what is measured is the server. */
#ifndef TLS_CLIENT_H
#define TLS_CLIENT_H

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

static const char *client_name;

static inline void fail(const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", client_name, what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(1);
}

static inline SSL_CTX *client_make(const char *name)
{
    client_name = name;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context)
        fail("no OpenSSL");
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_read_ahead(context, 1);
    return context;
}

/* A connection to the server, with OpenSSL on it; the handshake is still to come. */
static inline SSL *client_dial(SSL_CTX *context, const char *port, int flags)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    plain_tcp(fd);
    bound_waiting(fd);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        fcntl(fd, F_SETFL, flags) < 0)
        fail("cannot connect");
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    SSL_set_connect_state(ssl);
    return ssl;
}

/* The end of a connection that has had its answer. */
static inline void client_close(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);
    SSL_shutdown(ssl);
    ERR_clear_error();
    SSL_free(ssl);
    close(fd);
}

/* Says that all is ready, and waits until it is to begin. */
static inline void client_wait(void)
{
    char line[2];
    printf("connected\n");
    fflush(stdout);
    if (read(STDIN_FILENO, line, 1) < 0)
        fail("cannot read the input");
}

#endif
