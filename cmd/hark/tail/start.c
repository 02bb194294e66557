/* start.c - finds out where publishing stood when the last process ended; position.h says how that is known.
 *
 * In this order: the slots of the file beside the log; the last record in the log; how many lines of its batch are in the
 * log; the files themselves, which may have been renamed meanwhile. Then the path is walked as always.
 */
#include "tail/state.h"

#include "serve/why.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEPT_PLACES = 2 }; /* of older files that are at their end */

struct tail_start {
    struct tail_follower *follower;
    struct hark_op work;
    struct log_cursor cursor;
    char *buffer;
    size_t capacity;
    bool slot_found;
    uint64_t slot_id;
    struct position slot;
    uint64_t record_id;
    struct position position; /* what it comes to */
    uint64_t newest;          /* of the stream, before anybody could publish in this process */
    uint64_t last;            /* no line of the batch has an id above this */
    uint64_t published;       /* how many of its lines are there */
    struct resolve_file opened[POSITION_PLACES_MAX];
    struct resolve_file between[POSITION_PLACES_MAX]; /* that came after those, and went again unseen */
    unsigned between_count;
    unsigned between_lost; /* for which there was no room */
    char path[512];        /* of the file beside the log */
};

static void start_done(struct tail_start *start)
{
    struct tail_follower *follower = start->follower;
    follower->start = NULL;
    free(start->buffer);
    free(start);
    follower->ready = true;
    tail_source_resolve(follower);
}

/* It cannot be known where to begin. */
static void start_failed(struct tail_start *start, int64_t error)
{
    struct tail_follower *follower = start->follower;
    if (!follower->tail->closing)
        tail_tell(follower, LOG_ERROR, "cannot find out how far it is published: %s: it is not followed until the next start",
                  why(error));
    follower->start = NULL;
    free(start->buffer);
    free(start);
    tail_stop(follower, "stopped: its position cannot be read");
}

/* ---- the files ---- */

/* Whether all of an older file was published when the process ended. */
static bool is_at_its_end(const struct tail_start *start, uint32_t index)
{
    struct stat status;
    bool unsure = start->position.source == (int32_t)index; /* lines of it were under way */
    return !unsure && fstat(start->opened[index].fd, &status) == 0 &&
           (uint64_t)status.st_size == start->position.places[index].offset;
}

/* Older files are kept for a while in case somebody still writes to them; those that were rotated while nobody looked come first.
 * Lets go of the oldest that are at their end until there is room for these. Gives the room. */
static unsigned make_room(struct tail_start *start)
{
    uint32_t count = start->position.count;
    unsigned kept = 0;
    for (uint32_t i = 0; i < count; i++)
        kept += start->opened[i].fd >= 0;
    for (uint32_t i = 0; i + 1 < count && kept > KEPT_PLACES; i++) {
        if (start->opened[i].fd < 0 || !is_at_its_end(start, i))
            continue;
        close(start->opened[i].fd);
        start->opened[i].fd = -1;
        kept--;
    }
    return kept + 1 < POSITION_PLACES_MAX ? POSITION_PLACES_MAX - 1 - kept : 0; /* one is for the path's own */
}

static int64_t open_places(struct hark_op *op)
{
    struct tail_start *start = hark_container_of(op, struct tail_start, work);
    struct tail_follower *follower = start->follower;
    for (uint32_t i = 0; i < start->position.count; i++)
        resolve_place(follower->tail->inotify, follower->path, &start->position.places[i], &start->opened[i]);
    uint32_t count = start->position.count;
    unsigned room = make_room(start);
    if (count && start->opened[count - 1].fd >= 0)
        start->between_count = resolve_between(follower->tail->inotify, follower->path, start->opened[count - 1].fd,
                                               start->between, room, &start->between_lost);
    return 0;
}

/* Makes a source of a file that was found again. */
static int restore_source(struct tail_start *start, uint32_t index)
{
    struct tail_follower *follower = start->follower;
    const struct position *position = &start->position;
    const struct position_place *place = &position->places[index];
    const struct resolve_file *file = &start->opened[index];
    struct tail_source *source;
    int error = tail_source_add(follower, file->fd, file->watch, file->device, place->inode, &source);
    if (error) {
        close(file->fd);
        return error;
    }
    source->offset = place->offset;
    source->part = place->part;
    source->left_ns = hark_now(follower->tail->loop);
    if (position->source == (int32_t)index)
        source->skip = start->published;
    source->first_count = place->first_count;
    memcpy(source->first, file->first, place->first_count);
    return 0;
}

