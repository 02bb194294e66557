/* load_tls_handshake.c - handshakes of TLS 1.3, one after the other on each of so many places.
 *
 *   load_tls_handshake PORT full|resumed PLACES CONNECTIONS
 *
 * Each connection asks for one byte, reads the answer to its end (close_notify), and is closed.
 * "resumed": each resumes the session that a first one, before, was given; that it is so is looked
 * at, and with "full" that it is not. One line at the end: connections, seconds. Once it is ready
 * it prints "connected" and waits for a line. */
#include "tls_client.h"

#include <sys/epoll.h>

enum { BATCH = 256 };

struct place {
    SSL *ssl;
    bool offers, asked; /* offers a session */
    uint64_t received;
};

static SSL_CTX *context;
static SSL_SESSION *session; /* to resume; NULL: none */
static uint64_t started, done, total;
static const char *port;
static int epoll;

static void move_on(struct place *place);

static void dial(struct place *place)
{
    if (started++ >= total)
        return;
    *place = (struct place){.ssl = client_dial(context, port, O_NONBLOCK), .offers = session};
    if (session)
        SSL_set_session(place->ssl, session);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = place};
    epoll_ctl(epoll, EPOLL_CTL_ADD, SSL_get_fd(place->ssl), &event);
    move_on(place);
}

/* Gives: whether the server has ended. */
static bool has_ended(const struct place *place, int result)
{
    int error = SSL_get_error(place->ssl, result);
    if (error == SSL_ERROR_WANT_READ)
        return false;
    if (error != SSL_ERROR_ZERO_RETURN)
        fail("the connection has failed");
    return true;
}

static void finish(struct place *place)
{
    if (place->received == 0)
        fail("there is no answer");
    if (SSL_session_reused(place->ssl) != place->offers)
        fail(place->offers ? "a session was not resumed" : "a session was resumed");
    client_close(place->ssl);
    done++;
    dial(place);
}

static void move_on(struct place *place)
{
    static const char request[] = "GET /1 HTTP/1.0\r\n\r\n";
    char bytes[4096];
    int result;
    ERR_clear_error();
    if (!place->asked) {
        if ((result = SSL_do_handshake(place->ssl)) != 1) {
            if (has_ended(place, result))
                fail("the server has ended the handshake");
            return;
        }
        place->asked = true;
        if (SSL_write(place->ssl, request, sizeof request - 1) != sizeof request - 1)
            fail("cannot ask");
    }
    while ((result = SSL_read(place->ssl, bytes, sizeof bytes)) > 0)
        place->received += (uint64_t)result;
    if (has_ended(place, result))
        finish(place);
}

static int keep_session(SSL *ssl, SSL_SESSION *given)
{
    (void)ssl;
    SSL_SESSION_free(session);
    session = given;
    return 1;
}

static void loop(void)
{
    while (done < total) {
        struct epoll_event events[BATCH];
        int ready = epoll_wait(epoll, events, BATCH, 10000);
        if (ready <= 0)
            fail("no answer within ten seconds");
        for (int i = 0; i < ready; i++)
            move_on(events[i].data.ptr);
    }
}

/* One connection, for what it is given. */
static void get_session(struct place *place)
{
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep_session);
    total = 1;
    dial(place);
    loop();
    SSL_CTX_sess_set_new_cb(context, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    started = done = 0;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: load_tls_handshake PORT full|resumed PLACES CONNECTIONS\n");
        return 2;
    }
    int count = atoi(argv[3]);
    port = argv[1];
    context = client_make("load_tls_handshake");
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct place *places = calloc((size_t)count, sizeof *places);
    if (strcmp(argv[2], "resumed") == 0)
        get_session(&places[0]);
    total = strtoull(argv[4], NULL, 10);
    client_wait();
    uint64_t began_ns = now_ns();
    for (int i = 0; i < count; i++)
        dial(&places[i]);
    loop();
    printf("operations %llu seconds %.4f\n", (unsigned long long)done,
           (double)(now_ns() - began_ns) / 1e9);
    return 0;
}
