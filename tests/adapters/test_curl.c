/* test_curl.c - libcurl's multi interface on the loop's polls and timers, beside an HTTP server in
 * the same loop: so a number that one side has closed is the next moment the other's. */
#include "adapters/http_server.h"
#include "adapters/numbers.h"
#include "hark/adapters/curl.h"
#include "harness/harness.h"

#include <unistd.h>

enum { TRANSFERS = 100, PARALLEL = 200, BYTES = 100000, MANY = 100000 };

/* What the transfers of a test share. */
struct client {
    struct hark_curl adapter;
    struct http_server server;
    uint16_t port; /* the server's */
    struct hark_loop *loop;
    int ended;
    int results[CURL_LAST];
    int rounds; /* transfers that are still to be begun */
    const char *path;
    size_t bytes; /* that a transfer without an answer of its own brings */
    struct transfer *waits;
    struct hark_op later;
};

/* One transfer, freed where it is told to have ended. */
struct transfer {
    struct client *client;
    CURL *easy;
    char *bytes;
    size_t count, room;
    const char *answer; /* what shall have come; NULL: bytes of the server's body, or its begin
                           where it fails */
};

static size_t take(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    if (transfer->count + size * count > transfer->room) {
        transfer->room = 2 * (transfer->count + size * count);
        transfer->bytes = realloc(transfer->bytes, transfer->room);
        assert_non_null(transfer->bytes);
    }
    memcpy(transfer->bytes + transfer->count, bytes, size * count);
    transfer->count += size * count;
    return size * count;
}

static int opened(void *context, curl_socket_t fd, curlsocktype purpose)
{
    (void)context;
    (void)purpose;
    numbers_note(fd);
    return CURL_SOCKOPT_OK;
}

static void transfer_free(struct transfer *transfer)
{
    curl_multi_remove_handle(transfer->client->adapter.multi, transfer->easy);
    curl_easy_cleanup(transfer->easy);
    free(transfer->bytes);
    free(transfer);
}

/* Makes a transfer that is not begun yet. */
static struct transfer *transfer_new(struct client *client, const char *host, uint16_t port,
                                     const char *path)
{
    char url[256];
    struct transfer *transfer = calloc(1, sizeof *transfer);
    assert_non_null(transfer);
    *transfer = (struct transfer){.client = client, .easy = curl_easy_init()};
    assert_non_null(transfer->easy);
    snprintf(url, sizeof url, "http://%s:%u%s", host, port, path);
    curl_easy_setopt(transfer->easy, CURLOPT_URL, url);
    curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_SOCKOPTFUNCTION, opened);
    curl_easy_setopt(transfer->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(transfer->easy, CURLOPT_PROXY, ""); /* whatever the environment says */
    return transfer;
}

static void transfer_begin(struct transfer *transfer)
{
    assert_int_equal(curl_multi_add_handle(transfer->client->adapter.multi, transfer->easy),
                     CURLM_OK);
}

static void begin(struct client *client, const char *path)
{
    transfer_begin(transfer_new(client, "127.0.0.1", client->port, path));
}

/* From the next one's path until none is left. */
static void ended(struct hark_curl *adapter, CURL *easy, CURLcode result)
{
    struct client *client = hark_container_of(adapter, struct client, adapter);
    struct transfer *transfer;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
    client->ended++;
    client->results[result]++;
    if (transfer->answer)
        assert_memory_equal(transfer->bytes, transfer->answer, strlen(transfer->answer));
    else
        assert_true(harness_filled(transfer->bytes, transfer->count, 1));
    if (result == CURLE_OK)
        assert_int_equal(transfer->count,
                         transfer->answer ? strlen(transfer->answer) : client->bytes);
    transfer_free(transfer);
    if (client->rounds > 0) {
        client->rounds--;
        begin(client, client->path);
    }
}

static void client_open(struct hark_loop *loop, struct client *client)
{
    *client = (struct client){.loop = loop, .bytes = BYTES};
    assert_int_equal(hark_curl_open(loop, &client->adapter, ended), 0);
    http_start(loop, &client->server);
    client->port = client->server.peers.port;
}

static void client_run(struct client *client, int transfers)
{
    while (client->ended < transfers)
        assert_int_equal(hark_run_once(client->loop), 1);
    assert_int_equal(client->ended, transfers);
}

static void client_close(struct client *client)
{
    hark_curl_close(&client->adapter);
    peers_end(&client->server.peers);
    harness_run(client->loop);
    http_done(&client->server);
}

/* --- one after the other --- */

BACKEND_TEST(transfers_on_connections_of_their_own_use_numbers_again)
{
    struct client client;
    client_open(loop, &client);
    client.path = "/close/100000";
    client.rounds = TRANSFERS - 1;
    begin(&client, client.path);
    client_run(&client, TRANSFERS);
    assert_int_equal(client.results[CURLE_OK], TRANSFERS);
    assert_int_equal(client.server.peers.listener.accepted_count, TRANSFERS);
    assert_true(numbers_again >= TRANSFERS / 2);
    client_close(&client);
}

