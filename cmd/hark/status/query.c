/* query.c - answers that tell of all streams, or of all threads: the owner makes them, for whoever
 * asks.
 *
 * A document (/metrics, /stats, /streams) is written for all who asked for it before it was begun,
 * one document at a time, a part a turn: however many ask however often, the others wait for one
 * part. For what other threads count the owner has each of them fill in its counters before it
 * begins. What is asked of one stream is told at once. What must hold: while a connection waits for
 * such an answer none of its other requests is answered, as this one keeps no order with the log's.
 */
#include "broker/look.h"
#include "broker/stream.h"
#include "http/answer.h"
#include "status/counters.h"

#include <stdlib.h>
#include <string.h>

#include "wire/name.h"

enum { TURN_ANSWERS = 64 };

/* One question on its way. */
struct query {
    struct mail mail;
    struct http_connection *http;
    struct exchange exchange;
    enum query_what what;
    enum document_kind kind;   /* ASK_DOCUMENT */
    struct document *document; /* its answer; NULL: refused */
    int refused;
    bool unknown; /* there is no such stream */
    struct text text;
    char name[NAME_BYTES_MAX + 1];
};

static const char *const document_types[DOCUMENTS] = {
    [DOCUMENT_METRICS] = "text/plain; version=0.0.4; charset=utf-8",
    [DOCUMENT_STATS] = "application/json",
    [DOCUMENT_STREAMS] = "application/json",
};

/* --- answers --- */

/* Gives: false: there is no such stream. */
static bool write_stream(struct worker *owner, const char *name, struct text *text)
{
    struct broker_stream *stream = NULL;
    if (broker_stream_open(owner->broker, name, strlen(name), &stream) < 0) {
        text->failed = true;
        return true;
    }
    struct broker_stream_view view = broker_stream_look(stream);
    if (view.log) {
        stats_stream_write(text, &view);
        text_add(text, "\n");
    }
    broker_stream_close(stream);
    return view.log;
}

/* Writes nothing where events are taken. */
static void write_health(struct worker *owner, struct text *text)
{
    const char *trouble = health_trouble(owner);
    health_probe(owner);
    if (trouble)
        text_add(text, "%s", trouble);
}

/* On the owner's thread. Gives: false: there is no such stream. */
static bool write_answer(struct worker *owner, enum query_what what, const char *name,
                         struct text *text)
{
    switch (what) {
    case QUERY_DOCUMENT:
        break;
    case QUERY_STREAM:
        return write_stream(owner, name, text);
    case QUERY_HEALTH:
        write_health(owner, text);
        break;
    }
    return true;
}

static void give_answer(struct http_connection *http, const struct exchange *exchange,
                        enum query_what what, bool known, const struct text *text)
{
    if (what == QUERY_HEALTH)
        answer_line(http, exchange, text->count != 0 || text->failed ? 503 : 200,
                    text->count != 0 ? text->bytes : "ok");
    else if (!known)
        answer_error(http, exchange, 404, NULL, "there is no such stream");
    else if (text->failed)
        answer_no_memory(http, exchange);
    else
        answer_bytes(http, exchange, 200, "application/json", answer_no_cache, text->bytes,
                     text->count);
}

static void give_document(struct http_connection *http, struct query *query)
{
    if (query->document)
        answer_document(http, &query->exchange, document_types[query->kind], query->document);
    else if (query->refused == 507)
        answer_error(http, &query->exchange, 507, NULL,
                     "there are too many streams for one answer: ask for one of them");
    else
        answer_error(
            http, &query->exchange, 503, answer_retry,
            "there is no memory for the answer, as others have not taken theirs: try again later");
}

/* Back with the connection. */
static void answered(struct query *query)
{
    struct http_connection *http = query->http;
    if (http->connection.closing)
        document_release(query->document);
    else if (query->what == QUERY_DOCUMENT)
        give_document(http, query);
    else
        give_answer(http, &query->exchange, query->what, !query->unknown, &query->text);
    text_done(&query->text);
    free(query);
    http_unblock(http);
    connection_answered(&http->connection);
}

static void returned(struct mail *mail)
{
    answered(hark_container_of(mail, struct query, mail));
}

/* On the owner's thread. */
static void answer(struct worker *owner, struct query *query)
{
    struct worker *origin = query->http->connection.worker;
    query->unknown = !write_answer(owner, query->what, query->name, &query->text);
    if (origin == owner)
        answered(query);
    else
        mail_send(owner->loop, &origin->mailbox, &query->mail, returned);
}

/* --- those that wait --- */

static void move_all(struct mail_list *to, struct mail_list *from)
{
    struct mail *mail;
    while ((mail = from->first)) {
        from->first = mail->next;
        mail_list_append(to, mail);
    }
}

static void go_on(struct worker *owner);

/* Answers some of those that can be. */
static void answer_some(struct server *server)
{
    struct mail *mail;
    for (int left = TURN_ANSWERS; left > 0 && (mail = server->answerable.first); left--) {
        server->answerable.first = mail->next;
        answer(&server->workers[0],
               hark_container_of(mail, struct query,
                                 mail)); /* whoever it is for may ask again at once */
    }
}