/* A file that nobody has looked at yet. */
static int add_between(struct tail_start *start, const struct resolve_file *file)
{
    struct tail_follower *follower = start->follower;
    struct tail_source *source;
    int error = tail_source_add(follower, file->fd, file->watch, file->device, file->inode, &source);
    if (error)
        close(file->fd);
    else
        source->left_ns = hark_now(follower->tail->loop);
    return error;
}

static void places_opened(struct hark_op *op, int64_t result)
{
    struct tail_start *start = hark_container_of(op, struct tail_start, work);
    struct tail *tail = start->follower->tail;
    tail->resolving--;
    int64_t error = tail->closing ? -ECANCELED : result;
    for (uint32_t i = 0; result == 0 && i < start->position.count; i++) {
        bool finished = start->position.last && start->position.source == (int32_t)i && start->published > 0;
        if (start->opened[i].fd < 0)
            continue;
        if (error || finished)
            close(start->opened[i].fd);
        else
            error = restore_source(start, i); /* which closes it where it fails */
    }
    if (start->between_lost)
        tail_tell(start->follower, LOG_WARNING, "it was rotated more often than can be followed: %u of its files are not read",
                  start->between_lost);
    for (unsigned i = 0; result == 0 && i < start->between_count; i++) {
        if (error)
            close(start->between[i].fd);
        else
            error = add_between(start, &start->between[i]);
    }
    if (error)
        start_failed(start, error);
    else
        start_done(start);
    tail_end(tail);
}

static void find_places(struct tail_start *start)
{
    struct tail *tail = start->follower->tail;
    tail->resolving++;
    tail_begin(tail);
    hark_work(tail->loop, &start->work, open_places, places_opened);
}

/* ---- how many lines of the last batch are there ---- */

static void read_counted(struct log_cursor *cursor, int64_t result);

static const struct log_stream *find_stream(const struct tail_follower *follower, const char *name)
{
    return log_stream_find(follower->tail->log, name, strlen(name));
}

static void read_log(struct tail_start *start, log_read_done *done)
{
    tail_begin(start->follower->tail);
    log_read(start->follower->tail->log, &start->cursor, start->buffer, start->capacity, done);
}

/* A read that ended with an error: gives it more room where that is all it wants. Gives: true it is read again. */
static bool read_again(struct tail_start *start, int64_t result, log_read_done *done)
{
    if (result != -EMSGSIZE || start->follower->tail->closing)
        return false;
    char *larger = realloc(start->buffer, start->cursor.needed);
    if (!larger)
        return false;
    start->buffer = larger;
    start->capacity = start->cursor.needed;
    read_log(start, done);
    return true;
}

/* What the slot says, without counting: exact where it is of the last record. */
static void use_slot(struct tail_start *start, bool exact)
{
    if (!exact)
        tail_tell(start->follower, LOG_WARNING, "its exact position is lost: %s",
                  start->slot_found ? "lines may be repeated" : "reading it from its beginning");
    start->position = start->slot_found ? start->slot : (struct position){.source = -1};
    start->position.lines = 0;
    start->position.source = -1;
    find_places(start);
}

static void count_published(struct tail_start *start)
{
    const struct log_stream *stream = find_stream(start->follower, start->follower->stream_name);
    bool same = stream && stream->number <= start->record_id + 1;
    if (start->position.lines == 0)
        return find_places(start);
    if (!same) { /* deleted since, or never made */
        if (start->slot_found && start->slot_id == start->record_id)
            return use_slot(start, true);
        return find_places(start);
    }
    /* Its lines have the ids just above the record's; the making of the stream, and of a segment, takes one too. If all are
     * there, others may follow within the bound. If not, the process ended there: the next ids were given after a leap. */
    start->last = start->record_id + 2 * (uint64_t)start->position.lines + 2;
    if (start->last > start->newest)
        start->last = start->newest;
    log_cursor_init(&start->cursor, stream, start->record_id > stream->number ? start->record_id : stream->number);
    read_log(start, read_counted);
}

