/* test_random.c - random programs: starts, cancels, deadlines, detaches and closes of many kinds
 * over many connections at once, in an order that a seed decides. Each op ends once; no byte is
 * lost, repeated or changed, whatever was cancelled. Promises 3, 6, 8, 12.
 *
 * A failing run prints its seed; HARK_TEST_SEED=number runs that one again. */
#include "harness/harness.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { LINES = 12, STEPS = 4000, PROGRAMS = 6, PIECE = 3000, OTHERS = 40 };

/* One direction of a connection: what was sent comes out at the other end, byte for byte. */
struct way {
    struct hark_op send;
    struct hark_op receive;
    uint64_t sent;
    uint64_t received;
    uint64_t seed;
    struct msghdr messages[2];
    struct iovec vectors[2];
    char out[PIECE];
    char in[PIECE];
};

struct line {
    struct way ways[2]; /* 0: from end 0 to end 1 */
    struct hark_op polls[2];
    struct hark_op closing[2];
    struct hark_op detaching[2];
    int ends[2];
    bool closed[2];
    uint64_t seed;
};

struct other {
    struct hark_op op;
};

static struct line lines[LINES];
static struct other others[OTHERS];
static uint64_t random_state;
static uint64_t started;
static uint64_t ended;

static uint64_t next_random(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % below;
}

static char byte_at(uint64_t seed, uint64_t offset)
{
    uint64_t value = (seed * 0x100000001b3u + offset) * 0x9e3779b97f4a7c15u;
    return (char)(value >> 41);
}

/* Every final call comes through here. */
static void count_end(const struct hark_op *op)
{
    if (!hark_op_more(op)) {
        assert_false(hark_op_active(op));
        ended++;
    }
}

static void way_sent(struct hark_op *op, int64_t result)
{
    struct way *way = hark_container_of(op, struct way, send);
    count_end(op);
    if (result > 0)
        way->sent += (uint64_t)result;
    memset(way->out, 0x55,
           sizeof way->out); /* the buffer is ours again: nothing may still be sent from it */
}

static void way_received(struct hark_op *op, int64_t result)
{
    struct way *way = hark_container_of(op, struct way, receive);
    count_end(op);
    const char *from = op->code == HARK_OP_RECV_EACH ? hark_op_buffer(op) : way->in;
    for (int64_t index = 0; index < result; index++)
        if (from[index] != byte_at(way->seed, way->received + (uint64_t)index))
            fail_msg("the byte at %llu is wrong",
                     (unsigned long long)way->received + (unsigned long long)index);
    if (result > 0)
        way->received += (uint64_t)result;
}

static void ignored(struct hark_op *op, int64_t result)
{
    (void)result;
    count_end(op);
}

static int64_t some_work(struct hark_op *op)
{
    (void)op;
    return 1;
}

static void open_line(struct hark_loop *loop, struct line *line)
{
    memset(line, 0, sizeof *line);
    line->seed = next_random(1u << 30);
    line->ways[0].seed = line->seed * 2;
    line->ways[1].seed = line->seed * 2 + 1;
    if (next_random(2))
        harness_tcp_pair(loop, line->ends);
    else
        harness_socket_pair(loop, line->ends);
}

static void start_send(struct hark_loop *loop, struct line *line, int side)
{
    struct way *way = &line->ways[side];
    if (hark_op_active(&way->send) || line->closed[side])
        return;
    size_t count = 1 + (size_t)next_random(PIECE);
    for (size_t index = 0; index < count; index++)
        way->out[index] = byte_at(way->seed, way->sent + index);
    way->vectors[0] = (struct iovec){.iov_base = way->out, .iov_len = count};
    way->messages[0] = (struct msghdr){.msg_iov = &way->vectors[0], .msg_iovlen = 1};
    int fd = line->ends[side];
    started++;
    switch (next_random(5)) {
    case 0:
        return hark_send(loop, &way->send, fd, way->out, count, 0, way_sent);
    case 1:
        return hark_send(loop, &way->send, fd, way->out, count, MSG_WAITALL, way_sent);
    case 2:
        return hark_sendmsg(loop, &way->send, fd, &way->messages[0], 0, way_sent);
    case 3:
        return hark_write(loop, &way->send, fd, way->out, count, HARK_AT_POSITION, way_sent);
    default:
        return hark_writev(loop, &way->send, fd, &way->vectors[0], 1, HARK_AT_POSITION, way_sent);
    }
}

static void start_receive(struct hark_loop *loop, struct line *line, int side)
{
    struct way *way = &line->ways[!side];
    if (hark_op_active(&way->receive) || line->closed[side])
        return;
    size_t count = 1 + (size_t)next_random(PIECE);
    way->vectors[1] = (struct iovec){.iov_base = way->in, .iov_len = count};
    way->messages[1] = (struct msghdr){.msg_iov = &way->vectors[1], .msg_iovlen = 1};
    int fd = line->ends[side];
    started++;
    switch (next_random(6)) {
    case 0:
        return hark_recv(loop, &way->receive, fd, way->in, count, 0, way_received);
    case 1:
        return hark_recv(loop, &way->receive, fd, way->in, count, MSG_WAITALL, way_received);
    case 2:
        return hark_recvmsg(loop, &way->receive, fd, &way->messages[1], 0, way_received);
    case 3:
        return hark_read(loop, &way->receive, fd, way->in, count, HARK_AT_POSITION, way_received);
    case 4:
        return hark_readv(loop, &way->receive, fd, &way->vectors[1], 1, HARK_AT_POSITION,
                          way_received);
    default:
        return hark_recv_each(loop, &way->receive, fd, way_received);
    }
}

