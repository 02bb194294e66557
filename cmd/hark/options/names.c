/* names.c - addresses as people give them.
 *
 * A port alone means this machine alone: there is no password, so nobody else is let in unless that
 * is said in full. What ends in a number and is not a whole IPv4 address is no name: getaddrinfo(3)
 * would make something of "127.1".
 */
#include "options/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "options/value.h"

enum { PORT_MAX = 65535 };

static bool is_port(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length <= NAMES_PORT_MAX && strspn(text, "0123456789") == length &&
           atoi(text) <= PORT_MAX;
}

/* Whether the last label is a number, decimal or hexadecimal, which no name has. */
static bool ends_in_number(const char *host)
{
    const char *dot = strrchr(host, '.');
    const char *label = dot ? dot + 1 : host;
    if (label[0] == '0' && (label[1] == 'x' || label[1] == 'X'))
        return label[2 + strspn(label + 2, "0123456789ABCDEFabcdef")] == '\0';
    return label[strspn(label, "0123456789")] == '\0';
}

/* Reads HOST:PORT. Gives: false: it is nothing of the kind. */
static bool split(const char *text, struct name *out_name)
{
    const char *colon = strrchr(text, ':');
    size_t count = colon ? (size_t)(colon - text) : 0;
    if (count == 0 || count > NAMES_HOST_MAX || !is_port(colon + 1))
        return false;
    memcpy(out_name->host, text, count);
    out_name->host[count] = '\0';
    memcpy(out_name->port, colon + 1, strlen(colon + 1) + 1);
    return !value_host(out_name->host) && !ends_in_number(out_name->host);
}

/* Reads what needs no looking up. Gives: 0; -EINVAL. */
static int parse(const char *text, struct hark_address *out_address)
{
    char local[32];
    const char *port = text + (*text == ':');
    if (is_port(port)) {
        snprintf(local, sizeof local, "127.0.0.1:%s", port);
        text = local;
    } else if (*text == ':') {
        return -EINVAL;
    }
    return hark_address_parse(text, out_address);
}

static bool parse_name(const char *text, struct name *out_name)
{
    *out_name = (struct name){.text = text};
    out_name->named = parse(text, &out_name->address) < 0;
    return !out_name->named || split(text, out_name);
}

const char *names_check(const char *text)
{
    struct name name;
    if (parse_name(text, &name))
        return NULL;
    return "is not an address such as 127.0.0.1:12345, localhost:80, [::1]:80, *:80, 8080 or "
           "unix:/path";
}

int names_parse(const char *option, const char *text, struct name *out_name)
{
    if (parse_name(text, out_name))
        return EXIT_DONE;
    say("%s %s: %s", option, text, names_check(text));
    return EXIT_USAGE;
}

void names_say_not_found(const char *option, const struct name *name, int error, const char *rest)
{
    say("%s%s%s: cannot look up %s: %s (try an address such as 127.0.0.1:%s)%s", option,
        *option ? " " : "", name->text, name->host, why(error), name->port, rest);
}

/* --- looking up --- */

static void looked_up(struct hark_lookup *lookup, int error)
{
    *(int *)lookup->context = error;
}

/* Gives: 0; an error of hark_lookup_start, or of the loop that it runs on. */
static int look_up(const struct name *name, struct names *out_names)
{
    /* Nothing but this waits, so the backend that is on every kernel does. */
    static const struct hark_options options = {.backend = HARK_BACKEND_POLL, .workers_max = 1};
    struct hark_loop *loop;
    int outcome = 0;
    struct hark_lookup lookup = {.context = &outcome};
    int error = hark_loop_create(&options, &loop);
    if (error)
        return error;
    hark_lookup_start(loop, &lookup, name->host, name->port, AF_UNSPEC, 0, looked_up);
    error = hark_run(loop);
    hark_loop_destroy(loop);
    out_names->addresses = lookup.addresses;
    out_names->count = lookup.count;
    return error < 0 ? error : outcome;
}

int names_look_up(const char *option, const struct name *name, struct names *out_names)
{
    *out_names = (struct names){0};
    if (name->named) {
        int error = look_up(name, out_names);
        if (error < 0)
            names_say_not_found(option, name, error, "");
        return error < 0 ? EXIT_REFUSED : EXIT_DONE;
    }
    out_names->addresses = malloc(sizeof *out_names->addresses);
    if (!out_names->addresses) {
        say("%s %s: %s", option, name->text, why(-ENOMEM));
        return EXIT_REFUSED;
    }
    out_names->addresses[out_names->count++] = name->address;
    return EXIT_DONE;
}

void names_done(struct names *names)
{
    free(names->addresses);
    *names = (struct names){0};
}

const char *names_format(const struct hark_address *address, const char *name, char *text,
                         size_t room)
{
    char number[HARK_ADDRESS_TEXT_MAX];
    hark_address_format(address, number, sizeof number);
    if (name)
        snprintf(text, room, "%s (%s)", number, name);
    else
        snprintf(text, room, "%s", number);
    return text;
}
