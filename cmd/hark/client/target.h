/* target.h - what `hark pub` and `hark sub` are told alike: a stream, a server, a backend; and what
 * comes of these: an address or a name, and a loop. */
#ifndef HARK_COMMAND_CLIENT_TARGET_H
#define HARK_COMMAND_CLIENT_TARGET_H

#include "client/tls.h"
#include "client/token.h"
#include "hark.h"
#include "options/names.h"

#define CLIENT_SERVER_DEFAULT "127.0.0.1:12346"

/* The first member of what the options of a command are put into. */
struct client_target {
    const char *stream;
    const char *server; /* HOST:PORT */
    enum hark_backend_kind backend;
    struct client_tls tls;
    struct client_token token;
    struct name name; /* `server`, read */
    struct hark_loop *loop;
};

/* Setters for struct option_row.
 * Takes: target: a struct client_target, or what begins with one. */
const char *client_target_set_server(void *target, const char *value);
const char *client_target_set_backend(void *target, const char *value);

const char *client_target_set_token_file(void *target, const char *value);

const char *client_target_set_tls(void *target, const char *value);
const char *client_target_set_tls_ca(void *target, const char *value);
const char *client_target_set_tls_certificate(void *target, const char *value);
const char *client_target_set_tls_key(void *target, const char *value);

/* What both are told of a token, as a row. */
#define CLIENT_TARGET_TOKEN_ROW                                                                    \
    {                                                                                              \
        "token-file", 0, "FILE",                                                                   \
            "show the server the token in the first line of FILE [HARK_TOKEN of the\n"             \
            "environment, if that is set]",                                                        \
            client_target_set_token_file                                                           \
    }

/* What both are told of TLS, as rows. */
#define CLIENT_TARGET_TLS_ROWS                                                                     \
    {"tls", 0, NULL, "speak TLS, with a server whose certificate the system's CAs vouch for",      \
     client_target_set_tls},                                                                       \
        {"tls-ca", 0, "FILE", "speak TLS, with a server that the CAs of FILE vouch for, in PEM",   \
         client_target_set_tls_ca},                                                                \
        {"tls-cert", 0, "FILE", "speak TLS, and show the server this certificate, in PEM",         \
         client_target_set_tls_certificate},                                                       \
    {                                                                                              \
        "tls-key", 0, "FILE", "its private key, in PEM [in the same file]",                        \
            client_target_set_tls_key                                                              \
    }

/* Reads the server's address and makes the loop.
 * Takes: command: "pub"; stream: as it was typed.
 * Gives: EXIT_DONE; another exit code after it has said what is wrong. */
int client_target_open(struct client_target *target, const char *command, const char *stream);

/* Gives both up. Gives: false: the loop could not be ended, and points at its owner still. */
bool client_target_close(struct client_target *target);

#endif
