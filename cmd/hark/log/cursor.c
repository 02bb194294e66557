/* cursor.c - reading: from an id to the bytes of the events after it.
 *
 * A read goes: which segment has the next event (the spans of the stream), which blocks (the
 * index), read them, walk the records. What must hold: an event is given once and in order; only
 * records whose checksum is right are given; where something that may have been the stream's cannot
 * be read, or is not kept, there is a gap to tell, and never before an event that still has to be
 * given; each read ends with one call of done.
 */
#include "base/check.h"
#include "log/program.h"
#include "log/record.h"
#include "log/segment.h"

#include <errno.h>
#include <inttypes.h>

static void ready(struct log_wait *wait, int result);
static void read_begin(struct log_cursor *cursor);

void log_cursor_place(struct log_cursor *cursor, uint64_t stream, uint64_t after)
{
    *cursor = (struct log_cursor){.stream = stream, .after = after};
}

void log_cursor_init(struct log_cursor *cursor, const struct log_stream *stream, uint64_t after)
{
    log_cursor_place(cursor, stream->generation, after);
}

static void let_go(struct log_cursor *cursor)
{
    struct log_segment *segment = cursor->segment;
    cursor->segment = NULL;
    if (segment)
        segment_release(segment);
}

static void finish(struct log_cursor *cursor, int64_t result)
{
    struct log *log = cursor->log;
    let_go(cursor);
    cursor->reading = false;
    if (result <= 0)
        cursor->filled = cursor->walked = 0;
    cursor->done(cursor, result);
    pending_end(&log->pending);
}

/* Events up to that id may be missing. */
static void note_gap(struct log_cursor *cursor, uint64_t through)
{
    if (through <= cursor->after)
        return;
    if (cursor->gap.first == 0)
        cursor->gap.after = cursor->after;
    cursor->gap.first = through + 1;
    cursor->after = through;
}

/* Something up to that id is unreadable: no event of a stream that was made later. */
static void note_damage(struct log_cursor *cursor, uint64_t through)
{
    if (through > cursor->stream)
        note_gap(cursor, through);
}

static void advance(struct log_cursor *cursor);

static void begin(struct hark_op *op, int64_t result)
{
    struct log_cursor *cursor = hark_container_of(op, struct log_cursor, op);
    if (result < 0)
        finish(cursor, result);
    else if (cursor->capacity < LOG_READ_BYTES_MIN)
        finish(cursor, -EINVAL);
    else if (cursor->log->closing)
        finish(cursor, -ESHUTDOWN);
    else
        advance(cursor);
}

void log_read(struct log *log, struct log_cursor *cursor, void *buffer, size_t capacity,
              log_read_done *done)
{
    check(!cursor->reading);
    cursor->log = log;
    cursor->buffer = buffer;
    cursor->capacity = capacity;
    cursor->done = done;
    cursor->gap = (struct log_gap){0};
    cursor->needed = 0;
    cursor->filled = cursor->walked = 0;
    cursor->segment = NULL;
    cursor->wait.ready = ready;
    cursor->reading = true;
    cursor->cancelled = false;
    cursor->searching = false;
    pending_begin(&log->pending);
    hark_defer(log->loop, &cursor->op, begin);
}

void log_cursor_cancel(struct log_cursor *cursor)
{
    if (!cursor->reading)
        return;
    cursor->cancelled = true;
    hark_cancel(&cursor->op);
}

static struct log_row *stream_of(const struct log_cursor *cursor)
{
    struct log_row *stream = table_by_generation(&cursor->log->table, cursor->stream);
    return !stream || stream->pending ? NULL : stream;
}

/* Ends a read that has nothing more to look for. */
static bool ends(struct log_cursor *cursor, const struct log_row *stream)
{
    if (stream && !cursor->cancelled)
        return false;
    finish(cursor, !stream ? -ENOENT : -ECANCELED);
    return true;
}

/* --- which segment --- */

/* Gives: true: the segment with the next event is held and open; false: it is waited for, or the
 * read has ended. */
static bool enter_segment(struct log_cursor *cursor)
{
    const struct log_row *stream = stream_of(cursor);
    if (ends(cursor, stream))
        return false;
    bool from_start = cursor->after == LOG_START;
    if (!from_start && cursor->after < stream->facts.generation)
        note_gap(cursor, stream->facts.generation);
    const struct log_span *span = row_span_after(stream, cursor->after);
    if (!from_start)
        note_gap(cursor, span ? span->lost : stream->facts.lost);
    cursor->segment = !span ? NULL : segment_by_first(cursor->log, span->segment);
    if (cursor->segment)
        return segment_acquire(cursor->segment, &cursor->wait);
    finish(cursor, 0);
    return false;
}

