/* recovery.c - opens a directory: makes it, locks it, lists it, and has each segment loaded, oldest
 * first.
 *
 * What must hold: nothing in the directory is touched before the lock is held; a crash at any step
 * leaves what the next start recovers just as well; the log is handed over only when all that can
 * be read from it is on the disk. What a segment holds is load.c's.
 */
#include "log/recovery.h"

#include "log/checkpoint.h"
#include "log/found.h"
#include "log/known.h"
#include "log/load.h"
#include "log/mark.h"
#include "log/missing.h"
#include "log/oldest.h"
#include "log/program.h"
#include "log/replay.h"
#include "log/restore.h"
#include "log/retention.h"
#include "log/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#define DIRECTORY_BYTES (64u * 1024) /* of entries, read at once */

static void recovery_free(struct log_recovery *recovery)
{
    free(recovery->buffer);
    free(recovery->found);
    free(recovery->indexes);
    free(recovery->unfinished);
    index_free(&recovery->sealed);
    restore_free(recovery);
    free(recovery);
}

/* --- the end --- */

/* Nothing of it is in use any more. */
static void end(struct log_recovery *recovery, int error)
{
    struct log *log = recovery->log;
    recovery_done *done = recovery->recovered;
    void *context = recovery->context;
    log->recovery = NULL;
    recovery_free(recovery);
    done(log, error, context);
}

static void fail(struct log_recovery *recovery, int64_t error)
{
    segment_destroy(recovery->segment);
    end(recovery, (int)error);
}

/* The newest segment is gone, and its index too: any stream may have had events in it. */
static void lose_newest(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    replay_lose_all(log, log->next - 1);
    for (size_t i = 0; i < log->checkpoint.missing_count; i++)
        if (log->checkpoint.missing[i].first == recovery->mark)
            return; /* it was told */
    segment_name(recovery->name, recovery->mark, SUFFIX_LOG);
    (void)checkpoint_note_missing(log, recovery->mark, 0);
    log->statistics.damaged++;
    program_tell(
        log, LOG_ERROR,
        "segment %s, the newest, is missing: what it held is lost, readers are told of a gap, "
        "ids go on from %" PRIu64,
        recovery->name, log->next);
}

/* The oldest segment is gone, and its index too, and retention has not taken it. Which streams had
 * events in it the next one tells, as always. */
static void tell_oldest(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    if (recovery->oldest == 0 || recovery->oldest == recovery->mark ||
        (recovery->count > 0 && recovery->found[0].first <= recovery->oldest) ||
        known_covers(recovery, recovery->oldest))
        return; /* it is there, or is told as the newest, or from the table */
    segment_name(recovery->name, recovery->oldest, SUFFIX_LOG);
    log->statistics.damaged++;
    program_tell(
        log, LOG_ERROR,
        "segment %s, the oldest, is missing: what it held is lost, readers are told of a gap",
        recovery->name);
}

/* What the next start would have to read. */
static void count_uncovered(struct log *log)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < log->segment_count; i++)
        if (!checkpoint_covers(log, log->segments[i]))
            bytes += log->segments[i]->end;
    if (bytes > 0)
        checkpoint_count(log, bytes);
}

static void table_written(struct log *log)
{
    if (log->closing)
        return;
    oldest_update(log);
    retention_check(log); /* more may go */
}

/* The ids that may have been given before a crash are below `high`; a segment that was ended in
 * order says exactly. */
static void hand_over(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    tell_oldest(recovery);
    if (recovery->mark > (recovery->count == 0 ? 0 : recovery->found[recovery->count - 1].first))
        lose_newest(recovery);
    int error = missing_count_live(recovery); /* before what cannot be reached goes: it keeps its
                                                 segments */
    if (error != 0) {
        fail(recovery, error);
        return;
    }
    missing_end(recovery);
    replay_end(log);
    log->recovered = true;
    log->checkpoint.told = table_written;
    log->statistics.streams = log->table.count;
    log->oldest.told = recovery->oldest;
    if (!log->options.inspect) {
        retention_check(log);
        count_uncovered(log);
        if (log->must_write_table) /* first: what was the oldest is told in it */
            checkpoint_begin(log);
        else
            oldest_update(log);
    }
    end(recovery, 0);
}

/* --- the segments --- */

static void loaded(struct log_recovery *recovery, int error);

static void next_segment(struct pending *pending)
{
    struct log_recovery *recovery = hark_container_of(pending, struct log, pending)->recovery;
    if (recovery->at < recovery->count)
        load_begin(recovery, loaded);
    else
        hand_over(recovery);
}

