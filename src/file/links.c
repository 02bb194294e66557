/* links.c - see the header. A file is known by its number and its device. */
#include "file/links.h"
#include "base/statx.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_AT_FIRST = 64 };

struct linked {
    struct linked *next;
    uint64_t inode;
    uint32_t device_major, device_minor;
    char path[];
};

bool links_are_one(const struct statx *one, const struct statx *other)
{
    return one->stx_ino == other->stx_ino && one->stx_dev_major == other->stx_dev_major &&
           one->stx_dev_minor == other->stx_dev_minor;
}

static bool is_it(const struct linked *linked, const struct statx *status)
{
    return linked->inode == status->stx_ino && linked->device_major == status->stx_dev_major &&
           linked->device_minor == status->stx_dev_minor;
}

static struct linked **place_of(const struct links *links, uint64_t inode)
{
    return &links->table[inode & (links->room - 1)];
}

static int grow(struct links *links)
{
    struct links larger = {.count = links->count,
                           .room = links->room ? 2 * links->room : ROOM_AT_FIRST};
    larger.table = calloc(larger.room, sizeof *larger.table);
    if (!larger.table)
        return -ENOMEM;
    for (size_t i = 0; i < links->room; i++)
        while (links->table[i]) {
            struct linked *moved = links->table[i], **to = place_of(&larger, moved->inode);
            links->table[i] = moved->next;
            moved->next = *to;
            *to = moved;
        }
    free(links->table);
    *links = larger;
    return 0;
}

const char *links_find(const struct links *links, const struct statx *status)
{
    if (links->room == 0)
        return NULL;
    for (const struct linked *at = *place_of(links, status->stx_ino); at; at = at->next)
        if (is_it(at, status))
            return at->path;
    return NULL;
}

int links_remember(struct links *links, const struct statx *status, const char *path)
{
    size_t count = strlen(path) + 1;
    if (links->count == links->room && grow(links) < 0)
        return -ENOMEM;
    struct linked *made = malloc(sizeof *made + count);
    if (!made)
        return -ENOMEM;
    made->inode = status->stx_ino;
    made->device_major = status->stx_dev_major;
    made->device_minor = status->stx_dev_minor;
    memcpy(made->path, path, count);
    struct linked **place = place_of(links, made->inode);
    made->next = *place;
    *place = made;
    links->count++;
    return 0;
}

void links_done(struct links *links)
{
    for (size_t i = 0; i < links->room; i++)
        while (links->table[i]) {
            struct linked *gone = links->table[i];
            links->table[i] = gone->next;
            free(gone);
        }
    free(links->table);
    *links = (struct links){.room = 0};
}