/* The document is written: each that asked for it gets a use of it. */
static void publish(struct worker *owner)
{
    struct server *server = owner->server;
    struct document *document = edition_end(owner, &server->edition);
    for (struct mail *mail = server->current.first; mail; mail = mail->next) {
        struct query *query = hark_container_of(mail, struct query, mail);
        query->refused = server->edition.refused;
        query->document = document;
        if (document)
            document_hold(document);
    }
    document_release(document);
    server->writing = false;
    move_all(&server->answerable, &server->current);
}

/* A turn's work: answers, or else a part of a document. */
static void step(struct hark_op *op, int64_t result)
{
    struct server *server = hark_container_of(op, struct server, writing_step);
    struct worker *owner = &server->workers[0];
    (void)result;
    if (server->answerable.first)
        answer_some(server);
    if (server->writing && server->counters_out == 0 && !edition_write(owner, &server->edition))
        publish(owner);
    go_on(owner);
}

/* --- counters --- */

/* Once the end has come so far the others may be gone: what they said last has to do. */
static bool needs_counters(const struct worker *owner, enum document_kind kind)
{
    return kind != DOCUMENT_STREAMS && owner->server->count > 1 &&
           owner->ending < ENDING_SUBSCRIBERS;
}

static void counters_filled(struct mail *mail)
{
    struct counters *counters = hark_container_of(mail, struct counters, mail);
    struct worker *owner = worker_owner(counters->worker);
    if (--owner->server->counters_out == 0)
        go_on(owner);
}

static void counters_fill(struct mail *mail)
{
    struct counters *counters = hark_container_of(mail, struct counters, mail);
    struct worker *worker = counters->worker;
    counters_read(worker, counters);
    mail_send(worker->loop, &worker_owner(worker)->mailbox, mail, counters_filled);
}

static void counters_send(struct worker *owner)
{
    struct server *server = owner->server;
    server->counters_out = server->count - 1;
    for (uint32_t i = 1; i < server->count; i++)
        mail_send(owner->loop, &server->workers[i].mailbox, &server->counters[i].mail,
                  counters_fill);
}

/* Begins the next document that is asked for; the kinds take turns. */
static void write_next(struct worker *owner)
{
    struct server *server = owner->server;
    for (int i = 1; i <= DOCUMENTS && !server->writing; i++) {
        enum document_kind kind = (enum document_kind)(((int)server->edition.kind + i) % DOCUMENTS);
        if (!server->waiting[kind].first)
            continue;
        move_all(&server->current, &server->waiting[kind]);
        edition_begin(owner, &server->edition, kind);
        server->writing = true;
        if (server->edition.refused == 0 && needs_counters(owner, kind))
            counters_send(owner);
    }
}

static void go_on(struct worker *owner)
{
    struct server *server = owner->server;
    if (!server->writing)
        write_next(owner);
    bool something = server->answerable.first || (server->writing && server->counters_out == 0);
    if (something && !hark_op_active(&server->writing_step))
        hark_defer(owner->loop, &server->writing_step, step);
}

/* On the owner's thread. */
static void take_up(struct worker *owner, struct query *query)
{
    struct server *server = owner->server;
    mail_list_append(query->what == QUERY_DOCUMENT ? &server->waiting[query->kind]
                                                   : &server->answerable,
                     &query->mail);
    go_on(owner);
}

static void arrived(struct mail *mail)
{
    struct query *query = hark_container_of(mail, struct query, mail);
    take_up(worker_owner(query->http->connection.worker), query);
}

/* --- questions --- */

/* Owns: the question; NULL: memory is lacking. */
static void query_send(struct http_connection *http, const struct exchange *exchange,
                       struct query *query)
{
    struct worker *worker = http->connection.worker;
    if (!query) {
        answer_no_memory(http, exchange);
        return;
    }
    query->http = http;
    query->exchange = *exchange;
    http_block(http);
    connection_await(&http->connection);
    if (worker_is_owner(worker))
        take_up(worker, query);
    else
        mail_send(worker->loop, &worker_owner(worker)->mailbox, &query->mail, arrived);
}

/* HEAD is told what is known without writing it. */
void query_document(struct http_connection *http, const struct exchange *exchange,
                    enum document_kind kind)
{
    if (exchange->head_only) {
        answer_head(http, exchange, 200, HTTP_LENGTH_NONE, document_types[kind], answer_no_cache);
        answer_done(http, exchange);
        return;
    }
    struct query *query = calloc(1, sizeof *query);
    if (query) {
        query->what = QUERY_DOCUMENT;
        query->kind = kind;
    }
    query_send(http, exchange, query);
}

void query_ask(struct http_connection *http, const struct exchange *exchange, enum query_what what,
               const char *name)
{
    struct worker *worker = http->connection.worker;
    if (worker_is_owner(worker)) {
        struct text text = {0};
        bool known = write_answer(worker, what, name, &text);
        give_answer(http, exchange, what, known, &text);
        text_done(&text);
        return;
    }
    struct query *query = calloc(1, sizeof *query);
    if (query) {
        query->what = what;
        if (name)
            memcpy(query->name, name, strlen(name));
    }
    query_send(http, exchange, query);
}
