/* descriptors.c - see the header. */
#include "sim/file/descriptors.h"
#include "sim/world/memory.h"

#include <errno.h>
#include <string.h>

static void grow(struct descriptors *descriptors)
{
    int room = descriptors->room ? descriptors->room * 2 : 16;
    descriptors->table =
        memory_own_resize(descriptors->table, (size_t)room * sizeof *descriptors->table);
    memset(descriptors->table + descriptors->room, 0,
           (size_t)(room - descriptors->room) * sizeof *descriptors->table);
    descriptors->room = room;
}

static int lowest_free(const struct descriptors *descriptors, int at)
{
    int fd = at;
    while (fd < descriptors->room && descriptors->table[fd].file)
        fd++;
    return fd < descriptors->limit ? fd : -EMFILE;
}

bool descriptors_have_room(const struct descriptors *descriptors)
{
    return lowest_free(descriptors, 0) >= 0;
}

int descriptors_add(struct descriptors *descriptors, struct file *file, bool close_on_exec, int at)
{
    int fd = lowest_free(descriptors, at);
    if (fd < 0)
        return fd;
    while (fd >= descriptors->room)
        grow(descriptors);
    descriptors->table[fd] = (struct descriptor){.file = file, .close_on_exec = close_on_exec};
    return fd;
}

int descriptors_add_or_release(struct descriptors *descriptors, struct file *file,
                               bool close_on_exec)
{
    int fd = descriptors_add(descriptors, file, close_on_exec, 0);
    if (fd < 0)
        file_release(file);
    return fd;
}

struct file *descriptors_find(const struct descriptors *descriptors, int fd)
{
    return fd >= 0 && fd < descriptors->room ? descriptors->table[fd].file : NULL;
}

int descriptors_close(struct descriptors *descriptors, int fd)
{
    struct file *file = descriptors_find(descriptors, fd);
    if (!file)
        return -EBADF;
    descriptors->table[fd] = (struct descriptor){0};
    file_release(file);
    return 0;
}

void descriptors_close_all(struct descriptors *descriptors)
{
    for (int fd = 0; fd < descriptors->room; fd++)
        (void)descriptors_close(descriptors, fd);
    memory_own_free(descriptors->table);
    *descriptors = (struct descriptors){0};
}
