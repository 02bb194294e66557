/* scene_turns.c - a loop that is busy all the time, and ops that wait for something beside it:
 * promise 11. What keeps it busy the seed chooses: defers, nops, posts, timers, sockets that never
 * run out, listening sockets at which somebody knocks all the time. Now and then there is something
 * for one of those that wait; it is called before so many turns have passed. (libhark-sim looks for
 * the same in every program: src/core/checking_turns.c.) */
#include "scene.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BUSY_MOST = 12,
    WAITING = 6,
    TURNS = 800,
    KNOCKS = 16,
    PIECE = 64,
    ENOUGH_TURNS = 60, /* that one may wait in any case */
    AHEAD = 800,       /* calls that may stand before one */
};

enum busy_kind { DEFERS, NOPS, POSTS, TIMES, RECEIVES, RECEIVES_EACH, ACCEPTS, POLLS, BUSY_KINDS };
enum waiting_kind { RECV, POLL, READ, ACCEPT_EACH, POLL_EACH, SLEEP, WAITING_KINDS };

struct turns;

struct busy {
    struct hark_op op;
    struct turns *turns;
    enum busy_kind kind;
    int ends[2]; /* of a listening socket the first */
    struct sockaddr_un name;
    char bytes[PIECE];
};

struct waiting {
    struct hark_op op;
    struct turns *turns;
    enum waiting_kind kind;
    int ends[2];
    struct sockaddr_un name;
    char byte;
    bool active, may_be_done;
    uint64_t since; /* the turn from which on it may be done */
};

struct turns {
    struct hark_sim *world;
    struct hark_loop *loop;
    struct hark_op driver;
    uint32_t turn_max;
    size_t busy_count;
    bool ends;
    struct busy busy[BUSY_MOST];
    struct waiting waiting[WAITING];
    int sockets; /* names of unix sockets so far */
};

static uint64_t turn_of(const struct turns *turns)
{
    return hark_loop_metrics(turns->loop)->turns;
}

/* --- sockets --- */

static int listen_here(struct turns *turns, struct sockaddr_un *out_name)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *out_name = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(out_name->sun_path, sizeof out_name->sun_path, "/tmp/socket%d", turns->sockets++);
    scene_check(fd >= 0 && bind(fd, (struct sockaddr *)out_name, sizeof *out_name) == 0 &&
                    listen(fd, KNOCKS) == 0,
                "%s", strerror(errno));
    return fd;
}

static void knock(const struct sockaddr_un *name)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int result = connect(fd, (const struct sockaddr *)name, sizeof *name);
    scene_check(result == 0 || errno == EAGAIN, "%s", strerror(errno)); /* its queue is full */
    close(fd);
}

static void open_pair(int ends[2])
{
    scene_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0, "%s",
                strerror(errno));
}

/* --- what is busy --- */

static void start_busy(struct busy *busy);

/* What it took is there again. */
static void busy_done(struct hark_op *op, int64_t result)
{
    struct busy *busy = hark_container_of(op, struct busy, op);
    scene_check(result >= 0 || result == -ECANCELED, "kind %d ends with %lld", busy->kind,
                (long long)result);
    if (result < 0)
        return;
    if (busy->kind == ACCEPTS)
        (void)hark_os_close(busy->turns->loop, (int)result);
    if (busy->turns->ends) {
        if (hark_op_more(op))
            hark_cancel(op);
        return;
    }
    if (busy->kind == RECEIVES || busy->kind == RECEIVES_EACH)
        (void)!send(busy->ends[1], busy->bytes, (size_t)result % PIECE + 1, MSG_DONTWAIT);
    if (busy->kind == ACCEPTS)
        for (int i = 0; i < 2; i++)
            knock(&busy->name);
    if (!hark_op_more(op))
        start_busy(busy);
}

static void start_busy(struct busy *busy)
{
    struct hark_loop *loop = busy->turns->loop;
    switch (busy->kind) {
    case DEFERS:
        return hark_defer(loop, &busy->op, busy_done);
    case NOPS:
        return hark_nop(loop, &busy->op, busy_done);
    case POSTS:
        return hark_post(loop, &busy->op, busy_done);
    case TIMES:
        return hark_sleep(loop, &busy->op, 0, busy_done);
    case RECEIVES:
        return hark_recv(loop, &busy->op, busy->ends[0], busy->bytes, PIECE / 2, 0, busy_done);
    case RECEIVES_EACH:
        return hark_recv_each(loop, &busy->op, busy->ends[0], busy_done);
    case ACCEPTS:
        return hark_accept_each(loop, &busy->op, busy->ends[0], busy_done);
    case POLLS:
    case BUSY_KINDS:
        return hark_poll_each(loop, &busy->op, busy->ends[0], HARK_POLL_READABLE, busy_done);
    }
}

static void begin_busy(struct turns *turns, struct busy *busy)
{
    busy->turns = turns;
    busy->kind = (enum busy_kind)hark_sim_random(turns->world, BUSY_KINDS);
    if (busy->kind == ACCEPTS) {
        busy->ends[0] = listen_here(turns, &busy->name);
        for (int i = 0; i < KNOCKS; i++)
            knock(&busy->name);
    } else {
        open_pair(busy->ends);
        for (int i = 0; i < KNOCKS; i++)
            (void)!send(busy->ends[1], busy->bytes, PIECE, MSG_DONTWAIT);
    }
    start_busy(busy);
}

/* --- what waits --- */

static void start_waiting(struct waiting *waiting);

