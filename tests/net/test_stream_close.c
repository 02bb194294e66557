/* hark_stream: closing at once, after sending, inside every callback, while connecting; and opening
 * again. */
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

/* --- after sending --- */

BACKEND_TEST(stream_close_after_sending_sends_everything_first)
{
    struct witness stream = {0};
    struct witness reader = {0};
    size_t count = 1000000;
    char *sent = malloc(count);
    harness_fill(sent, count, 11);
    witness_pair(loop, &stream, &reader, NULL);
    witness_collect(&reader, count);
    assert_result(witness_write(&stream, sent, count), 1);
    witness_close_after_sending(&stream);
    witness_close_after_sending(&stream);
    assert_result(witness_write(&stream, "x", 1), -EPIPE);
    harness_settle(loop);
    assert_false(stream.closed);
    witness_read_start(&reader);
    harness_run_until(loop, &reader.ended);
    assert_result(reader.end, 0);
    assert_int_equal(reader.count, count);
    assert_true(harness_filled(reader.bytes, count, 11));
    assert_false(stream.closed); /* it waits for the other side to end */
    witness_close(loop, &reader);
    harness_run_until(loop, &stream.closed);
    assert_int_equal(stream.drained, 0);
    free(reader.bytes);
    free(sent);
}

/* Closing with bytes unread resets the connection: the peer would lose what it has not read yet. */
BACKEND_TEST(stream_close_after_sending_with_input_unread_does_not_reset)
{
    struct witness stream = {0};
    struct witness client = {0};
    size_t count = 1000000;
    char *sent = malloc(count);
    harness_fill(sent, count, 12);
    witness_pair(loop, &stream, &client, NULL);
    witness_collect(&client, count);
    assert_true(witness_write(&client, sent, count) >= 0); /* a request that nobody reads */
    harness_settle(loop);
    assert_true(witness_write(&stream, sent, count) >= 0); /* the refusal */
    witness_close_after_sending(&stream);
    harness_settle(loop);
    witness_read_start(&client);
    harness_run_until(loop, &client.ended);
    assert_result(client.end, 0);
    assert_int_equal(client.count, count);
    assert_true(harness_filled(client.bytes, count, 12));
    assert_false(client.failed);
    witness_close(loop, &client);
    harness_run_until(loop, &stream.closed);
    assert_int_equal(stream.pieces, 0); /* thrown away, not delivered */
    free(client.bytes);
    free(sent);
}

static void refuse(struct witness *witness, enum witness_event event, const void *bytes,
                   int64_t count)
{
    (void)bytes;
    (void)count;
    if (event != RECEIVED)
        return;
    assert_int_equal(witness->pieces, 1); /* nothing is received afterwards */
    assert_result(witness_write(witness, "no", 2), 0);
    witness_close_after_sending(witness);
}

BACKEND_TEST(stream_close_after_sending_in_received_receives_no_more)
{
    struct witness stream = {.then = refuse};
    struct witness client = {0};
    witness_pair(loop, &stream, &client, NULL);
    witness_read_start(&stream);
    witness_read_start(&client);
    char *bytes = calloc(1, 500000);
    assert_true(witness_write(&client, bytes, 500000) >= 0);
    harness_run_until(loop, &client.ended);
    assert_result(client.end, 0);
    assert_int_equal(client.total, 2);
    witness_close_after_sending(&client);
    harness_run(loop);
    assert_true(stream.closed);
    assert_true(client.closed);
    free(bytes);
}

BACKEND_TEST(stream_close_after_sending_of_an_ended_pair_closes_both)
{
    struct witness one = {0};
    struct witness other = {0};
    witness_pair(loop, &one, &other, NULL);
    witness_close_after_sending(&one); /* neither has ever read */
    witness_close_after_sending(&other);
    harness_run(loop);
    assert_true(one.closed);
    assert_true(other.closed);
}

