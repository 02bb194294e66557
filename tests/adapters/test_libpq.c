/* test_libpq.c - libpq on the loop's polls, with a real PostgreSQL: queries one by one and in
 * pipelines, values that no socket holds, copies both ways, notifications, cancels, servers that go
 * away and come back, connections that are closed in each of their callbacks. */
#include "adapters/numbers.h"
#include "adapters/postgres.h"
#include "hark/adapters/libpq.h"

#include <signal.h>
#include <string.h>

enum { QUERIES = 2000, PIPELINES = 200, IN_A_PIPELINE = 500, VALUE_BYTES = 8 << 20, ROWS = 100000 };

/* --- a client --- */

struct client {
    struct hark_pq *pq;
    int connected, refused, lost;
    int results;   /* that brought rows, or that nothing was wrong */
    int failures;  /* and those that did not */
    char state[6]; /* SQLSTATE of the last of them */
    int ends;      /* queries that have no more results */
    int64_t sum;   /* of the first fields */
    int notified, drained;
    size_t rows, bytes;
    int to_ask, to_put;
    void (*on_connected)(struct client *client);
    void (*on_result)(struct client *client, const PGresult *result);
    void (*on_end)(struct client *client);
    void (*on_lost)(struct client *client);
    void (*on_drained)(struct client *client);
    struct hark_op later;
    const struct postgres *server;
    struct hark_loop *loop;
    int rounds;
};

static void close_client(struct client *client)
{
    hark_pq_close(client->pq);
    client->pq = NULL;
}

static void connected(struct hark_pq *pq, void *owner, bool well)
{
    struct client *client = owner;
    assert_ptr_equal(pq, client->pq);
    client->connected += well;
    client->refused += !well;
    if (well)
        numbers_note(PQsocket(hark_pq_connection(pq)));
    if (client->on_connected)
        client->on_connected(client);
}

static void take(struct client *client, const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_FATAL_ERROR) {
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        snprintf(client->state, sizeof client->state, "%s", state ? state : "");
        client->failures++;
        return;
    }
    client->results++;
    if (status == PGRES_TUPLES_OK && PQnfields(result) == 1 && PQgetlength(result, 0, 0) < 20)
        client->sum += atoll(PQgetvalue(result, 0, 0));
}

static void answered(struct hark_pq *pq, void *owner, PGresult *result)
{
    struct client *client = owner;
    assert_ptr_equal(pq, client->pq);
    if (result)
        take(client, result);
    else
        client->ends++;
    if (result && client->on_result)
        client->on_result(client, result);
    else if (!result && client->on_end)
        client->on_end(client);
}

static void copied(struct hark_pq *pq, void *owner, const char *bytes, size_t count)
{
    struct client *client = owner;
    (void)pq;
    client->rows++;
    client->bytes += count;
    assert_int_equal(bytes[count - 1], '\n');
}

static void drained(struct hark_pq *pq, void *owner)
{
    struct client *client = owner;
    (void)pq;
    client->drained++;
    if (client->on_drained)
        client->on_drained(client);
}

static void notified(struct hark_pq *pq, void *owner, const PGnotify *notify)
{
    struct client *client = owner;
    (void)pq;
    assert_string_equal(notify->relname, "news");
    if (strcmp(notify->extra, "last") == 0)
        close_client(client); /* from inside its callback */
    else
        client->notified++;
}

static void lost(struct hark_pq *pq, void *owner)
{
    struct client *client = owner;
    (void)pq;
    client->lost++;
    if (client->on_lost)
        client->on_lost(client);
}

static const struct hark_pq_events events = {
    .connected = connected,
    .result = answered,
    .copied = copied,
    .drained = drained,
    .notified = notified,
    .lost = lost,
};

static void keep_quiet(void *owner, const char *notice)
{
    (void)owner;
    (void)notice;
}

