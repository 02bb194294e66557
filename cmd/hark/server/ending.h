/* ending.h - the end of one worker: what was accepted is answered, then subscribers are told and
 * the connections end, then the broker does. */
#ifndef HARK_COMMAND_SERVER_ENDING_H
#define HARK_COMMAND_SERVER_ENDING_H

#include "connection/worker.h"

struct ending;

/* Called in a turn of the loop of its own. */
typedef void ending_reached(struct ending *ending);

/* A worker's, zeroed at first; all private. */
struct ending {
    struct worker *worker;
    ending_reached *next;
    ending_reached *finished;
    ending_reached *left;
    struct hark_op step;
};

/* Accepts nothing more, and calls finished when all is done that worker->accepted counts. */
void ending_finish(struct ending *ending, struct worker *worker, ending_reached *finished);

/* Then: tells subscribers, closes connections once they have what was sent, and calls left when
 * all is gone that worker->connected counts, and the broker is closed. */
void ending_leave(struct ending *ending, ending_reached *left);

/* Closes all connections as they are. */
void ending_cut(struct worker *worker);

#endif
