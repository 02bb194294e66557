/* pending.c - how each kind of op is made to wait, and how its waiting ends. */
#include "harness/pending.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[PENDING_KINDS] = {
    [PENDING_ACCEPT] = "accept",
    [PENDING_ACCEPT_EACH] = "accept_each",
    [PENDING_CONNECT] = "connect",
    [PENDING_RECV] = "recv",
    [PENDING_RECV_WAITALL] = "recv (all)",
    [PENDING_RECV_EACH] = "recv_each",
    [PENDING_RECVMSG_EACH] = "recvmsg_each",
    [PENDING_RECVMSG] = "recvmsg",
    [PENDING_SEND] = "send",
    [PENDING_SENDMSG] = "sendmsg",
    [PENDING_SEND_ZC] = "send_zc",
    [PENDING_READ_SOCKET] = "read (socket)",
    [PENDING_READ] = "read (pipe)",
    [PENDING_READV] = "readv (pipe)",
    [PENDING_WRITE] = "write (pipe)",
    [PENDING_WRITEV] = "writev (pipe)",
    [PENDING_POLL] = "poll",
    [PENDING_POLL_EACH] = "poll_each",
    [PENDING_SIGNAL_EACH] = "signal_each",
    [PENDING_SLEEP] = "sleep",
    [PENDING_SLEEP_UNTIL] = "sleep_until",
    [PENDING_EVERY] = "every",
};

static const uint64_t hour_ns = 3600u * 1000000000ull;

const char *pending_name(enum pending_kind kind)
{
    return kind < PENDING_KINDS ? names[kind] : "no kind";
}

bool pending_on_descriptor(enum pending_kind kind)
{
    return kind < PENDING_SIGNAL_EACH;
}

bool pending_repeats(enum pending_kind kind)
{
    return kind == PENDING_ACCEPT_EACH || kind == PENDING_RECV_EACH ||
           kind == PENDING_RECVMSG_EACH || kind == PENDING_POLL_EACH ||
           kind == PENDING_SIGNAL_EACH || kind == PENDING_EVERY;
}

bool pending_completable(enum pending_kind kind)
{
    return kind != PENDING_CONNECT && kind < PENDING_SLEEP;
}

static const char *noted = "";

static void told_by_signal(int number)
{
    (void)number;
    static const char text[] = "(the op that waits is: ";
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0 ||
        write(STDERR_FILENO, noted, strlen(noted)) < 0 || write(STDERR_FILENO, ")\n", 2) < 0)
        _exit(1);
    signal(number, SIG_DFL);
    raise(number);
}

bool pending_note(enum pending_kind kind)
{
    if (!*noted) {
        signal(SIGABRT, told_by_signal);
        signal(SIGALRM, told_by_signal);
    }
    noted = names[kind];
    return true;
}

static int tcp_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    return fd;
}

/* A listener whose queue is full: what connects to it now gets no answer. */
static void start_connect(struct hark_loop *loop, struct pending *pending)
{
    pending->peer = harness_listen(loop, &pending->address);
    assert_int_equal(listen(pending->peer, 0), 0);
    pending->extra = tcp_socket();
    assert_true(connect(pending->extra, &pending->address.name.any, pending->address.length) == 0 ||
                errno == EINPROGRESS);
    harness_await_input(pending->peer);
    pending->fd = tcp_socket();
    hark_connect(loop, &pending->recorder.op, pending->fd, &pending->address.name.any,
                 pending->address.length, harness_done);
}

