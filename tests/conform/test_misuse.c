/* test_misuse.c - a program that breaks a rule is told which, in one line, and aborts. Promise
 * 14. */
#include "harness/told.h"

#include <unistd.h>

static void starts_twice(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    static char byte;
    hark_recv(loop, &op, ends[0], &byte, 1, 0, harness_ignore);
    hark_recv(loop, &op, ends[0], &byte, 1, 0, harness_ignore);
}

BACKEND_TEST(promise_14_start_of_an_op_in_flight_is_told)
{
    harness_assert_told(starts_twice,
                        "an op was started that is in flight, or that was not zeroed before its "
                        "first start: hark_recv on descriptor",
                        true);
}

static void starts_without_callback(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    hark_poll(loop, &op, ends[0], HARK_POLL_READABLE, NULL);
}

BACKEND_TEST(promise_14_start_without_a_callback_is_told)
{
    harness_assert_told(starts_without_callback, "an op was started without a callback: descriptor",
                        true);
}

static void posts_twice(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    (void)ends;
    hark_post(loop, &op, harness_ignore);
    hark_post(loop, &op, harness_ignore);
}

BACKEND_TEST(promise_14_post_of_an_op_in_flight_is_told)
{
    harness_assert_told(posts_twice,
                        "an op was posted that is in flight, or that was not zeroed before its "
                        "first start: hark_post",
                        false);
}

static void returns_a_foreign_buffer(struct hark_loop *loop, const int ends[2])
{
    static char own[64];
    (void)ends;
    hark_buffer_return(loop, own);
}

BACKEND_TEST(promise_14_return_of_a_foreign_buffer_is_told)
{
    harness_assert_told(returns_a_foreign_buffer,
                        "a buffer was returned that is none of this loop's pool", false);
}

static void *kept;

static void keep(struct hark_op *op, int64_t result)
{
    if (result > 0)
        kept = hark_buffer_keep(op);
}

static void returns_a_buffer_twice(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    assert_int_equal(write(ends[1], "x", 1), 1);
    hark_recv_each(loop, &op, ends[0], keep);
    while (!kept)
        hark_run_once(loop);
    hark_buffer_return(loop, kept);
    hark_buffer_return(loop, kept);
}

BACKEND_TEST(promise_14_return_of_a_buffer_twice_is_told)
{
    harness_assert_told(returns_a_buffer_twice, "a buffer was returned twice", false);
}

static void closed(struct hark_stream *stream)
{
    (void)stream;
}

static void opens_a_stream_twice(struct hark_loop *loop, const int ends[2])
{
    static const struct hark_stream_events events = {.closed = closed};
    static struct hark_stream stream;
    hark_stream_open(loop, &stream, ends[0], NULL, &events);
    hark_stream_open(loop, &stream, ends[0], NULL, &events);
}

BACKEND_TEST(promise_14_open_of_an_open_stream_is_told)
{
    harness_assert_told(opens_a_stream_twice,
                        "a stream was opened that is open, or that was not zeroed: descriptor",
                        true);
}
