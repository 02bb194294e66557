/* hark_stream's write queue: order, gathering, marks and limits, blocks of the caller. */
#include "net/witness.h"

static uint64_t sends(struct hark_loop *loop)
{
    return hark_loop_metrics(loop)->requested[HARK_OP_SENDMSG];
}

/* --- gathering --- */

BACKEND_TEST(stream_writes_inside_a_callback_leave_in_one_send)
{
    struct witness stream = {.then = witness_answer_in_pieces};
    char got[1000];
    int peer = witness_opened(loop, &stream, NULL);
    witness_read_start(&stream);
    assert_int_equal(send(peer, "?", 1, 0), 1);
    peer_read_all(loop, peer, got, sizeof got);
    harness_settle(loop);
    assert_int_equal(sends(loop), 1);
    witness_close(loop, &stream);
    close(peer);
}

BACKEND_TEST(stream_writes_outside_of_callbacks_leave_in_two_sends)
{
    struct witness stream = {0};
    char got[1000];
    int peer = witness_opened(loop, &stream, NULL);
    for (int i = 0; i < 100; i++)
        assert_result(witness_write(&stream, "0123456789", 10), 0);
    peer_read_all(loop, peer, got, sizeof got);
    harness_settle(loop);
    assert_int_equal(sends(loop), 2); /* the first at once, all others while it was in flight */
    witness_close(loop, &stream);
    close(peer);
}

struct burst {
    struct witness_block blocks[40];
    int count;
    size_t queued_when_drained;
};

static void answer_in_blocks(struct witness *witness, enum witness_event event, const void *bytes,
                             int64_t count)
{
    (void)bytes;
    (void)count;
    struct burst *burst = witness->context;
    for (int i = 0; event == RECEIVED && i < burst->count; i++)
        assert_true(witness_write_block(witness, &burst->blocks[i], "b", 1) >= 0);
    if (event == DRAINED)
        burst->queued_when_drained = hark_stream_queued(&witness->stream);
}

/* Sends count blocks of a byte in one callback. Gives: how many sends that took. */
static uint64_t send_burst(struct hark_loop *loop, const struct hark_stream_options *options,
                           struct burst *burst)
{
    struct witness stream = {.then = answer_in_blocks, .context = burst};
    uint64_t before = sends(loop);
    char got[40];
    int peer = witness_opened(loop, &stream, options);
    witness_read_start(&stream);
    assert_int_equal(send(peer, "?", 1, 0), 1);
    peer_read_all(loop, peer, got, (size_t)burst->count);
    harness_settle(loop);
    for (int i = 0; i < burst->count; i++)
        assert_result(burst->blocks[i].error, 0);
    witness_close(loop, &stream);
    close(peer);
    return sends(loop) - before;
}

BACKEND_TEST(stream_sixteen_blocks_leave_in_one_send)
{
    struct burst burst = {.count = 16};
    assert_int_equal(send_burst(loop, NULL, &burst), 1);
    burst.count = 17;
    assert_int_equal(send_burst(loop, NULL, &burst), 2);
    burst.count = 40;
    assert_int_equal(send_burst(loop, NULL, &burst), 3);
}

/* Sixteen blocks leave at a time: it is known where the queue stands after each send. */
BACKEND_TEST(stream_drained_comes_at_the_low_mark_itself)
{
    struct burst burst = {.count = 40, .queued_when_drained = 99};
    struct hark_stream_options options = {.queue_bytes_max = 40, .high_bytes = 40, .low_bytes = 24};
    send_burst(loop, &options, &burst);
    assert_int_equal(burst.queued_when_drained, 24);
    options.low_bytes = 23;
    send_burst(loop, &options, &burst);
    assert_int_equal(burst.queued_when_drained, 8);
    options = (struct hark_stream_options){
        .queue_bytes_max = 40, .high_bytes = 10, .low_bytes = 30}; /* above the high mark */
    send_burst(loop, &options, &burst);
    assert_int_equal(burst.queued_when_drained, 8);
}

