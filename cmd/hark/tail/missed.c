/* missed.c - files that came and went while nobody could see it: while the process was away, when
 * inotify's queue overflowed, and what a file that was cut still held. A survey (survey.h) finds
 * them; here is what a survey has to know, and what becomes of its findings.
 *
 * What could not be found is told: lines may be lost then, but not without a word.
 */
#include "tail/missed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/say.h"
#include "tail/source.h"
#include "tail/tell.h"

static const int64_t second_ns = 1000000000;

void tail_missed_look(struct tail_follower *follower)
{
    follower->survey_wanted = true;
    follower->moved_count = 0; /* the survey finds these, too */
    follower->early_count = 0;
}

/* A file of which nothing is published. */
static bool is_unread(const struct position_place *place)
{
    return place->offset == 0 && place->part == 0 && place->skip == 0;
}

/* A place whose file is gone or was cut. If nothing was read, no copy has to go on there: it is one
 * that is read from its beginning. */
static void add_lost(struct survey *survey, const struct tail_lost *lost)
{
    struct survey_known *known = &survey->known[survey->known_count++];
    *known = (struct survey_known){.place = lost->place, .fd = -1, .read = lost->read};
    known->stood = lost->place.stood && lost->place.born_ns; /* else another may have its number */
    if (is_unread(&lost->place))
        known->place.first_count = 0;
}

static void add_open(struct survey *survey, const struct tail_source *source)
{
    struct survey_known *known = &survey->known[survey->known_count++];
    *known = (struct survey_known){
        .fd = source->fd,
        .fresh = !source->checked,
        .unplaced = source->unplaced,
        .at_path = tail_source_is_current(source),
        .stood = source->stood,
        .leaving = source->leaving,
    };
    tail_source_place(source, &known->place);
    known->unread = is_unread(&known->place);
}

/* Frees a survey that was not made. */
static void survey_free(struct survey *survey)
{
    free(survey->told);
    free(survey);
}

/* Fails: -ENOMEM. */
static int add_told(struct survey *survey, const struct tail_follower *follower)
{
    if (follower->moved_count == 0)
        return 0;
    survey->told = calloc(follower->moved_count, sizeof *survey->told);
    if (!survey->told)
        return -ENOMEM;
    survey->told_count = follower->moved_count;
    for (unsigned i = 0; i < follower->moved_count; i++) {
        memcpy(survey->told[i].name, follower->moved[i].name, sizeof survey->told[i].name);
        survey->told[i].inode = follower->moved[i].inode;
    }
    return 0;
}

struct survey *tail_missed_begin(struct tail_follower *follower)
{
    struct survey *survey = calloc(1, sizeof *survey);
    if (!survey || add_told(survey, follower)) {
        free(survey);
        follower->lacks = -ENOMEM;
        return NULL;
    }
    survey->since_ns = follower->looked_ns;
    survey->passes_over =
        follower->survey_failed_ns && hark_now(follower->tail->loop) - follower->survey_failed_ns >=
                                          TAIL_PATIENCE * follower->tail->retry_ns;
    survey->done_count = follower->done_count;
    memcpy(survey->done, follower->done, follower->done_count * sizeof *survey->done);
    survey->present_count = follower->present_count;
    memcpy(survey->present, follower->present, sizeof survey->present);
    for (const struct tail_source *source = follower->oldest; source; source = source->newer)
        add_open(survey, source);
    survey->open_count = survey->known_count;
    for (unsigned i = 0; i < follower->lost_count; i++)
        add_lost(survey, &follower->lost[i]);
    for (unsigned i = 0; i < follower->cut_count; i++)
        add_lost(survey, &follower->cuts[i]);
    return survey;
}

void tail_missed_add_path(struct survey *survey, const struct resolution *found)
{
    struct survey_known *known = survey->known;
    for (unsigned i = 0; i < survey->open_count; i++)
        known[i].at_path = found->fd >= 0 && known[i].place.inode == found->inode;
    for (unsigned i = 0; i < survey->open_count; i++)
        if (known[i].at_path)
            return;
    if (found->fd < 0)
        return;
    known[survey->known_count++] = (struct survey_known){
        .place = {.inode = found->inode, .born_ns = found->born_ns},
        .fd = found->fd,
        .fresh = true,
        .unread = true,
        .at_path = true,
        .stood = true,
    };
}

