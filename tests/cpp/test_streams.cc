/* test_streams.cc - streams, listeners, datagram sockets and watches with events that are member
 * functions: as C++17 and as C++20, without exceptions and run-time types. */
#include "cpp/cpp.hpp"

#include <cerrno>
#include <unistd.h>

namespace
{

/* --- streams and listeners --- */

struct told {
    std::string bytes;
    hark::result connected = -EINVAL, end = -EINVAL, failed = 0;
    int accepted = 0, closed = 0, destroyed = 0;
};

struct session : hark::stream<session> {
    explicit session(told &all) : all_(all)
    {
    }
    ~session()
    {
        all_.destroyed++;
    }
    void received(hark::view bytes, hark::result count)
    {
        if (!count || (count.count() && !write(bytes)))
            close();
        else if (!count.count())
            close_after_sending();
    }
    void closed()
    {
        all_.closed++;
    }

  private:
    told &all_;
};

struct server : hark::listener<server> {
    explicit server(told &all) : all_(all)
    {
    }
    void accepted(int fd)
    {
        auto made = hark::make<session>(all_);
        all_.accepted++;
        made->open(loop(), fd);
        made->read_start();
        made.detach();
    }
    void closed()
    {
        all_.closed++;
    }

  private:
    told &all_;
};

struct client : hark::stream<client> {
    explicit client(told &all) : all_(all)
    {
    }
    void connected(hark::result outcome)
    {
        all_.connected = outcome;
        if (!outcome)
            close();
    }
    void received(hark::view bytes, hark::result count)
    {
        all_.bytes += bytes.text();
        if (!count.count()) {
            all_.end = count;
            close();
        }
    }
    void closed()
    {
        all_.closed++;
    }

