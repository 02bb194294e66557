/* source.c - which files of a follower are open.
 *
 * One stands at the path, or none. A file that has left the path is kept, read, and let go once it
 * has not grown for a while: whoever writes to it goes on until told of the rotation, and may be
 * one of many. The list is in the order in which the files stood at the path.
 */
#include "tail/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tail/watches.h"

int tail_source_add(struct tail_follower *follower, int fd, int watch, uint64_t device,
                    uint64_t inode, int64_t born_ns, struct tail_source **out_source)
{
    struct tail_source **link = &follower->oldest;
    if (follower->source_count == POSITION_PLACES_MAX)
        return -ENOSPC;
    struct tail_source *source = calloc(1, sizeof *source);
    if (!source)
        return -ENOMEM;
    *source = (struct tail_source){
        .follower = follower,
        .fd = fd,
        .watch = watch,
        .device = device,
        .inode = inode,
        .born_ns = born_ns,
        .dirty = true,
    };
    /* What was written to older files before this one came, maybe a moment ago and not told by
     * inotify yet, goes first. */
    while (*link) {
        (*link)->dirty = true;
        link = &(*link)->newer;
    }
    *link = source;
    follower->source_count++;
    *out_source = source;
    return 0;
}

void tail_source_go_on(struct tail_source *source, const struct position_place *place,
                       const char *first, const char *last)
{
    source->offset = place->offset;
    source->part = place->part;
    source->skip = place->skip;
    source->first_count = place->first_count;
    memcpy(source->first, first, place->first_count);
    source->last_count = place->last_count;
    memcpy(source->last, last, place->last_count);
}

static void unlink_source(struct tail_source *source)
{
    struct tail_source **link = &source->follower->oldest;
    while (*link != source)
        link = &(*link)->newer;
    *link = source->newer;
    source->newer = NULL;
}

static void source_closed(struct hark_op *op, int64_t result)
{
    struct tail_source *source = hark_container_of(op, struct tail_source, close);
    struct tail *tail = source->follower->tail;
    (void)result;
    struct tail_follower *follower = source->follower;
    tail_watches_drop(tail, source->watch);
    free(source);
    if (follower->walk_waits)
        follower->steps->walk(follower);
    tail_watches_trim(tail);
    pending_end(&tail->pending);
}

void tail_source_close(struct tail_source *source)
{
    struct tail_follower *follower = source->follower;
    if (follower->current && !source->newer)
        follower->current = false;
    if (follower->buffer.source == source)
        follower->buffer.source = NULL;
    if (follower->reading == source)
        follower->reading = NULL;
    /* Older files are read, or open; of the same tick some may still wait. */
    int64_t read_ns = source->born_ns + (follower->moved_count == 0);
    if (read_ns > follower->looked_ns)
        follower->looked_ns = read_ns;
    if (source->copy) /* that it is read is all that tells it from a new file */
        tail_source_place(source, &follower->cut.place);
    unlink_source(source);
    follower->source_count--;
    pending_begin(&follower->tail->pending);
    hark_close(follower->tail->loop, &source->close, source->fd, source_closed);
}

void tail_source_passed(struct tail_source *source, const char *bytes, size_t count)
{
    if (count > sizeof source->last) {
        bytes += count - sizeof source->last;
        count = sizeof source->last;
    }
    size_t kept = source->last_count;
    if (kept > sizeof source->last - count)
        kept = sizeof source->last - count;
    memmove(source->last, source->last + source->last_count - kept, kept);
    memcpy(source->last + kept, bytes, count);
    source->last_count = (uint32_t)(kept + count);
}

void tail_source_place(const struct tail_source *source, struct position_place *out_place)
{
    *out_place = (struct position_place){
        .inode = source->inode,
        .born_ns = source->born_ns,
        .offset = source->offset,
        .part = source->part,
        .first_count = source->first_count,
        .first_hash = position_hash(source->first, source->first_count),
        .last_count = source->last_count,
        .last_hash = position_hash(source->last, source->last_count),
        .skip = source->skip,
    };
}

void tail_source_positions(const struct tail_follower *follower, struct position *out_position)
{
    struct position position = {
        .source = -1, .looked_ns = follower->looked_ns, .cut = follower->cut.place};
    for (const struct tail_source *source = follower->oldest; source; source = source->newer)
        tail_source_place(source, &position.places[position.count++]);
    *out_position = position;
}

struct tail_source *tail_source_find(const struct tail_follower *follower, uint64_t device,
                                     uint64_t inode)
{
    struct tail_source *source = follower->oldest;
    while (source && (source->device != device || source->inode != inode))
        source = source->newer;
    return source;
}

struct tail_source *tail_source_newest(const struct tail_follower *follower)
{
    struct tail_source *newest = follower->oldest;
    while (newest && newest->newer)
        newest = newest->newer;
    return newest;
}

bool tail_source_is_current(const struct tail_source *source)
{
    return source->follower->current && !source->newer;
}

void tail_source_retire(struct tail_follower *follower)
{
    for (struct tail_source *source = follower->oldest; source; source = source->newer)
        if (tail_source_is_current(source))
            source->left_ns = hark_now(follower->tail->loop);
    follower->current = false;
}

void tail_source_return(struct tail_follower *follower, struct tail_source *source)
{
    struct tail_source **link = &follower->oldest;
    unlink_source(source);
    while (*link) {
        (*link)->dirty = true; /* as in tail_source_add */
        link = &(*link)->newer;
    }
    *link = source;
    source->leaving = false;
    source->dirty = true;
    follower->current = true;
}
