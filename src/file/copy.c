/* copy.c - a tree of files copied: a walk (walk.c) that waits at each entry until that is made.
 *
 * A directory is made when the walk comes to it, writable, and gets its mode and its times when it
 * is left, as what is made in it would change them. All but the top is named by its path below the
 * copy's top directory, which is open. Content and facts of a file are of one file, whatever
 * becomes of its name meanwhile: they are asked of the open descriptor.
 *
 * The caller's op is a timer that never comes, so it can be cancelled and have a deadline; the
 * steps have an op of their own. What must hold: whatever comes of a step, the walk goes on, and
 * `done` comes when it has ended and nothing is open. */
#include "base/statx.h"
#include "file/facts.h"
#include "file/links.h"
#include "hark/close.h"
#include "hark/file.h"
#include "hark/timer.h"
#include "hark/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_BYTES = 4 << 20, BLOCK_BYTES = 256 << 10 };

struct hark_copy_state {
    struct hark_copy *copy;
    struct hark_op step;
    struct hark_copy_options options;
    int to_directory;
    char *to;
    int top; /* the copy's top directory; -1: there is none */
    struct statx top_status;
    const struct hark_walk_entry *entry; /* which the walk waits at */
    struct statx status;                 /* its own; of a file once it is open, of that */
    int from, made;                      /* the file's descriptors; -1: they are not open */
    uint64_t moved;                      /* bytes of it */
    size_t filled, written;              /* of the block */
    int error;                           /* the first that `failed` was told of */
    int fatal;                           /* why it must not go on */
    bool broken, finished;
    struct links links;
    struct facts facts;
    char block[BLOCK_BYTES];
};

static struct hark_copy_state *of_step(struct hark_op *op)
{
    return hark_container_of(op, struct hark_copy_state, step);
}

static struct hark_loop *loop_of(const struct hark_copy_state *state)
{
    return state->copy->loop;
}

/* Where the entry is made. */
static int directory_of(const struct hark_copy_state *state)
{
    return state->entry->depth == 0 ? state->to_directory : state->top;
}

static const char *path_of(const struct hark_copy_state *state)
{
    return state->entry->depth == 0 ? state->to : state->entry->path;
}

/* --- its end --- */

static void tell_done(struct hark_copy_state *state)
{
    struct hark_copy *copy = state->copy;
    int error = state->fatal ? state->fatal : state->error;
    copy->state = NULL;
    links_done(&state->links);
    free(state->to);
    free(state);
    copy->done(copy, error);
}

/* The op is due now, or has ended already: cancelled, or late. */
static void finish(struct hark_copy_state *state)
{
    state->finished = true;
    if (hark_op_active(&state->copy->op))
        hark_sleep_move(&state->copy->op, 0);
    else
        tell_done(state);
}

static void ended(struct hark_op *op, int64_t result)
{
    struct hark_copy *copy = hark_container_of(op, struct hark_copy, op);
    struct hark_copy_state *state = copy->state;
    if (state->finished)
        return tell_done(state);
    if (!state->fatal)
        state->fatal = (int)result;
    if (hark_op_active(&state->step) && hark_op_kind(&state->step) != HARK_OP_CLOSE)
        hark_cancel(&state->step);
    facts_cancel(&state->facts);
    hark_cancel(&copy->walk.op);
}

static void top_closed(struct hark_op *op, int64_t result)
{
    (void)result; /* nothing was written to it */
    finish(of_step(op));
}

static void walked(struct hark_walk *walk, int error)
{
    struct hark_copy_state *state = hark_container_of(walk, struct hark_copy, walk)->state;
    if (!state->fatal)
        state->fatal = error;
    if (state->top < 0)
        return finish(state);
    hark_close(loop_of(state), &state->step, state->top, top_closed);
}

/* --- one entry's end --- */

static void fail(struct hark_copy_state *state, int64_t error)
{
    struct hark_copy *copy = state->copy;
    if (!state->error)
        state->error = (int)error;
    copy->failures++;
    if (state->options.failed)
        state->options.failed(copy, state->entry->path, (int)error);
}

static void tell_progress(struct hark_copy_state *state)
{
    if (state->options.progressed)
        state->options.progressed(state->copy, state->entry->path);
}

