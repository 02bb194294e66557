/* segment.c - the list of segments, and their open descriptors.
 *
 * What must hold: at most options.open_segments_max sealed segments hold a descriptor and an index
 * in memory (an index whose file could not be written stays); a reader holds a reference from
 * acquire to release, and nothing of a segment goes while there is one. What is read from a segment
 * is cursor.c's to know; how one goes, removal.c's.
 */
#include "log/segment.h"

#include "base/check.h"
#include "log/program.h"
#include "log/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void segment_name(char *to, uint64_t first, const char *suffix)
{
    snprintf(to, SEGMENT_NAME_BYTES, "%020" PRIu64 "%s", first, suffix);
}

bool segment_name_parse(const char *name, const char *suffix, uint64_t *out_first)
{
    uint64_t first = 0;
    for (int i = 0; i < 20; i++) {
        if (name[i] < '0' || name[i] > '9')
            return false;
        first = first * 10 + (uint64_t)(name[i] - '0');
    }
    char whole[SEGMENT_NAME_BYTES];
    segment_name(whole, first, suffix);
    if (first == 0 || first > SEGMENT_FIRST_MAX || strcmp(name, whole) != 0)
        return false;
    *out_first = first;
    return true;
}

struct log_segment *segment_create(struct log *log, uint64_t first)
{
    struct log_segment *segment = calloc(1, sizeof *segment);
    if (!segment)
        return NULL;
    segment->log = log;
    segment->first = first;
    segment->last_sequence = first;
    segment->fd = -1;
    segment->index_fd = -1;
    return segment;
}

void segment_destroy(struct log_segment *segment)
{
    if (!segment)
        return;
    index_free(&segment->index);
    free(segment->loading);
    free(segment);
}

int segment_reserve(struct log *log)
{
    if (log->segment_count < log->segment_capacity)
        return 0;
    size_t capacity = log->segment_capacity == 0 ? 16 : log->segment_capacity * 2;
    struct log_segment **segments = realloc(log->segments, capacity * sizeof(struct log_segment *));
    if (!segments)
        return -ENOMEM;
    log->segments = segments;
    log->segment_capacity = capacity;
    return 0;
}

int segment_list(struct log_segment *segment)
{
    struct log *log = segment->log;
    if (segment_reserve(log) != 0)
        return -ENOMEM;
    log->segments[log->segment_count++] = segment;
    log->statistics.segments = log->segment_count;
    log->statistics.bytes += segment->end;
    log->statistics.oldest_time_ns = log->segments[0]->created_ns;
    return 0;
}

void segment_unlist(struct log *log, size_t at)
{
    const struct log_segment *segment = log->segments[at];
    check(segment->sealed);
    log->segment_count--;
    memmove(log->segments + at, log->segments + at + 1,
            (log->segment_count - at) * sizeof(struct log_segment *));
    log->statistics.segments = log->segment_count;
    log->statistics.bytes -= segment->end;
    log->statistics.oldest_time_ns = log->segment_count == 0 ? 0 : log->segments[0]->created_ns;
}

struct log_segment *segment_by_first(const struct log *log, uint64_t first)
{
    size_t low = 0, high = log->segment_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (log->segments[middle]->first < first)
            low = middle + 1;
        else
            high = middle;
    }
    return low < log->segment_count && log->segments[low]->first == first ? log->segments[low]
                                                                          : NULL;
}

/* --- which sealed segments are open --- */

static void idle_add(struct log_segment *segment)
{
    struct log *log = segment->log;
    segment->idle = true;
    segment->idle_before = log->idle_newest;
    segment->idle_after = NULL;
    *(!log->idle_newest ? &log->idle_oldest : &log->idle_newest->idle_after) = segment;
    log->idle_newest = segment;
}

static void idle_remove(struct log_segment *segment)
{
    struct log *log = segment->log;
    segment->idle = false;
    *(!segment->idle_before ? &log->idle_oldest : &segment->idle_before->idle_after) =
        segment->idle_after;
    *(!segment->idle_after ? &log->idle_newest : &segment->idle_after->idle_before) =
        segment->idle_before;
}

static void count_open(struct log *log, int change)
{
    log->open = (uint32_t)((int)log->open + change);
    log->statistics.open_segments = log->open + !!log->active;
}

static void feed_starved(struct log *log);

/* Those that waited get a reference each, or the error. */
static void wake_waiting(struct log_segment *segment, int error)
{
    struct log_wait *wait = segment->waiting;
    segment->waiting = NULL;
    if (error == 0)
        for (const struct log_wait *each = wait; each; each = each->next)
            segment->references++;
    while (wait) {
        struct log_wait *next = wait->next;
        wait->ready(wait, error);
        wait = next;
    }
}

