/* hark_stream: deadlines of connecting, reading and writing. That a deadline moves is read off
 * hark_loop_next_deadline: no test here depends on how long anything takes. */
#include "harness/world.h"
#include "net/witness.h"

#define SHORT_NS 20000000ull
#define LONG_NS  3600000000000ull

static uint64_t next_deadline(struct hark_loop *loop)
{
    harness_settle(loop);
    return hark_loop_next_deadline(loop);
}

/* Waits until the clock has moved on, so that a later deadline is told from an earlier one. */
static void tick(struct hark_loop *loop)
{
    uint64_t now_ns = hark_os_clock(loop);
    while (hark_os_clock(loop) == now_ns)
        ;
}

BACKEND_TEST(stream_connect_past_its_deadline_gives_etimedout)
{
    struct witness client = {0};
    struct witness_block block;
    struct hark_stream_options options = {.connect_timeout_ns = SHORT_NS};
    struct hark_address address;
    int others[4];
    int listener = harness_listen(loop, &address);
    assert_int_equal(listen(listener, 0), 0);
    for (int i = 0; i < 4; i++) {
        others[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(others[i], &address.name.any, address.length);
    }
    assert_result(witness_connect(loop, &client, &address, &options), 0);
    assert_result(witness_write_block(&client, &block, "x", 1), 0);
    harness_run(loop);
    assert_result(client.connected_error, -ETIMEDOUT);
    assert_result(block.error, -ETIMEDOUT);
    assert_false(client.failed);
    witness_close(loop, &client);
    for (int i = 0; i < 4; i++)
        close(others[i]);
    close(listener);
}

BACKEND_TEST(stream_connected_in_time_has_no_deadline_left)
{
    struct witness client = {0};
    struct hark_stream_options options = {.connect_timeout_ns = LONG_NS};
    struct hark_address address;
    int listener = harness_listen(loop, &address);
    assert_result(witness_connect(loop, &client, &address, &options), 0);
    assert_true(hark_loop_next_deadline(loop) != HARK_NEVER);
    harness_run_until(loop, &client.connected);
    assert_result(client.connected_error, 0);
    witness_read_start(&client);
    assert_true(next_deadline(loop) == HARK_NEVER);
    witness_close(loop, &client);
    close(listener);
}

BACKEND_TEST(stream_silence_past_the_read_deadline_is_told_once)
{
    struct witness stream = {0};
    struct hark_stream_options options = {.read_timeout_ns = SHORT_NS};
    int pair[2];
    char got[1];
    harness_tcp_pair(loop, pair);
    witness_open(loop, &stream, pair[0], &options);
    witness_read_start(&stream);
    harness_run(loop);
    assert_true(stream.ended);
    assert_result(stream.end, -ETIMEDOUT);
    witness_read_start(&stream); /* nothing more is read */
    assert_int_equal(hark_loop_active(loop), 0);
    assert_result(witness_write(&stream, "?", 1), 0); /* writing is another matter */
    peer_read_all(loop, pair[1], got, 1);
    /* and the peer, which may still be sending, is heard out before the close */
    assert_int_equal(send(pair[1], "late", 4, 0), 4);
    witness_close_after_sending(&stream);
    harness_settle(loop);
    assert_false(stream.closed);
    assert_int_equal(peer_read_end(loop, pair[1]), 0);
    close(pair[1]);
    harness_run(loop);
    assert_true(stream.closed);
}

BACKEND_TEST(stream_read_deadline_moves_with_each_piece)
{
    struct witness stream = {0};
    struct hark_stream_options options = {.read_timeout_ns = LONG_NS};
    int pair[2];
    harness_tcp_pair(loop, pair);
    witness_open(loop, &stream, pair[0], &options);
    assert_true(next_deadline(loop) == HARK_NEVER);
    witness_read_start(&stream);
    uint64_t before = next_deadline(loop);
    assert_true(before != HARK_NEVER);
    for (int i = 1; i <= 5; i++) {
        tick(loop);
        assert_int_equal(send(pair[1], "x", 1, 0), 1);
        while (stream.total < (uint64_t)i)
            assert_true(hark_run_once(loop) >= 0);
        uint64_t after = next_deadline(loop);
        assert_true(after > before && after != HARK_NEVER);
        before = after;
    }
    witness_read_stop(&stream);
    while (next_deadline(loop) != HARK_NEVER) /* silence that was asked for; soon */
        assert_true(hark_run_once(loop) >= 0);
    tick(loop);
    witness_read_start(&stream);
    uint64_t again = next_deadline(loop);
    assert_true(again > before && again != HARK_NEVER);
    tick(loop);
    assert_int_equal(send(pair[1], "x", 1, 0), 1);
    while (stream.total < 6)
        assert_true(hark_run_once(loop) >= 0);
    assert_true(next_deadline(loop) > again);
    witness_close(loop, &stream);
    close(pair[1]);
}

BACKEND_TEST(stream_stalled_peer_past_the_write_deadline_fails_writing)
{
    struct witness stream = {0};
    struct witness_block block;
    struct hark_stream_options options = {.write_timeout_ns = SHORT_NS};
    int pair[2];
    harness_socket_pair(loop, pair);
    harness_stuff(pair[0]);
    witness_open(loop, &stream, pair[0], &options);
    assert_result(witness_write(&stream, "copy", 4), 0);
    assert_result(witness_write_block(&stream, &block, "block", 5), 0);
    harness_run(loop);
    assert_true(stream.failed);
    assert_result(stream.failed_error, -ETIMEDOUT);
    assert_result(block.error, -ETIMEDOUT);
    assert_result(witness_write(&stream, "x", 1), -EPIPE);
    witness_close(loop, &stream);
    close(pair[1]);
}

BACKEND_TEST(stream_write_timeout_set_anew_is_for_what_is_being_sent_too)
{
    struct witness stream = {0};
    struct hark_stream_options options = {.write_timeout_ns = LONG_NS};
    int pair[2];
    harness_socket_pair(loop, pair);
    harness_stuff(pair[0]);
    witness_open(loop, &stream, pair[0], &options);
    hark_stream_write_timeout(&stream.stream, LONG_NS / 2); /* nothing is being sent */
    assert_true(next_deadline(loop) == HARK_NEVER);
    assert_result(witness_write(&stream, "copy", 4), 0);
    assert_true(next_deadline(loop) != HARK_NEVER);
    hark_stream_write_timeout(&stream.stream, 0);
    assert_true(next_deadline(loop) == HARK_NEVER);
    hark_stream_write_timeout(&stream.stream, SHORT_NS);
    harness_run(loop);
    assert_result(stream.failed_error, -ETIMEDOUT);
    witness_close(loop, &stream);
    close(pair[1]);
}

BACKEND_TEST(stream_write_deadline_moves_on_progress)
{
    struct witness stream = {0};
    struct hark_stream_options options = {.write_timeout_ns = LONG_NS};
    int pair[2];
    static char bytes[1 << 20];
    harness_socket_pair(loop, pair);
    peer_shrink(pair[0]);
    witness_open(loop, &stream, pair[0], &options);
    assert_true(next_deadline(loop) == HARK_NEVER);
    assert_result(witness_write(&stream, bytes, sizeof bytes), 1);
    uint64_t before = next_deadline(loop);
    assert_true(before != HARK_NEVER);
    assert_true(next_deadline(loop) == before); /* no progress */
    size_t queued = hark_stream_queued(&stream.stream);
    tick(loop);
    while (hark_stream_queued(&stream.stream) == queued) {
        peer_read(pair[1], bytes, 16384); /* what was sent may be under way still */
        harness_settle(loop);
    }
    assert_true(next_deadline(loop) > before);
    while (hark_stream_queued(&stream.stream) > 0) {
        peer_read(pair[1], bytes, 16384);
        harness_settle(loop);
    }
    assert_true(next_deadline(loop) == HARK_NEVER); /* nothing is queued: nobody waits */
    witness_close(loop, &stream);
    close(pair[1]);
}

BACKEND_TEST(stream_close_after_sending_to_a_stalled_peer_does_not_hang)
{
    struct witness stream = {0};
    struct hark_stream_options options = {.write_timeout_ns = SHORT_NS};
    int pair[2];
    harness_socket_pair(loop, pair);
    harness_stuff(pair[0]);
    witness_open(loop, &stream, pair[0], &options);
    witness_read_start(&stream);
    assert_result(witness_write(&stream, "x", 1), 0);
    witness_close_after_sending(&stream);
    harness_run(loop);
    assert_result(stream.failed_error, -ETIMEDOUT);
    assert_true(stream.closed);
    close(pair[1]);
}

BACKEND_TEST(stream_close_after_sending_takes_the_read_deadline_away)
{
    struct witness stream = {0};
    struct hark_stream_options options = {.read_timeout_ns = LONG_NS};
    int pair[2];
    harness_socket_pair(loop, pair);
    harness_stuff(pair[0]);
    witness_open(loop, &stream, pair[0], &options);
    witness_read_start(&stream);
    assert_result(witness_write(&stream, "x", 1), 0);
    assert_true(next_deadline(loop) != HARK_NEVER);
    witness_close_after_sending(&stream);
    assert_true(next_deadline(loop) == HARK_NEVER);
    assert_int_equal(send(pair[1], "thrown away", 11, 0), 11);
    assert_true(next_deadline(loop) == HARK_NEVER);
    assert_int_equal(stream.pieces, 0);
    witness_close(loop, &stream);
    close(pair[1]);
}

BACKEND_TEST(stream_deadlines_without_end_never_come)
{
    struct witness stream = {0};
    struct hark_stream_options options = {.read_timeout_ns = UINT64_MAX,
                                          .write_timeout_ns = UINT64_MAX - 1};
    int pair[2];
    harness_socket_pair(loop, pair);
    harness_stuff(pair[0]);
    witness_open(loop, &stream, pair[0], &options);
    witness_read_start(&stream);
    assert_result(witness_write(&stream, "x", 1), 0);
    assert_true(next_deadline(loop) == HARK_NEVER);
    assert_false(stream.ended);
    assert_false(stream.failed);
    witness_close(loop, &stream);
    close(pair[1]);
}