static void next(struct hark_copy_state *state, enum hark_walk_next next)
{
    hark_walk_go_on(&state->copy->walk, state->fatal ? HARK_WALK_STOP : next);
}

static void take_facts(struct hark_copy_state *state);
static void close_files(struct hark_copy_state *state);

static void leave(struct hark_copy_state *state);

static void source_closed(struct hark_op *op, int64_t result)
{
    (void)result; /* nothing was written to it */
    leave(of_step(op));
}

static void leave(struct hark_copy_state *state)
{
    int from = state->from;
    state->from = -1;
    if (from < 0)
        return next(state, HARK_WALK_ON);
    hark_close(loop_of(state), &state->step, from, source_closed);
}

static void made_closed(struct hark_op *op, int64_t result)
{
    struct hark_copy_state *state = of_step(op);
    if (result < 0 && !state->broken) {
        state->broken = true;
        fail(state, result);
    }
    close_files(state);
}

/* Then its facts follow; none of what is but a part. */
static void close_files(struct hark_copy_state *state)
{
    int made = state->made;
    state->made = -1;
    if (made >= 0)
        return hark_close(loop_of(state), &state->step, made, made_closed);
    if (state->fatal || state->broken)
        return leave(state);
    take_facts(state);
}

/* Whether the copy must not go on: then what is open is closed. */
static bool is_over(struct hark_copy_state *state, int64_t result)
{
    if (result == -ECANCELED && !state->fatal)
        state->fatal = -ECANCELED;
    bool over = state->fatal != 0;
    if (over) /* behind which it may be gone */
        close_files(state);
    return over;
}

static void fail_entry(struct hark_copy_state *state, int64_t error)
{
    state->broken = true;
    fail(state, error);
    close_files(state);
}

/* Whether the entry can go on: neither the copy is over, nor has the step failed. */
static bool goes_on(struct hark_copy_state *state, int64_t result)
{
    if (is_over(state, result))
        return false;
    if (result < 0)
        fail_entry(state, result);
    return result >= 0;
}

/* --- facts --- */

static void facts_given(struct facts *facts, int error)
{
    struct hark_copy_state *state = hark_container_of(facts, struct hark_copy_state, facts);
    if (is_over(state, error))
        return;
    if (error)
        fail(state, error);
    tell_progress(state);
    leave(state);
}

static void take_facts(struct hark_copy_state *state)
{
    struct facts *facts = &state->facts;
    const struct hark_walk_entry *entry = state->entry;
    facts->loop = loop_of(state);
    facts->done = facts_given;
    facts->from = state->from >= 0
                      ? (struct file_place){state->from, "", AT_EMPTY_PATH}
                      : (struct file_place){entry->directory, entry->name, AT_SYMLINK_NOFOLLOW};
    facts->to = (struct file_place){directory_of(state), path_of(state), AT_SYMLINK_NOFOLLOW};
    facts->status = &state->status;
    facts->kinds = FACTS_OWNER | FACTS_ATTRIBUTES | FACTS_MODE | FACTS_TIMES | FACTS_AS_ALLOWED;
    facts_give(facts);
}

/* --- content --- */

static void copy_on(struct hark_copy_state *state);
static void read_on(struct hark_copy_state *state);

static void content_done(struct hark_copy_state *state)
{
    int error = 0;
    if (state->status.stx_nlink > 1 && state->entry->depth > 0)
        error = links_remember(&state->links, &state->status, state->entry->path);
    if (error && !state->fatal)
        state->fatal = error;
    close_files(state);
}

static void count_bytes(struct hark_copy_state *state, int64_t count)
{
    state->moved += (uint64_t)count;
    state->copy->bytes += (uint64_t)count;
}

static void wrote(struct hark_op *op, int64_t result)
{
    struct hark_copy_state *state = of_step(op);
    if (!goes_on(state, result == 0 ? -EIO : result))
        return;
    state->written += (size_t)result;
    count_bytes(state, result);
    if (state->written < state->filled)
        return hark_write(loop_of(state), op, state->made, state->block + state->written,
                          state->filled - state->written, HARK_AT_POSITION, wrote);
    tell_progress(state);
    read_on(state);
}

