/* test_options_serve.c - the command line of `hark serve` into its options. */
#include "base/say.h"
#include "harness/harness.h"
#include "server/command.h"
#include "server/server.h"

#include <string.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 64 };

/* What the last parse came to; lists and texts are checked inside, where they live. */
static void (*check)(const struct serve_options *options);
static int checked;

static int take(const struct serve_options *options)
{
    checked++;
    check(options);
    return EXIT_DONE;
}

/* Parses words; the list ends with NULL. Gives: the exit code. */
static int parse(void (*look)(const struct serve_options *options), const char *const *words)
{
    static char copies[ARGUMENTS_MAX][512];
    char *argv[ARGUMENTS_MAX + 2] = {strcpy(copies[0], "serve")};
    int argc = 1;
    for (; words[argc - 1]; argc++)
        argv[argc] = strcpy(copies[argc], words[argc - 1]);
    check = look;
    checked = 0;
    return options_serve_parse(argc, argv, take);
}

#define PARSE(look, ...) parse((look), (const char *const[]){__VA_ARGS__, NULL})

static void expect_defaults(const struct serve_options *options)
{
    assert_int_equal(options->http_count, 1);
    assert_string_equal(options->http[0], "127.0.0.1:12345");
    assert_int_equal(options->lines_count, 1);
    assert_string_equal(options->lines[0], "127.0.0.1:12346");
    assert_string_equal(options->data, "./hark-data");
    assert_int_equal(options->log.sync, LOG_SYNC_ALWAYS);
    assert_int_equal(options->tails_count, 0);
    assert_int_equal(options->backend, HARK_BACKEND_AUTO);
    assert_int_equal(options->threads, 1);
    assert_null(options->config);
}

TEST(nothing_said_gives_the_defaults)
{
    assert_int_equal(parse(expect_defaults, (const char *const[]){NULL}), EXIT_DONE);
    assert_int_equal(checked, 1);
}

static void expect_lists(const struct serve_options *options)
{
    assert_int_equal(options->http_count, 3);
    assert_string_equal(options->http[0], ":1");
    assert_string_equal(options->http[2], ":3");
    assert_int_equal(options->lines_count, 0);
    assert_int_equal(options->tails_count, 3);
    assert_string_equal(options->tails[0].path, "/a=b");
    assert_string_equal(options->tails[0].stream, "c");
    assert_string_equal(options->tails[2].path, "/e");
}

TEST(repeated_options_make_lists)
{
    assert_int_equal(PARSE(expect_lists, "--http", ":1", "--http=:2", "--http", ":3", "--lines",
                           "off", "-t", "/a=b=c", "--tail", "/d=d", "--tail", "/e=d"),
                     EXIT_DONE);
    assert_int_equal(checked, 1);
}

static void expect_tls(const struct serve_options *options)
{
    bool plain;
    assert_string_equal(options->tls.certificate, "/chain.pem");
    assert_string_equal(options->tls.key, "/key.pem");
    assert_string_equal(options->tls.client_ca, "/ca.pem");
    assert_int_equal(options->http_count, 2);
    assert_string_equal(serve_address(options->http[0], &plain), "*:4437");
    assert_false(plain);
    assert_string_equal(serve_address(options->http[1], &plain), "12345");
    assert_true(plain);
}

TEST(tls_has_its_files_and_ports_without_it)
{
    assert_int_equal(PARSE(expect_tls, "--http", "*:4437", "--http", "plain:12345", "--tls-cert",
                           "/chain.pem", "--tls-key", "/key.pem", "--tls-client-ca", "/ca.pem"),
                     EXIT_DONE);
    assert_int_equal(checked, 1);
}

TEST(tls_files_without_a_certificate_are_refused)
{
    assert_int_equal(PARSE(expect_tls, "--tls-key", "/key.pem"), EXIT_USAGE);
    assert_int_equal(PARSE(expect_tls, "--tls-client-ca", "/ca.pem"), EXIT_USAGE);
    assert_int_equal(PARSE(expect_tls, "--tls-cert", ""), EXIT_USAGE);
    assert_int_equal(PARSE(expect_tls, "--http", "plain:"), EXIT_USAGE);
    assert_int_equal(checked, 0);
}

static void expect_values(const struct serve_options *options)
{
    assert_int_equal(options->log.sync, LOG_SYNC_INTERVAL);
    assert_int_equal(options->log.sync_interval_ns, 250000000);
    assert_int_equal(options->log.retain_bytes, 1 << 30);
    assert_true(options->log.retain_age_ns == UINT64_C(7) * 86400 * 1000000000);
    assert_int_equal(options->log.segment_bytes, 1 << 20);
    assert_int_equal(options->log.streams_max, 3);
    assert_int_equal(options->connections_max, 100);
    assert_int_equal(options->threads, 5);
    assert_true(options->broker.heartbeat_ns == 3000000000);
    assert_int_equal(options->backend, HARK_BACKEND_POLL);
    assert_string_equal(options->connection.allow_origin, "*");
    assert_true(options->stages_ns == UINT64_C(60) * 1000000000);
    assert_int_equal(options->stall_ns, 1000000);
    assert_true(options->quiet);
}

