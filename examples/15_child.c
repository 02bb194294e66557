/* 15_child.c - runs a program, feeds it lines, and tells what it says and how it ends.
 *
 * Shows: hark_os_spawn gives a pidfd, and tells at once of a program that cannot be run. Its input
 * and outputs are pipes, over which go streams (hark_stream_open_pair). hark_waitid waits for its
 * end; the deadline of that op is the program's: past it, it is killed by its pidfd. No SIGCHLD.
 *
 * Try:   ./15_child 5 sort -rn
 *        ./15_child 1 sleep 60
 *        ./15_child 5 sh -c 'echo oops >&2; exit 3'
 */
#include "hark.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One of its outputs, and what has come of a line so far. */
struct output {
    struct hark_stream stream;
    const char *name;
    size_t count;
    char line[200];
};

static struct run {
    struct hark_op wait;
    siginfo_t end;
    int pidfd;
    bool late;
    struct hark_stream input;
    struct output out, err;
} run = {.out.name = "out", .err.name = "err"};

static void output_line(struct output *output)
{
    printf("%s: %.*s\n", output->name, (int)output->count, output->line);
    output->count = 0;
}

static void received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    struct output *output = hark_container_of(stream, struct output, stream);
    const char *letters = bytes;
    for (int64_t i = 0; i < count; i++) {
        if (letters[i] == '\n' || output->count == sizeof output->line)
            output_line(output);
        if (letters[i] != '\n')
            output->line[output->count++] = letters[i];
    }
    if (count > 0)
        return;
    if (output->count > 0)
        output_line(output);
    hark_stream_close(stream); /* nobody has the other end any more */
}

static void failed(struct hark_stream *stream, int error)
{
    (void)error; /* it has closed its input: that is its own affair */
    hark_stream_close(stream);
}

static void closed(struct hark_stream *stream)
{
    (void)stream;
}

static const struct hark_stream_events events = {
    .received = received, .failed = failed, .closed = closed};

static void ended(struct hark_op *op, int64_t result)
{
    if (result == -ETIMEDOUT) {
        run.late = true;
        hark_os_kill(run.pidfd, SIGKILL);
        hark_waitid(op->loop, op, run.pidfd, &run.end, ended);
        return;
    }
    hark_os_close(op->loop, run.pidfd);
    if (run.late) { /* what it has started itself may have the pipes open still */
        hark_stream_close(&run.out.stream);
        hark_stream_close(&run.err.stream);
    }
    hark_stream_close(&run.input);
}

/* Its end of each pipe is closed here: else we would be among those who could write. */
static int start(const char *const *arguments, int ours[3])
{
    int pipes[3][2];
    struct hark_child_descriptor descriptors[3];
    struct hark_child_options options = {.program = arguments[0],
                                         .arguments = arguments,
                                         .descriptors = descriptors,
                                         .descriptor_count = 3,
                                         .death_signal = SIGKILL};
    for (int i = 0; i < 3; i++) {
        if (pipe2(pipes[i], O_CLOEXEC) < 0)
            return -errno;
        int its = i == 0 ? 0 : 1; /* it reads the first, and writes the others */
        descriptors[i] = (struct hark_child_descriptor){pipes[i][its], i};
        ours[i] = pipes[i][!its];
    }
    int pidfd = hark_os_spawn(&options, NULL);
    for (int i = 0; i < 3; i++)
        hark_os_close_unknown(descriptors[i].fd);
    return pidfd;
}

static int follow(struct hark_loop *loop, const int ours[3], unsigned seconds)
{
    char line[16];
    if (hark_stream_open_pair(loop, &run.input, -1, ours[0], NULL, &events) < 0 ||
        hark_stream_open_pair(loop, &run.out.stream, ours[1], -1, NULL, &events) < 0 ||
        hark_stream_open_pair(loop, &run.err.stream, ours[2], -1, NULL, &events) < 0)
        return -1;
    for (int i = 1; i <= 10; i++)
        hark_stream_write(&run.input, line, (size_t)snprintf(line, sizeof line, "%d\n", i));
    hark_stream_end(&run.input);
    hark_stream_read_start(&run.out.stream);
    hark_stream_read_start(&run.err.stream);
    hark_waitid(loop, &run.wait, run.pidfd, &run.end, ended);
    hark_op_deadline(&run.wait, hark_now(loop) + seconds * UINT64_C(1000000000));
    return hark_run(loop);
}

int main(int count, char **words)
{
    struct hark_loop *loop;
    int ours[3] = {-1, -1, -1};
    if (count < 3) {
        fprintf(stderr, "usage: %s SECONDS PROGRAM [ARGUMENT...]\n", words[0]);
        return 2;
    }
    run.pidfd = start((const char *const *)words + 2, ours);
    if (run.pidfd < 0) {
        fprintf(stderr, "cannot run %s: %s\n", words[2], hark_error_text(run.pidfd));
        return 1;
    }
    if (hark_loop_create(NULL, &loop) < 0 ||
        follow(loop, ours, (unsigned)strtoul(words[1], NULL, 10)) < 0 ||
        hark_loop_destroy(loop) < 0)
        return 1;
    if (run.late)
        printf("it took too long: killed\n");
    else if (run.end.si_code == CLD_EXITED)
        printf("it has ended with %d\n", run.end.si_status);
    else
        printf("it was killed by signal %d\n", run.end.si_status);
    return 0;
}
