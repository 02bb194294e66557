/* create.c - making and unmaking a loop, choosing its backend, and what it says of itself. */
#include "base/power_of_two.h"
#include "core/loop.h"
#include "core/probes.h"
#include "core/signals.h"
#include "core/sigpipe.h"
#include "core/trace.h"
#include "core/wake.h"
#include "core/wish.h"
#include "core/work_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    ENTRIES_DEFAULT = 256,
    ENTRIES_MAX = 32768,
    COMPLETIONS_PER_ENTRY = 16,
    COMPLETIONS_MAX = 1 << 20,
    BUFFERS_DEFAULT = 256,
    BUFFERS_MAX = 32768,
    BUFFER_BYTES_DEFAULT = 16384,
    BUFFER_BYTES_MIN = 64,
    BUFFER_BYTES_MAX = 16 << 20,
    WORKERS_DEFAULT = 4,
    WORKERS_MAX = 1024,
    TURN_DEFAULT = 256,
};

static const struct hark_backend *const backends[HARK_BACKEND_KINDS] = {
    [HARK_BACKEND_URING] = &backend_uring,
    [HARK_BACKEND_EPOLL] = &backend_epoll,
    [HARK_BACKEND_POLL] = &backend_poll,
    [HARK_BACKEND_SELECT] = &backend_select,
};

/* --- options --- */

static bool in_range_or_default(uint32_t *value, uint32_t otherwise, uint32_t least, uint32_t most)
{
    if (*value == 0)
        *value = otherwise;
    return *value >= least && *value <= most;
}

static int complete_options(struct hark_options *options)
{
    if (options->backend < 0 || options->backend >= HARK_BACKEND_KINDS ||
        !in_range_or_default(&options->entries, ENTRIES_DEFAULT, 1, ENTRIES_MAX) ||
        !in_range_or_default(&options->buffer_count, BUFFERS_DEFAULT, 1, BUFFERS_MAX) ||
        !in_range_or_default(&options->buffer_bytes, BUFFER_BYTES_DEFAULT, BUFFER_BYTES_MIN,
                             BUFFER_BYTES_MAX) ||
        !in_range_or_default(&options->workers_max, WORKERS_DEFAULT, 1, WORKERS_MAX) ||
        !in_range_or_default(&options->turn_max, TURN_DEFAULT, 1, UINT32_MAX))
        return -EINVAL;
    options->entries = power_of_two_from(options->entries);
    if (!in_range_or_default(&options->completions, options->entries * COMPLETIONS_PER_ENTRY, 1,
                             COMPLETIONS_MAX))
        return -EINVAL;
    options->completions = power_of_two_from(options->completions);
    if (options->completions < options->entries)
        options->completions = options->entries;
    options->buffer_count = power_of_two_from(options->buffer_count);
    return 0;
}

/* Gives the backend that the environment names, HARK_BACKEND_AUTO where it names none, or
 * -EINVAL. */
static int backend_from_environment(void)
{
    const char *name = kernel_getenv("HARK_BACKEND");
    if (!name || !*name || strcasecmp(name, "auto") == 0)
        return HARK_BACKEND_AUTO;
    for (int kind = HARK_BACKEND_URING; kind < HARK_BACKEND_KINDS; kind++)
        if (strcasecmp(name, backends[kind]->name) == 0)
            return kind;
    return -EINVAL;
}

/* --- making --- */

static int try_backend(struct hark_loop *loop, int kind, const struct hark_options *options)
{
    loop->backend = backends[kind];
    return backends[kind]->create(loop, options, loop->refusals[kind], sizeof loop->refusals[kind]);
}

static int choose_backend(struct hark_loop *loop, const struct hark_options *options)
{
    int kind = (int)options->backend;
    if (kind == HARK_BACKEND_AUTO)
        kind = backend_from_environment();
    if (kind < 0)
        return kind;
    if (kind != HARK_BACKEND_AUTO)
        return try_backend(loop, kind, options);
    int error = 0;
    for (kind = HARK_BACKEND_URING; kind < HARK_BACKEND_KINDS; kind++) {
        error = try_backend(loop, kind, options);
        if (!error)
            break;
    }
    return error;
}

/* Of each loop of the process another, so that no id of an op is another loop's. */
static uint64_t next_number(void)
{
    static _Atomic(uint64_t) loops;
    return atomic_fetch_add_explicit(&loops, 1, memory_order_relaxed) + 1;
}

