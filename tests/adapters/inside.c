/* inside.c - what a hark loop does inside of another one. */
#include "adapters/inside.h"

#include <string.h>
#include <unistd.h>

static void rest(struct inside *inside)
{
    if (--inside->running == 0)
        inside->rests(inside);
}

static void step(struct chain *chain);

static void received(struct hark_op *op, int64_t result)
{
    assert_result(result, 1);
    step(hark_container_of(op, struct chain, op));
}

static void sent(struct hark_op *op, int64_t result)
{
    struct chain *chain = hark_container_of(op, struct chain, op);
    assert_result(result, 1);
    hark_recv(op->loop, op, chain->ends[1], &chain->byte, 1, 0, received);
}

static void slept(struct hark_op *op, int64_t result)
{
    assert_result(result, 0);
    step(hark_container_of(op, struct chain, op));
}

static void step(struct chain *chain)
{
    struct hark_loop *loop = chain->inside->loop;
    if (++chain->steps == INSIDE_STEPS)
        rest(chain->inside);
    else if (chain->steps % 250 == 0)
        hark_sleep(loop, &chain->op, 100000, slept);
    else
        hark_send(loop, &chain->op, chain->ends[0], "x", 1, 0, sent);
}

static void polled(struct hark_op *op, int64_t result)
{
    struct inside *inside = hark_container_of(op, struct crowd, op)->inside;
    assert_result(result, HARK_POLL_WRITABLE);
    if (++inside->polled == INSIDE_AT_ONCE)
        rest(inside);
}

void inside_start(struct inside *inside, struct hark_loop *loop,
                  void (*rests)(struct inside *inside), void *context)
{
    memset(inside, 0, sizeof *inside);
    inside->loop = loop;
    inside->rests = rests;
    inside->context = context;
    inside->running = INSIDE_CHAINS + 1;
    for (int i = 0; i < INSIDE_CHAINS; i++) {
        struct chain *chain = &inside->chains[i];
        chain->inside = inside;
        harness_socket_pair(loop, chain->ends);
        step(chain);
    }
    for (int i = 0; i < INSIDE_AT_ONCE; i++) {
        inside->crowd[i].inside = inside;
        hark_poll(loop, &inside->crowd[i].op, inside->chains[0].ends[1], HARK_POLL_WRITABLE,
                  polled);
    }
}

void inside_assert_rested(const struct inside *inside, uint64_t turns)
{
    uint64_t more = hark_loop_metrics(inside->loop)->turns - turns;
    assert_in_range(more, 0, 2); /* what the last turn has left behind */
}

void inside_done(struct inside *inside)
{
    for (int i = 0; i < INSIDE_CHAINS; i++) {
        close(inside->chains[i].ends[0]);
        close(inside->chains[i].ends[1]);
    }
}