static void read_counted(struct log_cursor *cursor, int64_t result)
{
    struct tail_start *start = hark_container_of(cursor, struct tail_start, cursor);
    struct tail *tail = start->follower->tail;
    struct log_event event;
    bool past = result <= 0;
    if (read_again(start, result, read_counted)) {
        /* it goes on there */
    } else if (result < 0 && result != -ENOENT) {
        start_failed(start, result);
    } else {
        while (!past && log_cursor_next(cursor, &event)) {
            past = event.id > start->last || start->published == start->position.lines;
            start->published += !past;
        }
        if (past || cursor->after >= start->last)
            find_places(start);
        else
            read_log(start, read_counted);
    }
    tail_end(tail);
}

/* ---- the last record: as long as it is there it goes before the slot, which may tell of a batch that the log has lost with
 * its end ---- */

static void record_read(struct log_cursor *cursor, int64_t result)
{
    struct tail_start *start = hark_container_of(cursor, struct tail_start, cursor);
    struct tail *tail = start->follower->tail;
    struct log_event event;
    if (read_again(start, result, record_read)) {
        /* it goes on there */
    } else if (result < 0) {
        start_failed(start, result);
    } else if (result == 0 || !log_cursor_next(cursor, &event) || position_read(event.bytes, event.length, &start->position)) {
        use_slot(start, start->slot_found && start->slot_id == start->record_id);
    } else {
        start->record_id = event.id;
        count_published(start);
    }
    tail_end(tail);
}

static void find_record(struct tail_start *start)
{
    const struct log_stream *records = find_stream(start->follower, start->follower->private_name);
    if (!records || records->last == 0)
        return find_places(start); /* the first time */
    start->record_id = records->last;
    start->capacity = LOG_READ_BYTES_MIN;
    start->buffer = malloc(start->capacity);
    if (!start->buffer)
        return start_failed(start, -ENOMEM);
    log_cursor_init(&start->cursor, records, records->last - 1);
    read_log(start, record_read);
}

/* ---- the slots ---- */

static int64_t read_slots(struct hark_op *op)
{
    struct tail_start *start = hark_container_of(op, struct tail_start, work);
    struct stat status;
    /* A link that somebody put there would have another file written over; so would a second name of one. */
    int fd = open(start->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) || !S_ISREG(status.st_mode) || status.st_nlink > 1) {
        close(fd);
        return -EPERM;
    }
    for (int i = 0; i < POSITION_SLOTS; i++) {
        char slot[POSITION_SLOT_BYTES];
        struct position position;
        uint64_t id;
        ssize_t count = pread(fd, slot, sizeof slot, (off_t)i * POSITION_SLOT_BYTES);
        if (count <= 0 || position_slot_read(slot, (size_t)count, &id, &position))
            continue;
        if (!start->slot_found || id > start->slot_id) {
            start->slot = position;
            start->slot_id = id;
            start->follower->slot_next = (unsigned)i;
        }
        start->slot_found = true;
    }
    return fd;
}

static void slots_read(struct hark_op *op, int64_t result)
{
    struct tail_start *start = hark_container_of(op, struct tail_start, work);
    struct tail *tail = start->follower->tail;
    if (result >= 0)
        start->follower->slot_fd = (int)result;
    if (tail->closing) {
        start_failed(start, -ECANCELED);
    } else {
        if (result < 0)
            tail_tell(start->follower, LOG_WARNING, "cannot keep its position in %s: %s (the log's own copy goes on)",
                      start->path,
                      result == -ELOOP   ? "it is a symbolic link, which is not followed: remove it"
                      : result == -EPERM ? "it is no file of this server alone: remove it"
                                         : why(result));
        find_record(start);
    }
    tail_end(tail);
}

void tail_start_begin(struct tail_follower *follower)
{
    struct tail *tail = follower->tail;
    struct tail_start *start = calloc(1, sizeof *start);
    follower->state = "starting";
    follower->slot_fd = -1;
    if (!start)
        return tail_stop(follower, "stopped: out of memory");
    follower->start = start;
    start->follower = follower;
    const struct log_stream *stream = find_stream(follower, follower->stream_name);
    start->newest = stream ? stream->last : 0;
    start->position.source = -1;
    /* ".tail-0123..." in the log, "tail-0123....position" beside it */
    if (snprintf(start->path, sizeof start->path, "%s/%s.position", tail->directory, follower->private_name + 1) >=
        (int)sizeof start->path)
        return start_failed(start, -ENAMETOOLONG);
    tail_begin(tail);
    hark_work(tail->loop, &start->work, read_slots, slots_read);
}