BACKEND_TEST(transfers_on_a_kept_connection_poll_the_same_descriptor_again)
{
    struct client client;
    client_open(loop, &client);
    client.path = "/bytes/100000";
    client.rounds = TRANSFERS - 1;
    begin(&client, client.path);
    client_run(&client, TRANSFERS);
    assert_int_equal(client.results[CURLE_OK], TRANSFERS);
    assert_int_equal(client.server.peers.listener.accepted_count, 1);
    harness_assert_idle(loop); /* curl keeps the connection, and waits for nothing on it */
    client_close(&client);
}

BACKEND_TEST(kept_connections_that_the_server_has_closed_are_replaced)
{
    struct client client;
    client_open(loop, &client);
    for (int round = 1; round <= 5; round++) {
        for (int i = 0; i < TRANSFERS; i++)
            begin(&client, "/bytes/100000");
        client_run(&client, round * TRANSFERS);
        peers_close(&client.server.peers);
        while (client.server.peers.open > 0)
            assert_int_equal(hark_run_once(loop), 1);
    }
    assert_int_equal(client.results[CURLE_OK], 5 * TRANSFERS);
    assert_true(numbers_again >= TRANSFERS);
    client_close(&client);
}

BACKEND_TEST(uploads_wait_for_room_again_and_again)
{
    enum { UPLOADS = 8 };
    struct client client;
    char text[32];
    snprintf(text, sizeof text, "%d", HTTP_BODY_MAX);
    client_open(loop, &client);
    for (int i = 0; i < UPLOADS; i++) {
        struct transfer *transfer = transfer_new(&client, "127.0.0.1", client.port, "/");
        curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE, (long)HTTP_BODY_MAX);
        curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, client.server.body);
        transfer->answer = text;
        transfer_begin(transfer);
    }
    client_run(&client, UPLOADS);
    assert_int_equal(client.results[CURLE_OK], UPLOADS);
    client_close(&client);
}

/* --- side by side --- */

/* Connections that are kept, and some that are not, while curl may keep a few alone and closes the
 * others. */
BACKEND_TEST(parallel_transfers_with_few_connections_kept_all_end_well)
{
    static const char *const paths[] = {"/bytes/100000", "/close/100000", "/bytes/100000"};
    struct client client;
    client_open(loop, &client);
    curl_multi_setopt(client.adapter.multi, CURLMOPT_MAXCONNECTS, 10L);
    client.path = "/bytes/100000";
    client.rounds = PARALLEL;
    for (int i = 0; i < PARALLEL; i++)
        begin(&client, paths[i % 3]);
    client_run(&client, 2 * PARALLEL);
    assert_int_equal(client.results[CURLE_OK], 2 * PARALLEL);
    assert_true(numbers_again > 0);
    client_close(&client);
}

BACKEND_TEST(hundred_thousand_transfers_go_over_a_few_connections)
{
    struct client client;
    client_open(loop, &client);
    client.path = "/bytes/100";
    client.bytes = 100;
    client.rounds = MANY - 10;
    for (int i = 0; i < 10; i++)
        begin(&client, client.path);
    client_run(&client, MANY);
    assert_int_equal(client.results[CURLE_OK], MANY);
    assert_in_range(client.server.peers.listener.accepted_count, 1, TRANSFERS);
    client_close(&client);
}

/* --- trouble --- */

BACKEND_TEST(transfers_that_are_refused_are_told_and_their_numbers_come_again)
{
    struct client client;
    int taken;
    uint16_t port = numbers_refusing_port(SOCK_STREAM, &taken);
    client_open(loop, &client);
    for (int i = 1; i <= TRANSFERS; i++) {
        transfer_begin(transfer_new(&client, "127.0.0.1", port, "/bytes/1"));
        client_run(&client, i);
    }
    assert_int_equal(client.results[CURLE_COULDNT_CONNECT], TRANSFERS);
    assert_int_equal(numbers_again, TRANSFERS - 1);
    begin(&client, "/bytes/100000"); /* and now with that number */
    client_run(&client, TRANSFERS + 1);
    assert_int_equal(client.results[CURLE_OK], 1);
    assert_int_equal(numbers_again, TRANSFERS);
    client_close(&client);
    close(taken);
}

/* Nobody listens at the first, or this machine has no IPv6. */
BACKEND_TEST(name_whose_first_address_refuses_is_reached_at_the_second)
{
    struct client client;
    char entry[128];
    client_open(loop, &client);
    snprintf(entry, sizeof entry, "hark.test:%u:[::1],127.0.0.1", client.port);
    struct curl_slist *names = curl_slist_append(NULL, entry);
    for (int i = 1; i <= TRANSFERS; i++) {
        struct transfer *transfer =
            transfer_new(&client, "hark.test", client.port, "/close/100000");
        curl_easy_setopt(transfer->easy, CURLOPT_RESOLVE, names);
        transfer_begin(transfer);
        client_run(&client, i);
    }
    assert_int_equal(client.results[CURLE_OK], TRANSFERS);
    assert_true(numbers_again >= TRANSFERS / 2);
    curl_slist_free_all(names);
    client_close(&client);
}

