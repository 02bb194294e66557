/* pending.h - every kind of op that can wait for something that does not come: for what all of them
 * must do alike when they are cancelled, closed, timed out, or when it comes after all. */
#ifndef HARNESS_PENDING_H
#define HARNESS_PENDING_H

#include "harness/harness.h"
#include <sys/socket.h>
#include <sys/uio.h>

enum { PENDING_BYTES = 64 };

enum pending_kind {
    PENDING_ACCEPT,
    PENDING_ACCEPT_EACH,
    PENDING_CONNECT,
    PENDING_RECV,
    PENDING_RECV_WAITALL,
    PENDING_RECV_EACH,
    PENDING_RECVMSG_EACH,
    PENDING_RECVMSG,
    PENDING_SEND,
    PENDING_SENDMSG,
    PENDING_SEND_ZC,
    PENDING_READ_SOCKET,
    PENDING_READ,
    PENDING_READV,
    PENDING_WRITE,
    PENDING_WRITEV,
    PENDING_POLL,
    PENDING_POLL_EACH,
    PENDING_SIGNAL_EACH,
    PENDING_SLEEP,
    PENDING_SLEEP_UNTIL,
    PENDING_EVERY,
    PENDING_KINDS,
};

/* A waiting op and all that it needs. Zeroed before pending_start. */
struct pending {
    struct harness_op recorder;
    enum pending_kind kind;
    int fd;   /* the op's descriptor; -1 for ops that have none */
    int peer; /* the other end, -1 where there is none */
    int extra;
    struct hark_address address;
    char bytes[PENDING_BYTES];
    struct iovec vector;
    struct msghdr message;
    char lent[4096];
};

const char *pending_name(enum pending_kind kind);

/* Whether the op stands on a descriptor, is a repeating one, and whether pending_complete knows how
 * to end its waiting. */
bool pending_on_descriptor(enum pending_kind kind);
bool pending_repeats(enum pending_kind kind);
bool pending_completable(enum pending_kind kind);

/* Makes the descriptors and starts the op with harness_done. */
void pending_start(struct hark_loop *loop, struct pending *pending, enum pending_kind kind);

/* Lets happen what the op waits for. Where its descriptor is closed already: nothing. */
void pending_complete(struct pending *pending);

/* Asserts that a result is one that the op may give once pending_complete was called, and takes
 * care of what it owns. */
void pending_check_real(struct hark_loop *loop, struct pending *pending, int64_t result);

/* Closes what is still open. The op has had its final call. */
void pending_release(struct hark_loop *loop, struct pending *pending);

/* Runs the body with `kind` being each of the kinds, and says which one it is where an assert
 * fails. */
#define FOR_EACH_PENDING(kind)                                                                     \
    for (enum pending_kind kind = 0; kind < PENDING_KINDS && pending_note(kind); kind++)
bool pending_note(enum pending_kind kind);

#endif
