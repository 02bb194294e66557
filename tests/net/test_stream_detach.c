/* hark_stream_detach: the queue goes out, what was received is delivered, and the descriptor is
 * given back as it is. */
#include "net/witness.h"

#include <fcntl.h>
#include <poll.h>

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

BACKEND_TEST(stream_detached_while_it_reads_gives_an_open_descriptor_and_reads_no_more)
{
    struct witness stream = {0};
    char byte[1];
    int pair[2];
    harness_tcp_pair(loop, pair);
    witness_open(loop, &stream, pair[0], NULL);
    witness_read_start(&stream);
    harness_settle(loop);
    assert_int_equal(witness_detach(loop, &stream), pair[0]);
    assert_int_equal(hark_loop_active(loop), 0);
    assert_int_equal(stream.pieces, 0);
    assert_false(stream.ended);
    assert_int_equal(write(pair[1], "x", 1), 1);
    harness_settle(loop);
    harness_await_input(pair[0]);
    assert_int_equal(recv(pair[0], byte, 1, 0), 1);
    close(pair[0]);
    close(pair[1]);
}

BACKEND_TEST(queue_is_sent_before_the_descriptor_is_given_back)
{
    enum { COUNT = 2000000, HEAD = 100000 };
    static char sent[COUNT];
    static char got[COUNT];
    struct hark_stream_options options = {.queue_bytes_max = COUNT};
    struct witness stream = {0};
    struct witness_block block;
    int pair[2];
    harness_tcp_pair(loop, pair);
    peer_shrink(pair[0]);
    harness_fill(sent, COUNT, 1);
    witness_open(loop, &stream, pair[0], &options);
    assert_true(witness_write(&stream, sent, HEAD) >= 0);
    assert_true(witness_write_block(&stream, &block, sent + HEAD, COUNT - HEAD) >= 0);
    assert_result(witness_detach_start(&stream), 0);
    assert_result(witness_write(&stream, "late", 4), -EPIPE);
    peer_read_all(loop, pair[1], got, COUNT);
    harness_run_until(loop, &stream.detached);
    assert_true(block.released);
    assert_result(block.error, 0);
    assert_true(harness_filled(got, COUNT, 1));
    assert_result(peer_read(pair[1], got, 1), -EAGAIN); /* and no end after it */
    close(pair[0]);
    close(pair[1]);
}

BACKEND_TEST(calls_after_a_detach_have_no_effect)
{
    struct witness stream = {0};
    char byte[1];
    int pair[2];
    harness_socket_pair(loop, pair);
    harness_stuff(pair[0]);
    witness_open(loop, &stream, pair[0], NULL);
    assert_result(witness_write(&stream, "x", 1), 0);
    harness_settle(loop);
    assert_result(witness_detach_start(&stream), 0);
    assert_result(witness_detach_start(&stream), -EBUSY);
    witness_read_start(&stream);
    CALL_VOID(hark_stream_read_into(&stream.stream, byte, 1));
    witness_end(&stream);
    witness_close_after_sending(&stream);
    assert_int_equal(write(pair[1], "y", 1), 1);
    harness_settle(loop);
    assert_false(stream.detached);
    char rest[65536];
    while (!stream.detached) {
        (void)peer_read(pair[1], rest, sizeof rest);
        assert_true(hark_run_ready(loop) >= 0);
    }
    assert_int_equal(stream.pieces, 0);
    assert_int_equal(recv(pair[0], byte, 1, 0), 1);
    while (peer_read(pair[1], rest, sizeof rest) > 0)
        ;
    assert_result(peer_read(pair[1], rest, sizeof rest), -EAGAIN); /* not ended */
    close(pair[0]);
    close(pair[1]);
}

BACKEND_TEST(detach_of_a_stream_that_is_not_open_or_is_being_closed_does_nothing)
{
    struct witness stream = {0};
    int pair[2];
    assert_result(witness_detach_start(&stream), -EBADF);
    harness_run(loop);
    harness_tcp_pair(loop, pair);
    witness_open(loop, &stream, pair[0], NULL);
    witness_close_start(&stream);
    assert_result(witness_detach_start(&stream), -EBUSY);
    harness_run(loop);
    assert_true(stream.closed);
    assert_false(is_open(pair[0]));
    close(pair[1]);
}

BACKEND_TEST(close_during_a_detach_closes)
{
    for (int turns = 0; turns < 2; turns++) {
        for (int queued = 0; queued < 2; queued++) {
            struct witness stream = {0};
            int pair[2];
            harness_socket_pair(loop, pair);
            if (queued)
                harness_stuff(pair[0]);
            witness_open(loop, &stream, pair[0], NULL);
            witness_read_start(&stream);
            if (queued)
                assert_result(witness_write(&stream, "x", 1), 0);
            harness_settle(loop);
            assert_result(witness_detach_start(&stream), 0);
            if (turns && queued)
                harness_turns(loop, 1);
            witness_close_start(&stream);
            harness_run(loop);
            assert_true(stream.closed);
            assert_false(stream.detached);
            assert_false(is_open(pair[0]));
            close(pair[1]);
        }
    }
}

