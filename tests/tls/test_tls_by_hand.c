/* test_tls_by_hand.c - SSLs of one's own on the loop, hark/adapters/openssl.h: a hundred thousand
 * reads and writes with openssl s_server; both directions at once; handshakes that are refused, are
 * late, are given up; ends of every kind; connections that come one after the other. */
#include "adapters/numbers.h"
#include "hark/adapters/openssl.h"
#include "tls/tool.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <string.h>

/* What reads or writes: one each may be under way. */
struct lane {
    struct hark_openssl call;
    char *bytes;
    size_t count, room;
    bool ended;
    int error, result, calls;
};

struct hand {
    SSL_CTX *context;
    SSL *ssl;
    int fd;
    struct lane in, out;
};

static struct lane *lane_of(struct hark_openssl *call)
{
    return hark_container_of(call, struct lane, call);
}

static void step_done(struct hark_openssl *call, int error, int result)
{
    struct lane *lane = lane_of(call);
    assert_false(lane->ended);
    lane->ended = true;
    lane->calls++;
    lane->error = error;
    lane->result = result;
}

static void start(struct hark_loop *loop, struct hand *hand, struct lane *lane,
                  hark_openssl_step *step, uint64_t deadline_ns)
{
    lane->ended = false;
    assert_int_equal(hark_openssl_start(loop, &lane->call, hand->ssl, step, deadline_ns, step_done),
                     0);
    assert_false(lane->ended);
    assert_int_equal(hark_openssl_start(loop, &lane->call, hand->ssl, step, deadline_ns, step_done),
                     -EBUSY);
}

/* Runs a step to its end.
 * Gives: its result, or its error. */
static int call(struct hark_loop *loop, struct hand *hand, struct lane *lane,
                hark_openssl_step *step)
{
    start(loop, hand, lane, step, HARK_NEVER);
    harness_run_until(loop, &lane->ended);
    return lane->error < 0 ? lane->error : lane->result;
}

/* --- steps --- */

static int shake_hands(struct hark_openssl *call)
{
    return SSL_do_handshake(call->ssl);
}

static int receive(struct hark_openssl *call)
{
    struct lane *lane = lane_of(call);
    return SSL_read(call->ssl, lane->bytes + lane->count, (int)(lane->room - lane->count));
}

static int transmit(struct hark_openssl *call)
{
    struct lane *lane = lane_of(call);
    return SSL_write(call->ssl, lane->bytes + lane->count, (int)(lane->room - lane->count));
}

static int say_the_end(struct hark_openssl *call)
{
    return SSL_shutdown(call->ssl);
}

/* --- sides --- */

static void hand_open(struct hand *hand, int fd)
{
    assert_non_null(hand->context);
    hand->ssl = SSL_new(hand->context);
    hand->fd = fd;
    numbers_note(fd);
    assert_non_null(hand->ssl);
    assert_int_equal(SSL_set_fd(hand->ssl, fd), 1);
}

static void hand_close(struct hark_loop *loop, struct hand *hand)
{
    SSL_free(hand->ssl);
    hark_os_close(loop, hand->fd);
    hand->ssl = NULL;
}

static void client_prepare(struct hand *client, const struct paper *authority)
{
    client->context = SSL_CTX_new(TLS_client_method());
    assert_non_null(client->context);
    SSL_CTX_set_verify(client->context, SSL_VERIFY_PEER, NULL);
    if (authority)
        assert_int_equal(
            X509_STORE_add_cert(SSL_CTX_get_cert_store(client->context), authority->certificate),
            1);
}

static void server_prepare(struct hand *server, const struct paper *paper)
{
    server->context = SSL_CTX_new(TLS_server_method());
    assert_non_null(server->context);
    assert_int_equal(SSL_CTX_use_certificate(server->context, paper->certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server->context, paper->key), 1);
}

/* Two sides of a pair of sockets, with papers. */
struct two {
    struct paper authority, paper;
    struct hand server, client;
};

