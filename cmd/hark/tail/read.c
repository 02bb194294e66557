/* read.c - from files into the buffer: the oldest file first, each to its end.
 *
 * Before bytes are taken, the file's beginning and what stands before them are compared with what
 * they were: a file that was cut and has grown again past the place that was reached looks, by its
 * length, as if it had only grown; and many logs begin with the same lines each time. Only a read
 * that moves nothing is the end for now, as a read may move less than there is: what is appended
 * later is told by inotify.
 *
 * A file of which nothing is published tells nothing of what it was before: it may have been copied
 * and cut since it was last looked at. So its first bytes wait until all names were looked at once
 * more, after they were read: what goes before them is open by then.
 */
#include "tail/read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "tail/later.h"
#include "tail/places.h"
#include "tail/publish.h"
#include "tail/source.h"
#include "tail/tell.h"

static void read_more(struct tail_follower *follower);
static void read_bytes(struct tail_follower *follower);
static void read_step(struct tail_follower *follower);

/* It is not read on before all names were looked at. */
static void hold(struct tail_follower *follower, struct tail_source *source)
{
    source->dirty = true;
    source->held = true;
    follower->busy = false;
    follower->reading = NULL;
    follower->survey_wanted = true;
    follower->steps->walk(follower);
}

/* Where it stood. There is room for each file that may be open, and until the copies are looked
 * for nothing of a file that was cut is published: none is noted twice. But one that is let go
 * meanwhile leaves its place here. */
static void note_cut(struct tail_follower *follower, const struct tail_source *source)
{
    if (follower->cut_count == POSITION_PLACES_MAX) {
        tail_tell(follower, LOG_WARNING,
                  "more files were cut than can be kept in mind: lines of a copy may be repeated");
        follower->cut_count--;
        memmove(follower->cuts, follower->cuts + 1, follower->cut_count * sizeof *follower->cuts);
    }
    struct tail_lost *cut = &follower->cuts[follower->cut_count++];
    *cut = (struct tail_lost){.told = false};
    tail_source_place(source, &cut->place);
}

/* The file was cut, or written anew from its beginning. Whoever cuts a file has often copied it
 * before: what was not read yet is looked for there, and goes first. */
static void begin_anew(struct tail_follower *follower, struct tail_source *source)
{
    if (source->offset > 0 || source->part > 0 || source->skip > 0)
        note_cut(follower, source);
    tail_tell(follower, LOG_NOTE, "the file was truncated: reading it from its beginning");
    follower->truncations++;
    source->offset = 0;
    source->part = 0;
    source->skip = 0;
    source->first_count = 0;
    source->last_count = 0;
    source->checked = false;
    follower->buffer.source = NULL;
    follower->place_wanted = true;
    hold(follower, source);
}

/* The name that an open file has now; procfs tells it without a disk. */
static void name_of(const struct tail_source *source, char *name, size_t room)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", source->fd);
    int64_t count = hark_os_readlinkat(AT_FDCWD, link, name, room - 1);
    if (count > 0)
        name[count] = '\0';
    else
        snprintf(name, room, "its file with inode number %" PRIu64, source->inode);
}

/* Whether others have waited for long enough behind a file that the disk does not give. The one at
 * the path is waited for: nothing comes after it. */
static bool is_given_up(struct tail_source *source, int64_t error)
{
    const struct tail *tail = source->follower->tail;
    uint64_t now_ns = hark_now(tail->loop);
    if (!source->newer)
        source->failed_ns = 0; /* nobody waits yet */
    if (error != -EIO || !source->newer)
        return false;
    if (source->failed_ns == 0)
        source->failed_ns = now_ns;
    return now_ns - source->failed_ns >= TAIL_PATIENCE * tail->retry_ns;
}