static void closed(struct hark_op *op, int64_t result)
{
    struct log_segment *segment = hark_container_of(op, struct log_segment, op);
    struct log *log = segment->log;
    (void)result; /* it was open for reading: there is nothing to lose */
    segment->state = SEGMENT_CLOSED;
    if (segment->unused)
        segment->unused(segment);
    feed_starved(log);
    pending_end(&log->pending);
}

void segment_close(struct log_segment *segment)
{
    struct log *log = segment->log;
    if (segment->idle)
        idle_remove(segment);
    if (!segment->pinned)
        index_free(&segment->index);
    int fd = segment->fd;
    segment->fd = -1;
    segment->state = SEGMENT_CLOSING;
    count_open(log, -1);
    pending_begin(&log->pending);
    hark_close(log->loop, &segment->op, fd, closed);
}

/* A segment that is sealed brings its descriptor along: there may be one too many for a while. */
static void close_surplus(struct log *log)
{
    while (log->open > log->options.open_segments_max && log->idle_oldest)
        segment_close(log->idle_oldest);
}

/* A descriptor more may be opened, if need be by closing the one that was unused for longest. */
static bool room_for_one(struct log *log)
{
    if (log->open == log->options.open_segments_max && log->idle_oldest)
        segment_close(log->idle_oldest);
    return log->open < log->options.open_segments_max;
}

static void starve(struct log *log, struct log_wait *wait)
{
    wait->next = NULL;
    *log->starved.end = wait;
    log->starved.end = &wait->next;
    log->starved.count++;
}

/* Those who waited for a descriptor to be let go may try again, each once, as far as there is
 * room. */
static void feed_once(struct log *log)
{
    size_t left = log->starved.count;
    while (left-- > 0 && log->starved.head && room_for_one(log)) {
        struct log_wait *wait = log->starved.head;
        log->starved.head = wait->next;
        if (!log->starved.head)
            log->starved.end = &log->starved.head;
        log->starved.count--;
        wait->ready(wait, SEGMENT_AGAIN);
    }
}

/* One that tries again may let go itself: then there is another round, not another call inside this
 * one. */
static void feed_starved(struct log *log)
{
    log->starved.again = true;
    if (log->starved.feeding)
        return;
    log->starved.feeding = true;
    while (log->starved.again) {
        log->starved.again = false;
        feed_once(log);
    }
    log->starved.feeding = false;
}

static void opened(struct log_segment *segment, int error)
{
    struct log *log = segment->log;
    free(segment->loading);
    segment->loading = NULL;
    segment->state = error == 0 ? SEGMENT_OPEN : SEGMENT_CLOSED;
    if (error != 0)
        count_open(log, -1);
    segment->references++; /* so that it stays while those who waited are woken */
    wake_waiting(segment, error);
    segment_release(segment);
    pending_end(&log->pending);
}

static void index_missing(struct log_segment *segment, const char *why)
{
    program_tell(segment->log, LOG_WARNING,
                 "the index of segment %s cannot be used (%s): the whole segment is read instead",
                 segment->name, why);
}

/* The next table says so, and there is one at the end of the log. */
static void index_is_damaged(struct log_segment *segment)
{
    segment->index_damaged = true;
    segment->log->checkpoint.since++;
}

static void index_closed(struct hark_op *op, int64_t result)
{
    (void)result;
    opened(hark_container_of(op, struct log_segment, op), 0);
}

static void index_end(struct log_segment *segment, const char *problem)
{
    if (problem)
        index_missing(segment, problem);
    hark_close(segment->log->loop, &segment->op, segment->index_fd, index_closed);
}

static void index_read(struct log_transfer *transfer, int64_t result)
{
    struct log_segment *segment = hark_container_of(transfer, struct log_segment, transfer);
    int error =
        result < 0 ? (int)result
                   : index_parse(segment->loading, (size_t)result, segment->first, &segment->index);
    if (error == 0)
        segment->loading = NULL; /* it is the index's now */
    if (error == 0 && segment->index.end != segment->end) {
        index_free(&segment->index); /* it is older than the segment */
        error = -EBADMSG;
    }
    if (error == -EBADMSG)
        index_is_damaged(segment);
    index_end(segment, error == 0 ? NULL : error == -EBADMSG ? "damaged" : hark_error_text(error));
}

