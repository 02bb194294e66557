/* 35_sd_event.c - counts what happens in a directory, inside of systemd's event loop, and says so
 * once a second while something does.
 *
 * Shows: a hark loop as event sources of sd-event(3). The signals and the timer are systemd's, the
 * watch is hark's, and one sd_event_loop calls back for all of them, in one thread.
 *
 * Try:   ./35_sd_event . &         and change something
 *        kill %1
 */
#include "hark.h"
#include "hark/adapters/sd_event.h"
#include <signal.h>
#include <stdio.h>

enum { SECOND_US = 1000000 };

static struct program {
    struct hark_watch watch;
    struct hark_sd_event adapter;
    sd_event *event;
    sd_event_source *timer;
    unsigned changes; /* that nobody was told of yet */
    int error;
} program;

/* --- hark's side --- */

static void told(struct hark_watch *watch, const struct hark_watch_event *event)
{
    (void)watch;
    if (event->kind == HARK_WATCH_READY) {
        printf("ready\n");
        return;
    }
    if (program.changes++ == 0) { /* the first of this second */
        sd_event_source_set_time_relative(program.timer, SECOND_US);
        sd_event_source_set_enabled(program.timer, SD_EVENT_ONESHOT);
    }
}

static void closed(struct hark_watch *watch, int error)
{
    (void)watch;
    program.error = error;
    sd_event_exit(program.event, error);
}

static const struct hark_watch_events events = {.told = told, .closed = closed};

/* --- systemd's side --- */

static int second_is_over(sd_event_source *source, uint64_t at_us, void *nothing)
{
    (void)source;
    (void)at_us;
    (void)nothing;
    printf("%u changes\n", program.changes);
    program.changes = 0;
    return 0;
}

static int terminate(sd_event_source *source, const struct signalfd_siginfo *info, void *nothing)
{
    (void)source;
    (void)info;
    (void)nothing;
    hark_watch_close(&program.watch); /* and `closed` ends the loop */
    return 0;
}

static int watch_directory(struct hark_loop *loop, const char *path)
{
    static const struct hark_watch_options options = {.flags = HARK_WATCH_RECURSIVE};
    sigset_t signals;
    int error;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL); /* sd-event has it by signalfd(2) */
    if ((error = sd_event_default(&program.event)) < 0 ||
        (error = hark_sd_event_add(&program.adapter, program.event, loop)) < 0)
        return error;
    if ((error = sd_event_add_signal(program.event, NULL, SIGTERM, terminate, NULL)) >= 0 &&
        (error = sd_event_add_time(program.event, &program.timer, CLOCK_MONOTONIC, 0, 0,
                                   second_is_over, NULL)) >= 0 &&
        (error = sd_event_source_set_enabled(program.timer, SD_EVENT_OFF)) >= 0 &&
        (error = hark_watch_open(loop, &program.watch, path, &options, &events)) >= 0)
        error = sd_event_loop(program.event);
    hark_sd_event_remove(&program.adapter);
    sd_event_source_unref(program.timer);
    sd_event_unref(program.event);
    return error;
}

int main(int count, char **arguments)
{
    struct hark_loop *loop;
    int error;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count != 2) {
        fprintf(stderr, "usage: 35_sd_event PATH\n");
        return 2;
    }
    if ((error = hark_loop_create(NULL, &loop)) == 0) {
        error = watch_directory(loop, arguments[1]);
        hark_loop_destroy(loop);
    }
    if (error < 0) { /* -ENOTSUP: poll and select have no descriptor that another loop could have */
        fprintf(stderr, "35_sd_event: %s: %s\n", arguments[1], hark_error_text(error));
        return 1;
    }
    return 0;
}
