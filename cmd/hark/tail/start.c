/* start.c - finds out where publishing stood when the last process ended; position.h says how that
 * is known.
 *
 * In this order: the slots of the file beside the log; the last record in the log; how many lines
 * of its batch are in the log; the files themselves, which may have been renamed meanwhile. Then
 * the path is walked as always.
 */
#include "tail/start.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/say.h"
#include "tail/later.h"
#include "tail/source.h"
#include "tail/tell.h"
#include "tail/walk.h"
#include "tail/watches.h"

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
    bool away;      /* none of the places' files was found, in a directory that is not there */
    int64_t now_ns; /* the clock of births */
    char path[512]; /* of the file beside the log */
};

static void start_done(struct tail_start *start)
{
    struct tail_follower *follower = start->follower;
    follower->start = NULL;
    free(start->buffer);
    free(start);
    follower->ready = true;
    tail_walk(follower);
}

/* It cannot be known where to begin. */
static void start_failed(struct tail_start *start, int64_t error)
{
    struct tail_follower *follower = start->follower;
    bool again = again_may_help(error) && !follower->oldest;
    if (!follower->tail->closing && follower->told != (int)error)
        tail_tell(follower, again ? LOG_WARNING : LOG_ERROR,
                  "cannot find out how far it is published: %s: %s", why(error),
                  again ? "trying again" : "it is not followed until the next start");
    follower->told = (int)error;
    follower->start = NULL;
    free(start->buffer);
    free(start);
    if (!again) {
        tail_stop(follower, "stopped: its position cannot be read");
        return;
    }
    if (follower->slot_fd >= 0)
        hark_os_close(follower->tail->loop, follower->slot_fd);
    follower->slot_fd = -1;
    follower->lost_count = 0;
    follower->state = "waiting to try again";
    tail_follower_later(follower, error);
}

/* --- the files --- */

/* Whether the directory is there in which the path ends. No walk uses its room yet; the watches are
 * let go when the start has its answer. */
static bool is_directory_there(struct tail_follower *follower)
{
    struct resolution *way = follower->walking;
    resolve_path(follower->tail->inotify, follower->path, way);
    if (way->fd >= 0)
        hark_os_close_unknown(way->fd);
    return way->reached;
}

/* Opens the files that are not open yet. Gives: how many are. */
static unsigned find_files(struct tail_start *start)
{
    struct tail_follower *follower = start->follower;
    unsigned found = 0;
    for (uint32_t i = 0; i < start->position.count; i++) {
        struct resolve_file *opened = &start->opened[i];
        if (opened->fd < 0)
            resolve_place(follower->tail->inotify, follower->path, &start->position.places[i],
                          opened);
        found += opened->fd >= 0 || again_may_help(opened->fd);
    }
    return found;
}

static int64_t open_places(struct hark_op *op)
{
    struct tail_start *start = hark_container_of(op, struct tail_start, work);
    struct tail_follower *follower = start->follower;
    start->now_ns = survey_now();
    if (start->position.source >= 0)
        start->position.places[start->position.source].skip += (uint32_t)start->published;
    for (uint32_t i = 0; i < start->position.count; i++)
        start->opened[i].fd = -ENOENT;
    if (find_files(start) == start->position.count)
        return 0;
    bool reached = is_directory_there(follower);
    unsigned found = find_files(start); /* what is not there now is gone, if the directory was */
    if (!reached && found)              /* which came in between */
        find_files(start);
    start->away = !reached && !found;
    return 0;
}

/* Makes a source of a file that was found again. */
static int restore_source(struct tail_start *start, uint32_t index)
{
    struct tail_follower *follower = start->follower;
    const struct position_place *place = &start->position.places[index];
    const struct resolve_file *file = &start->opened[index];
    struct tail_source *source;
    int error = tail_source_add(follower, file->fd, file->watch, file->device, place->inode,
                                file->born_ns, &source);
    if (error) {
        hark_os_close_unknown(file->fd);
        return error;
    }
    source->left_ns = hark_now(follower->tail->loop);
    source->stood = place->stood;
    source->unplaced = place->unplaced;
    tail_source_go_on(source, place, file->first, file->last);
    return 0;
}

/* The file of a place is not there, or was done with. */
static void lose_place(struct tail_start *start, uint32_t index, bool read)
{
    struct tail_follower *follower = start->follower;
    follower->lost[follower->lost_count++] = (struct tail_lost){
        .place = start->position.places[index],
        .read = read,
    };
}