/* What is left of it is lost: that is told, and the next file is read. */
static void give_up(struct tail_follower *follower, struct tail_source *source, int64_t error)
{
    char name[PATH_MAX];
    name_of(source, name, sizeof name);
    tail_tell(follower, LOG_ERROR,
              "cannot read %s from byte %" PRIu64 " on: %s, for too long: its lines from there on "
              "are lost, and the next file is read: check the disk",
              name, source->offset, why(error));
    follower->read_told = 0;
    follower->busy = false;
    follower->again.wait_ns = 0;
    tail_source_finish(source);
    tail_places_record(follower);
    tail_follower_later(follower, error); /* the next one is read from there */
}

/* The file stays the next to be read: nothing that came later goes before it. */
static void cannot_read(struct tail_follower *follower, int64_t error)
{
    char name[PATH_MAX];
    if (is_given_up(follower->reading, error))
        return give_up(follower, follower->reading, error);
    if (follower->read_told != (int)error) {
        name_of(follower->reading, name, sizeof name);
        tail_tell(follower, LOG_ERROR,
                  "cannot read %s from byte %" PRIu64 " on: %s: trying again%s", name,
                  follower->reading->offset, why(error), error == -EIO ? ": check the disk" : "");
    }
    follower->read_told = (int)error;
    follower->reading->dirty = true;
    follower->reading = NULL;
    follower->busy = false;
    follower->state = "waiting to try again";
    tail_follower_later(follower, error);
}

/* This source has nothing more for now; maybe another has. */
static void at_end(struct tail_follower *follower)
{
    follower->busy = false;
    follower->reading = NULL;
    tail_read(follower);
}

/* How far the file was read. */
static uint64_t reached(const struct tail_follower *follower)
{
    const struct tail_buffer *buffer = &follower->buffer;
    const struct tail_source *source = follower->reading;
    return buffer->source == source ? buffer->start + buffer->count : source->offset;
}

/* Nothing was read at the place that was reached, or less than stands before it: is that the end,
 * was the file cut to less, or did a read move less than was asked? */
static void length_known(struct hark_op *op, int64_t result)
{
    struct tail_follower *follower = hark_container_of(op, struct tail_follower, read);
    struct tail_source *source = follower->reading;
    if (!follower->tail->closing && !follower->stopped) {
        if (result < 0)
            cannot_read(follower, result);
        else if (follower->status.stx_size < reached(follower))
            begin_anew(follower, source);
        else if (source->dirty)
            read_more(follower);
        else
            read_step(follower);
    }
    pending_end(&follower->tail->pending);
}

static void ask_length(struct tail_follower *follower)
{
    pending_begin(&follower->tail->pending);
    hark_statx(follower->tail->loop, &follower->read, follower->reading->fd, "", AT_EMPTY_PATH,
               STATX_SIZE, &follower->status, length_known);
}

/* Compares what was read once more. A read may move less than was asked, also of a file: then it is
 * made again, if the file is as long as it was.
 * Gives: true: all of it is as it was; else what follows has begun. */
static bool is_as_before(struct tail_follower *follower, const char *bytes, const char *expected,
                         size_t count, size_t got)
{
    if (memcmp(bytes, expected, got < count ? got : count) != 0) {
        begin_anew(follower, follower->reading);
        return false;
    }
    if (got >= count)
        return true;
    follower->reading->dirty = true;
    ask_length(follower);
    return false;
}

/* Keeps the file's first bytes as they come by. */
static void note_first(struct tail_source *source, const char *bytes, size_t count, uint64_t offset)
{
    if (offset > source->first_count || source->first_count == POSITION_FIRST_BYTES ||
        offset + count <= source->first_count)
        return;
    size_t skipped = (size_t)(source->first_count - offset);
    size_t taken = count - skipped;
    if (taken > POSITION_FIRST_BYTES - source->first_count)
        taken = POSITION_FIRST_BYTES - source->first_count;
    memcpy(source->first + source->first_count, bytes + skipped, taken);
    source->first_count += (uint32_t)taken;
}

/* What stands directly before the place where reading goes on: published, or still in the buffer.
 * Gives: how many bytes. */
