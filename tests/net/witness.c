/* witness.c - see the header. */
#include "net/witness.h"

int witness_inside;
static int witness_released; /* blocks, so far */

static struct witness *witness_of(struct hark_stream *stream)
{
    struct witness *witness = hark_container_of(stream, struct witness, stream);
    assert_int_equal(witness_inside, 0);
    assert_false(witness->closed);
    assert_false(witness->detached);
    return witness;
}

static void witness_then(struct witness *witness, enum witness_event event, const void *bytes,
                         int64_t count)
{
    if (witness->then)
        witness->then(witness, event, bytes, count);
}

static void witness_connected(struct hark_stream *stream, int error)
{
    struct witness *witness = witness_of(stream);
    assert_false(witness->silent);
    assert_false(witness->connected);
    witness->connected = true;
    witness->connected_error = error;
    witness_then(witness, CONNECTED, NULL, error);
}

static void witness_received(struct hark_stream *stream, const void *bytes, int64_t count)
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

static void witness_drained(struct hark_stream *stream)
{
    struct witness *witness = witness_of(stream);
    assert_false(witness->silent);
    witness->drained++;
    witness_then(witness, DRAINED, NULL, 0);
}

void witness_failed(struct hark_stream *stream, int error)
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

static void witness_gone(struct hark_stream *stream, int error)
{
    struct witness *witness = witness_of(stream);
    assert_false(witness->silent);
    assert_false(witness->gone);
    witness->gone = true;
    witness->gone_error = error;
    witness_then(witness, GONE, NULL, error);
}

static void witness_released_block(struct hark_stream *stream, struct hark_stream_block *block,
                                   int error)
{
    struct witness_block *own = hark_container_of(block, struct witness_block, block);
    struct witness *witness = witness_of(stream);
    assert_false(own->released);
    own->released = true;
    own->error = error;
    own->order = ++witness_released;
    witness_then(witness, RELEASED, own, error);
}

void witness_closed(struct hark_stream *stream)
{
    struct witness *witness = witness_of(stream);
    const struct hark_op *ops[] = {&stream->connect, &stream->receive, &stream->send,
                                   &stream->shutdown, &stream->close};
    for (size_t index = 0; index < sizeof ops / sizeof ops[0]; index++)
        assert_false(hark_op_active(ops[index])); /* from here on its memory is the owner's */
    witness->closed = true;
    witness_then(witness, CLOSED, NULL, 0); /* may free the witness */
}

static void witness_detached(struct hark_stream *stream, int fd)
{
    struct witness *witness = witness_of(stream);
    assert_false(witness->silent);
    assert_int_equal(hark_stream_queued(stream), 0);
    witness->detached = true;
    witness->fd = fd;
    witness_then(witness, DETACHED, NULL, 0); /* may free the witness */
}

const struct hark_stream_events witness_events = {
    .connected = witness_connected,
    .received = witness_received,
    .drained = witness_drained,
    .failed = witness_failed,
    .gone = witness_gone,
    .closed = witness_closed,
    .detached = witness_detached,
};

void witness_open(struct hark_loop *loop, struct witness *witness, int fd,
                  const struct hark_stream_options *options)
{
    CALL_VOID(hark_stream_open(loop, &witness->stream, fd, options, &witness_events));
}

int witness_connect(struct hark_loop *loop, struct witness *witness,
                    const struct hark_address *address, const struct hark_stream_options *options)
{
    return CALL(hark_stream_connect(loop, &witness->stream, address, options, &witness_events));
}

int witness_write(struct witness *witness, const void *bytes, size_t count)
{
    return CALL(hark_stream_write(&witness->stream, bytes, count));
}

int witness_write_block(struct witness *witness, struct witness_block *own, const void *bytes,
                        size_t count)
{
    /* The private members are the stream's to set. */
    *own = (struct witness_block){.block = {.bytes = bytes,
                                            .count = count,
                                            .released = witness_released_block,
                                            .next = &own->block,
                                            .capacity = 77}};
    return CALL(hark_stream_write_block(&witness->stream, &own->block));
}

void witness_watch(struct witness *witness)
{
    CALL_VOID(hark_stream_watch(&witness->stream));
}

void witness_end(struct witness *witness)
{
    CALL_VOID(hark_stream_end(&witness->stream));
}

void witness_read_start(struct witness *witness)
{
    CALL_VOID(hark_stream_read_start(&witness->stream));
}

void witness_read_stop(struct witness *witness)
{
    CALL_VOID(hark_stream_read_stop(&witness->stream));
}

void witness_close_start(struct witness *witness)
{
    witness->silent = true;
    CALL_VOID(hark_stream_close(&witness->stream));
}

void witness_close(struct hark_loop *loop, struct witness *witness)
{
    witness_close_start(witness);
    harness_run_until(loop, &witness->closed);
}

void witness_close_after_sending(struct witness *witness)
{
    CALL_VOID(hark_stream_close_after_sending(&witness->stream));
}

int witness_detach_start(struct witness *witness)
{
    return CALL(hark_stream_detach(&witness->stream));
}

int witness_detach(struct hark_loop *loop, struct witness *witness)
{
    assert_result(witness_detach_start(witness), 0);
    harness_run_until(loop, &witness->detached);
    return witness->fd;
}

void witness_collect(struct witness *witness, size_t room)
{
    witness->bytes = malloc(room);
    witness->room = room;
    assert_non_null(witness->bytes);
}

void witness_pair(struct hark_loop *loop, struct witness *one, struct witness *other,
                  const struct hark_stream_options *options)
{
    int pair[2];
    harness_tcp_pair(loop, pair);
    witness_open(loop, one, pair[0], options);
    witness_open(loop, other, pair[1], options);
}

ssize_t peer_read(int fd, void *bytes, size_t room)
{
    ssize_t count = recv(fd, bytes, room, MSG_DONTWAIT);
    return count < 0 ? -errno : count;
}

void peer_read_all(struct hark_loop *loop, int fd, void *bytes, size_t count)
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

ssize_t peer_read_end(struct hark_loop *loop, int fd)
{
    char rest[1];
    ssize_t step;
    while ((step = peer_read(fd, rest, sizeof rest)) == -EAGAIN)
        assert_true(hark_run_ready(loop) >= 0);
    return step;
}

void peer_reset(int fd)
{
    struct linger at_once = {.l_onoff = 1};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(fd);
}

void peer_shrink(int fd)
{
    int bytes = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

int witness_opened(struct hark_loop *loop, struct witness *witness,
                   const struct hark_stream_options *options)
{
    int pair[2];
    harness_tcp_pair(loop, pair);
    witness_open(loop, witness, pair[0], options);
    return pair[1];
}

int witness_stuffed(struct hark_loop *loop, struct witness *witness,
                    const struct hark_stream_options *options, size_t *out_count)
{
    int pair[2];
    harness_socket_pair(loop, pair);
    peer_shrink(pair[0]);
    *out_count = harness_stuff(pair[0]);
    witness_open(loop, witness, pair[0], options);
    return pair[1];
}

void peer_unstuff(struct hark_loop *loop, int peer, size_t count)
{
    char *bytes = malloc(count + 1);
    peer_read_all(loop, peer, bytes, count);
    free(bytes);
}

void witness_answer_in_pieces(struct witness *witness, enum witness_event event, const void *bytes,
                              int64_t count)
{
    (void)bytes;
    (void)count;
    for (int i = 0; event == RECEIVED && i < 100; i++)
        assert_result(witness_write(witness, "0123456789", 10), 0);
}
