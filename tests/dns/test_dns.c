/* test_dns.c - libhark-dns: what a look-up finds, and with what it ends, with a name server of the
 * test's own in the same loop. */
#include "dns/resolving.h"

#include "adapters/numbers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOT = 40, MANY = 1000 };

/* --- what is found --- */

BACKEND_TEST(dns_finds_the_addresses_of_both_families_or_of_one)
{
    static const struct {
        const char *name;
        int family;
        const char *texts;
    } cases[] = {
        {"both.test", AF_UNSPEC, "[::1]:80 127.0.0.1:80"},
        {"both.test", AF_INET, "127.0.0.1:80"},
        {"both.test.", AF_INET6, "[::1]:80"},
        {"BOTH.test", AF_UNSPEC, "[::1]:80 127.0.0.1:80"},
        {"four.test", AF_UNSPEC, "127.0.0.1:80"},
        {"six.test", AF_UNSPEC, "[::1]:80"},
        {"twice.test", AF_INET, "127.0.0.1:80"},
        {"chain.test", AF_UNSPEC, "[::1]:80 127.0.0.1:80"},
        {"noise.test", AF_UNSPEC, "[::1]:80 127.0.0.1:80"},
    };
    struct resolving resolving;
    resolving_begin(loop, &resolving, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asking asking = {0};
        assert_result(asking_wait(&resolving, &asking, cases[i].name, cases[i].family), 0);
        asking_found(&asking, cases[i].texts);
    }
    resolving_end(&resolving);
}

BACKEND_TEST(dns_finds_by_tcp_what_is_too_long_for_udp)
{
    struct resolving resolving;
    struct asking asking = {0};
    resolving_begin(loop, &resolving, NULL);
    assert_result(asking_wait(&resolving, &asking, "many.test", AF_INET), 0);
    assert_int_equal(asking.lookup.count, LOT);
    assert_int_equal(resolving.server.udp_questions, 1);
    assert_int_equal(resolving.server.tcp_questions, 1);
    asking_done(&asking);
    resolving_end(&resolving);
}

BACKEND_TEST(dns_says_why_nothing_is_found)
{
    static const struct {
        const char *name;
        int family, error;
    } cases[] = {
        {"no-such-name.test", AF_UNSPEC, HARK_LOOKUP_NOT_FOUND},
        {"four.test", AF_INET6, HARK_LOOKUP_NOT_FOUND},
        {"nowhere.test", AF_UNSPEC, HARK_LOOKUP_NOT_FOUND},
        {"", AF_UNSPEC, HARK_LOOKUP_NOT_FOUND},
        {"nolocalhost", AF_UNSPEC, HARK_LOOKUP_NOT_FOUND},
        {"two..dots.both.test", AF_UNSPEC, HARK_LOOKUP_NOT_FOUND},
        {"servfail.test", AF_UNSPEC, HARK_LOOKUP_AGAIN},
        {"refused.test", AF_UNSPEC, HARK_LOOKUP_AGAIN},
        {"notimp.test", AF_INET, HARK_LOOKUP_AGAIN},
        {"formerr.test", AF_INET, HARK_LOOKUP_FAILED},
        {"garbage.test", AF_INET, HARK_LOOKUP_FAILED},
        {"drop.test", AF_INET, HARK_LOOKUP_AGAIN},
        {"cut.test", AF_INET, HARK_LOOKUP_AGAIN},
    };
    struct resolving resolving;
    resolving_begin(loop, &resolving, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asking asking = {0};
        int error = asking_wait(&resolving, &asking, cases[i].name, cases[i].family);
        if (error != cases[i].error)
            fail_msg("%s: %s", cases[i].name, hark_error_name(error));
    }
    resolving_end(&resolving);
}

