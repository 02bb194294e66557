/* test_rates.c - addresses that ask for too much in a time. */
#include "access/rates.h"
#include "harness/harness.h"

#include <stdlib.h>

static const uint64_t second_ns = 1000000000;

static struct rates *begin(uint64_t requests, uint64_t bytes)
{
    struct rates *rates = calloc(1, sizeof *rates);
    rates->seed = 4711;
    rates->per_second[RATE_REQUESTS] = requests;
    rates->per_second[RATE_BYTES] = bytes;
    return rates;
}

static unsigned ask(struct rates *rates, uint64_t address, uint64_t bytes, uint64_t now_ns)
{
    enum rate_kind kind = RATE_KINDS;
    const uint64_t counts[RATE_KINDS] = {[RATE_REQUESTS] = 1, [RATE_BYTES] = bytes};
    unsigned seconds = rates_ask(rates, address, counts, now_ns, &kind);
    assert_true((seconds == 0) == (kind == RATE_KINDS));
    return seconds;
}

TEST(a_second_of_requests_may_come_at_once_and_then_they_have_their_rate)
{
    struct rates *rates = begin(10, 0);
    uint64_t now_ns = 1000 * second_ns;
    for (int i = 0; i < 10; i++)
        assert_int_equal(ask(rates, 7, 1000000, now_ns), 0);
    assert_int_equal(ask(rates, 7, 0, now_ns), 1);
    assert_int_equal(ask(rates, 7, 0, now_ns), 1); /* what is refused is not counted */
    assert_int_equal(ask(rates, 8, 0, now_ns), 0);
    assert_int_equal(ask(rates, 7, 0, now_ns + 1), 0); /* which is worked off */
    now_ns += second_ns / 10;
    assert_int_equal(ask(rates, 7, 0, now_ns), 1);
    now_ns += 1;
    assert_int_equal(ask(rates, 7, 0, now_ns), 0);
    assert_int_equal(ask(rates, 7, 0, now_ns), 1);
    now_ns += 100 * second_ns; /* and no more than a second's after a rest */
    for (int i = 0; i < 10; i++)
        assert_int_equal(ask(rates, 7, 0, now_ns), 0);
    assert_int_equal(ask(rates, 7, 0, now_ns), 1);
    free(rates);
}

TEST(what_is_larger_than_a_rate_comes_in_and_is_worked_off)
{
    struct rates *rates = begin(0, 1000);
    uint64_t now_ns = 1000 * second_ns;
    assert_int_equal(ask(rates, 7, 5500, now_ns), 0);
    assert_int_equal(ask(rates, 7, 1, now_ns), 5);
    assert_int_equal(ask(rates, 7, 0, now_ns), 0); /* it publishes nothing */
    rates_add(rates, 7, RATE_BYTES, 1000, now_ns);
    assert_int_equal(ask(rates, 7, 1, now_ns), 6);
    assert_int_equal(ask(rates, 7, 1, now_ns + 5 * second_ns + second_ns / 2 + 1), 0);
    rates_add(rates, 7, RATE_BYTES, UINT64_MAX, now_ns); /* without an overflow */
    assert_true(ask(rates, 7, 1, now_ns) > 1000);
    free(rates);
}

TEST(a_flood_of_addresses_is_held_in_the_same_table_of_rates)
{
    struct rates *rates = begin(10, 0);
    const uint64_t now_ns = 5 * second_ns;
    for (uint64_t address = 1; address <= 100000; address++)
        assert_int_equal(ask(rates, address << 32, 0, now_ns), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(ask(rates, 3, 0, now_ns), 0);
    for (uint64_t address = 1; address <= 100000; address++)
        ask(rates, address << 32, 0, now_ns);
    assert_int_equal(ask(rates, 3, 0, now_ns), 1);
    free(rates);
}
