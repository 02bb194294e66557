/* 29_chat_coroutines.cc - a chat server in C++20: what one says in a line, all are told.
 *
 * Shows: hark::accepts, connections one after the other from a single request; hark::signals;
 * hark::first, which ends the server when the signal has come, and waits until all of it has ended;
 * hark::connection, whose queue is written to by the sessions of others. Who takes so little that
 * his queue is full is put out.
 *
 * Try:   ./29_chat_coroutines 7000 &          then, in two other terminals:
 *        nc 127.0.0.1 7000
 */
#include "hark.hpp"

#include <csignal>
#include <cstdio>
#include <list>
#include <string>

namespace
{

using namespace std::chrono_literals;

struct room {
    std::list<hark::connection *> members;
    int guests = 0;

    void tell(const std::string &line)
    {
        for (hark::connection *member : members)
            if (hark_stream_write(member->c(), line.data(), line.size()) < 0)
                hark_stream_close(member->c()); /* its session's read ends */
    }
};

hark::task<> session(room &here, hark_loop *loop, int fd)
{
    constexpr size_t line_max = 1000;
    hark::connection peer;
    std::string said;
    std::string name = "guest " + std::to_string(++here.guests);

    if (!peer.open(loop, fd)) {
        (void)co_await hark::close(loop, fd);
        co_return;
    }
    auto place = here.members.insert(here.members.end(), &peer);
    here.tell(name + " has come\n");
    while (hark::piece came = co_await peer.read()) {
        said += came.bytes.text();
        for (size_t end; (end = said.find('\n')) != said.npos; said.erase(0, end + 1))
            here.tell(name + ": " + said.substr(0, end + 1));
        if (said.size() > line_max)
            break;
    }
    here.members.erase(place);
    here.tell(name + " has gone\n");
    co_await peer.close_after_sending();
}

hark::task<> serve(hark_loop *loop, int listening)
{
    room here;
    hark::tasks sessions(loop);
    {
        hark::accepts incoming(loop, listening);
        hark::result came;
        while ((came = co_await incoming.next()) || came == -EMFILE)
            if (!came) /* no descriptors: some will be given back */
                (void)co_await hark::sleep(loop, 100ms);
            else if (!sessions.start(session(here, loop, came.fd())))
                (void)co_await hark::close(loop, came.fd());
    }
    sessions.cancel();
    co_await sessions.join();
    (void)co_await hark::close(loop, listening);
}

hark::task<> interrupted(hark_loop *loop)
{
    hark::signals told(loop, SIGINT);
    (void)co_await told.next();
    co_return;
}

hark::task<> serve_until_interrupted(hark_loop *loop, int listening)
{
    (void)co_await hark::first(interrupted(loop), serve(loop, listening));
    co_return;
}

} // namespace

int main(int count, char **arguments)
{
    hark::loop loop;
    hark_address address;
    char text[HARK_ADDRESS_TEXT_MAX];

    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    std::snprintf(text, sizeof text, "127.0.0.1:%s", count > 1 ? arguments[1] : "7000");
    if (!hark_address_parse(text, &address) && loop.create()) {
        hark::result listening = hark_listen_at(loop, &address, 0, HARK_LISTEN_NO_DELAY);
        if (listening) {
            hark_os_getsockname(loop, listening.fd(), &address);
            std::printf("listening on %s\n", hark_address_format(&address, text, sizeof text));
            hark::run(loop, serve_until_interrupted(loop, listening.fd()));
            return 0;
        }
        std::fprintf(stderr, "29_chat_coroutines: %s: %s\n", text, listening.text());
    }
    return 1;
}
