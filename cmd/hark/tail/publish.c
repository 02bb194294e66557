/* publish.c - batches of lines into the stream, each behind a record of where the batch begins
 * (position.h says why).
 *
 * One batch of a follower is on its way at a time: that bounds what waits, and the log still syncs
 * a whole batch at once. What must hold: a record and its lines are appended in one go, nothing
 * between them; the offset moves only past lines that were acknowledged; only lines that failed are
 * tried again.
 */
#include "tail/publish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "broker/publish.h"
#include "tail/places.h"
#include "tail/source.h"
#include "tail/tell.h"

static const uint64_t retry_max_ns = 30ULL * 1000 * 1000 * 1000;

static void batch_ended(struct tail_follower *follower);
static void send_batch(struct tail_follower *follower);

static void answered(struct tail_follower *follower)
{
    struct tail *tail = follower->tail;
    if (--follower->batch->waiting == 0)
        batch_ended(follower);
    pending_end(&tail->pending);
}

static void record_appended(struct log_append *append, int64_t result)
{
    struct tail_batch *batch = hark_container_of(append, struct tail_batch, record);
    batch->record_result = result;
    answered(batch->follower);
}

static void line_published(struct broker_publish *publish, int64_t id)
{
    struct tail_line *line = hark_container_of(publish, struct tail_line, publish);
    line->result = id;
    answered(line->follower);
}

/* --- after a batch --- */

/* The source's place moves past a unit that was published. */
static void pass_unit(struct tail_follower *follower, struct tail_source *source,
                      const struct split_unit *unit)
{
    struct tail_buffer *buffer = &follower->buffer;
    buffer->at += unit->consumed;
    source->offset = buffer->start + buffer->at;
    source->part = unit->part && !unit->last ? unit->part : 0;
}

static void count_line(struct tail_follower *follower, const struct tail_line *line)
{
    follower->bytes += line->unit.length;
    follower->lines += line->unit.part == 0 || line->unit.last;
    follower->split += line->unit.part == 1;
}

/* What is left of a batch after an error is tried again later, unless the log says that this is the
 * end. */
static void try_again(struct tail_follower *follower, int64_t error);

/* Drops the lines at the front that were acknowledged. Gives: how many of the rest were
 * acknowledged, too: answers out of order, because the disk was full for a moment. */
static uint32_t take_acknowledged(struct tail_follower *follower)
{
    struct tail_batch *batch = follower->batch;
    struct tail_buffer *buffer = &follower->buffer;
    size_t at = buffer->at;
    uint32_t done = 0, later = 0;
    while (done < batch->count && batch->lines[done].result > 0) {
        count_line(follower, &batch->lines[done]);
        pass_unit(follower, follower->reading, &batch->lines[done].unit);
        done++;
    }
    tail_source_passed(follower->reading, buffer->block + SPLIT_MARK_BYTES_MAX + at,
                       buffer->at - at);
    for (uint32_t i = done; i < batch->count; i++)
        later += batch->lines[i].result > 0;
    batch->count -= done;
    memmove(batch->lines, batch->lines + done, batch->count * sizeof *batch->lines);
    return later;
}

static int64_t first_error(const struct tail_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++)
        if (batch->lines[i].result < 0)
            return batch->lines[i].result;
    return batch->record_result < 0 ? batch->record_result : 0;
}

static void batch_ended(struct tail_follower *follower)
{
    struct tail_batch *batch = follower->batch;
    int64_t error = first_error(batch);
    uint32_t later = take_acknowledged(follower);
    if (error) {
        /* Without a record of theirs, published lines would be published once more after a
         * restart. */
        batch->again = later > 0 || batch->count == 0;
        if (!batch->again)
            batch->count = 0; /* what is left is cut out of the buffer anew */
        return try_again(follower, error);
    }
    batch->retry_ns = 0;
    /* A file that grows in the last moment is not let go. */
    if (follower->reading->dirty)
        follower->reading->leaving = false;
    if (batch->final && follower->reading->leaving)
        tail_source_finish(follower->reading);
    tail_places_keep(follower, (uint64_t)batch->record_result);
    if (follower->tail->closing || follower->stopped)
        return;
    if (follower->place_wanted)
        tail_places_record(follower);
    batch->done(follower);
}

static void retry_now(struct hark_op *op, int64_t result)
{
    struct tail_follower *follower = hark_container_of(op, struct tail_follower, retry);
    struct tail *tail = follower->tail;
    if (result == 0 && !tail->closing && !follower->stopped) {
        follower->state = "reading";
        if (follower->batch->again)
            send_batch(follower);
        else
            follower->batch->done(follower);
    }
    pending_end(&tail->pending);
}

static void try_again(struct tail_follower *follower, int64_t error)
{
    struct tail_batch *batch = follower->batch;
    if (error == -ESHUTDOWN || follower->tail->closing)
        return;
    if (error == -EINVAL) {
        tail_tell(
            follower, LOG_ERROR,
            "its lines cannot be published: %s: it is not followed any more until the next start",
            why(error));
        return tail_stop(follower, "stopped: its lines cannot be published");
    }
    /* After a failed disk (EIO) nobody knows whether the batch is there. Whoever comes to the next
     * segment is told where this one ends without the batch; after a crash before the log has begun
     * another, the batch may be there, and its lines then come twice. */
    if (batch->retry_ns == 0)
        tail_tell(follower, LOG_WARNING,
                  "its lines cannot be published for now: %s: trying again%s", why(error),
                  error == -EIO ? " (after a crash in the meantime some may be there twice)" : "");
    batch->retry_ns = batch->retry_ns ? 2 * batch->retry_ns : follower->tail->retry_ns;
    if (batch->retry_ns > retry_max_ns)
        batch->retry_ns = retry_max_ns;
    follower->state = "waiting to try again";
    pending_begin(&follower->tail->pending);
    hark_sleep(follower->tail->loop, &follower->retry, batch->retry_ns, retry_now);
}

