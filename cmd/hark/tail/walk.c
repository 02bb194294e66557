/* walk.c - from the path to the files that are open. The walk itself blocks, on the pool
 * (resolve.h); what it has found is taken over here, on the loop: renamed files first, then the
 * path's own. */
#include "tail/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "tail/later.h"
#include "tail/let_go.h"
#include "tail/missed.h"
#include "tail/moved.h"
#include "tail/places.h"
#include "tail/read.h"
#include "tail/source.h"
#include "tail/tell.h"
#include "tail/watches.h"

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

/* --- what stands at the path --- */

/* Another file stands at the path. Gives: 0. Fails: as tail_source_add. */
static int take_new(struct tail_follower *follower, struct resolution *found)
{
    struct tail_source *source;
    bool rotated = follower->oldest || follower->rotations > 0;
    tail_source_retire(follower);
    int error = tail_source_add(follower, found->fd, found->watch, found->device, found->inode,
                                found->born_ns, &source);
    if (error)
        return error;
    found->fd = -1;
    source->stood = true;
    follower->current = true;
    follower->place_wanted = true;
    follower->rotations += rotated;
    return 0;
}

/* Sees to what stands at the path now. Gives: true: it has to wait until another file is closed. */
static bool adopt_current(struct tail_follower *follower, struct resolution *found)
{
    if (found->fd < 0) {
        if (!again_may_help(found->fd)) /* else who stands there is not known */
            tail_source_retire(follower);
        return false;
    }
    struct tail_source *known = tail_source_find(follower, found->device, found->inode);
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
    known->stood = true;
    if (!tail_source_is_current(known)) {
        tail_source_retire(follower);
        tail_source_return(follower, known);
    }
    return false;
}

/* --- after a walk --- */

/* Keeps what stands at the path: its open file may stand anywhere in the list until all that goes
 * before it is open. */
static void note_path(struct tail_follower *follower, const struct resolution *found)
{
    follower->path_known = !again_may_help(found->fd);
    follower->path_device = found->fd >= 0 ? found->device : 0;
    follower->path_inode = found->fd >= 0 ? found->inode : 0;
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

/* A walk has ended. Its watches replace the last walk's. Gives: true: another walk is needed at
 * once. */
static bool adopt(struct tail_follower *follower)
{
    struct resolution *found = follower->walking;
    struct resolution *last = follower->way;
    bool wait;
    follower->looks_first = false;
    follower->walking = last;
    follower->way = found;
    if (found->reached)
        memcpy(follower->directory, found->directory, sizeof follower->directory);
    for (unsigned i = 0; i < last->count; i++)
        tail_watches_drop(follower->tail, last->watches[i].watch);
    last->count = 0;
    if (found->reached)
        tail_missed_take(follower);
    else
        tail_missed_wait(follower);
    note_lacks(follower, found);
    note_path(follower, found);
    tell_trouble(follower, found);
    follower->place_wanted |= !follower->walked; /* that no file is there is worth knowing, too */
    follower->walked = true;
    tail_moved_take_early(follower);
    bool all = tail_moved_adopt(follower, &wait);
    if (all || !found->reached)
        wait |= adopt_current(follower, found);
    if (all && !wait && !follower->incomplete)
        tail_missed_done(follower);
    if (all && !wait && !follower->incomplete && follower->place_wanted)
        tail_places_record(follower);
    follower->walk_waits = wait;
    if (follower->lacks)
        tail_follower_later(follower, follower->lacks);
    else if (!follower->read_told)
        follower->again.wait_ns = 0;
    tail_let_go(follower);
    tail_read(follower);
    return !all && !wait && !follower->incomplete && !follower->survey_waits && found->reached;
}

/* Closes what a walk has opened and nobody took. */
static void close_untaken(struct tail_follower *follower, struct resolution *walked)
{
    if (walked->fd >= 0)
        hark_os_close_unknown(walked->fd);
    walked->fd = -1;
    tail_moved_close(follower);
}

/* The start has not found the files of its places, as their directory was not there: now it is.
 * Nothing was read since, so the start is made once more. Gives: true: it is. */
static bool start_again(struct tail_follower *follower)
{
    struct resolution *found = follower->walking;
    if (!follower->away || !found->reached)
        return false;
    for (unsigned i = 0; i < found->count; i++)
        tail_watches_drop(follower->tail, found->watches[i].watch);
    if (found->fd >= 0)
        tail_watches_drop(follower->tail, found->watch);
    found->count = 0;
    close_untaken(follower, found);
    tail_missed_forget(follower);
    follower->ready = follower->walked = false;
    follower->steps->again(follower);
    return true;
}

static void walked(struct hark_op *op, int64_t result)
{
    struct tail_follower *follower = hark_container_of(op, struct tail_follower, walk);
    struct tail *tail = follower->tail;
    bool again = follower->walk_wanted;
    follower->walk_wanted = false;
    tail->walking--;
    tail_source_close_surveyed(follower);
    if (result < 0) { /* no thread, or cancelled before it began */
        if (!tail->closing && follower->told != (int)result)
            tail_tell(follower, LOG_WARNING, "cannot look at its path: %s: trying again",
                      why(result));
        follower->told = follower->lacks = (int)result;
        tail_missed_drop(follower);
        tail_follower_later(follower, result);
    } else if (tail->closing || follower->stopped) {
        close_untaken(follower, follower->walking);
        tail_missed_forget(follower);
    } else if (!start_again(follower)) {
        again |= adopt(follower);
        close_untaken(follower, follower->way);
        if (again)
            tail_walk(follower);
    }
    tail_watches_trim(tail);
    pending_end(&tail->pending);
}

/* --- walking --- */

static int64_t walk_path(struct hark_op *op)
{
    struct tail_follower *follower = hark_container_of(op, struct tail_follower, walk);
    struct resolution *found = follower->walking;
    follower->walk_ns = survey_now();
    tail_moved_open(follower);
    resolve_path(follower->tail->inotify, follower->path, found);
    if (follower->looks_first)
        follower->looked_first =
            !found->reached ||
            survey_present(found->directory, found->name, follower->walk_ns, follower->present,
                           SURVEY_PRESENT_MAX, &follower->present_count);
    if (follower->survey && found->reached) { /* else the names are those of another directory */
        tail_missed_add_path(follower->survey, found);
        survey_directory(found->directory, found->name, follower->survey);
    }
    return 0;
}

void tail_walk(struct tail_follower *follower)
{
    struct tail *tail = follower->tail;
    if (tail->closing || follower->stopped || !follower->ready)
        return;
    if (hark_op_active(&follower->walk)) {
        follower->walk_wanted = true;
        return;
    }
    follower->walk_wanted = follower->walk_waits = false;
    follower->lacks = 0;
    tail_moved_choose(follower);
    if (follower->survey_wanted) {
        follower->survey = tail_missed_begin(follower);
        follower->survey_wanted = follower->survey_waits = false;
        follower->opening_count = 0; /* after what it finds */
    }
    follower->looks_first = follower->looked_ns == 0;
    follower->present_count = follower->looks_first ? 0 : follower->present_count;
    tail->walking++;
    pending_begin(&tail->pending);
    hark_work(tail->loop, &follower->walk, walk_path, walked);
}