static size_t bytes_before(const struct tail_follower *follower, char *out)
{
    const struct tail_buffer *buffer = &follower->buffer;
    const struct tail_source *source = follower->reading;
    const char *bytes = buffer->block + SPLIT_MARK_BYTES_MAX;
    size_t waiting = buffer->count - buffer->at;
    if (waiting > POSITION_LAST_BYTES)
        waiting = POSITION_LAST_BYTES;
    size_t published = POSITION_LAST_BYTES - waiting;
    if (published > source->last_count)
        published = source->last_count;
    memcpy(out, source->last + source->last_count - published, published);
    memcpy(out + published, bytes + buffer->count - waiting, waiting);
    return published + waiting;
}

/* The first bytes of a file: they wait once there is a line, or enough that tells them from others.
 * Less is read again from the beginning when there is more: it would not tell that the file was cut
 * meanwhile.
 * Gives: true: they wait. */
static bool wait_for_check(struct tail_follower *follower)
{
    struct tail_buffer *buffer = &follower->buffer;
    struct tail_source *source = follower->reading;
    bool ends = !source->more;
    if (buffer->count >= POSITION_FIRST_BYTES || (ends && source->leaving && buffer->count > 0) ||
        memchr(buffer->block + SPLIT_MARK_BYTES_MAX, '\n', buffer->count)) {
        hold(follower, source);
        return true;
    }
    if (ends) {
        bool dirty = source->dirty;
        tail_source_forget(source);
        source->dirty = dirty;
    }
    return false;
}

/* Takes what was read behind the bytes that were read once more. */
static void take_bytes(struct tail_follower *follower, size_t count)
{
    struct tail_buffer *buffer = &follower->buffer;
    follower->read_told = 0;
    follower->reading->failed_ns = 0;
    if (!follower->lacks)
        follower->again.wait_ns = 0;
    note_first(follower->reading, buffer->block + SPLIT_MARK_BYTES_MAX + buffer->count, count,
               buffer->start + buffer->count);
    buffer->count += count;
    follower->reading->more = count > 0;
    if (follower->reading->checked || !wait_for_check(follower))
        read_step(follower);
}

static void bytes_read(struct hark_op *op, int64_t count)
{
    struct tail_follower *follower = hark_container_of(op, struct tail_follower, read);
    struct tail_buffer *buffer = &follower->buffer;
    struct tail *tail = follower->tail;
    char expected[POSITION_LAST_BYTES];
    if (tail->closing || follower->stopped) {
        /* it ends here */
    } else if (count < 0) {
        cannot_read(follower, count);
    } else if (follower->before_count) {
        size_t before = bytes_before(follower, expected);
        if (is_as_before(follower, follower->before, expected, before, (size_t)count))
            take_bytes(follower, (size_t)count - before);
    } else if (count == 0 && buffer->start + buffer->count > 0) {
        ask_length(follower);
    } else {
        take_bytes(follower, (size_t)count);
    }
    pending_end(&tail->pending);
}

/* Moves what is left to the front, and enlarges the block if that fills it. Fails: -ENOMEM. */
static int make_room(struct tail_buffer *buffer)
{
    if (buffer->block && buffer->at > 0) {
        char *bytes = buffer->block + SPLIT_MARK_BYTES_MAX;
        memmove(bytes, bytes + buffer->at, buffer->count - buffer->at);
        buffer->start += buffer->at;
        buffer->count -= buffer->at;
        buffer->at = 0;
    }
    size_t room = buffer->room ? buffer->room : TAIL_BUFFER_FIRST;
    if (buffer->room && buffer->count > buffer->room / 2)
        room = 2 * buffer->room;
    if (room > TAIL_BUFFER_MAX)
        room = TAIL_BUFFER_MAX;
    if (room == buffer->room)
        return 0;
    char *larger = realloc(buffer->block, room + SPLIT_MARK_BYTES_MAX);
    if (!larger)
        return buffer->room > buffer->count ? 0 : -ENOMEM;
    buffer->block = larger;
    buffer->room = room;
    return 0;
}

