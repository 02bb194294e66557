/* A stream over a pair of descriptors: the same rules, with nothing of a socket under it. */
#include "net/witness.h"

#include <fcntl.h>

enum { PIECE_BYTES = 16384 }; /* the most that it delivers at once */

/* A stream over two pipes, and their other ends. */
struct piped {
    struct witness stream;
    int in, out;         /* the stream's */
    int to_in, from_out; /* the test's */
};

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void pair_open(struct hark_loop *loop, struct piped *piped,
                      const struct hark_stream_options *options)
{
    assert_result(CALL(hark_stream_open_pair(loop, &piped->stream.stream, piped->in, piped->out,
                                             options, &witness_events)),
                  0);
}

static void piped_open(struct hark_loop *loop, struct piped *piped,
                       const struct hark_stream_options *options)
{
    int in[2], out[2];
    harness_pipe(in, O_NONBLOCK);
    harness_pipe(out, O_NONBLOCK);
    piped->in = in[0];
    piped->to_in = in[1];
    piped->out = out[1];
    piped->from_out = out[0];
    pair_open(loop, piped, options);
}

static void piped_done(struct piped *piped)
{
    assert_false(is_open(piped->in));
    assert_false(is_open(piped->out));
    close(piped->from_out);
    if (piped->to_in >= 0)
        close(piped->to_in);
}

/* Reads what is in the pipe. Gives: as read(2). */
static ssize_t drain(int fd, char *bytes, size_t room)
{
    ssize_t count = read(fd, bytes, room);
    return count < 0 ? -errno : count;
}

BACKEND_TEST(stream_over_pipes_moves_bytes_both_ways_and_ends_each)
{
    enum { COUNT = 300000 };
    static char sent[COUNT], got[COUNT];
    struct piped piped = {0};
    size_t written = 0, read_count = 0;
    ssize_t step = -EAGAIN;
    harness_fill(sent, COUNT, 5);
    piped_open(loop, &piped, NULL);
    witness_collect(&piped.stream, COUNT);
    witness_read_start(&piped.stream);
    assert_true(witness_write(&piped.stream, sent, COUNT) >= 0);
    witness_end(&piped.stream);
    while (step || piped.stream.total < COUNT) {
        ssize_t count = write(piped.to_in, sent + written, COUNT - written);
        written += count > 0 ? (size_t)count : 0;
        step = drain(piped.from_out, got + read_count, COUNT - read_count);
        read_count += step > 0 ? (size_t)step : 0;
        assert_true(step >= 0 || step == -EAGAIN);
        assert_true(hark_run_ready(loop) >= 0);
    }
    assert_int_equal(read_count, COUNT); /* and then its end */
    assert_true(harness_filled(got, COUNT, 5));
    assert_true(harness_filled(piped.stream.bytes, COUNT, 5));
    assert_false(is_open(piped.out)); /* that is how a pipe ends */
    assert_false(piped.stream.ended);
    close(piped.to_in);
    piped.to_in = -1;
    harness_run_until(loop, &piped.stream.ended);
    assert_result(piped.stream.end, 0);
    witness_close(loop, &piped.stream);
    piped_done(&piped);
    free(piped.stream.bytes);
}

BACKEND_TEST(stream_over_pipes_closed_at_once_closes_both_and_calls_once)
{
    for (int reading = 0; reading < 2; reading++) {
        struct piped piped = {0};
        struct witness_block block;
        piped_open(loop, &piped, NULL);
        if (reading)
            witness_read_start(&piped.stream);
        fcntl(piped.out, F_SETPIPE_SZ, 4096);
        char *much = calloc(1, 100000);
        assert_result(witness_write_block(&piped.stream, &block, much, 100000), 0);
        harness_settle(loop);
        witness_close(loop, &piped.stream);
        assert_result(block.error, -ECANCELED);
        free(much);
        piped_done(&piped);
    }
}

static void stop_after_one(struct witness *witness, enum witness_event event, const void *bytes,
                           int64_t count)
{
    (void)bytes;
    (void)count;
    if (event == RECEIVED)
        witness_read_stop(witness);
}

