/* hark_listener: accepting, adopting, closing. */
#include "net/door.h"

#include <stdlib.h>
#include <string.h>

/* --- accepting --- */

BACKEND_TEST(listener_hands_connections_over)
{
    struct door door = {0};
    int clients[20];
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    assert_int_not_equal(door.address.name.ip4.sin_port, 0);
    for (int i = 0; i < 10; i++)
        clients[i] = client_connect(&door.address);
    door_wait(loop, &door, 10);
    for (int i = 10; i < 20; i++)
        clients[i] = client_connect(&door.address);
    door_wait(loop, &door, 20);
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
    snprintf(text, sizeof text, "unix:%s", harness_path("socket"));
    struct door door = {0};
    assert_result(door_open(loop, &door, text), 0);
    int client = client_connect(&door.address);
    door_wait(loop, &door, 1);
    close(client);
    door_close(loop, &door);

    struct door again = {0}; /* the path has stayed, and is replaced */
    assert_result(door_open(loop, &again, text), 0);
    client = client_connect(&again.address);
    door_wait(loop, &again, 1);
    close(client);
    door_close(loop, &again);

    struct door six = {0};
    int error = door_open(loop, &six, "[::1]:0");
    if (error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL)
        return;
    assert_result(error, 0);
    client = client_connect(&six.address);
    door_wait(loop, &six, 1);
    close(client);
    door_close(loop, &six);
}

BACKEND_TEST(listener_open_that_fails_leaves_nothing)
{
    struct door door = {0};
    struct door second = {0};
    char text[HARK_ADDRESS_TEXT_MAX];
    assert_result(door_open(loop, &door, "127.0.0.1:0"), 0);
    hark_address_format(&door.address, text, sizeof text);
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

/* --- adopting --- */

BACKEND_TEST(listener_adopts_a_socket)
{
    struct door door = {0};
    struct hark_address address;
    int fd = harness_listen(loop, &address);
    int early = client_connect(&address);
    assert_result(hark_listener_adopt(loop, &door.listener, fd, &door_events), 0);
    door_wait(loop, &door, 1);
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
    assert_result(hark_listener_adopt(loop, &door.listener, fd, &door_events), 0);
    harness_run(loop);
    assert_int_equal(door.error_count, 1);
    assert_result(door.errors[0], -EINVAL);
    door_close(loop, &door);
}

/* --- closing --- */

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
    assert_result(hark_listener_adopt(loop, &door.listener, fd, &door_events), 0);
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
    door_wait(loop, &door, 1);
    close(client);
    door_close(loop, &door);
}

BACKEND_TEST(listener_without_failed_and_closed_works)
{
    struct hark_listener listener = {0};
    int fd = hark_os_socket(loop, AF_INET, SOCK_STREAM, 0);
    const struct hark_listener_events events = {.accepted = door_accepted};
    assert_result(hark_listener_adopt(loop, &listener, fd, &events), 0);
    harness_run(loop); /* it has stopped, and nobody is told */
    hark_listener_close(&listener);
    harness_run(loop);
}

static void free_it(struct door *door)
{
    memset(door, 0xa5, sizeof *door);
    free(door);
}

BACKEND_TEST(listener_is_freed_in_closed)
{
    struct door *door = calloc(1, sizeof *door);
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
    assert_result(hark_listener_adopt(loop, &door.listener, fd, &door_events), 0);
    door_close_start(&door);
    harness_run(loop);
    assert_true(door.closed);
    assert_int_equal(door.count, 0);
    harness_await_input(client);
    assert_true(client_look(client) <= 0);
    close(client);
}
