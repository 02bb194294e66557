/* found.c - what the start has found of the segment at hand, and of those after it. No I/O. */
#include "log/found.h"

#include "log/checkpoint.h"
#include "log/known.h"
#include "log/program.h"
#include "log/replay.h"
#include "log/segment.h"

#include <errno.h>
#include <inttypes.h>

struct log_found *found_now(const struct log_recovery *recovery)
{
    return &recovery->found[recovery->at];
}

bool found_told_end(const struct log_recovery *recovery, uint64_t *out_end)
{
    for (size_t i = recovery->at + 1; i < recovery->count; i++) {
        const struct log_found *later = &recovery->found[i];
        if (!later->whole_header)
            continue;
        *out_end = later->header.previous_end;
        return later->header.previous_first == found_now(recovery)->first;
    }
    struct table_segment told;
    if (!known_segment(recovery, found_now(recovery)->first, &told) ||
        !known_covers(recovery, told.first))
        return false;
    *out_end = told.end;
    return true;
}

bool found_was_last(const struct log_recovery *recovery)
{
    for (size_t i = recovery->at + 1; i < recovery->count; i++)
        if (recovery->found[i].whole_header || recovery->found[i].foreign ||
            recovery->found[i].missing)
            return false;
    return recovery->mark <= found_now(recovery)->first;
}

bool found_may_be_torn(const struct log_recovery *recovery)
{
    uint64_t end;
    return !found_told_end(recovery, &end) && found_was_last(recovery) && !recovery->sealed.bytes &&
           !found_now(recovery)->foreign;
}

uint64_t found_ids_end(const struct log_recovery *recovery)
{
    return recovery->at + 1 < recovery->count ? found_now(recovery)[1].first : recovery->high;
}

void found_tell_unopened(const struct log_recovery *recovery, int64_t error)
{
    if (error == -ELOOP)
        program_tell(recovery->log, LOG_ERROR,
                     "cannot open segment %s: it is a symbolic link, and none is followed: put the "
                     "file itself there, or remove the link",
                     recovery->name);
    else
        program_tell(recovery->log, LOG_ERROR, "cannot open segment %s: %s", recovery->name,
                     hark_error_text((int)error));
}

/* Without a gap before it, a segment's declarations say nothing new. Where the one before is gone
 * and has left an index that cannot be used, they alone know what it held. */
bool found_needs_declarations(const struct log_recovery *recovery)
{
    const struct log_found *found = found_now(recovery);
    if ((found->whole_header && found->header.version >= SEGMENT_UNDECLARED) ||
        known_covers(recovery, found->first))
        return false;
    bool unknown = recovery->previous_damaged || (recovery->at > 0 && found[-1].missing);
    if (unknown || !found->whole_header)
        return unknown;
    return recovery->at == 0 || known_covers(recovery, found[-1].first) ||
           found->header.previous_first != found[-1].first;
}

bool found_next_declares(const struct log_recovery *recovery)
{
    for (size_t i = recovery->at + 1; i < recovery->count; i++)
        if (recovery->found[i].whole_header)
            return recovery->found[i].header.version < SEGMENT_UNDECLARED;
    return false;
}

bool found_next_is_silent(const struct log_recovery *recovery)
{
    for (size_t i = recovery->at + 1; i < recovery->count; i++)
        if (recovery->found[i].whole_header)
            return recovery->found[i].header.version >= SEGMENT_UNDECLARED &&
                   recovery->found[i].header.previous_first == found_now(recovery)->first;
    return false;
}

void found_lose(struct log_recovery *recovery, uint64_t through)
{
    if (!known_covers(recovery, found_now(recovery)->first))
        replay_lose_all(recovery->log, through);
}

static bool is_known(const struct log_recovery *recovery, uint64_t first)
{
    if (first == 0 || known_covers(recovery, first))
        return true;
    for (size_t i = recovery->at; i-- > 0 && recovery->found[i].first >= first;)
        if (recovery->found[i].first == first)
            return true;
    return false;
}

/* The one before it, as its header says, has gone without a trace. */
static void tell_gap_before(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    const struct log_found *found = found_now(recovery);
    const uint64_t before = found->header.previous_first;
    if (known_covers(recovery, found->first) || is_known(recovery, before) ||
        before < recovery->oldest)
        return;
    const bool is_first = recovery->at == 0 && !recovery->restored.whole;
    if (is_first && recovery->oldest == 0)
        return; /* what the table, or the lack of it, tells */
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, before, SUFFIX_LOG);
    log->statistics.damaged++;
    program_tell(log, LOG_ERROR,
                 "segment %s is missing: what it held is lost, readers are told of a gap", name);
    (void)checkpoint_note_missing(log, before, 0);
    found_lose(recovery, found->first - 1);
    log->must_write_table = true;
}

/* What is missing before the segment is known where all declarations are there; else any stream may
 * have had events in it. */
void found_declarations_end(struct log_recovery *recovery)
{
    const struct log_found *found = found_now(recovery);
    if (known_covers(recovery, found->first))
        return;
    if (found->whole_header && found->header.version >= SEGMENT_UNDECLARED)
        tell_gap_before(recovery);
    else if (found->whole_header && recovery->declared == found->header.declared)
        replay_declared(recovery->log, found->first);
    else if (recovery->at > 0 && found_needs_declarations(recovery))
        replay_lose_all(recovery->log, found->first - 1);
}

void found_count_damage(struct log_recovery *recovery)
{
    recovery->damaged = true;
    recovery->log->statistics.damaged++;
    segment_name(recovery->name, found_now(recovery)->first, SUFFIX_LOG);
}