static void expect_config(const struct serve_options *options)
{
    assert_true(options->quiet);
    assert_non_null(options->config);
}

static void expect_nothing(const struct serve_options *options)
{
    (void)options;
}

TEST(config_has_a_short_form)
{
    int fd =
        harness_file("short.ini", "[serve] ; here\n\n  # nothing\nquiet = yes ; not a word\n", 49);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(PARSE(expect_config, "-c", harness_path("short.ini")), EXIT_DONE);
    assert_int_equal(checked, 1);
}

TEST(server_without_ports_and_files_is_refused)
{
    assert_int_equal(PARSE(expect_defaults, "--http", "off", "--lines", "off"), EXIT_USAGE);
    assert_int_equal(checked, 0);
}

TEST(values_land_in_their_fields)
{
    assert_int_equal(PARSE(expect_values, "--sync", "250ms", "--retention-bytes", "1G",
                           "--retention-age", "7d", "--segment-bytes", "1M", "--connections-max",
                           "100", "--threads", "5", "--heartbeat", "3s", "-b", "poll",
                           "--streams-max", "3", "--allow-origin", "*", "--stages", "1m", "--stall",
                           "1ms", "-q"),
                     EXIT_DONE);
    assert_int_equal(checked, 1);
}

/* It stands in the head of every answer: what has no room there would end every connection without
 * one. */
TEST(origin_that_is_none_is_refused)
{
    char text[300] = "https://";
    assert_int_equal(PARSE(expect_nothing, "--allow-origin", "https://[::1]:8443"), EXIT_DONE);
    assert_int_equal(PARSE(expect_nothing, "--allow-origin", ""), EXIT_USAGE);
    assert_int_equal(
        PARSE(expect_nothing, "--allow-origin", "https://a.example, https://b.example"),
        EXIT_USAGE);
    assert_int_equal(PARSE(expect_nothing, "--allow-origin", "https://a.example\r\nX: y"),
                     EXIT_USAGE);
    memset(text + 8, 'a', 262);
    assert_int_equal(PARSE(expect_nothing, "--allow-origin", text), EXIT_DONE);
    text[270] = 'a';
    assert_int_equal(PARSE(expect_nothing, "--allow-origin", text), EXIT_USAGE);
}

TEST(stalls_are_as_long_as_can_be_watched)
{
    assert_int_equal(PARSE(expect_nothing, "--stall", "0"), EXIT_DONE);
    assert_int_equal(PARSE(expect_nothing, "--stall", "36500d"), EXIT_DONE);
    assert_int_equal(PARSE(expect_nothing, "--stall", "999us"), EXIT_USAGE);
    assert_int_equal(PARSE(expect_nothing, "--stall", "36501d"), EXIT_USAGE);
    assert_int_equal(PARSE(expect_nothing, "--stall", "often"), EXIT_USAGE);
}

TEST(command_line_goes_before_the_file)
{
    static const char text[] =
        "http = :1\nhttp = :2\ntail = /f=f\nsync = 250ms\nretention-bytes = "
        "1G\nretention-age = 7d\n"
        "segment-bytes = 9M\nstreams-max = 3\nconnections-max = 100\nthreads = 5\nheartbeat "
        "= 3s\nbackend = poll\nallow-origin = *\nstages = 1m\nstall = 1ms\nquiet = on\n";
    int fd = harness_file("hark.ini", text, sizeof text - 1);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(
        PARSE(expect_values, "--segment-bytes", "1M", "--config", harness_path("hark.ini")),
        EXIT_DONE);
    assert_int_equal(checked, 1);
}

static void expect_pattern(const struct serve_options *options)
{
    assert_int_equal(options->tails_count, 1);
    assert_string_equal(options->tails[0].path, "/a/*.log");
    assert_string_equal(options->tails[0].stream, "x-{name}");
}

TEST(tail_takes_a_pattern_as_the_last_name)
{
    assert_int_equal(PARSE(expect_pattern, "-t", "/a/*.log=x-{name}"), EXIT_DONE);
    assert_int_equal(checked, 1);
    assert_int_equal(PARSE(expect_pattern, "-t", "/*/a.log=x"), EXIT_USAGE);
    assert_int_equal(PARSE(expect_pattern, "-t", "/a/*.log={nam}"), EXIT_USAGE);
    assert_int_equal(PARSE(expect_pattern, "-t", "/a/a.log={name}"), EXIT_USAGE);
}
