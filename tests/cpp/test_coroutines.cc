/* test_coroutines.cc - coroutines that wait for requests and for each other, and every way to end
 * them: C++20, without exceptions and run-time types. */
#include "cpp/cpp.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/socket.h>

namespace
{

/* --- waiting for tasks --- */

hark::task<int> slept(hark_loop *loop, int number)
{
    hark::result outcome = co_await hark::sleep(loop, 1us);
    co_return outcome ? number : outcome.error();
}

hark::task<int> at_once(int number)
{
    co_return number;
}

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

hark::task<int> waits(hark_loop *loop)
{
    hark::result outcome = co_await hark::sleep_for_ever(loop);
    co_return outcome.error();
}

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

/* --- the end of a job --- */

hark::task<> receives(hark_loop *loop, int fd, std::string &order, hark::result *outcomes)
{
    noted at_the_end(order, "frame ");
    char bytes[64];
    outcomes[0] = co_await hark::recv(loop, fd, bytes);
    order += "received ";
    outcomes[1] = co_await hark::recv(loop, fd, bytes);
    outcomes[2] = co_await hark::close(loop, fd);
    outcomes[3] = co_await hark::sleep(loop, 1us).shielded();
}

BACKEND_TEST(job_destroyed_while_its_op_is_in_flight_goes_on_to_its_end_in_its_own_frame)
{
    int ends[2];
    std::string order;
    hark::result outcomes[4] = {-EINVAL, -EINVAL, -EINVAL, -EINVAL};
    harness_socket_pair(loop, ends);
    {
        hark::job<> own = hark::start(loop, receives(loop, ends[0], order, outcomes));
        harness_settle(loop);
        assert_false(own.done());
        hark::job<> moved = std::move(own);
        assert_true(own.done());
    }
    order += "let-go ";
    /* The bytes and the op are in the frame: they stay until its end. */
    harness_run(loop);
    assert_true(order == "let-go received frame ");
    assert_came(outcomes[0], -ECANCELED);
    assert_came(outcomes[1], -ECANCELED);
    assert_came(outcomes[2], 0);
    assert_came(outcomes[3], 0);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(job_cancelled_waits_for_nothing_any_more)
{
    hark::job<int> own = hark::start(loop, waits(loop));
    assert_false(own.done());
    own.cancel();
    own.cancel();
    assert_false(own.done());
    harness_run(loop);
    assert_true(own.done());
    assert_int_equal(own.get(), -ECANCELED);
    own.cancel();
}

BACKEND_TEST(job_cancelled_after_its_result_has_it)
{
    int ends[2];
    std::string order;
    hark::result outcomes[4] = {};
    harness_socket_pair(loop, ends);
    hark::job<> own = hark::start(loop, receives(loop, ends[0], order, outcomes));
    harness_settle(loop);
    assert_int_equal(hark_os_write(ends[1], "abc", 3), 3);
    while (order.empty())
        (void)hark_run_once(loop);
    own.cancel();
    harness_run(loop);
    assert_came(outcomes[0], 3);
    assert_came(outcomes[1], -ECANCELED);
    harness_close(loop, ends[1]);
}

hark::task<> accepts_twice(hark_loop *loop, int fd, hark::result *outcomes)
{
    outcomes[0] = co_await hark::sleep_for_ever(loop);
    outcomes[1] = co_await hark::accept(loop, fd);
    hark::found none = co_await hark::lookup(loop, "127.0.0.1", "80");
    outcomes[2] = none.error;
    outcomes[3] = co_await hark::work(loop, [&outcomes] { outcomes[3] = -EPROTO; });
}

BACKEND_TEST(job_cancelled_asks_for_nothing_any_more)
{
    hark_address address;
    hark::result outcomes[4] = {};
    int fd = harness_listen(loop, &address);
    hark::job<> own = hark::start(loop, accepts_twice(loop, fd, outcomes));
    own.cancel();
    harness_run(loop);
    for (hark::result outcome : outcomes)
        assert_came(outcome, -ECANCELED);
    harness_close(loop, fd);
}

BACKEND_TEST(job_let_go_of_is_not_cancelled)
{
    int ends[2];
    std::string order;
    hark::result outcomes[4] = {};
    harness_socket_pair(loop, ends);
    hark::start(loop, receives(loop, ends[0], order, outcomes)).detach();
    assert_int_equal(hark_os_write(ends[1], "abc", 3), 3);
    harness_close(loop, ends[1]);
    harness_run(loop);
    assert_came(outcomes[0], 3);
    assert_came(outcomes[1], 0);
    assert_true(order == "received frame ");
}

hark::task<> forgets_itself(hark_loop *loop, hark::job<> &own, hark::result &outcome)
{
    (void)co_await hark::sleep(loop, 1us);
    own = hark::job<>();
    outcome = co_await hark::sleep(loop, 1us);
}

BACKEND_TEST(job_may_be_destroyed_by_its_own_coroutine)
{
    hark::job<> own;
    hark::result outcome;
    own = hark::start(loop, forgets_itself(loop, own, outcome));
    harness_run(loop);
    assert_came(outcome, -ECANCELED);
}

hark::task<int> awaits(hark::job<int> &other)
{
    int given = co_await other;
    co_return given;
}

BACKEND_TEST(job_awaited_gives_what_its_task_gives)
{
    hark::job<int> own = hark::start(loop, slept(loop, 7));
    assert_int_equal(hark::run(loop, awaits(own)), 7);
    hark::job<int> again = hark::start(loop, at_once(8));
    assert_true(again.done());
    assert_int_equal(hark::run(loop, awaits(again)), 8);
}

BACKEND_TEST(job_awaited_is_cancelled_with_the_one_that_waits)
{
    hark::job<int> own = hark::start(loop, waits(loop));
    hark::job<int> other = hark::start(loop, awaits(own));
    other.cancel();
    harness_run(loop);
    assert_int_equal(other.get(), -ECANCELED);

    own = hark::start(loop, waits(loop));
    assert_int_equal(hark::run(loop, awaits(own).within(1ms)), -ECANCELED);
}

BACKEND_TEST(job_is_started_without_memory)
{
    if (harness_in_world())
        harness_skip("a world's memory is its own");
    memory_begin(1, true);
    hark::task<int> own = waits(loop);
    memory_end();
    assert_false(static_cast<bool>(own));
    hark::job<int> none = hark::start(loop, std::move(own));
    assert_false(static_cast<bool>(none));
    assert_true(none.done());
    none.cancel();
    hark::tasks all(loop);
    assert_came(all.start(hark::task<int>()), -ENOMEM);
}

hark::task<> counts(hark_loop *loop)
{
    for (int i = 0; i < 100; i++)
        (void)co_await hark::sleep(loop, 1us).within(1h);
}

BACKEND_TEST(requests_of_a_coroutine_allocate_nothing)
{
    if (harness_in_world())
        harness_skip("a world allocates for itself");
    hark::run(loop, counts(loop));
    memory_begin(0, false);
    hark::run(loop, counts(loop));
    memory_end();
    assert_int_equal(memory_asked(), 1); /* the frame */
}

/* --- tasks beside each other --- */

hark::task<> session(hark_loop *loop, int number, int &ended)
{
    hark::result outcome =
        number % 2 ? co_await hark::sleep_for_ever(loop) : co_await hark::sleep(loop, 1us);
    ended += outcome == (number % 2 ? -ECANCELED : 0);
}

hark::task<> serves(hark_loop *loop, int &ended, size_t &running)
{
    hark::tasks sessions(loop);
    for (int number = 0; number < 10; number++)
        (void)sessions.start(session(loop, number, ended));
    (void)sessions.start(at_once(1));
    (void)co_await hark::sleep(loop, 1ms);
    running = sessions.size();
    co_await sessions.join();
    assert_int_equal(sessions.size(), 0);
    co_await sessions.join();
}

BACKEND_TEST(tasks_are_joined_by_one_that_is_cancelled)
{
    int ended = 0;
    size_t running = 0;
    hark::job<> own = hark::start(loop, serves(loop, ended, running));
    while (!running)
        (void)hark_run_once(loop);
    assert_int_equal(running, 5);
    assert_int_equal(ended, 5);
    own.cancel();
    harness_run(loop);
    assert_true(own.done());
    assert_int_equal(ended, 10);
}

BACKEND_TEST(tasks_are_cancelled_past_the_deadline_of_the_one_that_waits)
{
    int ended = 0;
    size_t running = 0;
    hark::run(loop, serves(loop, ended, running).within(20ms));
    assert_int_equal(ended, 10);
}

hark::task<> cancels_them(hark_loop *loop, int &ended)
{
    hark::tasks sessions(loop);
    for (int number = 1; number < 10; number += 2)
        (void)sessions.start(session(loop, number, ended));
    sessions.cancel();
    co_await sessions.join();
}

BACKEND_TEST(tasks_cancelled_end_before_they_are_joined)
{
    int ended = 0;
    hark::run(loop, cancels_them(loop, ended));
    assert_int_equal(ended, 5);
}

hark::task<> never_satisfied(hark_loop *loop, int &rounds)
{
    while (rounds < 5) {
        (void)co_await hark::sleep_for_ever(loop);
        rounds++;
    }
}

BACKEND_TEST(loop_that_ends_waits_for_coroutines)
{
    int rounds = 0;
    {
        struct hark_options options = {};
        options.backend = harness_backend();
        hark::loop own;
        assert_came(own.create(options), 0);
        hark::start(own, never_satisfied(own, rounds)).detach();
    }
    assert_int_equal(rounds, 5);
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

void destroys_a_handle_that_is_awaited(hark_loop *loop, const int *)
{
    hark::job<int> own = hark::start(loop, waits(loop));
    hark::job<int> other = hark::start(loop, awaits(own));
    own = hark::job<int>();
}

void destroys_tasks_that_run(hark_loop *loop, const int *)
{
    int ended = 0;
    hark::tasks all(loop);
    (void)all.start(session(loop, 1, ended));
}

hark::task<> waits_for_nothing(hark::job<int> &other)
{
    (void)co_await other;
}

void runs_what_never_ends(hark_loop *loop, const int *)
{
    hark::job<int> own = hark::start(loop, waits(loop));
    own.cancel();
    harness_run(loop);
    (void)own.get();
    hark::job<> other = hark::start(loop, waits_for_nothing(own));
    hark::run(loop, hark::task<>());
}

BACKEND_TEST(coroutine_destroyed_with_a_request_in_flight_is_told)
{
    assert_told(destroys_a_foreign_frame,
                "a coroutine was destroyed while a request of it was in flight", false);
}

BACKEND_TEST(handle_destroyed_while_its_job_is_awaited_is_told)
{
    assert_told(destroys_a_handle_that_is_awaited,
                "the handle of a job was destroyed while the job is awaited", false);
}

BACKEND_TEST(tasks_destroyed_while_one_runs_are_told)
{
    assert_told(destroys_tasks_that_run, "tasks were destroyed while one of them runs: join them",
                false);
}

BACKEND_TEST(empty_task_that_is_run_is_told)
{
    assert_told(runs_what_never_ends, "a job was asked for what it gives before it was done",
                false);
}

} // namespace
