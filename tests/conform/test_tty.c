/* test_tty.c - terminals: their size, raw mode and back, also when the program ends. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void open_terminal(int *out_master, int *out_terminal)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0)
        harness_skip("no pseudo-terminal: %s", strerror(errno));
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal >= 0);
    *out_master = master;
    *out_terminal = terminal;
}

static struct termios settings_of(int fd)
{
    struct termios settings;
    memset(&settings, 0, sizeof settings);
    assert_int_equal(tcgetattr(fd, &settings), 0);
    return settings;
}

static void assert_as_before(int fd, const struct termios *before)
{
    struct termios now = settings_of(fd);
    assert_int_equal(now.c_iflag, before->c_iflag);
    assert_int_equal(now.c_oflag, before->c_oflag);
    assert_int_equal(now.c_lflag, before->c_lflag);
    assert_int_equal(now.c_cflag, before->c_cflag);
    assert_memory_equal(now.c_cc, before->c_cc, sizeof now.c_cc);
}

static bool is_raw(int fd)
{
    return !(settings_of(fd).c_lflag & ICANON);
}

TEST(tty_of_what_is_no_terminal_is_refused)
{
    int ends[2];
    unsigned columns = 7, rows = 8;
    harness_pipe(ends, 0);
    assert_result(hark_tty_size(ends[0], &columns, &rows), -ENOTTY);
    assert_result(hark_tty_raw(ends[0], 0), -ENOTTY);
    assert_result(hark_tty_restore(ends[0]), 0);
    close(ends[0]);
    close(ends[1]);
    assert_result(hark_tty_size(ends[0], &columns, &rows), -EBADF);
    assert_result(hark_tty_raw(ends[0], 0), -EBADF);
    assert_int_equal(columns, 7); /* written on success alone */
    assert_int_equal(rows, 8);
}

static void window_changed(struct hark_op *op, int64_t result)
{
    assert_true(result == SIGWINCH || result == -ECANCELED);
    if (hark_op_more(op))
        hark_cancel(op);
}

/* The kernel tells the group in the foreground alone: the signal is sent as that would. */
BACKEND_TEST(tty_size_is_what_was_set_and_its_change_is_an_event)
{
    if (harness_in_world())
        harness_skip("worlds have no terminals");
    struct winsize size = {.ws_col = 91, .ws_row = 33};
    struct hark_op changes = {0};
    int master, terminal;
    unsigned columns, rows;
    open_terminal(&master, &terminal);
    assert_result(hark_tty_size(terminal, &columns, &rows), 0);
    assert_int_equal(columns, 0);
    hark_signal_each(loop, &changes, SIGWINCH, window_changed);
    assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
    assert_int_equal(raise(SIGWINCH), 0);
    harness_run(loop);
    assert_result(hark_tty_size(terminal, &columns, &rows), 0);
    assert_int_equal(columns, 91);
    assert_int_equal(rows, 33);
    assert_result(hark_tty_size(terminal, NULL, NULL), 0);
    close(terminal);
    close(master);
}

TEST(tty_is_raw_and_then_as_it_was)
{
    if (harness_in_world())
        harness_skip("worlds have no terminals");
    int master, terminal;
    char got[8];
    open_terminal(&master, &terminal);
    struct termios before = settings_of(terminal), raw = before;
    assert_true(before.c_lflag & ICANON);
    assert_result(hark_tty_raw(terminal, 0), 0);
    cfmakeraw(&raw);
    assert_as_before(terminal, &raw); /* what the C library means by it */
    assert_int_equal(write(master, "\x03k", 2), 2);
    assert_int_equal(read(terminal, got, sizeof got), 2); /* without a line's end */
    assert_memory_equal(got, "\x03k", 2);
    assert_result(hark_tty_raw(terminal, HARK_TTY_SIGNALS | HARK_TTY_OUTPUT), 0);
    assert_true(settings_of(terminal).c_lflag & ISIG);
    assert_true(settings_of(terminal).c_oflag & OPOST);
    assert_true(is_raw(terminal));
    assert_result(hark_tty_raw(terminal, 4), -EINVAL);
    assert_result(hark_tty_restore(terminal), 0);
    assert_as_before(terminal, &before);
    assert_result(hark_tty_raw(terminal, 0), 0);
    hark_tty_restore_all();
    assert_as_before(terminal, &before);
    assert_result(hark_tty_restore(terminal), 0); /* it is not raw */
    close(terminal);
    close(master);
}

