/* test_blocking.c - reads and writes on what blocks by itself: terminals, pipes with and without a
 * name. The loop goes on whatever the other side does, and the descriptor stays as it was. */
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

/* A pseudo-terminal in raw mode, both sides blocking: out[0] its master, out[1] the terminal. */
static void open_terminal(int out[2])
{
    struct termios raw;
    out[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (out[0] < 0)
        harness_skip("no pseudo-terminal: %s", strerror(errno));
    assert_int_equal(grantpt(out[0]), 0);
    assert_int_equal(unlockpt(out[0]), 0);
    out[1] = open(ptsname(out[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(out[1] >= 0);
    assert_int_equal(tcgetattr(out[1], &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(out[1], TCSANOW, &raw), 0);
}

/* A pipe with a name, both ends blocking. The kernel's own ways to call it without waiting are not
 * those of other pipes. */
static void open_named_pipe(int out[2])
{
    assert_int_equal(mkfifo(harness_path("pipe"), 0600), 0);
    int both = open(harness_path("pipe"), O_RDWR | O_CLOEXEC);
    out[0] = open(harness_path("pipe"), O_RDONLY | O_CLOEXEC);
    out[1] = open(harness_path("pipe"), O_WRONLY | O_CLOEXEC);
    assert_true(out[0] >= 0 && out[1] >= 0);
    assert_int_equal(close(both), 0);
}

static void open_pipe(int out[2])
{
    harness_pipe(out, 0);
}

/* The master's side written, the terminal's read. */
static void open_terminal_to_read(int out[2])
{
    int ends[2];
    open_terminal(ends);
    out[0] = ends[1];
    out[1] = ends[0];
}

/* Each kind: what is written into [1] can be read from [0]. */
static void (*const open_kind[])(int out[2]) = {open_terminal, open_terminal_to_read,
                                                open_named_pipe, open_pipe};
enum { KINDS = sizeof open_kind / sizeof open_kind[0] };

static void close_both(struct hark_loop *loop, const int ends[2])
{
    assert_int_equal(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
    unlink(harness_path("pipe"));
}

/* --- writing where nobody reads --- */

/* A thread of the kernel moves a terminal's bytes on, which makes room once more, at a time of its
 * own: so a write that seems to wait is waited for a moment, and may end all the same. */
static void write_until_it_waits(struct hark_loop *loop, struct harness_op *writing, int fd)
{
    static char bytes[1500];
    do {
        struct harness_op timer = {0};
        harness_op_again(writing);
        hark_write(loop, &writing->op, fd, bytes, sizeof bytes, HARK_AT_POSITION, harness_done);
        harness_settle(loop);
        if (!writing->ended) {
            hark_sleep(loop, &timer.op, 5000000, harness_done);
            assert_result(harness_wait(loop, &timer), 0);
        }
    } while (writing->ended && writing->result > 0);
    assert_false(writing->ended);
}

BACKEND_TEST(promise_09_write_that_nobody_reads_waits_and_the_loop_sleeps)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct harness_op writing = {0};
        uint64_t turns;
        int ends[2];
        open_kind[kind](ends);
        do {
            struct harness_op timer = {0};
            write_until_it_waits(loop, &writing, ends[1]);
            turns = hark_loop_metrics(loop)->turns;
            hark_sleep(loop, &timer.op, 20000000, harness_done);
            assert_result(harness_wait(loop, &timer), 0);
        } while (writing.ended && writing.result > 0);
        assert_false(writing.ended);
        assert_true(hark_loop_metrics(loop)->turns - turns <= 12);
        hark_cancel(&writing.op);
        assert_result(harness_wait(loop, &writing), -ECANCELED);
        close_both(loop, ends);
    }
}

BACKEND_TEST(promise_07_write_that_nobody_reads_keeps_its_deadline)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct harness_op writing = {0};
        int ends[2];
        open_kind[kind](ends);
        do {
            write_until_it_waits(loop, &writing, ends[1]);
            hark_op_deadline(&writing.op, hark_now(loop) + 1000000);
        } while (harness_wait(loop, &writing) > 0);
        assert_result(writing.result, -ETIMEDOUT);
        close_both(loop, ends);
    }
}

static void set_non_blocking(const int ends[2], bool on)
{
    for (int i = 0; i < 2; i++)
        assert_int_equal(fcntl(ends[i], F_SETFL,
                               (fcntl(ends[i], F_GETFL) & ~O_NONBLOCK) | (on ? O_NONBLOCK : 0)),
                         0);
}

/* A shell does so with the terminal that it gives to a program. */
BACKEND_TEST(descriptor_that_another_process_makes_blocking_blocks_no_loop)
{
    for (int kind = 0; kind < KINDS; kind++) {
        int ends[2];
        char byte;
        struct harness_op writing = {0};
        struct harness_op reading = {0};
        open_kind[kind](ends);
        set_non_blocking(ends, true);
        hark_write(loop, &writing.op, ends[1], "x", 1, HARK_AT_POSITION, harness_done);
        assert_result(harness_wait(loop, &writing), 1);
        hark_read(loop, &reading.op, ends[0], &byte, 1, HARK_AT_POSITION, harness_done);
        assert_result(harness_wait(loop, &reading), 1);
        set_non_blocking(ends, false);
        harness_op_again(&reading);
        hark_read(loop, &reading.op, ends[0], &byte, 1, HARK_AT_POSITION, harness_done);
        harness_settle(loop);
        assert_false(reading.ended);
        hark_cancel(&reading.op);
        assert_result(harness_wait(loop, &reading), -ECANCELED);
        write_until_it_waits(loop, &writing, ends[1]);
        hark_cancel(&writing.op);
        harness_run(loop);
        close_both(loop, ends);
    }
}

BACKEND_TEST(write_that_waits_goes_on_once_somebody_reads)
{
    static char bytes[1 << 17];
    for (int kind = 0; kind < KINDS; kind++) {
        struct harness_op writing = {0};
        int ends[2];
        open_kind[kind](ends);
        write_until_it_waits(loop, &writing, ends[1]);
        while (!writing.ended) {
            assert_true(read(ends[0], bytes, sizeof bytes) > 0);
            harness_settle(loop);
        }
        assert_true(writing.result > 0);
        close_both(loop, ends);
    }
}

BACKEND_TEST(promise_08_close_of_a_full_terminal_ends_the_write)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct harness_op writing = {0};
        int ends[2];
        open_kind[kind](ends);
        write_until_it_waits(loop, &writing, ends[1]);
        harness_close(loop, ends[1]);
        assert_true(writing.ended);
        assert_result(writing.result, -ECANCELED);
        harness_close(loop, ends[0]);
        unlink(harness_path("pipe"));
    }
}