static void open_client(struct hark_loop *loop, struct client *client,
                        const struct postgres *server)
{
    client->loop = loop;
    client->server = server;
    assert_int_equal(hark_pq_open(loop, PQconnectStart(server->name), &events, client, &client->pq),
                     0);
    PQsetNoticeProcessor(hark_pq_connection(client->pq), keep_quiet, NULL);
}

static void ask(struct client *client, const char *text)
{
    assert_int_equal(PQsendQuery(hark_pq_connection(client->pq), text), 1);
    hark_pq_sent(client->pq);
}

static void serve(struct postgres *server)
{
    signal(SIGPIPE, SIG_IGN);
    postgres_make(server);
    postgres_start(server);
}

/* --- queries --- */

static void ask_next(struct client *client)
{
    char text[64];
    if (client->to_ask == 0) {
        close_client(client);
        return;
    }
    snprintf(text, sizeof text, "select %d", client->to_ask--);
    ask(client, text);
}

static void one_by_one(struct hark_loop *loop, const struct postgres *server)
{
    struct client client = {.on_connected = ask_next, .on_end = ask_next, .to_ask = QUERIES};
    open_client(loop, &client, server);
    harness_run(loop);
    assert_int_equal(client.results, QUERIES);
    assert_int_equal(client.ends, QUERIES);
    assert_int_equal(client.sum, (int64_t)QUERIES * (QUERIES + 1) / 2);
}

#ifdef LIBPQ_HAS_PIPELINING
static void send_pipeline(struct client *client)
{
    PGconn *connection = hark_pq_connection(client->pq);
    if (client->rounds-- == 0) {
        close_client(client);
        return;
    }
    assert_int_equal(PQenterPipelineMode(connection), 1);
    for (int i = 0; i < IN_A_PIPELINE; i++)
        assert_int_equal(PQsendQueryParams(connection, "select 3", 0, NULL, NULL, NULL, NULL, 0),
                         1);
    assert_int_equal(PQpipelineSync(connection), 1);
    hark_pq_sent(client->pq);
}

static void end_pipeline(struct client *client, const PGresult *result)
{
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
        send_pipeline(client);
}

static void in_pipelines(struct hark_loop *loop, const struct postgres *server)
{
    struct client client = {
        .on_connected = send_pipeline, .on_result = end_pipeline, .rounds = PIPELINES};
    open_client(loop, &client, server);
    harness_run(loop);
    assert_int_equal(client.results, PIPELINES * (IN_A_PIPELINE + 1));
    assert_int_equal(client.ends, PIPELINES * IN_A_PIPELINE);
    assert_int_equal(client.sum, PIPELINES * IN_A_PIPELINE * 3);
}
#endif

static void ask_for_value(struct client *client)
{
    char *value = malloc(VALUE_BYTES + 1);
    memset(value, 'v', VALUE_BYTES);
    value[VALUE_BYTES] = '\0';
    const char *values[] = {value};
    assert_int_equal(PQsendQueryParams(hark_pq_connection(client->pq), "select $1::text", 1, NULL,
                                       values, NULL, NULL, 0),
                     1);
    hark_pq_sent(client->pq);
    free(value);
}

static void have_value(struct client *client, const PGresult *result)
{
    assert_int_equal(PQgetlength(result, 0, 0), VALUE_BYTES);
    close_client(client);
}

static void of_a_value(struct hark_loop *loop, const struct postgres *server)
{
    struct client client = {.on_connected = ask_for_value, .on_result = have_value};
    open_client(loop, &client, server);
    harness_run(loop);
    assert_int_equal(client.results, 1);
    assert_int_equal(client.ends, 0);
}

static void ask_wrongly(struct client *client)
{
    ask(client, "select 1; select nothing_of_that_name; select 2");
}

static void of_an_error(struct hark_loop *loop, const struct postgres *server)
{
    struct client client = {.on_connected = ask_wrongly, .on_end = close_client};
    open_client(loop, &client, server);
    harness_run(loop);
    assert_int_equal(client.results, 1);
    assert_int_equal(client.failures, 1);
    assert_string_equal(client.state, "42703");
}

