/* test_dns_ends.c - libhark-dns: the ways in which look-ups end before they are answered. The
 * patience of the tests' resolvers is longer than the tests may take: what is silent is silent, and
 * whatever ends ends by what the test does. */
#include "dns/resolving.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_NS 1000000ull

enum { SOME = 8 };

static void expect(struct asking *askings, int from, int to, int error)
{
    for (int i = from; i < to; i++) {
        assert_true(askings[i].ended);
        assert_result(askings[i].error, error);
    }
}

BACKEND_TEST(dns_of_a_server_that_is_silent_says_that_none_has_answered)
{
    struct resolving resolving;
    struct asking asking = {0};
    resolving_begin(loop, &resolving,
                    &(struct hark_dns_options){.timeout_ns = SHORT_NS, .tries = 3});
    assert_result(asking_wait(&resolving, &asking, "silent.test", AF_INET), HARK_LOOKUP_AGAIN);
    assert_int_equal(resolving.server.udp_questions, 3);
    assert_result(asking_wait(&resolving, &asking, "silent-six.test", AF_UNSPEC), 0);
    asking_found(&asking, "127.0.0.1:80");
    assert_result(asking_wait(&resolving, &asking, "both.test", AF_UNSPEC), 0);
    asking_found(&asking, "127.0.0.1:80 [::1]:80");
    resolving_end(&resolving);
}

BACKEND_TEST(dns_past_its_deadline_gives_etimedout)
{
    struct resolving resolving;
    struct asking asking = {0};
    resolving_begin(loop, &resolving, NULL);
    asking_start(&resolving, &asking, "silent.test", "80", AF_UNSPEC, 0);
    hark_op_deadline(&asking.lookup.op, hark_os_clock(loop) + SHORT_NS);
    harness_run_until(loop, &asking.ended);
    assert_result(asking.error, -ETIMEDOUT);
    resolving_end(&resolving);
}

/* With the last that waits questions and sockets are gone: nothing keeps the loop. */
BACKEND_TEST(dns_that_is_cancelled_leaves_nothing_and_goes_on_with_others)
{
    struct resolving resolving;
    struct asking asking = {0};
    resolving_begin(loop, &resolving, NULL);
    size_t before = hark_loop_active(loop);
    for (int i = 0; i < SOME; i++) {
        asking_start(&resolving, &asking, "silent.test", "80", AF_UNSPEC, 0);
        if (i % 2)
            resolving_await_question(&resolving, "silent.test");
        hark_cancel(&asking.lookup.op);
        assert_false(asking.ended);
        harness_run_until(loop, &asking.ended);
        assert_result(asking.error, -ECANCELED);
        harness_settle(loop);
        assert_int_equal(hark_loop_active(loop), before);
        assert_result(asking_wait(&resolving, &asking, "both.test", AF_UNSPEC), 0);
        asking_found(&asking, "127.0.0.1:80 [::1]:80");
    }
    harness_assert_idle(loop);
    resolving_end(&resolving);
}

BACKEND_TEST(dns_that_is_cancelled_among_others_ends_alone)
{
    struct resolving resolving;
    struct asking askings[SOME] = {{.ended = false}}, other = {0};
    resolving_begin(loop, &resolving, NULL);
    for (int i = 0; i < SOME; i++)
        asking_start(&resolving, &askings[i], "silent.test", "80", AF_UNSPEC, 0);
    asking_start(&resolving, &other, "slow-six.test", "80", AF_INET6, 0);
    for (int i = 0; i < SOME; i++)
        hark_cancel(&askings[i].lookup.op);
    for (int i = 0; i < SOME; i++)
        harness_run_until(loop, &askings[i].ended);
    expect(askings, 0, SOME, -ECANCELED);
    resolving_await_question(&resolving, "slow-six.test");
    assert_false(other.ended);
    name_server_tell(&resolving.server);
    harness_run_until(loop, &other.ended);
    asking_found(&other, "[::1]:80");
    resolving_end(&resolving);
}

BACKEND_TEST(dns_that_waits_for_its_turn_has_it_when_one_has_ended)
{
    struct resolving resolving;
    struct asking silent[3] = {{.ended = false}}, asking = {0}, left = {0};
    resolving_begin(loop, &resolving, &(struct hark_dns_options){.lookups_max = 3});
    for (int i = 0; i < 3; i++)
        asking_start(&resolving, &silent[i], "silent.test", "80", AF_INET, 0);
    asking_start(&resolving, &left, "both.test", "80", AF_INET, 0);
    asking_start(&resolving, &asking, "four.test", "80", AF_INET, 0);
    hark_cancel(&left.lookup.op); /* in the queue */
    harness_run_until(loop, &left.ended);
    assert_result(left.error, -ECANCELED);
    while (resolving.server.udp_questions < 3)
        assert_int_equal(hark_run_once(loop), 1);
    harness_settle(loop);
    assert_int_equal(resolving.server.udp_questions, 3);
    for (int i = 0; i < 3; i++) { /* nobody waits for any question any more: they are given up */
        assert_false(asking.ended);
        hark_cancel(&silent[i].lookup.op);
    }
    harness_run_until(loop, &asking.ended);
    asking_found(&asking, "127.0.0.1:80");
    expect(silent, 0, 3, -ECANCELED);
    resolving_end(&resolving);
}