BACKEND_TEST(stream_copies_and_blocks_leave_in_order)
{
    enum { ROUNDS = 60 };
    struct witness stream = {0};
    struct witness_block blocks[ROUNDS];
    size_t stuff;
    int peer = witness_stuffed(loop, &stream, NULL, &stuff);
    char *expected = malloc(1 << 20);
    char *got = malloc(1 << 20);
    size_t count = 0;
    harness_fill(expected, 1 << 20, 3);
    for (int i = 0; i < ROUNDS; i++) {
        size_t copied = (size_t)(i * i * 3); /* from nothing to more than two copy blocks */
        size_t lent = (size_t)(i % 7) * 50;  /* and empty ones */
        assert_true(witness_write(&stream, expected + count, copied) >= 0);
        count += copied;
        assert_true(witness_write_block(&stream, &blocks[i], expected + count, lent) >= 0);
        count += lent;
    }
    assert_int_equal(hark_stream_queued(&stream.stream), count);
    peer_unstuff(loop, peer, stuff);
    peer_read_all(loop, peer, got, count);
    assert_memory_equal(got, expected, count);
    harness_run(loop);
    assert_int_equal(hark_stream_queued(&stream.stream), 0);
    for (int i = 0; i < ROUNDS; i++) {
        assert_true(blocks[i].released);
        assert_result(blocks[i].error, 0);
        assert_int_equal(blocks[i].order, i + 1);
    }
    witness_close(loop, &stream);
    close(peer);
    free(expected);
    free(got);
}

BACKEND_TEST(stream_writes_around_the_size_of_a_copy_block_arrive_whole)
{
    struct witness stream = {0};
    char sent[5000];
    char got[5000];
    int peer = witness_opened(loop, &stream, NULL);
    harness_fill(sent, sizeof sent, 9);
    for (size_t count = 4094; count <= 4099; count++) { /* the spare is there from the second on */
        assert_result(witness_write(&stream, sent, count), 0);
        peer_read_all(loop, peer, got, count);
        assert_memory_equal(got, sent, count);
        harness_settle(loop);
        assert_result(witness_write(&stream, sent, 1), 0);
        assert_result(witness_write(&stream, sent + 1, count - 1), 0);
        peer_read_all(loop, peer, got, count);
        assert_memory_equal(got, sent, count);
        harness_settle(loop);
    }
    witness_close(loop, &stream);
    close(peer);
}

BACKEND_TEST(stream_block_of_no_bytes_is_released)
{
    struct witness stream = {0};
    struct witness_block block;
    int peer = witness_opened(loop, &stream, NULL);
    assert_result(witness_write(&stream, NULL, 0), 0);
    assert_result(witness_write_block(&stream, &block, NULL, 0), 0);
    assert_false(block.released); /* not from inside the call */
    harness_run_until(loop, &block.released);
    assert_result(block.error, 0);
    harness_run(loop);
    assert_int_equal(peer_read(peer, &(char){0}, 1), -EAGAIN);
    witness_close(loop, &stream);
    close(peer);
}

/* --- marks and limits --- */

BACKEND_TEST(stream_write_past_the_limit_is_refused_whole)
{
    struct witness stream = {0};
    struct hark_stream_options options = {.queue_bytes_max = 1000};
    struct witness_block block;
    char bytes[1001] = {0};
    size_t stuff;
    int peer = witness_stuffed(loop, &stream, &options, &stuff);
    assert_result(witness_write(&stream, bytes, 1001), -ENOBUFS);
    assert_result(witness_write_block(&stream, &block, bytes, 1001), -ENOBUFS);
    assert_int_equal(hark_stream_queued(&stream.stream), 0);
    assert_result(witness_write(&stream, bytes, 1000), 1); /* to the last byte */
    assert_result(witness_write(&stream, bytes, 1), -ENOBUFS);
    assert_result(witness_write_block(&stream, &block, bytes, 1), -ENOBUFS);
    assert_result(witness_write_block(&stream, &block, bytes, SIZE_MAX), -ENOBUFS);
    assert_result(witness_write(&stream, bytes, 0), 1);
    assert_int_equal(hark_stream_queued(&stream.stream), 1000);
    assert_false(block.released);
    witness_close(loop, &stream);
    assert_false(block.released);
    close(peer);
}

