/* witness.h - a stream that writes down what it is told, and holds the rules that every stream
 * keeps: no callback from inside a call, nothing but `released` and `closed` after
 * hark_stream_close, the end of reading and the failure of writing told once.
 *
 * Calls that could call back by mistake are made through CALL. */
#ifndef TESTS_NET_WITNESS_H
#define TESTS_NET_WITNESS_H

#include "harness/harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum witness_event {
    CONNECTED = 1,
    RECEIVED,
    RECEIVED_END,
    DRAINED,
    FAILED,
    RELEASED,
    GONE,
    CLOSED,
    DETACHED
};

struct witness {
    struct hark_stream stream;
    bool connected, ended, failed, gone, closed, detached; /* what harness_run_until waits for */
    bool silent;                                           /* hark_stream_close was called */
    int fd;                                                /* what `detached` gave back */
    int connected_error, failed_error, gone_error;
    int64_t end;
    int pieces, drained;
    char *bytes; /* what was received, where there is room for it */
    size_t count, room;
    uint64_t total;
    /* Called after each event has been written down. NULL: nothing. */
    void (*then)(struct witness *witness, enum witness_event event, const void *bytes,
                 int64_t count);
    struct witness *other;
    void *context;
};

/* A block of the caller, and what became of it. */
struct witness_block {
    struct hark_stream_block block;
    bool released;
    int error;
    int order; /* its place among all that were released, from 1 */
};

/* How deep the test is inside of calls of the library. */
extern int witness_inside;

#define CALL(call)                                                                                 \
    __extension__({                                                                                \
        witness_inside++;                                                                          \
        __auto_type call_result = (call);                                                          \
        witness_inside--;                                                                          \
        call_result;                                                                               \
    })
#define CALL_VOID(call)                                                                            \
    do {                                                                                           \
        witness_inside++;                                                                          \
        call;                                                                                      \
        witness_inside--;                                                                          \
    } while (0)

/* What a witness has for its stream. */
extern const struct hark_stream_events witness_events;
void witness_failed(struct hark_stream *stream, int error);
void witness_closed(struct hark_stream *stream);

void witness_open(struct hark_loop *loop, struct witness *witness, int fd,
                  const struct hark_stream_options *options);
int witness_connect(struct hark_loop *loop, struct witness *witness,
                    const struct hark_address *address, const struct hark_stream_options *options);
int witness_write(struct witness *witness, const void *bytes, size_t count);
int witness_write_block(struct witness *witness, struct witness_block *own, const void *bytes,
                        size_t count);
void witness_watch(struct witness *witness);
void witness_end(struct witness *witness);
void witness_read_start(struct witness *witness);
void witness_read_stop(struct witness *witness);

/* Asks for the close, from a callback too. */
void witness_close_start(struct witness *witness);

/* Closes, and turns the loop until that is done. */
void witness_close(struct hark_loop *loop, struct witness *witness);
void witness_close_after_sending(struct witness *witness);

/* Asks for the descriptor, from a callback too.
 * Gives: 0, or a negative errno. */
int witness_detach_start(struct witness *witness);

/* Detaches, and turns the loop until that is done.
 * Gives: the descriptor. */
int witness_detach(struct hark_loop *loop, struct witness *witness);

/* Room for what it receives; freed by the test. */
void witness_collect(struct witness *witness, size_t room);

/* A pair of streams over TCP. */
void witness_pair(struct hark_loop *loop, struct witness *one, struct witness *other,
                  const struct hark_stream_options *options);

/* Reads what lies in a descriptor, without waiting.
 * Gives: the bytes; 0 at the end; -EAGAIN nothing is there; a negative errno. */
ssize_t peer_read(int fd, void *bytes, size_t room);

/* Reads exactly so many bytes in a plain descriptor, while the loop turns. The loop must have
 * something in flight. */
void peer_read_all(struct hark_loop *loop, int fd, void *bytes, size_t count);

/* The same up to the end of the stream.
 * Gives: 0, or the error that it ended with. */
ssize_t peer_read_end(struct hark_loop *loop, int fd);

/* Closes a plain descriptor of a TCP connection so that the other side is reset. */
void peer_reset(int fd);

/* Makes a socket's buffers small, so that little fills them. */
void peer_shrink(int fd);

/* A stream whose peer is a plain descriptor.
 * Gives: that. */
int witness_opened(struct hark_loop *loop, struct witness *witness,
                   const struct hark_stream_options *options);

/* The same, with no room left for a single byte on the way: *out_count lies there already. A unix
 * socket, since TCP takes its time to open a window that was shut. */
int witness_stuffed(struct hark_loop *loop, struct witness *witness,
                    const struct hark_stream_options *options, size_t *out_count);

/* For `then`: answers whatever comes with a hundred writes. */
void witness_answer_in_pieces(struct witness *witness, enum witness_event event, const void *bytes,
                              int64_t count);

/* Reads that and throws it away; afterwards the stream's own bytes come. */
void peer_unstuff(struct hark_loop *loop, int peer, size_t count);

#endif