static void has_read(struct hark_op *op, int64_t result)
{
    struct hark_copy_state *state = of_step(op);
    if (!goes_on(state, result))
        return;
    if (result == 0)
        return content_done(state);
    state->filled = (size_t)result;
    state->written = 0;
    hark_write(loop_of(state), op, state->made, state->block, state->filled, HARK_AT_POSITION,
               wrote);
}

static void read_on(struct hark_copy_state *state)
{
    hark_read(loop_of(state), &state->step, state->from, state->block, sizeof state->block,
              HARK_AT_POSITION, has_read);
}

/* Between some file systems the kernel copies nothing; and of files whose length nobody tells, as
 * in /proc, it says at once that they have ended. */
static bool may_be_read(const struct hark_copy_state *state, int64_t result)
{
    return state->moved == 0 && (result == 0 || result == -EXDEV || result == -EINVAL ||
                                 result == -EOPNOTSUPP || result == -ENOSYS || result == -EPERM);
}

static void copied(struct hark_op *op, int64_t result)
{
    struct hark_copy_state *state = of_step(op);
    if (!state->fatal && may_be_read(state, result))
        return read_on(state);
    if (!goes_on(state, result))
        return;
    if (result == 0)
        return content_done(state);
    count_bytes(state, result);
    tell_progress(state);
    copy_on(state);
}

static void copy_on(struct hark_copy_state *state)
{
    hark_copy_file_range(loop_of(state), &state->step, state->from, HARK_AT_POSITION, state->made,
                         HARK_AT_POSITION, PIECE_BYTES, copied);
}

/* --- what is made --- */

static void file_made(struct hark_op *op, int64_t result)
{
    struct hark_copy_state *state = of_step(op);
    if (result >= 0)
        state->made = (int)result;
    if (!goes_on(state, result))
        return;
    state->copy->entries++;
    copy_on(state);
}

/* What the walk saw may have another name by now; and a pipe in its place would never end. */
static void source_known(struct hark_op *op, int64_t result)
{
    struct hark_copy_state *state = of_step(op);
    bool is_other = result == 0 && !S_ISREG(state->status.stx_mode);
    if (!goes_on(state, is_other ? -EOPNOTSUPP : result))
        return;
    hark_openat(loop_of(state), op, directory_of(state), path_of(state),
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, file_made);
}

/* One that has vanished was not there. */
static void source_opened(struct hark_op *op, int64_t result)
{
    struct hark_copy_state *state = of_step(op);
    if (result >= 0)
        state->from = (int)result;
    if (result == -ENOENT)
        return next(state, HARK_WALK_ON);
    if (!goes_on(state, result))
        return;
    hark_statx(loop_of(state), op, state->from, "", AT_EMPTY_PATH, STATX_BASIC_STATS,
               &state->status, source_known);
}

static void link_made(struct hark_op *op, int64_t result)
{
    struct hark_copy_state *state = of_step(op);
    if (!goes_on(state, result))
        return;
    state->copy->entries++;
    content_done(state);
}

static void link_read(struct hark_op *op, int64_t result)
{
    struct hark_copy_state *state = of_step(op);
    if (result == -ENOENT)
        return next(state, HARK_WALK_ON);
    if (!goes_on(state, result))
        return;
    state->block[result] = '\0';
    hark_symlinkat(loop_of(state), op, state->block, directory_of(state), path_of(state),
                   link_made);
}

static void make_alone(struct hark_copy_state *state)
{
    const struct hark_walk_entry *entry = state->entry;
    if (entry->type == DT_REG)
        return hark_openat(loop_of(state), &state->step, entry->directory, entry->name,
                           O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, source_opened);
    hark_readlinkat(loop_of(state), &state->step, entry->directory, entry->name, state->block,
                    sizeof state->block - 1, link_read);
}

/* Where no further name can be had, it is a file of its own. */
static void name_made(struct hark_op *op, int64_t result)
{
    struct hark_copy_state *state = of_step(op);
    bool has_no_more = result == -EMLINK || result == -EPERM || result == -EXDEV;
    if (has_no_more && !state->fatal)
        return make_alone(state);
    if (!goes_on(state, result))
        return;
    state->copy->entries++;
    tell_progress(state);
    next(state, HARK_WALK_ON);
}