BACKEND_TEST(dns_finds_at_once_what_nobody_needs_to_be_asked_for)
{
    static const struct {
        const char *host, *service;
        int family;
        unsigned flags;
        const char *texts;
    } cases[] = {
        {"127.0.0.1", "80", AF_UNSPEC, 0, "127.0.0.1:80"},
        {"::1", "12345", AF_UNSPEC, HARK_LOOKUP_NUMERIC, "[::1]:12345"},
        {"fe80::1%2", "1", AF_INET6, 0, "[fe80::1%2]:1"},
        {"10.1.2.3", NULL, AF_INET, 0, "10.1.2.3:0"},
        {NULL, "4711", AF_UNSPEC, HARK_LOOKUP_PASSIVE, "[::]:4711 0.0.0.0:4711 *:4711"},
        {NULL, "4711", AF_INET, 0, "127.0.0.1:4711"},
        {"localhost", "65535", AF_UNSPEC, 0, "[::1]:65535 127.0.0.1:65535"},
        {"any.LocalHost.", "0", AF_INET, 0, "127.0.0.1:0"},
    };
    struct resolving resolving;
    resolving_begin(loop, &resolving, NULL);
    size_t before = hark_loop_active(loop);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asking asking = {0};
        asking_start(&resolving, &asking, cases[i].host, cases[i].service, cases[i].family,
                     cases[i].flags);
        assert_int_equal(hark_loop_active(loop), before + 1); /* nothing but the op itself */
        harness_run_until(loop, &asking.ended);
        if (cases[i].host || cases[i].family == AF_INET)
            asking_found(&asking, cases[i].texts);
        else
            assert_int_equal(asking.lookup.count, 2);
        asking_done(&asking);
    }
    assert_int_equal(resolving.server.udp_questions, 0);
    resolving_end(&resolving);
}

BACKEND_TEST(dns_refuses_what_cannot_be_asked_for)
{
    static const struct {
        const char *host, *service;
        int family;
        unsigned flags;
        int error;
    } cases[] = {
        {"both.test", "no-such-service", AF_INET, 0, HARK_LOOKUP_SERVICE},
        {"both.test", "65536", AF_INET, 0, HARK_LOOKUP_SERVICE},
        {"both.test", "", AF_INET, 0, HARK_LOOKUP_SERVICE},
        {"both.test", "1", AF_UNSPEC, HARK_LOOKUP_NUMERIC, HARK_LOOKUP_NOT_FOUND},
        {"127.0.0.1", "1", AF_INET6, 0, HARK_LOOKUP_NOT_FOUND},
        {NULL, NULL, AF_UNSPEC, 0, HARK_LOOKUP_NOT_FOUND},
        {"both.test", "1", AF_UNIX, 0, -EAFNOSUPPORT},
        {"both.test", "1", AF_UNSPEC, HARK_LOOKUP_CONFIGURED, -EINVAL},
        {"both.test", "1", AF_UNSPEC, 1024, -EINVAL},
    };
    struct resolving resolving;
    resolving_begin(loop, &resolving, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asking asking = {0};
        asking_start(&resolving, &asking, cases[i].host, cases[i].service, cases[i].family,
                     cases[i].flags);
        harness_run_until(loop, &asking.ended);
        assert_result(asking.error, cases[i].error);
    }
    assert_int_equal(resolving.server.udp_questions, 0);
    resolving_end(&resolving);
}

BACKEND_TEST(dns_finds_the_port_of_a_service_by_its_name)
{
    struct resolving resolving;
    struct asking asking = {0};
    if (access("/etc/services", R_OK) < 0)
        harness_skip("no /etc/services");
    resolving_begin(loop, &resolving, NULL);
    asking_start(&resolving, &asking, "four.test", "https", AF_UNSPEC, 0);
    harness_run_until(loop, &asking.ended);
    asking_found(&asking, "127.0.0.1:443");
    resolving_end(&resolving);
}

/* --- domains --- */

