/* witness.h - a stream that writes down what it is told, and holds the rules that every stream
 * keeps: no callback from inside a call, nothing but `released` and `closed` after
 * hark_stream_close, the end of reading and the failure of writing told once.
 *
 * Calls that could call back by mistake are made through CALL. */
#ifndef NET_WITNESS_H
#define NET_WITNESS_H

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
    CLOSED,
    DETACHED
};

struct witness {
    struct hark_stream stream;
    bool connected, ended, failed, closed, detached; /* what harness_run_until waits for */
    bool silent;                                     /* hark_stream_close was called */
    int fd;                                          /* what `detached` gave back */
    int connected_error, failed_error;
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
static int witness_inside;
static int witness_released;

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

static inline struct witness *witness_of(struct hark_stream *stream)
{
    struct witness *witness = hark_container_of(stream, struct witness, stream);
    assert_int_equal(witness_inside, 0);
    assert_false(witness->closed);
    assert_false(witness->detached);
    return witness;
}

static inline void witness_then(struct witness *witness, enum witness_event event,
                                const void *bytes, int64_t count)
{
    if (witness->then)
        witness->then(witness, event, bytes, count);
}

static inline void witness_connected(struct hark_stream *stream, int error)
{
    struct witness *witness = witness_of(stream);
    assert_false(witness->silent);
    assert_false(witness->connected);
    witness->connected = true;
    witness->connected_error = error;
    witness_then(witness, CONNECTED, NULL, error);
}

static inline void witness_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    struct witness *witness = witness_of(stream);
    assert_false(witness->silent);
    assert_false(witness->ended);
    if (count <= 0) {
        witness->ended = true;
        witness->end = count;
        witness_then(witness, RECEIVED_END, NULL, count);
        return;
    }
    assert_non_null(bytes);
    witness->pieces++;
    witness->total += (uint64_t)count;
    if (witness->bytes) {
        assert_true((size_t)count <= witness->room - witness->count);
        memcpy(witness->bytes + witness->count, bytes, (size_t)count);
        witness->count += (size_t)count;
    }
    witness_then(witness, RECEIVED, bytes, count);
}

static inline void witness_drained(struct hark_stream *stream)
{
    struct witness *witness = witness_of(stream);
    assert_false(witness->silent);
    witness->drained++;
    witness_then(witness, DRAINED, NULL, 0);
}

static inline void witness_failed(struct hark_stream *stream, int error)
{
    struct witness *witness = witness_of(stream);
    assert_false(witness->silent);
    assert_false(witness->failed);
    assert_true(error < 0);
    assert_int_equal(hark_stream_queued(stream), 0);
    witness->failed = true;
    witness->failed_error = error;
    witness_then(witness, FAILED, NULL, error);
}

static inline void witness_released_block(struct hark_stream *stream,
                                          struct hark_stream_block *block, int error)
{
    struct witness_block *own = hark_container_of(block, struct witness_block, block);
    struct witness *witness = witness_of(stream);
    assert_false(own->released);
    own->released = true;
    own->error = error;
    own->order = ++witness_released;
    witness_then(witness, RELEASED, own, error);
}

static inline void witness_closed(struct hark_stream *stream)
{
    struct witness *witness = witness_of(stream);
    const struct hark_op *ops[] = {&stream->connect, &stream->receive, &stream->send,
                                   &stream->shutdown, &stream->close};
    for (size_t index = 0; index < sizeof ops / sizeof ops[0]; index++)
        assert_false(hark_op_active(ops[index])); /* from here on its memory is the owner's */
    witness->closed = true;
    witness_then(witness, CLOSED, NULL, 0); /* may free the witness */
}

static inline void witness_detached(struct hark_stream *stream, int fd)
{
    struct witness *witness = witness_of(stream);
    assert_false(witness->silent);
    assert_int_equal(hark_stream_queued(stream), 0);
    witness->detached = true;
    witness->fd = fd;
    witness_then(witness, DETACHED, NULL, 0); /* may free the witness */
}

static const struct hark_stream_events witness_events = {
    .connected = witness_connected,
    .received = witness_received,
    .drained = witness_drained,
    .failed = witness_failed,
    .closed = witness_closed,
    .detached = witness_detached,
};

static inline void witness_open(struct hark_loop *loop, struct witness *witness, int fd,
                                const struct hark_stream_options *options)
{
    CALL_VOID(hark_stream_open(loop, &witness->stream, fd, options, &witness_events));
}

