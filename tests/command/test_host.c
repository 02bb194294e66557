/* test_host.c - which hosts a request may be for. */
#include "harness/harness.h"
#include "http/host.h"
#include "options/value.h"

#include <string.h>

static const char *const names[] = {"hark.example.org", "box"};

static bool allowed(const char *host)
{
    const struct connection_options options = {.hosts = names, .hosts_count = 2};
    return host_allowed(&options, host);
}

TEST(host_that_is_an_address_localhost_or_named_is_allowed)
{
    static const char *const rows[] = {
        "127.0.0.1",
        "127.0.0.1:12345",
        "192.0.2.7:80",
        "[::1]",
        "[2001:db8::1]:80",
        "localhost",
        "LocalHost:12345",
        "localhost.:",
        "localhost.:80",
        "hark.example.org:80",
        "HARK.EXAMPLE.ORG",
        "box",
        "box.",
        "",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!allowed(rows[i]))
            fail_msg("%s was refused", rows[i]);
}

TEST(host_that_nobody_named_is_refused)
{
    static const char *const rows[] = {
        "evil.example",
        "evil.example:12345",
        "1.evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.localhost",
        "127.0.0.1.",
        "127.1",
        "0x7f.1",
        "2130706433",
        "a.hark.example.org",
        "hark.example.orgs",
        "hark.example.org..:1",
        "bo",
        ":80",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (allowed(rows[i]))
            fail_msg("%s was allowed", rows[i]);
    assert_false(host_allowed(&(struct connection_options){.hosts = NULL}, "box"));
}

TEST(host_that_does_not_fit_a_name_is_refused)
{
    char host[1024];
    memset(host, 'a', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    assert_false(allowed(host));
}

TEST(loopback_is_127_and_the_one_of_ip6)
{
    static const struct {
        const char *text;
        bool is;
    } rows[] = {
        {"127.0.0.1:0", true},           {"127.255.0.9:1", true}, {"[::1]:1", true},
        {"[::ffff:127.0.0.1]:1", true},  {"*:1", false},          {"128.0.0.1:1", false},
        {"[::ffff:128.0.0.1]:1", false}, {"[fe80::1]:1", false},  {"unix:/x", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hark_address address;
        assert_int_equal(hark_address_parse(rows[i].text, &address), 0);
        if (host_is_loopback(&address) != rows[i].is)
            fail_msg("%s", rows[i].text);
    }
}

TEST(host_option_takes_names_alone)
{
    static const char *const wrong[] = {"", "http://a", "a:80", "a/", ".a", "a.", "[::1]", "a b"};
    assert_null(value_host("hark.example.org"));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (!value_host(wrong[i]))
            fail_msg("%s was taken", wrong[i]);
}