static void two_prepare(struct two *two, bool trusted)
{
    memset(two, 0, sizeof *two);
    paper_authority(&two->authority);
    paper_server(&two->paper, &two->authority);
    server_prepare(&two->server, &two->paper);
    client_prepare(&two->client, trusted ? &two->authority : NULL);
}

static void two_open(struct hark_loop *loop, struct two *two)
{
    int pair[2];
    harness_tcp_pair(loop, pair);
    hand_open(&two->server, pair[0]);
    hand_open(&two->client, pair[1]);
    SSL_set_accept_state(two->server.ssl);
    SSL_set_connect_state(two->client.ssl);
}

static void two_shake_hands(struct hark_loop *loop, struct two *two)
{
    start(loop, &two->server, &two->server.in, shake_hands, HARK_NEVER);
    assert_int_equal(call(loop, &two->client, &two->client.in, shake_hands), 1);
    harness_run_until(loop, &two->server.in.ended);
    assert_int_equal(two->server.in.result, 1);
}

static void two_close(struct hark_loop *loop, struct two *two)
{
    hand_close(loop, &two->server);
    hand_close(loop, &two->client);
}

static void two_done(struct two *two)
{
    SSL_CTX_free(two->server.context);
    SSL_CTX_free(two->client.context);
    paper_done(&two->paper);
    paper_done(&two->authority);
}

/* --- with openssl s_server --- */

enum { OPERATIONS = 100000, AT_ONCE = 50, LINE = 100 };

static void all(struct hark_loop *loop, struct hand *hand, struct lane *lane, char *bytes,
                hark_openssl_step *step)
{
    lane->bytes = bytes;
    for (lane->count = lane->room = 0; lane->count < AT_ONCE * LINE;) {
        lane->room += lane->room == lane->count ? LINE : 0;
        int count = call(loop, hand, lane, step);
        assert_true(count > 0);
        lane->count += (size_t)count;
    }
}

/* Lines that come back turned round. */
static void talk(struct hark_loop *loop, struct hand *client, unsigned round)
{
    static char sent[AT_ONCE * LINE], came[AT_ONCE * LINE];
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = i % LINE == LINE - 1 ? '\n' : (char)('a' + (i / LINE + i + round) % 26);
    all(loop, client, &client->out, sent, transmit);
    all(loop, client, &client->in, came, receive);
    for (size_t i = 0; i < sizeof sent; i++)
        assert_int_equal(came[i],
                         i % LINE == LINE - 1 ? '\n' : sent[i - i % LINE + LINE - 2 - i % LINE]);
}

static int connected_to(struct hark_loop *loop, const char *port)
{
    struct hark_address address;
    struct harness_op connect = {0};
    char text[32];
    snprintf(text, sizeof text, "127.0.0.1:%s", port);
    assert_int_equal(hark_address_parse(text, &address), 0);
    int fd = hark_os_socket(loop, AF_INET, SOCK_STREAM, 0), on = 1;
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    hark_connect(loop, &connect.op, fd, &address.name.any, address.length, harness_done);
    assert_result(harness_wait(loop, &connect), 0);
    return fd;
}

static void talk_to_s_server(struct hark_loop *loop, const char *version, int operations)
{
    struct paper authority, paper;
    struct hand client = {0};
    struct tool tool = {0};
    char port[8];
    paper_authority(&authority);
    paper_server(&paper, &authority);
    paper_write(&paper, "server");
    client_prepare(&client, &authority);
    tool_start_s_server(loop, &tool, version, port, sizeof port);
    hand_open(&client, connected_to(loop, port));
    SSL_set_connect_state(client.ssl);
    assert_int_equal(call(loop, &client, &client.in, shake_hands), 1);
    for (unsigned round = 0; client.in.calls + client.out.calls < operations; round++)
        talk(loop, &client, round);
    assert_true(call(loop, &client, &client.out, say_the_end) >= 0);
    hand_close(loop, &client);
    tool_end(loop, &tool);
    SSL_CTX_free(client.context);
    paper_done(&paper);
    paper_done(&authority);
}