/* --- which blocks --- */

static bool find_run(const struct log_cursor *cursor, const struct log_row *stream,
                     struct log_run *out_run)
{
    const struct log_segment *segment = cursor->segment;
    uint64_t place = cursor->place_segment == segment->first ? cursor->place_offset : 0;
    if (segment->sealed)
        return index_find(&segment->index, cursor->stream, cursor->after, place, segment->end,
                          out_run);
    return builder_find(&cursor->log->builder, &stream->presence, cursor->after, place,
                        segment->end, out_run);
}

/* Gives: true: the next blocks of the segment are being read, or the read has ended; false: it has
 * no more, and was let go. */
static bool enter_blocks(struct log_cursor *cursor)
{
    const struct log_row *stream = stream_of(cursor);
    struct log_run run;
    if (ends(cursor, stream))
        return true;
    const struct log_span *span = row_span_after(stream, cursor->after);
    if (span && span->segment == cursor->segment->first && cursor->after != LOG_START)
        note_gap(cursor, span->lost);
    if (find_run(cursor, stream, &run)) {
        cursor->read_offset = run.offset;
        cursor->read_end = run.end;
        cursor->searching = false;
        read_begin(cursor);
        return true;
    }
    /* Where the spans say that it should have more, that was unreadable. */
    span = row_span_after(stream, cursor->after);
    if (span && span->segment == cursor->segment->first)
        note_gap(cursor, span->last);
    let_go(cursor);
    return false;
}

/* From segment to segment, until there is something to read, to wait for, or to answer. */
static void advance(struct log_cursor *cursor)
{
    while (enter_segment(cursor) && !enter_blocks(cursor))
        ;
}

static void locate(struct log_cursor *cursor)
{
    if (!enter_blocks(cursor))
        advance(cursor);
}

/* What it waited for has come, or will not. */
static void ready(struct log_wait *wait, int result)
{
    struct log_cursor *cursor = hark_container_of(wait, struct log_cursor, wait);
    if (result == SEGMENT_HELD) {
        locate(cursor);
        return;
    }
    cursor->segment = NULL; /* it is not held */
    if (result == SEGMENT_AGAIN)
        advance(cursor);
    else
        finish(cursor, result);
}

/* --- reading them --- */

static size_t wanted(const struct log_cursor *cursor)
{
    uint64_t left = cursor->read_end - cursor->read_offset;
    return left < cursor->capacity ? (size_t)left : cursor->capacity;
}

static void walk(struct log_cursor *cursor);

static void read_done(struct hark_op *op, int64_t result)
{
    struct log_cursor *cursor = hark_container_of(op, struct log_cursor, op);
    if (result < 0 || cursor->cancelled) {
        finish(cursor, result < 0 ? result : -ECANCELED);
        return;
    }
    cursor->log->statistics.read_bytes += (uint64_t)result;
    cursor->filled += (size_t)result;
    size_t left = wanted(cursor) - cursor->filled;
    if (result > 0 && left > 0)
        hark_read(op->loop, op, cursor->segment->fd, cursor->buffer + cursor->filled, left,
                  (int64_t)(cursor->read_offset + cursor->filled), read_done);
    else
        walk(cursor);
}

static void read_begin(struct log_cursor *cursor)
{
    struct log *log = cursor->log;
    cursor->filled = 0;
    log->statistics.reads++;
    hark_read(log->loop, &cursor->op, cursor->segment->fd, cursor->buffer, wanted(cursor),
              (int64_t)cursor->read_offset, read_done);
}

/* --- walking the records --- */

/* Goes on at that place of the buffer, which has nothing for the stream before it. */
static void go_on(struct log_cursor *cursor, uint64_t position)
{
    cursor->read_offset += position;
    cursor->place_segment = cursor->segment->first;
    cursor->place_offset = cursor->read_offset;
    if (cursor->read_offset < cursor->read_end)
        read_begin(cursor);
    else
        locate(cursor);
}

static void give(struct log_cursor *cursor, uint64_t filled, int64_t found)
{
    cursor->filled = filled;
    cursor->walked = 0;
    cursor->place_segment = cursor->segment->first;
    cursor->place_offset = cursor->read_offset;
    finish(cursor, found);
}

static void tell_damage(struct log_cursor *cursor, uint64_t position)
{
    struct log *log = cursor->log;
    cursor->searching = true;
    if (cursor->segment->damaged)
        return; /* the start has counted and told it */
    log->statistics.damaged++;
    if (cursor->segment->damage_told)
        return;
    cursor->segment->damage_told = true;
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, cursor->segment->first, SUFFIX_LOG);
    program_tell(log, LOG_ERROR,
                 "segment %s cannot be read at byte %" PRIu64 ": readers are told of a gap", name,
                 cursor->read_offset + position);
}

