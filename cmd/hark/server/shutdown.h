/* shutdown.h - the end of the server, in order. */
#ifndef HARK_COMMAND_SERVER_SHUTDOWN_H
#define HARK_COMMAND_SERVER_SHUTDOWN_H

#include "base/deadline.h"
#include "server/listeners.h"
#include "server/notify.h"
#include "server/reserve.h"
#include "server/workers.h"

struct certificates;
struct log;
struct shutdown;
struct subscriptions;
struct tail;

enum { SHUTDOWN_SIGNALS = 6 };

struct shutdown_signal {
    struct hark_op op;
    struct shutdown *shutdown;
};

/* The owner's, zeroed at first. What is to be closed is set as it is opened; the rest is
 * private. */
struct shutdown {
    struct workers *workers;
    struct listeners *listeners;
    struct reserve *reserve;
    struct notify *notify;
    struct certificates *certificates;
    struct permissions *permissions;
    struct log *log;
    struct tail *tail;
    struct subscriptions *subscriptions; /* NULL: not open; its memory is the server's */

    int exit_code;
    struct shutdown_signal signals[SHUTDOWN_SIGNALS];
    bool signalled; /* one of them began the end */
    bool begun;
    struct deadline deadline;
    bool late; /* the deadline has passed once */
};

/* Follows the signals that begin it. */
void shutdown_watch(struct shutdown *shutdown);

/* Begins the end. Called again: only the exit code may change.
 * Takes: the exit code that the server shall have. */
void shutdown_begin(struct shutdown *shutdown, int exit_code);

#endif
