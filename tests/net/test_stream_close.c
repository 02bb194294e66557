/* hark_stream: closing at once, inside every callback, while connecting; and opening again. */
#include "net/witness.h"

/* --- inside each callback --- */

/* What the test keeps of a stream that has freed itself. */
struct trace {
    enum witness_event close_in;
    bool closed;
    int released, released_error;
};

static void close_and_free(struct witness *witness, enum witness_event event, const void *bytes,
                           int64_t count)
{
    struct trace *trace = witness->context;
    (void)bytes;
    if (event == RELEASED && witness->silent) {
        trace->released++;
        trace->released_error = (int)count;
    }
    if (event == CLOSED) {
        trace->closed = true;
        memset(&witness->stream, 0xa5, sizeof witness->stream);
        free(witness);
    } else if (event == trace->close_in) {
        witness_close_start(witness);
        witness_close_start(witness);
        assert_result(witness_write(witness, "late", 4), -EPIPE);
        witness_read_start(witness);
        witness_read_stop(witness);
        witness_end(witness);
        witness_close_after_sending(witness);
    }
}

static struct witness *self_freeing(struct trace *trace)
{
    struct witness *witness = calloc(1, sizeof *witness);
    assert_non_null(witness);
    witness->then = close_and_free;
    witness->context = trace;
    return witness;
}

BACKEND_TEST(stream_closed_in_received_is_closed_once)
{
    struct trace trace = {.close_in = RECEIVED};
    int pair[2];
    harness_tcp_pair(loop, pair);
    struct witness *stream = self_freeing(&trace);
    witness_open(loop, stream, pair[0], NULL);
    witness_read_start(stream);
    char bytes[100000] = {0}; /* more than one piece */
    harness_make_room(pair[1], sizeof bytes);
    assert_int_equal(send(pair[1], bytes, sizeof bytes, 0), sizeof bytes);
    harness_run(loop);
    assert_true(trace.closed);
    close(pair[1]);
}

BACKEND_TEST(stream_closed_in_received_of_the_end_is_closed_once)
{
    struct trace trace = {.close_in = RECEIVED_END};
    int pair[2];
    harness_tcp_pair(loop, pair);
    struct witness *stream = self_freeing(&trace);
    witness_open(loop, stream, pair[0], NULL);
    witness_read_start(stream);
    close(pair[1]);
    harness_run(loop);
    assert_true(trace.closed);
}

BACKEND_TEST(stream_closed_in_drained_is_closed_once)
{
    struct trace trace = {.close_in = DRAINED};
    int pair[2];
    struct hark_stream_options options = {.high_bytes = 1};
    harness_tcp_pair(loop, pair);
    struct witness *stream = self_freeing(&trace);
    witness_open(loop, stream, pair[0], &options);
    assert_result(witness_write(stream, "x", 1), 1);
    harness_run(loop);
    assert_true(trace.closed);
    close(pair[1]);
}

BACKEND_TEST(stream_closed_in_failed_is_closed_once)
{
    struct trace trace = {.close_in = FAILED};
    int pair[2];
    harness_socket_pair(loop, pair);
    close(pair[1]);
    struct witness *stream = self_freeing(&trace);
    witness_open(loop, stream, pair[0], NULL);
    witness_read_start(stream);
    assert_result(witness_write(stream, "x", 1), 0);
    harness_run(loop);
    assert_true(trace.closed);
}

BACKEND_TEST(stream_closed_in_connected_is_closed_once)
{
    struct trace trace = {.close_in = CONNECTED};
    struct hark_address address;
    struct witness_block block;
    int listener = harness_listen(loop, &address);
    struct witness *stream = self_freeing(&trace);
    assert_result(witness_connect(loop, stream, &address, NULL), 0);
    assert_result(witness_write_block(stream, &block, "x", 1), 0);
    witness_read_start(stream);
    harness_run(loop);
    assert_true(trace.closed);
    assert_int_equal(trace.released, 1);
    assert_result(trace.released_error, -ECANCELED);
    harness_close(loop, listener);

    /* and where it could not connect: the listener is gone */
    trace.closed = false;
    stream = self_freeing(&trace);
    assert_result(witness_connect(loop, stream, &address, NULL), 0);
    harness_run(loop);
    assert_true(trace.closed);
}

BACKEND_TEST(stream_closed_in_released_is_closed_once)
{
    struct trace trace = {.close_in = RELEASED};
    struct witness_block blocks[40];
    int pair[2];
    harness_tcp_pair(loop, pair);
    struct witness *stream = self_freeing(&trace);
    witness_open(loop, stream, pair[0], NULL);
    for (int i = 0; i < 40; i++)
        assert_result(witness_write_block(stream, &blocks[i], "x", 1), 0);
    harness_run(loop);
    assert_true(trace.closed);
    for (int i = 0; i < 40; i++)
        assert_true(blocks[i].released);
    assert_result(blocks[0].error, 0);
    assert_result(blocks[39].error, -ECANCELED);
    close(pair[1]);
}

