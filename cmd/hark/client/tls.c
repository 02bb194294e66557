/* tls.c - see the header. */
#include "client/tls.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/say.h"

/* Whom to look for in the certificate: the name that was given, or the address in numbers. */
static bool take_host(struct client_tls *tls, const struct name *server)
{
    const struct hark_address *address = &server->address;
    if (server->named) {
        memcpy(tls->host, server->host, sizeof tls->host);
        return true;
    }
    switch (address->name.any.sa_family) {
    case AF_INET:
        return inet_ntop(AF_INET, &address->name.ip4.sin_addr, tls->host, sizeof tls->host);
    case AF_INET6:
        return inet_ntop(AF_INET6, &address->name.ip6.sin6_addr, tls->host, sizeof tls->host);
    default:
        return false;
    }
}

int client_tls_open(struct client_tls *tls, const char *command, const struct name *server)
{
    struct hark_tls_error error;
    const struct hark_tls_certificate own = {.chain_file = tls->certificate, .key_file = tls->key};
    const struct hark_tls_options options = {
        .certificates = &own,
        .certificate_count = tls->certificate ? 1 : 0,
        .ca_file = tls->ca,
    };
    if (tls->key && !tls->certificate) {
        say("%s: --tls-key needs --tls-cert", command);
        return EXIT_USAGE;
    }
    if (!tls->wanted)
        return EXIT_DONE;
    if (!take_host(tls, server)) {
        say("%s: a unix socket has no TLS: leave --tls out for %s", command, server->text);
        return EXIT_USAGE;
    }
    if (hark_tls_create(&options, &tls->context, &error) == 0)
        return EXIT_DONE;
    say("%s", error.text);
    return EXIT_REFUSED;
}

void client_tls_close(struct client_tls *tls)
{
    hark_tls_destroy(tls->context);
    tls->context = NULL;
}
