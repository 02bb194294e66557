/* test_faults_on_engines.c - faults that a scene asks for reach an op on each engine: io_uring's
 * requests as the calls of the others. */
#include "hark/sim.h"
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BYTES = 8 };

enum what {
    ACCEPT,
    ACCEPT_EACH,
    CONNECT,
    RECV,
    RECV_EACH,
    RECVMSG,
    SEND,
    SENDMSG,
    READ_PIPE,
    WRITE_PIPE,
    READ_SOCKET,
    WRITE_SOCKET,
    READ_DATAGRAM,
    READ_COUNTER,
    CLOSE,
    SHUTDOWN,
    SOCKET,
};

/* One op, and what it was told last. */
struct trial {
    struct hark_loop *loop;
    struct hark_op op;
    enum what what;
    char bytes[BYTES];
    struct iovec vector;
    struct msghdr message;
    int64_t result;
};

static void done(struct hark_op *op, int64_t result)
{
    struct trial *trial = hark_container_of(op, struct trial, op);
    trial->result = result;
    if (hark_op_more(op))
        hark_cancel(op);
}

static int listen_at(struct sockaddr_in *out_name)
{
    socklen_t length = sizeof *out_name;
    *out_name =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    return fd >= 0 && bind(fd, (struct sockaddr *)out_name, length) == 0 && listen(fd, 4) == 0 &&
                   getsockname(fd, (struct sockaddr *)out_name, &length) == 0
               ? fd
               : -1;
}

static void start_connecting(struct trial *trial, const struct sockaddr_in *name)
{
    if (trial->what == CONNECT)
        hark_connect(trial->loop, &trial->op, socket(AF_INET, SOCK_STREAM, 0),
                     (const struct sockaddr *)name, sizeof *name, done);
    else if (connect(socket(AF_INET, SOCK_STREAM, 0), (const struct sockaddr *)name, sizeof *name) <
             0)
        trial->result = -errno;
}

/* fds[0] has something to be read, and both have room. */
static void start_moving(struct trial *trial, const int fds[2])
{
    struct hark_loop *loop = trial->loop;
    char *bytes = trial->bytes;
    trial->vector = (struct iovec){bytes, BYTES};
    trial->message = (struct msghdr){.msg_iov = &trial->vector, .msg_iovlen = 1};
    switch (trial->what) {
    case RECV:
        return hark_recv(loop, &trial->op, fds[0], bytes, BYTES, 0, done);
    case RECV_EACH:
        return hark_recv_each(loop, &trial->op, fds[0], done);
    case RECVMSG:
        return hark_recvmsg(loop, &trial->op, fds[0], &trial->message, 0, done);
    case SEND:
        return hark_send(loop, &trial->op, fds[1], bytes, BYTES, 0, done);
    case SENDMSG:
        return hark_sendmsg(loop, &trial->op, fds[1], &trial->message, 0, done);
    case READ_PIPE:
    case READ_SOCKET:
    case READ_DATAGRAM:
    case READ_COUNTER:
        return hark_read(loop, &trial->op, fds[0], bytes, BYTES, HARK_AT_POSITION, done);
    case WRITE_PIPE:
    case WRITE_SOCKET:
        return hark_write(loop, &trial->op, fds[1], bytes, BYTES, HARK_AT_POSITION, done);
    case CLOSE:
        return hark_close(loop, &trial->op, fds[0], done);
    case SHUTDOWN:
        return hark_shutdown(loop, &trial->op, fds[0], SHUT_WR, done);
    default:
        return hark_socket(loop, &trial->op, AF_INET, SOCK_STREAM, 0, done);
    }
}

static bool open_ends(enum what what, int fds[2])
{
    int type = what == READ_DATAGRAM ? SOCK_DGRAM : SOCK_STREAM;
    if (what == READ_PIPE || what == WRITE_PIPE)
        return pipe2(fds, 0) == 0;
    if (what != READ_COUNTER)
        return socketpair(AF_UNIX, type, 0, fds) == 0;
    fds[0] = eventfd(0, 0);
    fds[1] = dup(fds[0]);
    return fds[1] >= 0;
}

