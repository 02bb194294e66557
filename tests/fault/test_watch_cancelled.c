/* test_watch_cancelled.c - hark_cancel_all while a thread of the pool looks at something for a
 * watch (hark/watch.h, hark/watch_mount.h): it cannot be taken back, and the watch ends all the
 * same. */
#include "conform/mounted.h"
#include "fault/faults.h"

#include <errno.h>
#include <semaphore.h>

/* A call on that thread, which waits in it. */
static struct {
    sem_t is_in, may_go;
} gate;

static void take(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        ;
}

static void wait_at_gate(void *context)
{
    (void)context;
    sem_post(&gate.is_in);
    take(&gate.may_go);
}

static void close_gate(const char *call)
{
    sem_init(&gate.is_in, 0, 0);
    sem_init(&gate.may_go, 0, 0);
    FAULT(.calls = call, .before = wait_at_gate);
}

static void cancel_all_in_between(struct hark_loop *loop)
{
    take(&gate.is_in);
    hark_cancel_all(loop);
    sem_post(&gate.may_go);
}

BACKEND_TEST(mount_that_is_cancelled_with_all_on_a_thread_ends)
{
    struct mounted mounted = {0};
    mounted_mount();
    close_gate("kernel_fanotify_mark");
    mounted_start(&mounted, loop, "", 0);
    cancel_all_in_between(loop);
    mounted_await_end(&mounted);
    assert_result(mounted.error, -ECANCELED);
}

/* --- a tree --- */

static bool is_closed;
static int told, error_of_closed;

static void note(struct hark_watch *watch, const struct hark_watch_event *event)
{
    (void)watch;
    (void)event;
    told++;
}

static void closed(struct hark_watch *watch, int error)
{
    (void)watch;
    is_closed = true;
    error_of_closed = error;
}

static void cancel_all(struct hark_watch *watch, const struct hark_watch_event *event)
{
    note(watch, event);
    hark_cancel_all(watch->loop);
}

static void open_watch(struct hark_loop *loop, struct hark_watch *watch,
                       const struct hark_watch_events *events)
{
    is_closed = false;
    told = 0;
    assert_result(hark_watch_open(loop, watch, harness_directory(), NULL, events), 0);
}

BACKEND_TEST(watch_that_is_cancelled_with_all_on_a_thread_ends)
{
    static const struct hark_watch_events events = {.told = note, .closed = closed};
    struct hark_watch watch = {0};
    close_gate("kernel_getdents64");
    open_watch(loop, &watch, &events);
    cancel_all_in_between(loop);
    harness_run_until(loop, &is_closed);
    assert_result(error_of_closed, -ECANCELED);
    assert_int_equal(told, 0);
}

BACKEND_TEST(watch_whose_owner_cancels_all_in_a_callback_ends)
{
    static const struct hark_watch_events events = {.told = cancel_all, .closed = closed};
    struct hark_watch watch = {0};
    open_watch(loop, &watch, &events);
    harness_run_until(loop, &is_closed);
    assert_result(error_of_closed, -ECANCELED);
    assert_int_equal(told, 1);
}
