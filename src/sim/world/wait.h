/* wait.h - who waits for something to happen to a thing: threads, epoll descriptors, requests of
 * io_uring. */
#ifndef SIM_WORLD_WAIT_H
#define SIM_WORLD_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wait_queue;

struct waiter {
    struct waiter *next, *previous;
    struct wait_queue *queue; /* NULL: it waits for nothing */
    /* Something has happened, of which these events may hold now (poll(2)'s). It stays in the
     * queue; it may take itself out, and nobody else. */
    void (*woken)(struct waiter *waiter, uint32_t events);
};

struct wait_queue {
    struct waiter *first, *last;
};

/* First come, first woken. */
void wait_add(struct wait_queue *queue, struct waiter *waiter);

/* One that waits for nothing: nothing happens. */
void wait_remove(struct waiter *waiter);

void wait_wake(struct wait_queue *queue, uint32_t events);

#endif