BACKEND_TEST(queries_are_answered_one_by_one_in_pipelines_in_pieces_and_with_errors)
{
    struct postgres server;
    serve(&server);
    one_by_one(loop, &server);
#ifdef LIBPQ_HAS_PIPELINING
    in_pipelines(loop, &server);
#endif
    of_a_value(loop, &server);
    of_an_error(loop, &server);
    postgres_kill(&server);
}

/* --- copies --- */

static void put_rows(struct client *client)
{
    static const char row[] = "one row of many\n";
    PGconn *connection = hark_pq_connection(client->pq);
    int put = 1;
    while (client->to_put > 0 && (put = PQputCopyData(connection, row, sizeof row - 1)) == 1)
        client->to_put--;
    assert_true(put >= 0);
    if (client->to_put == 0 && PQputCopyEnd(connection, NULL) == 1) {
        client->to_put--;
        hark_pq_copy_ended(client->pq);
    } else if (client->to_put >= 0) {
        hark_pq_flush(client->pq);
    }
}

static void copy_in_or_out(struct client *client, const PGresult *result)
{
    if (PQresultStatus(result) == PGRES_COPY_IN)
        put_rows(client);
}

static void next_of_copy(struct client *client)
{
    switch (client->rounds++) {
    case 0:
        ask(client, "create table t (line text)");
        break;
    case 1:
        ask(client, "copy t from stdin");
        break;
    case 2:
        ask(client, "copy t to stdout");
        break;
    case 3:
        ask(client, "select count(*) from t");
        break;
    default:
        close_client(client);
    }
}

BACKEND_TEST(copies_go_in_and_out_without_waiting)
{
    struct postgres server;
    struct client client = {.on_connected = next_of_copy,
                            .on_end = next_of_copy,
                            .on_result = copy_in_or_out,
                            .on_drained = put_rows,
                            .to_put = ROWS};
    serve(&server);
    open_client(loop, &client, &server);
    harness_run(loop);
    assert_int_equal(client.failures, 0);
    assert_int_equal(client.results, 6); /* four queries; a copy has two results */
    assert_int_equal(client.to_put, -1);
    assert_int_equal(client.rows, ROWS);
    assert_int_equal(client.bytes, ROWS * strlen("one row of many\n"));
    assert_int_equal(client.sum, ROWS);
    postgres_kill(&server);
}

/* --- what comes unasked, and what is given up --- */

static void listen_for_news(struct client *client)
{
    ask(client, "listen news");
}

static void tell_news(struct client *client)
{
    ask(client, "notify news, 'a'; notify news, 'b'; notify news, 'last'");
}

static void hears_news(struct hark_loop *loop, const struct postgres *server)
{
    struct client listener = {.on_connected = listen_for_news};
    struct client teller = {.on_connected = tell_news, .on_end = close_client};
    open_client(loop, &listener, server);
    while (!listener.ends)
        assert_int_equal(hark_run_once(loop), 1);
    open_client(loop, &teller, server);
    harness_run(loop);
    assert_int_equal(listener.notified, 2);
    assert_null(listener.pq);
}

static void sleep_long(struct client *client)
{
    ask(client, "select pg_sleep(100000)");
}

static void cancel_soon(struct hark_op *op, int64_t result)
{
    struct client *client = hark_container_of(op, struct client, later);
    if (result == 0)
        assert_int_equal(hark_pq_cancel(client->pq), 0);
}

static void sleep_long_and_cancel(struct client *client)
{
    sleep_long(client);
    hark_sleep(client->loop, &client->later, 1000000, cancel_soon);
}

/* The server may not have begun with it yet, and then has nothing to cancel. */
static void is_cancelled(struct hark_loop *loop, const struct postgres *server)
{
    struct client client = {.on_connected = sleep_long_and_cancel, .on_end = close_client};
    open_client(loop, &client, server);
    while (client.pq) {
        assert_int_equal(hark_run_once(loop), 1);
        if (client.pq && client.connected && !hark_op_active(&client.later))
            hark_sleep(loop, &client.later, 50000000, cancel_soon);
    }
    hark_cancel(&client.later);
    harness_run(loop);
    assert_int_equal(client.failures, 1);
    assert_string_equal(client.state, "57014");
}

