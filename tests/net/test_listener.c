/* hark_listener: accepting, running out of descriptors and going on, stopping, closing. */
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DOORS_MAX = 64 };

/* A listener that writes down what it is told. */
struct door {
    struct hark_listener listener;
    struct hark_address address;
    int fds[DOORS_MAX];
    int count;
    int errors[DOORS_MAX];
    int error_count;
    bool failed, closed;
    void (*on_accepted)(struct door *door);
    void (*on_failed)(struct door *door);
    void (*on_closed)(struct door *door);
};

static bool inside; /* a call of the library: it must not call back */

static struct door *door_of(struct hark_listener *listener)
{
    assert_false(inside);
    struct door *door = hark_container_of(listener, struct door, listener);
    assert_false(door->closed);
    return door;
}

static void accepted(struct hark_listener *listener, int fd)
{
    struct door *door = door_of(listener);
    assert_true(fd >= 0);
    assert_true(door->count < DOORS_MAX);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    door->fds[door->count++] = fd;
    if (door->on_accepted)
        door->on_accepted(door);
}

static void failed(struct hark_listener *listener, int error)
{
    struct door *door = door_of(listener);
    assert_true(error < 0);
    assert_true(door->error_count < DOORS_MAX);
    door->errors[door->error_count++] = error;
    door->failed = true;
    if (door->on_failed)
        door->on_failed(door);
}

static void closed(struct hark_listener *listener)
{
    struct door *door = door_of(listener);
    door->closed = true;
    if (door->on_closed)
        door->on_closed(door);
}

static int door_open(struct hark_loop *loop, struct door *door, const char *text)
{
    struct hark_address address;
    assert_result(hark_address_parse(text, &address), 0);
    inside = true;
    int error = hark_listener_open(loop, &door->listener, &address, 0, 0, accepted, failed);
    inside = false;
    if (error == 0)
        assert_result(hark_listener_address(&door->listener, &door->address), 0);
    return error;
}

static void door_close_start(struct door *door)
{
    inside = true;
    hark_listener_close(&door->listener, closed);
    inside = false;
}

/* Closes the listener, and all that it accepted. */
static void door_close(struct hark_loop *loop, struct door *door)
{
    door_close_start(door);
    harness_run_until(loop, &door->closed);
    for (int i = 0; i < door->count; i++)
        harness_close(loop, door->fds[i]);
}

