/* What the options of a context choose: versions, ciphers, protocols, certificates by name,
 * clients' certificates, sessions that are resumed, new certificates without a restart, and how
 * many handshakes there are at a time. */
#include "tls/meeting.h"

#include <openssl/ssl.h>

#define SECOND_NS UINT64_C(1000000000)

/* From the next connection on, as a server of before. */
static void know_no_tls_1_3(struct meeting *meeting)
{
    SSL_CTX *context = SSL_get_SSL_CTX(hark_tls_ssl(&meeting->server.stream));
    assert_int_equal(SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION), 1);
}

BACKEND_TEST(tls_versions_and_ciphers_are_those_that_were_asked_for)
{
    struct hark_tls_options server = {.ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305"};
    struct hark_tls_options client = {.cipher_suites = "TLS_CHACHA20_POLY1305_SHA256"};
    struct meeting meeting = {0};
    meeting_prepare(&meeting, &server, &client);
    meeting_begin(loop, &meeting, NULL);
    assert_string_equal(hark_tls_version(&meeting.server.stream), "TLSv1.3");
    assert_string_equal(hark_tls_cipher(&meeting.server.stream), "TLS_CHACHA20_POLY1305_SHA256");
    know_no_tls_1_3(&meeting);
    meeting_part(loop, &meeting);

    /* A server that knows no TLS 1.3; to a client that wants no other. */
    for (int i = 0; i < 2; i++) {
        meeting_connect(loop, &meeting, NULL);
        harness_run_until(loop, &meeting.client.connected);
        assert_result(meeting.client.connected_error, i == 0 ? 0 : -EPROTO);
        if (i == 0) {
            assert_string_equal(hark_tls_version(&meeting.client.stream), "TLSv1.2");
            assert_string_equal(hark_tls_cipher(&meeting.client.stream),
                                "ECDHE-ECDSA-CHACHA20-POLY1305");
        }
        meeting_part(loop, &meeting);
        hark_tls_destroy(meeting.client_tls);
        client.ca_pem = meeting.authority.pem;
        client.without_tls_1_2 = true;
        meeting.client_tls = tls_make(&client);
    }
    meeting_done(&meeting);
}

BACKEND_TEST(tls_protocols_are_agreed_on_by_the_servers_preference_or_refused)
{
    static const char *const offered[] = {"h2", "http/1.1"};
    static const char *const preferred[] = {"http/1.1", "h2"};
    static const char *const others[] = {"ftp"};
    struct hark_tls_options server = {.alpn = preferred, .alpn_count = 2};
    struct hark_tls_options client = {.alpn = offered, .alpn_count = 2};
    struct meeting meeting = {0};
    meeting_prepare(&meeting, &server, &client);
    meeting_begin(loop, &meeting, NULL);
    assert_string_equal(hark_tls_alpn(&meeting.server.stream), "http/1.1");
    assert_string_equal(hark_tls_alpn(&meeting.client.stream), "http/1.1");
    meeting_part(loop, &meeting);

    hark_tls_destroy(meeting.client_tls);
    meeting.client_tls = tls_make(&(struct hark_tls_options){
        .alpn = others, .alpn_count = 1, .ca_pem = meeting.authority.pem});
    meeting_connect(loop, &meeting, NULL);
    harness_run_until(loop, &meeting.client.connected);
    assert_result(meeting.client.connected_error, -EPROTO);
    assert_non_null(strstr(hark_tls_why(&meeting.client.stream), "ALPN"));
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
}

BACKEND_TEST(tls_a_server_shows_the_certificate_of_the_name_that_is_asked_for)
{
    static const struct paper_wish wishes[] = {
        {.name = "one", .altname = "DNS:one.test", .from_seconds = -60},
        {.name = "two", .altname = "DNS:*.two.test", .from_seconds = -60, .rsa = true}};
    static const char *const asked[] = {"one.test", "www.two.test"};
    struct meeting meeting = {0};
    struct paper authority = {0}, papers[2] = {0};
    struct hark_tls_certificate certificates[2];
    struct hark_tls_peer peer;
    paper_authority(&authority);
    for (int i = 0; i < 2; i++) {
        paper_make(&papers[i], &wishes[i], &authority);
        certificates[i] = paper_as_certificate(&papers[i]);
    }
    struct hark_tls_options server = {.certificates = certificates, .certificate_count = 2};
    struct hark_tls_options client = {.ca_pem = authority.pem};
    meeting_prepare(&meeting, &server, &client);
    for (int i = 0; i < 2; i++) {
        int pair[2];
        harness_tcp_pair(loop, pair);
        witness_open_tls(loop, &meeting.server, pair[0], meeting.server_tls, NULL, NULL);
        witness_open_tls(loop, &meeting.client, pair[1], meeting.client_tls, asked[i], NULL);
        harness_run_until(loop, &meeting.client.connected);
        assert_result(meeting.client.connected_error, 0);
        assert_result(hark_tls_peer_certificate(&meeting.client.stream, &peer), 0);
        assert_non_null(strstr(peer.subject, wishes[i].name));
        assert_non_null(strstr(peer.issuer, "the test's CA"));
        assert_true(peer.not_after - peer.not_before == 3660);
        assert_true(peer.not_before > 1600000000);
        assert_result(hark_tls_peer_certificate(&meeting.server.stream, &peer), -ENOENT);
        meeting_part(loop, &meeting);
    }
    meeting_done(&meeting);
    for (int i = 0; i < 2; i++)
        paper_done(&papers[i]);
    paper_done(&authority);
}

BACKEND_TEST(tls_clients_are_asked_for_certificates_and_must_have_good_ones)
{
    static const struct paper_wish wish = {.name = "a client", .from_seconds = -60};
    static const struct {
        enum hark_tls_client_certificates asks;
        int shows; /* 0 none, 1 a good one, 2 one that it has signed itself */
        bool good;
    } cases[] = {{HARK_TLS_CLIENT_OPTIONAL, 0, true},  {HARK_TLS_CLIENT_OPTIONAL, 1, true},
                 {HARK_TLS_CLIENT_OPTIONAL, 2, false}, {HARK_TLS_CLIENT_REQUIRED, 0, false},
                 {HARK_TLS_CLIENT_REQUIRED, 1, true},  {HARK_TLS_CLIENT_REQUIRED, 2, false}};
    struct paper authority = {0}, papers[3] = {0};
    paper_authority(&authority);
    paper_make(&papers[1], &wish, &authority);
    paper_make(&papers[2], &wish, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct meeting meeting = {0};
        struct hark_tls_peer peer;
        struct hark_tls_certificate shown = paper_as_certificate(&papers[cases[i].shows]);
        struct hark_tls_options server = {.client_certificates = cases[i].asks,
                                          .ca_pem = authority.pem};
        struct hark_tls_options client = {.certificates = cases[i].shows ? &shown : NULL,
                                          .certificate_count = cases[i].shows ? 1 : 0};
        meeting_prepare(&meeting, &server, &client);
        meeting_connect(loop, &meeting, NULL);
        witness_read_start(&meeting.client);
        harness_run_until(loop, &meeting.server.connected);
        assert_int_equal(meeting.server.connected_error == 0, cases[i].good);
        if (cases[i].good) {
            assert_result(hark_tls_peer_certificate(&meeting.server.stream, &peer),
                          cases[i].shows ? 0 : -ENOENT);
        } else {
            assert_result(meeting.server.connected_error, cases[i].shows ? -EKEYREJECTED : -EPROTO);
            harness_run_until(loop, &meeting.client.ended); /* with TLS 1.3 it learns so late */
            assert_non_null(strstr(hark_tls_why(&meeting.client.stream), "it has refused"));
        }
        meeting_part(loop, &meeting);
        meeting_done(&meeting);
    }
    paper_done(&papers[1]);
    paper_done(&papers[2]);
    paper_done(&authority);
}

/* --- sessions --- */

/* Connects, lets tickets come, parts.
 * Gives: whether it was resumed. */
static bool was_resumed(struct hark_loop *loop, struct meeting *meeting)
{
    meeting_begin(loop, meeting, NULL);
    bool resumed = hark_tls_resumed(&meeting->client.stream);
    assert_int_equal(hark_tls_resumed(&meeting->server.stream), resumed);
    witness_read_start(&meeting->client);
    witness_end(&meeting->server);
    harness_run_until(loop, &meeting->client.ended);
    assert_result(meeting->client.end, 0);
    meeting_part(loop, meeting);
    return resumed;
}

BACKEND_TEST(tls_sessions_are_resumed_unless_that_is_off_or_keys_differ)
{
    static const char keys[HARK_TLS_TICKET_KEYS_BYTES] = "as the other server of this name has";
    struct hark_tls_options server = {.ticket_keys = keys};
    struct meeting meeting = {0};
    meeting_prepare(&meeting, &server, NULL);
    assert_false(was_resumed(loop, &meeting));
    assert_true(was_resumed(loop, &meeting));
    assert_true(was_resumed(loop, &meeting));
    /* By another server that has the same keys. */
    server.certificates = &meeting.certificate;
    server.certificate_count = 1;
    server.server = true;
    hark_tls_destroy(meeting.server_tls);
    meeting.server_tls = tls_make(&server);
    assert_true(was_resumed(loop, &meeting));
    /* By one that has its own. */
    server.ticket_keys = NULL;
    hark_tls_destroy(meeting.server_tls);
    meeting.server_tls = tls_make(&server);
    assert_false(was_resumed(loop, &meeting));
    assert_true(was_resumed(loop, &meeting));
    server.without_resumption = true;
    hark_tls_destroy(meeting.server_tls);
    meeting.server_tls = tls_make(&server);
    assert_false(was_resumed(loop, &meeting));
    assert_false(was_resumed(loop, &meeting));
    meeting_done(&meeting);
}

static void replace_server(struct meeting *meeting, struct hark_tls_options *options)
{
    options->certificates = &meeting->certificate;
    options->certificate_count = 1;
    options->server = true;
    hark_tls_destroy(meeting->server_tls);
    meeting->server_tls = tls_make(options);
}

/* A session is resumed without certificates: so not where the other server asks for more. */
BACKEND_TEST(tls_session_of_a_server_that_asks_for_nothing_opens_no_other)
{
    static const char keys[HARK_TLS_TICKET_KEYS_BYTES] = "as the other server of this name has";
    struct hark_tls_options server = {.ticket_keys = keys};
    struct meeting meeting = {0};
    meeting_prepare(&meeting, &server, NULL);
    assert_false(was_resumed(loop, &meeting));
    assert_true(was_resumed(loop, &meeting));
    server.client_certificates = HARK_TLS_CLIENT_REQUIRED;
    server.ca_pem = meeting.authority.pem;
    replace_server(&meeting, &server);
    meeting_connect(loop, &meeting, NULL);
    harness_run_until(loop, &meeting.server.connected);
    assert_true(meeting.server.connected_error < 0);
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
}

/* What comes of a connection that began by rules of before is not for those of now. */
BACKEND_TEST(tls_session_that_comes_after_a_replace_is_not_kept)
{
    struct meeting meeting = {0};
    struct hark_tls_options client = {.without_verification = true};
    meeting_prepare(&meeting, NULL, &client);
    meeting_begin(loop, &meeting, NULL);
    client = (struct hark_tls_options){.ca_pem = meeting.authority.pem};
    assert_int_equal(hark_tls_replace(meeting.client_tls, tls_make(&client)), 0);
    witness_read_start(&meeting.client); /* the tickets come with what follows */
    witness_end(&meeting.server);
    harness_run_until(loop, &meeting.client.ended);
    meeting_part(loop, &meeting);
    assert_false(was_resumed(loop, &meeting));
    meeting_done(&meeting);
}

BACKEND_TEST(tls_sessions_of_tls_1_2_are_resumed_too)
{
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    meeting_begin(loop, &meeting, NULL);
    know_no_tls_1_3(&meeting);
    meeting_part(loop, &meeting);
    for (int i = 0; i < 3; i++) {
        meeting_begin(loop, &meeting, NULL);
        assert_string_equal(hark_tls_version(&meeting.client.stream), "TLSv1.2");
        assert_int_equal(hark_tls_resumed(&meeting.client.stream), i > 0);
        assert_int_equal(hark_tls_resumed(&meeting.server.stream), i > 0);
        meeting_part(loop, &meeting);
    }
    meeting_done(&meeting);
}

enum { BRIEF_SECONDS = 4 };

static void let_expire(struct hark_loop *loop, const struct paper *paper)
{
    while (X509_cmp_current_time(X509_get0_notAfter(paper->certificate)) > 0) {
        struct harness_op rest = {0};
        hark_sleep(loop, &rest.op, SECOND_NS / 10, harness_done);
        harness_wait(loop, &rest);
    }
}

/* A session is trusted for as long as the certificate that either side has shown for it. */
TEST(tls_session_outlives_no_certificate)
{
    static const struct paper_wish wish = {.name = "brief",
                                           .altname = "DNS:localhost",
                                           .from_seconds = -60,
                                           .to_seconds = BRIEF_SECONDS};
    struct hark_loop *loop = harness_loop_create(NULL);
    for (int side = 0; side < 2; side++) {
        struct meeting meeting = {0};
        struct paper authority = {0}, brief = {0};
        paper_authority(&authority);
        paper_make(&brief, &wish, &authority);
        struct hark_tls_certificate shown = paper_as_certificate(&brief);
        struct hark_tls_options server = {0}, client = {0};
        struct hark_tls_options *shows = side == 0 ? &server : &client;
        struct hark_tls_options *trusts = side == 0 ? &client : &server;
        shows->certificates = &shown;
        shows->certificate_count = 1;
        trusts->ca_pem = authority.pem;
        server.client_certificates = side == 0 ? HARK_TLS_CLIENT_UNASKED : HARK_TLS_CLIENT_REQUIRED;
        meeting_prepare(&meeting, &server, &client);
        assert_false(was_resumed(loop, &meeting));
        assert_true(was_resumed(loop, &meeting));
        let_expire(loop, &brief);
        struct witness *judge = side == 0 ? &meeting.client : &meeting.server;
        meeting_connect(loop, &meeting, NULL);
        harness_run_until(loop, &judge->connected);
        assert_result(judge->connected_error, -EKEYEXPIRED);
        meeting_part(loop, &meeting);
        meeting_done(&meeting);
        paper_done(&brief);
        paper_done(&authority);
    }
    harness_loop_destroy(loop);
}

/* --- new certificates --- */

struct reloading {
    struct hark_tls_reload reload;
    bool done;
    int error;
};

static void reloaded(struct hark_tls_reload *reload, int error)
{
    struct reloading *reloading = hark_container_of(reload, struct reloading, reload);
    reloading->done = true;
    reloading->error = error;
}

static void assert_shown(struct hark_loop *loop, struct meeting *meeting, const char *name)
{
    struct hark_tls_peer peer;
    meeting_begin(loop, meeting, NULL);
    assert_result(hark_tls_peer_certificate(&meeting->client.stream, &peer), 0);
    assert_non_null(strstr(peer.subject, name));
}

static int reload(struct hark_loop *loop, struct meeting *meeting,
                  const struct hark_tls_options *options, struct reloading *reloading)
{
    *reloading = (struct reloading){0};
    hark_tls_reload_start(loop, &reloading->reload, meeting->server_tls, options, reloaded);
    harness_run_until(loop, &reloading->done);
    return reloading->error;
}

BACKEND_TEST(tls_new_certificates_are_taken_from_files_while_connections_go_on)
{
    static const struct paper_wish wish = {
        .name = "the next", .altname = "DNS:localhost", .from_seconds = -60};
    struct meeting meeting = {0}, next = {0};
    struct paper authority = {0}, first = {0}, second = {0};
    struct reloading reloading;
    paper_authority(&authority);
    paper_server(&first, &authority);
    paper_make(&second, &wish, &authority);
    paper_write(&first, "server");
    struct hark_tls_certificate files = {.chain_file = strdup(harness_path("server.pem")),
                                         .key_file = strdup(harness_path("server.key"))};
    struct hark_tls_options server = {
        .server = true, .certificates = &files, .certificate_count = 1};
    struct hark_tls_options client = {.ca_pem = authority.pem, .without_resumption = true};
    meeting_prepare(&meeting, &server, &client);
    assert_shown(loop, &meeting, "a server");

    /* What cannot be read changes nothing. */
    close(harness_file("server.key", "no key", 6));
    assert_result(reload(loop, &meeting, &server, &reloading), -EINVAL);
    assert_non_null(strstr(reloading.reload.error.text, "server.key"));
    paper_write(&second, "server");
    close(harness_file("server.key", first.key_pem, strlen(first.key_pem)));
    assert_result(reload(loop, &meeting, &server, &reloading), -EKEYREJECTED);
    next.server_tls = meeting.server_tls;
    next.client_tls = meeting.client_tls;
    assert_shown(loop, &next, "a server");
    meeting_part(loop, &next);

    paper_write(&second, "server");
    assert_result(reload(loop, &meeting, &server, &reloading), 0);
    assert_shown(loop, &next, "the next");
    meeting_part(loop, &next);

    /* The first connection has heard nothing of it. */
    witness_collect(&meeting.client, 10);
    witness_read_start(&meeting.client);
    assert_result(witness_write(&meeting.server, "old", 3), 0);
    witness_end(&meeting.server);
    harness_run_until(loop, &meeting.client.ended);
    assert_memory_equal(meeting.client.bytes, "old", 3);
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
    free((void *)(uintptr_t)files.chain_file);
    free((void *)(uintptr_t)files.key_file);
    paper_done(&first);
    paper_done(&second);
    paper_done(&authority);
}

BACKEND_TEST(tls_sessions_outlive_new_certificates_and_a_destroyed_context_its_streams)
{
    struct meeting meeting = {0};
    meeting_prepare(&meeting, NULL, NULL);
    struct hark_tls_options server = {
        .server = true, .certificates = &meeting.certificate, .certificate_count = 1};
    assert_false(was_resumed(loop, &meeting));
    assert_result(hark_tls_replace(meeting.server_tls, tls_make(&server)), 0);
    assert_true(was_resumed(loop, &meeting));
    assert_result(hark_tls_replace(meeting.server_tls, meeting.client_tls), -EINVAL);

    meeting_connect(loop, &meeting, NULL);
    hark_tls_destroy(meeting.server_tls);
    hark_tls_destroy(meeting.client_tls);
    meeting.server_tls = meeting.client_tls = NULL;
    harness_run_until(loop, &meeting.client.connected);
    assert_result(meeting.client.connected_error, 0);
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
}

/* --- bounds --- */

/* A server's side of a connection whose client has sent one byte of a record.
 * Gives: the client's socket. */
static int begin_to_greet(struct hark_loop *loop, struct witness *witness, struct hark_tls *tls,
                          const struct hark_stream_options *options)
{
    static const char handshake = 0x16;
    int pair[2];
    harness_tcp_pair(loop, pair);
    assert_int_equal(write(pair[1], &handshake, 1), 1);
    witness_open_tls(loop, witness, pair[0], tls, NULL, options);
    return pair[1];
}

BACKEND_TEST(tls_of_silent_clients_takes_no_turn_and_of_slow_ones_not_for_long)
{
    struct hark_tls_options server = {.handshakes_max = 1, .handshake_timeout_ns = HARK_NEVER};
    struct meeting meeting = {0};
    struct witness silent = {0}, slow = {0};
    int pair[2];
    meeting_prepare(&meeting, &server, NULL);
    harness_tcp_pair(loop, pair);
    witness_open_tls(loop, &silent, pair[0], meeting.server_tls, NULL, NULL);
    meeting_begin(loop, &meeting, NULL);
    assert_null(hark_tls_ssl(&silent.stream));
    meeting_part(loop, &meeting);
    int peer = begin_to_greet(loop, &slow, meeting.server_tls, NULL);
    while (!hark_tls_ssl(&slow.stream))
        harness_turns(loop, 1);
    meeting_begin(loop, &meeting, NULL); /* waits, and has its turn once the slow one is given up */
    assert_result(slow.connected_error, -ETIMEDOUT);
    assert_false(silent.connected);
    meeting_part(loop, &meeting);
    witness_close(loop, &silent);
    witness_close(loop, &slow);
    close(pair[1]);
    close(peer);
    meeting_done(&meeting);
}

BACKEND_TEST(tls_handshakes_beyond_the_bound_wait_for_their_turn_or_their_deadline)
{
    enum { IDLE = 3 };
    struct hark_tls_options server = {.handshakes_max = 2, .handshake_timeout_ns = HARK_NEVER};
    struct hark_stream_options short_time = {.connect_timeout_ns = SECOND_NS / 20};
    struct meeting meeting = {0};
    struct witness idle[IDLE] = {0};
    int peers[IDLE];
    meeting_prepare(&meeting, &server, NULL);
    for (int i = 0; i < IDLE; i++) { /* two take the turns, and say no more; the third waits */
        peers[i] = begin_to_greet(loop, &idle[i], meeting.server_tls, i == 2 ? &short_time : NULL);
        while (i < 2 && !hark_tls_ssl(&idle[i].stream))
            harness_turns(loop, 1);
    }
    assert_null(hark_tls_ssl(&idle[2].stream)); /* it costs no memory of OpenSSL's */
    meeting_connect(loop, &meeting, NULL);
    harness_run_until(loop, &idle[2].connected);
    assert_result(idle[2].connected_error, -ETIMEDOUT);
    assert_false(meeting.server.connected);
    witness_close(loop, &idle[0]); /* so there is a turn */
    harness_run_until(loop, &meeting.server.connected);
    assert_result(meeting.server.connected_error, 0);
    meeting_part(loop, &meeting);
    for (int i = 1; i < IDLE; i++)
        witness_close(loop, &idle[i]);
    for (int i = 0; i < IDLE; i++)
        close(peers[i]);
    meeting_begin(loop, &meeting, NULL);
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
}

struct log_of_keys {
    int lines;
    bool secret;
};

static void log_key(void *context, const char *line)
{
    struct log_of_keys *log = context;
    log->lines++;
    log->secret |= strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) == 0;
}

