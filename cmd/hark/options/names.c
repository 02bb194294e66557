/* names.c - addresses as people give them, by getaddrinfo.
 *
 * A port alone means this machine alone: there is no password, so nobody else is let in unless that
 * is said in full. What ends in a number and is not a whole IPv4 address is no name: getaddrinfo
 * would make something of "127.1".
 */
#include "options/names.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "options/value.h"

enum { HOST_BYTES_MAX = 253, PORT_BYTES_MAX = 5, PORT_MAX = 65535 };

struct parts {
    char host[HOST_BYTES_MAX + 1];
    char port[PORT_BYTES_MAX + 1];
};

static bool is_port(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length <= PORT_BYTES_MAX && strspn(text, "0123456789") == length &&
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
static bool split(const char *text, struct parts *out_parts)
{
    const char *colon = strrchr(text, ':');
    size_t count = colon ? (size_t)(colon - text) : 0;
    if (count == 0 || count > HOST_BYTES_MAX || !is_port(colon + 1))
        return false;
    memcpy(out_parts->host, text, count);
    out_parts->host[count] = '\0';
    memcpy(out_parts->port, colon + 1, strlen(colon + 1) + 1);
    return !value_host(out_parts->host) && !ends_in_number(out_parts->host);
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

const char *names_check(const char *text)
{
    struct hark_address address;
    struct parts parts;
    if (parse(text, &address) == 0 || split(text, &parts))
        return NULL;
    return "is not an address such as 127.0.0.1:12345, localhost:80, [::1]:80, *:80, 8080 or "
           "unix:/path";
}

static bool has(const struct names *names, const struct addrinfo *info)
{
    for (size_t i = 0; i < names->count; i++)
        if (names->addresses[i].length == info->ai_addrlen &&
            memcmp(&names->addresses[i].name, info->ai_addr, info->ai_addrlen) == 0)
            return true;
    return false;
}

/* Takes over what was found, each once. Gives: 0; -ENOMEM. */
static int keep(struct names *names, const struct addrinfo *first)
{
    size_t count = 0;
    for (const struct addrinfo *info = first; info; info = info->ai_next)
        count++;
    names->addresses = calloc(count + 1, sizeof *names->addresses);
    if (!names->addresses)
        return -ENOMEM;
    for (const struct addrinfo *info = first; info; info = info->ai_next) {
        struct hark_address *address = &names->addresses[names->count];
        if (info->ai_addrlen > sizeof address->name || has(names, info))
            continue;
        address->length = info->ai_addrlen;
        memcpy(&address->name, info->ai_addr, info->ai_addrlen);
        names->count++;
    }
    return 0;
}

static int say_not_found(const char *option, const char *text, const char *host, int code)
{
    char reason[128];
    snprintf(reason, sizeof reason, "%s", code == EAI_SYSTEM ? why(errno) : gai_strerror(code));
    reason[0] = (char)tolower((unsigned char)reason[0]);
    say("%s %s: cannot look up %s: %s (try an address such as 127.0.0.1%s)", option, text, host,
        reason, strrchr(text, ':'));
    return EXIT_REFUSED;
}

static int ask(const struct parts *parts, struct addrinfo **out_found)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    *out_found = NULL;
    return getaddrinfo(parts->host, parts->port, &hints, out_found);
}

static int look_up(const char *option, const struct parts *parts, struct names *names)
{
    struct addrinfo *found;
    int code = ask(parts, &found);
    if (code != 0)
        return say_not_found(option, names->text, parts->host, code);
    names->named = true;
    int error = keep(names, found);
    freeaddrinfo(found);
    if (error == 0 && names->count == 0)
        return say_not_found(option, names->text, parts->host, EAI_NONAME);
    if (error < 0)
        say("%s %s: %s", option, names->text, why(error));
    return error < 0 ? EXIT_REFUSED : EXIT_DONE;
}

int names_look_up(const char *option, const char *text, struct names *out_names)
{
    struct hark_address address;
    struct parts parts;
    *out_names = (struct names){.text = text};
    if (parse(text, &address) < 0) {
        if (split(text, &parts))
            return look_up(option, &parts, out_names);
        say("%s %s: %s", option, text, names_check(text));
        return EXIT_USAGE;
    }
    out_names->addresses = malloc(sizeof *out_names->addresses);
    if (!out_names->addresses) {
        say("%s %s: %s", option, text, why(-ENOMEM));
        return EXIT_REFUSED;
    }
    out_names->addresses[out_names->count++] = address;
    return EXIT_DONE;
}

bool names_look_up_again(const struct names *names, struct names *out_names)
{
    struct names again = {.text = names->text, .named = true};
    struct addrinfo *found;
    struct parts parts;
    if (!names->named || !split(names->text, &parts) || ask(&parts, &found) != 0)
        return false;
    int error = keep(&again, found);
    freeaddrinfo(found);
    if (error < 0 || again.count == 0) {
        names_done(&again);
        return false;
    }
    *out_names = again;
    return true;
}

void names_done(struct names *names)
{
    free(names->addresses);
    names->addresses = NULL;
    names->count = 0;
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
