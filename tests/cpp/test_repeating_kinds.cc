/* test_repeating_kinds.cc - datagrams, time, signals and readiness that are told again and again,
 * for coroutines. C++20, without exceptions and run-time types. */
#include "cpp/coroutines.hpp"

#include <cerrno>
#include <csignal>
#include <netinet/in.h>
#include <sys/socket.h>

namespace
{

using namespace coroutines;

/* --- datagrams --- */

int bound(hark_loop *loop, hark_address &out_address)
{
    assert_int_equal(hark_address_parse("127.0.0.1:0", &out_address), 0);
    int fd = hark_os_socket(loop, AF_INET, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(hark_os_bind(loop, fd, &out_address), 0);
    assert_int_equal(hark_os_getsockname(loop, fd, &out_address), 0);
    return fd;
}

hark::task<> gets_packets(hark_loop *loop, int fd, int other, const hark_address &sender)
{
    hark::packets messages(loop, fd);
    const char *texts[] = {"one", "", "three", "four", "five"};
    for (int i = 0; i < 5; i++)
        assert_true(hark_os_send(other, texts[i], std::strlen(texts[i]), 0) >= 0);
    for (int i = 0; i < 5; i++) {
        hark::packet came = co_await messages.next();
        assert_true(static_cast<bool>(came));
        assert_true(came.bytes().text() == texts[i]);
        assert_came(came.count(), static_cast<int64_t>(std::strlen(texts[i])));
        assert_false(came.cut());
        hark_address from = came.from();
        assert_int_equal(from.length, sender.length);
        assert_memory_equal(&from.name.ip4.sin_port, &sender.name.ip4.sin_port, 2);
        (void)co_await hark::sleep(loop, 1ms); /* the others come meanwhile */
        assert_true(came.bytes().text() == texts[i]);
    }
    hark::packet none = co_await messages.next().within(1ms);
    assert_false(static_cast<bool>(none));
    assert_came(none.count(), -ETIMEDOUT);
    assert_int_equal(none.from().length, 0);
}

BACKEND_TEST(packets_give_each_message_with_who_has_sent_it)
{
    hark_address address;
    hark_address sender;
    int fd = bound(loop, address);
    int other = bound(loop, sender);
    assert_int_equal(connect(other, &address.name.any, address.length), 0);
    hark::run(loop, gets_packets(loop, fd, other, sender));
    harness_run(loop);
    harness_close(loop, fd);
    harness_close(loop, other);
}

/* --- time, signals, readiness --- */

hark::task<> ticks_along(hark_loop *loop)
{
    hark::ticks clock(loop, 1ms);
    hark::result first = co_await clock.next();
    assert_true(first.value() >= 1);
    uint64_t begun = hark_now(loop);
    (void)co_await hark::sleep(loop, 20ms);
    int64_t slept = static_cast<int64_t>((hark_now(loop) - begun) / 1000000);
    hark::result missed = co_await clock.next();
    assert_true(missed.value() >= slept - 1); /* they are added up */
    hark::result late = co_await hark::ticks(loop, 1h).next().within(1ms);
    assert_came(late, -ETIMEDOUT);
    hark::result refused = co_await hark::ticks(loop, 0ms).next();
    assert_came(refused, -EINVAL);
}

BACKEND_TEST(ticks_are_added_up_while_nobody_waits)
{
    hark::run(loop, ticks_along(loop));
}

hark::task<> hears_signals(hark_loop *loop)
{
    hark::signals told(loop, SIGUSR1);
    hark::result none = co_await told.next().within(1ms);
    assert_came(none, -ETIMEDOUT);
    for (int i = 0; i < 3; i++) {
        (void)raise(SIGUSR1);
        (void)co_await hark::sleep(loop, 1ms); /* merged: nobody waits */
    }
    hark::result came = co_await told.next();
    assert_came(came, SIGUSR1);
    none = co_await told.next().within(1ms);
    assert_came(none, -ETIMEDOUT);
    (void)raise(SIGUSR1);
    came = co_await told.next();
    assert_came(came, SIGUSR1);
}

BACKEND_TEST(signals_are_merged_while_nobody_waits)
{
    hark::run(loop, hears_signals(loop));
}

hark::task<> waits_for_readiness(hark_loop *loop, int fd, int other)
{
    hark::polls ready(loop, fd, HARK_POLL_READABLE);
    hark::result came = co_await ready.next().within(1ms);
    assert_came(came, -ETIMEDOUT);
    assert_int_equal(hark_os_write(other, "a", 1), 1);
    for (int i = 0; i < 5; i++) {
        came = co_await ready.next(); /* it holds still: told again */
        assert_came(came, HARK_POLL_READABLE);
        if (i % 2)
            (void)co_await hark::sleep(loop, 1ms);
    }
    char byte;
    assert_int_equal(hark_os_read(fd, &byte, 1), 1);
    came = co_await ready.next().within(1ms);
    assert_true(came == -ETIMEDOUT || came == HARK_POLL_READABLE); /* it had come before the read */
    came = co_await ready.next().within(1ms);
    assert_came(came, -ETIMEDOUT);
}

BACKEND_TEST(polls_tell_what_holds)
{
    int ends[2];
    harness_socket_pair(loop, ends);
    hark::run(loop, waits_for_readiness(loop, ends[0], ends[1]));
    harness_run(loop);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

hark::task<> looks_away(hark_loop *loop, int fd, int &rounds)
{
    hark::polls ready(loop, fd, HARK_POLL_READABLE);
    hark::result came = co_await ready.next();
    assert_came(came, HARK_POLL_READABLE);
    rounds++;
    (void)co_await hark::sleep_for_ever(loop);
}

/* What is readable, and is not read, would be reported in every turn. */
BACKEND_TEST(polls_rest_while_nobody_waits)
{
    if (harness_in_world())
        harness_skip("turns are counted in real time");
    int ends[2];
    int rounds = 0;
    harness_socket_pair(loop, ends);
    assert_int_equal(hark_os_write(ends[1], "a", 1), 1);
    hark::job<> own = hark::start(loop, looks_away(loop, ends[0], rounds));
    while (rounds == 0)
        (void)hark_run_once(loop);
    harness_assert_idle(loop);
    own.cancel();
    harness_run(loop);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

} // namespace
