/* host_file.c - see the header. The file's text is cut into words where it stands; an entry is a
 * name and the address before it, both in the text. Entries are sorted, since files that keep
 * advertisers out have a hundred thousand. */
#include "dns/host_file.h"

#include "hark/os_descriptor.h"
#include "hark/os_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_ROOM = 4096 };

struct host_entry {
    const char *name;
    const char *address;
};

/* --- reading --- */

/* Gives: the text, with a 0 behind it; NULL and *out_error. */
static char *read_all(int fd, int *out_error)
{
    size_t count = 0, room = LEAST_ROOM;
    char *text = malloc(room + 1);
    *out_error = -ENOMEM;
    while (text) {
        int64_t got = hark_os_read(fd, text + count, room - count);
        if (got <= 0) {
            text[count] = '\0';
            *out_error = (int)got;
            break;
        }
        count += (size_t)got;
        if (count < room)
            continue;
        char *larger = realloc(text, 2 * room + 1);
        if (!larger)
            break;
        text = larger;
        room *= 2;
    }
    if (*out_error) {
        free(text);
        return NULL;
    }
    return text;
}

bool host_file_parse(const char *text, struct hark_address *out_address)
{
    char whole[HARK_ADDRESS_TEXT_MAX];
    bool is_6 = strchr(text, ':');
    struct hark_address address;
    int length = snprintf(whole, sizeof whole, "%s%s%s:0", is_6 ? "[" : "", text, is_6 ? "]" : "");
    if (text[0] == '*' || text[0] == '\0' || length >= (int)sizeof whole ||
        hark_address_parse(whole, &address) < 0 || address.name.any.sa_family == AF_UNIX)
        return false;
    *out_address = address;
    return true;
}

static int put(struct host_file *hosts, size_t *room, const char *name, const char *address)
{
    if (hosts->count == *room) {
        size_t more = *room ? 2 * *room : 16;
        struct host_entry *larger = realloc(hosts->entries, more * sizeof *larger);
        if (!larger)
            return -ENOMEM;
        hosts->entries = larger;
        *room = more;
    }
    hosts->entries[hosts->count++] = (struct host_entry){name, address};
    return 0;
}

static int split(struct host_file *hosts)
{
    static const char blanks[] = " \t\r\f\v";
    char *lines = hosts->text, *line;
    size_t room = 0;
    while ((line = strsep(&lines, "\n"))) {
        struct hark_address parsed;
        char *rest, *name;
        line[strcspn(line, "#")] = '\0';
        const char *address = strtok_r(line, blanks, &rest);
        if (!address || !host_file_parse(address, &parsed))
            continue;
        while ((name = strtok_r(NULL, blanks, &rest)))
            if (put(hosts, &room, name, address) < 0)
                return -ENOMEM;
    }
    return 0;
}

static int by_name(const void *one, const void *other)
{
    const struct host_entry *a = one, *b = other;
    int order = strcasecmp(a->name, b->name);
    return order ? order : a->name < b->name ? -1 : a->name > b->name;
}

int host_file_read(struct host_file *hosts, const char *path)
{
    *hosts = (struct host_file){0};
    int fd = hark_os_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);
    int error = 0;
    if (fd < 0)
        return fd == -ENOENT || fd == -ENOTDIR ? 0 : fd;
    hosts->text = read_all(fd, &error);
    hark_os_close_unknown(fd);
    if (!error)
        error = split(hosts);
    if (error)
        host_file_done(hosts);
    else if (hosts->count > 0)
        qsort(hosts->entries, hosts->count, sizeof *hosts->entries, by_name);
    return error;
}

void host_file_done(struct host_file *hosts)
{
    free(hosts->text);
    free(hosts->entries);
    *hosts = (struct host_file){0};
}

/* --- finding --- */

/* Gives: where the entries of the name begin, or would. */
static size_t first_of(const struct host_file *hosts, const char *name)
{
    size_t from = 0, to = hosts->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (strcasecmp(hosts->entries[middle].name, name) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool is_among(const struct hark_address *address, const struct hark_address *addresses,
                     size_t count)
{
    while (count > 0 && memcmp(&addresses[count - 1].name, &address->name, address->length) != 0)
        count--;
    return count > 0;
}

size_t host_file_find(const struct host_file *hosts, const char *name, int family,
                      struct hark_address *out_addresses, size_t room)
{
    char plain[256];
    size_t length = strlen(name), found = 0;
    if (length == 0 || length >= sizeof plain)
        return 0;
    memcpy(plain, name, length + 1);
    if (plain[length - 1] == '.')
        plain[length - 1] = '\0';
    for (size_t at = first_of(hosts, plain);
         at < hosts->count && found < room && strcasecmp(hosts->entries[at].name, plain) == 0;
         at++) {
        struct hark_address address;
        if (host_file_parse(hosts->entries[at].address, &address) &&
            (family == AF_UNSPEC || family == address.name.any.sa_family) &&
            !is_among(&address, out_addresses, found))
            out_addresses[found++] = address;
    }
    return found;
}
