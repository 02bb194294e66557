/* post_uv.c - uv_async from other threads. Its sends are merged, so what is handed over stands in a
 * queue of the program's own, under a mutex, as its guide advises; the callback takes the whole
 * queue at once. See post.h. */
#include "mailbox.h"
#include "post.h"

#include <uv.h>

static uv_async_t async;
static struct mailbox mailbox = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void post(struct item *item)
{
    if (mailbox_put(&mailbox, item))
        uv_async_send(&async);
}

static void arrived(uv_async_t *handle)
{
    for (struct item *item = mailbox_take(&mailbox), *next; item; item = next) {
        next = item->next;
        if (item_handled(item))
            uv_stop(handle->loop);
    }
}

static int throughput(uv_loop_t *loop, struct arguments arguments)
{
    uv_async_init(loop, &async, arrived);
    posters_make(arguments);
    posters_start(arguments);
    uv_run(loop, UV_RUN_DEFAULT);
    return posters_print(arguments);
}

/* --- ping-pong: one bare uv_async each way, without the queue, which is libuv's best --- */

static uv_async_t here, there;
static uv_loop_t other_loop;
static atomic_bool over;

static void came_over(uv_async_t *handle)
{
    if (over)
        uv_stop(handle->loop);
    else
        uv_async_send(&here);
}

static void came_back(uv_async_t *handle)
{
    if (trip_over()) {
        over = true;
        uv_stop(handle->loop);
    }
    uv_async_send(&there);
}

static void *other_side(void *argument)
{
    (void)argument;
    pin(last_cpu);
    uv_run(&other_loop, UV_RUN_DEFAULT);
    return NULL;
}

static int pingpong(uv_loop_t *loop)
{
    pthread_t thread;
    uv_loop_init(&other_loop);
    uv_async_init(loop, &here, came_back);
    uv_async_init(&other_loop, &there, came_over);
    pin(first_cpu);
    pthread_create(&thread, NULL, other_side, NULL);
    trips_begin();
    uv_async_send(&there);
    uv_run(loop, UV_RUN_DEFAULT);
    pthread_join(thread, NULL);
    return trips_print();
}

int main(int argc, char **argv)
{
    struct arguments arguments = arguments_of(argc, argv);
    return arguments.pingpong ? pingpong(uv_default_loop())
                              : throughput(uv_default_loop(), arguments);
}