/* Since when files are looked for that came and went unseen. */
static void choose_since(struct tail_start *start)
{
    struct tail_follower *follower = start->follower;
    const struct position *position = &start->position;
    const struct tail_source *newest = tail_source_newest(follower);
    follower->looked_ns = position->looked_ns;
    memcpy(follower->done, position->done, position->done_count * sizeof *position->done);
    follower->done_count = position->done_count;
    for (unsigned i = 0; i < follower->lost_count; i++) {
        const struct tail_lost *lost = &follower->lost[i];
        if (lost->read && lost->place.born_ns)
            tail_source_done(follower, lost->place.inode, lost->place.born_ns);
    }
    if (position->looked_ns > start->now_ns)
        tail_tell(follower, LOG_WARNING,
                  "the clock was set back: files that were rotated since may be read twice");
    /* An older version has not said when it looked: what is younger than the newest file came
     * later. */
    if ((position->looked_ns == 0 || position->looked_ns > start->now_ns) && newest &&
        newest->born_ns)
        follower->looked_ns = newest->born_ns + 1;
    for (unsigned i = 0; i < position->cut_count; i++)
        follower->cuts[i] = (struct tail_lost){
            .place = position->cuts[i],
            .told = position->cuts[i].first_count == 0, /* its copy was found */
        };
    follower->cut_count = position->cut_count;
    for (unsigned i = 0; i < follower->lost_count; i++)
        if (follower->lost[i].read)
            tail_source_read_on(follower, follower->lost[i].place.inode,
                                follower->lost[i].place.born_ns);
    follower->survey_wanted = position->count > 0 || position->looked_ns;
}

/* Lets the watches go that were set to see whether the directory is there. */
static void drop_way(struct tail_follower *follower)
{
    struct resolution *way = follower->walking;
    for (unsigned i = 0; i < way->count; i++)
        tail_watches_drop(follower->tail, way->watches[i].watch);
    if (way->fd >= 0 && way->count)
        tail_watches_drop(follower->tail, way->watch);
    way->count = 0;
    way->fd = -1;
}

static void places_opened(struct hark_op *op, int64_t result)
{
    struct tail_start *start = hark_container_of(op, struct tail_start, work);
    struct tail *tail = start->follower->tail;
    tail->walking--;
    drop_way(start->follower);
    start->follower->away = start->away;
    int64_t error = tail->closing ? -ECANCELED : result;
    for (uint32_t i = 0; result == 0 && !error && i < start->position.count; i++)
        if (again_may_help(start->opened[i].fd))
            error = start->opened[i].fd; /* not lost: it may be there */
    for (uint32_t i = 0; result == 0 && i < start->position.count; i++) {
        bool finished =
            start->position.last && start->position.source == (int32_t)i && start->published > 0;
        if (start->opened[i].fd < 0 || finished)
            lose_place(start, i, finished);
        if (start->opened[i].fd < 0)
            continue;
        if (error || finished)
            hark_os_close_unknown(start->opened[i].fd);
        else
            error = restore_source(start, i); /* which closes the file if it fails */
    }
    choose_since(start);
    if (error)
        start_failed(start, error);
    else
        start_done(start);
    pending_end(&tail->pending);
}

static void find_places(struct tail_start *start)
{
    struct tail *tail = start->follower->tail;
    /* If the whole batch is there, its slot tells the same and more: what stands before the place
     * that was reached. */
    if (start->slot_found && start->slot_id == start->record_id && start->position.lines > 0 &&
        start->published == start->position.lines) {
        start->position = start->slot;
        start->position.lines = 0;
        start->position.source = -1;
        start->published = 0;
    }
    tail->walking++;
    pending_begin(&tail->pending);
    hark_work(tail->loop, &start->work, open_places, places_opened);
}

/* --- how many lines of the last batch are there --- */

static void read_counted(struct log_cursor *cursor, int64_t result);

static const struct log_stream *find_stream(const struct tail_follower *follower, const char *name)
{
    return log_stream_find(follower->tail->log, name, strlen(name));
}

static void read_log(struct tail_start *start, log_read_done *done)
{
    pending_begin(&start->follower->tail->pending);
    log_read(start->follower->tail->log, &start->cursor, start->buffer, start->capacity, done);
}

