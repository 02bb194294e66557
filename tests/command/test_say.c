/* test_say.c - lines on standard error that nobody drains: none of them waits, none goes missing
 * without being counted. */
#include "base/say.h"
#include "fault/faults.h"
#include "harness/harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Standard error is this descriptor until said() gives it back. */
static int before = -1;

static void say_to(int fd)
{
    before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    assert_true(before >= 0);
    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
}

static void say_as_before(void)
{
    dup2(before, STDERR_FILENO);
    close(before);
}

/* Reads all that is there, without waiting, behind the bytes that were stuffed in. */
static const char *said(int fd, size_t stuffed)
{
    static char bytes[1 << 20];
    size_t count = 0;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (ssize_t got; (got = read(fd, bytes + count, sizeof bytes - 1 - count)) > 0;)
        count += (size_t)got;
    bytes[count] = '\0';
    assert_true(count >= stuffed);
    return bytes + stuffed;
}

static void full_takes_nothing_and_the_next_line_tells(int reader, int writer)
{
    uint64_t left_out = say_left_out();
    say_to(writer);
    say_begin_log();
    int flags = fcntl(STDERR_FILENO, F_GETFL);
    size_t stuffed = harness_stuff(writer);
    for (int i = 0; i < 3; i++)
        say("nobody sees this");
    assert_int_equal(fcntl(STDERR_FILENO, F_GETFL), flags);
    assert_int_equal(say_left_out() - left_out, 3);
    said(reader, stuffed);
    say("here again");
    say("and again");
    say_end_log();
    say_as_before();
    const char *text = said(reader, 0);
    const char *told = strstr(text, "hark: warning: lines left out here: 3 (");
    assert_non_null(told);
    assert_non_null(strstr(told, "hark: error: here again\n"));
    assert_non_null(strstr(told, "hark: error: and again\n"));
    assert_null(strstr(strchr(told, '\n'), "left out"));
    assert_null(strstr(text, "nobody"));
    assert_int_equal(say_left_out() - left_out, 3);
    close(reader);
    close(writer);
}

TEST(line_for_a_full_pipe_is_left_out_and_counted)
{
    int ends[2];
    harness_pipe(ends, 0);
    full_takes_nothing_and_the_next_line_tells(ends[0], ends[1]);
}

TEST(line_for_a_full_socket_is_left_out_and_counted)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    full_takes_nothing_and_the_next_line_tells(ends[0], ends[1]);
}

/* A terminal that nobody reads takes a part of a line at the end: how many lines go in is the
 * kernel's. */
TEST(line_for_a_full_terminal_is_left_out_and_counted)
{
    uint64_t left_out = say_left_out();
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
        harness_skip("no terminal can be had here");
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(slave >= 0);
    say_to(slave);
    say_begin_log();
    for (int i = 0; i < 20000 && say_left_out() == left_out; i++)
        say("line %d for a terminal that nobody reads", i);
    assert_true(say_left_out() > left_out);
    assert_false(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK);
    for (int i = 0; i < 64 && *said(master, 0); i++)
        ;
    say("here again");
    say_end_log();
    say_as_before();
    assert_non_null(strstr(said(master, 0), "hark: error: here again\r\n"));
    close(slave);
    close(master);
}

TEST(line_that_a_file_takes_in_parts_is_whole)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    int fd = fileno(file);
    uint64_t left_out = say_left_out();
    say_to(fd);
    int fault = FAULT(.calls = "kernel_write", .at_most = 5, .times = 2);
    say("one after the other");
    say("and the next");
    say_as_before();
    assert_int_equal(fault_met(fault), 2);
    fault_end(fault);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_string_equal(said(fd, 0), "hark: one after the other\nhark: and the next\n");
    assert_int_equal(say_left_out() - left_out, 0);
    (void)fclose(file);
}

TEST(line_outside_of_a_log_does_not_wait_for_ever)
{
    uint64_t left_out = say_left_out();
    int ends[2];
    harness_pipe(ends, 0);
    say_to(ends[1]);
    size_t stuffed = harness_stuff(ends[1]);
    say("nobody sees this");
    said(ends[0], stuffed);
    say("here again");
    say_progress("50 %");
    say_as_before();
    assert_string_equal(
        said(ends[0], 0),
        "hark: lines left out here: 1 (standard error did not take them)\nhark: here again\n50 %");
    assert_int_equal(say_left_out() - left_out, 1);
    close(ends[0]);
    close(ends[1]);
}

