/* test_connection.cc - hark::connection, a stream for coroutines: C++20, without exceptions and
 * run-time types. */
#include "cpp/cpp.hpp"

#include <cerrno>

namespace
{

hark::task<> echo(hark_loop *loop, int fd, int &ended)
{
    hark::connection peer;
    hark_stream_options options = {};
    options.queue_bytes_max = 2048; /* less than a piece: each write waits */
    if (!peer.open(loop, fd, &options))
        co_return;
    while (hark::piece came = co_await peer.read())
        if (hark::result written = co_await peer.write(came.bytes); !written)
            break;
    co_await peer.close_after_sending();
    assert_false(static_cast<bool>(peer));
    ended++;
}

hark::task<> serve(hark_loop *loop, int fd, int &ended)
{
    hark::tasks sessions(loop);
    while (hark::result came = co_await hark::accept(loop, fd))
        (void)sessions.start(echo(loop, came.fd(), ended));
    co_await sessions.join();
    (void)co_await hark::close(loop, fd);
}

hark::task<> writes(hark::connection &to, const std::string &all, hark::result &outcome)
{
    outcome = co_await to.write(all);
    to.end();
}

hark::task<std::string> asks(hark_loop *loop, hark_address to, const std::string &all)
{
    hark::connection server;
    hark::result connected = co_await server.connect(loop, to);
    assert_came(connected, 0);
    hark::result written;
    hark::job<> writing = hark::start(loop, writes(server, all, written));
    std::string answer;
    hark::result end;
    for (;;) {
        hark::piece came = co_await server.read();
        end = came.count;
        if (!came)
            break;
        answer += came.bytes.text();
    }
    assert_came(end, 0);
    hark::piece again = co_await server.read();
    assert_came(again.count, 0);
    co_await writing;
    assert_came(written, 0);
    co_await server.close();
    co_return answer;
}

BACKEND_TEST(connection_echoes_more_than_its_queues_hold)
{
    hark_address address;
    int ended = 0;
    int fd = harness_listen(loop, &address);
    hark::job<> server = hark::start(loop, serve(loop, fd, ended));
    std::string all(3000000, 0);
    harness_fill(all.data(), all.size(), 7);
    assert_true(hark::run(loop, asks(loop, address, all)) == all);
    server.cancel();
    harness_run(loop);
    assert_true(server.done());
    assert_int_equal(ended, 1);
}

hark::task<> reads(hark_loop *loop, int fd, std::string &came, hark::result *outcomes)
{
    hark::connection peer;
    (void)peer.open(loop, fd);
    hark::piece first = co_await peer.read();
    outcomes[0] = first.count;
    came += first.bytes.text();
    hark::piece second = co_await peer.read();
    outcomes[1] = second.count;
    hark::piece third = co_await peer.read();
    outcomes[2] = third.count;
}

BACKEND_TEST(connection_read_is_cancelled_and_the_connection_closes_with_its_owner)
{
    int ends[2];
    std::string came;
    hark::result outcomes[3] = {};
    harness_socket_pair(loop, ends);
    {
        hark::job<> own = hark::start(loop, reads(loop, ends[0], came, outcomes));
        assert_int_equal(hark_os_write(ends[1], "abc", 3), 3);
        while (came.empty())
            (void)hark_run_once(loop);
    }
    harness_run(loop);
    assert_true(came == "abc");
    assert_came(outcomes[0], 3);
    assert_came(outcomes[1], -ECANCELED);
    assert_came(outcomes[2], -ECANCELED);
    char byte;
    assert_int_equal(hark_os_read(ends[1], &byte, 1), 0);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(connection_read_past_its_deadline_gives_etimedout)
{
    int ends[2];
    std::string came;
    hark::result outcomes[3] = {};
    harness_socket_pair(loop, ends);
    assert_int_equal(hark_os_write(ends[1], "abc", 3), 3);
    hark::run(loop, reads(loop, ends[0], came, outcomes).within(10ms));
    assert_came(outcomes[0], 3);
    assert_came(outcomes[1], -ETIMEDOUT);
    assert_came(outcomes[2], -ETIMEDOUT);
    harness_run(loop);
    harness_close(loop, ends[1]);
}

/* One wait after the other, each with a deadline: the timer of one is never taken for another's. */
hark::task<> reads_patiently(hark::connection &peer, std::string &came)
{
    auto one = [](hark::connection &from) -> hark::task<hark::result> {
        hark::piece piece = co_await from.read();
        co_return piece.count;
    };
    for (int i = 0; i < 100; i++) {
        hark::result late = co_await one(peer).within(1us);
        came += late == -ETIMEDOUT ? '.' : 'x';
        hark::result count = co_await one(peer).within(1h);
        came += count.count() == 1 ? '1' : 'y';
    }
}

hark::task<> gives_a_byte(hark_loop *loop, int fd, const std::string &came)
{
    size_t seen = 0;
    while (seen < 200) {
        (void)co_await hark::defer(loop);
        if (came.size() > seen && came.size() % 2) {
            seen = came.size();
            assert_int_equal(hark_os_write(fd, "b", 1), 1);
        } else if (came.size() == 200) {
            seen = 200;
        }
    }
}

BACKEND_TEST(connection_reads_alternate_between_time_and_bytes)
{
    int ends[2];
    std::string came;
    harness_socket_pair(loop, ends);
    {
        hark::connection peer;
        assert_came(peer.open(loop, ends[0]), 0);
        hark::job<> giver = hark::start(loop, gives_a_byte(loop, ends[1], came));
        hark::run(loop, reads_patiently(peer, came));
        std::string expected;
        for (int i = 0; i < 100; i++)
            expected += ".1";
        assert_true(came == expected);
    }
    harness_run(loop);
    harness_close(loop, ends[1]);
}

hark::task<> stuffs(hark::connection &peer, const std::string &much, hark::result *outcomes)
{
    outcomes[0] = co_await peer.write(much);
    outcomes[1] = co_await peer.write("more"sv);
}

BACKEND_TEST(connection_write_that_the_peer_does_not_take_is_cancelled)
{
    int ends[2];
    hark::result outcomes[2] = {};
    std::string much(4000000, 'm');
    harness_socket_pair(loop, ends);
    {
        hark::connection peer;
        assert_came(peer.open(loop, ends[0]), 0);
        hark::job<> own = hark::start(loop, stuffs(peer, much, outcomes));
        harness_settle(loop);
        assert_false(own.done());
        own.cancel();
        while (!own.done())
            (void)hark_run_once(loop);
    }
    assert_came(outcomes[0], -ECANCELED);
    assert_came(outcomes[1], -EPIPE);
    harness_run(loop);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(connection_write_fails_with_its_peer)
{
    int ends[2];
    hark::result outcomes[2] = {};
    std::string much(4000000, 'm');
    harness_socket_pair(loop, ends);
    hark::connection peer;
    assert_came(peer.open(loop, ends[0]), 0);
    hark::job<> own = hark::start(loop, stuffs(peer, much, outcomes));
    harness_settle(loop);
    harness_close(loop, ends[1]);
    while (!own.done())
        (void)hark_run_once(loop);
    assert_false(static_cast<bool>(outcomes[0]));
    assert_false(static_cast<bool>(outcomes[1]));
    peer = hark::connection();
    harness_run(loop);
}

hark::task<hark::result> connects(hark_loop *loop, hark_address to, hark::result &again)
{
    hark::connection own;
    hark::result refused = co_await own.connect(loop, to);
    co_await own.close();
    again = co_await own.connect(loop, to);
    hark::piece none = co_await own.read();
    assert_false(static_cast<bool>(none));
    co_return refused;
}

BACKEND_TEST(connection_that_is_refused_can_be_tried_again)
{
    hark_address address;
    hark::result again;
    int fd = harness_listen(loop, &address);
    harness_close(loop, fd);
    assert_came(hark::run(loop, connects(loop, address, again)), -ECONNREFUSED);
    assert_came(again, -ECONNREFUSED);
    harness_run(loop);
}

BACKEND_TEST(connection_to_a_name_is_awaited)
{
    hark_address address;
    char port[8];
    int ended = 0;
    int fd = harness_listen(loop, &address);
    snprintf(port, sizeof port, "%d", ntohs(address.name.ip4.sin_port));
    hark::job<> server = hark::start(loop, serve(loop, fd, ended));
    auto talk = [](hark_loop *on, const char *service) -> hark::task<std::string> {
        hark::connection own;
        hark_stream_name name = {};
        name.host = "127.0.0.1";
        name.service = service;
        hark::result connected = co_await own.connect_name(on, name);
        assert_came(connected, 0);
        (void)co_await own.write("hello"sv);
        hark::piece came = co_await own.read();
        co_return std::string(came.bytes.text());
    };
    assert_true(hark::run(loop, talk(loop, port)) == "hello");
    server.cancel();
    harness_run(loop);
    assert_int_equal(ended, 1);
}

BACKEND_TEST(connection_never_opened_reads_and_writes_nothing)
{
    auto tries = [](hark_loop *on) -> hark::task<> {
        hark::connection none;
        hark::piece came = co_await none.read();
        assert_came(came.count, -EPIPE);
        hark::result written = co_await none.write("x"sv);
        assert_came(written, -EPIPE);
        co_await none.close();
        (void)co_await hark::defer(on);
    };
    hark::run(loop, tries(loop));
}

hark::task<> closes_slowly(hark_loop *loop, int fd, const std::string &much)
{
    hark::connection peer;
    (void)peer.open(loop, fd);
    hark::result outcome;
    hark::job<> writing = hark::start(loop, writes(peer, much, outcome));
    co_await peer.close_after_sending();
    co_await writing;
    assert_false(static_cast<bool>(outcome));
}

BACKEND_TEST(connection_closing_after_sending_is_limited)
{
    int ends[2];
    std::string much(4000000, 'm');
    harness_socket_pair(loop, ends);
    hark::run(loop, closes_slowly(loop, ends[0], much).within(10ms));
    harness_run(loop);
    harness_close(loop, ends[1]);
}

} // namespace
