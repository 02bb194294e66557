/* scenario.c - timers, sockets, files, paths, threads, signals, a listener and streams in one run
 * that survives every fault.
 *
 * What must hold: the scenario waits for nothing that a fault could keep from coming: it turns the
 * loop a bounded number of times and then closes and cancels all that is left. */
#include "harness/scenario.h"
#include "harness/lacking.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { TIMERS = 200, BYTES = 5000, STREAM_BYTES = 20000, HIGH_DESCRIPTOR = 700, DESCRIPTORS = 32 };

struct scenario {
    struct hark_loop *loop;
    struct harness_op ops[SCENARIO_OPS];
    int started;
    int descriptors[DESCRIPTORS];
    int descriptor_count;
    struct hark_listener listener;
    struct hark_stream client;
    struct hark_stream server;
    struct hark_address address;
    struct hark_address listen_address;
    bool listener_open;
    bool client_open;
    bool server_open;
    uint64_t echoed;
    struct statx status;
    struct msghdr messages[2];
    struct iovec vectors[4];
    char out[BYTES];
    char in[8][BYTES];
    char stream_out[STREAM_BYTES];
};

static struct scenario scenario; /* as large as it is, and its address is known to callbacks */

static struct hark_op *next_op(void)
{
    assert_true(scenario.started < SCENARIO_OPS);
    return &scenario.ops[scenario.started++].op;
}

/* A descriptor that the scenario closes at its end. */
static int keep(int fd)
{
    assert_true(fd >= 0 && scenario.descriptor_count < DESCRIPTORS);
    scenario.descriptors[scenario.descriptor_count++] = fd;
    return fd;
}

static void keep_pair(const int pair[2])
{
    keep(pair[0]);
    keep(pair[1]);
}

/* --- timers, threads, signals --- */

static int64_t work(struct hark_op *op)
{
    (void)op;
    return 5;
}

static void cancel_after_two(struct harness_op *self, int64_t result)
{
    if (result > 0 && self->calls >= 2)
        hark_cancel(&self->op);
}

static void cancel_after_one(struct harness_op *self, int64_t result)
{
    if (result > 0)
        hark_cancel(&self->op);
}

static void start_timers_and_threads(void)
{
    struct hark_loop *loop = scenario.loop;
    for (unsigned index = 0; index < TIMERS; index++)
        hark_sleep(loop, next_op(), index * 100, harness_done);
    scenario.ops[scenario.started].then = cancel_after_two;
    hark_every(loop, next_op(), 1000, harness_done);
    hark_nop(loop, next_op(), harness_done);
    hark_op_deadline(&scenario.ops[scenario.started - 1].op, HARK_NEVER - 1);
    hark_defer(loop, next_op(), harness_done);
    for (int index = 0; index < 4; index++)
        hark_work(loop, next_op(), work, harness_done);
    for (int index = 0; index < 3; index++)
        hark_post(loop, next_op(), harness_done);
    scenario.ops[scenario.started].then = cancel_after_one;
    hark_signal_each(loop, next_op(), SIGUSR2, harness_done);
}

/* --- sockets --- */

static void cancel_after_all(struct harness_op *self, int64_t result)
{
    if (result > 0 && self->total == BYTES)
        hark_cancel(&self->op);
}

