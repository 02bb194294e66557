/* test_cares.c - c-ares on the loop's polls and timers, with a name server in the same loop. c-ares
 * closes its sockets as soon as no question waits on them: so each question after another is asked
 * from the same number, by UDP, TCP, or both in turn. */
#include "adapters/dns_server.h"
#include "adapters/numbers.h"
#include "hark/adapters/cares.h"
#include "harness/harness.h"

#include <arpa/nameser.h>
#include <unistd.h>

enum { QUESTIONS = 100, MANY = 100000, LONG_MS = 20000, STATUSES = 32 };

struct client {
    struct hark_cares adapter;
    struct dns_server server;
    struct hark_loop *loop;
    int answered;
    int statuses[STATUSES];
    const char *kind; /* of the questions that follow upon an answer, as long as there are rounds */
    int rounds;
    int number;
    struct hark_op later;
};

static void ask(struct client *client, const char *kind);

/* A question's number, to be found again in the answer. */
struct question {
    struct client *client;
    int number;
};

static void next_question(struct hark_op *op, int64_t result)
{
    struct client *client = hark_container_of(op, struct client, later);
    (void)result;
    ask(client, client->kind);
}

static void answered(void *context, int status, int timeouts, unsigned char *bytes, int count)
{
    struct question *question = context;
    struct client *client = question->client;
    struct ares_addrttl addresses[2];
    int found = 2;
    (void)timeouts;
    assert_in_range(status, 0, STATUSES - 1);
    client->answered++;
    client->statuses[status]++;
    if (status == ARES_SUCCESS) {
        assert_int_equal(ares_parse_a_reply(bytes, count, NULL, addresses, &found), ARES_SUCCESS);
        assert_int_equal(found, 1);
        assert_int_equal(ntohl(addresses[0].ipaddr.s_addr), 10u << 24 | (unsigned)question->number);
    }
    free(question);
    if (client->rounds > 0 && --client->rounds > 0)
        hark_defer(client->loop, &client->later,
                   next_question); /* c-ares closes its socket when this has returned */
}

static void ask(struct client *client, const char *kind)
{
    char name[64];
    struct question *question = malloc(sizeof *question);
    assert_non_null(question);
    *question = (struct question){.client = client, .number = client->number++};
    snprintf(name, sizeof name, "%d.%s.test", question->number, kind);
    ares_query(client->adapter.channel, name, ns_c_in, ns_t_a, answered, question);
    hark_cares_look_at_time(&client->adapter);
}

static int opened(ares_socket_t fd, int type, void *context)
{
    (void)type;
    (void)context;
    numbers_note(fd);
    return 0;
}

static void channel_open(struct client *client, uint16_t udp_port, uint16_t tcp_port, int flags,
                         int timeout_ms, int tries)
{
    char lookups[] = "b";
    struct ares_addr_port_node address = {.family = AF_INET,
                                          .addr.addr4.s_addr = htonl(INADDR_LOOPBACK)};
    struct ares_options options = {.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | flags,
                                   .timeout = timeout_ms,
                                   .tries = tries,
                                   .lookups = lookups};
    address.udp_port = udp_port;
    address.tcp_port = tcp_port;
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS;
    assert_int_equal(hark_cares_open(client->loop, &client->adapter, &options, mask), ARES_SUCCESS);
    assert_int_equal(ares_set_servers_ports(client->adapter.channel, &address), ARES_SUCCESS);
    ares_set_socket_callback(client->adapter.channel, opened, NULL);
}

static void client_open(struct hark_loop *loop, struct client *client, int flags)
{
    *client = (struct client){.loop = loop};
    dns_start(loop, &client->server);
    channel_open(client, client->server.udp_port, client->server.peers.port, flags, LONG_MS, 10);
}

static void client_run(struct client *client, int questions)
{
    while (client->answered < questions)
        assert_int_equal(hark_run_once(client->loop), 1);
    assert_int_equal(client->answered, questions);
}

