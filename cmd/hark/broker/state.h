/* state.h - what a broker is made of; each part is looked after by the file of its name. For the
 * broker's own files, and for its sources. */
#ifndef HARK_COMMAND_BROKER_STATE_H
#define HARK_COMMAND_BROKER_STATE_H

#include <stdbool.h>

#include "base/list.h"
#include "base/pending.h"
#include "broker/buffers.h"
#include "broker/options.h"
#include "broker/source.h"
#include "broker/statistics.h"
#include "broker/turns.h"
#include "streams/streams.h"

struct broker {
    struct hark_loop *loop;
    struct broker_source *source;
    struct broker_options options;
    struct broker_statistics statistics;

    struct streams *streams; /* the table of this thread: the log's, or, without that, `own` */
    struct streams own;
    struct list holding; /* stream.c: all streams of this broker */

    /* reader.c */
    struct list readers[BROKER_ENCODINGS];
    struct list beating; /* of those, the ones that are still to be looked at for this heartbeat */
    struct hark_op heartbeat; /* one timer for all; runs only while somebody needs it */

    struct broker_turns turns;
    struct broker_buffers buffers;

    struct list chunks_waiting; /* these two: chunk.c */
    uint32_t chunks_reading;

    /* broker.c */
    struct pending pending; /* what must end before the broker is closed */
    bool closing;
    bool has_left;
    void (*closed)(void *context);
    void *closed_context;
};

#endif
