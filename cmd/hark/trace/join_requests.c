/* join_requests.c - follows io_uring's requests.
 *
 * user_data is the key, not the address of the kernel's request: those are used again. While a
 * thread submits, it is one request after the other that it works on: what it asks a device for
 * between two of them is asked for the first.
 *
 * What is complete as soon as the kernel has looked at it is told so behind the last of those that
 * were submitted with it, in one batch: before the thread waits, and before it submits more. */
#include "trace/join_requests.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>

#include "hark.h"

enum { HELD_STEPS_MAX = 4096 };
enum { BUCKETS = 1 << 14, REQUESTS_MAX = 1 << 17, MOMENTS_MAX = 4096, TAGS = 3 };

/* A ring of the kernel, and the thread that submits to it. */
struct join_ring {
    struct join_ring *next;
    uint64_t context;
    int32_t thread;
    struct join_request *current; /* what it submits just now */
    uint64_t batch;
    bool is_batch_over;
    struct list work; /* of workers, the oldest first */
};

/* --- rings --- */

static struct join_ring *find_ring(const struct join_requests *requests, uint64_t context)
{
    struct join_ring *ring = requests->rings;
    while (ring && ring->context != context)
        ring = ring->next;
    return ring;
}

static struct join_ring *ring_of(struct join_requests *requests,
                                 const struct trace_kernel_event *event)
{
    struct join_ring *ring = find_ring(requests, event->context);
    bool is_by_its_thread =
        event->what == TRACE_KERNEL_SUBMIT || event->what == TRACE_KERNEL_RING_WAIT;
    if (ring || !is_by_its_thread)
        return ring;
    ring = calloc(1, sizeof *ring);
    if (!ring)
        return NULL;
    ring->context = event->context;
    list_init(&ring->work);
    ring->next = requests->rings;
    requests->rings = ring;
    return ring;
}

/* --- requests --- */

static struct join_request **bucket_of(const struct join_requests *requests, int32_t thread,
                                       uint64_t user_data)
{
    uint64_t key = (user_data ^ (uint64_t)(uint32_t)thread << 40) * 0x9e3779b97f4a7c15u;
    return &requests->buckets[key >> 40 & (BUCKETS - 1)];
}

struct join_request *join_requests_find(const struct join_requests *requests, int32_t thread,
                                        uint64_t user_data)
{
    user_data &= ~(uint64_t)TAGS;
    struct join_request *request = *bucket_of(requests, thread, user_data);
    while (request && (request->user_data != user_data || request->thread != thread))
        request = request->chain;
    return request;
}

static struct join_request *begin(struct join_requests *requests, int32_t thread,
                                  uint64_t user_data)
{
    struct join_request *request = calloc(1, sizeof *request);
    if (!request) {
        requests->left_out++;
        return NULL;
    }
    request->thread = thread;
    request->user_data = user_data & ~(uint64_t)TAGS;
    request->end = &request->moments;
    list_init(&request->place);
    list_init(&request->work);
    list_init(&request->blocks);
    list_append(&requests->all, &request->place);
    struct join_request **bucket = bucket_of(requests, thread, request->user_data);
    request->chain = *bucket;
    *bucket = request;
    if (++requests->count > REQUESTS_MAX) {
        join_requests_drop(requests,
                           hark_container_of(requests->all.next, struct join_request, place));
        requests->left_out++;
    }
    return request;
}

void join_requests_drop(struct join_requests *requests, struct join_request *request)
{
    struct join_request **at = bucket_of(requests, request->thread, request->user_data);
    struct join_moment *moment;
    while (*at && *at != request)
        at = &(*at)->chain;
    if (*at)
        *at = request->chain;
    for (struct join_ring *ring = requests->rings; ring; ring = ring->next)
        if (ring->current == request)
            ring->current = NULL;
    while ((moment = join_requests_next(request, UINT64_MAX)))
        free(moment);
    join_blocks_free(&request->blocks);
    list_remove(&request->work);
    list_remove(&request->place);
    free(request);
    requests->count--;
}

/* --- moments --- */

static void add_moment(struct join_requests *requests, struct join_request *request,
                       const struct trace_kernel_event *event, const struct join_cpus *cpus,
                       bool is_immediate)
{
    struct join_moment *moment = calloc(1, sizeof *moment);
    if (!moment) {
        requests->left_out++;
        return;
    }
    moment->time_ns = event->time_ns;
    moment->cpu = event->cpu;
    moment->thread = event->thread;
    moment->value = event->value;
    moment->what = event->what;
    moment->is_immediate = is_immediate;
    if (event->what == TRACE_KERNEL_TASK_ADD)
        moment->cause = join_cpus_cause(cpus, event->cpu);
    *request->end = moment;
    request->end = &moment->next;
    request->last_ns = event->time_ns;
    request->is_complete = event->what == TRACE_KERNEL_COMPLETE;
    request->is_under_way = event->what == TRACE_KERNEL_SUBMIT;
    if (++request->moment_count > MOMENTS_MAX)
        free(join_requests_next(request, UINT64_MAX));
}

struct join_moment *join_requests_next(struct join_request *request, uint64_t until_ns)
{
    struct join_moment *moment = request->moments;
    if (!moment || moment->time_ns > until_ns)
        return NULL;
    request->moments = moment->next;
    if (!request->moments)
        request->end = &request->moments;
    request->moment_count--;
    return moment;
}

/* --- events --- */

/* The thread is done with what it submitted before. */
static void leave_current(struct join_ring *ring, uint64_t now_ns)
{
    if (ring->current)
        ring->current->left_ns = now_ns;
    ring->current = NULL;
}