static void start_sockets(int (*pairs)[2], int listener, int connecting, int high)
{
    struct hark_loop *loop = scenario.loop;
    scenario.vectors[0] = (struct iovec){.iov_base = scenario.in[0], .iov_len = BYTES};
    scenario.vectors[1] = (struct iovec){.iov_base = scenario.out, .iov_len = BYTES};
    scenario.messages[0] = (struct msghdr){.msg_iov = &scenario.vectors[0], .msg_iovlen = 1};
    scenario.messages[1] = (struct msghdr){.msg_iov = &scenario.vectors[1], .msg_iovlen = 1};
    scenario.ops[scenario.started].then = cancel_after_all;
    hark_recv_each(loop, next_op(), pairs[0][0], harness_done);
    hark_send(loop, next_op(), pairs[0][1], scenario.out, BYTES, MSG_WAITALL, harness_done);
    hark_recv(loop, next_op(), pairs[1][0], scenario.in[1], BYTES, MSG_WAITALL, harness_done);
    hark_send(loop, next_op(), pairs[1][1], scenario.out, BYTES, MSG_WAITALL, harness_done);
    hark_recvmsg(loop, next_op(), pairs[2][0], &scenario.messages[0], 0, harness_done);
    hark_sendmsg(loop, next_op(), pairs[2][1], &scenario.messages[1], 0, harness_done);
    hark_poll(loop, next_op(), pairs[0][1], HARK_POLL_WRITABLE, harness_done);
    scenario.ops[scenario.started].then = cancel_after_two;
    hark_poll_each(loop, next_op(), pairs[1][1], HARK_POLL_WRITABLE, harness_done);
    hark_accept(loop, next_op(), listener, NULL, NULL, harness_done);
    hark_connect(loop, next_op(), connecting, &scenario.address.name.any, scenario.address.length,
                 harness_done);
    hark_socket(loop, next_op(), AF_INET, SOCK_STREAM, 0, harness_done);
    hark_recv(loop, next_op(), high, scenario.in[2], BYTES, 0, harness_done);
    hark_send(loop, next_op(), pairs[3][1], scenario.out, 10, 0, harness_done);
    hark_shutdown(loop, next_op(), pairs[4][0], SHUT_WR, harness_done);
    hark_read(loop, next_op(), pairs[4][1], scenario.in[3], BYTES, HARK_AT_POSITION, harness_done);
}

/* --- files --- */

static void start_files(int fd, int directory)
{
    struct hark_loop *loop = scenario.loop;
    scenario.vectors[2] = (struct iovec){.iov_base = scenario.in[4], .iov_len = 100};
    scenario.vectors[3] = (struct iovec){.iov_base = scenario.out, .iov_len = 100};
    hark_openat(loop, next_op(), directory, "file", O_RDONLY, 0, harness_done);
    hark_read(loop, next_op(), fd, scenario.in[5], 100, 0, harness_done);
    hark_write(loop, next_op(), fd, scenario.out, 100, 5000, harness_done);
    hark_readv(loop, next_op(), fd, &scenario.vectors[2], 1, 0, harness_done);
    hark_writev(loop, next_op(), fd, &scenario.vectors[3], 1, 6000, harness_done);
    hark_fsync(loop, next_op(), fd, harness_done);
    hark_fdatasync(loop, next_op(), fd, harness_done);
    hark_ftruncate(loop, next_op(), fd, 10000, harness_done);
    hark_statx(loop, next_op(), directory, "file", 0, STATX_SIZE, &scenario.status, harness_done);
    hark_mkdirat(loop, next_op(), directory, "made", 0700, harness_done);
    hark_symlinkat(loop, next_op(), "file", directory, "link", harness_done);
    hark_linkat(loop, next_op(), directory, "file", directory, "linked", 0, harness_done);
    hark_utimensat(loop, next_op(), directory, "file", NULL, 0, harness_done);
    hark_renameat(loop, next_op(), directory, "old", directory, "new", 0, harness_done);
    hark_unlinkat(loop, next_op(), directory, "gone", 0, harness_done);
    hark_getdents(loop, next_op(), directory, scenario.in[6], BYTES, harness_done);
}

/* --- a listener and two streams that echo --- */

static void stream_closed(struct hark_stream *stream)
{
    if (stream == &scenario.client)
        scenario.client_open = false;
    else
        scenario.server_open = false;
}

static void listener_closed(struct hark_listener *listener)
{
    (void)listener;
    scenario.listener_open = false;
}

