/* tls_openssl.c - TLS by hand: OpenSSL on non-blocking sockets (SSL_set_fd), edge-triggered epoll.
 *
 * What serves it best: reads take what is there and not the header of a record first (read_ahead);
 * buffers are kept; of a large write each record is told (ENABLE_PARTIAL_WRITE); a connection is
 * registered once, for both ways; the first bytes are tried as soon as it is accepted; sessions are
 * resumed by tickets alone, none are kept.
 *
 *   tls_openssl PORT CHAIN KEY */
#include "bench.h"
#include "tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>

enum { BATCH = 256, PIECE = 16384 };

struct session {
    SSL *ssl;
    int fd;
    enum wish wish;
    bool met; /* the handshake is over */
    uint64_t left;
    size_t held, held_sent; /* of `bytes`, what is still to be sent back */
    char bytes[PIECE];
};

static SSL_CTX *context;

enum next { GO_ON, WAIT, OVER };

/* What follows a call that OpenSSL has not done. */
static enum next refused(const struct session *session, int result)
{
    int error = SSL_get_error(session->ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? WAIT : OVER;
}

static enum next meet(struct session *session)
{
    int result = SSL_do_handshake(session->ssl);
    session->met = result == 1;
    return session->met ? GO_ON : refused(session, result);
}

static enum next send_on(struct session *session)
{
    size_t sent;
    int result = SSL_write_ex(session->ssl, block, next_block(session->left), &sent);
    if (result != 1)
        return refused(session, result);
    session->left -= sent;
    return session->left > 0 ? GO_ON : OVER;
}

static enum next send_back(struct session *session)
{
    size_t sent;
    int result = SSL_write_ex(session->ssl, session->bytes + session->held_sent,
                              session->held - session->held_sent, &sent);
    if (result != 1)
        return refused(session, result);
    session->held_sent += sent;
    if (session->held_sent == session->held)
        session->held = session->held_sent = 0;
    return GO_ON;
}

static enum next receive_on(struct session *session)
{
    size_t count;
    int result = SSL_read_ex(session->ssl, session->bytes, PIECE, &count);
    if (result != 1)
        return refused(session, result);
    if (session->wish == WISH_UNKNOWN)
        session->wish = wish_of(session->bytes, count, &session->left);
    if (session->wish == WISH_ECHO)
        session->held = count;
    return GO_ON;
}

static enum next step(struct session *session)
{
    if (!session->met)
        return meet(session);
    if (session->left > 0)
        return send_on(session);
    if (session->held > 0)
        return send_back(session);
    return receive_on(session);
}

/* Gives: whether it is over. */
static bool go_on(struct session *session)
{
    enum next next;
    ERR_clear_error();
    while ((next = step(session)) == GO_ON)
        ;
    return next == OVER;
}

static void end(struct session *session)
{
    if (session->met)
        SSL_shutdown(session->ssl); /* close_notify */
    ERR_clear_error();
    SSL_free(session->ssl);
    close(session->fd);
    free(session);
}

static void take(int epoll, int fd)
{
    struct session *session = malloc(sizeof *session);
    memset(session, 0, offsetof(struct session, bytes));
    session->fd = fd;
    session->ssl = SSL_new(context);
    SSL_set_fd(session->ssl, fd);
    SSL_set_accept_state(session->ssl);
    if (go_on(session)) {
        end(session);
        return;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = session};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void prepare(const char *chain, const char *key)
{
    context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"bench", 5);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_use_certificate_chain_file(context, chain) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    prepare(argv[2], argv[3]);
    int listener = listen_at(argv[1]);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        struct epoll_event events[BATCH];
        int count = epoll_wait(epoll, events, BATCH, -1);
        for (int i = 0; i < count; i++) {
            struct session *session = events[i].data.ptr;
            int fd;
            if (!session)
                while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
                    take(epoll, fd);
            else if (go_on(session))
                end(session);
        }
    }
}
