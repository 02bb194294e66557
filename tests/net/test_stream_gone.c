/* hark_stream_watch: that the peer has gone is told though nobody reads. */
#include "witness.h"

#include <fcntl.h>

/* Turns the loop until it is told. On select a loop that sleeps is not woken while something lies
 * unread: each turn looks. */
static void run_until_gone(struct hark_loop *loop, struct witness *stream)
{
    while (!stream->gone)
        assert_true((harness_backend() == HARK_BACKEND_SELECT ? hark_run_ready(loop)
                                                              : hark_run_once(loop)) >= 0);
    assert_result(stream->gone_error, 0);
}

/* A stream over TCP whose peer has ended its side, which was received. */
static void open_half_closed(struct hark_loop *loop, struct witness *stream, int *out_peer)
{
    int pair[2];
    harness_tcp_pair(loop, pair);
    witness_open(loop, stream, pair[0], NULL);
    witness_read_start(stream);
    assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
    harness_run_until(loop, &stream->ended);
    assert_result(stream->end, 0);
    *out_peer = pair[1];
}

BACKEND_TEST(stream_watched_behind_a_half_closed_peer_is_told_of_its_reset)
{
    struct witness stream = {0};
    int peer;
    open_half_closed(loop, &stream, &peer);
    witness_watch(&stream);
    witness_watch(&stream);
    harness_settle(loop);
    assert_false(stream.gone);
    peer_reset(peer);
    run_until_gone(loop, &stream);
    witness_close(loop, &stream);
}

/* What TCP's full close looks like from here: the peer's end, and a reset as the answer. */
BACKEND_TEST(stream_watched_behind_a_closed_tcp_peer_is_told_once_something_is_sent)
{
    struct witness stream = {0};
    int peer;
    open_half_closed(loop, &stream, &peer);
    witness_watch(&stream);
    close(peer);
    harness_settle(loop);
    assert_false(stream.gone);
    assert_result(witness_write(&stream, "x", 1), 0);
    run_until_gone(loop, &stream);
    witness_close(loop, &stream);
}

BACKEND_TEST(stream_watched_while_stopped_is_told_of_a_reset)
{
    for (int read_before = 0; read_before < 2; read_before++) {
        struct witness stream = {0};
        int pair[2];
        harness_tcp_pair(loop, pair);
        witness_open(loop, &stream, pair[0], NULL);
        if (read_before) {
            witness_read_start(&stream);
            harness_settle(loop);
            witness_read_stop(&stream);
        }
        witness_watch(&stream);
        harness_settle(loop);
        assert_false(stream.gone);
        peer_reset(pair[1]);
        run_until_gone(loop, &stream);
        witness_close(loop, &stream);
    }
}

BACKEND_TEST(stream_watched_while_bytes_lie_unread_is_told_and_still_reads_them)
{
    struct witness stream = {0};
    int pair[2];
    harness_socket_pair(loop, pair);
    witness_open(loop, &stream, pair[0], NULL);
    witness_collect(&stream, 6);
    witness_watch(&stream);
    assert_int_equal(send(pair[1], "unread", 6, 0), 6);
    harness_settle(loop);
    assert_false(stream.gone);
    close(pair[1]); /* all of it: a unix socket says so */
    run_until_gone(loop, &stream);
    witness_read_start(&stream);
    harness_run_until(loop, &stream.ended);
    assert_int_equal(stream.count, 6);
    witness_close(loop, &stream);
    free(stream.bytes);
}

/* An orderly end both ways, in either order; nobody has to be asked for it. */
BACKEND_TEST(stream_watched_is_told_when_both_sides_have_ended)
{
    for (int order = 0; order < 4; order++) {
        struct witness stream = {0};
        int pair[2];
        harness_tcp_pair(loop, pair);
        witness_open(loop, &stream, pair[0], NULL);
        witness_read_start(&stream);
        if (order & 1)
            witness_watch(&stream);
        if (order & 2)
            witness_end(&stream);
        harness_settle(loop);
        assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
        harness_run_until(loop, &stream.ended);
        if (order == 3)
            run_until_gone(loop, &stream);
        harness_settle(loop);
        assert_int_equal(stream.gone, order == 3);
        if (!(order & 2))
            witness_end(&stream);
        witness_watch(&stream);
        run_until_gone(loop, &stream);
        witness_close(loop, &stream);
        close(pair[1]);
    }
}

BACKEND_TEST(stream_watched_while_it_reads_is_told_by_reading_first)
{
    struct witness stream = {0};
    int pair[2];
    harness_tcp_pair(loop, pair);
    witness_open(loop, &stream, pair[0], NULL);
    witness_watch(&stream); /* in flight before reading is */
    witness_read_start(&stream);
    harness_settle(loop);
    peer_reset(pair[1]);
    while (!stream.ended) {
        assert_false(stream.gone);
        assert_true(hark_run_once(loop) >= 0);
    }
    assert_result(stream.end, -ECONNRESET);
    run_until_gone(loop, &stream);
    witness_close(loop, &stream);
}

