/* test_repeating.cc - requests that repeat, for coroutines: connections and bytes, what comes while
 * nobody waits, and every way to end them. C++20, without exceptions and run-time types. */
#include "cpp/coroutines.hpp"

#include <cerrno>
#include <cstdlib>
#include <new>
#include <sys/socket.h>

/* Allocations are counted by malloc, which the operators of a sanitizer do not call. */
void *operator new(std::size_t size)
{
    void *memory = std::malloc(size);
    if (!memory)
        std::abort(); /* there are no exceptions */
    return memory;
}

void *operator new(std::size_t size, const std::nothrow_t &) noexcept
{
    return std::malloc(size);
}

void operator delete(void *memory) noexcept
{
    std::free(memory);
}

void operator delete(void *memory, std::size_t) noexcept
{
    std::free(memory);
}

namespace
{

using namespace coroutines;

/* --- connections --- */

hark::task<> connects(hark_loop *loop, hark_address to, int count)
{
    for (int i = 0; i < count; i++) {
        hark::descriptor fd(loop, co_await hark::socket(loop, AF_INET, SOCK_STREAM));
        hark::result connected = co_await hark::connect(loop, fd, to);
        assert_came(connected, 0);
        char byte;
        hark::result end = co_await hark::recv(loop, fd, {&byte, 1});
        assert_came(end, 0); /* it was accepted, or reset by none */
        (void)co_await hark::close(loop, fd.release());
    }
}

/* Waits for something else between any two: what comes meanwhile is there later. */
hark::task<int> accepts_slowly(hark_loop *loop, int fd, int count)
{
    hark::accepts incoming(loop, fd);
    int accepted = 0;
    while (accepted < count) {
        hark::result came = co_await incoming.next();
        assert_true(static_cast<bool>(came));
        accepted++;
        (void)co_await hark::sleep(loop, 1ms);
        (void)co_await hark::close(loop, came.fd());
    }
    co_return accepted;
}

BACKEND_TEST(accepts_give_each_connection_to_one_who_is_slow)
{
    hark_address address;
    int fd = harness_listen(loop, &address);
    hark::tasks clients(loop);
    for (int i = 0; i < 8; i++)
        (void)clients.start(connects(loop, address, 3));
    assert_int_equal(hark::run(loop, accepts_slowly(loop, fd, 24)), 24);
    harness_run(loop);
    assert_int_equal(clients.size(), 0);
    harness_close(loop, fd);
}

hark::task<> connects_and_stays(hark_loop *loop, hark_address to, hark::result &end)
{
    hark::descriptor fd(loop, co_await hark::socket(loop, AF_INET, SOCK_STREAM));
    (void)co_await hark::connect(loop, fd, to);
    char byte;
    end = co_await hark::recv(loop, fd, {&byte, 1});
    (void)co_await hark::close(loop, fd.release());
}

hark::task<> accepts_one_and_leaves(hark_loop *loop, int fd)
{
    hark::accepts incoming(loop, fd);
    hark::result came = co_await incoming.next();
    (void)co_await hark::close(loop, came.fd());
    (void)co_await hark::sleep(loop, 20ms);
    /* Others were accepted, and nobody has asked for them: they go with the stream. */
}

BACKEND_TEST(accepts_that_end_close_what_nobody_has_taken)
{
    hark_address address;
    int fd = harness_listen(loop, &address);
    hark::tasks clients(loop);
    hark::result ends[6] = {-EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL};
    for (hark::result &end : ends)
        (void)clients.start(connects_and_stays(loop, address, end));
    hark::run(loop, accepts_one_and_leaves(loop, fd));
    harness_close(loop, fd); /* resets what was not accepted */
    harness_run(loop);
    assert_int_equal(clients.size(), 0);
    for (hark::result end : ends)
        assert_true(end == 0 || end == -ECONNRESET);
}

/* --- bytes --- */

hark::task<> sends(hark_loop *loop, int fd, const std::string &all)
{
    hark::result sent = co_await hark::send_all(loop, fd, all);
    assert_came(sent, static_cast<int64_t>(all.size()));
    (void)co_await hark::close(loop, fd);
}

hark::task<std::string> receives(hark_loop *loop, int fd, bool slow)
{
    std::string all;
    hark::recvs bytes(loop, fd);
    while (hark::lent came = co_await bytes.next()) {
        if (slow)
            (void)co_await hark::sleep(loop, 100us);
        all += came.bytes().text();
        assert_int_equal(came.count().count(), came.bytes().size());
    }
    hark::lent again = co_await bytes.next();
    assert_false(static_cast<bool>(again));
    assert_came(again.count(), 0);
    bytes = hark::recvs(loop, -1);
    (void)co_await hark::close(loop, fd);
    co_return all;
}

void moves(hark_loop *loop, size_t count, bool slow)
{
    int ends[2];
    std::string all(count, 0);
    harness_fill(all.data(), all.size(), 3);
    harness_tcp_pair(loop, ends);
    hark::job<> sending = hark::start(loop, sends(loop, ends[0], all));
    assert_true(hark::run(loop, receives(loop, ends[1], slow)) == all);
    harness_run(loop);
    assert_true(sending.done());
}

BACKEND_TEST(recvs_give_all_that_was_sent)
{
    moves(loop, 3000000, false);
}

BACKEND_TEST(recvs_give_all_that_was_sent_to_one_who_is_slow)
{
    moves(loop, 3000000, true);
}

BACKEND_TEST_WITH(recvs_go_on_with_a_pool_of_two_buffers, .buffer_count = 2)
{
    moves(loop, 500000, true);
}

/* The pool has two buffers, and twenty wait: two of them have something in hand. */
hark::task<> holds(hark_loop *loop, int fd, hark::result &count)
{
    hark::recvs bytes(loop, fd);
    hark::lent came = co_await bytes.next();
    count = came.count();
    (void)co_await hark::sleep_for_ever(loop);
    assert_true(came.bytes().text() == (came ? "abc" : ""));
    came.reset();
    assert_int_equal(came.bytes().size(), 0);
}

BACKEND_TEST_WITH(recvs_hold_no_buffer_while_nothing_comes, .buffer_count = 2)
{
    int ends[20][2];
    hark::result counts[20] = {};
    hark::tasks all(loop);
    for (int i = 0; i < 20; i++) {
        harness_socket_pair(loop, ends[i]);
        (void)all.start(holds(loop, ends[i][0], counts[i]));
    }
    harness_settle(loop);
    for (int i = 18; i < 20; i++) {
        assert_int_equal(hark_os_write(ends[i][1], "abc", 3), 3);
        while (counts[i] == 0)
            (void)hark_run_once(loop);
        assert_came(counts[i], 3);
    }
    all.cancel();
    harness_run(loop);
    assert_int_equal(all.size(), 0);
    for (auto &pair : ends) {
        harness_close(loop, pair[0]);
        harness_close(loop, pair[1]);
    }
}

hark::task<> waits_with_a_limit(hark_loop *loop, int fd, int other)
{
    hark::recvs bytes(loop, fd);
    hark::lent late = co_await bytes.next().within(1ms);
    assert_came(late.count(), -ETIMEDOUT);
    late = co_await bytes.next().by(hark::time_point(1ns));
    assert_came(late.count(), -ETIMEDOUT);
    assert_int_equal(hark_os_write(other, "abc", 3), 3); /* nobody waits for it */
    (void)co_await hark::sleep(loop, 1ms);
    hark::lent came = co_await bytes.next().within(1h);
    assert_true(came.bytes().text() == "abc");
    came = co_await bytes.next().within(1ms);
    assert_came(came.count(), -ETIMEDOUT);
}

BACKEND_TEST(recvs_past_a_deadline_go_on_and_lose_nothing)
{
    int ends[2];
    harness_socket_pair(loop, ends);
    hark::run(loop, waits_with_a_limit(loop, ends[0], ends[1]));
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

hark::task<hark::result> takes_one(hark::recvs &bytes)
{
    hark::lent came = co_await bytes.next();
    co_return came.count();
}

hark::task<> is_cancelled_in_between(hark_loop *loop, int fd, int other)
{
    hark::recvs bytes(loop, fd);
    hark::job<hark::result> first = hark::start(loop, takes_one(bytes));
    first.cancel();
    hark::result ended = co_await first;
    assert_came(ended, -ECANCELED);
    assert_int_equal(hark_os_write(other, "abc", 3), 3);
    hark::result late = co_await takes_one(bytes).within(1ms);
    assert_true(late == -ETIMEDOUT || late == 3);
    if (!late)
        late = co_await takes_one(bytes);
    assert_came(late, 3);
}

BACKEND_TEST(recvs_go_on_after_one_who_waited_was_cancelled)
{
    int ends[2];
    harness_socket_pair(loop, ends);
    hark::run(loop, is_cancelled_in_between(loop, ends[0], ends[1]));
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

hark::task<> receives_once(hark_loop *loop, int fd, hark::result &outcome)
{
    hark::recvs bytes(loop, fd);
    hark::lent came = co_await bytes.next();
    outcome = came.count();
}

BACKEND_TEST(task_cancelled_while_it_waits_for_what_repeats_ends)
{
    int ends[2];
    hark::result outcomes[2];
    harness_socket_pair(loop, ends);
    {
        hark::job<> own = hark::start(loop, receives_once(loop, ends[0], outcomes[0]));
        hark::job<> other = hark::start(loop, receives_once(loop, -1, outcomes[1]));
        harness_settle(loop);
        assert_false(own.done());
        assert_true(other.done());
    }
    assert_came(outcomes[0], 0);
    harness_run(loop);
    assert_came(outcomes[0], -ECANCELED);
    assert_came(outcomes[1], -EBADF);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

/* The stream is destroyed in the coroutine that it has called: its op is in flight, and in its
 * callback. */
hark::task<size_t> destroys_it_with_bytes_in_hand(hark_loop *loop, int fd, int other)
{
    size_t total = 0;
    for (int i = 0; i < 10; i++) {
        hark::lent came;
        {
            hark::recvs bytes(loop, fd);
            assert_int_equal(hark_os_write(other, "abcde", 5), 5);
            came = co_await bytes.next();
        }
        total += came.bytes().size();
        hark::result next = co_await hark::defer(loop); /* the op ends meanwhile */
        assert_came(next, 0);
        assert_true(came.bytes().text() == "abcde");
    }
    co_return total;
}

BACKEND_TEST(recvs_may_be_destroyed_while_the_op_is_in_flight)
{
    int ends[2];
    harness_socket_pair(loop, ends);
    assert_int_equal(hark::run(loop, destroys_it_with_bytes_in_hand(loop, ends[0], ends[1])), 50);
    harness_run(loop);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

/* The op is on its way to rest when it is wanted again. */
hark::task<> comes_back_at_once(hark_loop *loop, int fd, int other)
{
    hark::recvs bytes(loop, fd);
    size_t sent = 0;
    size_t came = 0;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(hark_os_write(other, "abc", 3), 3);
        sent += 3;
        for (int turns = i % 4; turns > 0; turns--)
            (void)co_await hark::defer(loop);
        came += (co_await bytes.next()).bytes().size();
        assert_int_equal(hark_os_write(other, "de", 2), 2);
        sent += 2;
        while (came < sent)
            came += (co_await bytes.next()).bytes().size();
    }
}

BACKEND_TEST(recvs_wanted_while_they_come_to_rest_go_on)
{
    int ends[2];
    harness_socket_pair(loop, ends);
    hark::run(loop, comes_back_at_once(loop, ends[0], ends[1]));
    harness_run(loop);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

/* On uring what the kernel had taken already comes after the cancel: it stays in order. */
hark::task<> counts_pieces(hark_loop *loop, int fd, int other, int pieces)
{
    hark::recvs bytes(loop, fd);
    std::string sent;
    std::string all;
    char text[16] = {};
    for (int i = 0; i < pieces; i++) {
        std::snprintf(text, sizeof text, "%08d", i);
        int64_t taken = hark_os_write(other, text, 8); /* fewer, in a world with faults */
        if (i > 0 && taken == -EAGAIN)
            break; /* such a socket has little room */
        assert_true(taken > 0);
        sent.append(text, static_cast<size_t>(taken));
        if (i == 0)
            all += (co_await bytes.next()).bytes().text();
        else if (i % 3 == 0)
            (void)co_await hark::sleep(loop, 10us);
    }
    while (all.size() < sent.size()) {
        hark::lent came = co_await bytes.next();
        assert_true(static_cast<bool>(came));
        all += came.bytes().text();
    }
    assert_true(all == sent);
}

BACKEND_TEST(recvs_keep_the_order_of_what_nobody_waited_for)
{
    int ends[2];
    harness_socket_pair(loop, ends);
    hark::run(loop, counts_pieces(loop, ends[0], ends[1], 100));
    harness_run(loop);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

hark::task<> answers(hark_loop *loop, hark::recvs &bytes, int fd, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        hark::lent came = co_await bytes.next();
        hark::result sent = co_await hark::send_all(loop, fd, came.bytes());
        assert_came(sent, 5);
    }
}

hark::task<> asks(hark_loop *loop, int fd, int rounds)
{
    char answer[5];
    for (int i = 0; i < rounds; i++) {
        (void)co_await hark::send_all(loop, fd, "abcde"sv);
        hark::result came = co_await hark::recv(loop, fd, answer, MSG_WAITALL);
        assert_came(came, 5);
    }
}

void talks(hark_loop *loop, const int *ends, int rounds)
{
    hark::recvs bytes(loop, ends[0]);
    hark::job<> answering = hark::start(loop, answers(loop, bytes, ends[0], rounds));
    hark::run(loop, asks(loop, ends[1], rounds));
    while (!answering.done())
        (void)hark_run_once(loop);
}

BACKEND_TEST(results_of_what_repeats_allocate_nothing)
{
    if (harness_in_world())
        harness_skip("a world allocates for itself");
    int ends[2];
    harness_socket_pair(loop, ends);
    talks(loop, ends, 10);
    harness_run(loop);
    memory_begin(0, false);
    talks(loop, ends, 1000);
    memory_end();
    assert_int_equal(memory_asked(), 3); /* the stream, and two frames */
    harness_run(loop);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

hark::task<> has_no_memory(hark_loop *loop, int fd)
{
    memory_begin(1, true);
    hark::recvs none(loop, fd);
    memory_end();
    assert_false(static_cast<bool>(none));
    assert_null(none.c());
    hark::lent came = co_await none.next().within(1s);
    assert_came(came.count(), -ENOMEM);
}

BACKEND_TEST(recvs_without_memory_say_so)
{
    if (harness_in_world())
        harness_skip("a world's memory is its own");
    hark::run(loop, has_no_memory(loop, 0));
}

/* --- errors and ends --- */

hark::task<> is_refused(hark_loop *loop, int fd)
{
    hark::accepts none(loop, fd);
    for (int i = 0; i < 3; i++) {
        hark::result refused = co_await none.next(); /* each time it is started anew */
        assert_came(refused, -EINVAL);
    }
    hark::recvs nothing(loop, -1);
    hark::lent bad = co_await nothing.next();
    assert_came(bad.count(), -EBADF);
}

BACKEND_TEST(what_repeats_is_started_anew_after_an_error)
{
    int ends[2];
    harness_socket_pair(loop, ends);
    hark::run(loop, is_refused(loop, ends[0]));
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(close_ends_what_repeats_on_the_descriptor)
{
    int ends[2];
    hark::result outcome;
    harness_socket_pair(loop, ends);
    hark::job<> own = hark::start(loop, receives_once(loop, ends[0], outcome));
    harness_settle(loop);
    harness_close(loop, ends[0]);
    harness_run(loop);
    assert_true(own.done());
    assert_came(outcome, -ECANCELED);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(loop_that_ends_waits_for_what_repeats)
{
    hark::result outcome;
    int ends[2];
    {
        struct hark_options options = {};
        options.backend = harness_backend();
        hark::loop own;
        assert_came(own.create(options), 0);
        harness_socket_pair(loop, ends);
        hark::start(own, receives_once(own, ends[0], outcome)).detach();
        (void)own.run_ready();
    }
    assert_came(outcome, -ECANCELED);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

/* --- rules that are broken --- */

hark::task<> only_waits(hark::ticks &clock)
{
    (void)co_await clock.next();
}

void two_wait(hark_loop *loop, const int *)
{
    hark::ticks clock(loop, 1h);
    hark::start(loop, only_waits(clock)).detach();
    hark::start(loop, only_waits(clock)).detach();
}

void destroys_what_another_waits_for(hark_loop *loop, const int *)
{
    hark::ticks clock(loop, 1h);
    hark::start(loop, only_waits(clock)).detach();
    clock = hark::ticks(loop, 1h);
}

BACKEND_TEST(two_that_wait_for_what_repeats_are_told)
{
    assert_told(two_wait, "two coroutines wait for the same event", false);
}

BACKEND_TEST(what_repeats_destroyed_while_another_waits_is_told)
{
    assert_told(destroys_what_another_waits_for,
                "what repeats was destroyed while a coroutine waits for it", false);
}

} // namespace
