/* retention.c - by size and by age, the oldest segments go, whole.
 *
 * Those in which all was deleted go at once. What must hold: the newest segment stays, whatever its
 * size and age: it is the one in use, or the one that says which ids were given; and a segment goes
 * only when the table on the disk tells all of it that is still to be known. There is no tick: the
 * timer is set for the moment at which the next sealed segment comes of age.
 */
#include "log/retention.h"

#include "log/checkpoint.h"
#include "log/removal.h"

static uint64_t comes_of_age(const struct log *log, const struct log_segment *segment)
{
    uint64_t newest = segment->newest_ns != 0 ? segment->newest_ns : segment->created_ns;
    uint64_t age = log->options.retain_age_ns;
    return newest > UINT64_MAX - age ? UINT64_MAX : newest + age;
}

static void timer_rang(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, age);
    if (result == 0 && !log->closing)
        retention_check(log);
    pending_end(&log->pending);
}

/* How many of the oldest segments are old enough to go. A clock that was wrong for a while may have
 * stamped a segment with a time that is far ahead: what was written after it and is old says that
 * it is older still. Gives: *out_next: when the next comes of age. */
static size_t count_old(const struct log *log, uint64_t now, uint64_t *out_next)
{
    size_t old = 0;
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; i + 1 < log->segment_count; i++) {
        uint64_t at = comes_of_age(log, log->segments[i]);
        if (at <= now) {
            old = i + 1;
            next = UINT64_MAX;
        } else if (at < next) {
            next = at;
        }
    }
    *out_next = next;
    return old;
}

static bool is_too_much(const struct log *log)
{
    return log->options.retain_bytes != 0 && log->statistics.bytes > log->options.retain_bytes;
}

/* The clock may be set while the timer runs, so it never runs for longer than a segment lives. */
static void set_timer(struct log *log, uint64_t now, uint64_t next)
{
    uint64_t wait =
        next - now < log->options.retain_age_ns ? next - now : log->options.retain_age_ns;
    if (log->segment_count <= 1 || hark_op_active(&log->age))
        return;
    pending_begin(&log->pending);
    hark_sleep(log->loop, &log->age, wait, timer_rang);
}

/* Whether the deletions that have emptied it are on the disk: else the power may bring the streams
 * back, and not the segment. */
static bool is_deleted_for_good(const struct log *log, const struct log_segment *segment)
{
    return log->options.sync == LOG_SYNC_ALWAYS || segment->dead_since <= log->checkpoint.from;
}

/* A damaged one may have held more than can be read. A table is written for them once they are
 * worth it. */
void retention_drop_dead(struct log *log)
{
    uint64_t waiting = 0;
    for (size_t i = log->segment_count; i-- > 1;) {
        const struct log_segment *segment = log->segments[i - 1];
        if (segment->live > 0 || !segment->sealed || segment->damaged)
            continue;
        if (checkpoint_covers(log, segment) && is_deleted_for_good(log, segment))
            removal_begin(log, i - 1);
        else
            waiting += segment->end;
    }
    if (waiting > 0 && waiting >= checkpoint_estimate(log))
        checkpoint_begin(log);
}

/* Gives: false: it has to stay until the next table is written; that comes back here. */
static bool remove_oldest(struct log *log)
{
    const bool may = checkpoint_covers(log, log->segments[0]);
    if (may) {
        checkpoint_forget_missing(log, log->segments[0]->first);
        removal_begin(log, 0);
    } else {
        checkpoint_begin(log);
    }
    return may;
}

void retention_check(struct log *log)
{
    if (log->options.inspect)
        return;
    retention_drop_dead(log);
    while (log->segment_count > 1 && is_too_much(log))
        if (!remove_oldest(log))
            break;
    if (log->options.retain_age_ns == 0)
        return;
    uint64_t now = hark_os_wall_clock(log->loop), next;
    for (size_t old = count_old(log, now, &next); old > 0; old--)
        if (!remove_oldest(log))
            break;
    set_timer(log, now, next);
}

void retention_stop(struct log *log)
{
    hark_cancel(&log->age);
}
