/* facts.c - see the header. Owners come before attributes, of which they take capabilities away,
 * and before modes, which they change, and times come last. */
#include "file/facts.h"
#include "hark/file.h"

#include <errno.h>
#include <fcntl.h>

static struct facts *of_op(struct hark_op *op)
{
    return hark_container_of(op, struct facts, op);
}

/* Whether nothing more is given: then it has been told. */
static bool is_over(struct facts *facts, int64_t result)
{
    bool stops = facts->cancelled || result == -ECANCELED;
    if (stops)
        facts->error = -ECANCELED;
    else if (result < 0 && !facts->error)
        facts->error = (int)result;
    if (!stops && (result >= 0 || facts->kinds & FACTS_AS_ALLOWED))
        return false;
    facts->done(facts, facts->error);
    return true;
}

/* --- the last first --- */

static void times_set(struct hark_op *op, int64_t result)
{
    struct facts *facts = of_op(op);
    if (!is_over(facts, result))
        facts->done(facts, facts->error);
}

static struct timespec time_of(struct statx_timestamp time)
{
    return (struct timespec){.tv_sec = time.tv_sec, .tv_nsec = (long)time.tv_nsec};
}

static void mode_set(struct hark_op *op, int64_t result)
{
    struct facts *facts = of_op(op);
    if (is_over(facts, result))
        return;
    if (!(facts->kinds & FACTS_TIMES))
        return times_set(op, 0);
    facts->times[0] = time_of(facts->status->stx_atime);
    facts->times[1] = time_of(facts->status->stx_mtime);
    hark_utimensat(facts->loop, op, facts->to.directory, facts->to.path, facts->times,
                   facts->to.flags, times_set);
}

/* A symbolic link has none. */
static void set_mode(struct facts *facts)
{
    mode_t mode = facts->status->stx_mode & 07777;
    if (!(facts->kinds & FACTS_MODE) || S_ISLNK(facts->status->stx_mode))
        return mode_set(&facts->op, 0);
    if (facts->kinds & FACTS_AS_ALLOWED && !facts->owned)
        mode &= ~(mode_t)(S_ISUID | S_ISGID);
    hark_fchmodat(facts->loop, &facts->op, facts->to.directory, facts->to.path, mode,
                  facts->to.flags & AT_EMPTY_PATH, mode_set);
}

static void attributes_given(struct attributes *attributes, int error)
{
    struct facts *facts = hark_container_of(attributes, struct facts, attributes);
    if (!is_over(facts, error))
        set_mode(facts);
}

static void set_owner(struct facts *facts);

/* Whom one may not give it to, one may still give it to a group of one's own. */
static void owner_set(struct hark_op *op, int64_t result)
{
    struct facts *facts = of_op(op);
    bool is_refused = result == -EPERM && facts->kinds & FACTS_AS_ALLOWED;
    facts->owned = result == 0 && !facts->group_alone;
    if (is_refused && !facts->group_alone && !facts->cancelled) {
        facts->group_alone = true;
        return set_owner(facts);
    }
    if (is_over(facts, is_refused ? 0 : result))
        return;
    if (!(facts->kinds & FACTS_ATTRIBUTES))
        return set_mode(facts);
    attributes_give(facts->loop, &facts->attributes, facts->from, facts->to, attributes_given);
}

static void set_owner(struct facts *facts)
{
    uid_t owner = facts->group_alone ? (uid_t)-1 : facts->status->stx_uid;
    hark_fchownat(facts->loop, &facts->op, facts->to.directory, facts->to.path, owner,
                  facts->status->stx_gid, facts->to.flags, owner_set);
}

void facts_give(struct facts *facts)
{
    facts->error = 0;
    facts->owned = facts->group_alone = facts->cancelled = false;
    if (facts->kinds & FACTS_OWNER)
        set_owner(facts);
    else
        owner_set(&facts->op, 0);
}

void facts_cancel(struct facts *facts)
{
    facts->cancelled = true;
    hark_cancel(&facts->op);
    attributes_cancel(&facts->attributes);
}
