/* test_jobs.cc - tasks that were started: their handles, and many of them together. C++20, without
 * exceptions and run-time types. */
#include "cpp/coroutines.hpp"

#include <cerrno>

namespace
{

using namespace coroutines;

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

/* Whoever awaits it has its frame, not its handle. */
BACKEND_TEST(job_may_be_moved_while_it_is_awaited)
{
    hark::job<int> own = hark::start(loop, waits(loop));
    hark::job<int> other = hark::start(loop, awaits(own));
    hark::job<int> moved = std::move(own);
    own = hark::start(loop, slept(loop, 7));
    harness_settle(loop);
    other.cancel();
    harness_run(loop);
    assert_int_equal(other.get(), -ECANCELED);
    assert_true(moved.done());
    assert_int_equal(own.get(), 7);
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

/* --- rules that are broken --- */

void destroys_a_handle_that_is_awaited(hark_loop *loop, const int *)
{
    hark::job<int> own = hark::start(loop, waits(loop));
    hark::job<int> other = hark::start(loop, awaits(own));
    own = hark::job<int>();
}

void ends_a_handle_before_the_other_goes_on(hark_loop *loop, const int *)
{
    hark::job<int> own = hark::start(loop, slept(loop, 1));
    hark::job<int> other = hark::start(loop, awaits(own));
    while (!own.done())
        (void)hark_run_once(loop);
    own = hark::job<int>();
}

void lets_go_of_what_is_awaited(hark_loop *loop, const int *)
{
    hark::job<int> own = hark::start(loop, waits(loop));
    hark::job<int> other = hark::start(loop, awaits(own));
    own.detach();
}

void awaits_none(hark_loop *loop, const int *)
{
    hark::job<int> none;
    hark::run(loop, awaits(none));
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

BACKEND_TEST(handle_that_ends_before_the_one_that_awaits_it_goes_on_is_told)
{
    assert_told(ends_a_handle_before_the_other_goes_on,
                "the handle of a job was destroyed while the job is awaited", false);
}

BACKEND_TEST(job_let_go_of_while_it_is_awaited_is_told)
{
    assert_told(lets_go_of_what_is_awaited, "a job was let go of while it is awaited", false);
}

BACKEND_TEST(empty_job_that_is_awaited_is_told)
{
    assert_told(awaits_none, "a job was awaited that is empty: no memory, moved from, or let go",
                false);
}

} // namespace
