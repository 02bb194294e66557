/* mailbox.h - a queue of items under a mutex, taken as a whole: what is put beside the wake-ups of
 * a library that merges them. */
#ifndef MAILBOX_H
#define MAILBOX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct item {
    struct item *next;
    atomic_bool free;
};

/* In a cache line of its own. */
struct mailbox {
    _Alignas(64) pthread_mutex_t mutex;
    struct item *first, *last;
};

/* Gives: whether it was empty, so that the loop has to be woken: while something lies in it, a
 *   wake-up is under way. */
static inline bool mailbox_put(struct mailbox *box, struct item *item)
{
    item->next = NULL;
    pthread_mutex_lock(&box->mutex);
    bool empty = box->first == NULL;
    if (empty)
        box->first = item;
    else
        box->last->next = item;
    box->last = item;
    pthread_mutex_unlock(&box->mutex);
    return empty;
}

/* Gives: all that lies in it, by `next`. */
static inline struct item *mailbox_take(struct mailbox *box)
{
    pthread_mutex_lock(&box->mutex);
    struct item *all = box->first;
    box->first = NULL;
    pthread_mutex_unlock(&box->mutex);
    return all;
}

#endif
