/* test_sleep_after_trouble.c - promise 9 where it is hardest to keep: after the pool of buffers was
 * empty, the ring was full, its completions overflowed, receivers starved and were cancelled, peers
 * ended their side or went away, readers stalled, and no descriptor was left for a connection.
 *
 * The peers are in a process of their own and do what they are told by a letter. */
#include "harness/harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CONNECTIONS = 10000,
    CONNECTIONS_ON_SELECT = 900,
    SPARE_DESCRIPTORS = 100,
    WATCH_SECONDS = 5,
    BUFFERS = 16,
    MORE_CONNECTIONS = 5,
    STALLED = 50,
};

/* What a peer is told. Each answers with the same letter once it is done. */
enum command { SAY = 's', END = 'e', LEAVE = 'l', CONNECT_MORE = 'm' };

/* What becomes of a connection, by its number. */
enum fate { TALKS, ENDS, LEAVES, STALLS, FATES };

/* As many as the limit of descriptors allows, which is then lowered to what they need. */
static int connections(void)
{
    struct rlimit limit;
    int count = harness_backend() == HARK_BACKEND_SELECT ? CONNECTIONS_ON_SELECT : CONNECTIONS;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if ((rlim_t)count + SPARE_DESCRIPTORS > limit.rlim_cur)
        count = (int)limit.rlim_cur - SPARE_DESCRIPTORS;
    limit.rlim_cur = (rlim_t)count + SPARE_DESCRIPTORS;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return count;
}

/* --- the peers --- */

static int connect_one(const struct sockaddr_un *name)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    while (fd >= 0 && connect(fd, (const struct sockaddr *)name, sizeof *name) < 0)
        if (errno != EINTR)
            _exit(1);
    return fd;
}

static void obey(enum command command, const int *fds, int count, const struct sockaddr_un *name)
{
    for (int index = 0; index < count; index++) {
        bool fails = false;
        if (command == SAY)
            fails = write(fds[index], "x", 1) != 1;
        else if (command == END && index % FATES == ENDS)
            fails = shutdown(fds[index], SHUT_WR) < 0;
        else if (command == LEAVE && index % FATES == LEAVES)
            fails = close(fds[index]) < 0;
        if (fails)
            _exit(2);
    }
    for (int index = 0; command == CONNECT_MORE && index < MORE_CONNECTIONS; index++)
        connect_one(name);
}

static void peers_run(int control, const char *path, int count)
{
    int *fds = calloc((size_t)count, sizeof *fds);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    for (int index = 0; fds && index < count; index++)
        fds[index] = connect_one(&name);
    for (char command; read(control, &command, 1) == 1;) {
        obey((enum command)command, fds, count, &name);
        if (write(control, &command, 1) != 1)
            _exit(3);
    }
    free(fds);
    _exit(0);
}

/* --- the side under test --- */

struct connection {
    struct hark_op receive;
    struct hark_op other; /* a poll for the hang-up, or a send that stalls */
    struct side *side;
    int fd;
    int index;
    int received;
    bool ended;
};

struct side {
    struct hark_listener listener;
    struct connection *connections;
    int count;
    int accepted;
    uint64_t received;
    int ended;
    bool keeps;
    void *kept[BUFFERS];
    int kept_count;
    int control;
    pid_t peers;
    char much[1 << 20];
};

static void ended(struct hark_op *op, int64_t result)
{
    (void)op;
    assert_true(result == -ECANCELED || result >= 0);
}

static void received(struct hark_op *op, int64_t result)
{
    struct connection *connection = hark_container_of(op, struct connection, receive);
    struct side *side = connection->side;
    if (result > 0) {
        assert_result(result, 1);
        connection->received++;
        side->received++;
        if (side->keeps)
            side->kept[side->kept_count++] = hark_buffer_keep(op);
        return;
    }
    assert_true(result == 0 || result == -ECANCELED);
    if (result < 0)
        return;
    connection->ended = true;
    side->ended++;
    if (connection->index % FATES == ENDS)
        hark_poll(op->loop, &connection->other, connection->fd, HARK_POLL_HANGUP, ended);
}

static void accepted(struct hark_listener *listener, int fd)
{
    struct side *side = hark_container_of(listener, struct side, listener);
    struct connection *connection = &side->connections[side->accepted];
    *connection = (struct connection){.side = side, .fd = fd, .index = side->accepted++};
    hark_recv_each(listener->loop, &connection->receive, fd, received);
}

static const struct hark_listener_events listening = {.accepted = accepted};

static void tell(struct side *side, enum command command)
{
    char letter = (char)command;
    assert_int_equal(write(side->control, &letter, 1), 1);
}

/* Waits for the answer to a command, the loop at rest meanwhile: what has come lies in the
 * sockets. */
static void hear(struct side *side, enum command command)
{
    char letter = 0;
    assert_int_equal(read(side->control, &letter, 1), 1);
    assert_int_equal(letter, command);
}

