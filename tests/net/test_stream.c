/* hark_stream: reading, writing, half-close both ways, connecting. The queue, closing and deadlines
 * have files of their own. */
#include "net/witness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>

BACKEND_TEST(stream_write_arrives_at_the_peer)
{
    struct witness stream = {0};
    int pair[2];
    char got[5];
    harness_tcp_pair(loop, pair);
    witness_open(loop, &stream, pair[0], NULL);
    assert_result(witness_write(&stream, "hello", 5), 0);
    peer_read_all(loop, pair[1], got, 5);
    assert_memory_equal(got, "hello", 5);
    harness_settle(loop);
    assert_int_equal(hark_stream_queued(&stream.stream), 0);
    witness_close(loop, &stream);
    close(pair[1]);
}

BACKEND_TEST(stream_not_told_to_read_receives_nothing)
{
    struct witness stream = {0};
    int pair[2];
    harness_tcp_pair(loop, pair);
    witness_open(loop, &stream, pair[0], NULL);
    assert_int_equal(send(pair[1], "x", 1, 0), 1);
    harness_settle(loop);
    assert_int_equal(hark_loop_active(loop), 0);
    assert_int_equal(stream.pieces, 0);
    witness_read_start(&stream);
    witness_read_start(&stream); /* nothing more happens */
    harness_settle(loop);
    assert_int_equal(stream.total, 1);
    assert_int_equal(hark_loop_active(loop), 1);
    witness_close(loop, &stream);
    close(pair[1]);
}

BACKEND_TEST(stream_peer_ends_tells_0_once_and_writing_goes_on)
{
    struct witness stream = {0};
    int pair[2];
    char got[4];
    harness_tcp_pair(loop, pair);
    witness_open(loop, &stream, pair[0], NULL);
    witness_collect(&stream, 64);
    witness_read_start(&stream);
    assert_int_equal(send(pair[1], "last", 4, 0), 4);
    assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
    harness_run(loop); /* nothing is left in flight */
    assert_true(stream.ended);
    assert_result(stream.end, 0);
    assert_int_equal(stream.count, 4);
    assert_memory_equal(stream.bytes, "last", 4);
    witness_read_start(&stream); /* has nothing to read any more */
    harness_run(loop);
    assert_result(witness_write(&stream, "more", 4), 0);
    peer_read_all(loop, pair[1], got, 4);
    assert_memory_equal(got, "more", 4);
    witness_close(loop, &stream);
    free(stream.bytes);
    close(pair[1]);
}

BACKEND_TEST(stream_end_sends_the_queue_then_the_end_and_reading_goes_on)
{
    struct witness stream = {0};
    int pair[2];
    size_t count = 900000;
    char *sent = malloc(count);
    char *got = malloc(count);
    harness_fill(sent, count, 1);
    harness_tcp_pair(loop, pair);
    witness_open(loop, &stream, pair[0], NULL);
    witness_read_start(&stream);
    assert_true(witness_write(&stream, sent, count) >= 0);
    witness_end(&stream);
    witness_end(&stream);
    assert_result(witness_write(&stream, "x", 1), -EPIPE);
    peer_read_all(loop, pair[1], got, count);
    assert_true(harness_filled(got, count, 1));
    assert_int_equal(peer_read_end(loop, pair[1]), 0);
    assert_int_equal(send(pair[1], "answer", 6, 0), 6);
    while (stream.total < 6) /* the kernel may take a moment longer than a turn */
        harness_turns(loop, 1);
    assert_int_equal(stream.total, 6);
    assert_false(stream.ended);
    assert_false(stream.failed);
    witness_close(loop, &stream);
    close(pair[1]);
    free(sent);
    free(got);
}

BACKEND_TEST(stream_end_of_an_idle_stream_is_told_at_once)
{
    struct witness one = {0};
    struct witness other = {0};
    witness_pair(loop, &one, &other, NULL);
    witness_read_start(&one);
    witness_read_start(&other);
    witness_end(&one);
    harness_run_until(loop, &other.ended);
    assert_result(other.end, 0);
    witness_end(&other);
    harness_run(loop);
    assert_true(one.ended);
    assert_result(one.end, 0);
    witness_close(loop, &one);
    witness_close(loop, &other);
}