static inline int witness_connect(struct hark_loop *loop, struct witness *witness,
                                  const struct hark_address *address,
                                  const struct hark_stream_options *options)
{
    return CALL(hark_stream_connect(loop, &witness->stream, address, options, &witness_events));
}

static inline int witness_write(struct witness *witness, const void *bytes, size_t count)
{
    return CALL(hark_stream_write(&witness->stream, bytes, count));
}

static inline int witness_write_block(struct witness *witness, struct witness_block *own,
                                      const void *bytes, size_t count)
{
    /* The private members are the stream's to set. */
    *own = (struct witness_block){.block = {.bytes = bytes,
                                            .count = count,
                                            .released = witness_released_block,
                                            .next = &own->block,
                                            .capacity = 77}};
    return CALL(hark_stream_write_block(&witness->stream, &own->block));
}

static inline void witness_end(struct witness *witness)
{
    CALL_VOID(hark_stream_end(&witness->stream));
}

static inline void witness_read_start(struct witness *witness)
{
    CALL_VOID(hark_stream_read_start(&witness->stream));
}

static inline void witness_read_stop(struct witness *witness)
{
    CALL_VOID(hark_stream_read_stop(&witness->stream));
}

/* Asks for the close, from a callback too. */
static inline void witness_close_start(struct witness *witness)
{
    witness->silent = true;
    CALL_VOID(hark_stream_close(&witness->stream));
}

/* Closes, and turns the loop until that is done. */
static inline void witness_close(struct hark_loop *loop, struct witness *witness)
{
    witness_close_start(witness);
    harness_run_until(loop, &witness->closed);
}

static inline void witness_close_after_sending(struct witness *witness)
{
    CALL_VOID(hark_stream_close_after_sending(&witness->stream));
}

/* Asks for the descriptor, from a callback too. Gives: 0, or a negative errno. */
static inline int witness_detach_start(struct witness *witness)
{
    return CALL(hark_stream_detach(&witness->stream));
}

/* Detaches, and turns the loop until that is done.
 * Gives: the descriptor. */
static inline int witness_detach(struct hark_loop *loop, struct witness *witness)
{
    assert_result(witness_detach_start(witness), 0);
    harness_run_until(loop, &witness->detached);
    return witness->fd;
}

/* Room for what it receives; freed by the test. */
static inline void witness_collect(struct witness *witness, size_t room)
{
    witness->bytes = malloc(room);
    witness->room = room;
    assert_non_null(witness->bytes);
}

/* A pair of streams over TCP. */
static inline void witness_pair(struct hark_loop *loop, struct witness *one, struct witness *other,
                                const struct hark_stream_options *options)
{
    int pair[2];
    harness_tcp_pair(loop, pair);
    witness_open(loop, one, pair[0], options);
    witness_open(loop, other, pair[1], options);
}

/* Reads what lies in a descriptor, without waiting.
 * Gives: the bytes; 0 at the end; -EAGAIN nothing is there; a negative errno.
 */
static inline ssize_t peer_read(int fd, void *bytes, size_t room)
{
    ssize_t count = recv(fd, bytes, room, MSG_DONTWAIT);
    return count < 0 ? -errno : count;
}

/* Reads exactly so many bytes in a plain descriptor, while the loop turns. The loop must have
 * something in flight. */
static inline void peer_read_all(struct hark_loop *loop, int fd, void *bytes, size_t count)
{
    for (size_t got = 0; got < count;) {
        ssize_t step = peer_read(fd, (char *)bytes + got, count - got);
        assert_true(step > 0 || step == -EAGAIN);
        if (step > 0)
            got += (size_t)step;
        else
            assert_true(hark_run_ready(loop) >= 0);
    }
}

/* The same up to the end of the stream.
 * Gives: 0, or the error that it ended with. */
static inline ssize_t peer_read_end(struct hark_loop *loop, int fd)
{
    char rest[1];
    ssize_t step;
    while ((step = peer_read(fd, rest, sizeof rest)) == -EAGAIN)
        assert_true(hark_run_ready(loop) >= 0);
    return step;
}

/* Closes a plain descriptor of a TCP connection so that the other side is reset. */
static inline void peer_reset(int fd)
{
    struct linger at_once = {.l_onoff = 1};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(fd);
}

/* Makes a socket's buffers small, so that little fills them. */
static inline void peer_shrink(int fd)
{
    int bytes = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

#endif