/* Curl asks a thread, and waits for a socket pair that the thread writes to. No name has labels as
 * long as that, so no server is asked. */
BACKEND_TEST(name_that_cannot_be_is_told_by_a_thread)
{
    enum { NAMES = 20 };
    struct client client;
    char name[128] = "";
    memset(name, 'a', 100);
    client_open(loop, &client);
    for (int i = 1; i <= NAMES; i++) {
        transfer_begin(transfer_new(&client, name, client.port, "/"));
        client_run(&client, 2 * i - 1);
        assert_int_equal(client.results[CURLE_COULDNT_RESOLVE_HOST], i);
        begin(&client, "/close/100000"); /* with a number of the pair's */
        client_run(&client, 2 * i);
    }
    assert_int_equal(client.results[CURLE_OK], NAMES);
    client_close(&client);
}

BACKEND_TEST(connections_that_end_before_their_bodies_fail_and_do_not_stay)
{
    struct client client;
    client_open(loop, &client);
    for (int i = 0; i < TRANSFERS; i++) {
        begin(&client, "/short/50000");
        begin(&client, "/gone");
        begin(&client, "/close/100000");
    }
    client_run(&client, 3 * TRANSFERS);
    assert_int_equal(client.results[CURLE_PARTIAL_FILE], TRANSFERS);
    assert_int_equal(client.results[CURLE_GOT_NOTHING], TRANSFERS);
    assert_int_equal(client.results[CURLE_OK], TRANSFERS);
    client_close(&client);
}

BACKEND_TEST(server_that_goes_away_fails_every_transfer_and_another_serves_the_same_numbers)
{
    struct client client;
    struct http_server other;
    client_open(loop, &client);
    http_start(loop, &other);
    for (int i = 0; i < TRANSFERS; i++)
        begin(&client, "/never");
    while (client.server.requests < TRANSFERS)
        assert_int_equal(hark_run_once(loop), 1);
    client.rounds = TRANSFERS; /* each that fails is followed by one at the other server, at once */
    client.path = "/close/100000";
    client.port = other.peers.port;
    peers_end(&client.server.peers);
    client_run(&client, 2 * TRANSFERS);
    assert_int_equal(client.results[CURLE_OK], TRANSFERS);
    assert_int_equal(client.results[CURLE_GOT_NOTHING] + client.results[CURLE_RECV_ERROR],
                     TRANSFERS);
    assert_true(numbers_again > 0);
    peers_end(&other.peers);
    client_close(&client);
    http_done(&other);
}

BACKEND_TEST(transfers_that_time_out_let_their_numbers_go)
{
    struct client client;
    client_open(loop, &client);
    for (int i = 1; i <= TRANSFERS; i++) {
        struct transfer *transfer = transfer_new(&client, "127.0.0.1", client.port, "/never");
        curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS, 1L + i % 5);
        transfer_begin(transfer);
        if (i % 10 == 0)
            client_run(&client, i);
    }
    assert_int_equal(client.results[CURLE_OPERATION_TIMEDOUT], TRANSFERS);
    assert_true(numbers_again > 0);
    begin(&client, "/bytes/100000");
    client_run(&client, TRANSFERS + 1);
    assert_int_equal(client.results[CURLE_OK], 1);
    client_close(&client);
}

/* Taken out while it waits: curl closes its connection at once, and the next has the number in the
 * same turn. */
static void replace(struct hark_op *op, int64_t result)
{
    struct client *client = hark_container_of(op, struct client, later);
    (void)result;
    transfer_free(client->waits);
    client->waits = NULL;
    begin(client, "/close/100000");
}

BACKEND_TEST(transfer_taken_out_while_it_waits_gives_its_number_to_the_next_at_once)
{
    struct client client;
    client_open(loop, &client);
    for (int i = 1; i <= TRANSFERS; i++) {
        client.waits = transfer_new(&client, "127.0.0.1", client.port, "/never");
        transfer_begin(client.waits);
        while (client.server.requests < 2 * i - 1)
            assert_int_equal(hark_run_once(loop), 1);
        hark_defer(loop, &client.later, replace);
        client_run(&client, i);
    }
    assert_int_equal(client.results[CURLE_OK], TRANSFERS);
    assert_true(numbers_again >= TRANSFERS);
    client_close(&client);
}

BACKEND_TEST(curl_is_closed_amid_its_transfers)
{
    struct client client;
    struct transfer *transfers[PARALLEL];
    client_open(loop, &client);
    for (int i = 0; i < PARALLEL; i++) {
        transfers[i] =
            transfer_new(&client, "127.0.0.1", client.port, i % 2 ? "/never" : "/bytes/8000000");
        transfer_begin(transfers[i]);
    }
    while (client.server.requests < PARALLEL / 2)
        assert_int_equal(hark_run_once(loop), 1);
    for (int i = 0; i < PARALLEL; i++)
        transfer_free(transfers[i]);
    assert_int_equal(client.ended, 0);
    client_close(&client);
}