  private:
    told &all_;
};

hark_address any_port()
{
    hark_address address;
    assert_int_equal(hark_address_parse("127.0.0.1:0", &address), 0);
    return address;
}

BACKEND_TEST(stream_echoes_and_both_sides_close)
{
    told at_server, at_client;
    auto serving = hark::make<server>(at_server);
    hark_address address = any_port();
    assert_came(serving->open(loop, address), 0);
    assert_came(serving->address(address), 0);

    client own(at_client);
    assert_came(own.connect(loop, address), 0);
    own.read_start();
    std::string much(300000, 'm');
    assert_came(own.write(much), 0);
    own.end();
    while (!at_client.closed)
        assert_int_equal(hark_run_once(loop), 1);
    assert_came(at_client.connected, 0);
    assert_came(at_client.end, 0);
    assert_true(at_client.bytes == much);
    serving.reset();
    harness_run(loop);
    assert_int_equal(at_server.accepted, 1);
    assert_int_equal(at_server.closed, 2);
    assert_int_equal(at_server.destroyed, 1);
}

BACKEND_TEST(stream_that_cannot_connect_tells_and_closes)
{
    told at_client;
    hark_address address;
    int fd = harness_listen(loop, &address);
    harness_close(loop, fd);
    client own(at_client);
    assert_came(own.connect(loop, address), 0);
    harness_run(loop);
    assert_came(at_client.connected, -ECONNREFUSED);
    assert_int_equal(at_client.closed, 1);
}

/* Nothing of it is replaced but `failed`: an error of connecting goes there. */
struct quiet : hark::stream<quiet> {
    void failed(hark::result error)
    {
        why = error;
        close();
    }
    hark::result why;
};

BACKEND_TEST(stream_events_that_are_not_replaced_have_a_way)
{
    hark_address address;
    int fd = harness_listen(loop, &address);
    harness_close(loop, fd);
    quiet own;
    assert_came(own.connect(loop, address), 0);
    harness_run(loop);
    assert_came(own.why, -ECONNREFUSED);
    assert_true(own.over());
}

BACKEND_TEST(stream_owned_and_open_is_closed_where_its_owner_ends)
{
    int ends[2];
    char byte;
    told all;
    harness_socket_pair(loop, ends);
    {
        auto own = hark::make<session>(all);
        own->open(loop, ends[0]);
        own->read_start();
        auto elsewhere = std::move(own);
        assert_int_equal(elsewhere->fd(), ends[0]);
    }
    assert_int_equal(all.closed, 0);
    harness_run(loop);
    assert_int_equal(all.closed, 1);
    assert_int_equal(all.destroyed, 1);
    assert_int_equal(hark_os_read(ends[1], &byte, 1), 0);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(stream_never_opened_is_destroyed_at_once)
{
    told all;
    {
        auto own = hark::make<session>(all);
        session beside(all);
    }
    assert_int_equal(all.destroyed, 2);
    assert_int_equal(all.closed, 0);
}

struct leaving : hark::stream<leaving> {
    void detached(int fd)
    {
        left = fd;
    }
    int left = -1;
};

BACKEND_TEST(stream_detached_gives_its_descriptor)
{
    int ends[2];
    harness_socket_pair(loop, ends);
    leaving own;
    own.open(loop, ends[0]);
    assert_came(own.detach(), 0);
    harness_run(loop);
    assert_int_equal(own.left, ends[0]);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(stream_is_opened_in_another_way)
{
    int ends[2];
    told all;
    harness_pipe(ends, 0);
    client reads(all);
    quiet writes;
    assert_came(reads.open_with([&](hark_stream *stream, const hark_stream_events *events) {
        return hark_stream_open_pair(loop, stream, ends[0], -1, nullptr, events);
    }),
                0);
    assert_came(writes.open_pair(loop, -1, ends[1]), 0);
    reads.read_start();
    assert_came(writes.write("through a pipe"sv), 0);
    writes.close_after_sending();
    harness_run(loop);
    assert_true(all.bytes == "through a pipe");
    assert_came(all.end, 0);
}

/* --- datagrams, watches --- */

struct mirror : hark::datagram<mirror> {
    void received(const hark_datagram_received &came)
    {
        bytes.assign(static_cast<const char *>(came.bytes), came.count);
        hark_datagram_way how = hark_datagram_answer(&came);
        if (answers)
            (void)send("answer"sv, &how);
        close();
    }
    bool answers = false;
    std::string bytes;
};

BACKEND_TEST(datagram_is_answered)
{
    if (harness_in_world())
        harness_skip("a world's sockets do not tell to which address a datagram came");
    mirror server, asker;
    hark_address address = any_port();
    server.answers = true;
    assert_came(server.bind(loop, address), 0);
    assert_int_equal(hark_os_getsockname(loop, server.fd(), &address), 0);
    assert_came(asker.connect(loop, address), 0);
    server.receive_start();
    asker.receive_start();
    assert_came(asker.send("question"sv), 0);
    while (asker.bytes.empty() && hark_run_once(loop) == 1) {
    }
    harness_run(loop);
    assert_true(server.bytes == "question");
}

struct directory : hark::watch<directory> {
    void told(const hark_watch_event &event)
    {
        if (event.kind == HARK_WATCH_READY)
            ready = true;
        else
            seen += std::string(event.path) + " ";
    }
    void closed(hark::result outcome)
    {
        end = outcome;
    }
    bool ready = false;
    std::string seen;
    hark::result end = -EINVAL;
};

BACKEND_TEST(watch_tells_of_a_new_name)
{
    if (harness_in_world())
        harness_skip("it needs /proc");
    directory own;
    assert_came(own.open(loop, harness_directory()), 0);
    harness_run_until(loop, &own.ready);
    (void)close(harness_file("name", "", 0));
    while (own.seen.empty())
        assert_int_equal(hark_run_once(loop), 1);
    assert_true(own.seen.substr(0, 5) == "name ");
    own.close();
    harness_run(loop);
    assert_came(own.end, 0);
}

/* --- rules that are broken --- */

void destroys_a_stream(struct hark_loop *loop, const int *ends)
{
    quiet own;
    own.open(loop, ends[0]);
}

void opens_twice(struct hark_loop *loop, const int *ends)
{
    quiet own;
    own.open(loop, ends[0]);
    own.open(loop, ends[1]);
}

BACKEND_TEST(stream_destroyed_while_open_is_told)
{
    assert_told(destroys_a_stream,
                "a stream, listener, datagram socket or watch was destroyed while it was open",
                false);
}

BACKEND_TEST(stream_opened_twice_is_told)
{
    assert_told(opens_twice, "a stream, listener, datagram socket or watch was opened that is open",
                false);
}

} // namespace