static void start_socket(struct hark_loop *loop, struct pending *pending)
{
    struct hark_op *op = &pending->recorder.op;
    int pair[2];
    bool sends = pending->kind == PENDING_SEND || pending->kind == PENDING_SENDMSG ||
                 pending->kind == PENDING_SEND_ZC;
    if (sends)
        harness_socket_pair(
            loop,
            pair); /* full is full: TCP may make room once more when its segments have arrived */
    else
        harness_tcp_pair(loop, pair);
    pending->fd = pair[0];
    pending->peer = pair[1];
    if (sends)
        harness_stuff(pending->fd);
    if (pending->kind == PENDING_RECV)
        hark_recv(loop, op, pending->fd, pending->bytes, PENDING_BYTES, 0, harness_done);
    else if (pending->kind == PENDING_RECV_WAITALL)
        hark_recv(loop, op, pending->fd, pending->bytes, PENDING_BYTES, MSG_WAITALL, harness_done);
    else if (pending->kind == PENDING_RECV_EACH)
        hark_recv_each(loop, op, pending->fd, harness_done);
    else if (pending->kind == PENDING_RECVMSG_EACH)
        hark_recvmsg_each(loop, op, pending->fd, 0, harness_done);
    else if (pending->kind == PENDING_RECVMSG)
        hark_recvmsg(loop, op, pending->fd, &pending->message, 0, harness_done);
    else if (pending->kind == PENDING_SEND)
        hark_send(loop, op, pending->fd, pending->bytes, PENDING_BYTES, 0, harness_done);
    else if (pending->kind == PENDING_SENDMSG)
        hark_sendmsg(loop, op, pending->fd, &pending->message, 0, harness_done);
    else if (pending->kind == PENDING_SEND_ZC)
        hark_send_zc(loop, op, pending->fd, pending->bytes, PENDING_BYTES, 0, harness_done);
    else if (pending->kind == PENDING_READ_SOCKET)
        hark_read(loop, op, pending->fd, pending->bytes, PENDING_BYTES, HARK_AT_POSITION,
                  harness_done);
    else if (pending->kind == PENDING_POLL)
        hark_poll(loop, op, pending->fd, HARK_POLL_READABLE, harness_done);
    else
        hark_poll_each(loop, op, pending->fd, HARK_POLL_READABLE, harness_done);
}

static void start_pipe(struct hark_loop *loop, struct pending *pending)
{
    struct hark_op *op = &pending->recorder.op;
    int ends[2];
    bool writes = pending->kind == PENDING_WRITE || pending->kind == PENDING_WRITEV;
    harness_pipe(ends, 0);
    pending->fd = ends[writes ? 1 : 0];
    pending->peer = ends[writes ? 0 : 1];
    if (writes)
        harness_stuff(pending->fd);
    if (pending->kind == PENDING_READ)
        hark_read(loop, op, pending->fd, pending->bytes, PENDING_BYTES, HARK_AT_POSITION,
                  harness_done);
    else if (pending->kind == PENDING_READV)
        hark_readv(loop, op, pending->fd, &pending->vector, 1, HARK_AT_POSITION, harness_done);
    else if (pending->kind == PENDING_WRITE)
        hark_write(loop, op, pending->fd, pending->bytes, PENDING_BYTES, HARK_AT_POSITION,
                   harness_done);
    else
        hark_writev(loop, op, pending->fd, &pending->vector, 1, HARK_AT_POSITION, harness_done);
}

void pending_start(struct hark_loop *loop, struct pending *pending, enum pending_kind kind)
{
    struct hark_op *op = &pending->recorder.op;
    pending->kind = kind;
    pending->fd = pending->peer = pending->extra = -1;
    pending->vector = (struct iovec){.iov_base = pending->bytes, .iov_len = PENDING_BYTES};
    pending->message = (struct msghdr){.msg_iov = &pending->vector, .msg_iovlen = 1};
    pending->recorder.into = pending->lent;
    pending->recorder.into_room = sizeof pending->lent;
    if (kind == PENDING_ACCEPT || kind == PENDING_ACCEPT_EACH)
        pending->fd = harness_listen(loop, &pending->address);
    if (kind == PENDING_ACCEPT)
        hark_accept(loop, op, pending->fd, NULL, NULL, harness_done);
    else if (kind == PENDING_ACCEPT_EACH)
        hark_accept_each(loop, op, pending->fd, harness_done);
    else if (kind == PENDING_CONNECT)
        start_connect(loop, pending);
    else if (kind >= PENDING_READ && kind <= PENDING_WRITEV)
        start_pipe(loop, pending);
    else if (kind == PENDING_SIGNAL_EACH)
        hark_signal_each(loop, op, SIGUSR1, harness_done);
    else if (kind == PENDING_SLEEP)
        hark_sleep(loop, op, hour_ns, harness_done);
    else if (kind == PENDING_SLEEP_UNTIL)
        hark_sleep_until(loop, op, HARK_NEVER, harness_done);
    else if (kind == PENDING_EVERY)
        hark_every(loop, op, hour_ns, harness_done);
    else
        start_socket(loop, pending);
}