static void loaded(struct log_recovery *recovery, int error)
{
    if (error != 0) {
        fail(recovery, error);
        return;
    }
    recovery->at++;
    recovery->previous_damaged = recovery->damaged;
    pending_wait(&recovery->log->pending, next_segment); /* an index may be being written */
}

static void restored(struct log_recovery *recovery, int error)
{
    if (error != 0)
        fail(recovery, error);
    else
        next_segment(&recovery->log->pending);
}

/* --- a first look at each --- */

static void survey(struct log_recovery *recovery);

static void surveyed(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    (void)result;
    recovery->fd = -1;
    recovery->at++;
    survey(recovery);
}

static void header_read(struct log_transfer *transfer, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(transfer, struct log_recovery, transfer);
    struct log_found *found = &recovery->found[recovery->at];
    if (result == SEGMENT_HEADER_BYTES && segment_header_decode(recovery->buffer, &found->header)) {
        found->whole_header = found->header.first == found->first;
        found->foreign = !found->whole_header;
    }
    if (result < 0)
        recovery->error = (int)result;
    if (found->whole_header && found->header.version > SEGMENT_VERSION)
        recovery->error = -EPROTO;
    hark_close(recovery->log->loop, &recovery->op, recovery->fd, surveyed);
}

static void sized(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    const struct statx *status = (const struct statx *)(void *)recovery->buffer;
    if (result < 0) {
        recovery->error = (int)result;
        hark_close(op->loop, op, recovery->fd, surveyed);
        return;
    }
    recovery->found[recovery->at].size = status->stx_size;
    transfer_read(op->loop, &recovery->transfer, recovery->fd, recovery->buffer,
                  SEGMENT_HEADER_BYTES, 0, header_read);
}

static void survey_opened(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    if (result < 0) {
        found_tell_unopened(recovery, result);
        fail(recovery, result);
        return;
    }
    recovery->fd = (int)result;
    hark_statx(op->loop, op, recovery->fd, "", AT_EMPTY_PATH, STATX_SIZE,
               (struct statx *)(void *)recovery->buffer, sized);
}

static void survey(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    if (recovery->error != 0) {
        fail(recovery, recovery->error);
        return;
    }
    while (recovery->at < recovery->count && recovery->found[recovery->at].missing)
        recovery->at++;
    if (recovery->at == recovery->count) {
        uint64_t newest = recovery->count > 0 ? recovery->found[recovery->count - 1].first : 0;
        if (newest < recovery->mark)
            newest = recovery->mark;
        recovery->high = newest > 0 ? newest + SEGMENT_SPAN : 1;
        log->next = recovery->high;
        recovery->at = 0;
        restore_begin(recovery, restored);
        return;
    }
    segment_name(recovery->name, recovery->found[recovery->at].first, SUFFIX_LOG);
    hark_openat(log->loop, &recovery->op, log->directory, recovery->name, O_RDONLY | O_NOFOLLOW, 0,
                survey_opened);
}

/* --- what does not belong there --- */

static void tidy(struct log_recovery *recovery);

static void tidied(struct hark_op *op, int64_t result)
{
    (void)result; /* it is tried again at the next start */
    tidy(hark_container_of(op, struct log_recovery, op));
}

static void tidy(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    if (recovery->unfinished_count == 0 || log->options.inspect) {
        recovery->at = 0;
        survey(recovery);
        return;
    }
    segment_name(recovery->name, recovery->unfinished[--recovery->unfinished_count],
                 SUFFIX_UNFINISHED);
    hark_unlinkat(log->loop, &recovery->op, log->directory, recovery->name, 0, tidied);
}

static int by_first(const void *left, const void *right)
{
    uint64_t a = ((const struct log_found *)left)->first,
             b = ((const struct log_found *)right)->first;
    return (a > b) - (a < b);
}

/* --- the list --- */

static void *grown(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    size_t larger = *capacity == 0 ? 64 : *capacity * 2;
    void *moved = realloc(array, larger * size);
    if (moved)
        *capacity = larger;
    return moved;
}

static int add_number(uint64_t **numbers, size_t *count, size_t *capacity, uint64_t number)
{
    uint64_t *larger = grown(*numbers, *count, capacity, sizeof number);
    if (!larger)
        return -ENOMEM;
    *numbers = larger;
    larger[(*count)++] = number;
    return 0;
}