BACKEND_TEST(dns_destroyed_ends_all_look_ups)
{
    for (int turns = 0; turns < 4; turns++) {
        struct resolving resolving;
        struct asking askings[SOME] = {{.ended = false}};
        resolving_begin(loop, &resolving, &(struct hark_dns_options){.lookups_max = SOME / 2});
        for (int i = 0; i < SOME; i++)
            asking_start(&resolving, &askings[i], "silent.test", "80", AF_UNSPEC, 0);
        harness_turns(loop, turns);
        hark_dns_destroy(resolving.dns);
        resolving.dns = NULL;
        for (int i = 0; i < SOME; i++)
            assert_false(askings[i].ended);
        for (int i = 0; i < SOME; i++)
            harness_run_until(loop, &askings[i].ended);
        expect(askings, 0, SOME, -ECANCELED);
        resolving_end(&resolving);
    }
}

struct destroying {
    struct resolving resolving;
    struct hark_lookup lookup;
    struct asking other;
    bool ended;
};

static void destroys(struct hark_lookup *lookup, int error)
{
    struct destroying *destroying = hark_container_of(lookup, struct destroying, lookup);
    assert_result(error, 0);
    free(lookup->addresses);
    hark_dns_destroy(destroying->resolving.dns);
    destroying->resolving.dns = NULL;
    destroying->ended = true;
}

BACKEND_TEST(dns_is_destroyed_inside_of_a_look_up)
{
    struct destroying destroying = {.ended = false};
    resolving_begin(loop, &destroying.resolving, NULL);
    asking_start(&destroying.resolving, &destroying.other, "silent.test", "80", AF_INET, 0);
    hark_dns_lookup(destroying.resolving.dns, &destroying.lookup, "both.test", "80", AF_UNSPEC, 0,
                    destroys);
    harness_run_until(loop, &destroying.ended);
    harness_run_until(loop, &destroying.other.ended);
    assert_result(destroying.other.error, -ECANCELED);
    resolving_end(&destroying.resolving);
}

/* All ops of the loop are cancelled, the polls and the timer of the resolver among them: look-ups
 * end, but for one that was started since. */
BACKEND_TEST(dns_after_hark_cancel_all_answers_what_it_is_asked_from_then_on)
{
    struct resolving resolving;
    struct asking askings[SOME] = {{.ended = false}}, later = {0};
    resolving_begin(loop, &resolving, NULL);
    for (int i = 0; i < SOME; i++)
        asking_start(&resolving, &askings[i], "silent.test", "80", AF_UNSPEC, 0);
    resolving_await_question(&resolving, "silent.test");
    hark_cancel_all(loop);
    asking_start(&resolving, &later, "both.test", "80", AF_UNSPEC, 0);
    for (int i = 0; i < SOME; i++)
        harness_run_until(loop, &askings[i].ended);
    expect(askings, 0, SOME, -ECANCELED);
    harness_run_until(loop, &later.ended);
    asking_found(&later, "127.0.0.1:80 [::1]:80");
    asking_start(&resolving, &later, "silent.test", "80", AF_UNSPEC, 0);
    hark_cancel_all(loop);
    harness_run_until(loop, &later.ended);
    assert_result(later.error, -ECANCELED);
    resolving_end(&resolving);
}

/* Nothing in flight, no socket, no timer: between questions it costs nothing. */
BACKEND_TEST(dns_that_is_not_asked_keeps_no_loop_running)
{
    struct hark_dns *dns;
    struct resolving resolving;
    struct asking asking = {0};
    resolving_begin(loop, &resolving, NULL);
    assert_result(asking_wait(&resolving, &asking, "both.test", AF_UNSPEC), 0);
    asking_found(&asking, "127.0.0.1:80 [::1]:80");
    dns = resolving.dns;
    resolving.dns = NULL;
    name_server_end(loop, &resolving.server);
    harness_run(loop); /* returns, though the resolver is there */
    assert_int_equal(hark_loop_active(loop), 0);
    hark_dns_destroy(dns);
}

/* Whatever has happened after so many turns is let go. */
BACKEND_TEST(dns_ended_at_any_moment_leaves_nothing)
{
    static const char *const names[] = {"both.test", "many.test", "silent-six.test", "cut.test"};
    for (int i = 0; i < 48; i++) {
        struct resolving resolving;
        struct asking asking[2] = {{.ended = false}};
        resolving_begin(loop, &resolving, NULL);
        for (int n = 0; n < 2; n++)
            asking_start(&resolving, &asking[n], names[i % 4], "80", AF_UNSPEC, 0);
        for (int turn = 0; turn < i / 4 && !asking[0].ended; turn++)
            harness_turns(loop, 1);
        if (i % 3)
            hark_cancel(&asking[0].lookup.op);
        else
            hark_dns_destroy(resolving.dns);
        if (i % 3 == 0)
            resolving.dns = NULL;
        hark_cancel(&asking[1].lookup.op);
        for (int n = 0; n < 2; n++)
            harness_run_until(loop, &asking[n].ended);
        asking_done(&asking[0]);
        asking_done(&asking[1]);
        resolving_end(&resolving);
    }
}