/* Reads what lies in a descriptor, without waiting. */
static size_t drain(int fd)
{
    char block[65536];
    size_t total = 0;
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    for (ssize_t step; (step = read(fd, block, sizeof block)) > 0;)
        total += (size_t)step;
    fcntl(fd, F_SETFL, flags);
    return total;
}

/* Whether a write would not raise SIGPIPE. */
static bool has_reader(int fd)
{
    struct pollfd poll_one = {.fd = fd, .events = POLLOUT};
    return poll(&poll_one, 1, 0) == 1 && !(poll_one.revents & (POLLERR | POLLHUP));
}

void pending_complete(struct pending *pending)
{
    char bytes[PENDING_BYTES];
    harness_fill(bytes, sizeof bytes, 7);
    switch (pending->kind) {
    case PENDING_ACCEPT:
    case PENDING_ACCEPT_EACH:
        pending->peer = tcp_socket();
        assert_true(connect(pending->peer, &pending->address.name.any, pending->address.length) ==
                        0 ||
                    errno == EINPROGRESS || errno == ECONNREFUSED);
        break;
    case PENDING_SEND:
    case PENDING_SENDMSG:
    case PENDING_SEND_ZC:
    case PENDING_WRITE:
    case PENDING_WRITEV:
        assert_true(drain(pending->peer) > 0);
        break;
    case PENDING_SIGNAL_EACH:
        raise(SIGUSR1);
        break;
    case PENDING_CONNECT:
    case PENDING_SLEEP:
    case PENDING_SLEEP_UNTIL:
    case PENDING_EVERY:
    case PENDING_KINDS:
        fail_msg("%s cannot be completed", pending_name(pending->kind));
        break;
    case PENDING_RECV:
    case PENDING_RECV_WAITALL:
    case PENDING_RECV_EACH:
    case PENDING_RECVMSG_EACH:
    case PENDING_RECVMSG:
    case PENDING_READ_SOCKET:
    case PENDING_READ:
    case PENDING_READV:
    case PENDING_POLL:
    case PENDING_POLL_EACH:
        if (has_reader(pending->peer))
            assert_int_equal(write(pending->peer, bytes, sizeof bytes), sizeof bytes);
        break;
    }
}

void pending_check_real(struct hark_loop *loop, struct pending *pending, int64_t result)
{
    switch (pending->kind) {
    case PENDING_ACCEPT:
    case PENDING_ACCEPT_EACH:
        assert_true(result >= 0);
        harness_close(loop, (int)result);
        break;
    case PENDING_POLL:
    case PENDING_POLL_EACH:
        assert_result(result, HARK_POLL_READABLE);
        break;
    case PENDING_SIGNAL_EACH:
        assert_result(result, SIGUSR1);
        break;
    case PENDING_RECV:
    case PENDING_RECV_WAITALL:
    case PENDING_RECVMSG:
    case PENDING_READ_SOCKET:
    case PENDING_READ:
    case PENDING_READV:
        assert_result(result, PENDING_BYTES);
        assert_true(harness_filled(pending->bytes, PENDING_BYTES, 7));
        break;
    case PENDING_RECV_EACH:
    case PENDING_RECVMSG_EACH:
        assert_result(result, PENDING_BYTES);
        assert_true(harness_filled(pending->lent, PENDING_BYTES, 7));
        break;
    case PENDING_SEND:
    case PENDING_SENDMSG:
    case PENDING_SEND_ZC:
    case PENDING_WRITE:
    case PENDING_WRITEV:
        assert_result(result, PENDING_BYTES);
        break;
    case PENDING_CONNECT:
    case PENDING_SLEEP:
    case PENDING_SLEEP_UNTIL:
    case PENDING_EVERY:
    case PENDING_KINDS:
        fail_msg("%s has no real result here", pending_name(pending->kind));
        break;
    }
}

void pending_release(struct hark_loop *loop, struct pending *pending)
{
    assert_true(pending->recorder.ended);
    harness_close(loop, pending->fd);
    if (pending->peer >= 0)
        close(pending->peer);
    if (pending->extra >= 0)
        close(pending->extra);
    pending->fd = pending->peer = pending->extra = -1;
}
