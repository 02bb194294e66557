/* test_datagram.c - the datagram socket: sending and receiving, and its queue. */
#include "net/side.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* --- there and back --- */

static void echo(struct hark_loop *loop, const char *text)
{
    static struct side server;
    static struct side client;
    static const size_t sizes[] = {3, 0, 1, 1400, 0};
    char bytes[1400];
    memset(bytes, 'x', sizeof bytes);
    side_bind(loop, &server, text, 0);
    server.answers = true;
    struct hark_address address = side_address(loop, &server);
    side_connect(loop, &client, &address, 0);
    for (int i = 0; i < 5; i++) {
        assert_result(hark_datagram_send(&client.datagram, bytes, sizes[i], NULL), 0);
        side_await(loop, &client.count, i + 1);
        assert_int_equal(client.seen[i].count, sizes[i]);
        assert_int_equal(client.seen[i].length, sizes[i]);
        assert_int_equal(client.seen[i].from_length, address.length);
        assert_memory_equal(&client.seen[i].from, &address.name, address.length);
        assert_int_equal(client.seen[i].tos, -1);
        assert_int_equal(client.seen[i].local.length, 0);
    }
    assert_int_equal(server.count, 5);
    assert_int_equal(client.failed + server.failed, 0);
    assert_int_equal(hark_datagram_queued(&client.datagram), 0);
    side_close(loop, &client);
    side_close(loop, &server);
}

BACKEND_TEST(datagram_is_received_and_answered_and_one_of_no_bytes_is_one)
{
    echo(loop, "127.0.0.1:0");
    echo(loop, "[::1]:0");
}

/* Also more than the kernel holds: what is sent waits in the queue, in its order. */
BACKEND_TEST(datagrams_over_unix_sockets_arrive_all_and_in_order)
{
    enum { COUNT = 200 };
    static struct side server;
    static struct side client;
    struct hark_address address;
    const struct hark_datagram_options large = {.queue_bytes_max = 1 << 20};
    memset(&server, 0, sizeof server);
    memset(&client, 0, sizeof client);
    side_unix_address(&address, "server");
    assert_result(hark_datagram_bind(loop, &server.datagram, &address, NULL, &side_events), 0);
    assert_result(
        hark_datagram_connect(loop, &client.datagram, NULL, &address, &large, &side_events), 0);
    for (int i = 0; i < COUNT; i++) {
        char byte = (char)i;
        assert_result(hark_datagram_send(&client.datagram, &byte, (size_t)(i % 2), NULL), 0);
    }
    harness_settle(loop);
    assert_true(hark_datagram_queued(&client.datagram) > 0);
    hark_datagram_receive_start(&server.datagram);
    side_await(loop, &server.count, COUNT);
    for (int i = 0; i < SIDE_SEEN; i++) {
        assert_int_equal(server.seen[i].count, i % 2);
        assert_int_equal(server.seen[i].first, i % 2 ? i : 0);
        assert_int_equal(server.seen[i].from_length, 0);
    }
    side_close(loop, &client);
    side_close(loop, &server);
    assert_int_equal(unlink(address.name.unix_path.sun_path), 0);
}

/* --- the queue --- */

BACKEND_TEST(datagram_queue_refuses_what_has_no_room_and_tells_when_it_has)
{
    int ends[2];
    static struct side side;
    const struct hark_datagram_options small = {.queue_bytes_max = 8192};
    char bytes[500];
    char in[600];
    memset(bytes, 'x', sizeof bytes);
    memset(&side, 0, sizeof side);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    assert_result(hark_datagram_open(loop, &side.datagram, ends[0], &small, &side_events), 0);
    int result;
    int sent = 0;
    bool was_high = false;
    assert_result(hark_datagram_send(&side.datagram, bytes, 8192, NULL), -EMSGSIZE);
    for (;;) { /* as long as the kernel takes some, the queue falls again */
        result = hark_datagram_send(&side.datagram, bytes, sizeof bytes, NULL);
        if (result < 0)
            break;
        was_high |= result == 1;
        sent++;
        harness_turns(loop, 3);
    }
    assert_result(result, -ENOBUFS);
    assert_true(was_high);
    int before = side.drained;
    int arrived = 0;
    while (side.drained == before) {
        while (recv(ends[1], in, sizeof in, 0) == (ssize_t)sizeof bytes)
            arrived++;
        harness_turns(loop, 1);
    }
    assert_true(hark_datagram_queued(&side.datagram) <= 1024);
    assert_result(hark_datagram_send(&side.datagram, bytes, 1, NULL), 0);
    hark_datagram_close_after_sending(&side.datagram);
    assert_result(hark_datagram_send(&side.datagram, bytes, 1, NULL), -EPIPE);
    harness_run_until(loop, &side.closed);
    for (ssize_t count; (count = recv(ends[1], in, sizeof in, 0)) > 0;)
        arrived++;
    assert_int_equal(arrived, sent + 1);
    harness_close(loop, ends[1]);
}

