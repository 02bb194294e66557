/* file_replace.c - a file written beside its place, synced, and renamed into it.
 *
 * What must hold: the content, and what is kept of the old file, is synced before the rename, and
 * the rename before `done` tells of it (fsync(2) of the directory); whatever fails, `tidy` closes
 * what is open and removes the temporary before `done`. The caller's op is a timer that never
 * comes, so it can be cancelled and have a deadline; the steps have an op of their own, and those
 * of `tidy` are not stopped. */
#include "base/statx.h"
#include "file/facts.h"
#include "hark/close.h"
#include "hark/file.h"
#include "hark/files.h"
#include "hark/os.h"
#include "hark/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRIES_MAX = 100 };

/* What of the old file is given to the new one. */
struct hark_file_kept {
    struct hark_file_replace *replacing;
    struct statx status;
    struct facts facts;
};

static struct hark_file_replace *of_step(struct hark_op *op)
{
    return hark_container_of(op, struct hark_file_replace, step);
}

/* --- its end --- */

static void tell(struct hark_file_replace *replacing)
{
    free(replacing->text);
    free(replacing->kept);
    replacing->text = NULL;
    replacing->kept = NULL;
    replacing->done(replacing, replacing->error);
}

/* The op is due now, or has ended already: cancelled, or late. */
static void finish(struct hark_file_replace *replacing)
{
    replacing->finished = true;
    if (hark_op_active(&replacing->op))
        hark_sleep_move(&replacing->op, 0);
    else
        tell(replacing);
}

static bool is_tidying(const struct hark_op *step)
{
    enum hark_op_code kind = hark_op_kind(step);
    return kind == HARK_OP_CLOSE || kind == HARK_OP_UNLINKAT;
}

static void ended(struct hark_op *op, int64_t result)
{
    struct hark_file_replace *replacing = hark_container_of(op, struct hark_file_replace, op);
    if (replacing->finished)
        return tell(replacing);
    if (!replacing->error)
        replacing->error = (int)result;
    if (!is_tidying(&replacing->step))
        hark_cancel(&replacing->step);
    if (replacing->kept)
        facts_cancel(&replacing->kept->facts);
}

static void tidy(struct hark_file_replace *replacing);

static void file_closed(struct hark_op *op, int64_t result)
{
    (void)result; /* it is removed */
    of_step(op)->fd = -1;
    tidy(of_step(op));
}

/* One that hark_cancel_all has met is made again. */
static void removed(struct hark_op *op, int64_t result)
{
    of_step(op)->made = result == -ECANCELED;
    tidy(of_step(op));
}

static void directory_closed(struct hark_op *op, int64_t result)
{
    (void)result; /* nothing was written to it */
    of_step(op)->directory = -1;
    tidy(of_step(op));
}

static void tidy(struct hark_file_replace *replacing)
{
    struct hark_op *step = &replacing->step;
    if (replacing->fd >= 0)
        return hark_close(replacing->loop, step, replacing->fd, file_closed);
    if (replacing->made)
        return hark_unlinkat(replacing->loop, step, replacing->directory, replacing->temporary, 0,
                             removed);
    if (replacing->directory >= 0)
        return hark_close(replacing->loop, step, replacing->directory, directory_closed);
    finish(replacing);
}

/* Whether a step has failed, or the caller has stopped it: then what there is goes. */
static bool is_over(struct hark_file_replace *replacing, int64_t result)
{
    if (result < 0 && !replacing->error)
        replacing->error = (int)result;
    bool over = replacing->error != 0;
    if (over) /* behind which it may be gone */
        tidy(replacing);
    return over;
}

/* --- the steps, the last first --- */

/* File systems that cannot sync a directory say -EINVAL. */
static void directory_synced(struct hark_op *op, int64_t result)
{
    if (!is_over(of_step(op), result == -EINVAL ? 0 : result))
        tidy(of_step(op));
}

static void renamed(struct hark_op *op, int64_t result)
{
    struct hark_file_replace *replacing = of_step(op);
    if (result == 0) {
        replacing->replaced = true;
        replacing->made = false;
    }
    if (!is_over(replacing, result))
        hark_fsync(replacing->loop, op, replacing->directory, directory_synced);
}

static void written_and_closed(struct hark_op *op, int64_t result)
{
    struct hark_file_replace *replacing = of_step(op);
    replacing->fd = -1;
    if (!is_over(replacing, result))
        hark_renameat(replacing->loop, op, replacing->directory, replacing->temporary,
                      replacing->directory, replacing->name, 0, renamed);
}

static void synced(struct hark_op *op, int64_t result)
{
    struct hark_file_replace *replacing = of_step(op);
    if (!is_over(replacing, result))
        hark_close(replacing->loop, op, replacing->fd, written_and_closed);
}

/* --- what is kept --- */

static void all_kept(struct hark_file_replace *replacing)
{
    hark_fsync(replacing->loop, &replacing->step, replacing->fd, synced);
}

static void facts_kept(struct facts *facts, int error)
{
    struct hark_file_replace *replacing =
        hark_container_of(facts, struct hark_file_kept, facts)->replacing;
    if (!is_over(replacing, error))
        all_kept(replacing);
}

