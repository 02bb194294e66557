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
    source->checked = place->first_count > 0 || place->offset > 0;
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

static void close_descriptor(struct tail_source *source)
{
    hark_close(source->follower->tail->loop, &source->close, source->fd, source_closed);
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
    unlink_source(source);
    follower->source_count--;
    pending_begin(&follower->tail->pending);
    if (follower->survey && hark_op_active(&follower->walk)) {
        source->newer = follower->surveyed; /* a thread reads from it */
        follower->surveyed = source;
    } else {
        close_descriptor(source);
    }
}

void tail_source_close_surveyed(struct tail_follower *follower)
{
    struct tail_source *source;
    while ((source = follower->surveyed)) {
        follower->surveyed = source->newer;
        source->newer = NULL;
        close_descriptor(source);
    }
}

void tail_source_drop(struct tail_source *source)
{
    struct tail_follower *follower = source->follower;
    if (source->born_ns && source->born_ns < follower->looked_ns)
        follower->looked_ns = source->born_ns;
    tail_source_close(source);
}

static void note_read(struct tail_lost *lost, unsigned count, uint64_t inode, int64_t born_ns)
{
    for (unsigned i = 0; i < count; i++)
        lost[i].read |= lost[i].place.inode == inode && lost[i].place.born_ns == born_ns;
}

void tail_source_read_on(struct tail_follower *follower, uint64_t inode, int64_t born_ns)
{
    note_read(follower->lost, follower->lost_count, inode, born_ns);
    note_read(follower->cuts, follower->cut_count, inode, born_ns);
}

void tail_source_finish(struct tail_source *source)
{
    tail_source_done(source->follower, source->inode, source->born_ns);
    if (source->checked)
        tail_source_read_on(source->follower, source->inode, source->born_ns);
    tail_source_close(source);
}

void tail_source_done(struct tail_follower *follower, uint64_t inode, int64_t born_ns)
{
    unsigned count = follower->done_count;
    if (born_ns == 0) { /* its last write stands for it, which was before */
        int64_t now_ns = survey_now();
        follower->looked_ns = now_ns > follower->looked_ns ? now_ns : follower->looked_ns;
        return;
    }
    for (unsigned i = 0; i < count; i++)
        if (follower->done[i].inode == inode && follower->done[i].born_ns == born_ns)
            return;
    if (count == TAIL_DONE_MAX) {
        count--;
        memmove(follower->done, follower->done + 1, count * sizeof *follower->done);
    }
    follower->done[count] = (struct position_done){inode, born_ns};
    follower->done_count = count + 1;
}

void tail_source_forget(struct tail_source *source)
{
    source->first_count = 0;
    source->dirty = true;
    if (source->follower->buffer.source == source)
        source->follower->buffer.source = NULL;
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
        .stood = source->stood,
        .unplaced = source->unplaced,
    };
}

/* Places whose copies are looked for yet. */
static void add_cuts(struct position *position, const struct tail_lost *lost, unsigned count)
{
    for (unsigned i = 0; i < count && position->cut_count < POSITION_PLACES_MAX; i++)
        if (!lost[i].read)
            position->cuts[position->cut_count++] = lost[i].place;
}

/* Files that nothing else tells from new ones, the last first. */
static void add_done(struct position *position, const struct position_done *done, unsigned count)
{
    while (count-- > 0) {
        if (done[count].born_ns < position->looked_ns)
            continue;
        if (position->done_count < POSITION_DONE_MAX)
            position->done[position->done_count++] = done[count];
        else
            position->looked_ns = done[count].born_ns + 1; /* more than there is room for: */
    }
}

void tail_source_positions(const struct tail_follower *follower, struct position *out_position)
{
    struct position position = {.source = -1, .looked_ns = follower->looked_ns};
    add_cuts(&position, follower->lost, follower->lost_count);
    add_cuts(&position, follower->cuts, follower->cut_count);
    for (const struct tail_source *source = follower->oldest; source; source = source->newer) {
        struct position_place *place = &position.places[position.count++];
        tail_source_place(source, place);
        if (!source->checked) /* nothing tells it from what may go before it */
            place->first_count = 0;
    }
    add_done(&position, follower->done, follower->done_count);
    if (!follower->looks_first)
        add_done(&position, follower->present, follower->present_count);
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

bool tail_source_was_seen(const struct tail_source *source)
{
    const struct tail_follower *follower = source->follower;
    return follower->path_known && follower->path_inode == source->inode &&
           follower->path_device == source->device;
}

void tail_source_retire(struct tail_follower *follower)
{
    for (struct tail_source *source = follower->oldest; source; source = source->newer)
        if (tail_source_is_current(source))
            source->left_ns = hark_now(follower->tail->loop);
    follower->current = false;
}

void tail_source_move(struct tail_source *source)
{
    struct tail_source **link = &source->follower->oldest;
    unlink_source(source);
    while (*link) {
        (*link)->dirty = true; /* as in tail_source_add */
        link = &(*link)->newer;
    }
    *link = source;
    source->dirty = true;
}

void tail_source_return(struct tail_follower *follower, struct tail_source *source)
{
    tail_source_move(source);
    source->leaving = source->unplaced = false;
    follower->current = true;
}