/* A link is opened like a file, and then refused by its name. */
static bool may_be_file(const struct hark_dirent *entry)
{
    return entry->type == DT_REG || entry->type == DT_LNK || entry->type == DT_UNKNOWN;
}

static int add_found(struct log_recovery *recovery, const struct log_found *one)
{
    struct log_found *found =
        grown(recovery->found, recovery->count, &recovery->capacity, sizeof *found);
    if (!found)
        return -ENOMEM;
    recovery->found = found;
    found[recovery->count++] = *one;
    return 0;
}

/* An index belongs to the segment of its number; without that it says that there was one. */
static int match_indexes(struct log_recovery *recovery)
{
    size_t segments = recovery->count;
    if (segments > 0)
        qsort(recovery->found, segments, sizeof *recovery->found, by_first);
    for (size_t i = 0; i < recovery->index_count; i++) {
        struct log_found one = {.first = recovery->indexes[i], .has_index = true, .missing = true};
        struct log_found *found =
            segments == 0 ? NULL : bsearch(&one, recovery->found, segments, sizeof one, by_first);
        if (found)
            found->has_index = true;
        else if (add_found(recovery, &one) != 0)
            return -ENOMEM;
    }
    if (recovery->count > segments)
        qsort(recovery->found, recovery->count, sizeof *recovery->found, by_first);
    return 0;
}

static int add_entry(struct log_recovery *recovery, const struct hark_dirent *entry)
{
    const char *name = entry->name;
    uint64_t first;
    if (!may_be_file(entry))
        return 0; /* not ours: opening a pipe, say, would wait for its writer */
    if (segment_name_parse(name, SUFFIX_INDEX, &first))
        return add_number(&recovery->indexes, &recovery->index_count, &recovery->index_capacity,
                          first);
    if (segment_name_parse(name, SUFFIX_UNFINISHED, &first))
        return add_number(&recovery->unfinished, &recovery->unfinished_count,
                          &recovery->unfinished_capacity, first);
    if (!segment_name_parse(name, SUFFIX_LOG, &first))
        return 0; /* not ours */
    return add_found(recovery, &(struct log_found){.first = first});
}

static void listed(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    struct hark_dirent entry;
    size_t position = 0;
    int error = 0;
    while (result > 0 && error == 0 &&
           hark_dirent_next(recovery->buffer, (size_t)result, &position, &entry))
        error = add_entry(recovery, &entry);
    if (result == 0 && error == 0)
        error = match_indexes(recovery);
    if (result < 0 || error != 0)
        fail(recovery, result < 0 ? result : error);
    else if (result > 0)
        hark_getdents(op->loop, op, recovery->log->directory, recovery->buffer, DIRECTORY_BYTES,
                      listed);
    else
        tidy(recovery);
}

/* --- the directory and its lock --- */

static int64_t take_lock(struct hark_op *op)
{
    const struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    int how = recovery->log->options.inspect ? LOCK_SH : LOCK_EX;
    return hark_os_flock(recovery->log->lock, how | LOCK_NB);
}

static void list(struct log_recovery *recovery)
{
    hark_getdents(recovery->log->loop, &recovery->op, recovery->log->directory, recovery->buffer,
                  DIRECTORY_BYTES, listed);
}

/* Without what the lock file says, ids may be given again, and a loss may not be told. */
static void mark_read(struct log_transfer *transfer, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(transfer, struct log_recovery, transfer);
    if (result < 0) {
        program_tell(recovery->log, LOG_ERROR,
                     "%s/lock cannot be read: %s: it says which segments there were: check the "
                     "disk, or remove it",
                     recovery->log->path, hark_error_text((int)result));
        fail(recovery, result);
        return;
    }
    if (result > 0)
        recovery->mark = mark_decode((const char *)recovery->buffer, (size_t)result, MARK_NEWEST);
    if (result > MARK_LINE_BYTES)
        recovery->oldest = mark_decode((const char *)recovery->buffer + MARK_LINE_BYTES,
                                       (size_t)result - MARK_LINE_BYTES, MARK_OLDEST);
    list(recovery);
}

static void mark_opened(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    if (result < 0) {
        fail(recovery, result);
        return;
    }
    recovery->log->mark = (int)result;
    transfer_read(op->loop, &recovery->transfer, recovery->log->mark, recovery->buffer,
                  2 * MARK_LINE_BYTES, 0, mark_read);
}