static int client_connect(const struct hark_address *address)
{
    int fd = socket(address->name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    int error = connect(fd, &address->name.any, address->length);
    assert_true(error == 0 || errno == EINPROGRESS);
    return fd;
}

static void wait_accepted(struct hark_loop *loop, struct door *door, int count)
{
    while (door->count < count)
        assert_true(hark_run_once(loop) >= 0);
}

/* What a client sees. Gives: 0 or -ECONNRESET where the connection is closed, -EAGAIN where it is open. */
static ssize_t client_look(int fd)
{
    char byte;
    ssize_t count = recv(fd, &byte, 1, MSG_DONTWAIT);
    return count < 0 ? -errno : count;
}

/* ---- accept(2) of the readiness backends, made to fail as the network can make it ---- */

static int accept_error; /* an errno that accept4 gives; 0: the kernel is asked */
static int accept_errors_left;

/* Stands before the C library's, which has its own way to the kernel. */
int accept4(int fd, struct sockaddr *__restrict name, socklen_t *__restrict length, int flags)
{
    if (accept_error && accept_errors_left > 0) {
        accept_errors_left--;
        errno = accept_error;
        return -1;
    }
    return (int)syscall(SYS_accept4, fd, name, length, flags);
}

/* ---- accepting ---- */

BACKEND_TEST(listener_hands_connections_over)
{
    struct door door = {0};
    int clients[20];
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    assert_int_not_equal(door.address.name.ip4.sin_port, 0);
    for (int i = 0; i < 10; i++)
        clients[i] = client_connect(&door.address);
    wait_accepted(loop, &door, 10);
    for (int i = 10; i < 20; i++)
        clients[i] = client_connect(&door.address);
    wait_accepted(loop, &door, 20);
    harness_settle(loop);
    assert_int_equal(door.count, 20);
    assert_int_equal(door.listener.accepted_count, 20);
    assert_int_equal(door.listener.shed_count, 0);
    assert_int_equal(door.listener.pauses, 0);
    assert_int_equal(door.error_count, 0);
    for (int i = 0; i < 20; i++)
        close(clients[i]);
    door_close(loop, &door);
}

BACKEND_TEST(listener_hands_unix_and_ip6_connections_over)
{
    char text[HARK_ADDRESS_TEXT_MAX];
    snprintf(text, sizeof(text), "unix:%s", harness_path("socket"));
    struct door door = {0};
    assert_result(door_open(loop, &door, text), 0);
    int client = client_connect(&door.address);
    wait_accepted(loop, &door, 1);
    close(client);
    door_close(loop, &door);

    struct door again = {0}; /* the path has stayed, and is replaced */
    assert_result(door_open(loop, &again, text), 0);
    client = client_connect(&again.address);
    wait_accepted(loop, &again, 1);
    close(client);
    door_close(loop, &again);

    struct door six = {0};
    int error = door_open(loop, &six, "[::1]:0");
    if (error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL)
        return;
    assert_result(error, 0);
    client = client_connect(&six.address);
    wait_accepted(loop, &six, 1);
    close(client);
    door_close(loop, &six);
}

BACKEND_TEST(listener_open_that_fails_leaves_nothing)
{
    struct door door = {0};
    struct door second = {0};
    char text[HARK_ADDRESS_TEXT_MAX];
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    hark_address_format(&door.address, text, sizeof(text));
    assert_result(door_open(loop, &second, text), -EADDRINUSE);
    assert_result(hark_listener_address(&second.listener, &second.address), -EBADF);
    door_close_start(&second); /* it is not open: nothing happens */
    door_close(loop, &door);
    harness_run(loop);
    assert_false(second.closed);
    assert_result(door_open(loop, &second, "127.0.0.1:0"), 0); /* and it can be opened after all */
    door_close(loop, &second);
}

BACKEND_TEST(listener_address_of_a_closed_one_gives_ebadf)
{
    struct door door = {0};
    struct hark_address address;
    assert_result(hark_listener_address(&door.listener, &address), -EBADF);
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    door_close_start(&door);
    assert_result(hark_listener_address(&door.listener, &address), -EBADF);
    harness_run(loop);
    assert_true(door.closed);
    assert_result(hark_listener_address(&door.listener, &address), -EBADF);
}

/* ---- adopting ---- */

BACKEND_TEST(listener_adopts_a_socket)
{
    struct door door = {0};
    struct hark_address address;
    int fd = harness_listen(loop, &address);
    int early = client_connect(&address);
    assert_result(hark_listener_adopt(loop, &door.listener, fd, accepted, failed), 0);
    wait_accepted(loop, &door, 1);
    assert_result(hark_listener_address(&door.listener, &door.address), 0);
    assert_int_equal(door.address.name.ip4.sin_port, address.name.ip4.sin_port);
    close(early);
    door_close(loop, &door);
}

BACKEND_TEST(listener_adopting_what_does_not_listen_stops)
{
    struct door door = {0};
    int fd = hark_os_socket(loop, AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_result(hark_listener_adopt(loop, &door.listener, fd, accepted, failed), 0);
    harness_run(loop);
    assert_int_equal(door.error_count, 1);
    assert_result(door.errors[0], -EINVAL);
    door_close(loop, &door);
}

/* ---- closing ---- */

static void close_it(struct door *door)
{
    door_close_start(door);
    door_close_start(door); /* nothing more happens */
}

BACKEND_TEST(listener_closed_in_accepted_accepts_no_more)
{
    struct door door = {.on_accepted = close_it};
    int clients[5];
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    for (int i = 0; i < 5; i++)
        clients[i] = client_connect(&door.address);
    harness_run(loop);
    assert_true(door.closed);
    assert_int_equal(door.count, 1);
    for (int i = 0; i < 5; i++)
        close(clients[i]);
    harness_close(loop, door.fds[0]);
}

BACKEND_TEST(listener_closed_in_failed_is_closed_once)
{
    struct door door = {.on_failed = close_it};
    int fd = hark_os_socket(loop, AF_INET, SOCK_STREAM, 0);
    assert_result(hark_listener_adopt(loop, &door.listener, fd, accepted, failed), 0);
    harness_run(loop);
    assert_int_equal(door.error_count, 1);
    assert_true(door.closed);
}

static void reopen(struct door *door)
{
    door->on_closed = NULL;
    door->closed = false;
    assert_result(door_open(door->listener.loop, door, "127.0.0.1:0"), 0);
}

BACKEND_TEST(listener_is_opened_again_in_closed)
{
    struct door door = {.on_closed = reopen};
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    door_close_start(&door);
    while (door.on_closed)
        assert_true(hark_run_once(loop) >= 0);
    int client = client_connect(&door.address);
    wait_accepted(loop, &door, 1);
    close(client);
    door_close(loop, &door);
}

BACKEND_TEST(listener_without_failed_and_closed_works)
{
    struct hark_listener listener = {0};
    int fd = hark_os_socket(loop, AF_INET, SOCK_STREAM, 0);
    assert_result(hark_listener_adopt(loop, &listener, fd, accepted, NULL), 0);
    harness_run(loop); /* it has stopped, and nobody is told */
    hark_listener_close(&listener, NULL);
    harness_run(loop);
}

static void free_it(struct door *door)
{
    memset(door, 0xa5, sizeof(*door));
    free(door);
}

BACKEND_TEST(listener_is_freed_in_closed)
{
    struct door *door = calloc(1, sizeof(*door));
    door->on_closed = free_it;
    assert_result(door_open(loop, door, "127.0.0.1:0"), 0);
    door_close_start(door);
    harness_run(loop);
}

BACKEND_TEST(listener_cancel_all_stops_it)
{
    struct door door = {0};
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    harness_settle(loop);
    hark_cancel_all(loop);
    harness_run(loop);
    assert_int_equal(door.error_count, 1);
    assert_result(door.errors[0], -ECANCELED);
    door_close(loop, &door);
}

BACKEND_TEST(listener_closed_before_it_could_hand_over_closes_the_connection)
{
    struct door door = {0};
    struct hark_address address;
    int fd = harness_listen(loop, &address);
    int client = client_connect(&address);
    assert_result(hark_listener_adopt(loop, &door.listener, fd, accepted, failed), 0);
    door_close_start(&door);
    harness_run(loop);
    assert_true(door.closed);
    assert_int_equal(door.count, 0);
    assert_int_not_equal(client_look(client), -EAGAIN);
    close(client);
}

/* ---- failures that are the connection's own ---- */

static void skip_uring(void)
{
    if (harness_backend() == HARK_BACKEND_URING)
        harness_skip("io_uring does not accept through the C library");
}

BACKEND_TEST(listener_goes_on_after_a_failed_connection)
{
    static const int errors[] = {EPROTO, ENETDOWN, EHOSTUNREACH, EPERM, ENOPROTOOPT, ETIMEDOUT};
    skip_uring();
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
        struct door door = {0};
        accept_error = errors[i];
        accept_errors_left = 10;
        assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
        int client = client_connect(&door.address);
        wait_accepted(loop, &door, 1);
        assert_int_equal(accept_errors_left, 0);
        assert_int_equal(door.error_count, 0);
        assert_int_equal(door.listener.pauses, 0);
        close(client);
        door_close(loop, &door);
    }
}

BACKEND_TEST(listener_pauses_where_every_connection_fails)
{
    struct door door = {0};
    skip_uring();
    accept_error = ENETDOWN;
    accept_errors_left = 1000000;
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    while (door.listener.pauses < 3)
        assert_true(hark_run_once(loop) >= 0);
    assert_true(1000000 - accept_errors_left < 40); /* it does not spin */
    assert_int_equal(door.error_count, 0);
    accept_errors_left = 0;
    int client = client_connect(&door.address);
    wait_accepted(loop, &door, 1);
    close(client);
    door_close(loop, &door);
}

BACKEND_TEST(listener_short_of_memory_tells_once_pauses_and_recovers)
{
    static const int errors[] = {ENOMEM, ENOBUFS};
    skip_uring();
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
        struct door door = {0};
        accept_error = errors[i];
        accept_errors_left = 3;
        assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
        int client = client_connect(&door.address);
        wait_accepted(loop, &door, 1);
        assert_int_equal(door.error_count, 1);
        assert_result(door.errors[0], -errors[i]);
        assert_int_equal(door.listener.pauses, 3);
        assert_int_equal(door.listener.shed_count, 0);
        close(client);
        door_close(loop, &door);
    }
}

