/* post_event.c - event_active from other threads, which libevent allows once its locks are switched
 * on. Activations are merged, so what is handed over stands in a queue under a mutex. See
 * post.h. */
#include "mailbox.h"
#include "post.h"

#include <event2/event.h>
#include <event2/thread.h>

static struct event_base *here;
static struct event *wake;
static struct mailbox mailbox = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void post(struct item *item)
{
    if (mailbox_put(&mailbox, item))
        event_active(wake, EV_READ, 0);
}

static void arrived(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    (void)context;
    for (struct item *item = mailbox_take(&mailbox), *next; item; item = next) {
        next = item->next;
        if (item_handled(item))
            event_base_loopbreak(here);
    }
}

static int throughput(struct arguments arguments)
{
    wake = event_new(here, -1, EV_PERSIST, arrived, NULL);
    posters_make(arguments);
    posters_start(arguments);
    event_base_loop(here, EVLOOP_NO_EXIT_ON_EMPTY);
    return posters_print(arguments);
}

/* --- ping-pong: one event each way --- */

static struct event_base *there;
static struct event *back, *over;

static void came_over(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    (void)context;
    event_active(back, EV_READ, 0);
}

static void came_back(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    (void)context;
    if (!trip_over()) {
        event_active(over, EV_READ, 0);
        return;
    }
    event_base_loopbreak(there);
    event_base_loopbreak(here);
}

static void *other_side(void *argument)
{
    (void)argument;
    pin(last_cpu);
    event_base_loop(there, EVLOOP_NO_EXIT_ON_EMPTY);
    return NULL;
}

static int pingpong(void)
{
    pthread_t thread;
    there = event_base_new();
    back = event_new(here, -1, EV_PERSIST, came_back, NULL);
    over = event_new(there, -1, EV_PERSIST, came_over, NULL);
    pin(first_cpu);
    pthread_create(&thread, NULL, other_side, NULL);
    trips_begin();
    event_active(over, EV_READ, 0);
    event_base_loop(here, EVLOOP_NO_EXIT_ON_EMPTY);
    pthread_join(thread, NULL);
    return trips_print();
}

int main(int argc, char **argv)
{
    struct arguments arguments = arguments_of(argc, argv);
    if (evthread_use_pthreads() < 0 || (here = event_base_new()) == NULL)
        return 1;
    return arguments.pingpong ? pingpong() : throughput(arguments);
}
