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

} // namespace
