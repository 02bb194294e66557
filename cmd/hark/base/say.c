/* say.c - lines on standard error, which may be a pipe or terminal that nobody drains.
 *
 * What must hold: in a log it never waits, and nowhere for long; and it never changes the flags of
 * descriptor 2, whose description belongs to the shell and to other processes as well. A line is
 * put together first and written at once, so that lines of processes which share a terminal or a
 * journal do not mix. How it is written without waiting depends on what standard error is:
 *
 *     a file               write: it takes what it is given
 *     a socket             send with MSG_DONTWAIT: the journal's is one
 *     a pipe, a terminal   a description of our own that does not block, opened through /proc
 *     where that is not allowed, as with the terminal of another user: poll, then a line that is
 *     below what a pipe takes whole
 *
 * Only the last can still wait, if another process fills a pipe in between.
 *
 * Threads that speak at the same time do not wait for each other either: a line is one write, and
 * what is kept between lines is counted atomically.
 */
#include "base/say.h"

#include "base/process.h"
#include "base/quote.h"
#include "hark.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const uint64_t second_ns = 1000000000;

enum { TEXT_BYTES = 1024, LINE_BYTES = 2 * TEXT_BYTES + 160, PATIENT_MS = 200 };

static PROCESS_LOCAL struct {
    _Atomic(bool) is_log;
    _Atomic(bool) is_journal;
    _Atomic(bool) cut;        /* the last line was taken in part */
    _Atomic(int) own;         /* the log's description; -1: none */
    _Atomic(uint64_t) unsaid; /* lines that were left out, and nobody knows */
    _Atomic(uint64_t) left_out;
    _Atomic(int) format;
    _Atomic(int) most;
} state = {.own = -1, .most = SAY_NOTE};

/* --- writing without waiting --- */

static int open_own(void)
{
    return hark_os_openat(AT_FDCWD, "/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY, 0);
}

static int64_t write_if_ready(const char *bytes, size_t count)
{
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (hark_os_poll(&ready, 1, 0) <= 0 || !(ready.revents & POLLOUT))
        return -EAGAIN;
    return hark_os_write(STDERR_FILENO, bytes, count);
}

static int64_t write_own(const char *bytes, size_t count)
{
    int fd = state.is_log ? state.own : open_own();
    if (fd < 0)
        return write_if_ready(bytes, count);
    int64_t written = hark_os_write(fd, bytes, count);
    if (!state.is_log)
        hark_os_close_unknown(fd);
    return written;
}

/* A command that a person waits for is worth a moment; what it says at its end would else be lost
 * in a pipe that is full just now. */
static void wait_a_moment(void)
{
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (!state.is_log)
        hark_os_poll(&ready, 1, PATIENT_MS);
}

static int64_t write_now(const char *bytes, size_t count)
{
    struct stat is;
    int error = hark_os_fstat(STDERR_FILENO, &is);
    if (error)
        return error;
    if (S_ISSOCK(is.st_mode))
        return hark_os_send(STDERR_FILENO, bytes, count, MSG_DONTWAIT);
    if (S_ISFIFO(is.st_mode) || S_ISCHR(is.st_mode))
        return write_own(bytes, count);
    return hark_os_write(STDERR_FILENO, bytes, count);
}

/* Gives: true: all of it is out. A file may take a part and then the rest; a line that is taken in
 * part alone is ended before the next. */
static bool put(const char *bytes, size_t count)
{
    char whole[LINE_BYTES + 1];
    bool before = atomic_exchange(&state.cut, false);
    size_t total = count + before, done = 0;
    int64_t written = 1;
    whole[0] = '\n';
    memcpy(whole + before, bytes, count);
    while (done < total && written > 0) {
        written = write_now(whole + done, total - done);
        done += written > 0 ? (size_t)written : 0;
    }
    if (done > 0 ? done < total : before)
        state.cut = true;
    return done == total;
}

/* --- lines --- */

static size_t put_time(char *text, size_t room)
{
    uint64_t now_ns = hark_os_clock_gettime(CLOCK_REALTIME);
    time_t whole = (time_t)(now_ns / second_ns);
    struct tm parts;
    char seconds[32];
    gmtime_r(&whole, &parts);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &parts);
    return (size_t)snprintf(text, room, "%s.%03dZ", seconds, (int)(now_ns % second_ns / 1000000));
}

/* The journal takes the level off its front. */
static size_t line_as_json(const char *priority, const char *level, const char *text, char *line)
{
    char time[40];
    put_time(time, sizeof time);
    size_t count =
        (size_t)snprintf(line, LINE_BYTES,
                         "%s{\"time\":\"%s\",\"level\":\"%s\",\"message\":", priority, time, level);
    count += quote_json(text, line + count);
    memcpy(line + count, "}\n", sizeof "}\n");
    return count + 2;
}

