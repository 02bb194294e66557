/* token.c - out of a file or the environment: a command line can be read by everybody.
 *
 * What must hold: no message says it, or a part of it. */
#include "client/token.h"

#include <stdio.h>
#include <string.h>

#include "base/say.h"
#include "hark.h"
#include "options/text_file.h"

/* Without the blanks and the line end behind it. */
static size_t length_of(const char *text)
{
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        length--;
    return length;
}

static int take(struct client_token *token, const char *command, const char *from, const char *text)
{
    size_t length = length_of(text);
    if (!token_valid(text, length)) {
        say("%s: %s holds no token: that is " TOKEN_RULE, command, from);
        return EXIT_USAGE;
    }
    snprintf(token->line, sizeof token->line, "AUTH %.*s\n", (int)length, text);
    return EXIT_DONE;
}

static int take_file(struct client_token *token, const char *command)
{
    struct text_file file;
    char text[TOKEN_BYTES_MAX + 16] = "";
    int error = text_file_open(&file, token->file);
    if (error == 0) {
        text_file_line(&file, text, sizeof text);
        error = file.error;
        text_file_close(&file);
        explicit_bzero(file.bytes, sizeof file.bytes);
    }
    if (error < 0) {
        say("%s: cannot read %s: %s", command, token->file, why(error));
        return EXIT_REFUSED;
    }
    int code = take(token, command, token->file, text);
    explicit_bzero(text, sizeof text);
    return code;
}

int client_token_open(struct client_token *token, const char *command)
{
    const char *text = hark_os_getenv("HARK_TOKEN");
    if (token->file)
        return take_file(token, command);
    return text && *text ? take(token, command, "HARK_TOKEN", text) : EXIT_DONE;
}
