/* backup.c - copies segments, the oldest first, each whole and on the disk before the next.
 *
 * What must hold: at each moment the copy is what a crash of the server might have left: all that
 * was acknowledged up to some id. A sealed segment never changes, so one that is there is not
 * copied again. Of the newest a copy has its beginning: the next backup copies it anew. The table
 * of streams is copied before the segments are listed, so that all that it tells of is among them,
 * and takes its place behind them: until then the one of the backup before stands. The server may
 * take segments away meanwhile (retention): then the directory is looked at once more. What the
 * server has taken away goes from the copy, too, by what its lock file says; what is merely missing
 * stays.
 */
#include "inspect/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/say.h"
#include "inspect/calls.h"
#include "inspect/files.h"
#include "inspect/reading.h"
#include "log/mark.h"
#include "log/record.h"
#include "log/segment.h"
#include "log/table_file.h"

#define PART_NAME "part.new" /* of a copy that is not whole */

enum { LOOKS_MAX = 16 };

struct backup {
    struct calls calls;
    const char *from_path, *to_path;
    bool restores;
    bool has_table;                /* of `from`, beside the one of `to` */
    bool began;                    /* what stands in `to` may be of this run */
    int from, from_lock, to, lock; /* descriptors */
    struct files theirs, ours;     /* `from` and `to`, as they were listed */
    uint64_t newest, oldest;       /* what the lock file of `from` says; 0: nothing */
    uint64_t copied, bytes;
    const char *failed; /* on what, when a step has failed */
};

static int64_t fail(struct backup *backup, const char *what, int64_t error)
{
    backup->failed = what;
    return error;
}

/* --- the two directories --- */

static int64_t read_marks(struct backup *backup)
{
    char text[2 * MARK_LINE_BYTES] = "";
    int64_t got = calls_read(&backup->calls, backup->from_lock, text, sizeof text, 0);
    if (got < 0)
        return fail(backup, "lock", got);
    const size_t count = (size_t)got, second = count < MARK_LINE_BYTES ? count : MARK_LINE_BYTES;
    backup->newest = mark_decode(text, count, MARK_NEWEST);
    backup->oldest = mark_decode(text + second, count - second, MARK_OLDEST);
    return 0;
}

