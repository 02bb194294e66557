/* scan.c - walks a segment that no index speaks for.
 *
 * Something unreadable is either damage, which is passed over and told, or the end of a write that
 * a crash has interrupted, which is cut off. Where any good record follows, it is passed over:
 * whether it was answered or not, what follows is whole, and may have been answered. Only what
 * nothing follows is looked at more closely: it is cut off unless it was once whole
 * (record_is_damaged). What must hold: memory is one buffer, whatever the file holds; a record
 * counts only if its sequence may follow the one before.
 */
#include "log/scan.h"

static void examine(struct hark_loop *loop, struct log_scan *scan);

static uint64_t wanted(const struct log_scan *scan)
{
    uint64_t left = scan->limit - scan->offset;
    return left < SCAN_BUFFER_BYTES ? left : SCAN_BUFFER_BYTES;
}

static void read_some(struct hark_op *op, int64_t result)
{
    struct log_scan *scan = hark_container_of(op, struct log_scan, op);
    if (result < 0) {
        scan->done(scan, (int)result);
        return;
    }
    scan->filled += (uint64_t)result;
    uint64_t left = wanted(scan) - scan->filled;
    if (result > 0 && left > 0) {
        hark_read(op->loop, op, scan->fd, scan->buffer + scan->filled, left,
                  (int64_t)(scan->offset + scan->filled), read_some);
        return;
    }
    if (left > 0) /* the file is shorter than was thought */
        scan->limit = scan->offset + scan->filled;
    examine(op->loop, scan);
}

static void read_from(struct hark_loop *loop, struct log_scan *scan, uint64_t offset)
{
    scan->offset = offset;
    scan->position = 0;
    scan->filled = 0;
    hark_read(loop, &scan->op, scan->fd, scan->buffer, wanted(scan), (int64_t)offset, read_some);
}

static void finish(struct log_scan *scan, uint64_t end)
{
    scan->end = end;
    scan->torn = scan->limit - end;
    scan->done(scan, 0);
}

static void begin_search(struct log_scan *scan, uint64_t place)
{
    scan->searching = true;
    scan->hole_from = place;
    scan->damaged = record_is_damaged(scan->buffer + scan->position, scan->filled - scan->position,
                                      scan->limit - place, scan->first, place, scan->last);
    scan->position += RECORD_ALIGNMENT;
}

static void tell_hole(struct log_scan *scan, uint64_t end, uint64_t next)
{
    if (scan->hole)
        scan->hole(scan, scan->hole_from, end, next);
}

static void end_search(struct log_scan *scan)
{
    if (scan->torn_allowed && !scan->damaged) {
        finish(scan, scan->hole_from);
        return;
    }
    tell_hole(scan, scan->limit, 0);
    finish(scan, scan->limit);
}

/* Gives: whether the scan goes on with what is in the buffer. */
static bool take(struct log_scan *scan, const struct log_record *record, uint64_t place)
{
    if (scan->searching)
        tell_hole(scan, place, record->sequence);
    scan->searching = false;
    scan->last = record->sequence;
    scan->position += record->size;
    int error = scan->record(scan, record, place);
    if (error != 0)
        scan->done(scan, error);
    return error == 0;
}

static enum log_record_answer look(struct log_scan *scan, struct log_record *record)
{
    if (scan->searching)
        return record_search(scan->buffer, scan->filled, scan->position, scan->first, scan->offset,
                             scan->last, &scan->position, record);
    enum log_record_answer answer =
        record_decode(scan->buffer + scan->position, scan->filled - scan->position, scan->first,
                      scan->offset + scan->position, true, record);
    return answer == RECORD_GOOD && !record_follows(record, scan->last) ? RECORD_BAD : answer;
}

static void examine(struct hark_loop *loop, struct log_scan *scan)
{
    for (;;) {
        uint64_t place = scan->offset + scan->position;
        if (place >= scan->limit) {
            if (scan->searching)
                end_search(scan);
            else
                finish(scan, scan->limit);
            return;
        }
        struct log_record record = {0};
        enum log_record_answer answer = look(scan, &record);
        place = scan->offset + scan->position;
        if (answer == RECORD_GOOD) {
            if (!take(scan, &record, place))
                return;
        } else if (answer == RECORD_SHORT && place + record.size <= scan->limit) {
            read_from(loop, scan, place);
            return;
        } else if (scan->searching) {
            scan->position += RECORD_ALIGNMENT;
        } else if (scan->position > 0 && scan->offset + scan->filled < scan->limit) {
            read_from(loop, scan, place); /* to see all of it */
            return;
        } else {
            begin_search(scan, place);
        }
    }
}

static void begun(struct hark_op *op, int64_t result)
{
    struct log_scan *scan = hark_container_of(op, struct log_scan, op);
    if (result < 0)
        scan->done(scan, (int)result);
    else if (scan->limit <= SEGMENT_HEADER_BYTES)
        finish(scan, scan->limit);
    else
        read_from(op->loop, scan, SEGMENT_HEADER_BYTES);
}

void scan_begin(struct hark_loop *loop, struct log_scan *scan)
{
    scan->last = scan->first;
    scan->searching = false;
    hark_defer(loop, &scan->op, begun);
}
