/* test_table.c - percentiles beside a sorted list, what the table counts, which ops are the
 * slowest, and how durations are written. */
#include "harness/harness.h"
#include "trace/story.h"
#include "trace/table.h"
#include "trace/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- percentiles --- */

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

TEST(a_percentile_is_at_most_a_thirty_second_too_high)
{
    enum { VALUES = 20000 };
    static struct trace_spread spread;
    static uint64_t values[VALUES];
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < VALUES; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        values[i] = state >> (i % 60 + 4);
        trace_spread_add(&spread, values[i]);
    }
    qsort(values, VALUES, sizeof *values, by_value);
    for (int percent = 1; percent <= 99; percent++) {
        uint64_t exact = values[(size_t)VALUES * (size_t)percent / 100 - 1];
        uint64_t told = trace_spread_percentile(&spread, percent);
        assert_true(told >= exact);
        assert_true(told - exact <= exact / 32);
    }
    assert_int_equal(trace_spread_percentile(&spread, 100), values[VALUES - 1]);
    assert_int_equal(spread.least, values[0]);
}

TEST(small_and_the_largest_values_are_exact)
{
    static struct trace_spread spread, large;
    for (uint64_t value = 0; value < 32; value++)
        trace_spread_add(&spread, value);
    assert_int_equal(trace_spread_percentile(&spread, 50), 15);
    assert_int_equal(trace_spread_percentile(&spread, 0), 0);
    trace_spread_add(&large, UINT64_MAX - 1);
    assert_true(trace_spread_percentile(&large, 50) == UINT64_MAX - 1);
}

/* --- durations and counts --- */

