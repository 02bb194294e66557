/* post_ev.c - ev_async from other threads. Its sends are merged, so what is handed over stands in a
 * queue under a mutex, as its manual has it. See post.h. */
#include "mailbox.h"
#include "post.h"

#include <ev.h>

static struct ev_loop *here;
static ev_async async;
static struct mailbox mailbox = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void post(struct item *item)
{
    if (mailbox_put(&mailbox, item))
        ev_async_send(here, &async);
}

static void arrived(struct ev_loop *loop, ev_async *watcher, int events)
{
    (void)watcher;
    (void)events;
    for (struct item *item = mailbox_take(&mailbox), *next; item; item = next) {
        next = item->next;
        if (item_handled(item))
            ev_break(loop, EVBREAK_ALL);
    }
}

static int throughput(struct arguments arguments)
{
    ev_async_init(&async, arrived);
    ev_async_start(here, &async);
    posters_make(arguments);
    posters_start(arguments);
    ev_run(here, 0);
    return posters_print(arguments);
}

/* --- ping-pong: one bare ev_async each way --- */

static struct ev_loop *there;
static ev_async back, over;
static atomic_bool ended;

static void came_over(struct ev_loop *loop, ev_async *watcher, int events)
{
    (void)watcher;
    (void)events;
    if (ended)
        ev_break(loop, EVBREAK_ALL);
    else
        ev_async_send(here, &back);
}

static void came_back(struct ev_loop *loop, ev_async *watcher, int events)
{
    (void)watcher;
    (void)events;
    if (trip_over()) {
        ended = true;
        ev_break(loop, EVBREAK_ALL);
    }
    ev_async_send(there, &over);
}

static void *other_side(void *argument)
{
    (void)argument;
    pin(last_cpu);
    ev_run(there, 0);
    return NULL;
}

static int pingpong(void)
{
    pthread_t thread;
    there = ev_loop_new(EVFLAG_AUTO);
    ev_async_init(&back, came_back);
    ev_async_start(here, &back);
    ev_async_init(&over, came_over);
    ev_async_start(there, &over);
    pin(first_cpu);
    pthread_create(&thread, NULL, other_side, NULL);
    trips_begin();
    ev_async_send(there, &over);
    ev_run(here, 0);
    pthread_join(thread, NULL);
    return trips_print();
}

int main(int argc, char **argv)
{
    struct arguments arguments = arguments_of(argc, argv);
    here = ev_default_loop(EVFLAG_AUTO);
    return arguments.pingpong ? pingpong() : throughput(arguments);
}