BACKEND_TEST(dns_looks_in_the_domains_for_a_name_with_few_dots)
{
    static const struct {
        const char *name;
        unsigned ndots;
        int error;
        const char *first, *last; /* asked for */
    } cases[] = {
        {"four", 0, 0, "four.nothing", "four.test"},
        {"four", 2, 0, "four.nothing", "four.test"},
        {"x.four", 0, 0, "x.four", "x.four.test"},
        {"x.four", 2, 0, "x.four.nothing", "x.four.test"},
        {"four.test", 0, 0, "four.test", "four.test"},
        {"four.", 0, HARK_LOOKUP_NOT_FOUND, "four", "four"},
        {"nobody", 0, HARK_LOOKUP_NOT_FOUND, "nobody.nothing", "nobody"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct resolving resolving;
        struct asking asking = {0};
        resolving_begin(
            loop, &resolving,
            &(struct hark_dns_options){.domains = "nothing, test", .ndots = cases[i].ndots});
        assert_result(asking_wait(&resolving, &asking, cases[i].name, AF_INET), cases[i].error);
        assert_string_equal(resolving.server.first, cases[i].first);
        assert_string_equal(resolving.server.last, cases[i].last);
        asking_done(&asking);
        resolving_end(&resolving);
    }
}

BACKEND_TEST(dns_reads_domains_and_dots_from_resolv_conf)
{
    static const char text[] = "search nothing test\noptions ndots:2\n";
    struct resolving resolving;
    struct asking asking = {0};
    char path[256];
    close(harness_file("resolv.conf", text, sizeof text - 1));
    snprintf(path, sizeof path, "%s", harness_path("resolv.conf"));
    resolving_begin(loop, &resolving, &(struct hark_dns_options){.resolv_conf = path});
    assert_result(asking_wait(&resolving, &asking, "x.four", AF_INET), 0);
    assert_string_equal(resolving.server.first, "x.four.nothing");
    asking_found(&asking, "127.0.0.1:80");
    resolving_end(&resolving);
}

/* --- the file of hosts --- */

BACKEND_TEST(dns_takes_what_the_file_of_hosts_has_before_it_asks)
{
    static const char text[] = "# 10.9.9.9 commented\n"
                               "10.0.0.1\tone.test  first # one.test.behind\r\n"
                               "10.0.0.2 one.test\n"
                               "not-an-address one.test\n"
                               "\n"
                               "fd00::1 one.test ONE.test both.test\n"
                               "10.0.0.1 one.test\n"
                               "10.0.0.3 last";
    static const struct {
        const char *name;
        int family;
        const char *texts;
        int questions;
    } cases[] = {
        {"one.test", AF_INET, "10.0.0.1:80 10.0.0.2:80", 0},
        {"One.Test.", AF_UNSPEC, "10.0.0.1:80 10.0.0.2:80 [fd00::1]:80", 0},
        {"first", AF_UNSPEC, "10.0.0.1:80", 0},
        {"last", AF_INET, "10.0.0.3:80", 0},
        {"both.test", AF_UNSPEC, "[fd00::1]:80", 0},
        {"both.test", AF_INET, "127.0.0.1:80", 1}, /* of that family it has none */
    };
    struct resolving resolving;
    char path[256];
    close(harness_file("hosts", text, sizeof text - 1));
    snprintf(path, sizeof path, "%s", harness_path("hosts"));
    resolving_begin(loop, &resolving, &(struct hark_dns_options){.hosts_file = path});
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asking asking = {0};
        assert_result(asking_wait(&resolving, &asking, cases[i].name, cases[i].family), 0);
        asking_found(&asking, cases[i].texts);
        assert_int_equal(resolving.server.udp_questions, cases[i].questions);
    }
    struct asking asking = {0};
    assert_result(asking_wait(&resolving, &asking, "commented", AF_INET), HARK_LOOKUP_NOT_FOUND);
    assert_result(asking_wait(&resolving, &asking, "one.test.behind", AF_INET),
                  HARK_LOOKUP_NOT_FOUND);
    resolving_end(&resolving);
}

BACKEND_TEST(dns_finds_each_name_of_a_long_file_of_hosts)
{
    enum { NAMES = 20000 };
    struct resolving resolving;
    char *text = malloc(NAMES * 40), path[256];
    size_t count = 0;
    assert_non_null(text);
    for (unsigned i = 0; i < NAMES; i++)
        count += (size_t)sprintf(text + count, "10.0.%u.%u host-%u.test\n", i >> 8, i & 255,
                                 i * 7919 % NAMES);
    close(harness_file("hosts", text, count));
    free(text);
    snprintf(path, sizeof path, "%s", harness_path("hosts"));
    resolving_begin(loop, &resolving, &(struct hark_dns_options){.hosts_file = path});
    for (unsigned i = 0; i < NAMES; i += 997) {
        struct asking asking = {0};
        char name[32], is[32];
        snprintf(name, sizeof name, "host-%u.test", i * 7919 % NAMES);
        snprintf(is, sizeof is, "10.0.%u.%u:80", i >> 8, i & 255);
        assert_result(asking_wait(&resolving, &asking, name, AF_UNSPEC), 0);
        asking_found(&asking, is);
    }
    resolving_end(&resolving);
}