static int play(void *argument)
{
    struct trial *trial = argument;
    struct sockaddr_in name;
    int fds[2];
    if (hark_loop_create(NULL, &trial->loop) < 0)
        return 1;
    if (trial->what <= CONNECT) {
        int listening = listen_at(&name);
        if (trial->what == ACCEPT)
            hark_accept(trial->loop, &trial->op, listening, NULL, NULL, done);
        else if (trial->what == ACCEPT_EACH)
            hark_accept_each(trial->loop, &trial->op, listening, done);
        start_connecting(trial, &name);
    } else {
        if (!open_ends(trial->what, fds))
            return 2;
        char bytes[] = "eight by";
        const struct iovec eight = {bytes, BYTES};
        if (writev(fds[1], &eight, 1) != BYTES)
            return 3;
        start_moving(trial, fds);
    }
    int result = hark_run(trial->loop);
    return result ? 4 : hark_loop_destroy(trial->loop);
}

/* One was made before, for something to be there. */
static bool is_write(enum what what)
{
    return what == WRITE_PIPE || what == WRITE_SOCKET;
}

static bool has_borders(enum what what)
{
    return what == READ_DATAGRAM || what == READ_COUNTER;
}

/* Gives: what the op was told, where a fault is to happen to it. */
static int64_t told(const char *engine, enum what what, const struct hark_sim_fault *fault,
                    enum hark_sim_fault_kind kind)
{
    struct hark_sim *world;
    struct hark_sim_options options = {.seed = what, .faults_per_million = 1};
    struct trial trial = {.what = what};
    assert_int_equal(hark_sim_create(&options, &world), 0);
    struct hark_sim_process *process = hark_sim_start(hark_sim_add_machine(world), play, &trial);
    assert_int_equal(hark_sim_setenv(process, "HARK_BACKEND", engine), 0);
    hark_sim_add_fault(world, fault);
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(hark_sim_status(process), 0);
    assert_int_equal(hark_sim_faults(world, kind), !has_borders(what));
    hark_sim_destroy(world);
    return trial.result;
}

static const char *const engines[] = {"uring", "epoll", "poll", "select"};
enum { ENGINES = sizeof engines / sizeof *engines };

TEST(an_error_that_a_scene_asks_for_is_told_on_each_engine)
{
    static const struct {
        enum what what;
        const char *call;
        int error;
    } trials[] = {
        {ACCEPT, "accept", -ENFILE},     {ACCEPT_EACH, "accept", -EMFILE},
        {CONNECT, "connect", -EACCES},   {RECV, "recv", -ENOMEM},
        {RECV_EACH, "recv", -ENOMEM},    {RECVMSG, "recvmsg", -ENOMEM},
        {RECVMSG, "recv", -EIO},         {SEND, "send", -ENOBUFS},
        {SENDMSG, "sendmsg", -ENOBUFS},  {SENDMSG, "send", -ENOMEM},
        {READ_PIPE, "read", -EIO},       {WRITE_PIPE, "write", -EIO},
        {READ_SOCKET, "readv", -ENOMEM}, {WRITE_SOCKET, "write", -ENOBUFS},
        {CLOSE, "close", -EIO},          {SHUTDOWN, "shutdown", -ENOBUFS},
        {SOCKET, "socket", -EMFILE},
    };
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        struct hark_sim_fault fault = {.call = trials[i].call, .error = trials[i].error};
        fault.after = is_write(trials[i].what);
        for (size_t engine = 0; engine < ENGINES; engine++)
            assert_int_equal(told(engines[engine], trials[i].what, &fault, HARK_SIM_FAULT_ERROR),
                             trials[i].error);
    }
}

TEST(fewer_bytes_are_moved_where_a_scene_asks_for_it_on_each_engine)
{
    static const enum what moves[] = {RECV, RECVMSG, SEND, SENDMSG, READ_PIPE, WRITE_PIPE};
    static const char *const calls[] = {"recv", "recv", "send", "send", "read", "write"};
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        struct hark_sim_fault fault = {
            .call = calls[i], .after = is_write(moves[i]), .short_to = 3};
        for (size_t engine = 0; engine < ENGINES; engine++)
            assert_int_equal(told(engines[engine], moves[i], &fault, HARK_SIM_FAULT_SHORT), 3);
    }
}

/* A part of a datagram would be all that is ever read of it, and of a counter no part is. */
TEST(what_has_borders_is_read_whole_whatever_a_scene_asks_for)
{
    static const enum what reads[] = {READ_DATAGRAM, READ_COUNTER};
    const struct hark_sim_fault fault = {.call = "read", .short_to = 3, .times = UINT32_MAX};
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
        for (size_t engine = 0; engine < ENGINES; engine++)
            assert_int_equal(told(engines[engine], reads[i], &fault, HARK_SIM_FAULT_SHORT), BYTES);
}
