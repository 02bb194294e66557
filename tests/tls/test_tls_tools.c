/* The other side made by others: openssl s_client, openssl s_server and curl, as processes of their
 * own over loopback. */
#include "tls/tool.h"

#include <arpa/inet.h>

/* --- a server here, clients there --- */

/* Takes one connection. */
struct door {
    struct hark_listener listener;
    struct meeting *meeting;
    char port[8];
    bool opened, closed;
};

static void door_accepted(struct hark_listener *listener, int fd)
{
    struct door *door = hark_container_of(listener, struct door, listener);
    assert_false(door->opened);
    door->opened = true;
    witness_open_tls(listener->loop, &door->meeting->server, fd, door->meeting->server_tls, NULL,
                     NULL);
    witness_read_start(&door->meeting->server);
}

static void door_closed(struct hark_listener *listener)
{
    hark_container_of(listener, struct door, listener)->closed = true;
}

static void door_open(struct hark_loop *loop, struct door *door, struct meeting *meeting)
{
    static const struct hark_listener_events events = {.accepted = door_accepted,
                                                       .closed = door_closed};
    struct hark_address address;
    *door = (struct door){.meeting = meeting};
    assert_int_equal(hark_address_parse("127.0.0.1:0", &address), 0);
    assert_int_equal(hark_listener_open(loop, &door->listener, &address, 0, 0, &events), 0);
    assert_int_equal(hark_listener_address(&door->listener, &address), 0);
    snprintf(door->port, sizeof door->port, "%u", ntohs(address.name.ip4.sin_port));
}

static void door_close(struct hark_loop *loop, struct door *door)
{
    hark_listener_close(&door->listener);
    harness_run_until(loop, &door->closed);
}

static void echo_a_line(struct witness *witness, enum witness_event event, const void *bytes,
                        int64_t count)
{
    if (event != RECEIVED)
        return;
    assert_true(witness_write(witness, bytes, (size_t)count) >= 0);
    if (memchr(bytes, '\n', (size_t)count))
        witness_close_after_sending(witness);
}

BACKEND_TEST(tls_openssl_s_client_talks_with_the_server_in_both_versions)
{
    static const char *const versions[] = {"-tls1_2", "-tls1_3"};
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    paper_write(&meeting.authority, "ca");
    for (int i = 0; i < 2; i++) {
        struct door door;
        struct tool tool = {0};
        char to[32];
        door_open(loop, &door, &meeting);
        snprintf(to, sizeof to, "127.0.0.1:%s", door.port);
        const char *const arguments[] = {"openssl",
                                         "s_client",
                                         "-connect",
                                         to,
                                         "-CAfile",
                                         harness_path("ca.pem"),
                                         "-servername",
                                         "localhost",
                                         "-verify_hostname",
                                         "localhost",
                                         "-verify_return_error",
                                         "-quiet",
                                         "-no_ign_eof",
                                         versions[i],
                                         NULL};
        meeting.server.then = echo_a_line;
        tool_start(loop, &tool, arguments);
        assert_result(witness_write(&tool.io, "a line\n", 7), 0);
        harness_run_until(loop, &meeting.server.connected);
        assert_result(meeting.server.connected_error, 0);
        assert_string_equal(hark_tls_version(&meeting.server.stream), i ? "TLSv1.3" : "TLSv1.2");
        assert_string_equal(hark_tls_server_name(&meeting.server.stream), "localhost");
        harness_run_until(loop, &tool.io.ended);
        assert_int_equal(tool.io.count, 7);
        assert_memory_equal(tool.io.bytes, "a line\n", 7);
        assert_int_equal(tool_end(loop, &tool), 0);
        harness_run_until(loop, &meeting.server.closed);
        door_close(loop, &door);
        meeting_part(loop, &meeting);
    }
    meeting_done(&meeting);
}

/* An answer of 5 MB to whatever request, which ends with the connection. */
static char much[5000000];

static void answer(struct witness *witness, enum witness_event event, const void *bytes,
                   int64_t count)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    if (event != RECEIVED || !memmem(bytes, (size_t)count, "\r\n\r\n", 4))
        return;
    struct witness_block *block = witness->context;
    assert_result(witness_write(witness, head, sizeof head - 1), 0);
    assert_true(witness_write_block(witness, block, much, 1000000) >= 0);
    witness_close_after_sending(witness);
}

