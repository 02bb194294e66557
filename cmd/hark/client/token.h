/* token.h - the token that `hark pub` and `hark sub` show to the server. */
#ifndef HARK_COMMAND_CLIENT_TOKEN_H
#define HARK_COMMAND_CLIENT_TOKEN_H

#include <stddef.h>

#include "access/token.h"

enum { CLIENT_TOKEN_LINE_BYTES = TOKEN_BYTES_MAX + 8 };

/* Zeroed at first. */
struct client_token {
    const char *file;                   /* NULL: HARK_TOKEN of the environment, if that is set */
    char line[CLIENT_TOKEN_LINE_BYTES]; /* the first line for the server: AUTH; "": none */
};

/* Reads it, out of a file maybe.
 * Takes: command: "pub", for messages.
 * Gives: EXIT_DONE; another exit code after it has said what is wrong. */
int client_token_open(struct client_token *token, const char *command);

#endif
