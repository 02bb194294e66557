/* 22_echo_coroutines.cc - an echo server in C++20: each session is a coroutine.
 *
 * Shows: co_await for requests, with deadlines; hark::tasks, the sessions that run beside each
 * other; and an orderly end: the signal cancels the coroutine that accepts, which cancels its
 * sessions, waits for them, and closes. The bytes of a session stand in its frame. Nothing is
 * allocated but a frame for each session.
 *
 * Try:   ./22_echo_coroutines 7000 &          then, in other terminals:
 *        nc 127.0.0.1 7000
 *        head -c 100000000 /dev/zero | nc -N 127.0.0.1 7000 | wc -c
 */
#include "hark.hpp"

#include <csignal>
#include <cstdio>

#ifndef HARK_COROUTINES
#error "this example needs C++20"
#endif

namespace
{

using namespace std::chrono_literals;

hark::task<> echo(hark_loop *loop, int fd)
{
    char bytes[16384];

    while (hark::result came = co_await hark::recv(loop, fd, bytes)) {
        if (came.count() == 0) /* the client has sent all that it wants to send */
            break;
        /* Nothing more is read from one who does not take his answers; not for ever. */
        if (!co_await hark::send_all(loop, fd, {bytes, came.count()}).within(30s))
            break;
    }
    (void)co_await hark::close(loop, fd);
}

hark::task<> serve(hark_loop *loop, int listening)
{
    hark::tasks sessions(loop);
    hark::result came;

    while ((came = co_await hark::accept(loop, listening)) || came == -EMFILE)
        if (!came) /* no descriptors: some will be given back */
            (void)co_await hark::sleep(loop, 100ms);
        else if (!sessions.start(echo(loop, came.fd())))
            (void)co_await hark::close(loop, came.fd());
    std::printf("ending: %s, %zu sessions\n", came.name(), sessions.size());
    sessions.cancel();
    co_await sessions.join();
    (void)co_await hark::close(loop, listening);
}

/* Until the signal comes; then the job's owner ends, and so the server is cancelled. */
hark::task<> serve_until_signal(hark_loop *loop, int listening)
{
    hark::job<> server = hark::start(loop, serve(loop, listening));

    (void)co_await hark::signal(loop, SIGINT);
    server.cancel();
    co_await server;
}

int fail(const char *what, hark::result why)
{
    std::fprintf(stderr, "22_echo_coroutines: %s: %s\n", what, why.text());
    return 1;
}

} // namespace

int main(int count, char **arguments)
{
    hark::loop loop;
    hark_address address;
    char text[HARK_ADDRESS_TEXT_MAX];

    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    std::snprintf(text, sizeof text, "127.0.0.1:%s", count > 1 ? arguments[1] : "7000");
    if (hark::result parsed = hark_address_parse(text, &address); !parsed)
        return fail(text, parsed);
    if (hark::result made = loop.create(); !made)
        return fail("cannot make a loop", made);
    hark::result listening = hark_listen_at(loop, &address, 0, HARK_LISTEN_NO_DELAY);
    if (!listening)
        return fail(text, listening);
    hark_os_getsockname(loop, listening.fd(), &address);
    std::printf("listening on %s\n", hark_address_format(&address, text, sizeof text));
    hark::run(loop, serve_until_signal(loop, listening.fd()));
    return 0;
}