static void index_header_read(struct log_transfer *transfer, int64_t result)
{
    struct log_segment *segment = hark_container_of(transfer, struct log_segment, transfer);
    size_t total = result == INDEX_HEADER_BYTES ? index_total(segment->loading) : 0;
    unsigned char *larger = total == 0 ? NULL : realloc(segment->loading, total);
    if (!larger) {
        if (result >= 0 && total == 0)
            index_is_damaged(segment);
        index_end(segment, result < 0   ? hark_error_text(result)
                           : total == 0 ? "damaged"
                                        : "out of memory");
        return;
    }
    segment->loading = larger;
    transfer_read(segment->log->loop, transfer, segment->index_fd, larger, total, 0, index_read);
}

static void open_index(struct log_segment *segment);

static void index_opened(struct hark_op *op, int64_t result)
{
    struct log_segment *segment = hark_container_of(op, struct log_segment, op);
    if (program_spare(segment->log, result)) {
        open_index(segment);
        return;
    }
    segment->loading = malloc(INDEX_HEADER_BYTES);
    segment->index_fd = (int)result;
    if (result < 0) {
        if (result == -ENOENT || result == -ELOOP)
            index_is_damaged(segment);
        index_missing(segment, hark_error_text(result));
        opened(segment, 0);
    } else if (!segment->loading) {
        index_end(segment, "out of memory");
    } else {
        transfer_read(segment->log->loop, &segment->transfer, segment->index_fd, segment->loading,
                      INDEX_HEADER_BYTES, 0, index_header_read);
    }
}

static void open_file(struct log_segment *segment);

static void file_opened(struct hark_op *op, int64_t result)
{
    struct log_segment *segment = hark_container_of(op, struct log_segment, op);
    if (program_spare(segment->log, result)) {
        open_file(segment);
        return;
    }
    if (result < 0) {
        opened(segment, (int)result);
        return;
    }
    segment->fd = (int)result;
    if (segment->pinned) {
        opened(segment, 0);
        return;
    }
    segment_name(segment->name, segment->first, SUFFIX_INDEX);
    open_index(segment);
}

static void open_index(struct log_segment *segment)
{
    hark_openat(segment->log->loop, &segment->op, segment->log->directory, segment->name,
                O_RDONLY | O_NOFOLLOW, 0, index_opened);
}

static void open_file(struct log_segment *segment)
{
    hark_openat(segment->log->loop, &segment->op, segment->log->directory, segment->name,
                O_RDONLY | O_NOFOLLOW, 0, file_opened);
}

static void open_begin(struct log_segment *segment)
{
    struct log *log = segment->log;
    segment->state = SEGMENT_OPENING;
    count_open(log, 1);
    pending_begin(&log->pending);
    segment_name(segment->name, segment->first, SUFFIX_LOG);
    open_file(segment);
}

bool segment_acquire(struct log_segment *segment, struct log_wait *wait)
{
    struct log *log = segment->log;
    if (segment->state == SEGMENT_OPEN) {
        segment_hold(segment);
        return true;
    }
    if (segment->state == SEGMENT_CLOSING ||
        (segment->state == SEGMENT_CLOSED && !room_for_one(log))) {
        starve(log, wait);
        return false;
    }
    wait->next = segment->waiting;
    segment->waiting = wait;
    if (segment->state == SEGMENT_CLOSED)
        open_begin(segment);
    return false;
}

void segment_hold(struct log_segment *segment)
{
    segment->references++;
    if (segment->idle)
        idle_remove(segment);
}

void segment_release(struct log_segment *segment)
{
    struct log *log = segment->log;
    check(segment->references > 0);
    if (--segment->references == 0) {
        if (segment->unused)
            segment->unused(segment);
        else if (segment->sealed && segment->state == SEGMENT_OPEN)
            idle_add(segment);
    }
    close_surplus(log);
    feed_starved(log);
}

void segment_sealed(struct log_segment *segment)
{
    struct log *log = segment->log;
    segment->sealed = true;
    count_open(log, 1);
    if (segment->references == 0)
        idle_add(segment);
    close_surplus(log);
}

void segment_close_idle(struct log *log)
{
    while (log->idle_oldest)
        segment_close(log->idle_oldest);
}

void segment_when_unused(struct log_segment *segment, void (*unused)(struct log_segment *segment))
{
    segment->unused = unused;
    if (segment->idle)
        idle_remove(segment);
    if (segment->references == 0 &&
        (segment->state == SEGMENT_OPEN || segment->state == SEGMENT_CLOSED))
        unused(segment);
}

void segment_sync_failed(struct log_segment *segment)
{
    segment->failed = true;
    segment->log->statistics.sync_errors++;
}
