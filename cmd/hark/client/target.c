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
    int error = hark_loop_create(&options, &target->loop);
    if (error) {
        say("cannot make a loop: %s (try: hark doctor)", why(error));
        return EXIT_REFUSED;
    }
    return EXIT_DONE;
}
