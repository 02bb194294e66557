/* test_coroutines.cc - coroutines that wait for requests and for each other, and every way to end
 * them: C++20, without exceptions and run-time types. */
#include "cpp/coroutines.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/socket.h>

namespace
{

using namespace coroutines;

/* --- waiting for tasks --- */

hark::task<int> sum(hark_loop *loop)
{
    int all = co_await at_once(1);
    for (int i = 0; i < 3; i++)
        all += co_await slept(loop, 10);
    co_return all;
}

BACKEND_TEST(task_gives_what_the_tasks_it_awaits_give)
{
    assert_int_equal(hark::run(loop, sum(loop)), 31);
}

hark::task<long> sum_of_many(long count)
{
    long all = 0;
    for (long i = 0; i < count; i++)
        all += co_await at_once(1);
    co_return all;
}

BACKEND_TEST(task_that_awaits_a_million_that_never_wait_takes_no_stack)
{
    assert_int_equal(hark::run(loop, sum_of_many(1000000)), 1000000);
}

hark::task<long> depth(hark_loop *loop, long left)
{
    if (left == 0)
        co_return co_await slept(loop, 0);
    co_return 1 + co_await depth(loop, left - 1);
}

BACKEND_TEST(task_awaits_a_thousand_deep)
{
    assert_int_equal(hark::run(loop, depth(loop, 1000)), 1000);
}

hark::task<> begins(std::string &order)
{
    order += "begun ";
    co_return;
}

BACKEND_TEST(task_that_is_never_awaited_never_runs)
{
    std::string order;
    {
        hark::task<> own = begins(order);
        hark::task<> moved = std::move(own);
        assert_false(static_cast<bool>(own));
        assert_true(static_cast<bool>(moved));
        moved = begins(order);
    }
    assert_true(order.empty());
}

/* --- requests --- */

hark::task<> talks(hark_loop *loop, hark_address to, hark::result &sent)
{
    hark::result made = co_await hark::socket(loop, AF_INET, SOCK_STREAM);
    hark::descriptor fd(loop, made);
    hark::result connected = co_await hark::connect(loop, fd, to);
    assert_came(connected, 0);
    sent = co_await hark::send_all(loop, fd, "hello"sv);
    char answer[8];
    hark::result ended = co_await hark::recv(loop, fd, answer);
    assert_came(ended, 0);
    (void)co_await hark::close(loop, fd.release());
}

hark::task<std::string> listens(hark_loop *loop, int fd)
{
    hark::result came = co_await hark::accept(loop, fd);
    std::string text(5, ' ');
    hark::result readable = co_await hark::poll(loop, came.fd(), HARK_POLL_READABLE);
    assert_came(readable, HARK_POLL_READABLE);
    hark::result count = co_await hark::recv(loop, came.fd(), text, MSG_WAITALL);
    assert_came(count, 5);
    hark::result shut = co_await hark::shutdown(loop, came.fd(), SHUT_WR);
    assert_came(shut, 0);
    (void)co_await hark::close(loop, came.fd());
    (void)co_await hark::close(loop, fd);
    co_return text;
}

BACKEND_TEST(requests_of_sockets_are_awaited)
{
    hark_address address;
    hark::result sent;
    int fd = harness_listen(loop, &address);
    hark::job<> client = hark::start(loop, talks(loop, address, sent));
    assert_true(hark::run(loop, listens(loop, fd)) == "hello");
    harness_run(loop);
    assert_true(client.done());
    assert_came(sent, 5);
}

hark::task<std::string> uses_a_file(hark_loop *loop, const char *path)
{
    hark::result opened = co_await hark::open(loop, path, O_RDWR | O_CREAT, 0600);
    hark::descriptor file(loop, opened);
    hark::result written = co_await hark::write(loop, file, "0123456789"sv);
    assert_came(written, 10);
    char bytes[16];
    hark::result count = co_await hark::read(loop, file, bytes, 4);
    hark::result closed = co_await hark::close(loop, file.release());
    assert_came(closed, 0);
    hark::content all = co_await hark::read_file(loop, path, 100);
    hark::result replaced = co_await hark::replace_file(loop, path, "new"sv, 0600);
    assert_came(replaced, 0);
    hark::content fresh = co_await hark::read_file(loop, path, 100);
    hark::result mode = co_await hark::fchmodat(loop, AT_FDCWD, path, 0400);
    assert_came(mode, 0);
    co_return std::string(bytes, count.count()) + "," + std::string(all.text()) + "," +
        std::string(fresh.text());
}

BACKEND_TEST(requests_of_files_are_awaited)
{
    std::string path = harness_path("file");
    assert_true(hark::run(loop, uses_a_file(loop, path.c_str())) == "456789,0123456789,new");
}

hark::task<int> asks_the_pool(hark_loop *loop)
{
    int number = 20;
    hark::result given = co_await hark::work(loop, [&number] { return 2 * number; });
    hark::result nothing = co_await hark::work(loop, [&number] { number++; });
    assert_came(nothing, 0);
    hark::found here = co_await hark::lookup(loop, "127.0.0.1", "80");
    hark::found nowhere = co_await hark::lookup(loop, "", "no-such-service", AF_INET, 1u << 30);
    assert_came(here.error, 0);
    assert_came(nowhere.error, -EINVAL);
    assert_false(static_cast<bool>(nowhere));
    hark::result asked = co_await hark::ask(
        loop, [loop](hark_op &op, hark_done *done) { hark_sleep(loop, &op, 1, done); });
    assert_came(asked, 0);
    hark::result next = co_await hark::defer(loop);
    assert_came(next, 0);
    hark::result seen = co_await hark::nop(loop);
    assert_came(seen, 0);
    co_return static_cast<int>(given.value()) + number + static_cast<int>(here.addresses.size());
}

BACKEND_TEST(requests_of_the_pool_are_awaited)
{
    assert_int_equal(hark::run(loop, asks_the_pool(loop)), 62);
}

/* --- deadlines --- */

hark::task<> limits(hark_loop *loop)
{
    hark::result short_one = co_await hark::sleep_for_ever(loop).within(1ms);
    assert_came(short_one, -ETIMEDOUT);
    hark::result enough = co_await hark::sleep(loop, 1us).within(1h);
    assert_came(enough, 0);
    int inner = co_await waits(loop).within(1ms);
    assert_int_equal(inner, -ETIMEDOUT);
    hark::result after = co_await hark::sleep(loop, 1us);
    assert_came(after, 0);
    int past = co_await waits(loop).by(hark::time_point(1ns));
    assert_int_equal(past, -ETIMEDOUT);
}

BACKEND_TEST(request_and_task_past_their_time_give_etimedout)
{
    hark::run(loop, limits(loop));
}

hark::task<int> limited_from_outside(hark_loop *loop, hark::result &shielded)
{
    hark::result own = co_await hark::sleep_for_ever(loop).within(1h);
    assert_came(own, -ETIMEDOUT);
    shielded = co_await hark::sleep(loop, 1us).shielded();
    int inner = co_await waits(loop).within(1h);
    co_return inner;
}

BACKEND_TEST(task_limit_holds_for_all_that_it_awaits_but_what_is_shielded)
{
    hark::result shielded = -EINVAL;
    assert_int_equal(hark::run(loop, limited_from_outside(loop, shielded).within(1ms)), -ETIMEDOUT);
    assert_came(shielded, 0);
}

/* --- coroutines of others --- */

struct foreign {
    struct promise_type {
        foreign get_return_object() noexcept
        {
            return {std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_never initial_suspend() noexcept
        {
            return {};
        }
        std::suspend_always final_suspend() noexcept
        {
            return {};
        }
        void return_void() noexcept
        {
        }
        void unhandled_exception() noexcept
        {
        }
    };
    std::coroutine_handle<promise_type> handle;
};

foreign stranger(hark_loop *loop, int &given)
{
    hark::result outcome = co_await hark::sleep(loop, 1us).within(1h);
    assert_came(outcome, 0);
    given = co_await slept(loop, 5);
    hark::job<int> own = hark::start(loop, slept(loop, 6));
    given += co_await own;
}

BACKEND_TEST(coroutine_of_another_library_may_wait_too)
{
    int given = 0;
    foreign other = stranger(loop, given);
    harness_run(loop);
    assert_true(other.handle.done());
    other.handle.destroy();
    assert_int_equal(given, 11);
}

/* --- rules that are broken --- */

void destroys_a_foreign_frame(hark_loop *loop, const int *)
{
    int given = 0;
    foreign other = stranger(loop, given);
    other.handle.destroy();
}

BACKEND_TEST(coroutine_destroyed_with_a_request_in_flight_is_told)
{
    assert_told(destroys_a_foreign_frame,
                "a coroutine was destroyed while a request of it was in flight", false);
}

} // namespace