static void make_file(struct hark_copy_state *state)
{
    const char *known = links_find(&state->links, &state->status);
    if (!known)
        return make_alone(state);
    hark_linkat(loop_of(state), &state->step, state->top, known, state->top, state->entry->path, 0,
                name_made);
}

/* --- directories --- */

static void top_known(struct hark_op *op, int64_t result)
{
    struct hark_copy_state *state = of_step(op);
    if (is_over(state, result))
        return;
    if (result < 0) {
        fail(state, result);
        return next(state, HARK_WALK_PASS);
    }
    next(state, HARK_WALK_ON);
}

static void top_opened(struct hark_op *op, int64_t result)
{
    struct hark_copy_state *state = of_step(op);
    if (result >= 0)
        state->top = (int)result;
    if (is_over(state, result))
        return;
    if (result < 0)
        return top_known(op, result);
    hark_statx(loop_of(state), op, state->top, "", AT_EMPTY_PATH, STATX_INO, &state->top_status,
               top_known);
}

static void directory_made(struct hark_op *op, int64_t result)
{
    struct hark_copy_state *state = of_step(op);
    if (is_over(state, result))
        return;
    if (result < 0) {
        fail(state, result);
        return next(state, HARK_WALK_PASS);
    }
    state->copy->entries++;
    if (state->entry->depth > 0)
        return next(state, HARK_WALK_ON);
    hark_openat(loop_of(state), op, state->to_directory, state->to,
                O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, top_opened);
}

static enum hark_walk_next told(struct hark_walk *walk, const struct hark_walk_entry *entry)
{
    struct hark_copy_state *state = hark_container_of(walk, struct hark_copy, walk)->state;
    state->entry = entry;
    state->broken = false;
    state->moved = 0;
    if (state->fatal)
        return HARK_WALK_STOP;
    if (entry->error)
        fail(state, entry->error);
    if (!entry->status)
        return HARK_WALK_ON;
    state->status = *entry->status;
    if (entry->kind == HARK_WALK_LEFT) {
        take_facts(state);
    } else if (entry->kind == HARK_WALK_DIRECTORY) {
        if (state->top >= 0 && links_are_one(&state->status, &state->top_status))
            return HARK_WALK_PASS;
        hark_mkdirat(loop_of(state), &state->step, directory_of(state), path_of(state), 0700,
                     directory_made);
    } else if (entry->type == DT_REG || entry->type == DT_LNK) {
        make_file(state);
    } else {
        fail(state, -EOPNOTSUPP);
        return HARK_WALK_ON;
    }
    return HARK_WALK_WAIT;
}

/* --- the start --- */

static void could_not_begin(struct hark_op *op, int64_t result)
{
    struct hark_copy *copy = hark_container_of(op, struct hark_copy, op);
    (void)result;
    copy->done(copy, -ENOMEM);
}

static struct hark_copy_state *create(const char *to)
{
    struct hark_copy_state *state = calloc(1, sizeof *state);
    if (!state)
        return NULL;
    state->to = strdup(to);
    if (state->to)
        return state;
    free(state);
    return NULL;
}

void hark_copy_start(struct hark_loop *loop, struct hark_copy *copy, int from_directory,
                     const char *from, int to_directory, const char *to,
                     const struct hark_copy_options *options, hark_copy_done *done)
{
    struct hark_copy_state *state = create(to);
    copy->loop = loop;
    copy->bytes = copy->entries = copy->failures = 0;
    copy->done = done;
    copy->state = state;
    if (!state)
        return hark_defer(loop, &copy->op, could_not_begin);
    state->copy = copy;
    state->to_directory = to_directory;
    state->top = state->from = state->made = -1;
    if (options)
        state->options = *options;
    const struct hark_walk_options walk = {
        .mask = STATX_BASIC_STATS,
        .depth_max = state->options.depth_max,
        .open_max = state->options.open_max,
    };
    hark_sleep_until(loop, &copy->op, HARK_NEVER, ended);
    hark_walk_start(loop, &copy->walk, from_directory, from, &walk, told, walked);
}