BACKEND_TEST(hundred_thousand_reads_and_writes_go_to_openssl_s_server_and_back)
{
    talk_to_s_server(loop, "-tls1_3", OPERATIONS);
}

BACKEND_TEST(openssl_s_server_is_talked_to_by_tls_1_2)
{
    talk_to_s_server(loop, "-tls1_2", 1000);
}

/* --- both directions at once --- */

enum { BULK = 4 << 20 };

static void go_on(struct hark_loop *loop, struct hand *hand, struct lane *lane,
                  hark_openssl_step *step)
{
    if (!lane->ended || lane->count == BULK)
        return;
    assert_int_equal(lane->error, 0);
    assert_true(lane->result > 0);
    lane->count += (size_t)lane->result;
    if (lane->count < BULK)
        start(loop, hand, lane, step, HARK_NEVER);
}

static bool is_over(const struct hand *hand)
{
    return hand->in.count == BULK && hand->out.count == BULK;
}

BACKEND_TEST(both_directions_are_full_at_once_and_nothing_is_lost)
{
    struct two two;
    two_prepare(&two, true);
    two_open(loop, &two);
    two_shake_hands(loop, &two);
    struct hand *hands[] = {&two.server, &two.client};
    for (int i = 0; i < 2; i++) {
        hands[i]->out.bytes = malloc(BULK);
        hands[i]->in.bytes = malloc(BULK);
        harness_fill(hands[i]->out.bytes, BULK, (uint64_t)i);
        hands[i]->in.room = hands[i]->out.room = BULK;
        start(loop, hands[i], &hands[i]->in, receive, HARK_NEVER);
        start(loop, hands[i], &hands[i]->out, transmit, HARK_NEVER);
    }
    while (!is_over(&two.server) || !is_over(&two.client)) {
        assert_true(hark_run_once(loop) >= 0);
        for (int i = 0; i < 2; i++) {
            go_on(loop, hands[i], &hands[i]->in, receive);
            go_on(loop, hands[i], &hands[i]->out, transmit);
        }
    }
    for (int i = 0; i < 2; i++) {
        assert_true(harness_filled(hands[i]->in.bytes, BULK, (uint64_t)!i));
        free(hands[i]->in.bytes);
        free(hands[i]->out.bytes);
    }
    two_close(loop, &two);
    two_done(&two);
}

/* Nothing comes the other way, so that nothing else could tell of room. */
BACKEND_TEST(much_is_written_to_one_who_reads_later_and_says_nothing)
{
    struct two two;
    two_prepare(&two, true);
    two_open(loop, &two);
    two_shake_hands(loop, &two);
    struct lane *out = &two.server.out, *in = &two.client.in;
    out->bytes = malloc(BULK);
    in->bytes = malloc(BULK);
    harness_fill(out->bytes, BULK, 3);
    in->count = 0;
    in->room = out->room = BULK;
    start(loop, &two.server, out, transmit, HARK_NEVER);
    harness_settle(loop);
    start(loop, &two.client, in, receive, HARK_NEVER);
    while (in->count < BULK) {
        assert_true(hark_run_once(loop) >= 0);
        go_on(loop, &two.server, out, transmit);
        go_on(loop, &two.client, in, receive);
    }
    assert_true(harness_filled(in->bytes, BULK, 3));
    free(in->bytes);
    free(out->bytes);
    harness_run(loop);
    two_close(loop, &two);
    two_done(&two);
}

/* --- trouble --- */