TEST(durations_have_three_digits_and_their_unit)
{
    static const struct {
        uint64_t duration_ns;
        const char *text;
    } cases[] = {
        {0, "0ns"},
        {999, "999ns"},
        {1000, "1.00us"},
        {9994, "9.99us"},
        {9996, "10.0us"},
        {99960, "100us"},
        {999499, "999us"},
        {999500, "1.00ms"},
        {1500000, "1.50ms"},
        {999999999, "1.00s"},
        {1000000000, "1.00s"},
        {12345000000, "12.3s"},
        {3600000000000, "3600s"},
        {TRACE_OP_UNKNOWN, "-"},
    };
    char text[TRACE_TEXT_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(trace_text_duration(text, cases[i].duration_ns), cases[i].text);
    assert_string_equal(trace_text_count(text, 1234567), "1,234,567");
    assert_string_equal(trace_text_count(text, 123), "123");
    assert_string_equal(trace_text_count(text, UINT64_MAX), "18,446,744,073,709,551,615");
}

/* --- the table --- */

static struct trace_loop of_test = {.pid = 7, .number = 1, .backend = HARK_BACKEND_EPOLL};

/* An op that is one microsecond in each stage. */
static struct trace_op whole_op(int kind, uint64_t callback_ns)
{
    struct trace_op op = {
        .id = 1,
        .loop = &of_test,
        .kind = (uint8_t)kind,
        .fd = 5,
        .request_ns = 1000000,
        .queued_ns = 1001000,
        .delegated_ns = 1001000,
        .performed_ns = 1002000,
        .done_ns = 1003000,
        .returned_ns = 1004000,
        .call_ns = 1005000,
        .called_ns = 1005000 + callback_ns,
    };
    return op;
}

static char *printed(void (*print)(const void *what, FILE *file), const void *what)
{
    char *text;
    size_t count;
    FILE *file = open_memstream(&text, &count);
    assert_non_null(file);
    print(what, file);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void print_table(const void *what, FILE *file)
{
    trace_table_print(what, file);
}

static void print_story(const void *what, FILE *file)
{
    trace_story_print(what, file);
}

/* A wait, the report of its end, the call. */
TEST(a_story_has_the_call_that_fetched_and_when_its_report_came)
{
    struct trace_loop loop = {.backend = HARK_BACKEND_EPOLL};
    struct trace_op op = {.loop = &loop, .kind = HARK_OP_RECV, .fd = 7, .result = 5};
    op.request_ns = op.queued_ns = op.delegated_ns = 1000000;
    op.woke_ns = 2000000;
    op.fetch_ns = 2005000;
    op.fetched_ns = op.returned_ns = op.call_ns = 2008000;
    op.called_ns = 2009000;
    char *text = printed(print_story, &op);
    assert_non_null(strstr(text, "waits for its descriptor"));
    assert_non_null(strstr(text, "its call, 5.00us after the wait reported the descriptor"));
    free(text);
    op.fetch_ns = op.delegated_ns;
    text = printed(print_story, &op);
    assert_non_null(strstr(text, "its call, made at once and without waiting"));
    free(text);
    op.fetched_ns = op.fetch_ns = 0; /* the kernel's */
    text = printed(print_story, &op);
    assert_null(strstr(text, "its call,"));
    free(text);
}

TEST(the_table_counts_by_kind_and_has_the_most_frequent_first)
{
    struct trace_table table = {0};
    for (int i = 0; i < 3; i++) {
        struct trace_op op = whole_op(HARK_OP_WRITE, 1000);
        op.result = (const int64_t[]){-EIO, -ECANCELED, 1}[i];
        trace_table_add(&table, &op);
    }
    struct trace_op read = whole_op(HARK_OP_READ, 1000);
    struct trace_op again = whole_op(HARK_OP_EVERY, 1000);
    again.flags = TRACE_OP_AGAIN;
    trace_table_add(&table, &read);
    trace_table_add(&table, &again);
    trace_table_add_in_flight(&table, &read);
    assert_int_equal(table.count, 5);
    const struct trace_table_row *row = trace_table_row(&table, HARK_OP_WRITE);
    assert_int_equal(row->count, 3);
    assert_int_equal(row->failed, 1);
    assert_int_equal(row->cancelled, 1);
    for (enum trace_span span = 0; span < TRACE_SPANS; span++)
        assert_int_equal(row->spans[span].count, 3);
    assert_int_equal(row->spans[TRACE_SPAN_AWAY].most, 3000);
    assert_int_equal(row->spans[TRACE_SPAN_ALL].most, 6000);
    /* The life of a later call begins handed on. */
    assert_int_equal(trace_table_row(&table, HARK_OP_EVERY)->spans[TRACE_SPAN_ASKED].count, 0);
    assert_null(trace_table_row(&table, HARK_OP_SEND));
    char *text = printed(print_table, &table);
    assert_true(strstr(text, "\nwrite ") < strstr(text, "\nread "));
    assert_non_null(strstr(text, " 1 failed  p99 "));
    assert_non_null(strstr(text, " 1 cancelled  max "));
    assert_non_null(strstr(text, "In flight at the end: 1 read."));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 100);
    free(text);
    trace_table_done(&table);
}

/* --- the slowest --- */

TEST(the_slowest_are_kept_in_order_and_waiting_for_others_does_not_count)
{
    static struct trace_slowest slowest = {.wanted = 3};
    static const uint64_t callbacks_ns[] = {5000, 1000, 9000, 7000, 3000};
    for (size_t i = 0; i < 5; i++) {
        struct trace_op op = whole_op(HARK_OP_NOP, callbacks_ns[i]);
        trace_slowest_offer(&slowest, &op);
    }
    struct trace_op waits = whole_op(HARK_OP_RECV, 100);
    waits.request_ns = 1;
    waits.queued_ns = waits.delegated_ns = 2;
    trace_slowest_offer(&slowest, &waits);
    assert_int_equal(slowest.count, 3);
    assert_int_equal(trace_op_span(&slowest.ops[0], TRACE_SPAN_CALLBACK), 9000);
    assert_int_equal(trace_op_span(&slowest.ops[1], TRACE_SPAN_CALLBACK), 7000);
    assert_int_equal(trace_op_span(&slowest.ops[2], TRACE_SPAN_CALLBACK), 5000);
    slowest.by_whole_time = true;
    trace_slowest_offer(&slowest, &waits);
    assert_int_equal(slowest.ops[0].kind, HARK_OP_RECV);
    trace_slowest_done(&slowest);
    slowest.wanted = 0;
    trace_slowest_offer(&slowest, &waits);
    assert_int_equal(slowest.count, 0);
}

TEST(a_story_has_the_seven_stages_and_what_the_kernel_told)
{
    struct trace_op op = whole_op(HARK_OP_READ, 1000);
    op.flags = TRACE_OP_POOL;
    op.thread = 99;
    op.result = 4096;
    op.ancestors[0] = (struct trace_ancestor){.id = 3, .fd = 3, .kind = HARK_OP_ACCEPT_EACH};
    struct trace_fact fact = {.time_ns = 1002500,
                              .cpu = 1,
                              .stage = 4,
                              .guess = true,
                              .what = "block_rq_issue",
                              .text = "virtio1, 8 sectors"};
    assert_int_equal(trace_op_add_fact(&op, &fact), 0);
    char *text = printed(print_story, &op);
    static const char *const lines[] = {
        "read on 5: 6.00us",
        "asked for by the callback of accept_each on 3",
        "\n  1 run ",
        "\n  2 request ",
        "+0.0",
        "\n  3 delegate ",
        "into the queue of the work pool",
        "\n  4 perform ",
        "thread 99",
        "+2.5",
        "block_rq_issue: virtio1, 8 sectors (a guess)",
        "\n  5 return ",
        "+3.0",
        "\n  6 notify ",
        "\n  7 handle ",
        "its callback, with 4,096",
    };
    const char *at = text;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        at = strstr(at, lines[i]);
        if (!at)
            fail_msg("no '%s' at its place in:\n%s", lines[i], text);
    }
    free(text);
    trace_op_done(&op);
}
