/* signals.h - the signals that end `hark pub` and `hark sub`: SIGINT, SIGTERM and SIGHUP, but those
 * that were ignored when they were started (nohup, a script's background). */
#ifndef HARK_COMMAND_CLIENT_SIGNALS_H
#define HARK_COMMAND_CLIENT_SIGNALS_H

#include "hark.h"

enum { CLIENT_SIGNALS = 3 };

/* In the caller's memory, zeroed. */
struct client_signals {
    struct client_signal {
        struct hark_op op;
        struct client_signals *all;
    } each[CLIENT_SIGNALS];
    void (*came)(struct client_signals *signals);
};

/* Calls `came` whenever one of them comes, until client_signals_done. */
void client_signals_watch(struct hark_loop *loop, struct client_signals *signals,
                          void (*came)(struct client_signals *signals));

/* Gives the signals back. */
void client_signals_done(struct client_signals *signals);

#endif
