/* 32_postgres.c - asks a PostgreSQL server, with libpq, and prints the rows.
 *
 * Shows: libpq's calls that do not wait, on a hark loop. libpq itself has no time limit for any of
 * this, so the loop has one, beside it.
 *
 * Try:   ./32_postgres 'hostaddr=127.0.0.1 dbname=postgres' 'select now(), version()'
 */
#include "hark.h"
#include "hark/adapters/libpq.h"
#include <signal.h>
#include <stdio.h>

#define SECOND UINT64_C(1000000000)

static struct client {
    struct hark_pq *pq;
    struct hark_op limit;
    const char *question;
    int code; /* of the program's end */
} client;

static void end(int code)
{
    client.code = code;
    hark_pq_close(client.pq);
    client.pq = NULL;
    hark_cancel(&client.limit);
}

static void fail(const char *what)
{
    fprintf(stderr, "32_postgres: %s: %s", what, PQerrorMessage(hark_pq_connection(client.pq)));
    end(1);
}

static void connected(struct hark_pq *pq, void *owner, bool well)
{
    (void)owner;
    if (!well || !PQsendQuery(hark_pq_connection(pq), client.question))
        fail("cannot ask");
    else
        hark_pq_sent(pq);
}

static void print_rows(const PGresult *result)
{
    for (int row = 0; row < PQntuples(result); row++)
        for (int field = 0; field < PQnfields(result); field++)
            printf("%s%c", PQgetvalue(result, row, field),
                   field + 1 < PQnfields(result) ? '|' : '\n');
}

/* Once for each result, then with NULL. */
static void answered(struct hark_pq *pq, void *owner, PGresult *result)
{
    (void)pq;
    (void)owner;
    if (!result) {
        end(client.code);
    } else if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        print_rows(result);
    } else if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        fprintf(stderr, "32_postgres: %s", PQresultErrorMessage(result));
        client.code = 1;
    }
}

static void lost(struct hark_pq *pq, void *owner)
{
    (void)pq;
    (void)owner;
    fail("the connection was lost");
}

static void is_late(struct hark_op *op, int64_t result)
{
    (void)op;
    if (result == 0)
        fail("no answer within ten seconds");
}

int main(int count, char **arguments)
{
    static const struct hark_pq_events events = {
        .connected = connected, .result = answered, .lost = lost};
    struct hark_loop *loop;
    int error;

    if (count != 3) {
        fprintf(stderr, "usage: 32_postgres CONNECTION QUESTION\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    client.question = arguments[2];
    if ((error = hark_loop_create(NULL, &loop)) < 0) {
        fprintf(stderr, "32_postgres: cannot make a loop: %s\n", hark_error_text(error));
        return 1;
    }
    error = hark_pq_open(loop, PQconnectStart(arguments[1]), &events, NULL, &client.pq);
    if (error == 0) {
        hark_sleep(loop, &client.limit, 10 * SECOND, is_late);
        error = hark_run(loop);
    }
    if (error < 0)
        fprintf(stderr, "32_postgres: %s\n", hark_error_text(error));
    hark_loop_destroy(loop);
    return error < 0 ? 1 : client.code;
}
