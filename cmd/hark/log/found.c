/* found.c - what the start has found of the segment at hand, and of those after it. No I/O. */
#include "log/found.h"

#include "log/program.h"
#include "log/replay.h"
#include "log/segment.h"

#include <errno.h>

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
    return false;
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
    bool unknown = recovery->previous_damaged || (recovery->at > 0 && found[-1].missing);
    if (unknown || !found->whole_header)
        return unknown;
    return recovery->at == 0 || found->header.previous_first != found[-1].first;
}

/* What is missing before the segment is known where all declarations are there; else any stream may
 * have had events in it. */
void found_declarations_end(struct log_recovery *recovery)
{
    const struct log_found *found = found_now(recovery);
    if (found->whole_header && recovery->declared == found->header.declared)
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