BACKEND_TEST(stream_end_of_a_reset_connection_fails_with_enotconn)
{
    struct witness stream = {0};
    int pair[2];
    harness_tcp_pair(loop, pair);
    witness_open(loop, &stream, pair[0], NULL);
    witness_read_start(&stream);
    peer_reset(pair[1]);
    harness_run_until(loop, &stream.ended);
    assert_result(stream.end, -ECONNRESET);
    witness_end(&stream);
    harness_run_until(loop, &stream.failed);
    assert_result(stream.failed_error, -ENOTCONN);
    witness_close(loop, &stream);
}

BACKEND_TEST(stream_reset_by_the_peer_is_told_once_on_each_side)
{
    struct witness stream = {0};
    struct witness_block block;
    int pair[2];
    harness_tcp_pair(loop, pair);
    witness_open(loop, &stream, pair[0], NULL);
    witness_read_start(&stream);
    peer_reset(pair[1]);
    harness_run_until(loop, &stream.ended);
    assert_result(stream.end, -ECONNRESET);
    witness_read_start(&stream);
    assert_result(witness_write(&stream, "x", 1), 0); /* not known yet */
    assert_result(witness_write_block(&stream, &block, "y", 1), 0);
    harness_run(loop);
    assert_true(stream.failed);
    assert_result(stream.failed_error, -EPIPE);
    assert_true(block.released);
    assert_result(block.error, -EPIPE);
    assert_result(witness_write(&stream, "x", 1), -EPIPE);
    witness_end(&stream);
    harness_run(loop);
    witness_close(loop, &stream);
}

BACKEND_TEST(stream_read_stop_holds_the_peer_back)
{
    struct witness stream = {0};
    int pair[2];
    char got[1];
    harness_socket_pair(loop, pair);
    peer_shrink(pair[1]);
    witness_open(loop, &stream, pair[0], NULL);
    witness_read_start(&stream);
    assert_int_equal(send(pair[1], "a", 1, 0), 1);
    while (stream.pieces == 0)
        assert_true(hark_run_once(loop) >= 0);
    witness_read_stop(&stream);
    witness_read_stop(&stream);
    harness_run(loop); /* nothing is in flight any more */
    assert_false(stream.ended);
    size_t stuffed = harness_stuff(pair[1]);
    harness_settle(loop);
    assert_int_equal(stream.total, 1);
    assert_result(witness_write(&stream, "w", 1), 0); /* writing is another matter */
    peer_read_all(loop, pair[1], got, 1);
    witness_read_start(&stream);
    while (stream.total < 1 + stuffed)
        assert_true(hark_run_once(loop) >= 0);
    witness_close(loop, &stream);
    close(pair[1]);
}

static void stop_and_start(struct witness *witness, enum witness_event event, const void *bytes,
                           int64_t count)
{
    (void)bytes;
    (void)count;
    if (event != RECEIVED)
        return;
    witness_read_stop(witness);
    witness_read_start(witness);
    witness_read_stop(witness);
    if (witness->pieces % 2)
        witness_read_start(witness);
}

BACKEND_TEST(stream_stopped_and_started_in_its_callback_loses_nothing)
{
    struct witness one = {.then = stop_and_start};
    struct witness other = {0};
    size_t count = 300000;
    char *sent = malloc(count);
    harness_fill(sent, count, 7);
    witness_pair(loop, &one, &other, NULL);
    witness_collect(&one, count);
    witness_read_start(&one);
    assert_result(witness_write(&other, sent, count), 0);
    witness_end(&other);
    while (!one.ended) {
        witness_read_start(&one);
        assert_true(hark_run_once(loop) >= 0);
    }
    assert_result(one.end, 0);
    assert_int_equal(one.count, count);
    assert_true(harness_filled(one.bytes, count, 7));
    witness_close(loop, &one);
    witness_close(loop, &other);
    free(one.bytes);
    free(sent);
}

BACKEND_TEST(stream_cancel_all_is_told_and_nothing_is_started_again)
{
    struct witness stream = {0};
    struct witness_block block;
    int pair[2];
    harness_socket_pair(loop, pair);
    harness_stuff(pair[0]);
    witness_open(loop, &stream, pair[0], NULL);
    witness_read_start(&stream);
    assert_result(witness_write_block(&stream, &block, "x", 1), 0);
    harness_settle(loop);
    hark_cancel_all(loop);
    harness_run(loop);
    assert_true(stream.ended);
    assert_result(stream.end, -ECANCELED);
    assert_true(stream.failed);
    assert_result(stream.failed_error, -ECANCELED);
    assert_result(block.error, -ECANCELED);
    witness_close(loop, &stream);
    close(pair[1]);
}

