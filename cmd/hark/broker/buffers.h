/* buffers.h - what reads of the disk are put into: few buffers for all readers of a broker.
 *
 * A reader holds one only while its read is in flight. So a thousand that come back together after
 * a restart take turns, and one that stops reading holds none. An event that is longer than a
 * buffer has one of its own size; few of those are in use at once as well.
 */
#ifndef HARK_COMMAND_BROKER_BUFFERS_H
#define HARK_COMMAND_BROKER_BUFFERS_H

#include <stddef.h>

#include "broker/turns.h"
#include "log/log.h"

enum {
    BROKER_BUFFERS = 16,                      /* of the common size */
    BROKER_BUFFER_BYTES = LOG_READ_BYTES_MIN, /* that size */
    BROKER_LONG_BUFFERS = 8,                  /* longer ones, at once */
};

struct broker_buffers {
    struct broker_turns *turns; /* for whoever waits */
    char *free[BROKER_BUFFERS];
    size_t free_count;
    size_t made;
    size_t longer;     /* longer ones in use */
    struct list wants; /* places of readers that wait for one */
    struct list wants_longer;
};

void broker_buffers_init(struct broker_buffers *buffers, struct broker_turns *turns);

/* Frees them.
 * Takes: none is in use. */
void broker_buffers_done(struct broker_buffers *buffers);

/* Takes a buffer.
 * Takes: longer: the size of one that is longer; 0: one of the common size. place: of whoever asks:
 *   stands in no list.
 * Gives: 1 and *out_buffer; 0: there is none now: place waits, and gets a turn when there may be
 *   one.
 * Fails: -ENOMEM. */
int broker_buffers_take(struct broker_buffers *buffers, size_t longer, struct list *place,
                        char **out_buffer);

/* Gives one back.
 * Takes: longer: as it was taken. */
void broker_buffers_give(struct broker_buffers *buffers, size_t longer, char *buffer);

/* Gives a turn to as many of those that wait as there are buffers. Called whenever one is free and
 * whoever it was offered to may have gone without it. */
void broker_buffers_offer(struct broker_buffers *buffers);

#endif