void tail_missed_drop(struct tail_follower *follower)
{
    if (!follower->survey)
        return;
    survey_free(follower->survey);
    follower->survey = NULL;
    follower->survey_wanted = true;
}

/* Nothing goes before it that is not open. */
static void let_go_on(struct tail_source *source)
{
    source->checked |= source->first_count > 0;
    source->unplaced &= !source->checked;
    source->held = false;
}

/* All that goes before these is open, or cannot be found. */
static void let_held_go_on(struct tail_follower *follower)
{
    for (struct tail_source *source = follower->oldest; source; source = source->newer)
        if (source->held)
            let_go_on(source);
}

void tail_missed_wait(struct tail_follower *follower)
{
    if (!follower->survey && !follower->survey_wanted && !follower->lacks)
        return;
    tail_missed_drop(follower);
    follower->survey_wanted = true;
    let_held_go_on(follower);
}

/* Which place, that lost its file, stands at an index of a survey's known. Gives: NULL: the place
 * is an open file's. */
static struct tail_lost *lost_at(struct tail_follower *follower, const struct survey *survey,
                                 unsigned index)
{
    if (index < survey->open_count || survey->known[index].fd >= 0)
        return NULL;
    index -= survey->open_count;
    return index < follower->lost_count ? &follower->lost[index]
                                        : &follower->cuts[index - follower->lost_count];
}

static void tell_lost(struct tail_follower *follower, struct tail_lost *lost, bool matched)
{
    if (lost->told || lost->read)
        return;
    lost->told = true;
    if (matched)
        return;
    if (lost >= follower->cuts && lost < follower->cuts + follower->cut_count)
        tail_tell(
            follower, LOG_NOTE,
            "there is no copy of what was cut: what was not read of it, if anything, is lost");
    else
        tail_tell(follower, LOG_WARNING,
                  "a file that was read is gone or was cut while it was not followed, and no copy "
                  "of it is there: what was not read "
                  "of it, if anything, is lost (behind byte %" PRIu64 " and %" PRIu32 " lines)",
                  lost->place.offset, lost->place.skip);
}

static void tell_survey(struct tail_follower *follower, const struct survey *survey)
{
    if (survey->error && survey->since_ns && survey->error != follower->survey_told)
        tail_tell(follower, LOG_WARNING,
                  "cannot look for files that were rotated unseen: %s: lines may be lost",
                  why(survey->error));
    follower->survey_told = survey->error;
    if (survey->lost)
        tail_tell(follower, LOG_WARNING,
                  "it was rotated more often than can be followed: %u of its files are not read",
                  survey->lost);
    if (survey->packed)
        tail_tell(follower, LOG_WARNING,
                  "%u packed files were made unseen (%s): lines in them that were not read yet are "
                  "passed over",
                  survey->packed, survey->packed_name);
    if (survey->failed)
        tail_tell(follower, LOG_ERROR,
                  "%u rotated files cannot be read (%s): %s, for too long: they are passed over, "
                  "and lines in them are lost: check the disk",
                  survey->failed, survey->failed_name, why(-EIO));
    if (survey->copies)
        tail_tell(follower, LOG_NOTE,
                  "%u files are passed over (%s): by their bytes they are copies of what is read",
                  survey->copies, survey->copy_name);
    if (survey->unreadable > follower->unreadable_told)
        tail_tell(
            follower, LOG_WARNING,
            "%u files beside it cannot be opened (%s): if they are rotated ones, lines are lost",
            survey->unreadable, survey->unreadable_name);
    follower->unreadable_told = survey->unreadable;
    for (unsigned i = 0; i < survey->known_count; i++) {
        struct tail_lost *lost = lost_at(follower, survey, i);
        if (lost)
            tell_lost(follower, lost, survey->known[i].matched);
    }
}

