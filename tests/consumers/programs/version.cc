/* version.cc - says in C++ which libhark it is linked with, and waits for a turn of a loop: by a
 * callback, and, where there are coroutines, in one. */
#include <hark.hpp>

#include <cstdio>

#ifdef HARK_COROUTINES
static hark::task<hark::result> sleeps(hark_loop *loop)
{
    hark::result outcome = co_await hark::sleep(loop, std::chrono::nanoseconds(1));
    co_return outcome;
}
#endif

int main()
{
    hark::loop loop;
    if (!loop.create())
        return 1;
    hark::result slept = -EINVAL;
    hark::op timer([&](hark::result outcome) { slept = outcome; });
    timer.start(hark::sleep(loop, std::chrono::nanoseconds(1)));
    if (!loop.run() || !slept)
        return 2;
#ifdef HARK_COROUTINES
    if (!hark::run(loop, sleeps(loop)))
        return 3;
#elif __cplusplus >= 202002L
    return 4;
#endif
    std::puts(hark_version());
    return 0;
}
