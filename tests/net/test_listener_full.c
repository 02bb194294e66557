/* hark_listener: out of descriptors, and going on. */
#include "net/door.h"

#include <sys/resource.h>

enum { FULL_AT = 100 };

/* The process's table of descriptors, filled to the last place. It is made small before the
 * listener is opened: io_uring takes the limit that an accept is to keep when it is started. */
struct table {
    int fds[FULL_AT];
    int count;
    struct rlimit before;
};

static void table_limit(struct table *table)
{
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &table->before), 0);
    struct rlimit low = {.rlim_cur = FULL_AT, .rlim_max = table->before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    table->count = 0;
}

/* Takes every place that is free. Gives: how many there were. */
static int table_fill(struct table *table)
{
    int taken = 0;
    for (int fd; (fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)) >= 0; taken++)
        table->fds[table->count++] = fd;
    assert_int_equal(errno, EMFILE);
    return taken;
}

static void table_free(struct table *table, int count)
{
    while (count-- > 0)
        close(table->fds[--table->count]);
}

static void table_done(struct table *table)
{
    table_free(table, table->count);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &table->before), 0);
}

/* Clients are made before the table is full, connected when they are needed. */
static int client_make(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    return fd;
}

static void client_go(int fd, const struct hark_address *address)
{
    assert_true(connect(fd, &address->name.any, address->length) == 0 || errno == EINPROGRESS);
}

/* Asserts that the loop sleeps: nothing to do at once, no timer, and turns do nothing. */
static void assert_sleeps(struct hark_loop *loop)
{
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    harness_settle(loop);
    assert_true(hark_loop_next_deadline(loop) == HARK_NEVER);
    uint64_t before = metrics->handled[HARK_OP_ACCEPT] + metrics->handled[HARK_OP_ACCEPT_EACH];
    harness_turns(loop, 5);
    assert_int_equal(metrics->handled[HARK_OP_ACCEPT] + metrics->handled[HARK_OP_ACCEPT_EACH],
                     before);
}

BACKEND_TEST(listener_without_descriptors_sheds_tells_once_and_recovers)
{
    enum { WAITING = 8 };
    struct door door = {0};
    struct table table;
    int clients[WAITING];
    table_limit(&table);
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    harness_settle(loop);
    for (int i = 0; i < WAITING; i++)
        clients[i] = client_make();
    int late = client_make();
    int next = client_make();
    table_fill(&table);
    for (int i = 0; i < WAITING; i++)
        client_go(clients[i], &door.address);
    while (door.listener.shed_count < WAITING)
        assert_true(hark_run_once(loop) >= 0);
    assert_int_equal(door.count, 0);
    assert_int_equal(door.error_count, 1);
    assert_result(door.errors[0], -EMFILE);
    for (int i = 0; i < WAITING; i++) {
        harness_await_input(clients[i]);
        assert_true(client_look(clients[i]) <= 0);
    }
    assert_sleeps(loop);
    assert_int_equal(door.listener.pauses, 0);

    table_free(&table, 5); /* there is room again: the next connection is served */
    client_go(late, &door.address);
    door_wait(loop, &door, 1);
    client_go(next, &door.address);
    door_wait(loop, &door, 2);
    assert_int_equal(client_look(late), -EAGAIN);
    assert_int_equal(client_look(next), -EAGAIN);
    assert_int_equal(door.listener.shed_count, WAITING);
    assert_int_equal(door.listener.accepted_count, 2);
    assert_int_equal(door.error_count, 1);
    assert_sleeps(loop);

    table_fill(&table); /* a second time: told again */
    int lost = clients[0];
    close(lost);
    clients[0] = client_make();
    client_go(clients[0], &door.address);
    while (door.listener.shed_count < WAITING + 1)
        assert_true(hark_run_once(loop) >= 0);
    assert_int_equal(door.error_count, 2);
    table_done(&table);
    for (int i = 0; i < WAITING; i++)
        close(clients[i]);
    close(late);
    close(next);
    door_close(loop, &door);
}

BACKEND_TEST(listener_closed_while_shedding_is_closed)
{
    struct door door = {0};
    struct table table;
    table_limit(&table);
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    int client = client_make();
    table_fill(&table);
    client_go(client, &door.address);
    harness_run_until(loop, &door.failed);
    door_close(loop, &door);
    assert_int_equal(door.count, 0);
    table_done(&table);
    close(client);
}

