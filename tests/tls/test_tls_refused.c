/* What must be refused: certificates that are wrong in each way, peers that speak something else,
 * end too early or say nothing; and that each is told apart, in a code and in words. */
#include "tls/meeting.h"

#define SECOND_NS UINT64_C(1000000000)

/* Certificates as badssl.com has them, made here. */
struct wrong {
    const char *what;
    struct paper_wish wish;
    bool self_signed;
    int error;
    const char *words;
};

static const struct wrong wrongs[] = {
    {"another host's",
     {.name = "x", .altname = "DNS:elsewhere.test", .from_seconds = -60},
     false,
     -EKEYREJECTED,
     "hostname mismatch"},
    {"one with the name in its subject alone, beside others",
     {.name = "localhost", .altname = "DNS:elsewhere.test", .from_seconds = -60},
     false,
     -EKEYREJECTED,
     "hostname mismatch"},
    {"expired",
     {.name = "x", .altname = "DNS:localhost", .from_seconds = -7200, .to_seconds = -60},
     false,
     -EKEYEXPIRED,
     "expired"},
    {"not yet valid",
     {.name = "x", .altname = "DNS:localhost", .from_seconds = 600, .to_seconds = 7200},
     false,
     -EKEYEXPIRED,
     "not yet valid"},
    {"a subject without a name that it is for",
     {.name = "localhost", .from_seconds = -60},
     false,
     -EKEYREJECTED,
     "name"},
    {"signed by itself",
     {.name = "x", .altname = "DNS:localhost", .from_seconds = -60},
     true,
     -EKEYREJECTED,
     "self-signed"},
};

/* Both handshakes are over; the client's has failed so.
 * Gives: what it says of it. */
static const char *refused(struct hark_loop *loop, struct meeting *meeting, int error,
                           const char *words)
{
    meeting_connect(loop, meeting, NULL);
    harness_run_until(loop, &meeting->client.connected);
    const char *why = hark_tls_why(&meeting->client.stream);
    if (!strstr(why, words))
        fprintf(stderr, "it says: %s\n", why);
    assert_result(meeting->client.connected_error, error);
    assert_non_null(strstr(why, words));
    assert_non_null(strstr(why, "localhost"));
    assert_null(strchr(why, '\n'));
    return why;
}

BACKEND_TEST(tls_certificates_that_are_wrong_are_refused_each_with_its_reason)
{
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct meeting meeting = {0};
        struct paper authority = {0}, paper = {0};
        paper_authority(&authority);
        paper_make(&paper, &wrongs[i].wish, wrongs[i].self_signed ? NULL : &authority);
        struct hark_tls_certificate certificate = paper_as_certificate(&paper);
        struct hark_tls_options server = {.certificates = &certificate, .certificate_count = 1};
        struct hark_tls_options client = {.ca_pem = authority.pem};
        meeting_prepare(&meeting, &server, &client);
        refused(loop, &meeting, wrongs[i].error, wrongs[i].words);
        /* The server is told by an alert, whatever version. */
        witness_read_start(&meeting.server);
        harness_run_until(loop, &meeting.server.connected);
        if (meeting.server.connected_error == 0)
            harness_run_until(loop, &meeting.server.ended);
        assert_non_null(strstr(hark_tls_why(&meeting.server.stream), "it has refused"));
        meeting_part(loop, &meeting);
        meeting_done(&meeting);
        paper_done(&paper);
        paper_done(&authority);
    }
}

BACKEND_TEST(tls_of_an_unknown_authority_is_refused_and_trusted_when_that_is_given)
{
    static const struct paper_wish wish = {.name = "another CA", .from_seconds = -60, .ca = true};
    struct meeting meeting = {0};
    struct paper stranger = {0};
    paper_make(&stranger, &wish, NULL);
    struct hark_tls_options client = {.ca_pem = stranger.pem};
    meeting_prepare(&meeting, NULL, &client);
    const char *why = refused(loop, &meeting, -EKEYREJECTED, "local issuer");
    assert_non_null(strstr(why, "ca_file"));
    meeting_part(loop, &meeting);

    hark_tls_destroy(meeting.client_tls);
    client.ca_pem = meeting.authority.pem;
    meeting.client_tls = tls_make(&client);
    meeting_begin(loop, &meeting, NULL);
    meeting_part(loop, &meeting);

    /* By default the system's are asked, which know nothing of a test. */
    hark_tls_destroy(meeting.client_tls);
    client.ca_pem = NULL;
    meeting.client_tls = tls_make(&client);
    refused(loop, &meeting, -EKEYREJECTED, "certificate is refused");
    meeting_part(loop, &meeting);

    hark_tls_destroy(meeting.client_tls);
    client.without_verification = true;
    meeting.client_tls = tls_make(&client);
    meeting_begin(loop, &meeting, NULL);
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
    paper_done(&stranger);
}

BACKEND_TEST(tls_of_an_authority_with_the_trusted_ones_name_is_refused)
{
    struct meeting meeting = {0};
    struct paper namesake = {0};
    paper_authority(&namesake);
    struct hark_tls_options client = {.ca_pem = namesake.pem};
    meeting_prepare(&meeting, NULL, &client);
    refused(loop, &meeting, -EKEYREJECTED, "signature");
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
    paper_done(&namesake);
}