/* --- reading what another may take --- */

/* Both descriptors are reported as readable for the same bytes; the one that comes second must wait
 * again. */
BACKEND_TEST(read_that_another_reader_wins_waits_on)
{
    char bytes[2][8];
    for (int kind = 0; kind < KINDS; kind++) {
        struct harness_op reading[2] = {0};
        int ends[2];
        open_kind[kind](ends);
        int copy = fcntl(ends[0], F_DUPFD_CLOEXEC, 0);
        hark_read(loop, &reading[0].op, ends[0], bytes[0], 8, HARK_AT_POSITION, harness_done);
        hark_read(loop, &reading[1].op, copy, bytes[1], 8, HARK_AT_POSITION, harness_done);
        harness_settle(loop);
        assert_int_equal(write(ends[1], "abc", 3), 3);
        while (!reading[0].ended && !reading[1].ended)
            assert_true(hark_run_once(loop) >= 0);
        harness_settle(loop);
        int second = reading[0].ended;
        assert_result(reading[!second].result, 3);
        assert_false(reading[second].ended);
        assert_int_equal(write(ends[1], "de", 2), 2);
        assert_result(harness_wait(loop, &reading[second]), 2);
        assert_memory_equal(bytes[second], "de", 2);
        harness_close(loop, copy);
        close_both(loop, ends);
    }
}

BACKEND_TEST(read_of_a_blocking_descriptor_is_cancelled)
{
    char byte;
    for (int kind = 0; kind < KINDS; kind++) {
        struct harness_op reading = {0};
        int ends[2];
        open_kind[kind](ends);
        hark_read(loop, &reading.op, ends[0], &byte, 1, HARK_AT_POSITION, harness_done);
        harness_settle(loop);
        hark_cancel(&reading.op);
        assert_result(harness_wait(loop, &reading), -ECANCELED);
        close_both(loop, ends);
    }
}