/* Puts its files in front of what inotify has told since. */
static void take_files(struct tail_follower *follower, const struct survey *survey)
{
    unsigned count = 0;
    for (unsigned i = 0; i < survey->count; i++)
        count += survey->files[i].self < 0;
    if (count == 0) /* those that are open stand in order */
        return;
    if (!follower->moved)
        follower->moved = calloc(TAIL_MOVED_MAX, sizeof *follower->moved);
    if (!follower->moved || follower->moved_count + count > TAIL_MOVED_MAX) {
        tail_tell(follower, LOG_WARNING,
                  "it is rotated faster than it can be followed: lines are lost");
        return;
    }
    memmove(follower->moved + count, follower->moved,
            follower->moved_count * sizeof *follower->moved);
    follower->moved_count += count;
    struct tail_moved *moved = follower->moved;
    for (unsigned i = 0; i < survey->count; i++) {
        const struct survey_file *file = &survey->files[i];
        if (file->self >= 0)
            continue;
        const struct tail_lost *lost =
            file->known < 0 ? NULL : lost_at(follower, survey, (unsigned)file->known);
        *moved = (struct tail_moved){.inode = file->inode, .goes_on = lost, .stood = file->stood};
        memcpy(moved->name, file->name, sizeof moved->name);
        if (lost)
            moved->place = lost->place;
        moved++;
        if (lost)
            tail_tell(follower, LOG_NOTE, "it goes on in %s, which by its bytes is a copy",
                      file->name);
    }
}

/* The open file of that number and birth. Gives: NULL: it is not open any more. */
static struct tail_source *find_open(const struct tail_follower *follower, uint64_t inode,
                                     int64_t born_ns)
{
    struct tail_source *source = follower->oldest;
    while (source && (source->inode != inode || source->born_ns != born_ns))
        source = source->newer;
    return source;
}

static struct tail_source *find_known(const struct tail_follower *follower,
                                      const struct survey_known *known)
{
    return find_open(follower, known->place.inode, known->place.born_ns);
}

/* Files were cut while it was made: they are read next, which tells it to whoever reads, and then
 * it is made anew. */
static void suspect(struct tail_follower *follower, const struct survey *survey)
{
    for (unsigned i = 0; i < survey->open_count; i++) {
        struct tail_source *source = find_known(follower, &survey->known[i]);
        if (source)
            source->suspect = survey->known[i].cut;
    }
    follower->survey_waits = true;
}

/* Something goes before it that is not open: it is read again after that. */
static void give_up_place(struct tail_source *source)
{
    tail_source_forget(source);
    source->unplaced = true;
}

/* Open files of which nothing is published. One that is a copy is closed; one that something goes
 * before has its place after that is open. The others may be published. */
static void sort_fresh(struct tail_follower *follower, struct survey *survey)
{
    struct tail_source *sources[POSITION_PLACES_MAX] = {0};
    bool waits[POSITION_PLACES_MAX] = {false}, unopened = false;
    int last = -1;
    for (unsigned i = 0; i < survey->open_count; i++)
        sources[i] = find_known(follower, &survey->known[i]);
    for (unsigned i = 0; i < survey->count; i++) {
        struct survey_file *file = &survey->files[i];
        if (file->self >= 0 && (unopened || file->known >= 0 || file->self < last) &&
            sources[file->self] && sources[file->self] != follower->reading) {
            waits[file->self] = true;
            file->self = -1;
        }
        unopened |= file->self < 0;
        last = file->self;
    }
    for (unsigned i = 0; i < survey->open_count; i++) {
        struct tail_source *source = sources[i];
        if (!source || source->checked || source == follower->reading)
            continue;
        if (survey->known[i].copy)
            tail_source_drop(source);
        else if (waits[i] || (survey->known[i].at_path && !survey->known[i].rotated && unopened))
            give_up_place(source);
        else if (source->held)
            /* One that was cut has not been read since: its new beginning is held again. Until
             * then it may make room for a file that waits, before which nothing is done with. */
            let_go_on(source);
    }
}

/* Names that were told before the survey: it has seen those files. */
static void drop_told(struct tail_follower *follower, const struct survey *survey)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < follower->moved_count; i++) {
        bool packed;
        if (i < survey->told_count &&
            survey_is_rotation(follower->moved[i].name, follower->way->name, &packed))
            continue;
        if (kept != i)
            follower->moved[kept] = follower->moved[i];
        kept++;
    }
    follower->moved_count = kept;
}

