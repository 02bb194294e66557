/* tls.h - what `hark pub` and `hark sub` are told of TLS, and what comes of it. */
#ifndef HARK_COMMAND_CLIENT_TLS_H
#define HARK_COMMAND_CLIENT_TLS_H

#include <stdbool.h>

#include "hark/tls.h"
#include "options/names.h"

/* Zeroed at first. */
struct client_tls {
    bool wanted;
    const char *ca;                /* files in PEM; NULL: the system's CAs */
    const char *certificate;       /* NULL: none is shown */
    const char *key;               /* NULL: it stands in the same file */
    struct hark_tls *context;      /* NULL: no TLS */
    char host[NAMES_HOST_MAX + 1]; /* whose certificate the server has to show */
};

/* Makes what connections to a server need, where TLS is wanted. It reads files.
 * Takes: command: "pub", for messages.
 * Gives: EXIT_DONE; another exit code after it has said what is wrong. */
int client_tls_open(struct client_tls *tls, const char *command, const struct name *server);

void client_tls_close(struct client_tls *tls);

#endif
