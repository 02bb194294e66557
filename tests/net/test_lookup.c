/* hark_lookup_start: names as addresses. What the resolver of the real machine finds is not
 * asserted but for what every machine knows: digits and localhost. In worlds it is slow as the seed
 * says. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Names that nobody may ever have (RFC 6761), and that no server is asked for. */
#define NOBODY "a name with spaces"

struct asking {
    struct hark_lookup lookup;
    bool ended;
    int error;
    struct hark_loop *loop;
};

static void found(struct hark_lookup *lookup, int error)
{
    struct asking *asking = hark_container_of(lookup, struct asking, lookup);
    assert_false(asking->ended);
    asking->ended = true;
    asking->error = error;
    assert_true(error == 0 ? lookup->addresses && lookup->count > 0
                           : !lookup->addresses && lookup->count == 0);
}

static void ask(struct hark_loop *loop, struct asking *asking, const char *host,
                const char *service, int family, unsigned flags)
{
    asking->ended = false;
    hark_lookup_start(loop, &asking->lookup, host, service, family, flags, found);
    assert_false(asking->ended);
}

static void expect(const struct asking *asking, size_t at, const char *text)
{
    char is[HARK_ADDRESS_TEXT_MAX];
    assert_true(at < asking->lookup.count);
    assert_string_equal(hark_address_format(&asking->lookup.addresses[at], is, sizeof is), text);
}