/* A timer is never early: pauses that double are told by when they end. */
BACKEND_TEST(listener_pauses_double_up_to_a_second)
{
    struct door door = {0};
    skip_uring();
    accept_error = ENOBUFS;
    accept_errors_left = 1000000;
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    uint64_t pause_ns = 10000000;
    uint64_t before_ns = hark_os_clock(loop);
    for (uint64_t pause = 1; pause <= 4; pause++, pause_ns *= 2) {
        while (door.listener.pauses < pause)
            assert_true(hark_run_once(loop) >= 0);
        uint64_t until_ns = hark_loop_next_deadline(loop);
        assert_true(until_ns != HARK_NEVER && until_ns >= before_ns + pause_ns);
        before_ns = until_ns;
    }
    door.listener.pause_ns = 900000000; /* not to wait that long */
    while (door.listener.pauses < 5)
        assert_true(hark_run_once(loop) >= 0);
    assert_true(hark_loop_next_deadline(loop) <= hark_os_clock(loop) + 1000000000);
    door_close_start(&door);
    harness_settle(loop);
    assert_true(hark_loop_next_deadline(loop) == HARK_NEVER); /* closing does not wait for it */
    harness_run(loop);
    assert_true(door.closed);
}

/* ---- out of descriptors ---- */

enum { FULL_AT = 100 };

