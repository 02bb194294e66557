/* test_pending.c - whoever waits is called once, when the last of what is under way has ended. */
#include "base/pending.h"
#include "harness/harness.h"

#include <stdlib.h>

struct waiting {
    struct pending pending;
    int calls;
    int again; /* so many times it waits anew, with one more under way each time */
};

static void settled(struct pending *pending)
{
    struct waiting *waiting = hark_container_of(pending, struct waiting, pending);
    waiting->calls++;
    if (waiting->again-- <= 0)
        return;
    pending_begin(pending);
    pending_wait(pending, settled);
}

TEST(the_last_end_calls_once)
{
    struct waiting waiting = {.calls = 0};
    pending_begin(&waiting.pending);
    pending_begin(&waiting.pending);
    pending_wait(&waiting.pending, settled);
    pending_end(&waiting.pending);
    assert_int_equal(waiting.calls, 0);
    assert_false(pending_none(&waiting.pending));
    pending_end(&waiting.pending);
    assert_int_equal(waiting.calls, 1);
    assert_true(pending_none(&waiting.pending));
    pending_begin(&waiting.pending);
    pending_end(&waiting.pending);
    assert_int_equal(waiting.calls, 1);
}

TEST(an_end_that_nobody_waits_for_calls_nobody)
{
    struct waiting waiting = {.calls = 0};
    pending_begin(&waiting.pending);
    pending_end(&waiting.pending);
    assert_int_equal(waiting.calls, 0);
}

TEST(who_waits_for_nothing_is_called_at_once)
{
    struct waiting waiting = {.calls = 0};
    pending_wait(&waiting.pending, settled);
    assert_int_equal(waiting.calls, 1);
}

TEST(who_is_called_may_wait_anew)
{
    struct waiting waiting = {.again = 2};
    pending_wait(&waiting.pending, settled);
    assert_int_equal(waiting.calls, 1);
    pending_end(&waiting.pending);
    assert_int_equal(waiting.calls, 2);
    pending_end(&waiting.pending);
    assert_int_equal(waiting.calls, 3);
    assert_true(pending_none(&waiting.pending));
}

static void let_go(struct pending *pending)
{
    free(hark_container_of(pending, struct waiting, pending));
}

/* Under AddressSanitizer this fails where the struct is looked at afterwards. */
TEST(who_is_called_may_free_what_it_stands_in)
{
    struct waiting *waiting = calloc(1, sizeof *waiting);
    assert_non_null(waiting);
    pending_begin(&waiting->pending);
    pending_wait(&waiting->pending, let_go);
    pending_end(&waiting->pending);
}