BACKEND_TEST(lookup_of_digits_gives_them_and_needs_no_thread)
{
    static const struct {
        const char *host, *service, *text;
    } cases[] = {
        {"127.0.0.1", "80", "127.0.0.1:80"},
        {"::1", "12345", "[::1]:12345"},
        {"10.1.2.3", NULL, "10.1.2.3:0"},
        {"fe80::1%2", "1", "[fe80::1%2]:1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asking asking = {0};
        ask(loop, &asking, cases[i].host, cases[i].service, AF_UNSPEC, 0);
        assert_int_equal(hark_loop_active(loop), 1); /* nothing but the op itself */
        harness_run(loop);
        assert_true(asking.ended);
        assert_int_equal(asking.error, 0);
        assert_int_equal(asking.lookup.count, 1);
        expect(&asking, 0, cases[i].text);
        free(asking.lookup.addresses);
    }
}

BACKEND_TEST(lookup_of_localhost_gives_loopback_addresses_each_once)
{
    struct asking asking = {0};
    ask(loop, &asking, "localhost", "4711", AF_INET, 0);
    harness_run(loop);
    assert_int_equal(asking.error, 0);
    assert_int_equal(asking.lookup.count, 1);
    expect(&asking, 0, "127.0.0.1:4711");
    free(asking.lookup.addresses);
}

BACKEND_TEST(lookup_without_host_gives_what_to_listen_on_or_to_connect_to)
{
    struct asking asking = {0};
    ask(loop, &asking, NULL, "4711", AF_INET, HARK_LOOKUP_PASSIVE);
    harness_run(loop);
    assert_int_equal(asking.error, 0);
    expect(&asking, 0, "0.0.0.0:4711");
    free(asking.lookup.addresses);
    ask(loop, &asking, NULL, "4711", AF_INET, 0);
    harness_run(loop);
    assert_int_equal(asking.error, 0);
    expect(&asking, 0, "127.0.0.1:4711");
    free(asking.lookup.addresses);
}

BACKEND_TEST(lookup_that_cannot_succeed_says_why)
{
    static const struct {
        const char *host, *service;
        int family;
        unsigned flags;
        int error;
    } cases[] = {
        {NOBODY, "1", AF_UNSPEC, HARK_LOOKUP_NUMERIC, HARK_LOOKUP_NOT_FOUND},
        {"localhost", "no-such-service", AF_INET, 0, HARK_LOOKUP_SERVICE},
        {"127.0.0.1", "1", AF_INET6, HARK_LOOKUP_NUMERIC, HARK_LOOKUP_NOT_FOUND},
        {NULL, NULL, AF_UNSPEC, 0, HARK_LOOKUP_NOT_FOUND},
        {"127.0.0.1", "1", AF_UNIX, 0, -EAFNOSUPPORT},
        {"127.0.0.1", "1", AF_UNSPEC, 1024, -EINVAL},
        {"unix", "80", AF_UNSPEC, HARK_LOOKUP_NUMERIC, HARK_LOOKUP_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asking asking = {0};
        ask(loop, &asking, cases[i].host, cases[i].service, cases[i].family, cases[i].flags);
        harness_run(loop);
        assert_true(asking.ended);
        assert_int_equal(asking.error, cases[i].error);
        assert_string_not_equal(hark_error_name(asking.error), "EUNKNOWN");
        assert_string_not_equal(hark_error_text(asking.error), "unknown error");
    }
}

/* A thread of the pool is kept from its work by the test: what is asked meanwhile waits. */
struct gate {
    struct hark_op work;
    pthread_mutex_t lock;
    bool ended;
};

static int64_t wait_for_gate(struct hark_op *op)
{
    struct gate *gate = hark_container_of(op, struct gate, work);
    pthread_mutex_lock(&gate->lock);
    pthread_mutex_unlock(&gate->lock);
    return 0;
}

static void gate_passed(struct hark_op *op, int64_t result)
{
    struct gate *gate = hark_container_of(op, struct gate, work);
    assert_int_equal(result, 0);
    gate->ended = true;
}

static void gate_shut(struct hark_loop *loop, struct gate *gate)
{
    pthread_mutex_init(&gate->lock, NULL);
    pthread_mutex_lock(&gate->lock);
    hark_work(loop, &gate->work, wait_for_gate, gate_passed);
}

static void gate_open(struct hark_loop *loop, struct gate *gate)
{
    pthread_mutex_unlock(&gate->lock);
    harness_run(loop);
    assert_true(gate->ended);
    pthread_mutex_destroy(&gate->lock);
}

BACKEND_TEST_WITH(lookup_cancelled_before_a_thread_has_it_gives_ecanceled, .workers_max = 1)
{
    struct asking asking[5] = {{.ended = false}};
    struct gate gate = {.ended = false};
    gate_shut(loop, &gate);
    for (int i = 0; i < 5; i++)
        ask(loop, &asking[i], "localhost", "1", AF_INET, 0);
    hark_cancel(&asking[3].lookup.op); /* from the middle, the end and the front */
    hark_cancel(&asking[4].lookup.op);
    hark_cancel(&asking[0].lookup.op);
    for (int i = 0; i < 5; i += i == 0 ? 3 : 1) {
        harness_run_until(loop, &asking[i].ended);
        assert_int_equal(asking[i].error, -ECANCELED);
    }
    assert_false(asking[1].ended || asking[2].ended);
    gate_open(loop, &gate);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(asking[i].error, 0);
        free(asking[i].lookup.addresses);
    }
}

BACKEND_TEST_WITH(lookup_past_its_deadline_gives_etimedout_though_no_thread_was_free,
                  .workers_max = 1)
{
    struct asking asking = {0};
    struct gate gate = {.ended = false};
    gate_shut(loop, &gate);
    ask(loop, &asking, "localhost", "1", AF_INET, 0);
    hark_op_deadline(&asking.lookup.op, hark_os_clock(loop) + 1000000);
    harness_run_until(loop, &asking.ended);
    assert_int_equal(asking.error, -ETIMEDOUT);
    gate_open(loop, &gate);
}

BACKEND_TEST(lookups_that_are_cancelled_at_any_moment_end_once_and_leave_nothing)
{
    struct asking asking[16] = {{.ended = false}};
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < 16; i++)
            ask(loop, &asking[i], "localhost", "1", AF_INET, 0);
        for (int turn = 0; turn < round; turn++)
            assert_true(hark_run_once(loop) >= 0);
        for (int i = 0; i < 16; i += 2)
            hark_cancel(&asking[i].lookup.op);
        harness_run(loop);
        for (int i = 0; i < 16; i++) {
            assert_true(asking[i].ended);
            assert_true(asking[i].error == 0 || (i % 2 == 0 && asking[i].error == -ECANCELED));
            free(asking[i].lookup.addresses);
        }
    }
}

BACKEND_TEST(lookups_end_with_hark_cancel_all)
{
    struct asking asking[16] = {{.ended = false}};
    for (int i = 0; i < 16; i++)
        ask(loop, &asking[i], "localhost", "1", AF_INET, 0);
    hark_cancel_all(loop);
    harness_run(loop);
    for (int i = 0; i < 16; i++) {
        assert_true(asking[i].ended);
        assert_int_equal(asking[i].error, -ECANCELED);
    }
}
