/* source.c - which files of a follower are open.
 *
 * One stands at the path, or none. A file that no longer does is kept, read, and let go once it has
 * not grown for a while: whoever wrote to it goes on doing so until told of the rotation, and may
 * be one of many. The list is in the order in which the files stood at the path.
 */
#include "tail/state.h"

#include "base/say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    tail_drop_watch(tail, source->watch);
    free(source);
    if (follower->resolve_wanted && !hark_op_active(&follower->resolve)) {
        follower->resolve_wanted = false;
        tail_source_resolve(follower);
    }
    tail_trim_watches(tail);
    tail_end(tail);
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
    /* Those before it are read, or open; of the same tick some may still wait. */
    int64_t read_ns = source->born_ns + (follower->moved_count == 0);
    if (read_ns > follower->looked_ns)
        follower->looked_ns = read_ns;
    if (source->copy)
        tail_source_place(
            source,
            &follower->cut.place); /* that it is read is all that tells it from a new file */
    unlink_source(source);
    follower->source_count--;
    tail_begin(follower->tail);
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

/* --- letting go --- */

/* Whether it stands at the path. */
static bool is_current(const struct tail_source *source)
{
    return source->follower->current && !source->newer;
}

static void let_go(struct hark_op *op, int64_t result)
{
    struct tail_follower *follower = hark_container_of(op, struct tail_follower, let_go);
    struct tail *tail = follower->tail;
    if (result == 0 && !tail->closing && !follower->stopped) {
        for (struct tail_source *source = follower->oldest; source; source = source->newer)
            if (!is_current(source) && hark_now(tail->loop) - source->left_ns >= tail->let_go_ns)
                source->leaving = true;
        tail_source_arm(follower);
        tail_read_pump(follower);
    }
    tail_end(tail);
}

void tail_source_arm(struct tail_follower *follower)
{
    struct tail *tail = follower->tail;
    uint64_t earliest = HARK_NEVER;
    for (const struct tail_source *source = follower->oldest; source; source = source->newer)
        if (!is_current(source) && !source->leaving && source->left_ns < earliest)
            earliest = source->left_ns;
    if (earliest == HARK_NEVER || hark_op_active(&follower->let_go) || tail->closing)
        return;
    tail_begin(tail);
    hark_sleep_until(tail->loop, &follower->let_go, earliest + tail->let_go_ns, let_go);
}

/* --- what stands at the path --- */

/* The newest is no longer at the path. */
static void retire_current(struct tail_follower *follower)
{
    for (struct tail_source *source = follower->oldest; source; source = source->newer)
        if (is_current(source))
            source->left_ns = hark_now(follower->tail->loop);
    follower->current = false;
}

static struct tail_source *find_source(const struct tail_follower *follower, uint64_t device,
                                       uint64_t inode)
{
    struct tail_source *source = follower->oldest;
    while (source && (source->device != device || source->inode != inode))
        source = source->newer;
    return source;
}

/* Puts a source that is open already to the end of the list: it stands at the path again. */
static void make_newest(struct tail_follower *follower, struct tail_source *source)
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

/* Another file stands at the path. Gives: 0. Fails: as tail_source_add. */
static int take_new(struct tail_follower *follower, struct resolution *found)
{
    struct tail_source *source;
    bool rotated = follower->oldest || follower->rotations > 0;
    retire_current(follower);
    int error = tail_source_add(follower, found->fd, found->watch, found->device, found->inode,
                                found->born_ns, &source);
    if (error)
        return error;
    found->fd = -1;
    follower->current = true;
    follower->place_wanted = true;
    follower->rotations += rotated;
    return 0;
}

/* Says what is wrong with the way to the file, once. */
static void tell_trouble(struct tail_follower *follower, const struct resolution *found)
{
    int trouble = found->trouble                       ? found->trouble
                  : found->fd >= 0 && found->watch < 0 ? found->watch
                                                       : found->fd;
    if (trouble >= 0)
        trouble = follower->lacks;
    /* Between two files of a rotation there is none for a moment: that is no trouble. */
    if (trouble == follower->told || (trouble == -ENOENT && follower->oldest))
        return;
    follower->told = trouble;
    if (trouble == -ENOSPC)
        tail_tell(follower, LOG_WARNING,
                  "cannot watch it: no inotify watch is left (sysctl -w "
                  "fs.inotify.max_user_watches=65536)");
    else if (trouble == -EISDIR)
        tail_tell(follower, LOG_WARNING, "is a directory: name a file in it: waiting for one");
    else if (trouble == -EINVAL)
        tail_tell(follower, LOG_WARNING, "is no regular file: waiting for one");
    else if (trouble == -ENOENT)
        tail_tell(follower, LOG_NOTE, "is not there: waiting for it");
    else if (again_may_help(trouble))
        tail_tell(follower, LOG_WARNING, "cannot follow it: %s: trying again", why(trouble));
    else if (trouble)
        tail_tell(follower, LOG_WARNING, "cannot follow it: %s: waiting for a change",
                  why(trouble));
}

/* --- files that were renamed before they were opened --- */

