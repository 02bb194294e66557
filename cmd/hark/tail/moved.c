/* moved.c - the names that renamed files have now, in the order in which they stood at the path:
 * inotify tells them, or a survey (missed.h). Each walk opens some of these files; the path's own
 * file has to wait until none is left, so that lines keep their order. */
#include "tail/moved.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "tail/missed.h"
#include "tail/source.h"
#include "tail/tell.h"

static void note_moved(struct tail_follower *follower, const char *from, const char *to)
{
    const struct resolution *way = follower->way;
    for (unsigned i = 0; i < follower->moved_count; i++) {
        if (strcmp(follower->moved[i].name, from) == 0) {
            snprintf(follower->moved[i].name, sizeof follower->moved[i].name, "%s", to);
            follower->moved[i].again = true;
            return;
        }
    }
    /* The last name on the way is the file's own, if the way leads so far. */
    if (way->count == 0 || !way->reached || strcmp(way->watches[way->count - 1].name, from) != 0)
        return;
    if (!follower->moved)
        follower->moved = calloc(TAIL_MOVED_MAX, sizeof *follower->moved);
    if (!follower->moved || follower->moved_count == TAIL_MOVED_MAX)
        return tail_missed_look(follower);
    struct tail_moved *moved = &follower->moved[follower->moved_count++];
    *moved = (struct tail_moved){.again = false};
    snprintf(moved->name, sizeof moved->name, "%s", to);
}

void tail_moved_note(struct tail_follower *follower, int watch, const char *from, const char *to)
{
    if (watch == follower->way->directory_watch)
        return note_moved(follower, from, to);
    if (follower->ready && !hark_op_active(&follower->walk))
        return;
    if (!follower->early)
        follower->early = calloc(TAIL_EARLY_MAX, sizeof *follower->early);
    if (!follower->early || follower->early_count == TAIL_EARLY_MAX)
        return tail_missed_look(follower);
    struct tail_early *early = &follower->early[follower->early_count++];
    early->watch = watch;
    snprintf(early->from, sizeof early->from, "%s", from);
    snprintf(early->to, sizeof early->to, "%s", to);
}

void tail_moved_take_early(struct tail_follower *follower)
{
    for (unsigned i = 0; i < follower->early_count; i++)
        if (follower->early[i].watch == follower->way->directory_watch)
            note_moved(follower, follower->early[i].from, follower->early[i].to);
    follower->early_count = 0;
}

void tail_moved_choose(struct tail_follower *follower)
{
    unsigned count =
        follower->moved_count < TAIL_MOVED_WALK ? follower->moved_count : TAIL_MOVED_WALK;
    if (count && !follower->opening)
        follower->opening = calloc(TAIL_MOVED_WALK, sizeof *follower->opening);
    follower->opening_count = follower->opening ? count : 0;
    for (unsigned i = 0; i < follower->opening_count; i++) {
        follower->moved[i].again = false;
        follower->opening[i].moved = follower->moved[i];
        follower->opening[i].file.fd = -1;
    }
}

void tail_moved_open(struct tail_follower *follower)
{
    for (unsigned i = 0; i < follower->opening_count; i++) {
        struct tail_moved_file *opening = &follower->opening[i];
        resolve_name(follower->tail->inotify, follower->directory, opening->moved.name,
                     opening->moved.goes_on ? &opening->moved.place : NULL, &opening->file);
    }
}

/* Whether a survey has found it before inotify told of it, and it was read since. */
static bool is_read(const struct tail_follower *follower, const struct resolve_file *file)
{
    for (unsigned i = 0; i < follower->done_count; i++)
        if (file->born_ns && follower->done[i].inode == file->inode &&
            follower->done[i].born_ns == file->born_ns)
            return true;
    return false;
}

/* A copy of a file that was cut or is gone: it goes on where that was. */
static void take_copy(struct tail_source *source, const struct tail_moved *moved,
                      const struct resolve_file *file)
{
    tail_source_go_on(source, &moved->place, file->first, file->last);
    tail_missed_found(source->follower, &moved->place);
}

/* A file that is open already. One of which nothing is published has its place where a survey has
 * put it, or where inotify tells of it if it has none yet. */
static void place_known(struct tail_follower *follower, struct tail_source *source,
                        const struct tail_moved_file *opened)
{
    const struct tail_moved *moved = &opened->moved;
    if (source->checked || source == follower->reading || !(moved->inode || source->unplaced))
        return;
    if (moved->goes_on)
        take_copy(source, moved, &opened->file);
    tail_source_retire(follower);
    tail_source_move(source);
    source->unplaced = false;
}

/* What a survey has found, and is open now, goes before those that have no place yet. */
static void move_unplaced(struct tail_follower *follower)
{
    struct tail_source *unplaced[POSITION_PLACES_MAX];
    unsigned count = 0;
    for (struct tail_source *source = follower->oldest; source; source = source->newer)
        if (source->unplaced && source != follower->reading)
            unplaced[count++] = source;
    for (unsigned i = 0; i < count; i++)
        tail_source_move(unplaced[i]);
}