static void check_wait(struct waiting *waiting)
{
    const struct turns *turns = waiting->turns;
    const uint64_t most = ENOUGH_TURNS + AHEAD / turns->turn_max;
    if (!waiting->may_be_done)
        return;
    uint64_t waited = turn_of(turns) - waiting->since;
    scene_check(waited <= most, "an op of kind %d has waited for %llu turns of %u calls",
                waiting->kind, (unsigned long long)waited, turns->turn_max);
}

static void waiting_done(struct hark_op *op, int64_t result)
{
    struct waiting *waiting = hark_container_of(op, struct waiting, op);
    check_wait(waiting);
    waiting->may_be_done = false;
    if (result == -ECANCELED)
        return;
    scene_check(result >= 0 || (result == -ETIMEDOUT && waiting->kind == SLEEP),
                "kind %d ends with %lld", waiting->kind, (long long)result);
    if (waiting->kind == ACCEPT_EACH)
        (void)hark_os_close(waiting->turns->loop, (int)result);
    if (waiting->kind == POLL || waiting->kind == POLL_EACH)
        (void)!read(waiting->ends[0], &waiting->byte, 1);
    waiting->active = hark_op_more(op);
    if (waiting->turns->ends && waiting->active)
        hark_cancel(op);
    if (!waiting->turns->ends && !waiting->active)
        start_waiting(waiting);
}

static void start_waiting(struct waiting *waiting)
{
    struct hark_loop *loop = waiting->turns->loop;
    waiting->active = true;
    switch (waiting->kind) {
    case RECV:
        return hark_recv(loop, &waiting->op, waiting->ends[0], &waiting->byte, 1, 0, waiting_done);
    case POLL:
        return hark_poll(loop, &waiting->op, waiting->ends[0], HARK_POLL_READABLE, waiting_done);
    case READ:
        return hark_read(loop, &waiting->op, waiting->ends[0], &waiting->byte, 1, HARK_AT_POSITION,
                         waiting_done);
    case ACCEPT_EACH:
        return hark_accept_each(loop, &waiting->op, waiting->ends[0], waiting_done);
    case POLL_EACH:
        return hark_poll_each(loop, &waiting->op, waiting->ends[0], HARK_POLL_READABLE,
                              waiting_done);
    case SLEEP:
    case WAITING_KINDS:
        return hark_sleep_until(loop, &waiting->op, HARK_NEVER, waiting_done);
    }
}

/* There is something for it; of a sleep the deadline has come. */
static void give(struct waiting *waiting)
{
    if (waiting->may_be_done || !waiting->active)
        return;
    waiting->may_be_done = true;
    waiting->since = turn_of(waiting->turns);
    if (waiting->kind == SLEEP)
        hark_op_deadline(&waiting->op, hark_now(waiting->turns->loop));
    else if (waiting->kind == ACCEPT_EACH)
        knock(&waiting->name);
    else
        scene_check(send(waiting->ends[1], "x", 1, 0) == 1, "%s", strerror(errno));
}

static void begin_waiting(struct turns *turns, struct waiting *waiting, enum waiting_kind kind)
{
    waiting->turns = turns;
    waiting->kind = kind;
    if (kind == ACCEPT_EACH)
        waiting->ends[0] = listen_here(turns, &waiting->name);
    else
        open_pair(waiting->ends);
    start_waiting(waiting);
}

/* --- the process --- */

static void drive(struct hark_op *op, int64_t result)
{
    struct turns *turns = hark_container_of(op, struct turns, driver);
    scene_check(result == 0, "%lld", (long long)result);
    for (size_t i = 0; i < WAITING; i++)
        check_wait(&turns->waiting[i]);
    if (turn_of(turns) >= TURNS) {
        turns->ends = true;
        return hark_cancel_all(turns->loop);
    }
    if (hark_sim_random(turns->world, 8) == 0)
        give(&turns->waiting[hark_sim_random(turns->world, WAITING)]);
    hark_defer(turns->loop, op, drive);
}

static void close_both(const int ends[2])
{
    close(ends[0]);
    if (ends[1] > 0)
        close(ends[1]);
}

static int run(void *argument)
{
    struct turns *turns = argument;
    turns->turn_max = 8u << hark_sim_random(turns->world, 5);
    const struct hark_options options = {
        .turn_max = turns->turn_max, .buffer_count = 16, .buffer_bytes = PIECE};
    turns->loop = scene_make_loop(&options);
    turns->busy_count = 1 + hark_sim_random(turns->world, BUSY_MOST);
    for (size_t i = 0; i < turns->busy_count; i++)
        begin_busy(turns, &turns->busy[i]);
    for (size_t i = 0; i < WAITING; i++)
        begin_waiting(turns, &turns->waiting[i], (enum waiting_kind)i);
    hark_defer(turns->loop, &turns->driver, drive);
    int result = hark_run(turns->loop);
    scene_check(result == 0, "the loop ends with %s", hark_error_name(result));
    result = hark_loop_destroy(turns->loop);
    for (size_t i = 0; i < turns->busy_count; i++)
        close_both(turns->busy[i].ends);
    for (size_t i = 0; i < WAITING; i++)
        close_both(turns->waiting[i].ends);
    return result;
}

SCENE(turns, "ops that wait beside busy ones, and for how many turns they do")
{
    struct turns *turns = calloc(1, sizeof *turns);
    turns->world = world;
    struct hark_sim_process *process = hark_sim_start(hark_sim_add_machine(world), run, turns);
    scene_run(world);
    scene_left_nothing(process);
    free(turns);
}