static void server_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    if (count <= 0 || hark_stream_write(stream, bytes, (size_t)count) < 0)
        hark_stream_close(stream);
}

static void client_connected(struct hark_stream *stream, int error)
{
    if (error)
        hark_stream_close(stream);
}

static void client_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    (void)bytes;
    if (count > 0)
        scenario.echoed += (uint64_t)count;
    if (count <= 0 || scenario.echoed == STREAM_BYTES)
        hark_stream_close(stream);
}

static void stream_failed(struct hark_stream *stream, int error)
{
    (void)error;
    hark_stream_close(stream);
}

static const struct hark_stream_events server_events = {
    .received = server_received, .failed = stream_failed, .closed = stream_closed};
static const struct hark_stream_events client_events = {.connected = client_connected,
                                                        .received = client_received,
                                                        .failed = stream_failed,
                                                        .closed = stream_closed};

static void accepted(struct hark_listener *listener, int fd)
{
    if (scenario.server_open) {
        close(fd);
        return;
    }
    memset(&scenario.server, 0, sizeof scenario.server);
    hark_stream_open(listener->loop, &scenario.server, fd, NULL, &server_events);
    scenario.server_open = true;
    hark_stream_read_start(&scenario.server);
}

static void accepting_failed(struct hark_listener *listener, int error)
{
    if (error != -EMFILE && error != -ENFILE && error != -ENOMEM && error != -ENOBUFS)
        hark_listener_close(listener);
}

static const struct hark_listener_events listener_events = {
    .accepted = accepted, .failed = accepting_failed, .closed = listener_closed};

static void start_streams(void)
{
    struct hark_stream_options options = {.connect_timeout_ns = 3600000000000u,
                                          .read_timeout_ns = 3600000000000u};
    if (hark_listener_open(scenario.loop, &scenario.listener, &scenario.listen_address, 0, 0,
                           &listener_events) != 0)
        return;
    scenario.listener_open = true;
    struct hark_address address;
    if (hark_listener_address(&scenario.listener, &address) != 0 ||
        hark_stream_connect(scenario.loop, &scenario.client, &address, &options, &client_events) !=
            0)
        return;
    scenario.client_open = true;
    hark_stream_read_start(&scenario.client);
    for (int piece = 0; piece < 4; piece++)
        if (hark_stream_write(&scenario.client, scenario.stream_out + piece * STREAM_BYTES / 4,
                              STREAM_BYTES / 4) < 0)
            hark_stream_close(&scenario.client);
}

/* --- the run --- */

/* A number that grows with every call of a callback. */
static uint64_t progress(void)
{
    uint64_t calls = scenario.echoed;
    for (int index = 0; index < scenario.started; index++)
        calls += (uint64_t)scenario.ops[index].calls;
    return calls;
}

static bool all_ended(void)
{
    for (int index = 0; index < scenario.started; index++)
        if (!scenario.ops[index].ended)
            return false;
    return !scenario.client_open && !scenario.server_open;
}

static void close_all(void)
{
    if (scenario.client_open)
        hark_stream_close(&scenario.client);
    if (scenario.server_open)
        hark_stream_close(&scenario.server);
    if (scenario.listener_open)
        hark_listener_close(&scenario.listener);
}

/* Turns the loop until nothing is left in it. A wait that fails may be tried again. */
static void run_to_the_end(void)
{
    int result = 1;
    for (int attempt = 0; attempt < 10000 && result != 0; attempt++)
        result = hark_run(scenario.loop);
    assert_result(result, 0);
}

static void run(const struct scenario_faults *faults)
{
    static const struct timespec nap = {.tv_nsec = 100000};
    raise(SIGUSR2);
    uint64_t last = 0;
    for (int waited = 0; waited < faults->patience && !all_ended(); waited++) {
        (void)hark_run_ready(scenario.loop);
        if (progress() != last)
            waited = 0;
        if (waited > 0)
            nanosleep(&nap, NULL);
        last = progress();
    }
    close_all();
    hark_cancel_all(scenario.loop);
    if (faults->recover)
        faults->recover();
    run_to_the_end();
    for (int index = 0; index < scenario.descriptor_count; index++)
        hark_close(scenario.loop, next_op(), scenario.descriptors[index], harness_done);
    run_to_the_end();
}

