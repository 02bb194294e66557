/* 21_echo_callbacks.cc - an echo server in C++17: events are member functions, objects own.
 *
 * Shows: a class derived from hark::listener and one from hark::stream, whose events are functions
 * of theirs by those names; hark::make, whose owner lets go of a session that then lives until it
 * has closed; back-pressure by `drained`; an op with a lambda for the signal that ends it all. What
 * was made first ends last: the loop, which waits for whatever is still closing.
 *
 * Try:   ./21_echo_callbacks 7000 &          then, in other terminals:
 *        nc 127.0.0.1 7000
 *        head -c 100000000 /dev/zero | nc -N 127.0.0.1 7000 | wc -c
 */
#include "hark.hpp"

#include <csignal>
#include <cstdio>

namespace
{

using namespace std::chrono_literals;

struct session : hark::stream<session> {
    void received(hark::view bytes, hark::result count)
    {
        if (!count)
            return close();
        if (count.count() == 0) /* the client has sent all that it wants to send */
            return close_after_sending();
        hark::result written = write(bytes);
        if (!written)
            close();
        else if (written.value() == 1) /* much is queued: it is not read until less is */
            read_stop();
    }
    void drained()
    {
        read_start();
    }
};

struct server : hark::listener<server> {
    void accepted(int fd)
    {
        auto made = hark::make<session>();
        if (!made) {
            hark_os_close(loop(), fd);
            return;
        }
        made->open(loop(), fd);
        made->write_timeout(30s); /* who takes nothing for so long has gone */
        made->read_start();
        made.detach(); /* from here on it is its own, until it has closed */
    }
};

int fail(const char *what, hark::result why)
{
    std::fprintf(stderr, "21_echo_callbacks: %s: %s\n", what, why.text());
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
    hark::result outcome = hark_address_parse(text, &address);
    if (!outcome)
        return fail(text, outcome);
    if (outcome = loop.create(); !outcome)
        return fail("cannot make a loop", outcome);
    auto serving = hark::make<server>();
    if (!serving)
        return fail(text, -ENOMEM);
    if (outcome = serving->open(loop, address, 0, HARK_LISTEN_NO_DELAY); !outcome)
        return fail(text, outcome);
    (void)serving->address(address);
    std::printf("listening on %s\n", hark_address_format(&address, text, sizeof text));

    hark::op told_to_end([&](hark::result) { loop.stop(); });
    told_to_end.start(hark::signal(loop, SIGINT));
    if (outcome = loop.run(); !outcome)
        return fail("cannot run", outcome);
    std::puts("ending");
    return 0;
}