/* --- a batch --- */

/* The index of a source among the places of a position. */
static int32_t index_of(const struct tail_follower *follower, const struct tail_source *wanted)
{
    int32_t index = 0;
    for (const struct tail_source *source = follower->oldest; source != wanted;
         source = source->newer)
        index++;
    return index;
}

/* Writes the record of the batch. If some of its lines are published already, the others cannot be
 * counted from the log alone: the record then stands for the whole batch. */
static void write_record(struct tail_follower *follower)
{
    struct tail_batch *batch = follower->batch;
    struct position position;
    tail_source_positions(follower, &position);
    position.lines = batch->count;
    position.source = index_of(follower, follower->reading);
    position.last = batch->final;
    if (batch->again) {
        struct position_place *place = &position.places[position.source];
        for (uint32_t i = 0; i < batch->count; i++) {
            place->offset += batch->lines[i].unit.consumed;
            place->part = batch->lines[i].unit.last ? 0 : batch->lines[i].unit.part;
        }
        place->last_count = 0; /* told by its beginning alone, until the next batch */
        position.lines = 0;
        position.source = -1;
    }
    batch->record_count = position_write(&position, batch->record_text);
}

/* Appends the record and the lines, nothing between them. */
static void send_batch(struct tail_follower *follower)
{
    struct tail_batch *batch = follower->batch;
    struct tail *tail = follower->tail;
    write_record(follower);
    batch->waiting = 1;
    batch->record = (struct log_append){
        .name = follower->private_name,
        .name_length = (uint32_t)strlen(follower->private_name),
        .bytes = batch->record_text,
        .length = (uint32_t)batch->record_count,
        .done = record_appended,
    };
    for (uint32_t i = 0; i < batch->count; i++)
        batch->waiting += batch->lines[i].result <= 0;
    for (uint32_t i = 0; i < batch->waiting; i++)
        pending_begin(&tail->pending);
    log_append(tail->log, &batch->record);
    for (uint32_t i = 0; i < batch->count; i++)
        if (batch->lines[i].result <= 0)
            broker_publish(follower->stream, &batch->lines[i].publish, batch->lines[i].bytes,
                           batch->lines[i].count, line_published);
}

static bool has_batch(struct tail_follower *follower)
{
    if (!follower->batch) {
        follower->batch = calloc(1, sizeof *follower->batch);
        if (follower->batch)
            follower->batch->follower = follower;
    }
    return follower->batch;
}

/* Puts a unit into the batch. A part gets its mark, in the room before it. */
static void add_line(struct tail_follower *follower, char *bytes, const struct split_unit *unit)
{
    struct tail_batch *batch = follower->batch;
    struct tail_line *line = &batch->lines[batch->count++];
    memset(line, 0, sizeof *line);
    line->follower = follower;
    line->unit = *unit;
    line->bytes = bytes;
    line->count = unit->length;
    if (unit->part) {
        char mark[SPLIT_MARK_BYTES_MAX];
        size_t count = split_mark(unit, mark);
        memcpy(bytes - count, mark, count);
        line->bytes = bytes - count;
        line->count += count;
    }
}

/* Cuts units out of the buffer, past those that the last process has published. A part is a batch
 * of its own: its mark takes the place of the bytes before it, which must be published by then. */
static void fill_batch(struct tail_follower *follower, bool final)
{
    struct tail_buffer *buffer = &follower->buffer;
    struct tail_source *source = follower->reading;
    struct tail_batch *batch = follower->batch;
    char *bytes = buffer->block + SPLIT_MARK_BYTES_MAX;
    struct split_unit unit;
    size_t at = buffer->at;
    uint32_t part = source->part;
    batch->count = 0;
    batch->final = false;
    batch->again = false;
    size_t begin = at;
    while (batch->count < TAIL_BATCH_LINES &&
           split_next(bytes + at, buffer->count - at, part, final, &unit)) {
        if (source->skip > 0) {
            source->skip--;
            pass_unit(follower, source, &unit);
            at = buffer->at;
            part = source->part;
            continue;
        }
        if (unit.part && batch->count > 0)
            break;
        add_line(follower, bytes + at, &unit);
        at += unit.consumed;
        batch->final = final && at == buffer->count;
        if (unit.part)
            break;
    }
    tail_source_passed(source, bytes + begin, buffer->at - begin);
}

bool tail_publish(struct tail_follower *follower, tail_published *done)
{
    struct tail_source *source = follower->reading;
    bool final = source->leaving && !source->dirty && !source->more;
    if (follower->buffer.source != source)
        return false;
    if (!has_batch(follower)) {
        tail_tell(follower, LOG_ERROR,
                  "out of memory: it is not followed any more until the next start");
        tail_stop(follower, "stopped: out of memory");
        return false;
    }
    fill_batch(follower, final);
    follower->batch->done = done;
    if (follower->batch->count == 0)
        return false;
    send_batch(follower);
    return true;
}