static void read_bytes(struct tail_follower *follower)
{
    struct tail_buffer *buffer = &follower->buffer;
    struct tail_source *source = follower->reading;
    if (buffer->source != source) {
        buffer->source = source;
        buffer->start = source->offset;
        buffer->at = buffer->count = 0;
    }
    if (make_room(buffer)) {
        cannot_read(follower, -ENOMEM);
        return;
    }
    follower->before_count = bytes_before(follower, follower->before);
    follower->vector[0] = (struct iovec){follower->before, follower->before_count};
    follower->vector[1] = (struct iovec){buffer->block + SPLIT_MARK_BYTES_MAX + buffer->count,
                                         buffer->room - buffer->count};
    unsigned skipped = follower->before_count == 0;
    pending_begin(&follower->tail->pending);
    hark_readv(follower->tail->loop, &follower->read, source->fd, follower->vector + skipped,
               2 - skipped, (int64_t)(buffer->start + buffer->count - follower->before_count),
               bytes_read);
}

static void first_read(struct hark_op *op, int64_t count)
{
    struct tail_follower *follower = hark_container_of(op, struct tail_follower, read);
    struct tail_source *source = follower->reading;
    if (follower->tail->closing || follower->stopped) {
        /* it ends here */
    } else if (count < 0) {
        cannot_read(follower, count);
    } else {
        if (is_as_before(follower, follower->check, source->first, source->first_count,
                         (size_t)count))
            read_bytes(follower);
    }
    pending_end(&follower->tail->pending);
}

/* The buffer holds no whole unit: reads on. */
static void read_more(struct tail_follower *follower)
{
    struct tail_source *source = follower->reading;
    source->dirty = source->more = source->suspect = false;
    if (source->first_count == 0)
        return read_bytes(follower);
    pending_begin(&follower->tail->pending);
    hark_read(follower->tail->loop, &follower->read, source->fd, follower->check,
              source->first_count, 0, first_read);
}

/* The batch is in the log, or has to be cut out of the buffer anew. */
static void published(struct tail_follower *follower)
{
    if (follower->reading)
        read_step(follower);
    else
        at_end(follower);
}

/* Publishes what the buffer holds, or reads on, or ends this turn of the source. */
static void read_step(struct tail_follower *follower)
{
    struct tail_source *source = follower->reading;
    if (tail_publish(follower, published))
        return;
    if (follower->stopped || follower->tail->closing)
        return;
    if (source->dirty || source->more)
        return read_more(follower);
    if (source->leaving)
        tail_source_finish(source);
    at_end(follower);
}

/* The oldest file that may have something; but one that was cut first. Nothing goes before a file
 * that is held. *out_held: there is one. */
static struct tail_source *choose(struct tail_follower *follower, bool *out_held)
{
    *out_held = false;
    for (struct tail_source *source = follower->oldest; source; source = source->newer)
        if (source->suspect)
            return source;
    for (struct tail_source *source = follower->oldest; source && !*out_held;
         source = source->newer) {
        *out_held = source->held;
        if ((source->dirty || source->more || source->leaving) && !source->held)
            return source;
    }
    return NULL;
}

/* Gives back what only a burst needed. */
static void shrink(struct tail_buffer *buffer)
{
    if (buffer->room <= TAIL_BUFFER_FIRST || buffer->count > buffer->at)
        return;
    free(buffer->block);
    *buffer = (struct tail_buffer){.source = NULL};
}

void tail_read(struct tail_follower *follower)
{
    if (follower->busy || !follower->walked || follower->stopped || follower->tail->closing)
        return;
    bool held;
    struct tail_source *source = choose(follower, &held);
    if (!source) {
        shrink(&follower->buffer);
        follower->state = held                ? "looking for rotated files"
                          : follower->current ? "following"
                                              : "waiting for the file";
        if (follower->survey_waits)
            follower->steps->walk(follower);
        return;
    }
    follower->state = "reading";
    follower->busy = true;
    follower->reading = source;
    read_more(follower);
}
