/* 28_watch_mount.c - prints what happens below a directory, however large it is, and which process
 * did it.
 *
 * Shows: hark_watch_mount asks the kernel for a whole file system at once. That needs rights which
 * a user has not; then the example says so, and 19_watch.c does without them.
 *
 * Try:   sudo ./28_watch_mount /       and change something; Ctrl-C ends it
 */
#include "hark.h"
#include <signal.h>
#include <stdio.h>

static struct program {
    struct hark_watch_mount watch;
    struct hark_op interrupt;
    int code; /* of the program's end */
} program;

static const char *word_of(enum hark_watch_kind kind)
{
    switch (kind) {
    case HARK_WATCH_CREATED:
        return "created";
    case HARK_WATCH_REMOVED:
        return "removed";
    case HARK_WATCH_RENAMED:
        return "renamed";
    case HARK_WATCH_WRITTEN:
        return "written";
    case HARK_WATCH_READY:
        return "ready";
    default:
        return "too much: some is lost";
    }
}

static void told(struct hark_watch_mount *watch, const struct hark_watch_mount_event *event)
{
    (void)watch;
    printf("%s %s", word_of(event->kind), *event->path ? event->path : ".");
    if (event->from)
        printf(", was %s", *event->from ? event->from : ".");
    if (event->process)
        printf(", by %d", event->process);
    printf("\n");
    (void)fflush(stdout);
}

static void closed(struct hark_watch_mount *watch, int error)
{
    (void)watch;
    if (error) {
        fprintf(stderr, "28_watch_mount: %s\n", hark_error_text(error));
        program.code = 1;
    }
    hark_cancel(&program.interrupt);
}

static const struct hark_watch_mount_events events = {.told = told, .closed = closed};

static void interrupted(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
    hark_watch_mount_close(&program.watch); /* where it is closed already, nothing happens */
}

int main(int count, char **arguments)
{
    const uint32_t kinds =
        HARK_WATCH_CREATED | HARK_WATCH_REMOVED | HARK_WATCH_RENAMED | HARK_WATCH_WRITTEN;
    struct hark_loop *loop;
    int error;

    if (count != 2) {
        fprintf(stderr, "usage: 28_watch_mount DIRECTORY\n");
        return 2;
    }
    if ((error = hark_loop_create(NULL, &loop)) < 0) {
        fprintf(stderr, "28_watch_mount: cannot make a loop: %s\n", hark_error_text(error));
        return 1;
    }
    hark_signal_each(loop, &program.interrupt, SIGINT, interrupted);
    error = hark_watch_mount_open(loop, &program.watch, arguments[1], kinds, &events);
    if (error < 0) {
        fprintf(stderr, "28_watch_mount: %s: %s\n", arguments[1], hark_error_text(error));
        program.code = 1;
        hark_cancel(&program.interrupt);
    }
    error = hark_run(loop);
    hark_loop_destroy(loop);
    return error ? 1 : program.code;
}
