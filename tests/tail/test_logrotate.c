/* test_logrotate.c - files that the real logrotate rotates, while they are followed and while
 * nobody looks. */
#include "tail/fixture.h"

#include <stdlib.h>
#include <sys/wait.h>

enum { ROTATIONS = 4, LINES = 10 };

/* Runs it over the one file. Gives: its exit code; -1: there is no such program. */
static int run_logrotate(void)
{
    char command[1024];
    snprintf(command, sizeof command, "PATH=$PATH:/usr/sbin; logrotate --force --state '%s'",
             harness_path("state"));
    size_t length = strlen(command);
    snprintf(command + length, sizeof command - length, " '%s'", harness_path("rules"));
    int status = system(command); /* NOLINT(cert-env33-c): of a test's own names */
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == 127 ? -1 : WEXITSTATUS(status); /* the shell's word for it */
}

static void write_rules(const char *rules)
{
    FILE *file = fopen(harness_path("rules"), "we");
    assert_non_null(file);
    fprintf(file, "\"%s\" {\nrotate 9\nmissingok\n%s}\n", harness_path("app.log"), rules);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(harness_path("rules"), 0600), 0);
}

/* Sets what is done to the file, and begins it; a user's own umask must not make its directory one
 * that logrotate refuses. */
static void set_rules(const char *rules)
{
    write_rules(rules);
    assert_int_equal(chmod(harness_path("."), 0700), 0);
    append_numbers("app.log", 0, LINES);
}

static void rotate(void)
{
    int code = run_logrotate();
    if (code < 0)
        harness_skip("no logrotate here (apt-get install logrotate)");
    assert_int_equal(code, 0);
}

/* Lines before and after each rotation, and all of them are there once and in order, then and after
 * a start. */
static void rotate_while_followed(struct hark_loop *loop, const char *rules)
{
    size_t count = LINES;
    set_rules(rules);
    struct server server = server_open(loop, "app.log", NULL, 0);
    wait_for_count(&server, count);
    for (int i = 0; i < ROTATIONS; i++) {
        append_numbers("app.log", count, count + LINES);
        wait_for_count(&server, count += LINES);
        rotate();
        append_numbers("app.log", count, count + LINES);
        wait_for_count(&server, count += LINES);
    }
    assert_numbers(&server, count);
    server_close(&server);
    server = server_open(loop, "app.log", NULL, 0);
    append_numbers("app.log", count, count + 1);
    wait_for_count(&server, count + 1);
    assert_numbers(&server, count + 1);
    server_close(&server);
}

/* So many rotations between an end and a start, with lines that nobody has seen before and after
 * each. Gives: the lines then. */
static size_t rotate_between(struct hark_loop *loop, size_t count, int rotations)
{
    struct server server = server_open(loop, "app.log", NULL, 0);
    wait_for_count(&server, count);
    server_close(&server);
    append_numbers("app.log", count, count + LINES);
    count += LINES;
    for (int i = 0; i < rotations; i++) {
        rotate();
        append_numbers("app.log", count, count + LINES);
        count += LINES;
    }
    server = server_open(loop, "app.log", NULL, 0);
    wait_for_count(&server, count);
    assert_numbers(&server, count);
    server_close(&server);
    return count;
}

static void rotate_while_away(struct hark_loop *loop, const char *rules, int rotations)
{
    set_rules(rules);
    size_t count = rotate_between(loop, LINES, rotations);
    rotate_between(loop, count, rotations);
}

BACKEND_TEST(logrotate_create_is_followed)
{
    rotate_while_followed(loop, "create\n");
}

BACKEND_TEST(logrotate_nocreate_is_followed)
{
    rotate_while_followed(loop, "nocreate\n");
}

BACKEND_TEST(logrotate_copytruncate_is_followed)
{
    rotate_while_followed(loop, "copytruncate\n");
}

BACKEND_TEST(logrotate_compress_is_followed)
{
    rotate_while_followed(loop, "create\ncompress\n");
}

BACKEND_TEST(logrotate_extension_is_followed)
{
    rotate_while_followed(loop, "create\nextension .log\n");
}

BACKEND_TEST(logrotate_olddir_is_followed)
{
    make_directory("old");
    rotate_while_followed(loop, "create\nolddir old\n");
}

BACKEND_TEST(logrotate_create_while_away_is_found)
{
    rotate_while_away(loop, "create\n", 3);
}

BACKEND_TEST(logrotate_create_before_the_ending_while_away_is_found)
{
    rotate_while_away(loop, "create\nextension .log\n", 3);
}

/* Once: a date is a name that is given once. */
BACKEND_TEST(logrotate_dateext_while_away_is_found)
{
    set_rules("create\ndateext\n");
    rotate_between(loop, LINES, 1);
}

BACKEND_TEST(logrotate_delaycompress_while_away_is_found)
{
    rotate_while_away(loop, "create\ncompress\ndelaycompress\n", 1);
}

BACKEND_TEST(logrotate_copytruncate_while_away_is_found)
{
    rotate_while_away(loop, "copytruncate\n", 1);
}

/* One rule after the other, each while nobody looks. */
static void rotate_mixed(struct hark_loop *loop, const char *const rules[], int count)
{
    size_t lines = LINES;
    set_rules(rules[0]);
    struct server server = server_open(loop, "app.log", NULL, 0);
    wait_for_count(&server, lines);
    server_close(&server);
    for (int i = 0; i < count; i++) {
        append_numbers("app.log", lines, lines + LINES);
        lines += LINES;
        write_rules(rules[i]);
        rotate();
    }
    append_numbers("app.log", lines, lines + LINES);
    lines += LINES;
    server = server_open(loop, "app.log", NULL, 0);
    wait_for_count(&server, lines);
    assert_numbers(&server, lines);
    server_close(&server);
}

BACKEND_TEST(logrotate_copytruncate_then_create_while_away_is_found)
{
    static const char *const rules[] = {"copytruncate\n", "create\n"};
    rotate_mixed(loop, rules, 2);
}

BACKEND_TEST(logrotate_create_then_copytruncate_while_away_is_found)
{
    static const char *const rules[] = {"create\n", "copytruncate\n"};
    rotate_mixed(loop, rules, 2);
}

BACKEND_TEST(logrotate_copytruncate_between_two_creates_while_away_is_found)
{
    static const char *const rules[] = {"create\n", "copytruncate\n", "create\n"};
    rotate_mixed(loop, rules, 3);
}

BACKEND_TEST(logrotate_create_between_two_copytruncates_while_away_is_found)
{
    static const char *const rules[] = {"copytruncate\n", "create\n", "copytruncate\n"};
    rotate_mixed(loop, rules, 3);
}

/* What is packed or moved elsewhere before anybody has seen it is lost, and told. */
static void assert_loss_is_told(struct hark_loop *loop, const char *rules)
{
    set_rules(rules);
    struct server server = server_open(loop, "app.log", NULL, 0);
    wait_for_count(&server, LINES);
    server_close(&server);
    append_file("app.log", "lost\n");
    rotate();
    append_file("app.log", "found\n");
    server = server_open(loop, "app.log", NULL, 0);
    wait_for_count(&server, LINES + 1);
    assert_true(reports.count > 0);
    server_close(&server);
}

BACKEND_TEST(logrotate_compress_while_away_is_told)
{
    assert_loss_is_told(loop, "create\ncompress\n");
}

BACKEND_TEST(logrotate_olddir_while_away_is_told)
{
    make_directory("old");
    assert_loss_is_told(loop, "create\nolddir old\n");
}
