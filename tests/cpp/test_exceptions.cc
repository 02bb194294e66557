/* test_exceptions.cc - what becomes of exceptions in coroutines, where the program has them:
 * C++20. */
#include "cpp/cpp.hpp"

#include <stdexcept>

namespace
{

hark::task<int> throws(hark_loop *loop)
{
    (void)co_await hark::sleep(loop, 1us);
    throw std::runtime_error("thrown");
}

hark::task<int> throws_at_once()
{
    throw std::runtime_error("at once");
    co_return 0;
}

hark::task<std::string> catches(hark_loop *loop)
{
    std::string caught;
    try {
        (void)co_await throws(loop);
    } catch (const std::exception &error) {
        caught += error.what();
    }
    try {
        (void)co_await throws_at_once();
    } catch (const std::exception &error) {
        caught += error.what();
    }
    hark::job<int> other = hark::start(loop, throws(loop));
    try {
        (void)co_await other;
    } catch (const std::exception &error) {
        caught += error.what();
    }
    co_return caught;
}

BACKEND_TEST(exception_comes_to_the_one_that_waits)
{
    assert_true(hark::run(loop, catches(loop)) == "thrownat oncethrown");
    std::string caught;
    try {
        (void)hark::run(loop, throws(loop));
    } catch (const std::exception &error) {
        caught = error.what();
    }
    assert_true(caught == "thrown");
}

/* --- of several tasks at once --- */

hark::task<int> waits(hark_loop *loop, bool throws_at_its_end)
{
    hark::result outcome = co_await hark::sleep_for_ever(loop);
    if (throws_at_its_end)
        throw std::runtime_error("late");
    co_return outcome.error();
}

hark::task<std::string> catches_of_several(hark_loop *loop)
{
    std::string caught;
    try {
        (void)co_await hark::first(waits(loop, true), throws(loop));
    } catch (const std::exception &error) {
        caught += error.what(); /* the winner's */
    }
    try {
        (void)co_await hark::first(waits(loop, true), waits(loop, false))
            .within(std::chrono::milliseconds(1));
    } catch (const std::exception &error) {
        caught += error.what(); /* a loser's, or the winner's */
    }
    try {
        (void)co_await hark::all(waits(loop, false), throws(loop), waits(loop, true));
    } catch (const std::exception &error) {
        caught += error.what(); /* the first */
    }
    try {
        (void)co_await hark::all(throws_at_once(), waits(loop, false));
    } catch (const std::exception &error) {
        caught += error.what();
    }
    co_return caught;
}

BACKEND_TEST(exception_of_one_of_several_ends_the_others_and_comes_to_the_one_that_waits)
{
    assert_true(hark::run(loop, catches_of_several(loop)) == "thrownlatethrownat once");
    assert_int_equal(hark_loop_active(loop), 0);
}

} // namespace
