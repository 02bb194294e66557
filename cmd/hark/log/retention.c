/* retention.c - by size and by age, the oldest segments go, whole.
 *
 * What must hold: the newest segment stays, whatever its size and age: it is the one in use, or the one that says which ids were
 * given. There is no tick: the timer is set for the moment at which the oldest sealed segment comes of age.
 */
#include "log/retention.h"

#include "log/segment.h"

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
    log_end(log);
}

static bool is_old(const struct log *log, uint64_t now)
{
    return log->options.retain_age_ns != 0 && comes_of_age(log, log->segments[0]) <= now;
}

static bool is_too_much(const struct log *log)
{
    return log->options.retain_bytes != 0 && log->statistics.bytes > log->options.retain_bytes;
}

void retention_check(struct log *log)
{
    uint64_t now = hark_os_wall_clock(log->loop);
    while (log->segment_count > 1 && (is_too_much(log) || is_old(log, now)))
        segment_remove_oldest(log);
    if (log->options.retain_age_ns == 0 || log->segment_count <= 1 || hark_op_active(&log->age))
        return;
    log_begin(log);
    hark_sleep(log->loop, &log->age, comes_of_age(log, log->segments[0]) - now, timer_rang);
}

void retention_stop(struct log *log)
{
    hark_cancel(&log->age);
}