BACKEND_TEST(tls_looks_for_the_name_or_address_that_was_asked_for)
{
    static const struct {
        const char *name;
        int error;
    } asked[] = {{"localhost", 0},
                 {"LOCALHOST", 0},
                 {"localhost.", 0},
                 {"127.0.0.1", 0},
                 {"127.0.0.2", -EKEYREJECTED},
                 {"::1", -EKEYREJECTED},
                 {"localhost.test", -EKEYREJECTED}};
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        int pair[2];
        harness_tcp_pair(loop, pair);
        witness_open_tls(loop, &meeting.server, pair[0], meeting.server_tls, NULL, NULL);
        witness_open_tls(loop, &meeting.client, pair[1], meeting.client_tls, asked[i].name, NULL);
        harness_run_until(loop, &meeting.client.connected);
        assert_result(meeting.client.connected_error, asked[i].error);
        meeting_part(loop, &meeting);
    }
    int pair[2];
    harness_tcp_pair(loop, pair);
    assert_result(hark_stream_open_tls(loop, &meeting.client.stream, pair[1], meeting.client_tls,
                                       NULL, NULL, &witness_events),
                  -EINVAL); /* nobody to verify */
    close(pair[0]);
    close(pair[1]);
    meeting_done(&meeting);
}

/* --- peers that speak something else, or nothing --- */

/* A server's side whose peer is a plain descriptor. */
static int plain_client(struct hark_loop *loop, struct meeting *meeting,
                        const struct hark_stream_options *options)
{
    int pair[2];
    harness_tcp_pair(loop, pair);
    witness_open_tls(loop, &meeting->server, pair[0], meeting->server_tls, NULL, options);
    return pair[1];
}

BACKEND_TEST(tls_name_that_begins_with_a_dot_is_no_name)
{
    struct meeting meeting = {0};
    int ends[2];
    meeting_prepare(&meeting, NULL, NULL);
    harness_tcp_pair(loop, ends);
    assert_result(hark_stream_open_tls(loop, &meeting.client.stream, ends[0], meeting.client_tls,
                                       ".localhost", NULL, &witness_events),
                  -EINVAL);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
    meeting_done(&meeting);
}

BACKEND_TEST(tls_what_is_no_tls_is_refused_in_words)
{
    static const char *const sent[] = {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                                       "SSH-2.0-OpenSSH_9.2\r\nand more of the same",
                                       "\x16\x03\x01\xff\xff and a length that no record has",
                                       ("\x16\x03\x01\x00\x05\xff\xff\xff\xff\xff"
                                        "a message of an unknown kind")};
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    for (size_t i = 0; i < sizeof sent / sizeof sent[0]; i++) {
        int peer = plain_client(loop, &meeting, NULL);
        size_t count = i == 3 ? 38 : strlen(sent[i]);
        assert_int_equal(send(peer, sent[i], count, 0), count);
        harness_run_until(loop, &meeting.server.connected);
        assert_result(meeting.server.connected_error, i == 0 ? -EPROTOTYPE : -EPROTO);
        assert_non_null(strstr(hark_tls_why(&meeting.server.stream), "a client: handshake: "));
        meeting_part(loop, &meeting);
        close(peer);
    }
    meeting_done(&meeting);
}

/* What a client says first. */
static size_t greeting(struct hark_loop *loop, struct meeting *meeting, char *bytes, size_t room)
{
    int pair[2];
    ssize_t count;
    harness_tcp_pair(loop, pair);
    witness_open_tls(loop, &meeting->client, pair[1], meeting->client_tls, "localhost", NULL);
    while ((count = peer_read(pair[0], bytes, room)) == -EAGAIN)
        assert_true(hark_run_ready(loop) >= 0);
    assert_true(count > 100);
    witness_close(loop, &meeting->client);
    meeting->client = (struct witness){.stream = meeting->client.stream};
    close(pair[0]);
    return (size_t)count;
}

BACKEND_TEST(tls_a_peer_that_ends_in_the_midst_of_the_handshake_is_told_apart)
{
    static char hello[4096];
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    size_t count = greeting(loop, &meeting, hello, sizeof hello);
    for (size_t cut = 0; cut <= count; cut += cut < 8 ? 1 : count / 5) {
        int peer = plain_client(loop, &meeting, NULL);
        if (cut > 0)
            assert_int_equal(send(peer, hello, cut, 0), cut);
        shutdown(peer, SHUT_WR);
        harness_run_until(loop, &meeting.server.connected);
        assert_result(meeting.server.connected_error, -ECONNABORTED);
        meeting_part(loop, &meeting);
        close(peer);
    }
    meeting_done(&meeting);
}

