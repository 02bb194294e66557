/* test_target.c - where webhooks may go. */
#include "harness/harness.h"

#include "subscriptions/target.h"

#include <arpa/inet.h>

static bool allows(enum target_reach reach, const char *text)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        return target_allows(reach, (struct sockaddr *)&in);
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return target_allows(reach, (struct sockaddr *)&in6);
}

TEST(addresses_of_no_public_network_are_refused)
{
    static const char *const inner[] = {"0.0.0.0",
                                        "0.1.2.3",
                                        "10.0.0.1",
                                        "100.64.0.1",
                                        "100.127.255.255",
                                        "169.254.169.254",
                                        "172.16.0.1",
                                        "172.31.255.255",
                                        "192.0.0.1",
                                        "192.0.2.1",
                                        "192.168.1.1",
                                        "198.18.0.1",
                                        "198.19.255.255",
                                        "198.51.100.1",
                                        "203.0.113.1",
                                        "224.0.0.1",
                                        "239.255.255.255",
                                        "240.0.0.1",
                                        "255.255.255.255",
                                        "::",
                                        "fe80::1",
                                        "fc00::1",
                                        "fdff::1",
                                        "ff02::1",
                                        "::ffff:10.0.0.1",
                                        "64:ff9b::a00:1",
                                        "2002:a00:1::1",
                                        "2001:db8::1",
                                        "2001::1",
                                        "::10.0.0.1",
                                        "::ffff:169.254.169.254",
                                        "2002:a9fe:a9fe::1"};
    static const char *const outer[] = {"1.1.1.1",       "9.255.255.255", "11.0.0.1",
                                        "100.63.0.1",    "100.128.0.1",   "172.15.0.1",
                                        "172.32.0.1",    "192.167.1.1",   "223.255.255.255",
                                        "2606:4700::11", "2001:4860::1",  "::ffff:1.1.1.1"};
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
        if (allows(TARGET_PUBLIC, inner[i]) || allows(TARGET_LOCAL, inner[i]) ||
            !allows(TARGET_ANY, inner[i]))
            fail_msg("%s", inner[i]);
    }
    for (size_t i = 0; i < sizeof outer / sizeof *outer; i++)
        if (!allows(TARGET_PUBLIC, outer[i]) || !allows(TARGET_LOCAL, outer[i]) ||
            allows(TARGET_NONE, outer[i]))
            fail_msg("%s", outer[i]);
}

TEST(this_machine_is_for_development_alone)
{
    static const char *const own[] = {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        assert_false(allows(TARGET_PUBLIC, own[i]));
        assert_true(allows(TARGET_LOCAL, own[i]));
        assert_false(allows(TARGET_NONE, own[i]));
    }
    assert_false(target_allows(TARGET_ANY, &(struct sockaddr){.sa_family = AF_UNIX}));
}

TEST(urls_are_looked_at_before_anything_is_asked)
{
    static const char *const never[] = {"",
                                        "example.org",
                                        "ftp://example.org/",
                                        "https://",
                                        "https:///x",
                                        "https://user@example.org/",
                                        "https://user:word@example.org/",
                                        "https://example.org/ x",
                                        "https://example.org\\@10.0.0.1/",
                                        "https://example.org/\r\nX: y"};
    static const char *const inner[] = {"https://10.0.0.1/", "https://[fc00::1]:8443/x",
                                        "https://[::ffff:10.0.0.1]/", "http://10.0.0.1/",
                                        "http://example.org/"};
    static const char *const own[] = {"http://localhost:1/x", "http://127.0.0.1", "http://[::1]/",
                                      "https://localhost/", "https://127.0.0.1:1/"};
    static const char *const good[] = {"https://example.org", "HTTPS://Example.org:8443/x?y#z",
                                       "https://1.1.1.1/", "https://[2606:4700::11]:443/"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        assert_non_null(target_check_url(TARGET_ANY, never[i]));
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
        assert_non_null(target_check_url(TARGET_PUBLIC, inner[i]));
        assert_non_null(target_check_url(TARGET_LOCAL, inner[i]));
        assert_null(target_check_url(TARGET_ANY, inner[i]));
    }
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        assert_non_null(target_check_url(TARGET_PUBLIC, own[i]));
        assert_null(target_check_url(TARGET_LOCAL, own[i]));
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_null(target_check_url(TARGET_PUBLIC, good[i]));
        assert_non_null(target_check_url(TARGET_NONE, good[i]));
    }
}