/* A read that ended with an error: gives it more room if that is all it lacks. Gives: true: it
 * reads again. */
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

/* What the slot says, without counting: exact if it is of the last record. */
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
    bool same = stream && stream->generation <= start->record_id + 1;
    if (start->position.lines == 0)
        return find_places(start);
    if (!same) { /* deleted since, or never made */
        if (start->slot_found && start->slot_id == start->record_id)
            return use_slot(start, true);
        return find_places(start);
    }
    /* Its lines have the ids just above the record's; the making of the stream, and of a segment,
     * takes one too. If all its lines are there, others may follow within the bound. If not, the
     * process ended there: the next ids were given after a leap. */
    start->last = start->record_id + 2 * (uint64_t)start->position.lines + 2;
    if (start->last > start->newest)
        start->last = start->newest;
    log_cursor_init(&start->cursor, stream,
                    start->record_id > stream->generation ? start->record_id : stream->generation);
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
    pending_end(&tail->pending);
}

/* --- the last record: as long as there is one it goes before the slot, which may tell of a batch
 * that the log has lost with its end ---- */

static void record_read(struct log_cursor *cursor, int64_t result)
{
    struct tail_start *start = hark_container_of(cursor, struct tail_start, cursor);
    struct tail *tail = start->follower->tail;
    struct log_event event;
    if (read_again(start, result, record_read)) {
        /* it goes on there */
    } else if (result < 0) {
        start_failed(start, result);
    } else if (result == 0 || !log_cursor_next(cursor, &event) ||
               position_read(event.bytes, event.length, &start->position)) {
        use_slot(start, start->slot_found && start->slot_id == start->record_id);
    } else {
        start->record_id = event.id;
        count_published(start);
    }
    pending_end(&tail->pending);
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

/* --- the slots --- */

static int64_t read_slots(struct hark_op *op)
{
    struct tail_start *start = hark_container_of(op, struct tail_start, work);
    struct stat status;
    /* A link that somebody put there would have another file written over; so would a second name
     * of one. */
    int fd =
        hark_os_openat(AT_FDCWD, start->path,
                       O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
    if (fd < 0)
        return fd;
    if (hark_os_fstat(fd, &status) || !S_ISREG(status.st_mode) || status.st_nlink > 1) {
        hark_os_close_unknown(fd);
        return -EPERM;
    }
    for (int i = 0; i < POSITION_SLOTS; i++) {
        char slot[POSITION_SLOT_BYTES];
        struct position position;
        uint64_t id;
        int64_t count = hark_os_pread(fd, slot, sizeof slot, (int64_t)i * POSITION_SLOT_BYTES);
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
    if (tail->closing || (again_may_help(result) && result != -EIO)) {
        start_failed(start, tail->closing ? -ECANCELED : result);
    } else {
        if (result < 0)
            tail_tell(start->follower, LOG_WARNING,
                      "cannot keep its position in %s: %s (the log's own copy goes on)",
                      start->path,
                      result == -ELOOP   ? "it is a symbolic link, which is not followed: remove it"
                      : result == -EPERM ? "it is no file of this server alone: remove it"
                                         : why(result));
        find_record(start);
    }
    pending_end(&tail->pending);
}

void tail_start(struct tail_follower *follower)
{
    struct tail *tail = follower->tail;
    struct tail_start *start = calloc(1, sizeof *start);
    follower->state = "starting";
    if (follower->slot_fd >= 0) /* it is begun once more */
        hark_os_close_unknown(follower->slot_fd);
    follower->slot_fd = -1;
    follower->lost_count = 0;
    if (!start)
        return tail_stop(follower, "stopped: out of memory");
    follower->start = start;
    start->follower = follower;
    const struct log_stream *stream = find_stream(follower, follower->stream_name);
    start->newest = stream ? stream->last : 0;
    if (start->newest > tail->opened_id)
        start->newest =
            tail->opened_id; /* a pattern's file comes later than others, which publish already */
    start->position.source = -1;
    /* ".tail-0123..." in the log, "tail-0123....position" beside it */
    if (snprintf(start->path, sizeof start->path, "%s/%s.position", tail->directory,
                 follower->private_name + 1) >= (int)sizeof start->path)
        return start_failed(start, -ENAMETOOLONG);
    pending_begin(&tail->pending);
    hark_work(tail->loop, &start->work, read_slots, slots_read);
}