static void take(struct tail_follower *follower, struct survey *survey)
{
    tell_survey(follower, survey);
    sort_fresh(follower, survey);
    drop_told(follower, survey);
    take_files(follower, survey);
    for (unsigned i = 0; i < survey->done_count; i++)
        tail_source_done(follower, survey->done[i].inode, survey->done[i].born_ns);
    follower->surveyed_ns = follower->walk_ns;
    follower->undecided_ns = survey->undecided_ns;
    follower->seen = (struct position_done){.inode = 0};
    for (unsigned i = survey->open_count; i < survey->known_count; i++)
        if (survey->known[i].at_path)
            follower->seen = (struct position_done){survey->known[i].place.inode,
                                                    survey->known[i].place.born_ns};
}

/* Since when the disk fails: from a survey that did to the first that is whole. */
static void note_failure(struct tail_follower *follower, const struct survey *survey)
{
    if (survey->error == -EIO && follower->survey_failed_ns == 0)
        follower->survey_failed_ns = hark_now(follower->tail->loop);
    else if (survey->error == 0 && survey->failed == 0)
        follower->survey_failed_ns = 0;
}

void tail_missed_take(struct tail_follower *follower)
{
    struct survey *survey = follower->survey;
    if (!survey) {
        follower->survey_wanted |= follower->lacks != 0; /* no survey could be begun */
        return;
    }
    int error = survey->error;
    note_failure(follower, survey);
    if (again_may_help(error) && !(error == -EIO && survey->passes_over)) {
        follower->lacks = error;
        follower->survey_wanted = true;
    } else if (survey->is_void) {
        suspect(follower, survey);
        follower->survey_wanted = true;
    } else if (!follower->survey_wanted) { /* else what it has found may not be so any more */
        take(follower, survey);
    }
    tail_missed_forget(follower);
}

static bool is_same_place(const struct position_place *a, const struct position_place *b)
{
    return a->inode == b->inode && a->born_ns == b->born_ns && a->offset == b->offset &&
           a->part == b->part && a->first_count == b->first_count &&
           a->first_hash == b->first_hash && a->last_count == b->last_count &&
           a->last_hash == b->last_hash && a->skip == b->skip;
}

void tail_missed_found(struct tail_follower *follower, const struct position_place *place)
{
    for (unsigned i = 0; i < follower->lost_count; i++)
        if (is_same_place(&follower->lost[i].place, place))
            follower->lost[i].place.first_count = 0;
    for (unsigned i = 0; i < follower->cut_count; i++)
        if (is_same_place(&follower->cuts[i].place, place))
            follower->cuts[i].place.first_count = 0;
}

void tail_missed_forget(struct tail_follower *follower)
{
    if (follower->survey)
        free(follower->survey->told);
    free(follower->survey);
    follower->survey = NULL;
}

/* The first look: what was there before is nobody's. Births go by ticks, and what is born in the
 * same one may have come after it: so what was there already is kept in mind. */
static void end_first_look(struct tail_follower *follower)
{
    follower->looked_ns =
        follower->looked_first ? follower->walk_ns : (int64_t)hark_os_clock_gettime(CLOCK_REALTIME);
}

void tail_missed_done(struct tail_follower *follower)
{
    const int64_t set_back_ns = follower->looked_ns - follower->surveyed_ns;
    if (follower->surveyed_ns && (set_back_ns < 0 || set_back_ns > second_ns))
        follower->looked_ns = follower->surveyed_ns;
    else if (follower->looked_ns == 0)
        end_first_look(follower);
    if (follower->undecided_ns && follower->undecided_ns < follower->looked_ns)
        follower->looked_ns = follower->undecided_ns;
    if (follower->seen.inode && follower->seen.born_ns < follower->looked_ns &&
        !find_open(follower, follower->seen.inode, follower->seen.born_ns))
        follower->looked_ns = follower->seen.born_ns; /* it was rotated before it was opened */
    follower->seen.inode = 0;
    follower->surveyed_ns = follower->undecided_ns = 0;
    follower->lost_count = 0;
    follower->cut_count = 0;
    let_held_go_on(follower);
}