/* One question after the other. */
static void client_rounds(struct client *client, const char *kind)
{
    int before = client->answered;
    client->kind = kind;
    client->rounds = QUESTIONS;
    ask(client, kind);
    client_run(client, before + QUESTIONS);
}

static void client_close(struct client *client)
{
    hark_cares_close(&client->adapter);
    dns_end(client->loop, &client->server);
    harness_run(client->loop);
    assert_int_equal(client->server.peers.open, 0);
}

/* --- one after the other --- */

BACKEND_TEST(questions_by_udp_come_from_the_same_number)
{
    struct client client;
    client_open(loop, &client, 0);
    client_rounds(&client, "udp");
    assert_int_equal(client.statuses[ARES_SUCCESS], QUESTIONS);
    assert_int_equal(numbers_again, QUESTIONS - 1);
    harness_assert_idle(loop);
    client_close(&client);
}

/* A number is a datagram socket's, then a stream's, then the server's. */
BACKEND_TEST(questions_by_udp_and_then_tcp_use_numbers_again)
{
    struct client client;
    client_open(loop, &client, 0);
    client_rounds(&client, "tcp");
    assert_int_equal(client.statuses[ARES_SUCCESS], QUESTIONS);
    assert_int_equal(client.server.tcp_questions, QUESTIONS);
    assert_true(numbers_again >= QUESTIONS);
    client_close(&client);
}

BACKEND_TEST(questions_by_tcp_alone_use_numbers_again)
{
    struct client client;
    client_open(loop, &client, ARES_FLAG_USEVC);
    client_rounds(&client, "tcp");
    assert_int_equal(client.statuses[ARES_SUCCESS], QUESTIONS);
    assert_int_equal(client.server.udp_questions, 0);
    assert_true(numbers_again >= QUESTIONS / 2);
    client_close(&client);
}

BACKEND_TEST(sockets_that_stay_open_are_waited_for_again)
{
    struct client client;
    client_open(loop, &client, ARES_FLAG_STAYOPEN);
    client_rounds(&client, "udp");
    client_rounds(&client, "tcp");
    assert_int_equal(client.statuses[ARES_SUCCESS], 2 * QUESTIONS);
    assert_int_equal(numbers_again, 0);
    harness_assert_idle(loop);
    client_close(&client);
}

/* --- side by side --- */

BACKEND_TEST(many_questions_at_once_are_all_answered)
{
    enum { EACH = 30 }; /* as many as sockets hold */
    struct client client;
    client_open(loop, &client, 0);
    for (int i = 0; i < EACH; i++) {
        ask(&client, "udp");
        ask(&client, "tcp");
        ask(&client, "none");
    }
    client_run(&client, 3 * EACH);
    assert_int_equal(client.statuses[ARES_SUCCESS], 2 * EACH);
    assert_int_equal(client.statuses[ARES_ENOTFOUND], EACH);
    client_close(&client);
}

BACKEND_TEST(hundred_thousand_questions_are_answered)
{
    enum { EACH = 50 };
    struct client client;
    client_open(loop, &client, ARES_FLAG_STAYOPEN);
    for (int i = 0; i < MANY; i += EACH) {
        client.number = 0; /* an address has room for small ones alone */
        for (int n = 0; n < EACH; n++)
            ask(&client, "udp");
        client_run(&client, i + EACH);
    }
    assert_int_equal(client.statuses[ARES_SUCCESS], MANY);
    client_close(&client);
}

/* --- trouble --- */

