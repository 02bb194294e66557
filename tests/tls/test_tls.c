/* Streams over TLS between two sides of the library's own: bytes both ways, ends, sizes, and the
 * same rules as of every stream. */
#include "tls/meeting.h"

enum { MUCH = 3000000 };

static void read_both(struct meeting *meeting, size_t room)
{
    witness_collect(&meeting->server, room);
    witness_collect(&meeting->client, room);
    witness_read_start(&meeting->server);
    witness_read_start(&meeting->client);
}

BACKEND_TEST(tls_moves_bytes_both_ways_and_ends_each_side)
{
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    meeting_begin(loop, &meeting, NULL);
    read_both(&meeting, 100);
    assert_string_equal(hark_tls_version(&meeting.client.stream), "TLSv1.3");
    assert_string_equal(hark_tls_server_name(&meeting.server.stream), "localhost");
    assert_null(hark_tls_alpn(&meeting.client.stream));
    assert_result(witness_write(&meeting.client, "question", 8), 0);
    witness_end(&meeting.client);
    harness_run_until(loop, &meeting.server.ended);
    assert_result(meeting.server.end, 0);
    assert_memory_equal(meeting.server.bytes, "question", 8);
    assert_int_equal(meeting.server.count, 8);
    /* One side has ended; the other goes on. */
    assert_result(witness_write(&meeting.server, "an answer", 9), 0);
    witness_close_after_sending(&meeting.server);
    harness_run_until(loop, &meeting.client.ended);
    assert_result(meeting.client.end, 0);
    assert_memory_equal(meeting.client.bytes, "an answer", 9);
    harness_run_until(loop, &meeting.server.closed);
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
}

BACKEND_TEST(tls_before_the_handshake_writes_reads_and_the_end_wait_for_it)
{
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    meeting_connect(loop, &meeting, NULL);
    read_both(&meeting, 100);
    assert_result(witness_write(&meeting.client, "early", 5), 0);
    assert_result(witness_write(&meeting.server, "as early", 8), 0);
    witness_end(&meeting.client);
    witness_end(&meeting.server);
    harness_run_until(loop, &meeting.client.ended);
    harness_run_until(loop, &meeting.server.ended);
    assert_result(meeting.client.end, 0);
    assert_result(meeting.server.end, 0);
    assert_memory_equal(meeting.server.bytes, "early", 5);
    assert_memory_equal(meeting.client.bytes, "as early", 8);
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
}

/* Fills the queue up to its limit, again and again. */
struct source {
    const char *bytes;
    size_t count, at;
};

static void go_on(struct witness *witness)
{
    struct source *source = witness->context;
    while (source->at < source->count) {
        size_t piece = source->count - source->at < 50000 ? source->count - source->at : 50000;
        int error = witness_write(witness, source->bytes + source->at, piece);
        if (error == -ENOBUFS)
            return;
        assert_true(error >= 0);
        source->at += piece;
        if (error == 1)
            return;
    }
    witness_end(witness);
}

static void when_drained(struct witness *witness, enum witness_event event, const void *bytes,
                         int64_t count)
{
    (void)bytes;
    (void)count;
    if (event == DRAINED)
        go_on(witness);
}

BACKEND_TEST(tls_moves_much_both_ways_at_once_through_small_buffers)
{
    static char one[MUCH], other[MUCH];
    struct meeting meeting = {0};
    struct hark_stream_options options = {.queue_bytes_max = 200000};
    struct source from_client = {one, MUCH, 0}, from_server = {other, MUCH, 0};
    harness_fill(one, MUCH, 1);
    harness_fill(other, MUCH, 2);
    meeting_prepare(&meeting, NULL, NULL);
    meeting_connect_over_unix(loop, &meeting, &options);
    read_both(&meeting, MUCH);
    meeting.client.then = meeting.server.then = when_drained;
    meeting.client.context = &from_client;
    meeting.server.context = &from_server;
    go_on(&meeting.client);
    go_on(&meeting.server);
    harness_run_until(loop, &meeting.client.ended);
    harness_run_until(loop, &meeting.server.ended);
    assert_result(meeting.client.end, 0);
    assert_result(meeting.server.end, 0);
    assert_int_equal(meeting.client.count, MUCH);
    assert_int_equal(meeting.server.count, MUCH);
    assert_true(harness_filled(meeting.server.bytes, MUCH, 1));
    assert_true(harness_filled(meeting.client.bytes, MUCH, 2));
    assert_true(meeting.client.drained > 0);
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
}