BACKEND_TEST(tls_curl_fetches_from_the_server_and_refuses_it_under_another_name)
{
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    paper_write(&meeting.authority, "ca");
    harness_fill(much, sizeof much, 9);
    for (int i = 0; i < 2; i++) {
        static const char *const names[] = {"localhost", "elsewhere.test"};
        struct door door;
        struct tool tool = {0};
        struct witness_block block;
        char url[64], to[64];
        door_open(loop, &door, &meeting);
        snprintf(url, sizeof url, "https://%s:%s/", names[i], door.port);
        snprintf(to, sizeof to, "%s:%s:127.0.0.1", names[i], door.port);
        const char *const arguments[] = {
            "curl",      "-sS", "--noproxy", "*", "--cacert", harness_path("ca.pem"),
            "--resolve", to,    url,         NULL};
        meeting.server.then = answer;
        meeting.server.context = &block;
        tool_start(loop, &tool, arguments);
        harness_run_until(loop, &tool.io.ended);
        if (i == 0) {
            assert_int_equal(tool.io.count, 1000000);
            assert_memory_equal(tool.io.bytes, much, 1000000);
            assert_int_equal(tool_end(loop, &tool), 0);
        } else {
            assert_int_equal(tool.io.count, 0);
            assert_int_equal(tool_end(loop, &tool), 60); /* curl's: the certificate */
        }
        door_close(loop, &door);
        meeting_part(loop, &meeting);
    }
    meeting_done(&meeting);
}

/* --- a client here, a server there --- */

BACKEND_TEST(tls_client_connects_by_name_to_openssl_s_server_in_both_versions)
{
    static const char *const versions[] = {"-tls1_2", "-tls1_3"};
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    paper_write(&meeting.paper, "server");
    for (int i = 0; i < 2; i++) {
        struct tool tool = {0};
        char port[8];
        struct hark_stream_name name = {.host = "localhost", .service = port, .family = AF_INET};
        tool_start_s_server(loop, &tool, versions[i], port, sizeof port);
        assert_result(hark_stream_connect_tls(loop, &meeting.client.stream, &name,
                                              meeting.client_tls, NULL, NULL, &witness_events),
                      0);
        witness_collect(&meeting.client, 100);
        witness_read_start(&meeting.client);
        assert_result(witness_write(&meeting.client, "abc\n", 4), 0);
        while (meeting.client.total < 4) {
            assert_result(meeting.client.connected_error, 0);
            assert_false(meeting.client.ended);
            assert_true(hark_run_once(loop) >= 0);
        }
        assert_memory_equal(meeting.client.bytes, "cba\n", 4);
        assert_string_equal(hark_tls_version(&meeting.client.stream), i ? "TLSv1.3" : "TLSv1.2");
        witness_close_after_sending(&meeting.client);
        harness_run_until(loop, &meeting.client.closed);
        tool_end(loop, &tool);
        meeting_part(loop, &meeting);
    }
    meeting_done(&meeting);
}

BACKEND_TEST(tls_client_to_a_name_closed_refused_or_without_anybody_leaves_nothing)
{
    struct meeting meeting = {0};
    struct hark_address address;
    char port[8];
    meeting_prepare(&meeting, NULL, NULL);
    int listening = harness_listen(loop, &address);
    snprintf(port, sizeof port, "%u", ntohs(address.name.ip4.sin_port));
    struct hark_stream_name name = {.host = "localhost", .service = port, .family = AF_INET};
    for (int turns = 0; turns < 8; turns++) { /* somebody is there, and says nothing */
        assert_result(hark_stream_connect_tls(loop, &meeting.client.stream, &name,
                                              meeting.client_tls, NULL, NULL, &witness_events),
                      0);
        harness_turns(loop, turns);
        witness_close(loop, &meeting.client);
        meeting.client = (struct witness){.stream = meeting.client.stream};
    }
    harness_run(loop);
    close(listening);
    assert_result(hark_stream_connect_tls(loop, &meeting.client.stream, &name, meeting.client_tls,
                                          NULL, NULL, &witness_events),
                  0);
    harness_run_until(loop, &meeting.client.connected);
    assert_result(meeting.client.connected_error, -ECONNREFUSED);
    meeting_part(loop, &meeting);
    assert_result(hark_stream_connect_tls(loop, &meeting.client.stream, &name, meeting.server_tls,
                                          NULL, NULL, &witness_events),
                  -EINVAL);
    meeting_done(&meeting);
}
