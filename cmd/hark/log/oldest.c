/* oldest.c - writes the lock file's second line, and holds removed segments back until it is on the
 * disk.
 *
 * A line that cannot be written holds nothing back: the disk may be full, and retention is to make
 * space.
 */
#include "log/oldest.h"

static void let_go(struct log *log)
{
    struct log_segment *segment = log->oldest.waiting;
    log->oldest.waiting = NULL;
    while (segment) {
        struct log_segment *next = segment->idle_after;
        segment->idle_after = NULL;
        segment->unused(segment); /* it may have to wait once more */
        segment = next;
    }
}

static void ended(struct log *log, int64_t result)
{
    oldest_wrote(log, result);
    let_go(log);
    if (result >= 0)
        oldest_update(log);
    pending_end(&log->pending);
}

static void synced(struct hark_op *op, int64_t result)
{
    ended(hark_container_of(op, struct log, oldest.op), result);
}

static void written(struct log_transfer *transfer, int64_t result)
{
    struct log *log = hark_container_of(transfer, struct log, oldest.transfer);
    if (result < 0)
        ended(log, result);
    else
        hark_fdatasync(log->loop, &log->oldest.op, log->mark, synced);
}

void oldest_update(struct log *log)
{
    struct log_oldest *oldest = &log->oldest;
    if (log->options.inspect || log->segment_count == 0 || oldest->writing != 0 ||
        oldest->told == log->segments[0]->first)
        return;
    oldest->writing = log->segments[0]->first;
    pending_begin(&log->pending);
    transfer_write(log->loop, &oldest->transfer, log->mark, oldest->line,
                   mark_encode(oldest->line, MARK_OLDEST, oldest->writing), MARK_LINE_BYTES,
                   written);
}

/* Where the file named none before, it does no harm if the power takes the line: no sync. */
size_t oldest_add(struct log *log, char *to)
{
    struct log_oldest *oldest = &log->oldest;
    if (log->segment_count != 1 || oldest->told != 0 || oldest->writing != 0)
        return 0;
    oldest->writing = log->segments[0]->first;
    return mark_encode(to, MARK_OLDEST, oldest->writing);
}

void oldest_wrote(struct log *log, int64_t result)
{
    log->oldest.told = result < 0 ? 0 : log->oldest.writing;
    log->oldest.writing = 0;
}

bool oldest_keeps(struct log_segment *segment)
{
    struct log *log = segment->log;
    struct log_oldest *oldest = &log->oldest;
    bool was_first = log->segment_count > 0 && segment->first < log->segments[0]->first;
    bool named = oldest->writing != 0 || (oldest->told != 0 && oldest->told <= segment->first);
    if (!was_first || !named)
        return false;
    segment->idle_after = oldest->waiting;
    oldest->waiting = segment;
    return true;
}