static void run_until_received(struct hark_loop *loop, const struct side *side, uint64_t total)
{
    while (side->received < total)
        assert_result(hark_run_once(loop), 1);
    assert_int_equal(side->received, total);
}

static void open_side(struct hark_loop *loop, struct side *side)
{
    struct hark_address address;
    char text[200];
    int ends[2];
    const char *path = harness_path("door");
    side->count = connections();
    side->connections = calloc((size_t)side->count, sizeof *side->connections);
    assert_non_null(side->connections);
    snprintf(text, sizeof text, "unix:%s", path);
    assert_int_equal(hark_address_parse(text, &address), 0);
    assert_int_equal(hark_listener_open(loop, &side->listener, &address, 0, 0, &listening), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    fflush(NULL);
    side->peers = fork();
    assert_true(side->peers >= 0);
    if (side->peers == 0) {
        close(ends[0]);
        peers_run(ends[1], path, side->count);
    }
    close(ends[1]);
    side->control = ends[0];
    while (side->accepted < side->count)
        assert_result(hark_run_once(loop), 1);
}

static void close_side(struct hark_loop *loop, struct side *side)
{
    int status = 0;
    hark_listener_close(&side->listener);
    hark_cancel_all(loop);
    harness_run(loop);
    for (int index = 0; index < side->count; index++)
        hark_close(loop, &side->connections[index].other, side->connections[index].fd, ended);
    harness_run(loop);
    close(side->control);
    assert_int_equal(waitpid(side->peers, &status, 0), side->peers);
    assert_int_equal(status, 0);
    free(side->connections);
}

/* --- the troubles --- */

/* All speak at once: there are more of them than buffers, entries and completions. */
static void burst(struct hark_loop *loop, struct side *side)
{
    uint64_t before = side->received;
    tell(side, SAY);
    hear(side, SAY);
    run_until_received(loop, side, before + (uint64_t)side->count);
}

/* The pool is empty while all speak; a tenth of the receivers is cancelled then, and starts
 * anew. */
static void starve(struct hark_loop *loop, struct side *side)
{
    uint64_t before = side->received;
    side->keeps = true;
    tell(side, SAY);
    hear(side, SAY);
    harness_settle(loop);
    for (int index = 0; index < side->count; index += 10)
        hark_cancel(&side->connections[index].receive);
    side->keeps = false;
    while (side->kept_count > 0)
        hark_buffer_return(loop, side->kept[--side->kept_count]);
    harness_settle(loop);
    for (int index = 0; index < side->count; index += 10) {
        struct connection *connection = &side->connections[index];
        while (hark_op_active(&connection->receive))
            assert_result(hark_run_once(loop), 1);
        hark_recv_each(loop, &connection->receive, connection->fd, received);
    }
    run_until_received(loop, side, before + (uint64_t)side->count);
}

/* A quarter of the peers ends its side, a quarter goes away; and some read nothing of what they are
 * sent. */
static void desert(struct hark_loop *loop, struct side *side)
{
    int stalled = 0;
    int ends = 0;
    for (int index = 0; index < side->count; index++)
        ends += index % FATES == ENDS || index % FATES == LEAVES;
    tell(side, END);
    hear(side, END);
    tell(side, LEAVE);
    hear(side, LEAVE);
    while (side->ended < ends)
        assert_result(hark_run_once(loop), 1);
    for (int index = 0; index < side->count && stalled < STALLED; index++) {
        struct connection *connection = &side->connections[index];
        if (index % FATES != STALLS)
            continue;
        stalled++;
        hark_send(loop, &connection->other, connection->fd, side->much, sizeof side->much,
                  MSG_WAITALL, ended);
    }
}

/* No descriptor is left when more connections come. They are taken, not forbidden: io_uring looks
 * at the limit when an accept is requested. */
static void exhaust_descriptors(struct hark_loop *loop, struct side *side)
{
    int taken[SPARE_DESCRIPTORS];
    int count = 0;
    while (count < SPARE_DESCRIPTORS && (taken[count] = dup(side->control)) >= 0)
        count++;
    assert_true(count < SPARE_DESCRIPTORS);
    tell(side, CONNECT_MORE);
    while (side->listener.shed_count < MORE_CONNECTIONS)
        assert_result(hark_run_once(loop), 1);
    hear(side, CONNECT_MORE);
    harness_assert_idle(loop);
    while (count > 0)
        close(taken[--count]);
}

BACKEND_TEST_WITH(promise_09_sleeps_after_every_kind_of_trouble, .entries = 16,
                  .buffer_count = BUFFERS, .buffer_bytes = 64)
{
    static struct side side;
    open_side(loop, &side);
    harness_assert_idle(loop);
    burst(loop, &side);
    harness_assert_idle(loop);
    starve(loop, &side);
    harness_assert_idle(loop);
    desert(loop, &side);
    harness_assert_idle(loop);
    exhaust_descriptors(loop, &side);
    harness_assert_sleeps(loop, WATCH_SECONDS);
    close_side(loop, &side);
}
