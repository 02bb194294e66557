/* buffers.c - the buffers, and who waits for one.
 *
 * What must hold: nobody waits while a buffer is free, but for those that have been given a turn.
 *
 * Thread: the broker's.
 */
#include "broker/buffers.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>

void broker_buffers_init(struct broker_buffers *buffers, struct broker_turns *turns)
{
    *buffers = (struct broker_buffers){.turns = turns};
    list_init(&buffers->wants);
    list_init(&buffers->wants_longer);
}

void broker_buffers_done(struct broker_buffers *buffers)
{
    check(buffers->free_count == buffers->made && buffers->longer == 0);
    while (buffers->free_count > 0)
        free(buffers->free[--buffers->free_count]);
}

static char *take_common(struct broker_buffers *buffers)
{
    if (buffers->free_count > 0)
        return buffers->free[--buffers->free_count];
    if (buffers->made == BROKER_BUFFERS)
        return NULL;
    char *buffer = malloc(BROKER_BUFFER_BYTES);
    if (buffer)
        buffers->made++;
    return buffer;
}

/* A buffer of the size that one event needs. */
static int take_longer(struct broker_buffers *buffers, size_t size, struct list *place,
                       char **out_buffer)
{
    if (buffers->longer == BROKER_LONG_BUFFERS) {
        list_append(&buffers->wants_longer, place);
        return 0;
    }
    char *buffer = malloc(size);
    if (!buffer)
        return -ENOMEM;
    buffers->longer++;
    *out_buffer = buffer;
    return 1;
}

int broker_buffers_take(struct broker_buffers *buffers, size_t longer, struct list *place,
                        char **out_buffer)
{
    if (longer != 0)
        return take_longer(buffers, longer, place, out_buffer);
    char *buffer = take_common(buffers);
    if (!buffer && buffers->made == 0)
        return -ENOMEM; /* none will come back */
    if (!buffer) {
        list_append(&buffers->wants, place);
        return 0;
    }
    *out_buffer = buffer;
    return 1;
}

void broker_buffers_give(struct broker_buffers *buffers, size_t longer, char *buffer)
{
    if (longer != 0) {
        free(buffer);
        buffers->longer--;
    } else {
        buffers->free[buffers->free_count++] = buffer;
    }
    broker_buffers_offer(buffers);
}

void broker_buffers_offer(struct broker_buffers *buffers)
{
    for (size_t i = 0; i < buffers->free_count && !list_empty(&buffers->wants); i++)
        broker_turns_add(buffers->turns, buffers->wants.next);
    for (size_t i = buffers->longer; i < BROKER_LONG_BUFFERS && !list_empty(&buffers->wants_longer);
         i++)
        broker_turns_add(buffers->turns, buffers->wants_longer.next);
}
