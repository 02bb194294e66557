/* unix_names.c - see the header. */
#include "sim/unix_names.h"
#include "sim/network.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct unix_names {
    struct remnant remnant;
    struct machine *machine;
    struct unix_entry *first;
    uint32_t chosen; /* last */
};

enum { PATH_AT = offsetof(struct sockaddr_un, sun_path) };

static void destroy(struct remnant *remnant)
{
    struct unix_names *names = hark_container_of(remnant, struct unix_names, remnant);
    struct unix_entry *entry;
    while ((entry = names->first)) {
        names->first = entry->next;
        memory_own_free(entry);
    }
    network_of(names->machine)->unix_names = NULL;
    network_remove(names->machine, remnant);
    memory_own_free(names);
}

static struct unix_names *names_of(struct machine *machine)
{
    struct network *network = network_of(machine);
    if (!network->unix_names) {
        network->unix_names = memory_own(sizeof *network->unix_names);
        network->unix_names->machine = machine;
        network->unix_names->remnant.destroy = destroy;
        network_add(machine, &network->unix_names->remnant);
    }
    return network->unix_names;
}

static bool is_path(const struct unix_name *name)
{
    return name->length > PATH_AT && name->name.sun_path[0] != 0;
}

int unix_names_read(const struct sockaddr *name, socklen_t length, struct unix_name *out_name)
{
    if (length < PATH_AT || length > sizeof out_name->name || name->sa_family != AF_UNIX)
        return -EINVAL;
    memset(out_name, 0, sizeof *out_name);
    memcpy(&out_name->name, name, length);
    out_name->length = length;
    if (is_path(out_name)) /* it ends with its first null byte, which counts (unix(7)) */
        out_name->length =
            (socklen_t)(PATH_AT + strnlen(out_name->name.sun_path, length - PATH_AT) + 1);
    return 0;
}

static struct unix_entry *find(struct machine *machine, const struct unix_name *name)
{
    struct unix_entry *entry = names_of(machine)->first;
    while (entry &&
           (entry->name.length != name->length ||
            memcmp(entry->name.name.sun_path, name->name.sun_path,
                   (size_t)(name->length < sizeof name->name ? name->length : sizeof name->name) -
                       PATH_AT) != 0))
        entry = entry->next;
    return entry;
}

/* Five digits behind a null byte (unix(7), autobind). */
static void choose(struct machine *machine, struct unix_name *name)
{
    struct unix_names *names = names_of(machine);
    do {
        char digits[6];
        snprintf(digits, sizeof digits, "%05x", ++names->chosen & 0xfffffu);
        memcpy(name->name.sun_path + 1, digits, 5);
        name->length = PATH_AT + 6;
    } while (find(machine, name));
}

int unix_names_add(struct machine *machine, struct unix_name *name, struct unix_socket *socket,
                   struct unix_entry **out_entry)
{
    if (name->length == PATH_AT)
        choose(machine, name);
    if (find(machine, name))
        return -EADDRINUSE;
    struct unix_names *names = names_of(machine);
    struct unix_entry *entry = memory_own(sizeof *entry);
    *entry = (struct unix_entry){.next = names->first, .name = *name, .socket = socket};
    names->first = entry;
    *out_entry = entry;
    return 0;
}

static void remove_entry(struct machine *machine, struct unix_entry *entry)
{
    struct unix_entry **at = &names_of(machine)->first;
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    memory_own_free(entry);
}

void unix_names_leave(struct machine *machine, struct unix_entry *entry)
{
    entry->socket = NULL;
    if (!is_path(&entry->name))
        remove_entry(machine, entry);
}

int unix_names_find(struct machine *machine, const struct unix_name *name,
                    struct unix_socket **out_socket)
{
    const struct unix_entry *entry = find(machine, name);
    if (!entry)
        return is_path(name) ? -ENOENT : -ECONNREFUSED;
    *out_socket = entry->socket;
    return entry->socket ? 0 : -ECONNREFUSED;
}

/* --- as files --- */

static struct unix_entry *find_path(struct machine *machine, const char *path)
{
    struct unix_name name = {.name.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length > sizeof name.name.sun_path)
        return NULL;
    memcpy(name.name.sun_path, path, length);
    name.length = (socklen_t)(PATH_AT + length + 1);
    return find(machine, &name);
}

bool unix_names_has_path(struct machine *machine, const char *path)
{
    return find_path(machine, path);
}

/* The socket that has it keeps its name, and is not found any more. */
bool unix_names_remove_path(struct machine *machine, const char *path)
{
    struct unix_entry *entry = find_path(machine, path);
    if (!entry)
        return false;
    if (!entry->socket) {
        remove_entry(machine, entry);
        return true;
    }
    entry->name.length = 0; /* nothing is found by it; it goes with the socket */
    return true;
}
