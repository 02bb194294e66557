/* hark_stream_read_into: one piece at a time into the caller's own buffer. */
#include "harness/world.h"
#include "net/witness.h"

struct reader {
    char bytes[8];
    char all[64];
    size_t count;
    bool again;
};

/* Keeps each piece, which must have come in the reader's own buffer, and asks for the next. */
static void keep_piece(struct witness *witness, enum witness_event event, const void *bytes,
                       int64_t count)
{
    struct reader *reader = witness->context;
    if (event != RECEIVED)
        return;
    assert_ptr_equal(bytes, reader->bytes);
    memcpy(reader->all + reader->count, bytes, (size_t)count);
    reader->count += (size_t)count;
    if (reader->again)
        CALL_VOID(hark_stream_read_into(&witness->stream, reader->bytes, sizeof reader->bytes));
}

WORLDS_WITHOUT(stream_read_into_fills_the_callers_buffer_once, LINK | SMALL,
               "what was sent is to come in one piece")
BACKEND_TEST(stream_read_into_fills_the_callers_buffer_once)
{
    struct reader reader = {0};
    struct witness stream = {.then = keep_piece, .context = &reader};
    int pair[2];
    harness_tcp_pair(loop, pair);
    witness_open(loop, &stream, pair[0], NULL);
    CALL_VOID(hark_stream_read_into(&stream.stream, reader.bytes, sizeof reader.bytes));
    assert_int_equal(send(pair[1], "0123456789", 10, 0), 10);
    harness_run(loop); /* one piece, and nothing is left in flight */
    assert_int_equal(stream.pieces, 1);
    assert_int_equal(reader.count, 8);
    CALL_VOID(hark_stream_read_into(&stream.stream, reader.bytes, sizeof reader.bytes));
    harness_run(loop);
    assert_int_equal(reader.count, 10);
    assert_memory_equal(reader.all, "0123456789", 10);
    witness_close(loop, &stream);
    close(pair[1]);
}

BACKEND_TEST(stream_read_into_again_in_received_goes_on_to_the_end)
{
    struct reader reader = {.again = true};
    struct witness stream = {.then = keep_piece, .context = &reader};
    int pair[2];
    harness_tcp_pair(loop, pair);
    witness_open(loop, &stream, pair[0], NULL);
    CALL_VOID(hark_stream_read_into(&stream.stream, reader.bytes, sizeof reader.bytes));
    assert_int_equal(send(pair[1], "abcdefghijklmnopqrstuvwxyz", 26, 0), 26);
    assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
    harness_run(loop);
    assert_memory_equal(reader.all, "abcdefghijklmnopqrstuvwxyz", 26);
    assert_true(stream.ended);
    assert_result(stream.end, 0);
    witness_close(loop, &stream);
    close(pair[1]);
}

BACKEND_TEST(stream_read_into_then_stop_leaves_the_bytes_for_the_pool)
{
    struct reader reader = {0};
    struct witness stream = {.context = &reader};
    int pair[2];
    harness_tcp_pair(loop, pair);
    witness_open(loop, &stream, pair[0], NULL);
    CALL_VOID(hark_stream_read_into(&stream.stream, reader.bytes, sizeof reader.bytes));
    CALL_VOID(hark_stream_read_start(&stream.stream)); /* reads already: nothing happens */
    harness_settle(loop);
    CALL_VOID(hark_stream_read_stop(&stream.stream));
    witness_read_start(&stream); /* while the first is still being cancelled */
    harness_settle(loop);
    assert_int_equal(send(pair[1], "0123456789", 10, 0), 10);
    while (stream.total < 10)
        assert_true(hark_run_once(loop) >= 0);
    assert_int_equal(stream.pieces, 1);
    assert_int_equal(reader.bytes[0], 0);
    witness_close(loop, &stream);
    close(pair[1]);
}

BACKEND_TEST(stream_closed_while_it_reads_into_a_buffer_lets_go_of_it)
{
    struct witness stream = {0};
    int pair[2];
    char *bytes = malloc(16);
    harness_tcp_pair(loop, pair);
    witness_open(loop, &stream, pair[0], NULL);
    CALL_VOID(hark_stream_read_into(&stream.stream, bytes, 16));
    harness_settle(loop);
    witness_close(loop, &stream);
    free(bytes);
    assert_int_equal(stream.pieces, 0);
    close(pair[1]);
}