/* Its one place is taken by others before a connection comes. */
static void run_into_pause(struct hark_loop *loop, struct door *door, struct table *table,
                           int first, int second)
{
    table_fill(table);
    client_go(first, &door->address);
    while (door->listener.shed_count < 1)
        assert_true(hark_run_once(loop) >= 0);
    assert_sleeps(loop);
    assert_int_equal(table_fill(table), 1);
    client_go(second, &door->address);
    while (door->listener.pauses < 1)
        assert_true(hark_run_once(loop) >= 0);
}

BACKEND_TEST(listener_without_a_place_to_shed_pauses_and_recovers)
{
    struct door door = {0};
    struct table table;
    table_limit(&table);
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    int first = client_make();
    int second = client_make();
    run_into_pause(loop, &door, &table, first, second);
    assert_true(hark_loop_next_deadline(loop) != HARK_NEVER);
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    while (door.listener.pauses < 4)
        assert_true(hark_run_once(loop) >= 0);
    uint64_t attempts = metrics->handled[HARK_OP_ACCEPT] + metrics->handled[HARK_OP_ACCEPT_EACH];
    assert_true(attempts < 10); /* one for each pause at most, and those before */
    table_free(&table, 3);
    door_wait(loop, &door, 1); /* by itself: the second client */
    assert_int_equal(client_look(second), -EAGAIN);
    assert_int_equal(door.error_count, 1);
    assert_int_equal(door.listener.shed_count, 1);
    assert_sleeps(loop);

    close(first); /* the reserve is there again: it sheds, and does not pause */
    first = client_make();
    table_fill(&table);
    uint64_t pauses = door.listener.pauses;
    client_go(first, &door.address);
    while (door.listener.shed_count < 2)
        assert_true(hark_run_once(loop) >= 0);
    assert_int_equal(door.listener.pauses, pauses);
    table_done(&table);
    close(first);
    close(second);
    door_close(loop, &door);
}

BACKEND_TEST(listener_closed_while_pausing_is_closed)
{
    struct door door = {0};
    struct table table;
    table_limit(&table);
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    int first = client_make();
    int second = client_make();
    run_into_pause(loop, &door, &table, first, second);
    door_close_start(&door);
    harness_run(loop);
    assert_true(door.closed);
    assert_int_equal(door.count, 0);
    table_done(&table);
    close(first);
    close(second);
}

BACKEND_TEST(listener_cancel_all_while_pausing_stops_it)
{
    struct door door = {0};
    struct table table;
    table_limit(&table);
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    int first = client_make();
    int second = client_make();
    run_into_pause(loop, &door, &table, first, second);
    hark_cancel_all(loop);
    harness_run(loop);
    assert_int_equal(door.error_count, 2);
    assert_result(door.errors[1], -ECANCELED);
    table_done(&table);
    close(first);
    close(second);
    door_close(loop, &door);
}

static void close_when_told(struct door *door)
{
    if (door->error_count == 1)
        door_close_start(door);
}

BACKEND_TEST(listener_closed_when_told_of_emfile_is_closed)
{
    struct door door = {.on_failed = close_when_told};
    struct table table;
    table_limit(&table);
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    int client = client_make();
    table_fill(&table);
    client_go(client, &door.address);
    harness_run(loop);
    assert_true(door.closed);
    table_done(&table);
    close(client);
}

/* One callback a turn: the next connection is accepted already when the close comes, and was not
 * handed over. */
BACKEND_TEST_WITH(listener_closed_while_it_sheds_leaves_no_connection, .turn_max = 1)
{
    struct door door = {0};
    struct table table;
    int clients[3];
    table_limit(&table);
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    for (int i = 0; i < 3; i++)
        clients[i] = client_make();
    table_fill(&table);
    for (int i = 0; i < 3; i++)
        client_go(clients[i], &door.address);
    while (door.listener.shed_count == 0)
        assert_true(hark_run_once(loop) >= 0);
    door_close_start(&door);
    harness_run(loop);
    assert_true(door.closed);
    assert_int_equal(door.count, 0);
    table_done(&table);
    for (int i = 0; i < 3; i++)
        close(clients[i]);
}

BACKEND_TEST(listener_open_and_adopt_without_descriptors_fail)
{
    struct door door = {0};
    struct hark_address address;
    struct table table;
    table_limit(&table);
    int fd = harness_listen(loop, &address);
    table_fill(&table);
    assert_result(door_open(loop, &door, "127.0.0.1:0"), -EMFILE);
    assert_result(hark_listener_adopt(loop, &door.listener, fd, &door_events), -EMFILE);
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* it was the listener's, also where that fails */
    table_fill(&table);
    table_free(&table, 1); /* enough for the reserve, not for the socket */
    assert_result(door_open(loop, &door, "127.0.0.1:0"), -EMFILE);
    table_done(&table);
    assert_int_equal(hark_loop_active(loop), 0);
}
