/* A stream over whatever has descriptors: terminals, pipes with a name, files, what blocks by
 * itself. The loop goes on, and the descriptors stay as they are for whoever shares them. */
#include "net/witness.h"

#include "harness/world.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>

/* Both sides blocking, in raw mode. */
static void open_terminal(int *out_master, int *out_terminal)
{
    struct termios raw;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0)
        harness_skip("no pseudo-terminal: %s", strerror(errno));
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal >= 0);
    assert_int_equal(tcgetattr(terminal, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(terminal, TCSANOW, &raw), 0);
    *out_master = master;
    *out_terminal = terminal;
}

static void open_pair(struct hark_loop *loop, struct witness *stream, int in, int out)
{
    assert_result(
        CALL(hark_stream_open_pair(loop, &stream->stream, in, out, NULL, &witness_events)), 0);
}

static void run_until_total(struct hark_loop *loop, struct witness *stream, uint64_t total)
{
    while (stream->total < total)
        assert_true(hark_run_once(loop) >= 0);
}

/* As standard input and output of a program: two numbers for one terminal, or one. */
BACKEND_TEST(stream_over_a_terminal_reads_and_writes_and_leaves_it_blocking)
{
    if (harness_in_world())
        harness_skip("worlds have no terminals");
    for (int copies = 0; copies < 2; copies++) {
        struct witness stream = {0};
        int master, terminal;
        char got[5];
        open_terminal(&master, &terminal);
        int kept = dup(terminal);
        open_pair(loop, &stream, terminal, copies ? dup(terminal) : terminal);
        witness_collect(&stream, 5);
        witness_read_start(&stream);
        harness_settle(loop); /* with nothing to read the loop goes on */
        assert_int_equal(write(master, "typed", 5), 5);
        run_until_total(loop, &stream, 5);
        assert_memory_equal(stream.bytes, "typed", 5);
        assert_result(witness_write(&stream, "shown", 5), 0);
        while (hark_stream_queued(&stream.stream) > 0)
            assert_true(hark_run_once(loop) >= 0);
        assert_int_equal(read(master, got, 5), 5);
        assert_memory_equal(got, "shown", 5);
        assert_int_equal(fcntl(kept, F_GETFL) & O_NONBLOCK, 0);
        witness_close(loop, &stream);
        assert_int_equal(fcntl(kept, F_GETFL) & O_NONBLOCK, 0);
        close(kept);
        close(master);
        free(stream.bytes);
    }
}

BACKEND_TEST(stream_over_a_terminal_is_told_that_it_has_hung_up)
{
    if (harness_in_world())
        harness_skip("worlds have no terminals");
    struct witness stream = {0};
    int master, terminal;
    open_terminal(&master, &terminal);
    open_pair(loop, &stream, terminal, terminal);
    witness_watch(&stream);
    harness_settle(loop);
    assert_false(stream.gone);
    close(master);
    while (!stream.gone)
        assert_true((harness_backend() == HARK_BACKEND_SELECT ? hark_run_ready(loop)
                                                              : hark_run_once(loop)) >= 0);
    assert_result(stream.gone_error, 0);
    witness_close(loop, &stream);
}

/* More than the pipe holds: a blocking write would stand still. */
BACKEND_TEST(stream_over_blocking_pipes_with_a_name_never_blocks_the_loop)
{
    enum { COUNT = 200000 };
    static char sent[COUNT], got[COUNT];
    struct witness stream = {0};
    size_t count = 0;
    harness_fill(sent, COUNT, 3);
    assert_int_equal(mkfifo(harness_path("pipe"), 0600), 0);
    int both = open(harness_path("pipe"), O_RDWR | O_CLOEXEC);
    int out = open(harness_path("pipe"), O_WRONLY | O_CLOEXEC);
    int reader = open(harness_path("pipe"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(both >= 0 && out >= 0 && reader >= 0);
    close(both);
    open_pair(loop, &stream, -1, out);
    assert_true(witness_write(&stream, sent, COUNT) >= 0);
    harness_settle(loop);
    while (count < COUNT) {
        ssize_t piece = read(reader, got + count, COUNT - count);
        assert_true(piece > 0 || (piece < 0 && errno == EAGAIN));
        count += piece > 0 ? (size_t)piece : 0;
        assert_true(hark_run_ready(loop) >= 0);
    }
    assert_true(harness_filled(got, COUNT, 3));
    assert_int_equal(fcntl(out, F_GETFL) & O_NONBLOCK, 0);
    witness_close(loop, &stream);
    close(reader);
    unlink(harness_path("pipe"));
}

/* A program's standard input is a file when it is told so, and its output another. */
BACKEND_TEST(stream_from_file_to_file_reads_to_the_end_and_writes_all)
{
    enum { COUNT = 100000 };
    static char sent[COUNT], got[COUNT];
    struct witness stream = {0};
    harness_fill(sent, COUNT, 9);
    int in = open(harness_path("in"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int out = open(harness_path("out"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(in >= 0 && out >= 0);
    assert_int_equal(write(in, sent, COUNT), COUNT);
    assert_int_equal(lseek(in, 0, SEEK_SET), 0);
    open_pair(loop, &stream, in, out);
    witness_collect(&stream, COUNT);
    witness_read_start(&stream);
    harness_run_until(loop, &stream.ended);
    assert_result(stream.end, 0);
    assert_int_equal(stream.total, COUNT);
    assert_true(harness_filled(stream.bytes, COUNT, 9));
    assert_true(witness_write(&stream, sent, COUNT) >= 0);
    witness_close_after_sending(&stream);
    harness_run_until(loop, &stream.closed);
    out = open(harness_path("out"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(out, got, COUNT), COUNT);
    assert_true(harness_filled(got, COUNT, 9));
    close(out);
    unlink(harness_path("in"));
    unlink(harness_path("out"));
    free(stream.bytes);
}

/* Nobody is there who could go. */
BACKEND_TEST(stream_over_a_file_that_is_watched_is_told_an_error)
{
    struct witness stream = {0};
    int fd = open(harness_path("in"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    open_pair(loop, &stream, fd, -1);
    witness_watch(&stream);
    harness_run_until(loop, &stream.gone);
    assert_true(stream.gone_error < 0);
    witness_close(loop, &stream);
    unlink(harness_path("in"));
}

/* The default action would end the process. */
BACKEND_TEST(stream_over_a_pipe_without_a_reader_raises_no_sigpipe)
{
    struct witness stream = {0};
    int out[2];
    harness_pipe(out, 0);
    assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    close(out[0]);
    open_pair(loop, &stream, -1, out[1]);
    assert_result(witness_write(&stream, "x", 1), 0);
    harness_run_until(loop, &stream.failed);
    assert_result(stream.failed_error, -EPIPE);
    witness_close(loop, &stream);
}

BACKEND_TEST(stream_over_a_closed_number_tells_so_in_its_callbacks)
{
    struct witness stream = {0};
    int gone[2];
    harness_pipe(gone, 0);
    close(gone[0]);
    close(gone[1]);
    open_pair(loop, &stream, gone[0], gone[1]);
    witness_read_start(&stream);
    assert_result(witness_write(&stream, "x", 1), 0);
    harness_run_until(loop, &stream.ended);
    assert_result(stream.end, -EBADF);
    harness_run_until(loop, &stream.failed);
    assert_result(stream.failed_error, -EBADF);
    witness_close(loop, &stream);
}