/* The hang-up is there at once; what lies unread takes many turns. */
BACKEND_TEST_WITH(stream_watched_while_it_reads_has_read_all_before_it_is_told,
                  .buffer_bytes = 1024, .turn_max = 1)
{
    enum { COUNT = 100000 };
    static char sent[COUNT];
    struct witness stream = {0};
    int pair[2];
    harness_socket_pair(loop, pair);
    witness_open(loop, &stream, pair[0], NULL);
    witness_watch(&stream);
    witness_read_start(&stream);
    harness_settle(loop);
    harness_make_room(pair[1], COUNT);
    assert_int_equal(send(pair[1], sent, COUNT, 0), COUNT);
    close(pair[1]);
    while (!stream.ended) {
        assert_false(stream.gone);
        assert_true(hark_run_once(loop) >= 0);
    }
    assert_int_equal(stream.total, COUNT);
    run_until_gone(loop, &stream);
    witness_close(loop, &stream);
}

BACKEND_TEST(stream_that_was_not_watched_is_told_nothing)
{
    struct witness stream = {0};
    int peer;
    CALL_VOID(hark_stream_watch(&stream.stream)); /* it is not open */
    open_half_closed(loop, &stream, &peer);
    peer_reset(peer);
    harness_settle(loop);
    assert_false(stream.gone);
    assert_int_equal(hark_loop_active(loop), 0);
    witness_close(loop, &stream);
}

BACKEND_TEST(promise_09_stream_watched_behind_a_half_closed_peer_sleeps)
{
    struct witness stream = {0};
    struct harness_op sleep = {0};
    int peer;
    open_half_closed(loop, &stream, &peer);
    witness_watch(&stream);
    harness_settle(loop);
    uint64_t before = hark_loop_metrics(loop)->turns;
    hark_sleep(loop, &sleep.op, 50000000, harness_done);
    harness_wait(loop, &sleep);
    assert_true(hark_loop_metrics(loop)->turns - before < 10);
    witness_close(loop, &stream);
    close(peer);
}

static void close_itself(struct witness *witness, enum witness_event event, const void *bytes,
                         int64_t count)
{
    (void)bytes;
    (void)count;
    if (event == GONE)
        witness_close_start(witness);
}

BACKEND_TEST(stream_may_be_closed_in_gone)
{
    struct witness stream = {.then = close_itself};
    int pair[2];
    harness_socket_pair(loop, pair);
    witness_open(loop, &stream, pair[0], NULL);
    witness_watch(&stream);
    close(pair[1]);
    harness_run(loop);
    assert_true(stream.gone);
    assert_true(stream.closed);
}

/* Closed, detached, closed after sending: the watch is in flight, and ends first. */
BACKEND_TEST(stream_is_closed_and_given_back_while_it_is_watched)
{
    for (int way = 0; way < 6; way++) {
        struct witness stream = {0};
        int peer;
        open_half_closed(loop, &stream, &peer);
        witness_watch(&stream);
        if (way % 2)
            harness_settle(loop);
        if (way / 2 == 0) {
            witness_close(loop, &stream);
        } else if (way / 2 == 1) {
            witness_close_after_sending(&stream);
            harness_run_until(loop, &stream.closed);
        } else {
            int fd = witness_detach(loop, &stream);
            assert_int_equal(write(fd, "x", 1), 1);
            close(fd);
        }
        assert_false(stream.gone);
        assert_int_equal(hark_loop_active(loop), 0);
        close(peer);
    }
}

BACKEND_TEST(stream_watched_when_all_is_cancelled_is_told_so)
{
    struct witness stream = {0};
    int peer;
    open_half_closed(loop, &stream, &peer);
    witness_watch(&stream);
    harness_settle(loop);
    hark_cancel_all(loop);
    harness_run(loop); /* and it is not asked for again */
    assert_true(stream.gone);
    assert_result(stream.gone_error, -ECANCELED);
    witness_close(loop, &stream);
    close(peer);
}

BACKEND_TEST(stream_watched_over_pipes_is_told_that_its_reader_has_gone)
{
    struct witness stream = {0};
    int in[2], out[2];
    harness_pipe(in, O_NONBLOCK);
    harness_pipe(out, O_NONBLOCK);
    assert_result(
        CALL(hark_stream_open_pair(loop, &stream.stream, in[0], out[1], NULL, &witness_events)), 0);
    witness_watch(&stream);
    harness_settle(loop);
    assert_false(stream.gone);
    close(out[0]);
    run_until_gone(loop, &stream);
    witness_close(loop, &stream);
    close(in[1]);
}