static void open_lock_file(struct log_recovery *recovery, hark_done *opened)
{
    const struct log *log = recovery->log;
    int how = log->options.inspect ? O_RDONLY : O_RDWR | O_CREAT;
    hark_openat(log->loop, &recovery->op, log->directory, "lock", how | O_NOFOLLOW, 0640, opened);
}

static void locked(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    if (result < 0)
        fail(recovery, result == -EWOULDBLOCK ? -EBUSY : result);
    else
        open_lock_file(recovery, mark_opened);
}

static void lock_opened(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    if (result == -ENOENT && recovery->log->options.inspect) {
        list(recovery); /* nobody has used it yet */
        return;
    }
    if (result == -ELOOP)
        program_tell(recovery->log, LOG_ERROR,
                     "%s/lock is a symbolic link, and none is followed: remove it",
                     recovery->log->path);
    if (result < 0) {
        fail(recovery, result);
        return;
    }
    recovery->log->lock = (int)result;
    hark_work(op->loop, op, take_lock, locked);
}

/* Who may write to the directory may take events away, and give others. */
static void directory_known(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    struct log *log = recovery->log;
    const struct statx *status = (const struct statx *)(void *)recovery->buffer;
    if (result == 0 && (status->stx_mode & (S_IWGRP | S_IWOTH)) != 0)
        program_tell(log, LOG_WARNING,
                     "others may write to the directory %s (its mode is %04o): chmod go-w it",
                     log->path, (unsigned)status->stx_mode & 07777u);
    open_lock_file(recovery, lock_opened);
}

static void look_at_directory(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    hark_statx(log->loop, &recovery->op, log->directory, "", AT_EMPTY_PATH, STATX_MODE,
               (struct statx *)(void *)recovery->buffer, directory_known);
}

/* The directory is itself an entry of another one, which has to be on the disk as well: whoever
 * made it, a server that was killed right after or `mkdir`, may not have synced that. If it is old,
 * a parent that cannot be synced, on another file system perhaps, is no reason not to begin. */
static void parent_done(struct log_recovery *recovery, int64_t error)
{
    if (error == -EACCES || error == -EINVAL)
        error = 0; /* it may be written to, but not be opened; some cannot be synced */
    if (error < 0 && !recovery->made)
        program_tell(recovery->log, LOG_WARNING,
                     "the directory above %s cannot be synced: %s: if %s was made just now, it may "
                     "be gone after a loss of power",
                     recovery->log->path, hark_error_text(error), recovery->log->path);
    if (error < 0 && recovery->made)
        fail(recovery, error);
    else
        look_at_directory(recovery);
}

static void parent_closed(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    int error = recovery->error;
    (void)result;
    recovery->error = 0;
    recovery->fd = -1;
    parent_done(recovery, error);
}

static void parent_synced(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    recovery->error = (int)result;
    hark_close(op->loop, op, recovery->fd, parent_closed);
}

static void parent_opened(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    if (result < 0) {
        parent_done(recovery, result);
        return;
    }
    recovery->fd = (int)result;
    hark_fsync(op->loop, op, recovery->fd, parent_synced);
}

static void directory_opened(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    struct log *log = recovery->log;
    if (result < 0) {
        fail(recovery, result);
        return;
    }
    log->directory = (int)result;
    if (log->options.inspect)
        look_at_directory(recovery);
    else
        hark_openat(op->loop, op, log->directory, "..", O_RDONLY | O_DIRECTORY, 0, parent_opened);
}

static void open_directory(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    hark_openat(log->loop, &recovery->op, AT_FDCWD, log->path, O_RDONLY | O_DIRECTORY, 0,
                directory_opened);
}

static void directory_made(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    recovery->made = result == 0;
    open_directory(recovery); /* which says best what is wrong, unless it was there before */
}

int recovery_begin(struct log *log, recovery_done *done, void *context)
{
    struct log_recovery *recovery = calloc(1, sizeof *recovery);
    if (!recovery)
        return -ENOMEM;
    recovery->buffer = malloc(SCAN_BUFFER_BYTES);
    if (!recovery->buffer) {
        recovery_free(recovery);
        return -ENOMEM;
    }
    recovery->log = log;
    recovery->recovered = done;
    recovery->context = context;
    recovery->fd = -1;
    log->recovery = recovery;
    if (log->options.inspect)
        open_directory(recovery);
    else
        hark_mkdirat(log->loop, &recovery->op, AT_FDCWD, log->path, 0750, directory_made);
    return 0;
}