/* A terminal's hang-up is told to those that had it open: it is not opened anew behind their
 * backs. */
BACKEND_TEST(terminal_that_hangs_up_ends_reads_and_writes)
{
    char byte;
    struct harness_op reading = {0};
    struct harness_op writing = {0};
    int ends[2];
    open_terminal(ends);
    hark_read(loop, &reading.op, ends[1], &byte, 1, HARK_AT_POSITION, harness_done);
    harness_settle(loop);
    harness_close(loop, ends[0]);
    int64_t read_result = harness_wait(loop, &reading);
    assert_true(read_result == 0 || read_result == -EIO);
    hark_write(loop, &writing.op, ends[1], "x", 1, HARK_AT_POSITION, harness_done);
    assert_result(harness_wait(loop, &writing), -EIO);
    harness_close(loop, ends[1]);
}

/* --- what a pipe promises --- */

BACKEND_TEST(promise_12_wrong_end_of_a_pipe_gives_ebadf)
{
    char byte = 0;
    for (int kind = 2; kind < KINDS; kind++) {
        struct harness_op reading = {0};
        struct harness_op writing = {0};
        int ends[2];
        open_kind[kind](ends);
        hark_read(loop, &reading.op, ends[1], &byte, 1, HARK_AT_POSITION, harness_done);
        hark_write(loop, &writing.op, ends[0], &byte, 1, HARK_AT_POSITION, harness_done);
        harness_run(loop);
        assert_result(reading.result, -EBADF);
        assert_result(writing.result, -EBADF);
        close_both(loop, ends);
    }
}

BACKEND_TEST(promise_12_vectors_into_a_pipe_are_one_write)
{
    char bytes[PIPE_BUF];
    struct iovec vector[3] = {
        {.iov_base = (char[]){"ab"}, .iov_len = 2}, {.iov_base = NULL}, {.iov_base = bytes}};
    memset(bytes, 'x', sizeof bytes);
    vector[2].iov_len = sizeof bytes - 2;
    for (int kind = 2; kind < KINDS; kind++) {
        char in[PIPE_BUF];
        struct harness_op writing = {0};
        int ends[2];
        open_kind[kind](ends);
        write_until_it_waits(loop, &writing, ends[1]);
        hark_cancel(&writing.op);
        harness_run(loop);
        harness_op_again(&writing);
        hark_writev(loop, &writing.op, ends[1], vector, 3, HARK_AT_POSITION, harness_done);
        harness_settle(loop);
        while (!writing.ended) {
            assert_true(read(ends[0], in, sizeof in) > 0);
            harness_settle(loop);
        }
        assert_result(writing.result, PIPE_BUF);
        close_both(loop, ends);
    }
}

BACKEND_TEST(promise_12_bad_vector_gives_efault)
{
    for (int kind = 0; kind < KINDS; kind++) {
        const struct iovec *nowhere = (const struct iovec *)8;
        struct harness_op writing = {0};
        int ends[2];
        open_kind[kind](ends);
        hark_writev(loop, &writing.op, ends[1], nowhere, 1, HARK_AT_POSITION, harness_done);
        assert_result(harness_wait(loop, &writing), -EFAULT);
        close_both(loop, ends);
    }
}

/* Where the other side has nothing to say yet, too, and while another read waits. */
BACKEND_TEST(promise_12_read_of_no_bytes_gives_zero_at_once)
{
    char byte;
    for (int kind = 0; kind <= KINDS; kind++) {
        struct harness_op waiting = {0};
        struct harness_op reading = {0};
        int ends[2];
        if (kind < KINDS)
            open_kind[kind](ends);
        else
            harness_tcp_pair(loop, ends);
        hark_read(loop, &waiting.op, ends[0], &byte, 1, HARK_AT_POSITION, harness_done);
        harness_settle(loop);
        hark_read(loop, &reading.op, ends[0], &byte, 0, HARK_AT_POSITION, harness_done);
        assert_result(harness_wait(loop, &reading), 0);
        assert_false(waiting.ended);
        harness_close(loop, ends[0]);
        harness_close(loop, ends[1]);
        unlink(harness_path("pipe"));
    }
}