BACKEND_TEST(stream_of_a_bad_descriptor_tells_and_closes)
{
    struct witness stream = {0};
    int pair[2];
    harness_pipe(pair, O_NONBLOCK);
    witness_open(loop, &stream, pair[0], NULL); /* no socket */
    witness_read_start(&stream);
    assert_result(witness_write(&stream, "x", 1), 0);
    harness_run(loop);
    assert_result(stream.end, -ENOTSOCK);
    assert_result(stream.failed_error, -ENOTSOCK);
    witness_close(loop, &stream);
    close(pair[1]);

    struct witness none = {0};
    witness_open(loop, &none, -1, NULL);
    witness_read_start(&none);
    assert_result(witness_write(&none, "x", 1), 0);
    harness_run(loop);
    assert_result(none.end, -EBADF);
    assert_result(none.failed_error, -EBADF);
    witness_close(loop, &none);
}

static const struct hark_stream_events closed_alone = {.closed = witness_closed};

BACKEND_TEST(stream_with_no_callback_but_closed_works)
{
    struct witness stream = {0};
    int pair[2];
    harness_tcp_pair(loop, pair);
    struct hark_stream_options options = {.queue_bytes_max = 100, .high_bytes = 1};
    hark_stream_open(loop, &stream.stream, pair[0], &options, &closed_alone);
    hark_stream_read_start(&stream.stream);
    assert_int_equal(send(pair[1], "unheard", 7, 0), 7);
    struct hark_stream_block block = {.bytes = "b", .count = 1};
    assert_result(hark_stream_write_block(&stream.stream, &block), 1);
    harness_settle(loop);
    peer_reset(pair[1]);
    harness_run(loop);
    hark_stream_write(&stream.stream, "x", 1);
    harness_run(loop);
    witness_close(loop, &stream);
}

/* --- connecting --- */

static struct hark_address refused_address(struct hark_loop *loop)
{
    struct hark_address address;
    close(harness_listen(loop, &address));
    return address;
}

static int accept_one(struct hark_loop *loop, int listener)
{
    struct harness_op accepting = {0};
    hark_accept(loop, &accepting.op, listener, NULL, NULL, harness_done);
    int fd = (int)harness_wait(loop, &accepting);
    assert_true(fd >= 0);
    return fd;
}

BACKEND_TEST(stream_connect_then_what_was_asked_before_happens)
{
    struct witness client = {0};
    struct witness server = {0};
    struct hark_address address;
    int listener = harness_listen(loop, &address);
    assert_result(witness_connect(loop, &client, &address, NULL), 0);
    assert_result(witness_write(&client, "early", 5), 0);
    witness_read_start(&client);
    witness_end(&client);
    assert_int_equal(hark_stream_queued(&client.stream), 5);
    witness_open(loop, &server, accept_one(loop, listener), NULL);
    witness_collect(&server, 64);
    witness_read_start(&server);
    assert_result(witness_write(&server, "answer", 6), 0);
    harness_run_until(loop, &server.ended);
    assert_true(client.connected);
    assert_result(client.connected_error, 0);
    assert_int_equal(server.count, 5);
    assert_memory_equal(server.bytes, "early", 5);
    while (client.total < 6)
        assert_true(hark_run_once(loop) >= 0);
    witness_close(loop, &client);
    witness_close(loop, &server);
    free(server.bytes);
    harness_close(loop, listener);
}

BACKEND_TEST(stream_connect_sets_no_delay)
{
    struct witness client = {0};
    struct hark_address address;
    int value = 0;
    socklen_t length = sizeof value;
    int listener = harness_listen(loop, &address);
    assert_result(witness_connect(loop, &client, &address, NULL), 0);
    assert_int_equal(getsockopt(client.stream.fd, IPPROTO_TCP, TCP_NODELAY, &value, &length), 0);
    assert_int_not_equal(value, 0);
    witness_close(loop, &client);
    harness_close(loop, listener);
}

