/* 20_copy_tree.c - copies a file, or a directory with all that is in it.
 *
 * Shows: hark_copy_start copies content, links, modes, times, owners and attributes, and says of
 * what it cannot copy why; a first walk (hark_walk_start) counts what there is, so that one can say
 * how much is done. Ctrl-C ends it, and leaves what is there.
 *
 * Try:   ./20_copy_tree include copied
 */
#include "hark.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

static struct program {
    const char *from, *to;
    struct hark_walk walk;
    struct hark_copy copy;
    struct hark_op interrupt;
    uint64_t bytes, entries; /* that there are */
    int shown;               /* of a hundred parts */
    int code;                /* of the program's end */
} program;

static void complain(const char *path, int error)
{
    fprintf(stderr, "20_copy_tree: %s%s%s: %s\n", program.from, *path ? "/" : "", path,
            hark_error_text(error));
    program.code = 1;
}

static void end(int error)
{
    if (error == -ECANCELED)
        program.code = 130;
    hark_cancel(&program.interrupt);
}

/* --- copying --- */

static void progressed(struct hark_copy *copy, const char *path)
{
    uint64_t all = program.bytes + program.entries, done = copy->bytes + copy->entries;
    int part = all > 0 ? (int)(done * 100 / all) : 100;
    (void)path;
    if (part <= program.shown || part > 100)
        return;
    program.shown = part;
    fprintf(stderr, "\r%d %%", part);
}

static void failed(struct hark_copy *copy, const char *path, int error)
{
    (void)copy;
    complain(path, error);
}

static void copied(struct hark_copy *copy, int error)
{
    if (error && !copy->failures && error != -ECANCELED)
        complain("", error);
    if (program.shown)
        fprintf(stderr, "\n");
    printf("%llu entries, %llu bytes\n", (unsigned long long)copy->entries,
           (unsigned long long)copy->bytes);
    end(error);
}

/* --- counting --- */

static enum hark_walk_next counted(struct hark_walk *walk, const struct hark_walk_entry *entry)
{
    (void)walk;
    if (entry->kind == HARK_WALK_LEFT)
        return HARK_WALK_ON;
    program.entries++;
    if (entry->status && S_ISREG(entry->status->stx_mode))
        program.bytes += entry->status->stx_size;
    return HARK_WALK_ON;
}

static void walked(struct hark_walk *walk, int error)
{
    static const struct hark_copy_options options = {.failed = failed, .progressed = progressed};
    if (error) {
        if (error != -ECANCELED)
            complain("", error);
        return end(error);
    }
    hark_copy_start(walk->loop, &program.copy, AT_FDCWD, program.from, AT_FDCWD, program.to,
                    &options, copied);
}

static void interrupted(struct hark_op *op, int64_t number)
{
    (void)op;
    if (number < 0)
        return;
    hark_cancel(&program.walk.op);
    hark_cancel(&program.copy.op);
}

int main(int argc, char **argv)
{
    static const struct hark_walk_options options = {.mask = STATX_TYPE | STATX_SIZE};
    struct hark_loop *loop;
    if (argc != 3) {
        fprintf(stderr, "usage: 20_copy_tree FROM TO\n");
        return 2;
    }
    program.from = argv[1];
    program.to = argv[2];
    int error = hark_loop_create(NULL, &loop);
    if (error) {
        fprintf(stderr, "20_copy_tree: %s\n", hark_error_text(error));
        return 1;
    }
    hark_signal_each(loop, &program.interrupt, SIGINT, interrupted);
    hark_walk_start(loop, &program.walk, AT_FDCWD, program.from, &options, counted, walked);
    error = hark_run(loop);
    hark_loop_destroy(loop);
    return error < 0 ? 1 : program.code;
}