static unsigned kinds_of(uint32_t keeps)
{
    return (keeps & HARK_FILE_KEEP_MODE ? FACTS_MODE : 0u) |
           (keeps & HARK_FILE_KEEP_OWNER ? FACTS_OWNER : 0u) |
           (keeps & HARK_FILE_KEEP_ATTRIBUTES ? FACTS_ATTRIBUTES : 0u);
}

/* Where there is no old file, or no regular one, there is nothing to keep. */
static void old_known(struct hark_op *op, int64_t result)
{
    struct hark_file_replace *replacing = of_step(op);
    struct hark_file_kept *kept = replacing->kept;
    bool is_none = result == -ENOENT || (result == 0 && !S_ISREG(kept->status.stx_mode));
    if (is_over(replacing, is_none ? 0 : result))
        return;
    if (is_none)
        return all_kept(replacing);
    kept->facts.loop = replacing->loop;
    kept->facts.done = facts_kept;
    kept->facts.from =
        (struct file_place){replacing->directory, replacing->name, AT_SYMLINK_NOFOLLOW};
    kept->facts.to = (struct file_place){replacing->fd, "", AT_EMPTY_PATH};
    kept->facts.status = &kept->status;
    kept->facts.kinds = kinds_of(replacing->keeps);
    facts_give(&kept->facts);
}

static void keep(struct hark_file_replace *replacing)
{
    if (!replacing->keeps)
        return all_kept(replacing);
    replacing->kept = calloc(1, sizeof *replacing->kept);
    if (!replacing->kept) {
        (void)is_over(replacing, -ENOMEM);
        return;
    }
    replacing->kept->replacing = replacing;
    hark_statx(replacing->loop, &replacing->step, replacing->directory, replacing->name,
               AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &replacing->kept->status, old_known);
}

/* --- the content --- */

static void written(struct hark_op *op, int64_t result);

static void write_on(struct hark_file_replace *replacing)
{
    size_t left = replacing->count - replacing->written;
    if (left == 0)
        return keep(replacing);
    hark_write(replacing->loop, &replacing->step, replacing->fd,
               replacing->bytes + replacing->written, left, (int64_t)replacing->written, written);
}

static void written(struct hark_op *op, int64_t result)
{
    struct hark_file_replace *replacing = of_step(op);
    if (is_over(replacing, result == 0 ? -EIO : result))
        return;
    replacing->written += (size_t)result;
    write_on(replacing);
}

static void make_temporary(struct hark_file_replace *replacing);

static void made(struct hark_op *op, int64_t result)
{
    struct hark_file_replace *replacing = of_step(op);
    if (result == -EEXIST && !replacing->error && ++replacing->tries < TRIES_MAX)
        return make_temporary(replacing);
    if (result >= 0) {
        replacing->fd = (int)result;
        replacing->made = true;
    }
    if (!is_over(replacing, result))
        write_on(replacing);
}

static void make_temporary(struct hark_file_replace *replacing)
{
    uint64_t number = 0;
    int error = hark_os_random(replacing->loop, &number, sizeof number);
    if (is_over(replacing, error))
        return;
    snprintf(replacing->temporary, sizeof replacing->temporary, ".hark-%016llx",
             (unsigned long long)number);
    hark_openat(replacing->loop, &replacing->step, replacing->directory, replacing->temporary,
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, replacing->mode, made);
}

static void directory_opened(struct hark_op *op, int64_t result)
{
    struct hark_file_replace *replacing = of_step(op);
    if (result >= 0)
        replacing->directory = (int)result;
    if (!is_over(replacing, result))
        make_temporary(replacing);
}

/* --- the start --- */

/* Cuts the copy of the path in two. Gives: the directory's; NULL: there is no name behind it. */
static const char *split(struct hark_file_replace *replacing)
{
    char *slash = strrchr(replacing->text, '/');
    const char *name = slash ? slash + 1 : replacing->text;
    replacing->name = name;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return NULL;
    if (slash)
        *slash = '\0';
    return !slash ? "." : slash == replacing->text ? "/" : replacing->text;
}

void hark_file_replace_start(struct hark_loop *loop, struct hark_file_replace *replacing,
                             int directory, const char *path, const void *bytes, size_t count,
                             mode_t mode, hark_file_replace_done *done)
{
    hark_sleep_until(loop, &replacing->op, HARK_NEVER, ended);
    replacing->loop = loop;
    replacing->replaced = replacing->made = replacing->finished = false;
    replacing->done = done;
    replacing->bytes = bytes;
    replacing->count = count;
    replacing->written = 0;
    replacing->mode = mode;
    replacing->directory = replacing->fd = -1;
    replacing->error = 0;
    replacing->tries = 0;
    replacing->kept = NULL;
    replacing->text = strdup(path);
    const char *parent = replacing->text ? split(replacing) : NULL;
    if (!parent) {
        (void)is_over(replacing, replacing->text ? -EINVAL : -ENOMEM);
        return;
    }
    hark_openat(loop, &replacing->step, directory, parent, O_RDONLY | O_DIRECTORY, 0,
                directory_opened);
}