static size_t line_format(enum say_level level, const char *text, char *line)
{
    static const char *const words[] = {
        [SAY_ERROR] = "error", [SAY_WARNING] = "warning", [SAY_NOTE] = "note"};
    static const char *const priorities[] = {
        [SAY_ERROR] = "<3>", [SAY_WARNING] = "<4>", [SAY_NOTE] = "<6>"};
    size_t time = 0;
    if (state.is_log && state.format == SAY_JSON)
        return line_as_json(state.is_journal ? priorities[level] : "", words[level], text, line);
    if (state.is_journal)
        return (size_t)snprintf(line, LINE_BYTES, "%s%s\n", priorities[level], text);
    if (state.is_log)
        time = put_time(line, LINE_BYTES);
    return time + (size_t)snprintf(line + time, LINE_BYTES - time, "%shark: %s%s%s\n",
                                   state.is_log ? " " : "", state.is_log ? words[level] : "",
                                   state.is_log ? ": " : "", text);
}

static bool put_line(enum say_level level, const char *text)
{
    char line[LINE_BYTES];
    return put(line, line_format(level, text, line));
}

/* Gives: false: what was left out before cannot be said yet. */
static bool put_left_out(void)
{
    char text[128];
    uint64_t unsaid = atomic_exchange(&state.unsaid, 0);
    if (unsaid == 0)
        return true;
    snprintf(text, sizeof text, "lines left out here: %llu (standard error did not take them)",
             (unsigned long long)unsaid);
    if (put_line(SAY_WARNING, text))
        return true;
    atomic_fetch_add(&state.unsaid, unsaid);
    return false;
}

/* Names of files and what a peer says may hold anything: an LF would begin a line that looks like
 * one of ours, and a terminal obeys others. */
static void make_plain(char *text)
{
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
}

__attribute__((format(printf, 2, 0))) static void say_text(enum say_level level, const char *format,
                                                           va_list arguments)
{
    char text[TEXT_BYTES];
    int error = errno;
    if (state.is_log && (int)level > state.most)
        return;
    vsnprintf(text, sizeof text, format, arguments);
    make_plain(text);
    wait_a_moment();
    if (!put_left_out() || !put_line(level, text)) {
        atomic_fetch_add(&state.unsaid, 1);
        atomic_fetch_add_explicit(&state.left_out, 1, memory_order_relaxed);
    }
    errno = error;
}

void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say_text(SAY_ERROR, format, arguments);
    va_end(arguments);
}

void say_at(enum say_level level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say_text(level, format, arguments);
    va_end(arguments);
}

void say_progress(const char *text)
{
    write_now(text, strlen(text));
}

/* The system's words for an error begin with a capital letter; in the middle of a sentence they do
 * not, unless it is a name. */
const char *why(int64_t error)
{
    static _Thread_local char text[128];
    snprintf(text, sizeof text, "%s", hark_error_text(error));
    if (islower((unsigned char)text[1]))
        text[0] = (char)tolower((unsigned char)text[0]);
    return text;
}

/* --- the log --- */

/* systemd tells which socket is the journal's: whoever redirects standard error elsewhere does not
 * talk to it. */
static bool is_journal(void)
{
    const char *stream = hark_os_getenv("JOURNAL_STREAM");
    char own[64];
    struct stat is;
    if (!stream || hark_os_fstat(STDERR_FILENO, &is) < 0)
        return false;
    snprintf(own, sizeof own, "%llu:%llu", (unsigned long long)is.st_dev,
             (unsigned long long)is.st_ino);
    return strcmp(stream, own) == 0;
}

void say_begin_log(void)
{
    struct stat is;
    state.is_log = true;
    state.is_journal = is_journal();
    if (state.own < 0 && hark_os_fstat(STDERR_FILENO, &is) == 0 &&
        (S_ISFIFO(is.st_mode) || S_ISCHR(is.st_mode)))
        state.own = open_own();
}

void say_set_log(enum say_format format, enum say_level most)
{
    state.format = (int)format;
    state.most = (int)most;
}

void say_end_log(void)
{
    put_left_out();
    int own = atomic_exchange(&state.own, -1);
    if (own >= 0)
        hark_os_close_unknown(own);
    state.is_log = false;
    state.is_journal = false;
    say_set_log(SAY_TEXT, SAY_NOTE);
}

uint64_t say_left_out(void)
{
    return atomic_load_explicit(&state.left_out, memory_order_relaxed);
}