BACKEND_TEST(stream_closed_in_released_of_a_failure_is_closed_once)
{
    struct trace trace = {.close_in = RELEASED};
    struct witness_block blocks[3];
    int pair[2];
    harness_socket_pair(loop, pair);
    close(pair[1]);
    struct witness *stream = self_freeing(&trace);
    witness_open(loop, stream, pair[0], NULL);
    for (int i = 0; i < 3; i++)
        assert_result(witness_write_block(stream, &blocks[i], "x", 1), 0);
    harness_run(loop);
    assert_true(trace.closed);
    for (int i = 0; i < 3; i++)
        assert_result(blocks[i].error, -EPIPE);
}

/* --- at once --- */

BACKEND_TEST(stream_close_releases_what_is_queued_in_order)
{
    struct witness stream = {0};
    struct witness_block blocks[20];
    int pair[2];
    harness_socket_pair(loop, pair);
    harness_stuff(pair[0]);
    witness_open(loop, &stream, pair[0], NULL);
    witness_read_start(&stream);
    for (int i = 0; i < 20; i++) {
        assert_result(witness_write(&stream, "copy", 4), 0);
        assert_result(witness_write_block(&stream, &blocks[i], "block", 5), 0);
    }
    harness_settle(loop);
    witness_close_start(&stream);
    assert_false(blocks[0].released); /* not from inside the call */
    assert_result(witness_write(&stream, "x", 1), -EPIPE);
    harness_run(loop);
    assert_true(stream.closed);
    for (int i = 0; i < 20; i++) {
        assert_true(blocks[i].released);
        assert_result(blocks[i].error, -ECANCELED);
        assert_int_equal(blocks[i].order, i + 1);
    }
    assert_int_equal(hark_stream_queued(&stream.stream), 0);
    close(pair[1]);
}

BACKEND_TEST(stream_calls_on_what_is_not_open_do_nothing)
{
    struct witness stream = {0};
    int pair[2];
    for (int round = 0; round < 2; round++) { /* never opened, then closed */
        assert_result(witness_write(&stream, "x", 1), -EPIPE);
        witness_read_start(&stream);
        witness_read_stop(&stream);
        witness_end(&stream);
        CALL_VOID(hark_stream_close(&stream.stream));
        witness_close_after_sending(&stream);
        assert_int_equal(hark_stream_queued(&stream.stream), 0);
        assert_int_equal(hark_loop_active(loop), 0);
        if (round == 1)
            break;
        harness_tcp_pair(loop, pair);
        witness_open(loop, &stream, pair[0], NULL);
        witness_close(loop, &stream);
        close(pair[1]);
    }
}

static void open_again(struct witness *witness, enum witness_event event, const void *bytes,
                       int64_t count)
{
    (void)bytes;
    (void)count;
    int *pair = witness->context;
    if (event != CLOSED || pair[0] < 0)
        return;
    int fd = pair[0];
    pair[0] = -1;
    witness->closed = witness->silent = false;
    witness_open(witness->stream.loop, witness, fd, NULL);
    assert_result(witness_write(witness, "again", 5), 0);
}

BACKEND_TEST(stream_is_opened_again_in_closed)
{
    int first[2];
    int second[2];
    char got[5];
    harness_tcp_pair(loop, first);
    harness_tcp_pair(loop, second);
    struct witness stream = {.then = open_again, .context = second};
    stream.stream.context = &stream;
    witness_open(loop, &stream, first[0], NULL);
    witness_read_start(&stream);
    witness_close_start(&stream);
    while (second[0] >= 0)
        assert_true(hark_run_once(loop) >= 0);
    assert_ptr_equal(stream.stream.context, &stream); /* the caller's stays */
    peer_read_all(loop, second[1], got, 5);
    assert_memory_equal(got, "again", 5);
    witness_close(loop, &stream);
    close(first[1]);
    close(second[1]);
}

/* A TCP socket that listens and takes no connection any more: what connects to it now waits. */
struct full {
    int listener, clients[4];
    struct hark_address address;
};

static void full_make(struct hark_loop *loop, struct full *full)
{
    full->listener = harness_listen(loop, &full->address);
    assert_int_equal(listen(full->listener, 0), 0);
    for (int i = 0; i < 4; i++) {
        full->clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(full->clients[i], &full->address.name.any, full->address.length);
    }
}

static void full_done(struct full *full)
{
    for (int i = 0; i < 4; i++)
        close(full->clients[i]);
    close(full->listener);
}

BACKEND_TEST(stream_closed_while_connecting_is_not_connected)
{
    struct full full;
    full_make(loop, &full);
    for (int settle = 0; settle < 2; settle++) {
        struct witness client = {0};
        struct witness_block block;
        assert_result(witness_connect(loop, &client, &full.address, NULL), 0);
        assert_result(witness_write_block(&client, &block, "x", 1), 0);
        witness_read_start(&client);
        witness_end(&client);
        if (settle)
            harness_settle(loop);
        assert_false(client.connected);
        witness_close_start(&client);
        harness_run(loop);
        assert_true(client.closed);
        assert_false(client.connected);
        assert_result(block.error, -ECANCELED);
    }
    full_done(&full);
}