/* A datagram socket is told of it by an error of its own. */
BACKEND_TEST(servers_that_refuse_are_told_and_their_numbers_come_again)
{
    struct client client = {.loop = loop};
    int taken[2];
    uint16_t tcp_port = numbers_refusing_port(SOCK_STREAM, &taken[0]);
    uint16_t udp_port = numbers_refusing_port(SOCK_DGRAM, &taken[1]);
    dns_start(loop, &client.server);
    for (int way = 0; way < 2; way++) {
        channel_open(&client, way ? client.server.udp_port : udp_port, tcp_port, 0, LONG_MS, 2);
        client_rounds(&client, way ? "tcp" : "udp");
        hark_cares_close(&client.adapter);
    }
    assert_int_equal(client.statuses[ARES_ECONNREFUSED], 2 * QUESTIONS);
    assert_true(numbers_again >= 2 * QUESTIONS);
    channel_open(&client, client.server.udp_port, client.server.peers.port, 0, LONG_MS, 2);
    client_rounds(&client, "udp");
    assert_int_equal(client.statuses[ARES_SUCCESS], QUESTIONS);
    client_close(&client);
    close(taken[0]);
    close(taken[1]);
}

BACKEND_TEST(connections_that_end_without_an_answer_are_given_up_after_some_tries)
{
    struct client client = {.loop = loop};
    dns_start(loop, &client.server);
    channel_open(&client, client.server.udp_port, client.server.peers.port, 0, LONG_MS, 3);
    client_rounds(&client, "drop");
    client_rounds(&client, "half");
    assert_int_equal(client.statuses[ARES_SUCCESS], 0);
    assert_true(client.server.tcp_questions >= 2 * QUESTIONS);
    assert_true(numbers_again >= 2 * QUESTIONS);
    client_close(&client);
}

BACKEND_TEST(questions_that_time_out_let_their_numbers_go)
{
    enum { ROUNDS = 20 };
    struct client client = {.loop = loop};
    dns_start(loop, &client.server);
    channel_open(&client, client.server.udp_port, client.server.peers.port, 0, 2, 2);
    for (int i = 1; i <= ROUNDS; i++) {
        ask(&client, "silent");
        client_run(&client, i);
    }
    assert_int_equal(client.statuses[ARES_ETIMEOUT], ROUNDS);
    assert_int_equal(client.server.udp_questions, 2 * ROUNDS);
    assert_true(numbers_again >= ROUNDS - 1);
    client_close(&client);
}

/* Given up by the program: c-ares closes its sockets, and the next ones have their numbers in the
 * same turn. */
BACKEND_TEST(questions_that_are_cancelled_give_their_numbers_to_the_next_at_once)
{
    struct client client;
    client_open(loop, &client, 0);
    for (int i = 1; i <= QUESTIONS; i++) {
        ask(&client, "silent");
        while (client.server.udp_questions < 2 * i - 1)
            assert_int_equal(hark_run_once(loop), 1);
        ares_cancel(client.adapter.channel);
        assert_int_equal(client.statuses[ARES_ECANCELLED], i);
        ask(&client, "udp");
        client_run(&client, 2 * i);
    }
    assert_int_equal(client.statuses[ARES_SUCCESS], QUESTIONS);
    assert_int_equal(numbers_again, 2 * QUESTIONS - 1);
    client_close(&client);
}

BACKEND_TEST(channel_closed_amid_its_questions_gives_its_numbers_to_the_next)
{
    struct client client = {.loop = loop};
    dns_start(loop, &client.server);
    for (int i = 1; i <= QUESTIONS; i++) {
        channel_open(&client, client.server.udp_port, client.server.peers.port,
                     i % 2 ? ARES_FLAG_USEVC : 0, LONG_MS, 10);
        for (int n = 0; n < 5; n++)
            ask(&client, "silent");
        while (client.server.udp_questions + client.server.tcp_questions < 5 * i)
            assert_int_equal(hark_run_once(loop), 1);
        if (i < QUESTIONS)
            hark_cares_close(&client.adapter);
    }
    assert_int_equal(client.statuses[ARES_EDESTRUCTION], 5 * (QUESTIONS - 1));
    assert_true(numbers_again >= QUESTIONS / 2);
    client_close(&client);
}
