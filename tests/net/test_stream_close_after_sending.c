/* hark_stream: closing after sending: what is sent first, and what ends it sooner. */
#include "net/witness.h"

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
