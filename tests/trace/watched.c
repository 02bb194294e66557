/* watched.c - see the header. */
#include "trace/watched.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t watched_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void watched_ask(struct watched *watched, uint64_t buffer_bytes)
{
    const char *missing;
    if (trace_kernel_open(buffer_bytes, &watched->kernel, &missing) < 0)
        harness_skip("%s", missing);
    assert_result(trace_kernel_follow(watched->kernel, getpid()), 0);
    assert_int_equal(trace_join_create(NULL, &watched->join), 0);
}

/* --- reads --- */

enum { ROUND_EVERY = 256 };

static void next_read(struct watched *watched, struct harness_op *op)
{
    int64_t at = (int64_t)(watched->left * 7919 % watched->pages) * WATCHED_PAGE;
    char *page = watched->memory + (op - watched->ops) * WATCHED_PAGE;
    hark_read(op->op.loop, &op->op, watched->fd, page, WATCHED_PAGE, at, harness_done);
}

static void has_read(struct harness_op *self, int64_t result)
{
    struct watched *watched = self->context;
    assert_result(result, WATCHED_PAGE);
    if (watched->left <= 0)
        return;
    /* A round takes away what has ended, and is asked for while others are in flight. */
    if (--watched->left % ROUND_EVERY == 0)
        traced_round(&watched->traced);
    harness_op_again(self);
    next_read(watched, self);
}

void watched_read(struct watched *watched, struct hark_loop *loop, int pages, int reads)
{
    assert_int_equal(posix_memalign((void **)&watched->memory, WATCHED_PAGE,
                                    (size_t)WATCHED_READS * WATCHED_PAGE),
                     0);
    traced_begin(&watched->traced, loop, 0);
    watched->pages = pages;
    watched->left = reads;
    for (int i = 0; i < WATCHED_READS; i++, watched->left--) {
        watched->ops[i] = (struct harness_op){.then = has_read, .context = watched};
        watched->ops[i].op.loop = loop;
        next_read(watched, &watched->ops[i]);
    }
    assert_result(hark_run(loop), 0);
    free(watched->memory);
}

/* --- rounds --- */

static void take(void *context, const struct trace_kernel_event *event)
{
    struct watched *watched = context;
    trace_join_take(watched->join, event);
    if (watched->also)
        watched->also(watched->context, event);
}

void watched_round(struct watched *watched)
{
    trace_kernel_read(watched->kernel, watched_now(), take, watched);
    traced_round(&watched->traced);
    struct trace_op *op = NULL;
    while ((op = trace_ops_next_ended(watched->traced.ops, op)))
        trace_join_op(watched->join, op, trace_kernel_lost(watched->kernel) == 0);
    trace_ops_settle(watched->traced.ops, UINT64_MAX);
}

void watched_done(struct watched *watched)
{
    trace_kernel_close(watched->kernel);
    trace_join_destroy(watched->join);
    traced_done(&watched->traced);
}

const struct trace_fact *watched_fact(const struct trace_op *op, const char *what)
{
    const struct trace_fact *fact = op->facts;
    while (fact && strcmp(fact->what, what) != 0)
        fact = fact->next;
    return fact;
}
