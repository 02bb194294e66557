/* 33_openssl.c - shakes hands with a TLS server, by OpenSSL's own calls, and prints what it shows.
 *
 * Shows: an SSL of one's own on a hark loop, for what hark/tls.h does not offer: here each
 * certificate of the chain is looked at by a callback, whether it is trusted or not. Each call of
 * OpenSSL's is a step, which the loop makes again when the socket is ready.
 *
 * Try:   ./33_openssl 127.0.0.1:443 localhost
 */
#include "hark.h"
#include "hark/adapters/openssl.h"
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#define SECOND UINT64_C(1000000000)

static struct client {
    struct hark_openssl call;
    struct hark_op connect;
    struct hark_address address;
    uint64_t deadline_ns;
    SSL *ssl;
    int fd;
    int code; /* of the program's end */
} client;

static int look_at(int trusted, X509_STORE_CTX *chain)
{
    char subject[256];

    X509_NAME_oneline(X509_get_subject_name(X509_STORE_CTX_get_current_cert(chain)), subject,
                      sizeof subject);
    printf("%d %s: %s\n", X509_STORE_CTX_get_error_depth(chain), subject,
           trusted ? "ok" : X509_verify_cert_error_string(X509_STORE_CTX_get_error(chain)));
    if (!trusted)
        client.code = 1;
    return 1; /* it only looks */
}

static void end(int error)
{
    if (error < 0) {
        unsigned long of_openssl = ERR_get_error();
        fprintf(stderr, "33_openssl: %s\n",
                of_openssl ? ERR_reason_error_string(of_openssl) : hark_error_text(error));
        client.code = 1;
    }
    hark_os_close(client.call.loop, client.fd);
}

static int shut_down(struct hark_openssl *call)
{
    return SSL_shutdown(call->ssl);
}

static void said(struct hark_openssl *call, int error, int result)
{
    (void)call;
    (void)result; /* 0: the server has not said its own end, and nobody waits for it */
    end(error);
}

static int shake_hands(struct hark_openssl *call)
{
    return SSL_connect(call->ssl);
}

static void shaken(struct hark_openssl *call, int error, int result)
{
    (void)result;
    if (error < 0) {
        end(error);
        return;
    }
    printf("%s, %s\n", SSL_get_version(call->ssl), SSL_get_cipher(call->ssl));
    hark_openssl_start(call->loop, call, call->ssl, shut_down, client.deadline_ns, said);
}

static void connected(struct hark_op *op, int64_t result)
{
    client.call.loop = op->loop;
    if (result < 0)
        end((int)result);
    else
        hark_openssl_start(op->loop, &client.call, client.ssl, shake_hands, client.deadline_ns,
                           shaken);
}

static int begin(struct hark_loop *loop, SSL_CTX *context, const char *where, const char *name)
{
    int error = hark_address_parse(where, &client.address);

    if (error < 0)
        return error;
    client.fd = hark_os_socket(loop, client.address.name.any.sa_family, SOCK_STREAM, 0);
    if (client.fd < 0)
        return client.fd;
    client.ssl = SSL_new(context);
    if (!client.ssl || !SSL_set_fd(client.ssl, client.fd) ||
        !SSL_set_tlsext_host_name(client.ssl, name) || !SSL_set1_host(client.ssl, name))
        return -ENOMEM;
    client.deadline_ns = hark_os_clock(loop) + 10 * SECOND;
    hark_connect(loop, &client.connect, client.fd, &client.address.name.any, client.address.length,
                 connected);
    hark_op_deadline(&client.connect, client.deadline_ns);
    return hark_run(loop);
}

int main(int count, char **arguments)
{
    SSL_CTX *context;
    struct hark_loop *loop;
    int error;

    if (count != 3) {
        fprintf(stderr, "usage: 33_openssl ADDRESS:PORT NAME\n");
        return 2;
    }
    if (!(context = SSL_CTX_new(TLS_client_method()))) {
        fprintf(stderr, "33_openssl: no memory\n");
        return 1;
    }
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes with write(2) */
    SSL_CTX_set_default_verify_paths(context);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, look_at);
    if ((error = hark_loop_create(NULL, &loop)) == 0) {
        error = begin(loop, context, arguments[1], arguments[2]);
        hark_loop_destroy(loop);
    }
    if (error < 0) {
        fprintf(stderr, "33_openssl: %s: %s\n", arguments[1], hark_error_text(error));
        client.code = 1;
    }
    SSL_free(client.ssl);
    SSL_CTX_free(context);
    return client.code;
}
