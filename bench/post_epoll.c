/* post_epoll.c - items handed to a loop by hand: a queue under a mutex, and an eventfd in an epoll
 * set. The eventfd is edge-triggered, so that each write is reported and it need never be read. See
 * post.h. */
#include "mailbox.h"
#include "post.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

/* One side that sleeps until it is woken. */
struct side {
    int epoll, wake;
};

static struct side here;
static struct mailbox mailbox = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static struct side side_open(void)
{
    struct side side = {.epoll = epoll_create1(EPOLL_CLOEXEC),
                        .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    if (epoll_ctl(side.epoll, EPOLL_CTL_ADD, side.wake, &event) < 0)
        exit(1);
    return side;
}

static void side_wake(const struct side *side)
{
    const uint64_t one = 1;
    if (write(side->wake, &one, sizeof one) < 0)
        exit(1);
}

static void side_sleep(const struct side *side)
{
    struct epoll_event event;
    epoll_wait(side->epoll, &event, 1, -1);
}

static void post(struct item *item)
{
    if (mailbox_put(&mailbox, item))
        side_wake(&here);
}

static int throughput(struct arguments arguments)
{
    bool last = false;
    posters_make(arguments);
    posters_start(arguments);
    while (!last) {
        side_sleep(&here);
        for (struct item *item = mailbox_take(&mailbox), *next; item; item = next) {
            next = item->next;
            last = item_handled(item);
        }
    }
    return posters_print(arguments);
}

/* --- ping-pong --- */

static struct side there;
static atomic_bool over;

static void *other_side(void *argument)
{
    (void)argument;
    pin(last_cpu);
    for (side_sleep(&there); !over; side_sleep(&there))
        side_wake(&here);
    return NULL;
}

static int pingpong(void)
{
    pthread_t thread;
    there = side_open();
    pin(first_cpu);
    pthread_create(&thread, NULL, other_side, NULL);
    trips_begin();
    do {
        side_wake(&there);
        side_sleep(&here);
    } while (!trip_over());
    over = true;
    side_wake(&there);
    pthread_join(thread, NULL);
    return trips_print();
}

int main(int argc, char **argv)
{
    struct arguments arguments = arguments_of(argc, argv);
    here = side_open();
    return arguments.pingpong ? pingpong() : throughput(arguments);
}