/* The run ends in something unreadable. What stands after it tells how far the gap goes. */
static void lose_rest(struct log_cursor *cursor)
{
    const struct log_segment *segment = cursor->segment;
    uint64_t sequence;
    if (segment->sealed)
        (void)index_next_block(&segment->index, cursor->read_end - 1, segment->end, &sequence);
    else
        (void)builder_next_block(&cursor->log->builder, cursor->read_end - 1, segment->end,
                                 &sequence);
    note_damage(cursor, sequence == UINT64_MAX ? segment->last_sequence : sequence - 1);
    cursor->searching = false;
    go_on(cursor, cursor->read_end - cursor->read_offset);
}

/* Something unreadable stands at that position of the buffer: looks for the next record after
 * it. */
static void search(struct log_cursor *cursor, uint64_t position)
{
    if (!cursor->searching)
        tell_damage(cursor, position);
    uint64_t first = cursor->segment->first;
    bool file_ended = cursor->filled < wanted(cursor);
    struct log_record record;
    for (uint64_t at = position + RECORD_ALIGNMENT;; at += RECORD_ALIGNMENT) {
        enum log_record_answer answer = record_search(cursor->buffer, cursor->filled, at, first,
                                                      cursor->read_offset, first, &at, &record);
        if (answer == RECORD_GOOD || (at < cursor->filled && !file_ended &&
                                      cursor->read_offset + at + record.size <= cursor->read_end)) {
            go_on(cursor, at); /* if it is none, the search goes on from there */
            return;
        }
        if (at >= cursor->filled)
            break;
    }
    if (file_ended || cursor->read_offset + cursor->filled >= cursor->read_end)
        lose_rest(cursor);
    else
        go_on(cursor, cursor->filled);
}

static bool is_wanted(const struct log_cursor *cursor, const struct log_record *record)
{
    return record->kind == RECORD_EVENT && record->stream == cursor->stream &&
           record->sequence > cursor->after;
}

/* A record that does not fit into the buffer stands at its beginning. */
static void pass_large(struct log_cursor *cursor, const struct log_record *record)
{
    if (is_wanted(cursor, record)) {
        cursor->needed = (size_t)record->size;
        finish(cursor, -EMSGSIZE);
    } else {
        go_on(cursor,
              record->size); /* if its length was wrong, what stands there will not be a record */
    }
}

/* The record at that position is good. */
static int64_t take(struct log_cursor *cursor, const struct log_record *record)
{
    if (cursor->searching && record->sequence > 0)
        note_damage(cursor, record->sequence - 1);
    cursor->searching = false;
    return is_wanted(cursor, record);
}

static void walk(struct log_cursor *cursor)
{
    uint64_t position = 0;
    int64_t found = 0;
    struct log_record record = {0};
    enum log_record_answer answer = RECORD_SHORT;
    while (position < cursor->filled) {
        answer =
            record_decode(cursor->buffer + position, cursor->filled - position,
                          cursor->segment->first, cursor->read_offset + position, true, &record);
        if (answer != RECORD_GOOD)
            break;
        found += take(cursor, &record);
        position += record.size;
    }
    bool file_ended = cursor->filled < wanted(cursor);
    bool past_end = cursor->read_offset + position + record.size > cursor->read_end;
    bool unreadable = position < wanted(cursor) && (file_ended || past_end || answer == RECORD_BAD);
    if (found > 0)
        give(cursor, position, found);
    else if (unreadable || (position == 0 && cursor->searching))
        search(cursor, position);
    else if (position > 0)
        go_on(cursor, position);
    else
        pass_large(cursor, &record);
}

/* --- giving them --- */

bool log_cursor_next(struct log_cursor *cursor, struct log_event *out_event)
{
    while (cursor->walked < cursor->filled) {
        struct log_record record;
        enum log_record_answer answer =
            record_decode(cursor->buffer + cursor->walked, cursor->filled - cursor->walked,
                          cursor->place_segment, cursor->place_offset, false, &record);
        check(answer == RECORD_GOOD); /* the read has seen to it */
        cursor->walked += record.size;
        cursor->place_offset += record.size;
        if (!is_wanted(cursor, &record))
            continue;
        cursor->after = record.sequence;
        *out_event =
            (struct log_event){record.sequence, record.time_ns, record.payload, record.length};
        return true;
    }
    return false;
}