static void follow(struct join_ring *ring, struct join_request *request,
                   const struct trace_kernel_event *event)
{
    if (event->what == TRACE_KERNEL_SUBMIT) {
        ring->batch += ring->is_batch_over;
        ring->is_batch_over = false;
        request->batch = ring->batch;
        request->opcode = (uint8_t)event->length;
        request->ring = ring;
        request->left_ns = 0;
        leave_current(ring, event->time_ns);
        ring->current = request;
    } else if (ring->current == request) {
        leave_current(ring, event->time_ns);
    }
    if (event->what == TRACE_KERNEL_QUEUE_WORK) {
        list_remove(&request->work);
        list_append(&ring->work, &request->work);
    } else if (event->what == TRACE_KERNEL_COMPLETE) {
        list_remove(&request->work);
        ring->is_batch_over = true;
    }
}

void join_requests_take(struct join_requests *requests, const struct trace_kernel_event *event,
                        const struct join_cpus *cpus)
{
    if (event->what > TRACE_KERNEL_RING_WAIT && event->what < TRACE_KERNEL_WORK_BEGIN)
        return;
    struct join_ring *ring = ring_of(requests, event);
    if (!ring)
        return; /* it was there before the trace, and its thread has done nothing since */
    if (event->what == TRACE_KERNEL_SUBMIT || event->what == TRACE_KERNEL_RING_WAIT)
        ring->thread = event->thread;
    if (event->what == TRACE_KERNEL_RING_WAIT) {
        leave_current(ring, event->time_ns);
        ring->batch++;
        ring->is_batch_over = false;
        return;
    }
    struct join_request *request = join_requests_find(requests, ring->thread, event->number);
    if (!request)
        request = begin(requests, ring->thread, event->number);
    if (!request)
        return;
    follow(ring, request, event);
    bool is_immediate = event->what == TRACE_KERNEL_COMPLETE && request->is_under_way &&
                        request->batch == ring->batch;
    add_moment(requests, request, event, cpus, is_immediate);
}

/* The thread for which a worker works; 0: it is none. */
static int32_t served_by(const char *process)
{
    static const char prefix[] = "iou-wrk-";
    if (strncmp(process, prefix, sizeof prefix - 1) != 0)
        return 0;
    return (int32_t)strtol(process + sizeof prefix - 1, NULL, 10);
}

static struct join_request *with_workers(const struct join_ring *ring, bool *out_guess)
{
    if (list_empty(&ring->work))
        return NULL;
    *out_guess = ring->work.next != ring->work.before;
    for (struct list *at = ring->work.next; at != &ring->work; at = at->next) {
        struct join_request *request = hark_container_of(at, struct join_request, work);
        if (list_empty(&request->blocks))
            return request;
    }
    return hark_container_of(ring->work.next, struct join_request, work);
}

/* A read that was submitted, was not complete at once, and for which nobody is known to have been
 * asked. */
static bool may_be_held_back(const struct join_request *request)
{
    bool is_read = request->opcode == IORING_OP_READ || request->opcode == IORING_OP_READV ||
                   request->opcode == IORING_OP_READ_FIXED;
    return is_read && request->is_under_way && list_empty(&request->blocks) &&
           request->batch != request->ring->batch;
}

/* Reads of a group that is throttled are held back, and asked for by a worker of the kernel's own,
 * the oldest first. Its writes are mostly those of the cache: of them it is not known whose. */
static struct join_request *held_back(const struct join_requests *requests,
                                      const struct trace_kernel_event *event)
{
    static const char worker[] = "kworker/";
    int steps = 0;
    if (event->value != 'R' || strncmp(event->text, worker, sizeof worker - 1) != 0)
        return NULL;
    for (struct list *at = requests->all.next; at != &requests->all; at = at->next) {
        struct join_request *request = hark_container_of(at, struct join_request, place);
        if (may_be_held_back(request))
            return request;
        if (++steps == HELD_STEPS_MAX)
            return NULL;
    }
    return NULL;
}

struct join_request *join_requests_asking(struct join_requests *requests,
                                          const struct trace_kernel_event *event, bool *out_guess)
{
    int32_t served = served_by(event->text);
    *out_guess = false;
    for (const struct join_ring *ring = requests->rings; ring; ring = ring->next) {
        struct join_request *found = NULL;
        if (ring->thread == event->thread)
            found = ring->current;
        else if (served && ring->thread == served)
            found = with_workers(ring, out_guess);
        if (found)
            return found;
    }
    struct join_request *held = held_back(requests, event);
    *out_guess = !!held;
    return held;
}

/* --- the whole --- */

void join_requests_forget(struct join_requests *requests, uint64_t before_ns)
{
    struct list *at = requests->all.next;
    while (at != &requests->all) {
        struct join_request *request = hark_container_of(at, struct join_request, place);
        at = at->next;
        if (request->is_complete && request->last_ns < before_ns)
            join_requests_drop(requests, request);
    }
}

int join_requests_begin(struct join_requests *requests)
{
    memset(requests, 0, sizeof *requests);
    list_init(&requests->all);
    requests->buckets = calloc(BUCKETS, sizeof *requests->buckets);
    return requests->buckets ? 0 : -ENOMEM;
}

void join_requests_done(struct join_requests *requests)
{
    struct list *at = requests->all.next;
    while (at != &requests->all) {
        struct join_request *request = hark_container_of(at, struct join_request, place);
        at = at->next;
        join_requests_drop(requests, request);
    }
    while (requests->rings) {
        struct join_ring *ring = requests->rings;
        requests->rings = ring->next;
        free(ring);
    }
    free(requests->buckets);
}
