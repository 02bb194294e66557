/* 19_watch.c - prints what happens to a file, or in a directory and all below it.
 *
 * Shows: hark_watch tells changes as they happen, what is new in new directories too. It also says
 * what it cannot tell: a directory that is not watched, events that the kernel has dropped.
 *
 * Try:   ./19_watch .                  and change something; Ctrl-C ends it
 */
#include "hark.h"
#include <signal.h>
#include <stdio.h>

static struct program {
    struct hark_watch watch;
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
    case HARK_WATCH_MODIFIED:
        return "modified";
    case HARK_WATCH_WRITTEN:
        return "written";
    case HARK_WATCH_ATTRIBUTES:
        return "attributes";
    case HARK_WATCH_READY:
        return "ready";
    case HARK_WATCH_OVERFLOW:
        return "too much: some is lost";
    case HARK_WATCH_UNWATCHED:
        return "not watched";
    }
    return "?";
}

static void told(struct hark_watch *watch, const struct hark_watch_event *event)
{
    (void)watch;
    printf("%s %s", word_of(event->kind), *event->path ? event->path : ".");
    if (event->from)
        printf(", was %s", *event->from ? event->from : ".");
    if (event->error)
        printf(": %s", hark_error_text(event->error));
    printf("\n");
    (void)fflush(stdout);
}

static void closed(struct hark_watch *watch, int error)
{
    (void)watch;
    if (error) {
        fprintf(stderr, "19_watch: %s\n", hark_error_text(error));
        program.code = 1;
    }
    hark_cancel(&program.interrupt);
}

static const struct hark_watch_events events = {.told = told, .closed = closed};

static void interrupted(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
    hark_watch_close(&program.watch); /* where it is closed already, nothing happens */
}

int main(int count, char **arguments)
{
    static const struct hark_watch_options options = {.flags = HARK_WATCH_RECURSIVE};
    struct hark_loop *loop;
    int error;

    if (count != 2) {
        fprintf(stderr, "usage: 19_watch PATH\n");
        return 2;
    }
    if ((error = hark_loop_create(NULL, &loop)) < 0) {
        fprintf(stderr, "19_watch: cannot make a loop: %s\n", hark_error_text(error));
        return 1;
    }
    hark_signal_each(loop, &program.interrupt, SIGINT, interrupted);
    error = hark_watch_open(loop, &program.watch, arguments[1], &options, &events);
    if (error < 0) {
        fprintf(stderr, "19_watch: %s: %s\n", arguments[1], hark_error_text(error));
        program.code = 1;
        hark_cancel(&program.interrupt);
    }
    error = hark_run(loop);
    hark_loop_destroy(loop);
    return error ? 1 : program.code;
}
