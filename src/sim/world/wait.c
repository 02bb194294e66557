/* wait.c - see the header. */
#include "sim/world/wait.h"
#include "base/check.h"

void wait_add(struct wait_queue *queue, struct waiter *waiter)
{
    check(!waiter->queue);
    waiter->queue = queue;
    waiter->next = NULL;
    waiter->previous = queue->last;
    *(queue->last ? &queue->last->next : &queue->first) = waiter;
    queue->last = waiter;
}

void wait_remove(struct waiter *waiter)
{
    struct wait_queue *queue = waiter->queue;
    if (!queue)
        return;
    *(waiter->previous ? &waiter->previous->next : &queue->first) = waiter->next;
    *(waiter->next ? &waiter->next->previous : &queue->last) = waiter->previous;
    waiter->queue = NULL;
}

void wait_wake(struct wait_queue *queue, uint32_t events)
{
    struct waiter *next;
    for (struct waiter *waiter = queue->first; waiter; waiter = next) {
        next = waiter->next;
        waiter->woken(waiter, events);
    }
}
