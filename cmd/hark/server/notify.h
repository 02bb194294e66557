/* notify.h - a service manager, as systemd is one, is told that the server is ready, that it is
 * alive, and that it ends. */
#ifndef HARK_COMMAND_SERVER_NOTIFY_H
#define HARK_COMMAND_SERVER_NOTIFY_H

#include <stdbool.h>

#include "hark.h"

/* The owner's, zeroed at first. All private. */
struct notify {
    struct hark_loop *loop;
    struct hark_address manager;
    struct hark_op op; /* the connect, or a send for which there is no room yet */
    int fd;
    bool open; /* fd is a socket */
    bool closing;
    uint64_t watched_ns;  /* the loop is to be told of as alive this often; 0: nobody asks */
    struct hark_op alive; /* when it is due */
    const char *next;     /* what is told once the op has ended; NULL: nothing */
};

/* Finds the manager, if there is one: the variable NOTIFY_SOCKET. Says why, if it cannot be told
 * anything. */
void notify_open(struct notify *notify, struct hark_loop *loop);

/* Tells it a new state of the server: at once, unless it is not connected yet, or has no room; then
 * as soon as can be, and the newest state alone. Nothing waits for it, nor fails with it.
 * Takes: state: a text that stays, in the form of sd_notify(3). */
void notify_tell(struct notify *notify, const char *state);

/* From here on it is told twice in each WATCHDOG_USEC that the loop turns, if it asks for that: by
 * a timer of the loop, so that a loop that is held tells nothing, and is restarted. To be called
 * with the loop ready to serve. */
void notify_watch(struct notify *notify);

/* What the manager has not taken by now is given up. */
void notify_close(struct notify *notify);

#endif
