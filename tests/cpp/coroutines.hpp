/* coroutines.hpp - small tasks that the tests of coroutines and of jobs wait for. They are no
 * inline functions: clang's sanitizers cannot place those that are coroutines. */
#ifndef TESTS_COROUTINES_HPP
#define TESTS_COROUTINES_HPP

#include "cpp/cpp.hpp"

namespace coroutines
{

[[maybe_unused]] static hark::task<int> slept(hark_loop *loop, int number)
{
    hark::result outcome = co_await hark::sleep(loop, 1us);
    co_return outcome ? number : outcome.error();
}

[[maybe_unused]] static hark::task<int> at_once(int number)
{
    co_return number;
}

[[maybe_unused]] static hark::task<int> waits(hark_loop *loop)
{
    hark::result outcome = co_await hark::sleep_for_ever(loop);
    co_return outcome.error();
}

/* Its end is noted: where its scope ends. */
struct noted {
    noted(std::string &order, const char *name) : order_(order), name_(name)
    {
    }
    noted(const noted &) = delete;
    ~noted()
    {
        order_ += name_;
    }

  private:
    std::string &order_;
    const char *name_;
};

} // namespace coroutines

#endif
