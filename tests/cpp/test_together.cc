/* test_together.cc - several tasks at once: the first that ends, and all of them. C++20, without
 * exceptions and run-time types. */
#include "cpp/coroutines.hpp"

#include <cerrno>

namespace
{

using namespace coroutines;

hark::task<> takes_a_turn(hark_loop *loop)
{
    (void)co_await hark::defer(loop);
}

hark::task<int> waits_and_tells(hark_loop *loop, std::string &order, const char *name)
{
    noted at_the_end(order, name);
    hark::result outcome = co_await hark::sleep_for_ever(loop);
    (void)co_await hark::sleep(loop, 1us).shielded(); /* its end takes a while */
    co_return outcome.error();
}

/* --- the first --- */

hark::task<> the_first(hark_loop *loop, std::string &order)
{
    hark::winner<int> one = co_await hark::first(waits_and_tells(loop, order, "a "), slept(loop, 7),
                                                 waits_and_tells(loop, order, "b "));
    assert_int_equal(one.index, 1);
    assert_int_equal(one.value, 7);
    assert_true(order == "a b " || order == "b a "); /* both have ended */

    hark::winner<void> other = co_await hark::first(takes_a_turn(loop));
    assert_int_equal(other.index, 0);

    auto either = co_await hark::first(takes_a_turn(loop), waits(loop));
    assert_int_equal(either.index(), 0);
    auto number = co_await hark::first(takes_a_turn(loop), at_once(5));
    assert_int_equal(number.index(), 1);
    assert_int_equal(*std::get_if<1>(&number), 5);
}

BACKEND_TEST(first_gives_what_ended_first_once_the_others_have_ended)
{
    std::string order;
    hark::run(loop, the_first(loop, order));
    assert_int_equal(hark_loop_active(loop), 0);
}

hark::task<int> notes_its_beginning(std::string &order, int number)
{
    order += "begun ";
    co_return number;
}

hark::task<> decided_at_once(hark_loop *loop, std::string &order)
{
    hark::winner<int> one =
        co_await hark::first(notes_its_beginning(order, 1), notes_its_beginning(order, 2));
    assert_int_equal(one.index, 0);
    assert_int_equal(one.value, 1);
    assert_true(order == "begun "); /* the other never ran */

    order.clear();
    one =
        co_await hark::first(waits_and_tells(loop, order, "ended "), notes_its_beginning(order, 2));
    assert_int_equal(one.index, 1);
    assert_true(order == "begun ended ");
}

BACKEND_TEST(first_that_is_decided_at_once_begins_no_others)
{
    std::string order;
    hark::run(loop, decided_at_once(loop, order));
}

hark::task<long> firsts_in_a_row(long count)
{
    long sum = 0;
    for (long i = 0; i < count; i++) {
        hark::winner<int> one = co_await hark::first(at_once(1), at_once(2));
        sum += one.value;
    }
    co_return sum;
}

BACKEND_TEST(first_of_a_million_that_never_wait_takes_no_stack)
{
    assert_int_equal(hark::run(loop, firsts_in_a_row(1000000)), 1000000);
}

hark::task<> is_cancelled(hark_loop *loop, int *outcomes)
{
    hark::winner<int> one = co_await hark::first(waits(loop), waits(loop));
    outcomes[0] = one.value;
    hark::winner<int> other = co_await hark::first(waits(loop), waits(loop));
    outcomes[1] = other.value;
    auto [first, second] = co_await hark::all(waits(loop), waits(loop));
    outcomes[2] = first;
    outcomes[3] = second;
}

BACKEND_TEST(first_and_all_are_cancelled_with_the_one_that_waits)
{
    int outcomes[4] = {};
    hark::job<> own = hark::start(loop, is_cancelled(loop, outcomes));
    harness_settle(loop);
    assert_false(own.done());
    own.cancel();
    harness_run(loop);
    assert_true(own.done());
    for (int outcome : outcomes)
        assert_int_equal(outcome, -ECANCELED);
}

BACKEND_TEST(job_that_waits_for_the_first_may_be_let_go_of)
{
    int outcomes[4] = {};
    {
        hark::job<> own = hark::start(loop, is_cancelled(loop, outcomes));
        harness_settle(loop);
    }
    harness_run(loop);
    assert_int_equal(outcomes[3], -ECANCELED);
}

/* --- deadlines --- */

hark::task<> limited(hark_loop *loop)
{
    hark::winner<int> one = co_await hark::first(waits(loop), waits(loop)).within(1ms);
    assert_int_equal(one.value, -ETIMEDOUT);
    one = co_await hark::first(waits(loop), waits(loop)).by(hark::time_point(1ns));
    assert_int_equal(one.value, -ETIMEDOUT);
    one = co_await hark::first(waits(loop), hark::with_deadline(waits(loop), 1ms)).within(1h);
    assert_int_equal(one.index, 1);
    assert_int_equal(one.value, -ETIMEDOUT);
    auto [short_one, whole] =
        co_await hark::all(hark::with_deadline(waits(loop), 1ms), slept(loop, 3));
    assert_int_equal(short_one, -ETIMEDOUT);
    assert_int_equal(whole, 3);
}

BACKEND_TEST(first_and_all_past_their_time_give_etimedout)
{
    hark::run(loop, limited(loop));
}

hark::task<int> limited_from_outside(hark_loop *loop)
{
    hark::winner<int> one = co_await hark::first(waits(loop), waits(loop)).within(1h);
    co_return one.value;
}

BACKEND_TEST(first_has_the_deadline_of_the_task_that_waits)
{
    assert_int_equal(hark::run(loop, limited_from_outside(loop).within(1ms)), -ETIMEDOUT);
}

/* --- all --- */

hark::task<std::string> text(hark_loop *loop)
{
    (void)co_await hark::sleep(loop, 1us);
    co_return "text";
}

hark::task<> every_one(hark_loop *loop)
{
    auto [number, nothing, words, early] =
        co_await hark::all(slept(loop, 4), takes_a_turn(loop), text(loop), at_once(6));
    (void)nothing;
    assert_int_equal(number, 4);
    assert_true(words == "text");
    assert_int_equal(early, 6);
    auto [one] = co_await hark::all(at_once(1));
    assert_int_equal(one, 1);
}

BACKEND_TEST(all_gives_what_each_gives)
{
    hark::run(loop, every_one(loop));
}

hark::task<int> first_within_all(hark_loop *loop)
{
    hark::winner<int> one = co_await hark::first(waits(loop), slept(loop, 1));
    co_return one.value;
}

hark::task<> nested(hark_loop *loop)
{
    auto [one, two, three] =
        co_await hark::all(first_within_all(loop), first_within_all(loop), first_within_all(loop));
    assert_int_equal(one + two + three, 3);
    hark::winner<int> winner =
        co_await hark::first(first_within_all(loop), limited_from_outside(loop));
    assert_int_equal(winner.index, 0);
}

BACKEND_TEST(first_and_all_stand_in_each_other)
{
    hark::run(loop, nested(loop));
}

BACKEND_TEST(first_that_is_never_awaited_runs_nothing)
{
    std::string order;
    {
        auto never = hark::first(notes_its_beginning(order, 1), notes_its_beginning(order, 2));
        auto moved = std::move(never).within(1s);
    }
    assert_true(order.empty());
}

/* What stands in the frame of one that loses lives until its final call. */
hark::task<hark::result> receives(hark_loop *loop, int fd, char *bytes)
{
    char own[64];
    hark::result came = co_await hark::recv(loop, fd, own);
    if (came)
        std::memcpy(bytes, own, came.count());
    co_return came;
}

hark::task<> races(hark_loop *loop, int (*ends)[2])
{
    char bytes[64] = {};
    for (int i = 0; i < 20; i++) {
        assert_int_equal(hark_os_write(ends[i % 2][1], "abc", 3), 3);
        hark::winner<hark::result> one = co_await hark::first(receives(loop, ends[0][0], bytes),
                                                              receives(loop, ends[1][0], bytes));
        assert_int_equal(one.index, i % 2);
        assert_came(one.value, 3);
    }
}

BACKEND_TEST(first_of_two_requests_again_and_again)
{
    int ends[2][2];
    harness_socket_pair(loop, ends[0]);
    harness_socket_pair(loop, ends[1]);
    hark::run(loop, races(loop, ends));
    for (auto &pair : ends) {
        harness_close(loop, pair[0]);
        harness_close(loop, pair[1]);
    }
}

/* --- rules that are broken --- */

hark::task<> awaits_an_empty_one(hark_loop *loop)
{
    (void)co_await hark::first(waits(loop), hark::task<int>());
}

void waits_for_none(hark_loop *loop, const int *)
{
    hark::run(loop, awaits_an_empty_one(loop));
}

BACKEND_TEST(first_with_an_empty_task_is_told)
{
    assert_told(waits_for_none, "a task was awaited that is empty: no memory, or moved from",
                false);
}

} // namespace
