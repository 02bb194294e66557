/* 14_pipe_or_prompt.c - reads lines from whatever standard input is, and answers each.
 *
 * Shows: hark_stream_open_pair makes a stream of two descriptors, pipes, files or a terminal, and
 * the loop is never blocked by them. On a terminal the line is edited here, key by key, under a
 * clock that goes on meanwhile: hark_tty_raw, hark_tty_size, SIGWINCH. However the program ends,
 * hark_tty_restore_all leaves the terminal as it was.
 *
 * Try:   ./14_pipe_or_prompt                  and type; Ctrl-D ends it
 *        seq 100000 | ./14_pipe_or_prompt | tail -n 1
 */
#include "hark.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 200 };

static struct prompt {
    struct hark_stream stream;
    struct hark_op clock, window, interrupt, terminate;
    bool is_terminal;
    unsigned columns, seconds, lines;
    size_t count; /* of the line that is being typed */
    char line[LINE_MAX_BYTES];
} prompt;

static void say(const char *text, int length)
{
    if (length > 0 && hark_stream_write(&prompt.stream, text, (size_t)length) == 1)
        hark_stream_read_stop(&prompt.stream); /* who reads us is slow: so are we */
}

/* The clock, and the end of the line where it is longer than the window. */
static void show(void)
{
    char text[LINE_MAX_BYTES + 64];
    size_t room = prompt.columns > 20 ? prompt.columns - 20 : 60;
    size_t shown = prompt.count < room ? prompt.count : room;
    if (prompt.is_terminal)
        say(text, snprintf(text, sizeof text, "\r\033[K[%u s] %.*s", prompt.seconds, (int)shown,
                           prompt.line + prompt.count - shown));
}

static void answer(void)
{
    char text[64];
    prompt.lines++;
    say(text, snprintf(text, sizeof text, "%sline %u: %zu letters\n",
                       prompt.is_terminal ? "\n" : "", prompt.lines, prompt.count));
    prompt.count = 0;
}

static void take(char letter)
{
    const char delete = 127, backspace = 8, control_d = 4;
    if (letter == '\n' || letter == '\r')
        answer();
    else if (prompt.is_terminal && letter == control_d)
        hark_stream_close_after_sending(&prompt.stream);
    else if (prompt.is_terminal && (letter == delete || letter == backspace))
        prompt.count -= prompt.count > 0;
    else if (prompt.count < sizeof prompt.line)
        prompt.line[prompt.count++] = letter;
}

static void received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    const char *letters = bytes;
    for (int64_t i = 0; i < count; i++)
        take(letters[i]);
    if (count > 0)
        show();
    else
        hark_stream_close_after_sending(stream); /* 0: the end; else the terminal is gone */
}

static void drained(struct hark_stream *stream)
{
    hark_stream_read_start(stream);
}

static void failed(struct hark_stream *stream, int error)
{
    (void)error; /* nobody reads any more */
    hark_stream_close(stream);
}

static void closed(struct hark_stream *stream)
{
    hark_cancel_all(stream->loop);
}

static const struct hark_stream_events events = {
    .received = received, .drained = drained, .failed = failed, .closed = closed};

static void second_passed(struct hark_op *op, int64_t periods)
{
    if (!hark_op_more(op))
        return;
    prompt.seconds += (unsigned)periods;
    show();
}

static void window_changed(struct hark_op *op, int64_t result)
{
    if (!hark_op_more(op) || result < 0)
        return;
    (void)hark_tty_size(STDIN_FILENO, &prompt.columns, NULL);
    show();
}

static void ended(struct hark_op *op, int64_t result)
{
    if (hark_op_more(op) && result > 0)
        hark_stream_close(&prompt.stream);
}

static void prompt_begin(struct hark_loop *loop)
{
    prompt.is_terminal = hark_os_isatty(STDIN_FILENO) && hark_os_isatty(STDOUT_FILENO);
    if (!prompt.is_terminal)
        return;
    atexit(hark_tty_restore_all);
    prompt.is_terminal = hark_tty_raw(STDIN_FILENO, HARK_TTY_SIGNALS | HARK_TTY_OUTPUT) == 0;
    (void)hark_tty_size(STDIN_FILENO, &prompt.columns, NULL);
    hark_signal_each(loop, &prompt.window, SIGWINCH, window_changed);
    hark_signal_each(loop, &prompt.interrupt, SIGINT, ended);
    hark_signal_each(loop, &prompt.terminate, SIGTERM, ended);
    hark_every(loop, &prompt.clock, 1000000000, second_passed);
}

int main(void)
{
    struct hark_loop *loop;
    int in = hark_os_dup(STDIN_FILENO), out = hark_os_dup(STDOUT_FILENO);
    if (hark_loop_create(NULL, &loop) < 0 ||
        hark_stream_open_pair(loop, &prompt.stream, in, out, NULL, &events) < 0)
        return 1;
    prompt_begin(loop);
    hark_stream_read_start(&prompt.stream);
    show();
    if (hark_run(loop) < 0 || hark_loop_destroy(loop) < 0)
        return 1;
    hark_tty_restore_all();
    fprintf(stderr, "%u lines\n", prompt.lines);
    return 0;
}