BACKEND_TEST(stream_close_after_sending_does_not_wait_long_for_a_peer_that_stays)
{
    struct witness stream = {0};
    struct hark_stream_options options = {.write_timeout_ns = 20000000, .read_timeout_ns = 1};
    int pair[2];
    char got[3];
    harness_tcp_pair(loop, pair);
    witness_open(loop, &stream, pair[0], &options);
    assert_result(witness_write(&stream, "bye", 3), 0);
    witness_close_after_sending(&stream);
    harness_run(loop);
    assert_true(stream.closed);
    assert_false(stream.failed);
    peer_read_all(loop, pair[1], got, 3);
    assert_int_equal(peer_read(pair[1], got, 1), 0);
    close(pair[1]);

    struct witness patient = {0}; /* without a write deadline: two seconds */
    harness_tcp_pair(loop, pair);
    witness_open(loop, &patient, pair[0], NULL);
    witness_read_start(&patient);
    witness_close_after_sending(&patient);
    harness_run(loop);
    assert_true(patient.closed);
    close(pair[1]);
}

BACKEND_TEST(stream_close_after_sending_that_fails_tells_and_closes)
{
    struct witness stream = {0};
    struct witness_block block;
    int pair[2];
    harness_socket_pair(loop, pair);
    harness_stuff(pair[0]);
    witness_open(loop, &stream, pair[0], NULL);
    assert_result(witness_write_block(&stream, &block, "x", 1), 0);
    witness_close_after_sending(&stream);
    harness_settle(loop);
    close(pair[1]);
    harness_run(loop);
    assert_true(stream.failed);
    assert_result(stream.failed_error, block.error);
    assert_true(stream.closed);
}

BACKEND_TEST(stream_close_after_sending_after_failure_closes)
{
    struct witness stream = {0};
    int pair[2];
    harness_socket_pair(loop, pair);
    close(pair[1]);
    witness_open(loop, &stream, pair[0], NULL);
    assert_result(witness_write(&stream, "x", 1), 0);
    harness_run(loop);
    assert_true(stream.failed);
    witness_close_after_sending(&stream);
    harness_run(loop);
    assert_true(stream.closed);
}

BACKEND_TEST(stream_close_after_sending_of_a_reset_connection_closes_quietly)
{
    struct witness stream = {0};
    int pair[2];
    harness_tcp_pair(loop, pair);
    witness_open(loop, &stream, pair[0], NULL);
    peer_reset(pair[1]);
    witness_close_after_sending(&stream);
    harness_run(loop);
    assert_true(stream.closed);
    assert_false(stream.failed);
}

BACKEND_TEST(stream_close_after_sending_while_connecting)
{
    struct witness client = {0};
    struct hark_address address;
    char got[4];
    int listener = harness_listen(loop, &address);
    assert_result(witness_connect(loop, &client, &address, NULL), 0);
    assert_result(witness_write(&client, "only", 4), 0);
    witness_close_after_sending(&client);
    struct harness_op accepting = {0};
    hark_accept(loop, &accepting.op, listener, NULL, NULL, harness_done);
    int server = (int)harness_wait(loop, &accepting);
    peer_read_all(loop, server, got, 4);
    assert_int_equal(peer_read_end(loop, server), 0);
    harness_close(loop, server);
    harness_run_until(loop, &client.closed);
    assert_true(client.connected);
    harness_close(loop, listener);

    struct witness refused = {0}; /* nobody listens there now */
    assert_result(witness_connect(loop, &refused, &address, NULL), 0);
    assert_result(witness_write(&refused, "only", 4), 0);
    witness_close_after_sending(&refused);
    harness_run(loop);
    assert_result(refused.connected_error, -ECONNREFUSED);
    assert_true(refused.closed);
}

BACKEND_TEST(stream_close_cuts_close_after_sending_short)
{
    struct witness stream = {0};
    struct witness_block block;
    int pair[2];
    harness_socket_pair(loop, pair);
    harness_stuff(pair[0]);
    witness_open(loop, &stream, pair[0], NULL);
    assert_result(witness_write_block(&stream, &block, "x", 1), 0);
    witness_close_after_sending(&stream);
    harness_settle(loop);
    witness_close(loop, &stream);
    assert_result(block.error, -ECANCELED);
    close(pair[1]);

    struct witness lingers = {0};
    harness_socket_pair(loop, pair);
    witness_open(loop, &lingers, pair[0], NULL);
    witness_close_after_sending(&lingers);
    harness_settle(loop);
    assert_false(lingers.closed);
    witness_close(loop, &lingers);
    close(pair[1]);
}
