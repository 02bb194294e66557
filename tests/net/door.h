/* door.h - a listener that writes down what it is told, and what its clients see. */
#ifndef TESTS_NET_DOOR_H
#define TESTS_NET_DOOR_H

#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DOORS_MAX = 64 };

/* A listener that writes down what it is told. */
struct door {
    struct hark_listener listener;
    struct hark_address address;
    int fds[DOORS_MAX];
    int count;
    int errors[DOORS_MAX];
    int error_count;
    bool failed, closed;
    void (*on_accepted)(struct door *door);
    void (*on_failed)(struct door *door);
    void (*on_closed)(struct door *door);
};

/* What a door has for its listener. */
extern const struct hark_listener_events door_events;
void door_accepted(struct hark_listener *listener, int fd);
int door_open(struct hark_loop *loop, struct door *door, const char *text);
void door_close_start(struct door *door);

/* Closes the listener, and all that it accepted. */
void door_close(struct hark_loop *loop, struct door *door);
int client_connect(const struct hark_address *address);
void door_wait(struct hark_loop *loop, struct door *door, int count);

/* What a client sees.
 * Gives: 0 or -ECONNRESET where the connection is closed, -EAGAIN where it is open. */
ssize_t client_look(int fd);

#endif
