/* target.h - what `hark pub` and `hark sub` are told alike: a stream, a server, a backend; and what
 * comes of these: an address or a name, and a loop. */
#ifndef HARK_COMMAND_CLIENT_TARGET_H
#define HARK_COMMAND_CLIENT_TARGET_H

#include "hark.h"
#include "options/names.h"

#define CLIENT_SERVER_DEFAULT "127.0.0.1:12346"

/* The first member of what the options of a command are put into. */
struct client_target {
    const char *stream;
    const char *server; /* HOST:PORT */
    enum hark_backend_kind backend;
    struct name name; /* `server`, read */
    struct hark_loop *loop;
};

/* Setters for struct option_row.
 * Takes: target: a struct client_target, or what begins with one. */
const char *client_target_set_server(void *target, const char *value);
const char *client_target_set_backend(void *target, const char *value);

/* Reads the server's address and makes the loop.
 * Takes: command: "pub"; stream: as it was typed.
 * Gives: EXIT_DONE; another exit code after it has said what is wrong. */
int client_target_open(struct client_target *target, const char *command, const char *stream);

#endif