BACKEND_TEST(stream_connect_refused_is_told_once_and_blocks_are_released)
{
    struct witness client = {0};
    struct witness_block block;
    struct hark_address address = refused_address(loop);
    assert_result(witness_connect(loop, &client, &address, NULL), 0);
    witness_read_start(&client);
    assert_result(witness_write(&client, "x", 1), 0);
    assert_result(witness_write_block(&client, &block, "y", 1), 0);
    harness_run(loop);
    assert_true(client.connected);
    assert_result(client.connected_error, -ECONNREFUSED);
    assert_false(client.ended);
    assert_false(client.failed);
    assert_true(block.released);
    assert_result(block.error, -ECONNREFUSED);
    assert_int_equal(hark_stream_queued(&client.stream), 0);
    assert_result(witness_write(&client, "x", 1), -EPIPE);
    witness_read_start(&client);
    witness_end(&client);
    assert_int_equal(hark_loop_active(loop), 0);
    witness_close(loop, &client);
}

BACKEND_TEST(stream_connect_refused_without_connected_is_told_to_failed)
{
    static const struct hark_stream_events events = {.failed = witness_failed,
                                                     .closed = witness_closed};
    struct witness client = {0};
    struct hark_address address = refused_address(loop);
    assert_result(CALL(hark_stream_connect(loop, &client.stream, &address, NULL, &events)), 0);
    harness_run(loop);
    assert_true(client.failed);
    assert_result(client.failed_error, -ECONNREFUSED);
    witness_close(loop, &client);
}

BACKEND_TEST(stream_connect_of_unknown_family_fails_at_once)
{
    struct witness client = {0};
    struct hark_address address = {.length = sizeof(struct sockaddr)};
    assert_result(witness_connect(loop, &client, &address, NULL), -EAFNOSUPPORT);
    assert_int_equal(hark_loop_active(loop), 0);
    assert_result(witness_write(&client, "x", 1), -EPIPE); /* it is not open */
    hark_stream_close(&client.stream);
    harness_run(loop);
    assert_false(client.closed);
}

static void talk(struct hark_loop *loop, const char *text)
{
    struct witness client = {0};
    struct witness server = {0};
    struct hark_address address;
    assert_result(hark_address_parse(text, &address), 0);
    int listener = hark_listen_at(loop, &address, 0, 0);
    assert_true(listener >= 0);
    assert_result(hark_os_getsockname(loop, listener, &address), 0);
    assert_result(witness_connect(loop, &client, &address, NULL), 0);
    witness_open(loop, &server, accept_one(loop, listener), NULL);
    witness_read_start(&client);
    witness_read_start(&server);
    assert_result(witness_write(&client, "ping", 4), 0);
    assert_result(witness_write(&server, "pong!", 5), 0);
    while (server.total < 4 || client.total < 5)
        assert_true(hark_run_once(loop) >= 0);
    witness_end(&client);
    witness_end(&server);
    harness_run(loop);
    assert_result(client.end, 0);
    assert_result(server.end, 0);
    witness_close(loop, &client);
    witness_close(loop, &server);
    harness_close(loop, listener);
}

BACKEND_TEST(stream_talks_over_unix)
{
    char text[HARK_ADDRESS_TEXT_MAX];
    snprintf(text, sizeof text, "unix:%s", harness_path("socket"));
    talk(loop, text);
}

BACKEND_TEST(stream_talks_over_ip6)
{
    struct hark_address address;
    assert_result(hark_address_parse("[::1]:0", &address), 0);
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool missing = fd < 0 || bind(fd, &address.name.any, address.length) < 0;
    if (fd >= 0)
        close(fd);
    if (missing)
        harness_skip("no ::1 here");
    talk(loop, "[::1]:0");
}

BACKEND_TEST(stream_connect_to_missing_unix_path_gives_enoent)
{
    struct witness client = {0};
    struct hark_address address;
    char text[HARK_ADDRESS_TEXT_MAX];
    snprintf(text, sizeof text, "unix:%s", harness_path("nobody"));
    assert_result(hark_address_parse(text, &address), 0);
    assert_result(witness_connect(loop, &client, &address, NULL), 0);
    harness_run(loop);
    assert_result(client.connected_error, -ENOENT);
    witness_close(loop, &client);
}
