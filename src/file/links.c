/* links.c - see the header. A file is known by its number and its device. */
#include "file/links.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

const char *links_find(const struct links *links, const struct statx *status)
{
    for (const struct linked *at = links->table[status->stx_ino % LINKS_ROOM]; at; at = at->next)
        if (is_it(at, status))
            return at->path;
    return NULL;
}

int links_remember(struct links *links, const struct statx *status, const char *path)
{
    size_t count = strlen(path) + 1;
    struct linked **at = &links->table[status->stx_ino % LINKS_ROOM];
    struct linked *made = malloc(sizeof *made + count);
    if (!made)
        return -ENOMEM;
    made->inode = status->stx_ino;
    made->device_major = status->stx_dev_major;
    made->device_minor = status->stx_dev_minor;
    memcpy(made->path, path, count);
    made->next = *at;
    *at = made;
    return 0;
}

void links_done(struct links *links)
{
    for (size_t i = 0; i < LINKS_ROOM; i++)
        while (links->table[i]) {
            struct linked *gone = links->table[i];
            links->table[i] = gone->next;
            free(gone);
        }
}
