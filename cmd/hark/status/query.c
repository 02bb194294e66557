/* query.c - answers that tell of all streams, or of all threads: the owner makes them, for whoever
 * asks.
 *
 * A document (/metrics, /stats, /streams) is written for all who asked for it before it was begun,
 * one document at a time, a part a turn: however many ask however often, the others wait for one
 * part. For what other threads count the owner has each of them fill in a sheet before it begins.
 * What is asked of one stream is told at once. What must hold: while a session waits for such an
 * answer none of its other requests is answered, as this one keeps no order with the log's.
 */
#include "http/http.h"
#include "status/counters.h"

#include <stdlib.h>
#include <string.h>

#include "wire/name.h"

enum { TURN_ANSWERS = 64 };

/* One question on its way. */
struct ask {
    struct mail mail;
    struct http_session *http;
    struct exchange exchange;
    enum ask_what what;
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
static bool write_stream(struct agent *owner, const char *name, struct text *text)
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
static void write_health(struct agent *owner, struct text *text)
{
    const char *trouble = health_trouble(owner);
    health_probe(owner);
    if (trouble)
        text_add(text, "%s", trouble);
}

/* On the owner's thread. Gives: false: there is no such stream. */
static bool write_answer(struct agent *owner, enum ask_what what, const char *name,
                         struct text *text)
{
    switch (what) {
    case ASK_DOCUMENT:
        break;
    case ASK_STREAM:
        return write_stream(owner, name, text);
    case ASK_HEALTH:
        write_health(owner, text);
        break;
    }
    return true;
}

static void give_answer(struct http_session *http, const struct exchange *exchange,
                        enum ask_what what, bool known, const struct text *text)
{
    if (what == ASK_HEALTH)
        answer_line(http, exchange, text->count != 0 || text->failed ? 503 : 200,
                    text->count != 0 ? text->bytes : "ok");
    else if (!known)
        answer_error(http, exchange, 404, NULL, "there is no such stream");
    else if (text->failed)
        answer_error(http, exchange, 503, "Retry-After: 1\r\n", "out of memory: try again later");
    else
        answer_bytes(http, exchange, 200, "application/json", "Cache-Control: no-cache\r\n",
                     text->bytes, text->count);
}

static void give_document(struct http_session *http, struct ask *ask)
{
    if (ask->document)
        answer_document(http, &ask->exchange, document_types[ask->kind], ask->document);
    else if (ask->refused == 507)
        answer_error(http, &ask->exchange, 507, NULL,
                     "there are too many streams for one answer: ask for one of them");
    else
        answer_error(
            http, &ask->exchange, 503, "Retry-After: 1\r\n",
            "there is no memory for the answer, as others have not taken theirs: try again later");
}

/* Back with the session. */
static void answered(struct ask *ask)
{
    struct http_session *http = ask->http;
    if (http->session.closing)
        document_release(ask->document);
    else if (ask->what == ASK_DOCUMENT)
        give_document(http, ask);
    else
        give_answer(http, &ask->exchange, ask->what, !ask->unknown, &ask->text);
    text_done(&ask->text);
    free(ask);
    http_answered(http);
}

static void returned(struct mail *mail)
{
    answered(hark_container_of(mail, struct ask, mail));
}

/* On the owner's thread. */
static void answer(struct agent *owner, struct ask *ask)
{
    struct agent *asker = ask->http->session.agent;
    ask->unknown = !write_answer(owner, ask->what, ask->name, &ask->text);
    if (asker == owner)
        answered(ask);
    else
        mail_send(owner->loop, &asker->mailbox, &ask->mail, returned);
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

static void go_on(struct agent *owner);

/* Answers some of those that can be. */
static void tell_due(struct crew *crew)
{
    struct mail *mail;
    for (int left = TURN_ANSWERS; left > 0 && (mail = crew->due.first); left--) {
        crew->due.first = mail->next;
        answer(&crew->agents[0],
               hark_container_of(mail, struct ask,
                                 mail)); /* whoever it is for may ask again at once */
    }
}

/* The document is written: each that asked for it gets a use of it. */
static void publish(struct agent *owner)
{
    struct crew *crew = owner->crew;
    struct document *document = edition_end(owner, &crew->edition);
    for (struct mail *mail = crew->asked.first; mail; mail = mail->next) {
        struct ask *ask = hark_container_of(mail, struct ask, mail);
        ask->refused = crew->edition.refused;
        ask->document = document;
        if (document)
            document_hold(document);
    }
    document_release(document);
    crew->writing = false;
    move_all(&crew->due, &crew->asked);
}

/* A turn's work: answers, or else a part of a document. */
static void tell(struct hark_op *op, int64_t result)
{
    struct crew *crew = hark_container_of(op, struct crew, tell);
    struct agent *owner = &crew->agents[0];
    (void)result;
    if (crew->due.first)
        tell_due(crew);
    if (crew->writing && crew->sheets_out == 0 && !edition_write(owner, &crew->edition))
        publish(owner);
    go_on(owner);
}

/* --- sheets --- */

/* Once the end has come so far the others may be gone: what they said last has to do. */
static bool needs_sheets(const struct agent *owner, enum document_kind kind)
{
    return kind != DOCUMENT_STREAMS && owner->crew->count > 1 && owner->ending < ENDING_SUBSCRIBERS;
}

static void sheet_filled(struct mail *mail)
{
    struct sheet *sheet = hark_container_of(mail, struct sheet, mail);
    struct agent *owner = agent_owner(sheet->agent);
    if (--owner->crew->sheets_out == 0)
        go_on(owner);
}

static void sheet_fill(struct mail *mail)
{
    struct sheet *sheet = hark_container_of(mail, struct sheet, mail);
    struct agent *agent = sheet->agent;
    sheet_read(agent, sheet);
    mail_send(agent->loop, &agent_owner(agent)->mailbox, mail, sheet_filled);
}

static void send_sheets(struct agent *owner)
{
    struct crew *crew = owner->crew;
    crew->sheets_out = crew->count - 1;
    for (uint32_t i = 1; i < crew->count; i++)
        mail_send(owner->loop, &crew->agents[i].mailbox, &crew->sheets[i].mail, sheet_fill);
}

/* Begins the next document that is asked for; the kinds take turns. */
static void write_next(struct agent *owner)
{
    struct crew *crew = owner->crew;
    for (int i = 1; i <= DOCUMENTS && !crew->writing; i++) {
        enum document_kind kind = (enum document_kind)(((int)crew->edition.kind + i) % DOCUMENTS);
        if (!crew->asking[kind].first)
            continue;
        move_all(&crew->asked, &crew->asking[kind]);
        edition_begin(owner, &crew->edition, kind);
        crew->writing = true;
        if (crew->edition.refused == 0 && needs_sheets(owner, kind))
            send_sheets(owner);
    }
}

static void go_on(struct agent *owner)
{
    struct crew *crew = owner->crew;
    if (!crew->writing)
        write_next(owner);
    bool something = crew->due.first || (crew->writing && crew->sheets_out == 0);
    if (something && !hark_op_active(&crew->tell))
        hark_defer(owner->loop, &crew->tell, tell);
}

/* On the owner's thread. */
static void take_up(struct agent *owner, struct ask *ask)
{
    struct crew *crew = owner->crew;
    mail_list_append(ask->what == ASK_DOCUMENT ? &crew->asking[ask->kind] : &crew->due, &ask->mail);
    go_on(owner);
}

static void asked(struct mail *mail)
{
    struct ask *ask = hark_container_of(mail, struct ask, mail);
    take_up(agent_owner(ask->http->session.agent), ask);
}

/* --- questions --- */

/* Owns: the question; NULL: memory is lacking. */
static void send_ask(struct http_session *http, const struct exchange *exchange, struct ask *ask)
{
    struct agent *agent = http->session.agent;
    if (!ask) {
        answer_error(http, exchange, 503, "Retry-After: 1\r\n", "out of memory: try again later");
        return;
    }
    ask->http = http;
    ask->exchange = *exchange;
    http_await(http);
    if (agent_is_owner(agent))
        take_up(agent, ask);
    else
        mail_send(agent->loop, &agent_owner(agent)->mailbox, &ask->mail, asked);
}

/* HEAD is told what is known without writing it. */
void ask_document(struct http_session *http, const struct exchange *exchange,
                  enum document_kind kind)
{
    if (exchange->head_only) {
        answer_head(http, exchange, 200, HTTP_LENGTH_NONE, document_types[kind],
                    "Cache-Control: no-cache\r\n");
        answer_done(http, exchange);
        return;
    }
    struct ask *ask = calloc(1, sizeof *ask);
    if (ask) {
        ask->what = ASK_DOCUMENT;
        ask->kind = kind;
    }
    send_ask(http, exchange, ask);
}

void ask(struct http_session *http, const struct exchange *exchange, enum ask_what what,
         const char *name)
{
    struct agent *agent = http->session.agent;
    if (agent_is_owner(agent)) {
        struct text text = {0};
        bool known = write_answer(agent, what, name, &text);
        give_answer(http, exchange, what, known, &text);
        text_done(&text);
        return;
    }
    struct ask *ask = calloc(1, sizeof *ask);
    if (ask) {
        ask->what = what;
        if (name)
            memcpy(ask->name, name, strlen(name));
    }
    send_ask(http, exchange, ask);
}