BACKEND_TEST(stream_high_mark_is_told_and_drained_once_at_the_low_one)
{
    struct witness stream = {0};
    struct hark_stream_options options = {
        .queue_bytes_max = 1000, .high_bytes = 600, .low_bytes = 200};
    char bytes[1000] = {0};
    size_t stuff;
    int peer = witness_stuffed(loop, &stream, &options, &stuff);
    assert_result(witness_write(&stream, bytes, 599), 0);
    assert_result(witness_write(&stream, bytes, 1), 1);
    assert_result(witness_write(&stream, bytes, 100), 1);
    harness_settle(loop);
    assert_int_equal(stream.drained, 0);
    peer_unstuff(loop, peer, stuff);
    peer_read_all(loop, peer, bytes, 700);
    harness_run(loop);
    assert_int_equal(stream.drained, 1);
    assert_result(witness_write(&stream, bytes, 599), 0);
    peer_read_all(loop, peer, bytes, 599);
    harness_run(loop);
    assert_int_equal(stream.drained, 1);
    witness_close(loop, &stream);
    close(peer);
}

static void note_queued(struct witness *witness, enum witness_event event, const void *bytes,
                        int64_t count)
{
    (void)bytes;
    (void)count;
    size_t *seen = witness->context;
    if (event == DRAINED)
        *seen = hark_stream_queued(&witness->stream);
}

BACKEND_TEST(stream_default_marks_are_a_half_and_an_eighth_of_a_mebibyte)
{
    size_t seen = SIZE_MAX;
    struct witness stream = {.then = note_queued, .context = &seen};
    size_t count = 1 << 20;
    char *bytes = calloc(1, count);
    size_t stuff;
    int peer = witness_stuffed(loop, &stream, NULL, &stuff);
    assert_result(witness_write(&stream, bytes, count / 2 - 1), 0);
    assert_result(witness_write(&stream, bytes, 1), 1);
    assert_result(witness_write(&stream, bytes, count / 2), 1);
    assert_result(witness_write(&stream, bytes, 1), -ENOBUFS);
    peer_unstuff(loop, peer, stuff);
    peer_read_all(loop, peer, bytes, count);
    harness_run(loop);
    assert_int_equal(stream.drained, 1);
    assert_true(seen <= count / 8);
    witness_close(loop, &stream);
    close(peer);
    free(bytes);
}

BACKEND_TEST(stream_refused_write_is_followed_by_drained)
{
    struct witness stream = {0};
    struct hark_stream_options options = {
        .queue_bytes_max = 1000, .high_bytes = 900, .low_bytes = 10};
    char bytes[1000] = {0};
    size_t stuff;
    int peer = witness_stuffed(loop, &stream, &options, &stuff);
    assert_result(witness_write(&stream, bytes, 500), 0); /* below the high mark */
    assert_result(witness_write(&stream, bytes, 600), -ENOBUFS);
    peer_unstuff(loop, peer, stuff);
    peer_read_all(loop, peer, bytes, 500);
    harness_run(loop);
    assert_int_equal(stream.drained, 1);
    assert_result(witness_write(&stream, bytes, 600), 0);
    witness_close(loop, &stream);
    close(peer);
}

BACKEND_TEST(stream_marks_out_of_order_are_put_right)
{
    struct witness stream = {0};
    struct hark_stream_options options = {.queue_bytes_max = 10, .high_bytes = 50, .low_bytes = 90};
    char bytes[11] = {0};
    size_t stuff;
    int peer = witness_stuffed(loop, &stream, &options, &stuff);
    assert_result(witness_write(&stream, bytes, 9), 0);
    assert_result(witness_write(&stream, bytes, 1), 1);
    peer_unstuff(loop, peer, stuff);
    peer_read_all(loop, peer, bytes, 10);
    harness_run(loop);
    assert_int_equal(stream.drained, 1);
    witness_close(loop, &stream);
    close(peer);

    struct witness least = {0};
    options = (struct hark_stream_options){.queue_bytes_max = 1};
    peer = witness_opened(loop, &least, &options);
    assert_result(witness_write(&least, bytes, 0), 0); /* an empty queue is at no mark */
    assert_result(witness_write(&least, bytes, 1), 1);
    witness_close(loop, &least);
    close(peer);
}

