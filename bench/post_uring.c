/* post_uring.c - items handed to a loop by hand on io_uring: a queue under a mutex; who finds it
 * empty sends the loop's ring a message from a ring of his own. See post.h. */
#include "mailbox.h"
#include "post.h"
#include "ring.h"

static struct ring here;
static struct mailbox mailbox = {.mutex = PTHREAD_MUTEX_INITIALIZER};
static _Thread_local struct ring own;
static bool last;

/* Sends a completion to another ring; it has none here. */
static void ring_send(struct ring *ring, const struct ring *to)
{
    ring_request(ring, IORING_OP_MSG_RING, to->fd, NULL, 0, 0)->flags = IOSQE_CQE_SKIP_SUCCESS;
}

static void post(struct item *item)
{
    if (!mailbox_put(&mailbox, item))
        return;
    if (own.sqes == NULL)
        ring_open(&own);
    ring_send(&own, &here);
    ring_enter(&own, 0);
}

static void handle(const struct io_uring_cqe *cqe)
{
    ring_check(cqe->res, "message");
    for (struct item *item = mailbox_take(&mailbox), *next; item; item = next) {
        next = item->next;
        last = item_handled(item);
    }
}

static int throughput(struct arguments arguments)
{
    posters_make(arguments);
    posters_start(arguments);
    while (!last) {
        ring_enter(&here, 1);
        ring_handle(&here, handle);
    }
    return posters_print(arguments);
}

/* --- ping-pong: the answer leaves with the wait --- */

static struct ring there;
static atomic_bool ready, over;

static void came_over(const struct io_uring_cqe *cqe)
{
    ring_check(cqe->res, "message");
    ring_send(&there, &here);
}

static void came_back(const struct io_uring_cqe *cqe)
{
    ring_check(cqe->res, "message");
    over = trip_over();
    ring_send(&here, &there);
}

static void *other_side(void *argument)
{
    (void)argument;
    pin(last_cpu);
    ring_open(&there);
    ready = true;
    while (!over) {
        ring_enter(&there, 1);
        ring_handle(&there, came_over);
    }
    return NULL;
}

static int pingpong(void)
{
    pthread_t thread;
    pin(first_cpu);
    pthread_create(&thread, NULL, other_side, NULL);
    while (!ready)
        sched_yield();
    trips_begin();
    ring_send(&here, &there);
    while (!over) {
        ring_enter(&here, 1);
        ring_handle(&here, came_back);
    }
    ring_enter(&here, 0);
    pthread_join(thread, NULL);
    return trips_print();
}

int main(int argc, char **argv)
{
    struct arguments arguments = arguments_of(argc, argv);
    ring_open(&here);
    return arguments.pingpong ? pingpong() : throughput(arguments);
}