static void detach_in(struct witness *witness, enum witness_event event, const void *bytes,
                      int64_t count)
{
    (void)bytes;
    (void)count;
    if (event != *(enum witness_event *)witness->context)
        return;
    int error = witness_detach_start(witness);
    assert_true(!error || error == -EBUSY); /* further pieces come while it is being detached */
}

BACKEND_TEST(stream_detached_in_received_leaves_the_rest_in_the_descriptor)
{
    enum { COUNT = 60000 };
    static char sent[COUNT];
    enum witness_event in = RECEIVED;
    struct witness stream = {.then = detach_in, .context = &in};
    int pair[2];
    harness_tcp_pair(loop, pair);
    harness_fill(sent, COUNT, 3);
    witness_collect(&stream, COUNT);
    witness_open(loop, &stream, pair[0], NULL);
    witness_read_start(&stream);
    harness_settle(loop);
    harness_make_room(pair[1], COUNT);
    assert_int_equal(send(pair[1], sent, COUNT, 0), COUNT);
    harness_run(loop);
    assert_true(stream.detached);
    assert_true(stream.count > 0);
    while (stream.count < COUNT) {
        harness_await_input(pair[0]);
        ssize_t more = recv(pair[0], stream.bytes + stream.count, COUNT - stream.count, 0);
        assert_true(more > 0);
        stream.count += (size_t)more;
    }
    assert_true(harness_filled(stream.bytes, COUNT, 3));
    free(stream.bytes);
    close(pair[0]);
    close(pair[1]);
}

BACKEND_TEST(half_closed_stream_is_given_back_half_closed)
{
    struct witness stream = {0};
    char byte[1];
    int pair[2];
    harness_tcp_pair(loop, pair);
    witness_open(loop, &stream, pair[0], NULL);
    assert_result(witness_write(&stream, "x", 1), 0);
    witness_end(&stream);
    assert_int_equal(witness_detach(loop, &stream), pair[0]);
    harness_await_input(pair[1]);
    assert_int_equal(recv(pair[1], byte, 1, 0), 1);
    harness_await_input(pair[1]);
    assert_int_equal(recv(pair[1], byte, 1, 0), 0);
    assert_int_equal(write(pair[1], "y", 1), 1);
    harness_await_input(pair[0]);
    assert_int_equal(recv(pair[0], byte, 1, 0), 1);
    close(pair[0]);
    close(pair[1]);
}

BACKEND_TEST(stream_that_cannot_send_says_so_and_is_given_back)
{
    struct hark_stream_options options = {.write_timeout_ns = 1000000};
    enum witness_event in = CLOSED; /* never */
    struct witness stream = {.then = detach_in, .context = &in};
    struct witness_block block;
    int pair[2];
    harness_socket_pair(loop, pair);
    harness_stuff(pair[0]);
    witness_open(loop, &stream, pair[0], &options);
    assert_result(witness_write_block(&stream, &block, "x", 1), 0);
    assert_result(witness_detach_start(&stream), 0);
    harness_run(loop);
    assert_true(stream.failed);
    assert_result(stream.failed_error, -ETIMEDOUT);
    assert_result(block.error, -ETIMEDOUT);
    assert_true(stream.detached);
    assert_int_equal(stream.fd, pair[0]);
    close(pair[0]);
    close(pair[1]);
}

BACKEND_TEST(stream_detached_while_it_connects_is_given_back_connected)
{
    struct hark_address address;
    struct witness stream = {0};
    int listener = harness_listen(loop, &address);
    assert_result(witness_connect(loop, &stream, &address, NULL), 0);
    witness_read_start(&stream);
    assert_result(witness_write(&stream, "x", 1), 0);
    int fd = witness_detach(loop, &stream);
    assert_true(stream.connected);
    assert_result(stream.connected_error, 0);
    int other = accept(listener, NULL, NULL);
    char byte[1];
    assert_int_equal(recv(other, byte, 1, 0), 1);
    close(other);
    close(fd);
    harness_close(loop, listener);
}

