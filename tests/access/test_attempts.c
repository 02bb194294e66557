/* test_attempts.c - addresses that fail too often. */
#include "access/attempts.h"
#include "harness/harness.h"

#include <stdlib.h>

static const uint64_t second_ns = 1000000000;

TEST(an_address_may_fail_so_often_and_then_waits)
{
    struct attempts *attempts = calloc(1, sizeof *attempts);
    uint64_t now_ns = 1000 * second_ns;
    attempts->seed = 4711;
    for (int i = 0; i < ATTEMPTS_AT_ONCE; i++)
        assert_int_equal(attempts_fail(attempts, 7, now_ns), 0);
    assert_int_equal(attempts_fail(attempts, 7, now_ns), ATTEMPTS_SECONDS);
    assert_int_equal(attempts_fail(attempts, 7, now_ns), ATTEMPTS_SECONDS);
    assert_int_equal(attempts_fail(attempts, 8, now_ns), 0);
    now_ns += ATTEMPTS_SECONDS * second_ns - 1;
    assert_int_equal(attempts_fail(attempts, 7, now_ns), 1);
    now_ns += 1;
    assert_int_equal(attempts_fail(attempts, 7, now_ns), 0);
    assert_int_equal(attempts_fail(attempts, 7, now_ns), ATTEMPTS_SECONDS);
    now_ns += 1000 * second_ns;
    for (int i = 0; i < ATTEMPTS_AT_ONCE; i++)
        assert_int_equal(attempts_fail(attempts, 7, now_ns), 0);
    assert_int_not_equal(attempts_fail(attempts, 7, now_ns), 0);
    free(attempts);
}

/* The one that goes on is remembered among them, as long as there are not too many in its set. */
TEST(a_flood_of_addresses_is_held_in_the_same_table)
{
    struct attempts *attempts = calloc(1, sizeof *attempts);
    const uint64_t now_ns = 5 * second_ns;
    attempts->seed = 99;
    for (uint64_t address = 1; address <= 100000; address++)
        assert_int_equal(attempts_fail(attempts, address << 32, now_ns), 0);
    for (int i = 0; i < ATTEMPTS_AT_ONCE; i++)
        assert_int_equal(attempts_fail(attempts, 3, now_ns), 0);
    for (uint64_t address = 1; address <= 100000; address++)
        attempts_fail(attempts, address << 32, now_ns);
    assert_int_equal(attempts_fail(attempts, 3, now_ns), ATTEMPTS_SECONDS);
    free(attempts);
}