BACKEND_TEST(certificate_that_nobody_trusts_ends_both_handshakes_and_openssl_says_why)
{
    struct two two;
    two_prepare(&two, false);
    two_open(loop, &two);
    start(loop, &two.server, &two.server.in, shake_hands, HARK_NEVER);
    assert_int_equal(call(loop, &two.client, &two.client.in, shake_hands), -EPROTO);
    assert_int_equal(ERR_GET_REASON(ERR_get_error()), SSL_R_CERTIFICATE_VERIFY_FAILED);
    harness_run_until(loop, &two.server.in.ended);
    assert_int_equal(two.server.in.error, -EPROTO);
    two_close(loop, &two);
    two_done(&two);
}

BACKEND_TEST(handshake_with_somebody_silent_ends_by_its_deadline_or_is_given_up)
{
    struct two two;
    two_prepare(&two, true);
    two_open(loop, &two);
    struct lane *lane = &two.client.in;
    hark_openssl_cancel(&lane->call); /* nothing is under way */
    start(loop, &two.client, lane, shake_hands, hark_os_clock(loop) + 1000000);
    harness_run(loop);
    assert_int_equal(lane->error, -ETIMEDOUT);
    for (int turns = 0; turns < 4; turns++) {
        start(loop, &two.client, lane, shake_hands, HARK_NEVER);
        harness_turns(loop, turns);
        hark_openssl_cancel(&lane->call);
        harness_run(loop);
        assert_int_equal(lane->error, -ECANCELED);
    }
    two_shake_hands(loop, &two); /* it was only late */
    two_close(loop, &two);
    two_done(&two);
}

BACKEND_TEST(end_that_is_said_is_no_error_and_one_that_is_not_is)
{
    struct two two;
    char bytes[16];
    two_prepare(&two, true);
    for (int said = 0; said < 2; said++) {
        two_open(loop, &two);
        two_shake_hands(loop, &two);
        struct lane *in = &two.server.in;
        in->bytes = bytes;
        in->count = 0;
        in->room = sizeof bytes;
        ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR); /* somebody has left it there */
        start(loop, &two.server, in, receive, HARK_NEVER);
        if (said) {
            assert_int_equal(call(loop, &two.client, &two.client.out, say_the_end), 0);
            harness_run_until(loop, &in->ended);
            assert_int_equal(in->error, 0);
            assert_int_equal(in->result, 0);
            assert_int_equal(call(loop, &two.server, &two.server.out, say_the_end), 1);
            assert_int_equal(call(loop, &two.client, &two.client.out, say_the_end), 1);
        } else {
            shutdown(two.client.fd, SHUT_WR);
            harness_run_until(loop, &in->ended);
            assert_int_equal(in->error, -EPROTO);
            assert_int_equal(ERR_GET_REASON(ERR_get_error()), SSL_R_UNEXPECTED_EOF_WHILE_READING);
        }
        two_close(loop, &two);
    }
    two_done(&two);
}

BACKEND_TEST(connection_that_is_reset_is_told_with_the_error_of_the_socket)
{
    struct two two;
    char bytes[16];
    struct linger at_once = {1, 0};
    two_prepare(&two, true);
    two_open(loop, &two);
    two_shake_hands(loop, &two);
    two.server.in.bytes = bytes;
    two.server.in.room = sizeof bytes;
    start(loop, &two.server, &two.server.in, receive, HARK_NEVER);
    assert_int_equal(setsockopt(two.client.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    hand_close(loop, &two.client);
    harness_run_until(loop, &two.server.in.ended);
    assert_int_equal(two.server.in.error, -ECONNRESET);
    hand_close(loop, &two.server);
    two_done(&two);
}

BACKEND_TEST(connection_after_connection_has_the_same_number)
{
    enum { CONNECTIONS = 30 };
    struct two two;
    two_prepare(&two, true);
    unsigned before = numbers_again;
    for (int i = 0; i < CONNECTIONS; i++) {
        two_open(loop, &two);
        two_shake_hands(loop, &two);
        two_close(loop, &two);
    }
    assert_true(numbers_again - before >= 2 * (CONNECTIONS - 1));
    two_done(&two);
}