/* Records of all sizes, round and round. */
BACKEND_TEST(datagram_queue_that_goes_round_loses_nothing)
{
    enum { COUNT = 600 };
    int ends[2];
    static struct side side;
    static char bytes[3000];
    static char in[4000];
    const struct hark_datagram_options small = {.queue_bytes_max = 16384};
    memset(&side, 0, sizeof side);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    assert_result(hark_datagram_open(loop, &side.datagram, ends[0], &small, &side_events), 0);
    int arrived = 0;
    for (int sent = 0; arrived < COUNT;) {
        size_t count = (size_t)(sent * 37 % 3000);
        harness_fill(bytes, count, (uint64_t)sent);
        if (sent < COUNT && hark_datagram_send(&side.datagram, bytes, count, NULL) >= 0) {
            sent++;
            continue;
        }
        for (ssize_t size; (size = recv(ends[1], in, sizeof in, 0)) >= 0; arrived++) {
            assert_int_equal(size, arrived * 37 % 3000);
            assert_true(harness_filled(in, (size_t)size, (uint64_t)arrived));
        }
        harness_turns(loop, 1);
    }
    side_close(loop, &side);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(datagrams_in_segments_arrive_as_one_each)
{
    static struct side server;
    static struct side client;
    static char bytes[70 * 1000 + 50];
    side_bind(loop, &server, "127.0.0.1:0", 0);
    struct hark_address address = side_address(loop, &server);
    side_connect(loop, &client, &address, 0);
    struct hark_datagram_way how = {.segment = 100};
    assert_result(hark_datagram_send(&client.datagram, bytes, 1050, &how), 0);
    side_await(loop, &server.count, 11);
    how.segment = 1000;
    assert_result(hark_datagram_send(&client.datagram, bytes, 3000, &how), 0);
    side_await(loop, &server.count, 14);
    how.segment = 5000;
    assert_result(hark_datagram_send(&client.datagram, bytes, 3000, &how), 0);
    side_await(loop, &server.count, 15);
    for (int i = 0; i < 15; i++)
        assert_int_equal(server.seen[i].count, i < 10 ? 100 : i == 10 ? 50 : i < 14 ? 1000 : 3000);
    how.segment = 1000; /* more than one datagram may be */
    assert_true(hark_datagram_send(&client.datagram, bytes, sizeof bytes, &how) >= 0);
    side_await(loop, &server.count, 15 + 71);
    assert_int_equal(server.total, 1050 + 3000 + 3000 + sizeof bytes);
    assert_int_equal(client.failed, 0);
    side_close(loop, &client);
    side_close(loop, &server);
}

BACKEND_TEST_WITH(datagrams_that_come_together_are_told_as_segments,
                  .buffer_bytes = HARK_DATAGRAM_GRO_BYTES, .buffer_count = 16)
{
    static struct side server;
    static struct side client;
    static char bytes[10000];
    side_bind(loop, &server, "127.0.0.1:0", HARK_DATAGRAM_GRO);
    struct hark_address address = side_address(loop, &server);
    side_connect(loop, &client, &address, 0);
    if (!(hark_datagram_features(&server.datagram) & HARK_DATAGRAM_GRO) ||
        !(hark_datagram_features(&client.datagram) & HARK_DATAGRAM_GSO)) {
        side_close(loop, &client);
        side_close(loop, &server);
        harness_skip("the kernel has no segments of datagrams");
    }
    struct hark_datagram_way how = {.segment = 1000};
    assert_result(hark_datagram_send(&client.datagram, bytes, 9500, &how), 0);
    while (server.total < 9500)
        assert_result(hark_run_once(loop), 1);
    assert_int_equal(server.count, 1);
    assert_int_equal(server.seen[0].count, 9500);
    assert_int_equal(server.seen[0].segment, 1000);
    assert_result(hark_datagram_send(&client.datagram, bytes, 700, NULL), 0);
    side_await(loop, &server.count, 2);
    assert_int_equal(server.seen[1].segment, 0);
    side_close(loop, &client);
    side_close(loop, &server);
}

/* A pool of small buffers would cut what comes together. */
BACKEND_TEST(datagrams_are_not_received_together_into_small_buffers)
{
    static struct side side;
    side_bind(loop, &side, "127.0.0.1:0", HARK_DATAGRAM_GRO);
    assert_false(hark_datagram_features(&side.datagram) & HARK_DATAGRAM_GRO);
    side_close(loop, &side);
}