static void note_moved(struct tail_follower *follower, const char *from, const char *to)
{
    const struct resolution *way = follower->resolution;
    for (unsigned i = 0; i < follower->moved_count; i++) {
        if (strcmp(follower->moved[i].name, from) == 0) {
            snprintf(follower->moved[i].name, sizeof follower->moved[i].name, "%s", to);
            follower->moved[i].again = true;
            return;
        }
    }
    /* The last name on the way is the file's own. */
    if (way->count == 0 || strcmp(way->watches[way->count - 1].name, from) != 0)
        return;
    if (!follower->moved)
        follower->moved = calloc(TAIL_MOVED_MAX, sizeof *follower->moved);
    if (!follower->moved || follower->moved_count == TAIL_MOVED_MAX)
        return tail_missed_look(follower);
    struct tail_moved *moved = &follower->moved[follower->moved_count++];
    *moved = (struct tail_moved){.again = false};
    snprintf(moved->name, sizeof moved->name, "%s", to);
}

void tail_source_moved(struct tail_follower *follower, int watch, const char *from, const char *to)
{
    if (watch == follower->resolution->directory_watch)
        return note_moved(follower, from, to);
    if (follower->ready && !hark_op_active(&follower->resolve))
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

/* The walk has told which directory matters: what was renamed in it meanwhile does, too. */
static void take_early(struct tail_follower *follower)
{
    for (unsigned i = 0; i < follower->early_count; i++)
        if (follower->early[i].watch == follower->resolution->directory_watch)
            note_moved(follower, follower->early[i].from, follower->early[i].to);
    follower->early_count = 0;
}

/* Copies the names that the next walk opens: the list itself may change meanwhile. */
static void choose_moved(struct tail_follower *follower)
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

/* Takes one over as a file that is no longer at the path. Gives: false: it has to wait until there
 * is room. */
static bool take_moved(struct tail_follower *follower, struct tail_moved_file *opened)
{
    struct resolve_file *file = &opened->file;
    const struct tail_moved *moved = &opened->moved;
    struct tail_source *source;
    if (again_may_help(file->fd))
        return false;
    bool other =
        moved->inode && (file->fd == -ENOENT || (file->fd >= 0 && file->inode != moved->inode));
    if (other || (file->fd >= 0 && moved->goes_on && !file->begins)) {
        follower->survey_wanted = true; /* it was renamed since, or is not what it was */
        return true;
    }
    if (file->fd < 0) {
        tail_tell(follower, LOG_WARNING,
                  "the file that was renamed to %s cannot be read: %s: lines may be lost",
                  moved->name, why(file->fd));
        return true;
    }
    if (find_source(follower, file->device, file->inode))
        return true;
    if (follower->source_count >= POSITION_PLACES_MAX - 1) { /* one is for the path's own */
        follower->oldest->leaving = true;
        return false;
    }
    retire_current(follower);
    if (tail_source_add(follower, file->fd, file->watch, file->device, file->inode, file->born_ns,
                        &source))
        return false;
    file->fd = -1;
    if (moved->goes_on)
        tail_source_go_on(source, &moved->place, file->first, file->last);
    source->copy = moved->goes_on;
    source->left_ns = hark_now(follower->tail->loop);
    follower->place_wanted = true;
    follower->rotations++;
    return true;
}

/* Takes over what the walk has opened, in order. Gives: true: none is left, the path's own file may
 * follow. */
static bool adopt_moved(struct tail_follower *follower, bool *out_wait)
{
    unsigned taken = 0;
    *out_wait = false;
    while (!follower->survey_wanted && taken < follower->opening_count &&
           !follower->moved[taken].again && !*out_wait) {
        *out_wait = !take_moved(follower, &follower->opening[taken]);
        taken += !*out_wait;
    }
    follower->moved_count -= taken;
    if (taken)
        memmove(follower->moved, follower->moved + taken,
                follower->moved_count * sizeof *follower->moved);
    return follower->moved_count == 0 && !follower->survey_wanted;
}

/* --- walking --- */

/* Sees to what stands at the path now. Gives: true where it has to wait until another file is
 * closed. */
static bool adopt_current(struct tail_follower *follower, struct resolution *found)
{
    if (found->fd < 0) {
        if (!again_may_help(found->fd)) /* else who stands there is not known */
            retire_current(follower);
        return false;
    }
    struct tail_source *known = find_source(follower, found->device, found->inode);
    if (!known) {
        if (take_new(follower, found) == 0)
            return false;
        if (follower->oldest)
            follower->oldest->leaving = true;
        return true;
    }
    if (known->watch < 0) { /* there was none left */
        known->watch = found->watch;
        known->dirty = true;
    }
    if (!is_current(known)) {
        retire_current(follower);
        make_newest(follower, known);
    }
    return false;
}

/* What the walk could not have, though it may be there. */
static void note_lacks(struct tail_follower *follower, const struct resolution *found)
{
    for (unsigned i = 0; i < follower->opening_count && !follower->lacks; i++)
        if (again_may_help(follower->opening[i].file.fd))
            follower->lacks = follower->opening[i].file.fd;
    if (!follower->lacks && again_may_help(found->fd))
        follower->lacks = found->fd;
    follower->incomplete = follower->lacks != 0;
    if (!follower->lacks && (again_may_help(found->trouble) || found->trouble == -ENOSPC))
        follower->lacks = found->trouble;
    if (!follower->lacks && found->fd >= 0 &&
        (again_may_help(found->watch) || found->watch == -ENOSPC))
        follower->lacks = found->watch;
}

/* All files that came so far are open, in order. */
static void nothing_missed(struct tail_follower *follower)
{
    follower->looked_ns =
        follower->walk_ns > follower->passed_ns ? follower->walk_ns : follower->passed_ns + 1;
    follower->lost_count = 0;
    for (struct tail_source *source = follower->oldest; source; source = source->newer)
        source->held = false;
    if (follower->place_wanted)
        tail_publish_places(follower);
}

/* A walk has ended. Its watches replace the last walk's. Gives: true where another walk is needed
 * at once. */
static bool adopt(struct tail_follower *follower)
{
    struct resolution *found = follower->resolving;
    bool wait;
    follower->resolving = follower->resolution;
    follower->resolution = found;
    memcpy(follower->directory, found->directory, sizeof follower->directory);
    for (unsigned i = 0; i < follower->resolving->count; i++)
        tail_drop_watch(follower->tail, follower->resolving->watches[i].watch);
    follower->resolving->count = 0;
    tail_missed_take(follower);
    note_lacks(follower, found);
    tell_trouble(follower, found);
    follower->place_wanted |= !follower->walked; /* that no file is there is worth knowing, too */
    follower->walked = true;
    take_early(follower);
    bool all = adopt_moved(follower, &wait);
    if (all)
        wait = adopt_current(follower, found);
    if (all && !wait && !follower->incomplete)
        nothing_missed(follower);
    follower->resolve_wanted = wait; /* until a file is closed */
    if (follower->lacks)
        tail_follower_again(follower, follower->lacks);
    else if (!follower->read_told)
        follower->again.wait_ns = 0;
    tail_source_arm(follower);
    tail_read_pump(follower);
    return !all && !wait && !follower->incomplete;
}

/* Closes what a walk has opened and nobody took. */
static void close_untaken(struct tail_follower *follower, struct resolution *walked)
{
    if (walked->fd >= 0)
        close(walked->fd);
    walked->fd = -1;
    for (unsigned i = 0; i < follower->opening_count; i++)
        if (follower->opening[i].file.fd >= 0)
            close(follower->opening[i].file.fd);
    follower->opening_count = 0;
}

static void resolved(struct hark_op *op, int64_t result)
{
    struct tail_follower *follower = hark_container_of(op, struct tail_follower, resolve);
    struct tail *tail = follower->tail;
    bool again = follower->resolve_wanted;
    follower->resolve_wanted = false;
    tail->resolving--;
    if (result < 0) { /* no thread, or cancelled before it began */
        if (!tail->closing && follower->told != (int)result)
            tail_tell(follower, LOG_WARNING, "cannot look at its path: %s: trying again",
                      why(result));
        follower->told = follower->lacks = (int)result;
        tail_missed_drop(follower);
        tail_follower_again(follower, result);
    } else if (tail->closing || follower->stopped) {
        close_untaken(follower, follower->resolving);
        free(follower->survey);
        follower->survey = NULL;
    } else {
        again |= adopt(follower);
        close_untaken(follower, follower->resolution);
        if (again)
            tail_source_resolve(follower);
    }
    tail_trim_watches(tail);
    tail_end(tail);
}

static int64_t walk_path(struct hark_op *op)
{
    struct tail_follower *follower = hark_container_of(op, struct tail_follower, resolve);
    struct resolution *found = follower->resolving;
    follower->walk_ns = survey_now();
    for (unsigned i = 0; i < follower->opening_count; i++) {
        struct tail_moved_file *opening = &follower->opening[i];
        resolve_name(follower->tail->inotify, follower->directory, opening->moved.name,
                     opening->moved.goes_on ? &opening->moved.place : NULL, &opening->file);
    }
    resolve_path(follower->tail->inotify, follower->path, found);
    if (follower->survey)
        survey_directory(found->directory,
                         found->count ? found->watches[found->count - 1].name : "",
                         follower->survey);
    return 0;
}

void tail_source_resolve(struct tail_follower *follower)
{
    struct tail *tail = follower->tail;
    if (tail->closing || follower->stopped || !follower->ready)
        return;
    if (hark_op_active(&follower->resolve)) {
        follower->resolve_wanted = true;
        return;
    }
    follower->resolve_wanted = false;
    follower->lacks = 0;
    choose_moved(follower);
    if (follower->survey_wanted) {
        follower->survey = tail_missed_begin(follower);
        follower->survey_wanted = false;
        follower->opening_count = 0; /* after what it finds */
    }
    tail->resolving++;
    tail_begin(tail);
    hark_work(tail->loop, &follower->resolve, walk_path, resolved);
}
