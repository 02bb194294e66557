/* hark_stream: what it allocates, and what it does if there is no memory. */
#include "fault/memory.h"
#include "harness/lacking.h"
#include "harness/sanitizer.h"
#include "harness/world.h"
#include "net/witness.h"

BACKEND_TEST(stream_that_echoes_allocates_nothing_once_it_runs)
{
    if (harness_in_world())
        harness_skip("the world's own memory is counted as well");
    memory_begin(0, false);
    struct witness stream = {.then = witness_answer_in_pieces};
    char got[1000];
    int peer = witness_opened(loop, &stream, NULL);
    witness_read_start(&stream);
    unsigned long before = 0;
    for (int round = 0; round < 50; round++) {
        if (round == 10)
            before = memory_asked();
        assert_int_equal(send(peer, "?", 1, 0), 1);
        peer_read_all(loop, peer, got, sizeof got);
    }
    assert_int_equal(memory_asked() - before, 0);
    assert_true(before > 0);
    witness_close(loop, &stream);
    close(peer);
}

static size_t held_after(struct hark_loop *loop, struct witness *stream, int peer, const char *text)
{
    char got[10];
    size_t count = strlen(text);
    assert_result(witness_write(stream, text, count), 0);
    peer_read_all(loop, peer, got, sizeof got);
    assert_memory_equal(got + sizeof got - count, text, count);
    harness_settle(loop);
    return harness_memory_held();
}

BACKEND_TEST(trimmed_stream_holds_no_copy_once_it_is_sent)
{
    if (harness_in_world())
        harness_skip("the world's own memory is counted as well");
    if (SANITIZED)
        harness_skip("allocations are the sanitizer's here");
    struct witness stream = {0};
    int peer = witness_opened(loop, &stream, NULL);
    (void)held_after(loop, &stream, peer, "0123456789"); /* the loop has what it needs */
    size_t kept = held_after(loop, &stream, peer, "abcdefghij");
    assert_int_equal(held_after(loop, &stream, peer, "0123456789"), kept);
    hark_stream_trim(&stream.stream);
    assert_true(harness_memory_held() + 4096 <= kept);
    size_t trimmed = harness_memory_held();
    assert_int_equal(held_after(loop, &stream, peer, "abcdefghij"), trimmed);
    assert_result(witness_write(&stream, "abcde", 5), 0);
    hark_stream_trim(&stream.stream); /* while one is on its way */
    assert_int_equal(held_after(loop, &stream, peer, "fghij"), trimmed);
    witness_close(loop, &stream);
    close(peer);
}

/* A queue's limit speaks of its bytes: what it takes in memory must not be many times as much. */
BACKEND_TEST(stream_short_copies_between_blocks_take_little_memory)
{
    enum { ROUNDS = 200 };
    struct witness stream = {0};
    struct witness_block blocks[ROUNDS];
    size_t stuff;
    int peer = witness_stuffed(loop, &stream, NULL, &stuff);
    memory_begin(0, false);
    for (int i = 0; i < ROUNDS; i++) {
        assert_true(witness_write(&stream, "c", 1) >= 0);
        assert_true(witness_write_block(&stream, &blocks[i], "b", 1) >= 0);
    }
    assert_true(memory_bytes() > 0);
    assert_true(memory_bytes() < (size_t)ROUNDS * 512);
    witness_close(loop, &stream);
    close(peer);
}

BACKEND_TEST(stream_that_has_closed_holds_no_memory)
{
    if (harness_in_world())
        harness_skip("the world's own memory is counted as well");
    if (SANITIZED)
        harness_skip("allocations are the sanitizer's here");
    size_t held = 0;
    for (int round = 0; round < 3; round++) {
        struct witness stream = {0};
        char got[10];
        int peer = witness_opened(loop, &stream, NULL);
        assert_result(witness_write(&stream, "0123456789", 10), 0);
        peer_read_all(loop, peer, got, sizeof got);
        witness_close(loop, &stream);
        close(peer);
        if (round == 1) /* by then the loop has what it needs */
            held = harness_memory_held();
    }
    assert_int_equal(harness_memory_held(), held);
}

BACKEND_TEST(stream_write_out_of_memory_gives_enomem_and_changes_nothing)
{
    struct witness stream = {0};
    size_t stuff;
    int peer = witness_stuffed(loop, &stream, NULL, &stuff);
    char bytes[5000];
    char got[4101];
    harness_fill(bytes, sizeof bytes, 5);
    assert_result(witness_write(&stream, bytes, 100), 0);
    memory_begin(1, true);
    int error =
        witness_write(&stream, bytes, sizeof bytes); /* part of it would fit into what is there */
    assert_result(witness_write(&stream, bytes + 100, 4000 - 4), 0);
    memory_end();
    assert_result(error, -ENOMEM);
    assert_int_equal(hark_stream_queued(&stream.stream), 4096);
    peer_unstuff(loop, peer, stuff);
    peer_read_all(loop, peer, got, 4096);
    assert_memory_equal(got, bytes, 4096);
    witness_close(loop, &stream);
    close(peer);
}

BACKEND_TEST(stream_over_pipes_without_memory_is_refused_and_closes_nothing)
{
    struct witness stream = {0};
    int ends[2];
    harness_pipe(ends, 0);
    memory_begin(1, false);
    int error =
        CALL(hark_stream_open_pair(loop, &stream.stream, ends[0], -1, NULL, &witness_events));
    memory_end();
    assert_result(error, -ENOMEM);
    assert_int_equal(write(ends[1], "x", 1), 1); /* it is open still, */
    assert_result(hark_stream_open_pair(loop, &stream.stream, ends[0], -1, NULL, &witness_events),
                  0); /* and so can be tried again */
    witness_close(loop, &stream);
    close(ends[1]);
}