BACKEND_TEST(stream_over_pipes_that_is_stopped_leaves_the_rest_in_the_pipe)
{
    enum { COUNT = 3 * PIECE_BYTES };
    static char sent[COUNT];
    struct piped piped = {.stream.then = stop_after_one};
    harness_fill(sent, COUNT, 8);
    piped_open(loop, &piped, NULL);
    witness_collect(&piped.stream, COUNT);
    assert_int_equal(write(piped.to_in, sent, COUNT), COUNT);
    for (int pieces = 1; piped.stream.total < COUNT; pieces++) {
        witness_read_start(&piped.stream);
        harness_run(loop);
        assert_int_equal(piped.stream.pieces, pieces);
    }
    char small[100];
    assert_int_equal(write(piped.to_in, "into", 4), 4);
    piped.stream.count = 0;
    CALL_VOID(hark_stream_read_into(&piped.stream.stream, small, sizeof small));
    harness_run(loop);
    assert_memory_equal(small, "into", 4);
    witness_close(loop, &piped.stream);
    piped_done(&piped);
    free(piped.stream.bytes);
}

BACKEND_TEST(stream_over_pipes_whose_reader_has_gone_fails)
{
    struct piped piped = {0};
    piped_open(loop, &piped, NULL);
    close(piped.from_out);
    piped.from_out = piped.to_in;
    piped.to_in = -1;
    assert_result(witness_write(&piped.stream, "x", 1), 0);
    harness_run_until(loop, &piped.stream.failed);
    assert_result(piped.stream.failed_error, -EPIPE);
    witness_close_after_sending(&piped.stream);
    harness_run_until(loop, &piped.stream.closed);
    piped_done(&piped);
}

BACKEND_TEST(stream_over_pipes_closed_after_sending_waits_for_the_end)
{
    struct piped piped = {0};
    char got[4];
    piped_open(loop, &piped, NULL);
    assert_result(witness_write(&piped.stream, "last", 4), 0);
    witness_close_after_sending(&piped.stream);
    assert_int_equal(write(piped.to_in, "unread", 6), 6);
    harness_settle(loop);
    assert_false(piped.stream.closed);
    assert_int_equal(drain(piped.from_out, got, 4), 4);
    assert_int_equal(drain(piped.from_out, got, 4), 0);
    close(piped.to_in);
    piped.to_in = -1;
    harness_run_until(loop, &piped.stream.closed);
    assert_int_equal(piped.stream.pieces, 0);
    piped_done(&piped);
}

BACKEND_TEST(stream_over_pipes_cannot_be_detached)
{
    struct piped piped = {0};
    char got[1];
    piped_open(loop, &piped, NULL);
    assert_result(witness_detach_start(&piped.stream), -EOPNOTSUPP);
    assert_result(witness_write(&piped.stream, "x", 1), 0); /* nothing has changed */
    while (drain(piped.from_out, got, 1) == -EAGAIN)
        assert_true(hark_run_ready(loop) >= 0);
    witness_close(loop, &piped.stream);
    piped_done(&piped);
}

/* As a terminal: one descriptor for both ways. Ended, it is still read from. */
BACKEND_TEST(stream_over_one_descriptor_twice_closes_it_once)
{
    struct piped piped = {0};
    char got[2];
    int pair[2];
    harness_socket_pair(loop, pair);
    piped.in = piped.out = pair[0];
    pair_open(loop, &piped, NULL);
    witness_read_start(&piped.stream);
    assert_result(witness_write(&piped.stream, "ab", 2), 0);
    witness_end(&piped.stream);
    peer_read_all(loop, pair[1], got, 2);
    harness_settle(loop);
    assert_int_equal(write(pair[1], "c", 1), 1);
    while (piped.stream.total < 1)
        assert_true(hark_run_once(loop) >= 0);
    witness_close(loop, &piped.stream);
    assert_false(is_open(pair[0]));
    assert_int_equal(hark_loop_metrics(loop)->requested[HARK_OP_CLOSE], 1);
    close(pair[1]);
}

/* --- one descriptor alone --- */

BACKEND_TEST(stream_over_nothing_is_refused)
{
    struct witness stream = {0};
    assert_result(CALL(hark_stream_open_pair(loop, &stream.stream, -1, -1, NULL, &witness_events)),
                  -EBADF);
    assert_result(witness_write(&stream, "x", 1), -EPIPE); /* it is not open */
}