TEST(tty_nine_at_once_are_one_too_many)
{
    if (harness_in_world())
        harness_skip("worlds have no terminals");
    int masters[9], terminals[9];
    for (int i = 0; i < 9; i++) {
        open_terminal(&masters[i], &terminals[i]);
        assert_result(hark_tty_raw(terminals[i], 0), i < 8 ? 0 : -EMFILE);
    }
    assert_false(is_raw(terminals[8])); /* what is not remembered is not changed */
    assert_result(hark_tty_restore(terminals[3]), 0);
    assert_result(hark_tty_raw(terminals[8], 0), 0);
    hark_tty_restore_all();
    for (int i = 0; i < 9; i++) {
        assert_false(is_raw(terminals[i]));
        close(terminals[i]);
        close(masters[i]);
    }
}

/* What it was before is what the first has found, whoever puts it back; the first may be closed. */
TEST(tty_is_one_by_whichever_descriptor)
{
    if (harness_in_world())
        harness_skip("worlds have no terminals");
    int master, terminal, other;
    open_terminal(&master, &terminal);
    other = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(other >= 0);
    struct termios before = settings_of(terminal);
    assert_result(hark_tty_raw(terminal, 0), 0);
    assert_result(hark_tty_raw(other, HARK_TTY_SIGNALS), 0);
    assert_true(settings_of(terminal).c_lflag & ISIG);
    assert_result(hark_tty_restore(terminal), 0);
    assert_as_before(terminal, &before);
    assert_result(hark_tty_restore(other), 0);
    assert_as_before(terminal, &before);
    assert_result(hark_tty_raw(terminal, 0), 0);
    assert_result(hark_tty_raw(other, 0), 0);
    hark_tty_restore_all();
    assert_as_before(terminal, &before);
    assert_result(hark_tty_raw(terminal, 0), 0);
    close(terminal);
    assert_result(hark_tty_restore(other), 0);
    assert_as_before(other, &before);
    close(other);
    close(master);
}

/* By /dev/tty a terminal has another name: the later of the two is put back first. */
static int raw_by_two_names(const char *path)
{
    if (setsid() < 0)
        return 2;
    int terminal = open(path, O_RDWR), controlling = open("/dev/tty", O_RDWR); /* it is ours now */
    struct termios before = settings_of(terminal);
    if (controlling < 0)
        return 3;
    if (hark_tty_raw(controlling, 0) < 0 || hark_tty_raw(terminal, 0) < 0 || !is_raw(terminal))
        return 4;
    hark_tty_restore_all();
    assert_as_before(terminal, &before);
    return 0;
}

TEST(tty_by_two_names_is_put_back_in_order)
{
    if (harness_in_world())
        harness_skip("worlds have no terminals");
    int master, terminal, status;
    open_terminal(&master, &terminal);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(raw_by_two_names(ptsname(master)));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(terminal);
    close(master);
}

static void put_back_and_end(int number)
{
    hark_tty_restore_all();
    signal(number, SIG_DFL);
    raise(number);
}

/* A program of its own, that ends in some way with the terminal raw. */
static void end_raw(int terminal, int way, int ready)
{
    atexit(hark_tty_restore_all);
    signal(SIGSEGV, put_back_and_end);
    if (hark_tty_raw(terminal, 0) < 0)
        _exit(3);
    if (write(ready, is_raw(terminal) ? "r" : "c", 1) != 1)
        _exit(4);
    if (way == 0)
        exit(0);
    raise(SIGSEGV);
    _exit(5);
}

TEST(tty_is_put_back_when_the_program_exits_or_crashes)
{
    if (harness_in_world())
        harness_skip("worlds have no terminals");
    for (int way = 0; way < 2; way++) {
        int master, terminal, ready[2], status;
        char state;
        open_terminal(&master, &terminal);
        struct termios before = settings_of(terminal);
        harness_pipe(ready, 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            end_raw(terminal, way, ready[1]);
        assert_int_equal(read(ready[0], &state, 1), 1);
        assert_int_equal(state, 'r');
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(way == 0 ? WIFEXITED(status) && WEXITSTATUS(status) == 0
                             : WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
        assert_as_before(terminal, &before);
        close(ready[0]);
        close(ready[1]);
        close(terminal);
        close(master);
    }
}