/* Fails: the backend is then not there any more. */
static int choose_and_trace(struct hark_loop *loop, const struct hark_options *options)
{
    int error = choose_backend(loop, options);
    if (error)
        return error;
    error = trace_from_environment(loop);
    if (error)
        loop->backend->destroy(loop);
    else if (probes_wanted())
        wish_show(loop);
    if (!error)
        trace_let_look_on(loop);
    return error;
}

static void release(struct hark_loop *loop)
{
    work_pool_destroy(loop);
    if (loop->recorder && loop->recorder->watch)
        loop->recorder->watch->end(loop->recorder->watch);
    trace_close(loop);
    trace_end_look_on(loop);
    if (loop->recorder)
        wish_show_end(loop);
    signals_done(loop);
    if (loop->wake_fd >= 0)
        kernel_close(NULL, loop->wake_fd);
    timers_done(&loop->timers);
    descriptors_done(&loop->descriptors);
    buffers_done(&loop->buffers);
    checking_done(loop);
    free(loop);
}

int hark_loop_create(const struct hark_options *given, struct hark_loop **out_loop)
{
    struct hark_options options = given ? *given : (struct hark_options){0};
    int error = complete_options(&options);
    if (error)
        return error;
    struct hark_loop *loop = aligned_alloc(_Alignof(struct hark_loop), sizeof *loop);
    if (!loop)
        return -ENOMEM;
    memset(loop, 0, sizeof *loop);
    loop->metrics.size = sizeof loop->metrics;
    loop->last_id = next_number() << LOOP_NUMBER_SHIFT;
    loop->turn_max = options.turn_max;
    loop->workers_max = options.workers_max;
    loop->signal_slot = -1;
    loop->wish_fd = -1;
    loop->wake_fd = kernel_eventfd(NULL, 0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_init(&loop->outside_fd, loop->wake_fd);
    error = loop->wake_fd < 0
                ? loop->wake_fd
                : buffers_init(&loop->buffers, options.buffer_count, options.buffer_bytes);
    if (!error)
        error = checking_init(loop);
    if (!error)
        error = choose_and_trace(loop, &options);
    if (error) {
        release(loop);
        return error;
    }
    loop->now_ns = kernel_clock_gettime(CLOCK_MONOTONIC);
    wish_count_loop(1);
    *out_loop = loop;
    return 0;
}

int hark_loop_destroy(struct hark_loop *loop)
{
    if (!loop)
        return 0;
    wake_take_inbox(loop);
    if (loop->running || loop->active > 0)
        return -EBUSY;
    loop->backend->destroy(loop);
    wish_count_loop(-1);
    release(loop);
    return 0;
}

/* The threads are not there in the child, and their locks may be held for ever; what is mapped
 * together with the parent is unmapped, and not written to. */
void hark_after_fork(struct hark_loop *loop)
{
    if (!loop)
        return;
    sigpipe_after_fork(loop);
    signals_after_fork(loop);
    work_pool_after_fork(loop);
    if (loop->recorder && loop->recorder->watch)
        loop->recorder->watch->after_fork(loop->recorder->watch);
    if (loop->recorder)
        recorder_after_fork(loop->recorder);
    if (loop->wish_fd >= 0)
        kernel_close(NULL, loop->wish_fd);
    loop->thread = 0; /* what is registered for it with the kernel is so in the parent */
    loop->backend->destroy(loop);
    wish_count_loop(-1);
    release(loop);
}

/* --- what it says of itself --- */

uint64_t hark_now(const struct hark_loop *loop)
{
    return loop->now_ns;
}

uint64_t hark_loop_active(const struct hark_loop *loop)
{
    return loop->active;
}

int hark_loop_descriptor(const struct hark_loop *loop)
{
    return loop->backend->descriptor ? loop->backend->descriptor(loop) : -ENOTSUP;
}

uint64_t hark_loop_next_deadline(const struct hark_loop *loop)
{
    if (loop_has_more(loop) || (loop->backend->has_more && loop->backend->has_more(loop)))
        return loop->now_ns;
    return timers_next(&loop->timers);
}

const char *hark_loop_backend(const struct hark_loop *loop)
{
    return loop->backend->name;
}

const char *hark_loop_refusal(const struct hark_loop *loop, enum hark_backend_kind kind)
{
    bool known = kind > HARK_BACKEND_AUTO && kind < HARK_BACKEND_KINDS;
    return known && loop->refusals[kind][0] ? loop->refusals[kind] : NULL;
}

size_t hark_loop_features(const struct hark_loop *loop, const struct hark_feature **out_features)
{
    *out_features = NULL;
    return loop->backend->features ? loop->backend->features(loop, out_features) : 0;
}

const struct hark_metrics *hark_loop_metrics(struct hark_loop *loop)
{
    return &loop->metrics;
}