/* Too many are open: the oldest is to go that is not at the path. If it has no place before others
 * are open, it goes at once, wherever it is, as nothing of it is published. */
static void make_room(struct tail_follower *follower)
{
    struct tail_source *oldest = follower->oldest;
    while (!oldest->unplaced && tail_source_was_seen(oldest) && oldest->newer)
        oldest = oldest->newer;
    oldest->leaving = true;
    if (!oldest->unplaced || oldest == follower->reading)
        return;
    tail_source_drop(oldest);
    follower->survey_wanted = true;
}

/* Whether others have waited for long enough behind a name, the first of them, whose file
 * the disk does not give. */
static bool is_given_up(const struct tail_follower *follower, struct tail_moved *moved, int error)
{
    uint64_t now_ns = hark_now(follower->tail->loop);
    if (error != -EIO)
        return false;
    if (moved->failed_ns == 0)
        moved->failed_ns = now_ns;
    return now_ns - moved->failed_ns >= TAIL_PATIENCE * follower->tail->retry_ns;
}

enum taken {
    TAKEN,
    WAITS,      /* until there is room, or the disk gives it */
    LOOKED_FOR, /* by the next survey, which has to know where it stood among the others */
};

/* It has another name by now, or is not what it was. The next survey sees it if it has a name that
 * rotation gives. */
static enum taken look_for(struct tail_follower *follower, const struct tail_moved *moved)
{
    bool packed;
    follower->survey_wanted = true;
    return survey_is_rotation(moved->name, follower->way->name, &packed) ? LOOKED_FOR : TAKEN;
}

/* Takes a renamed file over, as one that is no longer at the path. */
static enum taken take_moved(struct tail_follower *follower, struct tail_moved *first,
                             struct tail_moved_file *opened)
{
    struct resolve_file *file = &opened->file;
    const struct tail_moved *moved = &opened->moved;
    struct tail_source *source;
    if (again_may_help(file->fd) && !is_given_up(follower, first, file->fd))
        return WAITS;
    bool other =
        moved->inode && (file->fd == -ENOENT || (file->fd >= 0 && file->inode != moved->inode));
    if (other || (file->fd >= 0 && moved->goes_on && !file->begins))
        return look_for(follower, moved);
    bool packed;
    if (file->fd == -ENOENT && survey_is_rotation(moved->name, follower->way->name, &packed)) {
        tail_tell(follower, LOG_NOTE,
                  "the file that was renamed to %s is not there any more: it is looked for",
                  moved->name);
        follower->survey_wanted = true;
        return TAKEN;
    }
    if (file->fd < 0) {
        tail_tell(follower, LOG_WARNING,
                  "the file that was renamed to %s cannot be read: %s: lines may be lost",
                  moved->name, why(file->fd));
        return TAKEN;
    }
    struct tail_source *known = tail_source_find(follower, file->device, file->inode);
    if (known) {
        place_known(follower, known, opened);
        return TAKEN;
    }
    if (!moved->inode && file->fd >= 0 && is_read(follower, file))
        return TAKEN;
    if (follower->source_count >= POSITION_PLACES_MAX - 1) { /* one is for the path's own */
        make_room(follower);
        return WAITS;
    }
    tail_source_retire(follower);
    if (tail_source_add(follower, file->fd, file->watch, file->device, file->inode, file->born_ns,
                        &source))
        return WAITS;
    file->fd = -1;
    source->stood = moved->stood;
    if (moved->goes_on)
        take_copy(source, moved, file);
    if (moved->inode)
        move_unplaced(follower);
    source->left_ns = hark_now(follower->tail->loop);
    follower->place_wanted = true;
    follower->rotations++;
    return TAKEN;
}

bool tail_moved_adopt(struct tail_follower *follower, bool *out_wait)
{
    unsigned taken = 0;
    enum taken last = TAKEN;
    while (!follower->survey_wanted && taken < follower->opening_count &&
           !follower->moved[taken].again && last == TAKEN) {
        last = take_moved(follower, &follower->moved[taken], &follower->opening[taken]);
        taken += last == TAKEN;
    }
    *out_wait = last == WAITS;
    follower->moved_count -= taken;
    if (taken)
        memmove(follower->moved, follower->moved + taken,
                follower->moved_count * sizeof *follower->moved);
    return follower->moved_count == 0 && !follower->survey_wanted;
}

void tail_moved_close(struct tail_follower *follower)
{
    for (unsigned i = 0; i < follower->opening_count; i++)
        if (follower->opening[i].file.fd >= 0)
            hark_os_close_unknown(follower->opening[i].file.fd);
    follower->opening_count = 0;
}