BACKEND_TEST(stream_that_only_reads_refuses_writes_and_reads_to_the_end)
{
    for (int gently = 0; gently < 2; gently++) {
        struct piped piped = {.out = -1};
        int in[2];
        harness_pipe(in, 0);
        piped.in = in[0];
        pair_open(loop, &piped, NULL);
        witness_read_start(&piped.stream);
        assert_result(witness_write(&piped.stream, "x", 1), -EPIPE);
        witness_end(&piped.stream);
        assert_int_equal(write(in[1], "abc", 3), 3);
        harness_settle(loop);
        assert_int_equal(piped.stream.total, 3);
        assert_false(piped.stream.failed);
        close(in[1]);
        harness_run_until(loop, &piped.stream.ended);
        assert_result(piped.stream.end, 0);
        if (gently)
            witness_close_after_sending(&piped.stream);
        else
            witness_close(loop, &piped.stream);
        harness_run_until(loop, &piped.stream.closed);
        assert_false(is_open(piped.in));
    }
}

/* Closed at once, after its end, in the midst of its end, or gently: which waits for nobody. */
BACKEND_TEST(stream_that_only_writes_closes_its_one_descriptor_once)
{
    for (int way = 0; way < 4; way++) {
        struct piped piped = {.in = -1};
        char got[4];
        int out[2];
        harness_pipe(out, 0);
        piped.out = out[1];
        pair_open(loop, &piped, NULL);
        witness_read_start(&piped.stream); /* nothing comes of it */
        assert_result(witness_write(&piped.stream, "last", 4), 0);
        if (way == 0)
            harness_settle(loop);
        if (way == 1 || way == 2)
            witness_end(&piped.stream);
        if (way == 1)
            harness_settle(loop);
        if (way == 3)
            witness_close_after_sending(&piped.stream);
        else
            witness_close(loop, &piped.stream);
        harness_run_until(loop, &piped.stream.closed);
        assert_false(is_open(out[1]));
        assert_int_equal(hark_loop_metrics(loop)->requested[HARK_OP_CLOSE], way + 1);
        if (way != 2) /* there it may have been on its way */
            assert_int_equal(drain(out[0], got, 4), 4);
        while (drain(out[0], got, 4) > 0)
            assert_int_equal(way, 2);
        assert_int_equal(drain(out[0], got, 4), 0);
        assert_int_equal(piped.stream.pieces, 0);
        assert_false(piped.stream.ended);
        close(out[0]);
    }
}

/* --- watched --- */

static void run_until_gone(struct hark_loop *loop, struct piped *piped)
{
    while (!piped->stream.gone) /* select has to be asked */
        assert_true((harness_backend() == HARK_BACKEND_SELECT ? hark_run_ready(loop)
                                                              : hark_run_once(loop)) >= 0);
    assert_result(piped->stream.gone_error, 0);
}

BACKEND_TEST(stream_over_pipes_watched_across_its_end_is_told_that_nobody_writes)
{
    for (int before = 0; before < 2; before++) {
        struct piped piped = {0};
        piped_open(loop, &piped, NULL);
        if (before) {
            witness_watch(&piped.stream);
            harness_settle(loop);
        }
        witness_end(&piped.stream);
        harness_settle(loop);
        assert_false(piped.stream.gone);
        if (!before)
            witness_watch(&piped.stream);
        close(piped.to_in);
        piped.to_in = -1;
        run_until_gone(loop, &piped);
        witness_close(loop, &piped.stream);
        piped_done(&piped);
    }
}

BACKEND_TEST(stream_that_only_writes_is_told_that_its_reader_has_gone)
{
    for (int ended = 0; ended < 2; ended++) {
        struct piped piped = {.in = -1};
        int out[2];
        harness_pipe(out, 0);
        piped.out = out[1];
        pair_open(loop, &piped, NULL);
        witness_watch(&piped.stream);
        harness_settle(loop);
        assert_false(piped.stream.gone);
        if (ended)
            witness_end(&piped.stream); /* with nothing to read: both have ended */
        else
            close(out[0]);
        run_until_gone(loop, &piped);
        witness_close(loop, &piped.stream);
        if (ended)
            close(out[0]);
    }
}

BACKEND_TEST(stream_over_pipes_is_closed_while_it_is_watched)
{
    for (int way = 0; way < 3; way++) {
        struct piped piped = {0};
        piped_open(loop, &piped, NULL);
        witness_watch(&piped.stream);
        harness_settle(loop);
        if (way == 1)
            witness_end(&piped.stream);
        if (way == 2)
            witness_read_start(&piped.stream);
        witness_close(loop, &piped.stream);
        assert_false(piped.stream.gone);
        piped_done(&piped);
    }
}