TEST(line_for_a_pipe_without_reader_is_counted)
{
    uint64_t left_out = say_left_out();
    int ends[2];
    harness_pipe(ends, 0);
    signal(SIGPIPE, SIG_IGN);
    say_to(ends[1]);
    say_begin_log();
    close(ends[0]);
    say("to nobody");
    say_end_log();
    say_as_before();
    assert_int_equal(say_left_out() - left_out, 1);
    close(ends[1]);
}

enum { SPEAKERS = 4, SENTENCES = 500 };

static void *speak(void *context)
{
    for (int i = 0; i < SENTENCES; i++)
        say_at(SAY_NOTE, "%s %d", (const char *)context, i);
    return NULL;
}

TEST(lines_of_threads_that_speak_at_once_are_whole_and_all_there)
{
    static char names[SPEAKERS][2] = {"a", "b", "c", "d"};
    pthread_t threads[SPEAKERS];
    int next[SPEAKERS] = {0};
    char line[128];
    int fd = harness_file("said", "", 0);
    say_to(fd);
    say_begin_log();
    for (int i = 0; i < SPEAKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, speak, names[i]), 0);
    for (int i = 0; i < SPEAKERS; i++)
        pthread_join(threads[i], NULL);
    say_end_log();
    say_as_before();
    FILE *file = fdopen(fd, "r");
    rewind(file);
    while (fgets(line, sizeof line, file)) {
        char name;
        int number;
        assert_int_equal(sscanf(line, "%*s hark: note: %c %d\n", &name, &number), 2);
        assert_in_range(name, 'a', 'd');
        assert_int_equal(number, next[name - 'a']++); /* each thread's in its order */
    }
    for (int i = 0; i < SPEAKERS; i++)
        assert_int_equal(next[i], SENTENCES);
    fclose(file);
}

static const char *said_to_file(const char *name, enum say_level level)
{
    int fd = harness_file(name, "", 0);
    say_to(fd);
    say_begin_log();
    say_at(level, "%s", "it rains");
    say_end_log();
    say_as_before();
    lseek(fd, 0, SEEK_SET);
    const char *text = said(fd, 0);
    close(fd);
    return text;
}

TEST(line_of_a_log_has_time_and_level)
{
    static const char pattern[] = "0000-00-00T00:00:00.000Z ";
    const char *text = said_to_file("log", SAY_NOTE);
    for (size_t i = 0; i < sizeof pattern - 1; i++)
        assert_true(pattern[i] == '0' ? text[i] >= '0' && text[i] <= '9' : text[i] == pattern[i]);
    assert_string_equal(text + sizeof pattern - 1, "hark: note: it rains\n");
}

/* A file's name may be anything but what ends it: it makes no line of its own, and no terminal
 * obeys it. */
TEST(what_a_line_holds_of_others_ends_no_line_and_controls_no_terminal)
{
    int ends[2];
    harness_pipe(ends, 0);
    say_to(ends[1]);
    say("cannot read %s",
        "a\n2026-01-31T12:00:00.000Z hark: error: forged\x1b[31m\r\t\x7f\xc3\xa9");
    say_as_before();
    assert_string_equal(
        said(ends[0], 0),
        "hark: cannot read a?2026-01-31T12:00:00.000Z hark: error: forged?[31m???\xc3\xa9\n");
    close(ends[0]);
    close(ends[1]);
}

TEST(line_for_the_journal_has_the_level_in_its_form)
{
    struct stat is;
    char stream[64];
    int fd = harness_file("journal", "", 0);
    assert_int_equal(fstat(fd, &is), 0);
    close(fd);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)is.st_dev,
             (unsigned long long)is.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    assert_string_equal(said_to_file("journal", SAY_WARNING), "<4>it rains\n");
    /* Redirected elsewhere: the variable is there all the same. */
    assert_non_null(strstr(said_to_file("log", SAY_ERROR), "Z hark: error: it rains\n"));
    unsetenv("JOURNAL_STREAM");
}
