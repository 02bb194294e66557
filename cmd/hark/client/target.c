/* target.c - from the words of a command line to a loop and an address. */
#include "client/target.h"

#include <string.h>

#include "base/say.h"
#include "options/names.h"
#include "options/value.h"
#include "wire/name.h"

const char *client_target_set_server(void *target, const char *value)
{
    ((struct client_target *)target)->server = value;
    return names_check(value);
}

const char *client_target_set_backend(void *target, const char *value)
{
    return value_backend(value, &((struct client_target *)target)->backend);
}

const char *client_target_set_token_file(void *target, const char *value)
{
    ((struct client_target *)target)->token.file = value;
    return *value ? NULL : "is empty";
}

const char *client_target_set_tls(void *target, const char *value)
{
    ((struct client_target *)target)->tls.wanted |= strcmp(value, "yes") == 0;
    return NULL;
}

static const char *set_file(struct client_target *target, const char **out_file, const char *value)
{
    target->tls.wanted = true;
    *out_file = value;
    return *value ? NULL : "is empty";
}

const char *client_target_set_tls_ca(void *target, const char *value)
{
    return set_file(target, &((struct client_target *)target)->tls.ca, value);
}

const char *client_target_set_tls_certificate(void *target, const char *value)
{
    return set_file(target, &((struct client_target *)target)->tls.certificate, value);
}

const char *client_target_set_tls_key(void *target, const char *value)
{
    return set_file(target, &((struct client_target *)target)->tls.key, value);
}

int client_target_open(struct client_target *target, const char *command, const char *stream)
{
    const struct hark_options options = {.backend = target->backend};
    if (!name_valid(stream, strlen(stream))) {
        say("%s: '%s' is not a stream's name: " NAME_RULE, command, stream);
        return EXIT_USAGE;
    }
    target->stream = stream;
    int code = names_parse("--server", target->server, &target->name);
    if (code != EXIT_DONE)
        return code;
    code = client_token_open(&target->token, command);
    if (code != EXIT_DONE)
        return code;
    code = client_tls_open(&target->tls, command, &target->name);
    if (code != EXIT_DONE)
        return code;
    int error = hark_loop_create(&options, &target->loop);
    if (error) {
        say("cannot make a loop: %s (try: hark doctor)", why(error));
        client_tls_close(&target->tls);
        return EXIT_REFUSED;
    }
    return EXIT_DONE;
}

bool client_target_close(struct client_target *target)
{
    bool ended = hark_loop_destroy(target->loop) == 0;
    if (ended)
        client_tls_close(&target->tls);
    return ended;
}