/* Each piece into a buffer of 777 bytes; between them, now and then, one from the pool. */
static void read_again(struct witness *witness, enum witness_event event, const void *bytes,
                       int64_t count)
{
    (void)bytes;
    (void)count;
    if (event != RECEIVED)
        return;
    if (witness->pieces % 50 == 49) {
        witness_read_start(witness);
        return;
    }
    witness_read_stop(witness);
    CALL_VOID(hark_stream_read_into(&witness->stream, witness->context, 777));
}

/* The bytes are there before the cancel. Where the kernel has received them by then (io_uring
 * without defer_taskrun), they are too few to decrypt; what goes on receiving is stopped, too. */
BACKEND_TEST(tls_reading_that_is_stopped_inside_of_a_record_stays_stopped)
{
    static const char head[] = {0x17, 3, 3, 0, 64}; /* of a record */
    static char into[64];
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    meeting_begin(loop, &meeting, NULL);
    CALL_VOID(hark_stream_read_into(&meeting.server.stream, into, sizeof into));
    harness_settle(loop);
    assert_int_equal(write(meeting.client.stream.fd, head, sizeof head), sizeof head);
    CALL_VOID(hark_stream_read_stop(&meeting.server.stream));
    harness_turns(loop, 20);
    assert_false(hark_op_active(&meeting.server.stream.receive));
    assert_int_equal(meeting.server.count, 0);
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
}

BACKEND_TEST(tls_read_into_small_buffers_and_from_the_pool_by_turns_loses_nothing)
{
    static char sent[300000], into[777];
    struct meeting meeting = {0};
    harness_fill(sent, sizeof sent, 3);
    meeting_prepare(&meeting, NULL, NULL);
    meeting_begin(loop, &meeting, NULL);
    witness_collect(&meeting.server, sizeof sent);
    meeting.server.then = read_again;
    meeting.server.context = into;
    CALL_VOID(hark_stream_read_into(&meeting.server.stream, into, sizeof into));
    assert_true(witness_write(&meeting.client, sent, sizeof sent) >= 0);
    witness_end(&meeting.client);
    harness_run_until(loop, &meeting.server.ended);
    assert_result(meeting.server.end, 0);
    assert_int_equal(meeting.server.count, sizeof sent);
    assert_true(harness_filled(meeting.server.bytes, sizeof sent, 3));
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
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
}

BACKEND_TEST(tls_reading_that_is_stopped_and_started_at_each_piece_loses_nothing)
{
    static char sent[500000];
    struct meeting meeting = {0};
    harness_fill(sent, sizeof sent, 4);
    meeting_prepare(&meeting, NULL, NULL);
    meeting_begin(loop, &meeting, NULL);
    read_both(&meeting, sizeof sent);
    meeting.server.then = stop_and_start;
    assert_true(witness_write(&meeting.client, sent, sizeof sent) >= 0);
    witness_end(&meeting.client);
    harness_run_until(loop, &meeting.server.ended);
    assert_result(meeting.server.end, 0);
    assert_true(harness_filled(meeting.server.bytes, sizeof sent, 4));
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
}

