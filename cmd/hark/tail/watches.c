/* watches.c - an inode has one watch, whoever wants it: before one goes, all users are asked. */
#include "tail/watches.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

static bool watch_used(const struct tail *tail, int watch)
{
    for (size_t i = 0; i < tail->count; i++) {
        const struct tail_follower *follower = &tail->followers[i];
        for (const struct tail_source *source = follower->oldest; source; source = source->newer)
            if (source->watch == watch)
                return true;
        for (unsigned w = 0; w < follower->way->count; w++)
            if (follower->way->watches[w].watch == watch)
                return true;
    }
    for (size_t i = 0; i < tail->pattern_count; i++)
        for (unsigned w = 0; w < tail->patterns[i].way->count; w++)
            if (tail->patterns[i].way->watches[w].watch == watch)
                return true;
    return false;
}

void tail_watches_drop(struct tail *tail, int watch)
{
    if (watch < 0)
        return;
    if (tail->stale_count == tail->stale_room) {
        size_t room = tail->stale_room ? 2 * tail->stale_room : 16;
        int *larger = reallocarray(tail->stale, room, sizeof *larger);
        if (!larger)
            return; /* the watch stays until the inode goes: it only costs a wake-up now and then */
        tail->stale = larger;
        tail->stale_room = room;
    }
    tail->stale[tail->stale_count++] = watch;
}

void tail_watches_trim(struct tail *tail)
{
    bool walking = tail->walking > 0;
    for (size_t i = 0; i < tail->count; i++)
        walking |= !tail->followers[i].ready && !tail->followers[i].stopped;
    if (walking || tail->closing)
        return; /* a walk may just have been given the same watch again, or soon will */
    for (size_t i = 0; i < tail->stale_count; i++)
        if (!watch_used(tail, tail->stale[i]))
            hark_os_inotify_rm_watch(tail->inotify, tail->stale[i]);
    tail->stale_count = 0;
}

void tail_watches_early(struct tail *tail, const char *path)
{
    char directory[PATH_MAX];
    snprintf(directory, sizeof directory, "%s", path);
    char *slash = strrchr(directory, '/');
    slash[slash == directory ? 1 : 0] = '\0';
    uint32_t events =
        IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR | IN_MASK_ADD;
    tail_watches_drop(tail, hark_os_inotify_add_watch(tail->inotify, directory, events));
}
