/* test_datagram_deadlines.c - the datagram socket: silence, what cannot be sent in time, stopping,
 * closing, detaching. */
#include "net/side.h"

#include <errno.h>
#include <string.h>

/* --- deadlines and ends --- */

BACKEND_TEST(silence_past_the_deadline_ends_receiving_until_it_is_started_again)
{
    static struct side server;
    const struct hark_address local = side_parse("127.0.0.1:0");
    const struct hark_datagram_options options = {.receive_timeout_ns = 20000000};
    memset(&server, 0, sizeof server);
    assert_result(hark_datagram_bind(loop, &server.datagram, &local, &options, &side_events), 0);
    hark_datagram_receive_start(&server.datagram);
    harness_run_until(loop, &server.ended);
    assert_result(server.end, -ETIMEDOUT);
    server.ended = false;
    hark_datagram_receive_start(&server.datagram);
    struct hark_address address = side_address(loop, &server);
    struct hark_datagram_way how = side_to(&address, 0);
    assert_result(hark_datagram_send(&server.datagram, "abc", 3, &how), 0);
    side_await(loop, &server.count, 1);
    harness_run_until(loop, &server.ended);
    assert_result(server.end, -ETIMEDOUT);
    side_close(loop, &server);
}

BACKEND_TEST(datagram_that_cannot_be_sent_in_time_is_told)
{
    int ends[2];
    static struct side side;
    const struct hark_datagram_options options = {.send_timeout_ns = 20000000};
    memset(&side, 0, sizeof side);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    while (send(ends[0], "x", 1, 0) == 1)
        ;
    assert_result(hark_datagram_open(loop, &side.datagram, ends[0], &options, &side_events), 0);
    struct hark_datagram_way how = {.token = 9};
    assert_result(hark_datagram_send(&side.datagram, "abc", 3, &how), 0);
    side_await(loop, &side.failed, 1);
    assert_result(side.failures[0].error, -ETIMEDOUT);
    assert_int_equal(side.failures[0].token, 9);
    side_close(loop, &side);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(datagram_socket_stopped_keeps_what_comes_for_later)
{
    static struct side server;
    side_bind(loop, &server, "127.0.0.1:0", 0);
    struct hark_address address = side_address(loop, &server);
    struct hark_datagram_way how = side_to(&address, 0);
    harness_settle(loop);
    hark_datagram_receive_stop(&server.datagram);
    harness_settle(loop);
    assert_result(hark_datagram_send(&server.datagram, "abc", 3, &how), 0);
    harness_settle(loop);
    assert_int_equal(server.count, 0);
    hark_datagram_receive_start(&server.datagram);
    hark_datagram_receive_stop(&server.datagram);
    hark_datagram_receive_start(&server.datagram);
    side_await(loop, &server.count, 1);
    assert_false(server.ended);
    side_close(loop, &server);
}

BACKEND_TEST(datagram_socket_closed_in_its_callback_drops_its_queue)
{
    static struct side server;
    side_bind(loop, &server, "127.0.0.1:0", 0);
    server.closes = true;
    struct hark_address address = side_address(loop, &server);
    struct hark_datagram_way how = side_to(&address, 0);
    for (int i = 0; i < 100; i++)
        assert_true(hark_datagram_send(&server.datagram, "abc", 3, &how) >= 0);
    harness_run_until(loop, &server.closed);
    assert_int_equal(server.count, 1);
    assert_result(hark_datagram_send(&server.datagram, "abc", 3, &how), -EPIPE);
    harness_run(loop);
}

BACKEND_TEST(datagram_socket_that_is_detached_has_sent_its_queue)
{
    enum { COUNT = 50 };
    static struct side server;
    static struct side client;
    side_bind(loop, &server, "127.0.0.1:0", 0);
    struct hark_address address = side_address(loop, &server);
    side_connect(loop, &client, &address, HARK_DATAGRAM_ERRORS);
    for (int i = 0; i < COUNT; i++)
        assert_true(hark_datagram_send(&client.datagram, "abc", 3, NULL) >= 0);
    assert_result(hark_datagram_detach(&client.datagram), 0);
    assert_result(hark_datagram_detach(&client.datagram), -EBUSY);
    assert_result(hark_datagram_send(&client.datagram, "abc", 3, NULL), -EPIPE);
    side_await(loop, &client.detached, 1);
    assert_result(hark_datagram_detach(&client.datagram), -EBADF);
    side_await(loop, &server.count, COUNT);
    int fd = client.detached - 1;
    assert_result(hark_datagram_open(loop, &client.datagram, fd, NULL, &side_events), 0);
    assert_result(hark_datagram_send(&client.datagram, "abc", 3, NULL), 0);
    side_await(loop, &server.count, COUNT + 1);
    side_close(loop, &client);
    side_close(loop, &server);
}

BACKEND_TEST(datagram_socket_of_what_is_none_is_refused)
{
    static struct side side;
    int ends[2];
    const struct hark_address address = side_parse("127.0.0.1:0");
    memset(&side, 0, sizeof side);
    harness_socket_pair(loop, ends);
    assert_result(hark_datagram_open(loop, &side.datagram, ends[0], NULL, &side_events),
                  -EPROTOTYPE);
    assert_result(hark_datagram_open(loop, &side.datagram, 1000, NULL, &side_events), -EBADF);
    assert_int_equal(hark_datagram_fd(&side.datagram), -1);
    hark_datagram_receive_start(&side.datagram);
    hark_datagram_close(&side.datagram);
    assert_result(hark_datagram_send(&side.datagram, "abc", 3, NULL), -EPIPE);
    side_bind(loop, &side, "[::1]:0", 0);
    struct hark_datagram_way how = {.local = &address};
    assert_result(hark_datagram_send(&side.datagram, "abc", 3, &how), -EAFNOSUPPORT);
    how = (struct hark_datagram_way){.segment = 65536};
    assert_result(hark_datagram_send(&side.datagram, "abc", 3, &how), -EINVAL);
    side_close(loop, &side);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}
