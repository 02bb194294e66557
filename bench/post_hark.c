/* post_hark.c - hark_post from other threads, and hark_message to and fro between two loops. An
 * item is a request and a flag; the flag stands in the first of the request's cache lines, which
 * both threads write anyway. See post.h. */
#include <hark.h>

#include <stdalign.h>
#include <stdatomic.h>

struct item {
    alignas(64) atomic_bool free;
    struct hark_op op;
};

#include "post.h"

static struct hark_loop *loop;

static void item_done(struct hark_op *op, int64_t result)
{
    (void)result;
    if (item_handled(hark_container_of(op, struct item, op)))
        hark_stop(loop);
}

static void post(struct item *item)
{
    hark_post(loop, &item->op, item_done);
}

/* A loop that waits for posts alone holds one op. */
static void never(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
}

static int throughput(struct arguments arguments)
{
    posters_make(arguments);
    posters_start(arguments);
    hark_run(loop);
    return posters_print(arguments);
}

/* --- ping-pong --- */

static struct hark_loop *_Atomic there;
static struct hark_op ball;

static void came_back(struct hark_op *op, int64_t result);

static void came_over(struct hark_op *op, int64_t result)
{
    (void)result;
    hark_message(op->loop, op, loop, came_back);
}

static void came_back(struct hark_op *op, int64_t result)
{
    (void)result;
    if (!trip_over())
        return hark_message(loop, op, there, came_over);
    hark_stop(there);
    hark_stop(loop);
}

static void *other_side(void *argument)
{
    struct hark_loop *other;
    struct hark_op kept = {0};
    (void)argument;
    pin(last_cpu);
    if (hark_loop_create(NULL, &other) < 0)
        exit(1);
    hark_sleep_until(other, &kept, HARK_NEVER, never);
    there = other;
    hark_run(other);
    return NULL;
}

static int pingpong(void)
{
    pthread_t thread;
    pin(first_cpu);
    pthread_create(&thread, NULL, other_side, NULL);
    while (!there)
        sched_yield();
    trips_begin();
    hark_post(there, &ball, came_over);
    hark_run(loop);
    pthread_join(thread, NULL);
    return trips_print();
}

int main(int argc, char **argv)
{
    struct arguments arguments = arguments_of(argc, argv);
    struct hark_op kept = {0};
    if (hark_loop_create(NULL, &loop) < 0)
        return 1;
    hark_sleep_until(loop, &kept, HARK_NEVER, never);
    return arguments.pingpong ? pingpong() : throughput(arguments);
}