/* The process's table of descriptors, filled to the last place. It is made small before the listener is opened: io_uring takes
 * the limit that an accept is to keep when it is started. */
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
    assert_int_equal(metrics->handled[HARK_OP_ACCEPT] + metrics->handled[HARK_OP_ACCEPT_EACH], before);
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
    for (int i = 0; i < WAITING; i++)
        assert_int_not_equal(client_look(clients[i]), -EAGAIN);
    assert_sleeps(loop);
    assert_int_equal(door.listener.pauses, 0);

    table_free(&table, 5); /* there is room again: the next connection is served */
    client_go(late, &door.address);
    wait_accepted(loop, &door, 1);
    client_go(next, &door.address);
    wait_accepted(loop, &door, 2);
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
static void run_into_pause(struct hark_loop *loop, struct door *door, struct table *table, int first, int second)
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
    wait_accepted(loop, &door, 1); /* by itself: the second client */
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

/* One callback a turn: the next connection is accepted already when the close comes, and was not handed over. */
BACKEND_TEST_WITH(listener_closed_while_it_sheds_leaves_no_connection, 0, .turn_max = 1)
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
    assert_result(hark_listener_adopt(loop, &door.listener, fd, accepted, failed), -EMFILE);
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* it was the listener's, also where that fails */
    table_fill(&table);
    table_free(&table, 1); /* enough for the reserve, not for the socket */
    assert_result(door_open(loop, &door, "127.0.0.1:0"), -EMFILE);
    table_done(&table);
    assert_int_equal(hark_loop_active(loop), 0);
}