BACKEND_TEST(tls_a_greeting_in_single_bytes_is_understood_to_its_end)
{
    static char hello[4096], answer[16];
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    size_t count = greeting(loop, &meeting, hello, sizeof hello);
    int peer = plain_client(loop, &meeting, NULL);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(send(peer, hello + i, 1, 0), 1);
        harness_turns(loop, 1);
    }
    peer_read_all(loop, peer, answer, 3);
    assert_memory_equal(answer, "\x16\x03\x03", 3); /* a server's greeting */
    assert_false(meeting.server.connected);
    meeting_part(loop, &meeting);
    close(peer);
    meeting_done(&meeting);
}

BACKEND_TEST(tls_a_peer_that_says_nothing_meets_the_deadline_of_the_handshake)
{
    static const struct hark_tls_options options = {.handshake_timeout_ns = SECOND_NS / 20};
    static char hello[4096];
    struct hark_stream_options longer = {.connect_timeout_ns = 3600 * SECOND_NS};
    struct meeting meeting = {0};
    meeting_prepare(&meeting, &options, NULL);
    size_t count = greeting(loop, &meeting, hello, sizeof hello);
    for (int i = 0; i < 3; i++) {
        int peer = plain_client(loop, &meeting, i == 0 ? NULL : &longer);
        if (i == 2) /* it stops after its first half, or what is asked for next */
            assert_int_equal(send(peer, hello, count, 0), count);
        harness_run_until(loop, &meeting.server.connected);
        assert_result(meeting.server.connected_error, -ETIMEDOUT);
        assert_non_null(strstr(hark_tls_why(&meeting.server.stream), "a client: handshake: "));
        meeting_part(loop, &meeting);
        close(peer);
    }
    meeting_done(&meeting);
}

/* --- after the handshake --- */

BACKEND_TEST(tls_an_end_without_close_notify_is_told_apart_from_one_with_it)
{
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        meeting_begin(loop, &meeting, NULL);
        witness_collect(&meeting.client, 10);
        witness_read_start(&meeting.client);
        assert_result(witness_write(&meeting.server, "half", 4), 0);
        while (meeting.client.total < 4)
            assert_true(hark_run_once(loop) >= 0);
        if (i == 0)
            shutdown(meeting.server.stream.fd, SHUT_WR); /* as who is on the way could */
        else
            witness_end(&meeting.server);
        harness_run_until(loop, &meeting.client.ended);
        assert_result(meeting.client.end, i == 0 ? -ECONNABORTED : 0);
        assert_int_equal(strlen(hark_tls_why(&meeting.client.stream)) > 0, i == 0);
        meeting_part(loop, &meeting);
    }
    meeting_done(&meeting);
}

BACKEND_TEST(tls_a_record_that_was_changed_on_its_way_ends_the_connection)
{
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    meeting_begin(loop, &meeting, NULL);
    witness_read_start(&meeting.client);
    /* From the server's descriptor, but not by its key. */
    assert_int_equal(send(meeting.server.stream.fd, "\x17\x03\x03\x00\x20", 5, 0), 5);
    assert_int_equal(send(meeting.server.stream.fd, "0123456789abcdef0123456789abcdef", 32, 0), 32);
    harness_run_until(loop, &meeting.client.ended);
    assert_result(meeting.client.end, -EPROTO);
    assert_non_null(strstr(hark_tls_why(&meeting.client.stream), "receiving: "));
    /* Nothing can be sent any more, and the other side was told why. */
    assert_result(witness_write(&meeting.client, "text", 4), 0);
    harness_run_until(loop, &meeting.client.failed);
    assert_result(meeting.client.failed_error, -EPROTO);
    witness_read_start(&meeting.server);
    harness_run_until(loop, &meeting.server.ended);
    assert_non_null(strstr(hark_tls_why(&meeting.server.stream), "it has refused"));
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
}

BACKEND_TEST(tls_a_peer_that_takes_nothing_meets_the_write_deadline_and_close_notify_too)
{
    static char much[3000000];
    struct hark_stream_options options = {.write_timeout_ns = SECOND_NS / 20,
                                          .queue_bytes_max = 4000000};
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    meeting_connect_over_unix(loop, &meeting, &options);
    harness_run_until(loop, &meeting.client.connected);
    harness_run_until(loop, &meeting.server.connected);
    assert_true(witness_write(&meeting.client, much, sizeof much) >= 0);
    harness_run_until(loop, &meeting.client.failed);
    assert_result(meeting.client.failed_error, -ETIMEDOUT);
    meeting_part(loop, &meeting);

    meeting_connect_over_unix(loop, &meeting, &options);
    harness_run_until(loop, &meeting.client.connected);
    harness_run_until(loop, &meeting.server.connected);
    harness_stuff(meeting.client.stream.fd);
    witness_close_after_sending(&meeting.client);
    harness_run_until(loop, &meeting.client.closed);
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
}

BACKEND_TEST(tls_silence_meets_the_read_deadline)
{
    struct hark_stream_options options = {.read_timeout_ns = SECOND_NS / 20};
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    meeting_begin(loop, &meeting, &options);
    witness_read_start(&meeting.server);
    harness_run_until(loop, &meeting.server.ended);
    assert_result(meeting.server.end, -ETIMEDOUT);
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
}
