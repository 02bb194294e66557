/* test_reserve.c - descriptors that are kept for the log and the tails: who gets what becomes free
 * after one was given up, and when they are back. */
#include "http/connection.h"
#include "server/fixture.h"
#include "server/reserve.h"
#include "server/workers.h"

static struct reserve reserve_of(struct hark_loop *loop)
{
    struct reserve reserve = {0};
    reserve_init(&reserve, loop);
    assert_int_equal(reserve.count, RESERVE_DESCRIPTORS);
    assert_false(reserve_lacks(&reserve));
    return reserve;
}

/* From here on this process may have no descriptor that it does not have now. */
static struct rlimit leave_none(void)
{
    struct rlimit whole;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &whole), 0);
    int free_one = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(free_one >= 0);
    close(free_one);
    const struct rlimit limit = {.rlim_cur = (rlim_t)free_one, .rlim_max = whole.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return whole;
}

static void give_back(const struct rlimit *whole)
{
    assert_int_equal(setrlimit(RLIMIT_NOFILE, whole), 0);
}

/* What a connection that ends then leaves is for a tail, too. */
BACKEND_TEST(reserve_takes_nothing_back_in_the_time_that_is_left_to_others)
{
    struct reserve reserve = reserve_of(loop);
    reserve.left_free_ns = UINT64_MAX;
    assert_true(reserve_give(&reserve));
    assert_true(reserve_lacks(&reserve));
    reserve_fill(&reserve);
    assert_int_equal(reserve.count, RESERVE_DESCRIPTORS - 1);
    assert_true(reserve_lacks(&reserve));
    reserve.left_free_ns = 0; /* it is over */
    reserve_fill(&reserve);
    assert_int_equal(reserve.count, RESERVE_DESCRIPTORS);
    assert_false(reserve_lacks(&reserve));
    reserve_done(&reserve);
}

/* The time begins with the last one that was given up. */
BACKEND_TEST(reserve_that_gives_one_more_leaves_its_time_once_more)
{
    struct harness_op later = {0};
    struct reserve reserve = reserve_of(loop);
    assert_true(reserve_give(&reserve));
    uint64_t first_ns = hark_now(loop);
    hark_sleep(loop, &later.op, 1000000, harness_done);
    harness_run_until(loop, &later.ended);
    assert_true(reserve_give(&reserve));
    reserve.left_free_ns = hark_now(loop) - first_ns; /* over for the first one alone */
    reserve_fill(&reserve);
    assert_int_equal(reserve.count, RESERVE_DESCRIPTORS - 2);
    reserve_done(&reserve);
}

/* A connection that comes takes the last one that is free. It is closed, as often as one is lacking
 * and no oftener, though the limit stays what it is. */
BACKEND_TEST(reserve_is_filled_from_connections_that_are_closed_as_they_come)
{
    enum { GIVEN = 3 };
    int taken[GIVEN], closed = 0;
    struct reserve reserve = reserve_of(loop);
    struct rlimit whole = leave_none();
    for (int i = 0; i < GIVEN; i++) {
        assert_true(reserve_give(&reserve));
        taken[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_true(taken[i] >= 0);
    }
    reserve.left_free_ns = 0;
    reserve_fill(&reserve);
    for (; reserve_lacks(&reserve) && closed < GIVEN; closed++) {
        close(taken[closed]);
        reserve_fill(&reserve);
    }
    assert_int_equal(closed, GIVEN);
    assert_false(reserve_lacks(&reserve));
    give_back(&whole);
    reserve_done(&reserve);
}

/* Where there never were so many, connections are not closed for them. */
BACKEND_TEST(reserve_that_never_was_whole_lacks_nothing)
{
    struct reserve reserve = {0};
    struct rlimit whole = leave_none();
    reserve_init(&reserve, loop);
    assert_int_equal(reserve.count, 0);
    assert_false(reserve_lacks(&reserve));
    assert_false(reserve_give(&reserve));
    give_back(&whole);
    reserve_fill(&reserve);
    assert_int_equal(reserve.count, RESERVE_DESCRIPTORS);
    reserve_done(&reserve);
}

BACKEND_TEST(reserve_that_is_done_takes_and_lacks_nothing)
{
    struct reserve reserve = reserve_of(loop);
    reserve.left_free_ns = 0;
    reserve_done(&reserve);
    reserve_fill(&reserve);
    assert_int_equal(reserve.count, 0);
    assert_false(reserve_lacks(&reserve));
    assert_false(reserve_give(&reserve));
}

/* --- who calls it --- */

/* The owner alone, with a reserve of which one was given up; and a connection that holds the last
 * descriptor there is. */
struct few {
    struct serve_options options;
    struct reserve reserve;
    struct workers workers;
    struct server_worker owner;
    struct rlimit whole;
    int connection;
};

static void few_begin(struct few *few, struct hark_loop *loop, uint64_t left_free_ns)
{
    memset(few, 0, sizeof *few);
    few->reserve = reserve_of(loop);
    few->reserve.left_free_ns = left_free_ns;
    few->workers = (struct workers){.options = &few->options,
                                    .all = &few->owner,
                                    .count = 1,
                                    .connections_max = 8,
                                    .reserve = &few->reserve};
    few->owner.workers = &few->workers;
    few->owner.worker.loop = loop;
    few->whole = leave_none();
    assert_true(reserve_give(&few->reserve));
    few->connection = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(few->connection >= 0);
}

static void few_end(struct few *few)
{
    give_back(&few->whole);
    reserve_done(&few->reserve);
}

BACKEND_TEST(connection_that_comes_leaves_its_descriptor_to_who_lacks_one)
{
    struct few few;
    few_begin(&few, loop, UINT64_MAX);
    workers_deal(&few.workers, &(struct arrival){.protocol = &http_protocol, .fd = few.connection});
    assert_int_equal(few.owner.worker.counters.shed, 1);
    assert_int_equal(few.reserve.count, RESERVE_DESCRIPTORS - 1);
    few_end(&few);
}

BACKEND_TEST(connection_that_comes_later_leaves_its_descriptor_to_the_reserve)
{
    struct few few;
    few_begin(&few, loop, 0);
    workers_deal(&few.workers, &(struct arrival){.protocol = &http_protocol, .fd = few.connection});
    assert_int_equal(few.owner.worker.counters.shed, 1);
    assert_int_equal(few.reserve.count, RESERVE_DESCRIPTORS);
    few_end(&few);
}

BACKEND_TEST(connection_that_ends_leaves_its_descriptor_to_who_lacks_one)
{
    struct few few;
    few_begin(&few, loop, UINT64_MAX);
    close(few.connection);
    workers_connection_ended(&few.owner.worker, PROTOCOL_HTTP);
    assert_int_equal(few.reserve.count, RESERVE_DESCRIPTORS - 1);
    few.reserve.left_free_ns = 0;
    workers_connection_ended(&few.owner.worker, PROTOCOL_HTTP);
    assert_int_equal(few.reserve.count, RESERVE_DESCRIPTORS);
    few_end(&few);
}