/* A backup that is restored must not change meanwhile. The directory of a server may. */
static int64_t open_from(struct backup *backup)
{
    struct calls *calls = &backup->calls;
    int64_t fd = calls_open(calls, AT_FDCWD, backup->from_path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return fail(backup, NULL, fd);
    backup->from = (int)fd;
    fd = calls_open(calls, backup->from, "lock", O_RDONLY | O_NOFOLLOW, 0);
    if (fd < 0)
        return fail(backup, "lock", fd);
    backup->from_lock = (int)fd;
    if (!backup->restores)
        return 0;
    int locked = hark_os_flock(backup->from_lock, LOCK_SH | LOCK_NB);
    return locked == 0 ? 0 : fail(backup, "lock", locked);
}

static bool is_same(int one, int other)
{
    struct stat a, b;
    return hark_os_fstat(one, &a) == 0 && hark_os_fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static int64_t open_to(struct backup *backup)
{
    struct calls *calls = &backup->calls;
    int64_t fd = calls_mkdir(calls, backup->to_path, 0750);
    if (fd == 0 || fd == -EEXIST)
        fd = calls_open(calls, AT_FDCWD, backup->to_path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return fail(backup, NULL, fd);
    backup->to = (int)fd;
    if (is_same(backup->from, backup->to))
        return fail(backup, NULL, -EINVAL);
    fd = calls_open(calls, backup->to, "lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0640);
    if (fd < 0)
        return fail(backup, "lock", fd);
    backup->lock = (int)fd;
    int locked = hark_os_flock(backup->lock, LOCK_EX | LOCK_NB);
    return locked == 0 ? 0 : fail(backup, "lock", locked);
}

/* --- copying --- */

static int64_t sync_part(struct backup *backup)
{
    int64_t fd = calls_open(&backup->calls, backup->to, PART_NAME, O_RDONLY | O_NOFOLLOW, 0);
    if (fd < 0)
        return fd;
    int64_t result = calls_sync(&backup->calls, (int)fd);
    calls_close(&backup->calls, (int)fd);
    return result;
}

static int64_t sync_names(struct backup *backup)
{
    int64_t result = calls_sync(&backup->calls, backup->to);
    return result == -EINVAL ? 0 : result; /* some file systems cannot sync a directory */
}

static int64_t copy_as(struct backup *backup, const char *name, const char *to)
{
    struct calls *calls = &backup->calls;
    calls->copy.bytes = 0;
    int64_t result = calls_unlink(calls, backup->to, PART_NAME); /* of one that was interrupted */
    if (result == 0 || result == -ENOENT)
        result = calls_copy(calls, backup->from, name, backup->to, PART_NAME);
    if (result == 0)
        result = sync_part(backup);
    if (result == 0)
        result = calls_rename(calls, backup->to, PART_NAME, to);
    if (result == 0)
        result = sync_names(backup);
    backup->bytes += calls->copy.bytes;
    return result;
}

static int64_t copy(struct backup *backup, const char *name)
{
    return copy_as(backup, name, name);
}

/* Beside the one that stands there. */
static int64_t copy_table(struct backup *backup)
{
    int64_t result = copy_as(backup, TABLE_NAME, TABLE_NAME_UNFINISHED);
    backup->has_table = result == 0;
    return result == -ENOENT ? 0 : result == 0 ? 0 : fail(backup, TABLE_NAME, result);
}

static int64_t place_table(struct backup *backup)
{
    if (!backup->has_table)
        return 0;
    int64_t result = calls_rename(&backup->calls, backup->to, TABLE_NAME_UNFINISHED, TABLE_NAME);
    if (result == 0)
        result = sync_names(backup);
    return result == 0 ? 0 : fail(backup, TABLE_NAME, result);
}

static void show(const struct backup *backup, size_t at)
{
    char text[160];
    snprintf(text, sizeof text, "\r\033[K%zu of %zu files, %" PRIu64 " MB copied", at,
             backup->theirs.count, backup->bytes / 1000000);
    if (hark_os_isatty(STDERR_FILENO))
        say_progress(at < backup->theirs.count ? text : "\r\033[K");
}

/* An index that the server is making, or has made anew, is no loss: a start makes it. */
static int64_t copy_all(struct backup *backup)
{
    const uint64_t unsure = files_newest(&backup->ours);
    for (size_t i = 0; i < backup->theirs.count; i++) {
        const struct file *file = &backup->theirs.all[i];
        const bool is_there =
            strcmp(file->name, TABLE_NAME) == 0 ||
            (file->segment != 0 && file->segment != unsure && files_have(&backup->ours, file));
        show(backup, i);
        int64_t result = is_there ? 0 : copy(backup, file->name);
        if (result < 0 && !(result == -ENOENT && file->is_index))
            return fail(backup, file->name, result);
        backup->copied += !is_there && file->segment != 0 && !file->is_index;
    }
    show(backup, backup->theirs.count);
    return place_table(backup);
}

/* Those that retention has taken away; and the newest of the backup before, if the server has not
 * got it any more: it was never used. */
static int64_t remove_gone(struct backup *backup)
{
    const uint64_t unsure = files_newest(&backup->ours);
    for (size_t i = 0; i < backup->ours.count; i++) {
        const struct file *file = &backup->ours.all[i];
        const bool is_old = file->segment < backup->oldest || file->segment == unsure;
        if (file->segment == 0 || !is_old || files_have(&backup->theirs, file))
            continue;
        int64_t result = calls_unlink(&backup->calls, backup->to, file->name);
        if (result < 0 && result != -ENOENT)
            return fail(backup, file->name, result);
    }
    return 0;
}

/* The newest as it was before the segments were listed: what came since may be unfinished. The
 * oldest as it is now: what was listed may begin later than it did before. */
static int64_t write_marks(struct backup *backup)
{
    char text[2 * MARK_BYTES];
    if (backup->newest == 0)
        return 0;
    size_t count = mark_encode(text, MARK_NEWEST, backup->newest);
    int64_t result = read_marks(backup);
    if (result < 0)
        return result;
    if (backup->oldest != 0)
        count += mark_encode(text + count, MARK_OLDEST, backup->oldest);
    result = calls_write(&backup->calls, backup->lock, text, count, 0);
    if (result >= 0 && (size_t)result < count)
        result = -ENOSPC;
    if (result >= 0)
        result = calls_sync(&backup->calls, backup->lock);
    return result < 0 ? fail(backup, "lock", result) : sync_names(backup);
}

/* --- the whole --- */

static int64_t read_header(struct calls *calls, int directory, const char *name,
                           unsigned char *bytes)
{
    int64_t fd = calls_open(calls, directory, name, O_RDONLY | O_NOFOLLOW, 0);
    if (fd < 0)
        return fd;
    int64_t got = calls_read(calls, (int)fd, bytes, SEGMENT_HEADER_BYTES, 0);
    calls_close(calls, (int)fd);
    return got;
}

static bool differs(struct backup *backup, const struct file *file)
{
    unsigned char one[SEGMENT_HEADER_BYTES] = {0}, other[SEGMENT_HEADER_BYTES] = {0};
    return read_header(&backup->calls, backup->from, file->name, one) == sizeof one &&
           read_header(&backup->calls, backup->to, file->name, other) == sizeof other &&
           memcmp(one, other, sizeof one) != 0;
}

/* Of the same name is the same segment, unless this is the copy of another directory, or of what
 * this one was before an older state was restored. */
static bool is_of_another(struct backup *backup)
{
    const uint64_t newest = files_newest(&backup->theirs), unsure = files_newest(&backup->ours);
    bool has_common = false, is_newer = false;
    for (size_t i = 0; i < backup->ours.count; i++) {
        const struct file *file = &backup->ours.all[i];
        if (file->segment == 0 || file->is_index)
            continue;
        if (files_have(&backup->theirs, file)) {
            has_common = true;
            if (differs(backup, file))
                return true;
        }
        is_newer |= file->segment > newest && file->segment != unsure;
    }
    return is_newer || (unsure != 0 && !has_common && unsure >= files_oldest(&backup->theirs));
}

/* Whether another table has come since it was copied. */
static bool is_table_newer(struct backup *backup)
{
    unsigned char now[SEGMENT_HEADER_BYTES] = {0}, copied[SEGMENT_HEADER_BYTES] = {0};
    const int64_t theirs = read_header(&backup->calls, backup->from, TABLE_NAME, now);
    const int64_t ours =
        !backup->has_table ? -ENOENT
                           : read_header(&backup->calls, backup->to, TABLE_NAME_UNFINISHED, copied);
    return theirs != ours || memcmp(now, copied, TABLE_HEADER_BYTES) != 0;
}

/* Gives: -ENOENT: a file that was listed is not there any more. */
static int64_t look(struct backup *backup)
{
    struct calls *calls = &backup->calls;
    backup->failed = NULL;
    int64_t result = read_marks(backup);
    if (result == 0)
        result = files_list(calls, backup->to, &backup->ours);
    if (result == 0 && backup->restores && !backup->began && files_newest(&backup->ours) != 0)
        result = -ENOTEMPTY;
    if (result == 0)
        result = copy_table(backup);
    if (result == 0)
        result = files_list(calls, backup->from, &backup->theirs);
    if (result == 0 && is_table_newer(backup))
        result = -ENOENT; /* segments that it alone speaks for may be gone */
    if (result == 0 && is_of_another(backup))
        result = -ESTALE;
    backup->began = true;
    return result == 0 ? copy_all(backup) : result;
}

static int64_t run(struct backup *backup)
{
    int64_t result = open_from(backup);
    if (result == 0)
        result = open_to(backup);
    for (int looks = 0; result == 0; looks++) {
        result = look(backup);
        if (result != -ENOENT || looks == LOOKS_MAX)
            break;
        result = 0;
    }
    if (result != 0 && backup->to >= 0)
        (void)calls_unlink(&backup->calls, backup->to, TABLE_NAME_UNFINISHED);
    if (result == 0)
        result = remove_gone(backup);
    return result == 0 ? write_marks(backup) : result;
}

static const char *reason(const struct backup *backup, int64_t error)
{
    switch (error) {
    case -EINVAL:
        return is_same(backup->from, backup->to) ? "that is the directory itself" : why(error);
    case -EAGAIN:
        return "it is in use, by a server or by hark log";
    case -ENOTEMPTY:
        return "it holds segments: restore into an empty directory";
    case -ESTALE:
        return "it is the backup of another directory, or of an older state that was restored: "
               "take a new one";
    case -ENOENT:
        return backup->from >= 0 && backup->from_lock < 0 ? "it is no data directory of hark serve"
                                                          : why(error);
    default:
        return why(error);
    }
}

static int run_and_say(struct backup *backup, const char *verb)
{
    int64_t result = hark_loop_create(NULL, &backup->calls.loop);
    if (result == 0)
        result = run(backup);
    if (result != 0)
        say("cannot %s %s to %s: %s%s%s", verb, backup->from_path, backup->to_path,
            backup->failed ? backup->failed : "", backup->failed ? ": " : "",
            reason(backup, result));
    else
        printf("%s: %zu files, newest segment %" PRIu64 "; copied %" PRIu64 " segments, %" PRIu64
               " bytes\n",
               backup->to_path, backup->theirs.count, files_newest(&backup->theirs), backup->copied,
               backup->bytes);
    if (!backup->calls.loop)
        return EXIT_UNREADABLE;
    calls_close(&backup->calls, backup->lock);
    calls_close(&backup->calls, backup->to);
    calls_close(&backup->calls, backup->from_lock);
    calls_close(&backup->calls, backup->from);
    hark_loop_destroy(backup->calls.loop);
    files_free(&backup->theirs);
    files_free(&backup->ours);
    return result == 0 ? EXIT_DONE : EXIT_UNREADABLE;
}

static int begin(const char *from, const char *to, bool restores)
{
    struct backup backup = {.from_path = from,
                            .to_path = to,
                            .restores = restores,
                            .from = -1,
                            .from_lock = -1,
                            .to = -1,
                            .lock = -1};
    return run_and_say(&backup, restores ? "restore" : "back up");
}

int backup_directory(const char *from, const char *to)
{
    return begin(from, to, false);
}

int backup_restore(const char *from, const char *to)
{
    return begin(from, to, true);
}