/* --- many, several servers --- */

BACKEND_TEST(dns_finds_a_thousand_names_at_once)
{
    static struct asking askings[MANY];
    struct resolving resolving;
    memset(askings, 0, sizeof askings);
    resolving_begin(loop, &resolving, &(struct hark_dns_options){.timeout_ns = 2000000000});
    for (int i = 0; i < MANY; i++) {
        char name[64];
        snprintf(name, sizeof name, "%d.%s.test", i, i % 10 ? "both" : "no-such-name");
        asking_start(&resolving, &askings[i], name, "80", AF_UNSPEC, 0);
    }
    for (int i = 0; i < MANY; i++) {
        harness_run_until(loop, &askings[i].ended);
        if (i % 10)
            asking_found(&askings[i], "[::1]:80 127.0.0.1:80");
        else
            assert_result(askings[i].error, HARK_LOOKUP_NOT_FOUND);
    }
    resolving_end(&resolving);
}

BACKEND_TEST(dns_asks_the_next_server_where_one_refuses_and_says_so_where_none_is_left)
{
    struct resolving resolving;
    struct asking asking = {0};
    char servers[128];
    int taken, other;
    uint16_t port = numbers_refusing_port(SOCK_DGRAM, &taken);
    snprintf(servers, sizeof servers, "127.0.0.1:%u", port);
    resolving_begin(loop, &resolving, &(struct hark_dns_options){.servers = servers});
    assert_result(asking_wait(&resolving, &asking, "both.test", AF_UNSPEC), HARK_LOOKUP_AGAIN);
    hark_dns_destroy(resolving.dns);
    snprintf(servers, sizeof servers, "127.0.0.1:%u,%s", numbers_refusing_port(SOCK_DGRAM, &other),
             resolving.server.text);
    const struct hark_dns_options options = {
        .servers = servers, .hosts_file = "", .resolv_conf = "", .rotate = true};
    assert_result(hark_dns_create(loop, &options, &resolving.dns), 0);
    for (int i = 0; i < 4; i++) {
        assert_result(asking_wait(&resolving, &asking, "both.test", AF_UNSPEC), 0);
        asking_found(&asking, "[::1]:80 127.0.0.1:80");
    }
    resolving_end(&resolving);
    close(taken);
    close(other);
}

/* --- its making --- */

BACKEND_TEST(dns_is_not_made_of_what_cannot_be_read)
{
    static const struct hark_dns_options refused[] = {
        {.servers = ""},
        {.servers = "localhost"},
        {.servers = "127.0.0.1:53,unix:/x"},
        {.servers = "127.0.0.1:0"},
        {.servers = "[fe80::1%1]:53"},
        {.ndots = 16},
        {.tries = 11},
        {.timeout_ns = HARK_NEVER},
    };
    struct hark_dns *dns = NULL;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_result(hark_dns_create(loop, &refused[i], &dns), -EINVAL);
    assert_result(hark_dns_create(loop, &(struct hark_dns_options){.hosts_file = "/"}, &dns),
                  -EISDIR);
    assert_null(dns);
    hark_dns_destroy(NULL);
}

BACKEND_TEST(dns_is_made_as_the_system_is_or_of_files_that_are_not_there)
{
    struct hark_dns *dns;
    const struct hark_dns_options options = {.servers = "127.0.0.1, ::1, [::1], [::1]:5353",
                                             .hosts_file = "/no/such/hosts",
                                             .resolv_conf = "/no/such/resolv.conf"};
    assert_result(hark_dns_create(loop, NULL, &dns), 0);
    hark_dns_destroy(dns);
    assert_result(hark_dns_create(loop, &options, &dns), 0);
    assert_int_equal(hark_loop_active(loop), 0);
    hark_dns_destroy(dns);
}