BACKEND_TEST(end_of_the_peer_is_delivered_before_or_left_to_be_found)
{
    for (int settled = 0; settled < 2; settled++) {
        struct witness stream = {0};
        char byte[1];
        int pair[2];
        harness_tcp_pair(loop, pair);
        witness_open(loop, &stream, pair[0], NULL);
        witness_read_start(&stream);
        if (settled)
            harness_settle(loop);
        shutdown(pair[1], SHUT_WR);
        witness_detach(loop, &stream);
        assert_true(!stream.ended || stream.end == 0);
        harness_await_input(pair[0]);
        assert_int_equal(recv(pair[0], byte, 1, 0), 0);
        close(pair[0]);
        close(pair[1]);
    }
}

static void free_itself(struct witness *witness, enum witness_event event, const void *bytes,
                        int64_t count)
{
    (void)bytes;
    (void)count;
    if (event != DETACHED)
        return;
    *(int *)witness->context = witness->fd;
    memset(&witness->stream, 0xa5, sizeof witness->stream);
    free(witness);
}

BACKEND_TEST(stream_may_be_freed_in_detached)
{
    int fd = -1;
    int pair[2];
    harness_tcp_pair(loop, pair);
    struct witness *stream = calloc(1, sizeof *stream);
    assert_non_null(stream);
    stream->then = free_itself;
    stream->context = &fd;
    witness_open(loop, stream, pair[0], NULL);
    witness_read_start(stream);
    assert_result(witness_write(stream, "x", 1), 0); /* leaves a spare copy block behind */
    assert_result(witness_detach_start(stream), 0);
    harness_run(loop);
    assert_int_equal(fd, pair[0]);
    close(pair[0]);
    close(pair[1]);
}

/* --- from loop to loop, while both sides send --- */

enum { LONG_COUNT = 400000, PIECE_MAX = 20000 };

static uint64_t random_state;

static uint64_t next_random(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % below;
}

/* What the far side does next: reads or writes a piece, or nothing. */
static void far_step(int fd, const char *out, size_t *written, char *in, size_t *read_count)
{
    size_t count = 1 + (size_t)next_random(PIECE_MAX);
    if (next_random(2) && *written < LONG_COUNT) {
        if (count > LONG_COUNT - *written)
            count = LONG_COUNT - *written;
        ssize_t sent = send(fd, out + *written, count, MSG_DONTWAIT);
        *written += sent > 0 ? (size_t)sent : 0;
    } else {
        ssize_t got =
            peer_read(fd, in + *read_count,
                      count < LONG_COUNT - *read_count ? count : LONG_COUNT - *read_count);
        *read_count += got > 0 ? (size_t)got : 0;
    }
}

static void wander(struct hark_loop *loops[2], uint64_t seed)
{
    static char out[LONG_COUNT], far_out[LONG_COUNT], in[LONG_COUNT], far_in[LONG_COUNT];
    size_t sent = 0, received = 0, far_sent = 0, far_received = 0;
    int pair[2];
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
    harness_fill(out, LONG_COUNT, 1);
    harness_fill(far_out, LONG_COUNT, 2);
    harness_tcp_pair(loops[0], pair);
    int fd = pair[0];
    for (int moves = 0; sent < LONG_COUNT || received < LONG_COUNT || far_received < LONG_COUNT;
         moves++) {
        struct hark_loop *loop = loops[moves % 2];
        struct witness stream = {.bytes = in, .count = received, .room = LONG_COUNT};
        char own[64];
        witness_open(loop, &stream, fd, NULL);
        if (next_random(4))
            witness_read_start(&stream);
        else
            CALL_VOID(hark_stream_read_into(&stream.stream, own, sizeof own));
        for (uint64_t steps = next_random(6); steps > 0; steps--) {
            size_t count = 1 + (size_t)next_random(PIECE_MAX);
            if (count > LONG_COUNT - sent)
                count = LONG_COUNT - sent;
            if (next_random(2) && count > 0 && witness_write(&stream, out + sent, count) >= 0)
                sent += count;
            far_step(pair[1], far_out, &far_sent, far_in, &far_received);
            assert_true(hark_run_ready(loop) >= 0);
        }
        assert_result(witness_detach_start(&stream), 0);
        while (!stream.detached) {
            far_step(pair[1], far_out, &far_sent, far_in, &far_received);
            assert_true(hark_run_ready(loop) >= 0);
        }
        assert_int_equal(hark_loop_active(loop), 0);
        received = stream.count;
    }
    assert_true(harness_filled(in, LONG_COUNT, 2));
    assert_true(harness_filled(far_in, LONG_COUNT, 1));
    close(fd);
    close(pair[1]);
}

BACKEND_TEST(connection_that_wanders_between_loops_loses_and_repeats_nothing)
{
    struct hark_loop *loops[2] = {loop, harness_loop_create(NULL)};
    for (uint64_t seed = 1; seed <= 5; seed++) {
        print_message("(seed %llu)\n", (unsigned long long)seed);
        wander(loops, seed);
    }
    harness_loop_destroy(loops[1]);
}