static void close_soon(struct hark_op *op, int64_t result)
{
    (void)result;
    close_client(hark_container_of(op, struct client, later));
}

static void sleep_long_and_close(struct client *client)
{
    sleep_long(client);
    hark_sleep(client->loop, &client->later, 1000000, close_soon);
}

static void is_closed_meanwhile(struct hark_loop *loop, const struct postgres *server)
{
    struct client client = {.on_connected = sleep_long_and_close};
    open_client(loop, &client, server);
    harness_run(loop);
    assert_int_equal(client.results + client.failures + client.lost, 0);
    client.on_connected = close_client; /* and in its first callback, and before any */
    open_client(loop, &client, server);
    harness_run(loop);
    assert_int_equal(client.connected, 2);
    open_client(loop, &client, server);
    close_client(&client);
    harness_run(loop);
    assert_int_equal(client.connected, 2);
}

BACKEND_TEST(notifications_come_unasked_and_queries_are_cancelled_or_their_connection_closed)
{
    struct postgres server;
    serve(&server);
    hears_news(loop, &server);
    is_cancelled(loop, &server);
    is_closed_meanwhile(loop, &server);
    postgres_kill(&server);
}

/* --- servers that go and come --- */

static void stop_running(struct client *client)
{
    hark_stop(client->loop);
}

BACKEND_TEST(server_that_dies_is_told_and_the_next_one_is_reached_by_a_reset)
{
    struct postgres server;
    struct client client = {.on_connected = sleep_long, .on_lost = stop_running};
    serve(&server);
    open_client(loop, &client, &server);
    while (!client.connected)
        assert_int_equal(hark_run_once(loop), 1);
    postgres_kill(&server);
    assert_int_equal(hark_run(loop), 1);
    assert_int_equal(client.lost, 1);
    assert_int_equal(client.failures, 1); /* of the query */
    assert_int_equal(client.ends, 1);

    client.on_connected = stop_running;
    for (int refused = 1; refused <= 100; refused++) {
        hark_pq_reset(client.pq);
        assert_int_equal(hark_run(loop), 1);
        assert_int_equal(client.refused, refused);
    }
    assert_int_equal(hark_pq_cancel(client.pq), -ENOTCONN);

    postgres_start(&server);
    client.on_connected = ask_next;
    client.on_end = ask_next;
    client.to_ask = 10;
    hark_pq_reset(client.pq);
    harness_run(loop);
    assert_int_equal(client.connected, 2);
    assert_int_equal(client.sum, 55);
    assert_int_equal(client.lost, 1);
    postgres_kill(&server);
}

static void next_connection(struct client *client)
{
    close_client(client);
    if (client->rounds-- > 0)
        open_client(client->loop, client, client->server);
}

BACKEND_TEST(connection_after_connection_has_the_same_number)
{
    struct postgres server;
    struct client client = {.on_connected = next_connection, .rounds = 50};
    serve(&server);
    open_client(loop, &client, &server);
    harness_run(loop);
    assert_int_equal(client.connected, 51);
    assert_int_equal(numbers_again, 50);
    postgres_kill(&server);
}

BACKEND_TEST(connection_to_nobody_is_told_in_a_later_turn)
{
    struct postgres nowhere;
    struct client client = {.on_connected = close_client};
    snprintf(nowhere.name, sizeof nowhere.name, "host=%s user=hark", harness_path("none"));
    open_client(loop, &client, &nowhere);
    assert_int_equal(client.refused, 0);
    harness_run(loop);
    assert_int_equal(client.refused, 1);
    assert_int_equal(hark_pq_open(loop, NULL, &events, &client, &client.pq), -ENOMEM);
    assert_null(client.pq);
}