/* Descriptors that ops have given, and those whose close could not be started, go now. */
static void release_descriptors(void)
{
    for (int index = 0; index < scenario.started; index++) {
        int code = scenario.ops[index].op.code;
        bool gives = code == HARK_OP_ACCEPT || code == HARK_OP_SOCKET || code == HARK_OP_OPENAT;
        if (gives && scenario.ops[index].result >= 0)
            close((int)scenario.ops[index].result);
    }
    for (int index = 0; index < scenario.descriptor_count; index++)
        close(scenario.descriptors[index]); /* most are closed already */
}

static int good_results(void)
{
    int good = 0;
    for (int index = 0; index < scenario.started; index++) {
        const struct harness_op *op = &scenario.ops[index];
        if (!op->ended || (op->more[0] ? op->calls < 2 : op->calls != 1))
            fail_msg("%s (op %d) has had %d calls", hark_op_name(op->op.code), index, op->calls);
        good += op->results[0] >= 0;
    }
    return good + (scenario.echoed == STREAM_BYTES);
}

static void prepare(int (*pairs)[2], int *listener, int *connecting, int *high, int *fd,
                    int *directory)
{
    memset(&scenario, 0, sizeof scenario);
    signal(SIGUSR2, SIG_IGN);
    assert_int_equal(hark_address_parse("127.0.0.1:0", &scenario.listen_address), 0);
    for (int index = 0; index < 5; index++) {
        harness_socket_pair(NULL, pairs[index]);
        keep_pair(pairs[index]);
    }
    *listener = keep(harness_listen(NULL, &scenario.address));
    *connecting = keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    *high = keep(fcntl(pairs[3][0], F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR));
    close(harness_file("old", "old", 3));
    close(harness_file("gone", "gone", 4));
    rmdir(harness_path("made"));
    unlink(harness_path("new"));
    unlink(harness_path("link"));
    unlink(harness_path("linked"));
    harness_fill(scenario.out, BYTES, 1);
    *fd = keep(harness_file("file", scenario.out, BYTES));
    *directory = keep(open(harness_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

int scenario_run(const struct scenario_faults *faults)
{
    static int before[1024];
    static int after[1024];
    int pairs[5][2];
    int listener, connecting, high, fd, directory;
    size_t before_count = harness_descriptors(before, 1024);
    prepare(pairs, &listener, &connecting, &high, &fd, &directory);
    struct hark_options options = {.backend = harness_backend(),
                                   .entries = 16,
                                   .buffer_count = 4,
                                   .buffer_bytes = 4096,
                                   .workers_max = 1};
    int good = 0;
    faults->arm();
    int made = hark_loop_create(&options, &scenario.loop);
    if (!made) {
        start_timers_and_threads();
        start_sockets(pairs, listener, connecting, high);
        start_files(fd, directory);
        start_streams();
        run(faults);
        int error = hark_loop_destroy(scenario.loop);
        faults->disarm();
        assert_result(error, 0);
        good = good_results();
        assert_false(scenario.client_open || scenario.server_open || scenario.listener_open);
    }
    faults->disarm();
    release_descriptors();
    size_t after_count = harness_descriptors(after, 1024);
    if (after_count != before_count)
        fail_msg("%zu descriptors were open, %zu are now (the loop's making gave %s)", before_count,
                 after_count, made ? hark_error_name(made) : "0");
    return good;
}

static void nothing(void)
{
}

int scenario_undisturbed(void)
{
    static const struct scenario_faults none = {
        .arm = nothing, .disarm = nothing, .patience = INT_MAX};
    return scenario_run(&none);
}
