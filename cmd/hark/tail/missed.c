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

#include "base/say.h"
#include "tail/source.h"
#include "tail/tell.h"

void tail_missed_look(struct tail_follower *follower)
{
    follower->survey_wanted = true;
    follower->moved_count = 0; /* the survey finds these, too */
    follower->early_count = 0;
}

static void add_known(struct survey *survey, const struct position_place *place, int fd, bool read)
{
    survey->known[survey->known_count++] =
        (struct survey_known){.place = *place, .fd = fd, .read = read};
}

/* Frees a survey that was not made. */
static void survey_free(struct survey *survey)
{
    for (unsigned i = 0; i < survey->known_count; i++)
        if (survey->known[i].fd >= 0)
            hark_os_close_unknown(survey->known[i].fd);
    free(survey);
}

struct survey *tail_missed_begin(struct tail_follower *follower)
{
    struct survey *survey = calloc(1, sizeof *survey);
    if (!survey) {
        follower->lacks = -ENOMEM;
        return NULL;
    }
    survey->since_ns = follower->looked_ns;
    for (const struct tail_source *source = follower->oldest; source; source = source->newer) {
        struct position_place place;
        tail_source_place(source, &place);
        int fd = hark_os_dup(source->fd);
        if (fd < 0) { /* what is not known would be read once more */
            follower->lacks = fd;
            survey_free(survey);
            return NULL;
        }
        add_known(survey, &place, fd, false);
    }
    for (unsigned i = 0; i < follower->lost_count; i++)
        add_known(survey, &follower->lost[i].place, -1, follower->lost[i].read);
    if (follower->cut.place.inode)
        add_known(survey, &follower->cut.place, -1, false);
    return survey;
}

void tail_missed_drop(struct tail_follower *follower)
{
    if (!follower->survey)
        return;
    survey_free(follower->survey);
    follower->survey = NULL;
    follower->survey_wanted = true;
}

/* Which place, that lost its file, stands at an index of a survey's known. Gives: NULL: the place
 * is an open file's. */
static struct tail_lost *lost_at(struct tail_follower *follower, const struct survey *survey,
                                 unsigned index)
{
    unsigned lost = survey->known_count - follower->lost_count - (follower->cut.place.inode != 0);
    if (index < lost)
        return NULL;
    return index - lost < follower->lost_count ? &follower->lost[index - lost] : &follower->cut;
}

static void tell_lost(struct tail_follower *follower, struct tail_lost *lost, bool matched)
{
    if (lost->told || lost->read)
        return;
    lost->told = true;
    if (matched)
        return;
    if (lost == &follower->cut)
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
    if (survey->error && survey->since_ns)
        tail_tell(follower, LOG_WARNING,
                  "cannot look for files that were rotated unseen: %s: lines may be lost",
                  why(survey->error));
    if (survey->lost)
        tail_tell(follower, LOG_WARNING,
                  "it was rotated more often than can be followed: %u of its files are not read",
                  survey->lost);
    if (survey->packed)
        tail_tell(follower, LOG_WARNING,
                  "%u packed files were made unseen (%s): lines in them that were not read yet are "
                  "passed over",
                  survey->packed, survey->packed_name);
    if (survey->copies)
        tail_tell(follower, LOG_NOTE,
                  "%u files are passed over (%s): by their bytes they are copies of what is read",
                  survey->copies, survey->copy_name);
    if (survey->unreadable)
        tail_tell(
            follower, LOG_WARNING,
            "%u files beside it cannot be opened (%s): if they are rotated ones, lines are lost",
            survey->unreadable, survey->unreadable_name);
    for (unsigned i = 0; i < survey->known_count; i++) {
        struct tail_lost *lost = lost_at(follower, survey, i);
        if (lost)
            tell_lost(follower, lost, survey->known[i].matched);
    }
}

/* Puts its files in front of what inotify has told since. */
static void take_files(struct tail_follower *follower, const struct survey *survey)
{
    if (survey->count == 0)
        return;
    if (!follower->moved)
        follower->moved = calloc(TAIL_MOVED_MAX, sizeof *follower->moved);
    if (!follower->moved || follower->moved_count + survey->count > TAIL_MOVED_MAX) {
        tail_tell(follower, LOG_WARNING,
                  "it is rotated faster than it can be followed: lines are lost");
        return;
    }
    memmove(follower->moved + survey->count, follower->moved,
            follower->moved_count * sizeof *follower->moved);
    follower->moved_count += survey->count;
    for (unsigned i = 0; i < survey->count; i++) {
        const struct survey_file *file = &survey->files[i];
        struct tail_moved *moved = &follower->moved[i];
        const struct tail_lost *lost =
            file->known < 0 ? NULL : lost_at(follower, survey, (unsigned)file->known);
        *moved = (struct tail_moved){.inode = file->inode, .goes_on = lost};
        memcpy(moved->name, file->name, sizeof moved->name);
        if (!lost)
            continue;
        moved->place = lost->place;
        tail_tell(follower, LOG_NOTE, "it goes on in %s, which by its bytes is a copy", file->name);
    }
}

void tail_missed_take(struct tail_follower *follower)
{
    struct survey *survey = follower->survey;
    if (!survey) {
        follower->survey_wanted |= follower->lacks != 0; /* no survey could be begun */
        return;
    }
    if (again_may_help(survey->error)) {
        follower->lacks = survey->error;
        follower->survey_wanted = true;
    } else {
        tell_survey(follower, survey);
        take_files(follower, survey);
        if (survey->passed_ns > follower->passed_ns)
            follower->passed_ns = survey->passed_ns;
    }
    free(survey);
    follower->survey = NULL;
}