/* Writes until it is told to pause, and again when it may. */
static void pump(struct witness *witness)
{
    static char block[8192];
    uint64_t *left = witness->context;
    int full = 0;
    while (*left > 0 && full == 0) {
        size_t count = *left < sizeof block ? (size_t)*left : sizeof block;
        full = witness_write(witness, block, count);
        assert_true(full >= 0);
        *left -= count;
    }
}

static void pump_when_drained(struct witness *witness, enum witness_event event, const void *bytes,
                              int64_t count)
{
    (void)bytes;
    (void)count;
    if (event == DRAINED)
        pump(witness);
}

BACKEND_TEST(stream_reader_that_stops_costs_no_more_than_the_limit)
{
    uint64_t left = 4 << 20;
    struct witness writer = {.then = pump_when_drained, .context = &left};
    struct witness reader = {0};
    struct hark_stream_options options = {.queue_bytes_max = 65536};
    int pair[2];
    harness_socket_pair(loop, pair);
    peer_shrink(pair[0]);
    witness_open(loop, &writer, pair[0], &options);
    witness_open(loop, &reader, pair[1], NULL);
    pump(&writer);
    harness_settle(loop);
    assert_true(left > 0); /* it has stopped, since nobody reads */
    assert_true(hark_stream_queued(&writer.stream) <= 65536);
    uint64_t before = left;
    witness_read_start(&reader);
    while (left == before)
        assert_true(hark_run_once(loop) >= 0);
    witness_read_stop(&reader);
    harness_settle(loop);
    assert_true(left > 0);
    assert_true(hark_stream_queued(&writer.stream) <= 65536);
    witness_read_start(&reader);
    while (reader.total < 4 << 20)
        assert_true(hark_run_once(loop) >= 0);
    assert_true(writer.drained > 1);
    assert_int_equal(reader.total, 4 << 20);
    witness_close(loop, &writer);
    witness_close(loop, &reader);
}

/* --- released --- */

static void queue_again(struct witness *witness, enum witness_event event, const void *bytes,
                        int64_t count)
{
    struct witness_block *own = (struct witness_block *)(uintptr_t)bytes;
    int *left = witness->context;
    if (event != RELEASED || --*left <= 0)
        return;
    assert_result(count, 0);
    own->released = false;
    assert_result(CALL(hark_stream_write_block(&witness->stream, &own->block)), 0);
}

BACKEND_TEST(stream_block_is_queued_again_in_its_released)
{
    int left = 1000;
    struct witness stream = {.then = queue_again, .context = &left};
    struct witness_block blocks[3];
    char got[7];
    int peer = witness_opened(loop, &stream, NULL);
    assert_result(witness_write_block(&stream, &blocks[0], "abc", 3), 0);
    assert_result(witness_write_block(&stream, &blocks[1], NULL, 0), 0);
    assert_result(witness_write_block(&stream, &blocks[2], "defg", 4), 0);
    while (left > 0) {
        assert_true(hark_run_once(loop) >= 0);
        while (peer_read(peer, got, sizeof got) > 0)
            ;
    }
    witness_close(loop, &stream);
    close(peer);
}

/* Blocks of no bytes could keep the loop inside of one callback for ever. */
BACKEND_TEST(stream_empty_block_queued_again_does_not_keep_the_loop)
{
    int left = 200;
    struct witness stream = {.then = queue_again, .context = &left};
    struct witness_block block;
    int peer = witness_opened(loop, &stream, NULL);
    assert_result(witness_write_block(&stream, &block, NULL, 0), 0);
    harness_run(loop);
    assert_int_equal(left, 0);
    assert_int_equal(sends(loop), 200);
    witness_close(loop, &stream);
    close(peer);
}

BACKEND_TEST(stream_write_block_refused_is_not_released)
{
    struct witness stream = {0};
    struct witness_block block;
    int peer = witness_opened(loop, &stream, NULL);
    witness_end(&stream);
    assert_result(witness_write_block(&stream, &block, "x", 1), -EPIPE);
    harness_run(loop);
    witness_close(loop, &stream);
    assert_false(block.released);
    assert_result(witness_write_block(&stream, &block, "x", 1), -EPIPE); /* closed */
    assert_false(block.released);
    close(peer);
}