BACKEND_TEST(tls_keys_are_logged_where_that_is_asked_for)
{
    struct log_of_keys log = {0};
    struct hark_tls_options server = {
        .key_log = log_key, .context = &log, .key_work = HARK_TLS_KEY_POOL};
    struct meeting meeting = {0};
    meeting_prepare(&meeting, &server, NULL);
    meeting_begin(loop, &meeting, NULL);
    assert_true(log.lines >= 4);
    assert_true(log.secret);
    meeting_part(loop, &meeting);
    meeting_done(&meeting);
}

TEST(tls_options_that_cannot_be_are_refused_in_a_line)
{
    static const char *const none[] = {""};
    struct paper authority = {0}, paper = {0};
    struct hark_tls_error why;
    struct hark_tls *tls = NULL;
    paper_authority(&authority);
    paper_server(&paper, &authority);
    struct hark_tls_certificate good = paper_as_certificate(&paper);
    struct hark_tls_certificate mixed = {.chain_pem = paper.pem, .key_pem = authority.key_pem};
    struct hark_tls_certificate missing = {.chain_file = "/nowhere/server.pem"};
    struct hark_tls_certificate empty = {0};
    const struct {
        struct hark_tls_options options;
        int error;
        const char *words;
    } cases[] = {
        {{.server = true}, -EINVAL, "no certificate"},
        {{.server = true, .certificates = &mixed, .certificate_count = 1},
         -EKEYREJECTED,
         "not the certificate's"},
        {{.server = true, .certificates = &missing, .certificate_count = 1},
         -EINVAL,
         "/nowhere/server.pem"},
        {{.server = true, .certificates = &empty, .certificate_count = 1}, -EINVAL, "chain_file"},
        {{.server = true,
          .certificates = &good,
          .certificate_count = 1,
          .client_certificates = HARK_TLS_CLIENT_REQUIRED},
         -EINVAL,
         "ca_file"},
        {{.client_certificates = HARK_TLS_CLIENT_REQUIRED}, -EINVAL, "leave that to servers"},
        {{.ca_pem = "no CA"}, -EINVAL, "CA certificates"},
        {{.ca_file = "/nowhere/ca.pem"}, -EINVAL, "/nowhere/ca.pem"},
        {{.ciphers = "NO-SUCH"}, -EINVAL, "ciphers"},
        {{.cipher_suites = "NO-SUCH"}, -EINVAL, "cipher_suites"},
        {{.groups = "NO-SUCH"}, -EINVAL, "groups"},
        {{.alpn = none, .alpn_count = 1}, -EINVAL, "ALPN"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(&why, 0, sizeof why);
        int error = hark_tls_create(&cases[i].options, &tls, &why);
        if (error != cases[i].error || !strstr(why.text, cases[i].words))
            fprintf(stderr, "case %zu says: %s\n", i, why.text);
        assert_result(error, cases[i].error);
        assert_non_null(strstr(why.text, cases[i].words));
        assert_null(strchr(why.text, '\n'));
        assert_null(tls);
        assert_result(hark_tls_create(&cases[i].options, &tls, NULL), cases[i].error);
    }
    paper_done(&paper);
    paper_done(&authority);
}