BACKEND_TEST(tls_blocks_of_the_caller_of_all_sizes_arrive_in_order)
{
    enum { BLOCKS = 60 };
    static char sent[400000];
    struct witness_block blocks[BLOCKS];
    struct meeting meeting = {0};
    size_t at = 0;
    harness_fill(sent, sizeof sent, 5);
    meeting_prepare(&meeting, NULL, NULL);
    meeting_begin(loop, &meeting, NULL);
    read_both(&meeting, sizeof sent);
    for (int i = 0; i < BLOCKS; i++) {
        size_t count = i % 7 == 0 ? 0 : i % 5 == 0 ? 33000 : (size_t)i * 13;
        assert_true(witness_write_block(&meeting.client, &blocks[i], sent + at, count) >= 0);
        at += count;
    }
    witness_end(&meeting.client);
    harness_run_until(loop, &meeting.server.ended);
    assert_int_equal(meeting.server.count, at);
    assert_memory_equal(meeting.server.bytes, sent, at);
    for (int i = 0; i < BLOCKS; i++) {
        assert_true(blocks[i].released);
        assert_result(blocks[i].error, 0);
    }
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
}

/* Such a block goes to the socket record by record, without an op. */
BACKEND_TEST(tls_a_long_block_to_a_peer_that_has_reset_fails_as_any_send)
{
    static const char sent[1 << 19];
    const struct linger at_once = {.l_onoff = 1};
    struct meeting meeting = {0};
    struct witness_block block = {0};
    meeting_prepare(&meeting, NULL, NULL);
    meeting_begin(loop, &meeting, NULL);
    assert_int_equal(setsockopt(hark_stream_fd(&meeting.client.stream), SOL_SOCKET, SO_LINGER,
                                &at_once, sizeof at_once),
                     0);
    witness_close(loop, &meeting.client);
    assert_result(witness_write_block(&meeting.server, &block, sent, sizeof sent), 1);
    harness_run_until(loop, &meeting.server.failed);
    assert_result(meeting.server.failed_error, -ECONNRESET);
    assert_true(block.released);
    assert_result(block.error, -ECONNRESET);
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
}

BACKEND_TEST(tls_closed_at_any_time_calls_closed_once_and_leaves_nothing)
{
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    for (int turns = 0; turns < 12; turns++) {
        meeting_connect(loop, &meeting, NULL);
        witness_read_start(&meeting.server);
        assert_result(witness_write(&meeting.client, "text", 4), 0);
        harness_turns(loop, turns);
        witness_close(loop, &meeting.client);
        witness_close(loop, &meeting.server);
        harness_run(loop);
        meeting_part(loop, &meeting);
    }
    meeting_done(&meeting);
}

BACKEND_TEST(tls_of_an_rsa_key_is_computed_on_the_pool_and_may_be_closed_meanwhile)
{
    static const struct paper_wish wish = {
        .name = "slow", .altname = "DNS:localhost", .from_seconds = -60, .rsa = true};
    struct meeting meeting = {0};
    struct paper authority = {0}, slow = {0};
    paper_authority(&authority);
    paper_make(&slow, &wish, &authority);
    struct hark_tls_certificate certificate = paper_as_certificate(&slow);
    struct hark_tls_options server = {.certificates = &certificate, .certificate_count = 1};
    struct hark_tls_options client = {.ca_pem = authority.pem};
    meeting_prepare(&meeting, &server, &client);
    meeting_begin(loop, &meeting, NULL);
    meeting_part(loop, &meeting);
    for (int turns = 0; turns < 12; turns++) {
        meeting_connect(loop, &meeting, NULL);
        harness_turns(loop, turns);
        meeting_part(loop, &meeting);
    }
    harness_run(loop);
    meeting_done(&meeting);
    paper_done(&slow);
    paper_done(&authority);
}

BACKEND_TEST(tls_cancelled_as_a_whole_tells_each_side_at_most_once)
{
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    for (int turns = 0; turns < 10; turns++) {
        meeting_connect(loop, &meeting, NULL);
        witness_read_start(&meeting.server);
        witness_read_start(&meeting.client);
        harness_turns(loop, turns);
        hark_cancel_all(loop); /* a step that had its result already goes on to the next */
        harness_turns(loop, 3);
        meeting_part(loop, &meeting);
    }
    meeting_done(&meeting);
}

BACKEND_TEST(tls_cannot_be_detached)
{
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    meeting_begin(loop, &meeting, NULL);
    assert_result(witness_detach_start(&meeting.client), -EOPNOTSUPP);
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
}
