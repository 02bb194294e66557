/* post_uv.c - uv_async from other threads. Its sends are merged, so what is handed over stands in a queue of the program's own,
 * under a mutex, as its guide advises; the callback takes the whole queue at once. See post.h. */
#include "post.h"

#include <uv.h>

struct item {
    struct item *next;
    atomic_bool free;
};

struct mailbox {
    uv_async_t async;
    uv_mutex_t mutex;
    struct item *first, *last;
};

struct poster {
    uint64_t count;
    struct item items[WINDOW];
};

static struct mailbox mailbox;
static uint64_t handled, expected;

static void mailbox_put(struct mailbox *box, struct item *item)
{
    item->next = NULL;
    uv_mutex_lock(&box->mutex);
    if (box->first)
        box->last->next = item;
    else
        box->first = item;
    box->last = item;
    uv_mutex_unlock(&box->mutex);
    uv_async_send(&box->async);
}

static struct item *mailbox_take(struct mailbox *box)
{
    uv_mutex_lock(&box->mutex);
    struct item *items = box->first;
    box->first = NULL;
    uv_mutex_unlock(&box->mutex);
    return items;
}

static void arrived(uv_async_t *async)
{
    struct item *item = mailbox_take((struct mailbox *)async);
    while (item) {
        struct item *next = item->next;
        atomic_store_explicit(&item->free, true, memory_order_release);
        if (++handled == expected)
            uv_stop(async->loop);
        item = next;
    }
}

static void *post_all(void *argument)
{
    struct poster *poster = argument;
    pin(last_cpu);
    for (uint64_t i = 0; i < poster->count; i++) {
        struct item *item = &poster->items[i % WINDOW];
        while (!atomic_load_explicit(&item->free, memory_order_acquire))
            sched_yield();
        atomic_store_explicit(&item->free, false, memory_order_relaxed);
        mailbox_put(&mailbox, item);
    }
    return NULL;
}

static void throughput(uv_loop_t *loop, struct arguments arguments)
{
    pthread_t threads[POSTERS_MAX];
    expected = arguments.count * arguments.posters;
    uv_mutex_init(&mailbox.mutex);
    uv_async_init(loop, &mailbox.async, arrived);
    pin(first_cpu);
    uint64_t began_ns = now_ns(), began_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    for (unsigned i = 0; i < arguments.posters; i++) {
        struct poster *poster = calloc(1, sizeof *poster);
        poster->count = arguments.count;
        for (unsigned k = 0; k < WINDOW; k++)
            poster->items[k].free = true;
        pthread_create(&threads[i], NULL, post_all, poster);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    print_throughput(expected, began_ns, clock_ns(CLOCK_THREAD_CPUTIME_ID) - began_cpu_ns);
    for (unsigned i = 0; i < arguments.posters; i++)
        pthread_join(threads[i], NULL);
}

/* --- ping-pong: one bare uv_async each way, without the queue, which is libuv's best --- */

static uv_async_t here, there;
static uv_loop_t other_loop;
static uint64_t trips, sent_ns;
static uint32_t *times_ns;

static void came_over(uv_async_t *async)
{
    if (trips == expected)
        uv_stop(async->loop);
    else
        uv_async_send(&here);
}

static void came_back(uv_async_t *async)
{
    uint64_t time_ns = now_ns();
    times_ns[trips++] = (uint32_t)(time_ns - sent_ns);
    sent_ns = time_ns;
    if (trips == expected)
        uv_stop(async->loop);
    uv_async_send(&there);
}

static void *other_side(void *argument)
{
    (void)argument;
    pin(last_cpu);
    uv_run(&other_loop, UV_RUN_DEFAULT);
    return NULL;
}

static void pingpong(uv_loop_t *loop, struct arguments arguments)
{
    pthread_t thread;
    expected = arguments.count;
    times_ns = calloc(expected, sizeof *times_ns);
    uv_loop_init(&other_loop);
    uv_async_init(loop, &here, came_back);
    uv_async_init(&other_loop, &there, came_over);
    pin(first_cpu);
    pthread_create(&thread, NULL, other_side, NULL);
    uint64_t began_ns = sent_ns = now_ns();
    uv_async_send(&there);
    uv_run(loop, UV_RUN_DEFAULT);
    pthread_join(thread, NULL);
    printf("operations %llu seconds %.6f", (unsigned long long)expected, (double)(now_ns() - began_ns) / 1e9);
    print_percentiles(times_ns, trips);
    printf("\n");
}

int main(int argc, char **argv)
{
    struct arguments arguments = arguments_of(argc, argv);
    if (arguments.pingpong)
        pingpong(uv_default_loop(), arguments);
    else
        throughput(uv_default_loop(), arguments);
    return 0;
}
