/* unix_names.c - see the header. */
#include "sim/net/unix_names.h"
#include "sim/disk/inode.h"
#include "sim/disk/names.h"
#include "sim/net/network.h"

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
        inode_release(entry->inode);
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

/* The path ends with a null byte: the copy is longer than any. */
static const char *path_of(const struct unix_name *name)
{
    return name->name.sun_path;
}

static bool is_named(const struct unix_entry *entry, const struct unix_name *name, int type)
{
    return !entry->inode && entry->type == type && entry->name.length == name->length &&
           memcmp(entry->name.name.sun_path, name->name.sun_path, name->length - PATH_AT) == 0;
}

static struct unix_entry *find(struct machine *machine, const struct unix_name *name, int type)
{
    struct unix_entry *entry = names_of(machine)->first;
    while (entry && !is_named(entry, name, type))
        entry = entry->next;
    return entry;
}

/* Five digits behind a null byte (unix(7), autobind). */
static void choose(struct machine *machine, struct unix_name *name, int type)
{
    struct unix_names *names = names_of(machine);
    do {
        char digits[6];
        snprintf(digits, sizeof digits, "%05x", ++names->chosen & 0xfffffu);
        memcpy(name->name.sun_path + 1, digits, 5);
        name->length = PATH_AT + 6;
    } while (find(machine, name, type));
}

int unix_names_add(struct process *process, struct unix_name *name, int type,
                   struct unix_socket *socket, struct unix_entry **out_entry)
{
    struct machine *machine = process->machine;
    struct inode *inode = NULL;
    if (name->length == PATH_AT)
        choose(machine, name, type);
    int error = is_path(name)               ? names_make_socket(process, path_of(name), &inode)
                : find(machine, name, type) ? -EADDRINUSE
                                            : 0;
    if (error)
        return error;
    struct unix_names *names = names_of(machine);
    struct unix_entry *entry = memory_own(sizeof *entry);
    *entry = (struct unix_entry){
        .next = names->first, .name = *name, .inode = inode, .type = type, .socket = socket};
    names->first = entry;
    *out_entry = entry;
    return 0;
}

void unix_names_leave(struct machine *machine, struct unix_entry *entry)
{
    struct unix_entry **at = &names_of(machine)->first;
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    inode_release(entry->inode);
    memory_own_free(entry);
}

int unix_names_find(struct process *process, const struct unix_name *name, int type,
                    struct unix_socket **out_socket)
{
    struct inode *inode = NULL;
    int error = is_path(name) ? names_find_socket(process, path_of(name), &inode) : 0;
    if (error)
        return error;
    const struct unix_entry *entry = names_of(process->machine)->first;
    while (entry && (inode ? entry->inode != inode : !is_named(entry, name, type)))
        entry = entry->next;
    if (!entry)
        return -ECONNREFUSED;
    *out_socket = entry->socket;
    return 0;
}
