/* post_uv_each.c - uv_async from other threads, without a queue: every item is a uv_async_t of its
 * own with its own callback, as many as the windows hold. Nothing is merged, since an item is sent
 * again only once it was handled. See post.h.
 *
 *   post_uv_each throughput POSTERS COUNT */
#include <stdatomic.h>
#include <uv.h>

struct item {
    uv_async_t async;
    atomic_bool free;
};

#include "post.h"

static void post(struct item *item)
{
    uv_async_send(&item->async);
}

static void arrived(uv_async_t *async)
{
    if (item_handled((struct item *)async))
        uv_stop(async->loop);
}

int main(int argc, char **argv)
{
    struct arguments arguments = arguments_of(argc, argv);
    uv_loop_t *loop = uv_default_loop();
    posters_make(arguments);
    for (unsigned i = 0; i < arguments.posters; i++)
        for (unsigned k = 0; k < WINDOW; k++)
            uv_async_init(loop, &items[i][k].async, arrived);
    posters_start(arguments);
    uv_run(loop, UV_RUN_DEFAULT);
    return posters_print(arguments);
}
