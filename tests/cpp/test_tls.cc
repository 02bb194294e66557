/* test_tls.cc - TLS in C++: hark/cpp/tls.hpp, over hark::connection and hark::stream. C++20,
 * without exceptions and run-time types. */
#include "hark/cpp/tls.hpp"

#include "cpp/coroutines.hpp"

extern "C" {
#include "tls/authority.h"
}

#include <cerrno>

namespace
{

/* A server's and a client's context, with certificates of the test's own. */
struct contexts {
    contexts()
    {
        paper_authority(&authority);
        paper_server(&server_paper, &authority);
        certificate = paper_as_certificate(&server_paper);
        hark_tls_error why;
        assert_came(server.create(for_server(), &why), 0);
        hark_tls_options options = {};
        options.ca_pem = authority.pem;
        assert_came(client.create(options, &why), 0);
        assert_false(client.get() == nullptr);
    }
    contexts(const contexts &) = delete;
    ~contexts()
    {
        paper_done(&server_paper);
        paper_done(&authority);
    }
    hark_tls_options for_server() const
    {
        hark_tls_options options = {};
        options.server = true;
        options.certificates = &certificate;
        options.certificate_count = 1;
        return options;
    }

    paper authority = {};
    paper server_paper = {};
    hark_tls_certificate certificate = {};
    hark::tls server, client;
};

hark::task<> answers(hark_loop *loop, int fd, const contexts &with)
{
    hark::connection peer;
    hark::result shaken = co_await hark::open_tls(peer, loop, fd, with.server);
    if (!shaken) {
        assert_true(std::strlen(hark_tls_why(peer.c())) > 0);
        co_return;
    }
    while (hark::piece came = co_await peer.read())
        if (hark::result written = co_await peer.write(came.bytes); !written)
            break;
    co_await peer.close_after_sending();
}

hark::task<std::string> asks(hark_loop *loop, int fd, const contexts &with, const char *name)
{
    hark::connection server;
    hark::result shaken = co_await hark::open_tls(server, loop, fd, with.client, name);
    if (!shaken)
        co_return shaken.name();
    hark::result written = co_await server.write("hello"sv);
    assert_came(written, 0);
    std::string answer;
    while (answer.size() < 5) {
        hark::piece came = co_await server.read();
        assert_true(static_cast<bool>(came));
        answer += came.bytes.text();
    }
    assert_non_null(hark_tls_version(server.c()));
    co_await server.close_after_sending();
    co_return answer;
}

std::string talk(hark_loop *loop, const contexts &with, const char *name)
{
    int ends[2];
    harness_tcp_pair(loop, ends);
    hark::job<> answering = hark::start(loop, answers(loop, ends[0], with));
    std::string given = hark::run(loop, asks(loop, ends[1], with, name));
    harness_run(loop);
    assert_true(answering.done());
    return given;
}

BACKEND_TEST(connection_speaks_over_tls)
{
    contexts with;
    assert_true(talk(loop, with, "localhost") == "hello");
    assert_true(talk(loop, with, "another.test") == "EKEYREJECTED");
}

hark::task<> reloads(hark_loop *loop, contexts &with)
{
    hark_tls_options options = with.for_server();
    hark::reloaded good = co_await hark::reload_tls(loop, with.server, options);
    assert_true(static_cast<bool>(good));
    hark_tls_certificate wrong = {};
    wrong.chain_pem = "no certificate";
    options.certificates = &wrong;
    hark::reloaded bad = co_await hark::reload_tls(loop, with.server, options);
    assert_came(bad.error, -EINVAL);
    assert_true(std::strlen(bad.why.text) > 0);
}

BACKEND_TEST(certificates_are_reloaded)
{
    contexts with;
    hark::run(loop, reloads(loop, with));
    hark::tls fresh;
    assert_came(fresh.create(with.for_server()), 0);
    assert_came(with.server.replace(std::move(fresh)), 0);
    assert_true(fresh.get() == nullptr);
    hark::tls of_a_client = std::move(with.client);
    assert_came(with.server.replace(std::move(of_a_client)), -EINVAL);
    with.client = std::move(of_a_client);
    assert_true(talk(loop, with, "localhost") == "hello");
}

struct listening_client : hark::stream<listening_client> {
    void connected(hark::result outcome)
    {
        result = outcome;
        close();
    }
    hark::result result = -EINVAL;
};

BACKEND_TEST(stream_with_callbacks_speaks_over_tls)
{
    contexts with;
    int ends[2];
    harness_tcp_pair(loop, ends);
    listening_client client;
    assert_came(hark::open_tls(client, loop, ends[1], with.client, nullptr), -EINVAL);
    assert_came(hark::open_tls(client, loop, ends[1], with.client, "localhost"), 0);
    hark::job<> answering = hark::start(loop, answers(loop, ends[0], with));
    harness_run(loop);
    assert_came(client.result, 0);
    assert_true(answering.done());
}

hark::task<> connects_by_name(hark_loop *loop, const contexts &with, const char *port)
{
    hark::connection server;
    hark_stream_name name = {};
    name.host = "127.0.0.1";
    name.service = port;
    hark::result shaken = co_await hark::connect_tls(server, loop, name, with.client);
    assert_came(shaken, 0);
    co_await server.close();
}

hark::task<> accepts_one(hark_loop *loop, int fd, const contexts &with)
{
    hark::result came = co_await hark::accept(loop, fd);
    co_await answers(loop, came.fd(), with);
    (void)co_await hark::close(loop, fd);
}

BACKEND_TEST(connection_connects_to_a_name_over_tls)
{
    contexts with;
    hark_address address;
    int fd = harness_listen(loop, &address);
    std::string port = std::to_string(ntohs(address.name.ip4.sin_port));
    hark::job<> serving = hark::start(loop, accepts_one(loop, fd, with));
    hark::run(loop, connects_by_name(loop, with, port.c_str()));
    harness_run(loop);
    assert_true(serving.done());
}

} // namespace