static void start_poll(struct hark_loop *loop, struct line *line, int side)
{
    if (hark_op_active(&line->polls[side]) || line->closed[side])
        return;
    started++;
    hark_poll(loop, &line->polls[side], line->ends[side],
              next_random(2) ? HARK_POLL_READABLE : HARK_POLL_WRITABLE | HARK_POLL_READABLE,
              ignored);
}

/* Everything on it ends, and it goes on as if it were new. */
static void start_detach(struct hark_loop *loop, struct line *line, int side)
{
    if (hark_op_active(&line->detaching[side]) || line->closed[side])
        return;
    started++;
    hark_detach(loop, &line->detaching[side], line->ends[side], ignored);
}

static void start_close(struct hark_loop *loop, struct line *line, int side)
{
    if (line->closed[side] || hark_op_active(&line->detaching[side]))
        return;
    line->closed[side] = true;
    started++;
    hark_close(loop, &line->closing[side], line->ends[side], ignored);
}

static bool line_is_idle(const struct line *line)
{
    for (int side = 0; side < 2; side++)
        if (hark_op_active(&line->ways[side].send) || hark_op_active(&line->ways[side].receive) ||
            hark_op_active(&line->polls[side]) || hark_op_active(&line->closing[side]) ||
            hark_op_active(&line->detaching[side]))
            return false;
    return true;
}

static void start_other(struct hark_loop *loop)
{
    struct hark_op *op = &others[next_random(OTHERS)].op;
    if (hark_op_active(op))
        return;
    started++;
    switch (next_random(6)) {
    case 0:
        return hark_nop(loop, op, ignored);
    case 1:
        return hark_defer(loop, op, ignored);
    case 2:
        return hark_sleep(loop, op, next_random(200000), ignored);
    case 3:
        return hark_work(loop, op, some_work, ignored);
    case 4:
        return hark_sleep_until(loop, op, HARK_NEVER, ignored);
    default:
        return hark_recv(loop, op, -1, NULL, 0, 0, ignored);
    }
}

static struct hark_op *any_op(void)
{
    struct line *line = &lines[next_random(LINES)];
    switch (next_random(7)) {
    case 0:
    case 1:
        return &line->ways[next_random(2)].send;
    case 2:
    case 3:
        return &line->ways[next_random(2)].receive;
    case 4:
        return &line->polls[next_random(2)];
    case 5:
        return &line->closing[next_random(2)];
    default:
        return &others[next_random(OTHERS)].op;
    }
}

static void step(struct hark_loop *loop)
{
    struct line *line = &lines[next_random(LINES)];
    int side = (int)next_random(2);
    uint64_t choice = next_random(100);
    if (choice < 25)
        start_send(loop, line, side);
    else if (choice < 50)
        start_receive(loop, line, side);
    else if (choice < 56)
        start_poll(loop, line, side);
    else if (choice < 62)
        start_other(loop);
    else if (choice < 72)
        hark_cancel(any_op());
    else if (choice < 76)
        hark_op_deadline(any_op(), next_random(2) ? 0 : hark_now(loop) + next_random(100000));
    else if (choice < 78)
        start_close(loop, line, side);
    else if (choice < 82)
        start_detach(loop, line, side);
    else if (choice < 84 && line->closed[0] && line->closed[1] && line_is_idle(line))
        open_line(loop, line);
    else
        assert_true(hark_run_ready(loop) >= 0);
}

/* The bytes that are still on their way when all ops have ended. */
static void drain(struct line *line, int side)
{
    struct way *way = &line->ways[!side];
    char bytes[4096];
    ssize_t count;
    if (line->closed[0] || line->closed[1])
        return;
    struct pollfd arrival = {.fd = line->ends[side], .events = POLLIN};
    while (way->received < way->sent && poll(&arrival, 1, 5000) == 1) {
        count = recv(line->ends[side], bytes, sizeof bytes, MSG_DONTWAIT);
        for (ssize_t index = 0; index < count; index++)
            if (bytes[index] != byte_at(way->seed, way->received++))
                fail_msg("a byte that was left in the socket is wrong");
    }
    assert_int_equal(way->received, way->sent);
}

static void run_program(struct hark_loop *loop, uint64_t seed)
{
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
    started = ended = 0;
    for (int index = 0; index < LINES; index++)
        open_line(loop, &lines[index]);
    for (int count = 0; count < STEPS; count++)
        step(loop);
    hark_cancel_all(loop);
    harness_run(loop);
    assert_int_equal(started, ended);
    for (int index = 0; index < LINES; index++) {
        struct line *line = &lines[index];
        for (int side = 0; side < 2; side++)
            drain(line, side);
        for (int side = 0; side < 2; side++)
            if (!line->closed[side])
                harness_close(loop, line->ends[side]);
    }
}

BACKEND_TEST_WITH(promise_12_random_programs_keep_every_promise, .entries = 16, .buffer_count = 8,
                  .buffer_bytes = 512, .turn_max = 8)
{
    const char *wanted = getenv("HARK_TEST_SEED");
    for (uint64_t seed = 1; seed <= PROGRAMS; seed++) {
        uint64_t chosen = wanted ? strtoull(wanted, NULL, 10) : seed;
        print_message("(seed %llu)\n", (unsigned long long)chosen);
        run_program(loop, chosen);
        if (wanted)
            break;
    }
}
