/* ask.c - answers that tell of all streams, or of all threads: the home makes them, for whoever asks.
 *
 * What the home knows itself (the streams) it tells at once, what others ask a few at a time. For what the others count it has
 * each of them fill in a sheet; a round of sheets serves all who asked before it began, and the next begins when all of them are
 * answered. What must hold: while a session waits for such an answer none of its other requests is answered, as this one keeps no
 * order with the log's.
 */
#include "serve/http_session.h"
#include "serve/totals.h"

#include <stdlib.h>
#include <string.h>

#include "wire/name.h"

enum { TURN_ANSWERS = 4 };

/* One question on its way. */
struct ask {
    struct mail mail;
    struct http_session *http;
    struct exchange exchange;
    enum ask_what what;
    bool unknown; /* there is no such stream */
    struct text text;
    char name[NAME_BYTES_MAX + 1];
};

/* ---- answers ---- */

/* Gives: false: there is no such stream. */
static bool write_stream(struct agent *home, const char *name, struct text *text)
{
    struct hub_stream *stream = NULL;
    if (hub_stream_open(home->hub, name, strlen(name), &stream) < 0) {
        text->failed = true;
        return true;
    }
    struct hub_stream_view view = hub_stream_look(stream);
    if (view.log != NULL) {
        stats_stream_write(text, &view);
        text_add(text, "\n");
    }
    hub_stream_close(stream);
    return view.log != NULL;
}

/* Writes nothing where events are taken. */
static void write_health(struct agent *home, struct text *text)
{
    const char *trouble = health_trouble(home);
    health_probe(home);
    if (trouble != NULL)
        text_add(text, "%s", trouble);
}

/* On the home's thread. Gives: false: there is no such stream. */
static bool write_answer(struct agent *home, enum ask_what what, const char *name, struct text *text)
{
    switch (what) {
    case ASK_METRICS:
        metrics_write(home, text);
        break;
    case ASK_STATS:
        stats_write(home, text);
        break;
    case ASK_STREAMS:
        stats_streams_write(home, text);
        break;
    case ASK_STREAM:
        return write_stream(home, name, text);
    case ASK_HEALTH:
        write_health(home, text);
        break;
    }
    return true;
}

static void give_answer(struct http_session *http, const struct exchange *exchange, enum ask_what what, bool known,
                        struct text *text)
{
    const char *type = what == ASK_METRICS ? "text/plain; version=0.0.4; charset=utf-8" : "application/json";
    if (what == ASK_HEALTH)
        answer_line(http, exchange, text->count != 0 || text->failed ? 503 : 200, text->count != 0 ? text->bytes : "ok");
    else if (known)
        answer_text(http, exchange, type, text);
    else
        answer_error(http, exchange, 404, NULL, "there is no such stream");
}

/* Back with the session. */
static void answered(struct ask *ask)
{
    struct http_session *http = ask->http;
    if (!http->session.closing)
        give_answer(http, &ask->exchange, ask->what, !ask->unknown, &ask->text);
    text_done(&ask->text);
    free(ask);
    http_answered(http);
}

static void returned(struct mail *mail)
{
    answered(hark_container_of(mail, struct ask, mail));
}

/* On the home's thread. */
static void answer(struct agent *home, struct ask *ask)
{
    struct agent *asker = ask->http->session.agent;
    ask->unknown = !write_answer(home, ask->what, ask->name, &ask->text);
    if (asker == home)
        answered(ask);
    else
        mail_send(home->loop, &asker->mailbox, &ask->mail, returned);
}

/* ---- those that wait ---- */

static void move_all(struct mail_list *to, struct mail_list *from)
{
    struct mail *mail;
    while ((mail = from->first) != NULL) {
        from->first = mail->next;
        mail_list_append(to, mail);
    }
}

static void go_on(struct agent *home);

/* An answer may take milliseconds where there are many streams: a few, then others get their turn. */
static void tell(struct hark_op *op, int64_t result)
{
    struct crew *crew = hark_container_of(op, struct crew, tell);
    struct mail *mail;
    (void)result;
    for (int left = TURN_ANSWERS; left > 0 && (mail = crew->due.first) != NULL; left--) {
        crew->due.first = mail->next;
        answer(&crew->agents[0], hark_container_of(mail, struct ask, mail)); /* whoever it is for may ask again at once */
    }
    go_on(&crew->agents[0]);
}

/* ---- sheets ---- */

static bool needs_sheets(const struct agent *home, enum ask_what what)
{
    return (what == ASK_METRICS || what == ASK_STATS) && home->crew->count > 1;
}

static void sheet_filled(struct mail *mail)
{
    struct sheet *sheet = hark_container_of(mail, struct sheet, mail);
    struct agent *home = agent_home(sheet->agent);
    struct crew *crew = home->crew;
    if (--crew->sheets_out != 0)
        return;
    move_all(&crew->due, &crew->asked);
    go_on(home);
}

static void sheet_fill(struct mail *mail)
{
    struct sheet *sheet = hark_container_of(mail, struct sheet, mail);
    struct agent *agent = sheet->agent;
    sheet_read(agent, sheet);
    mail_send(agent->loop, &agent_home(agent)->mailbox, mail, sheet_filled);
}

static void round_begin(struct agent *home)
{
    struct crew *crew = home->crew;
    move_all(&crew->asked, &crew->asking);
    crew->sheets_out = crew->count - 1;
    for (uint32_t i = 1; i < crew->count; i++)
        mail_send(home->loop, &crew->agents[i].mailbox, &crew->sheets[i].mail, sheet_fill);
}

/* Answers what can be, and begins the next round when all are answered from the last one: until then its sheets stay as they are.
 */
static void go_on(struct agent *home)
{
    struct crew *crew = home->crew;
    if (home->ending >= ENDING_SUBSCRIBERS && crew->sheets_out == 0)
        move_all(&crew->due, &crew->asking); /* the others may be gone: what they said last has to do */
    if (crew->due.first != NULL) {
        if (!hark_op_active(&crew->tell))
            hark_defer(home->loop, &crew->tell, tell);
    } else if (crew->asking.first != NULL && crew->sheets_out == 0) {
        round_begin(home);
    }
}

/* On the home's thread. */
static void take_up(struct agent *home, struct ask *ask)
{
    mail_list_append(needs_sheets(home, ask->what) ? &home->crew->asking : &home->crew->due, &ask->mail);
    go_on(home);
}

static void asked(struct mail *mail)
{
    struct ask *ask = hark_container_of(mail, struct ask, mail);
    take_up(agent_home(ask->http->session.agent), ask);
}

/* ---- questions ---- */

void ask(struct http_session *http, const struct exchange *exchange, enum ask_what what, const char *name)
{
    struct agent *agent = http->session.agent;
    if (agent_is_home(agent) && !needs_sheets(agent, what)) {
        struct text text = {0};
        bool known = write_answer(agent, what, name, &text);
        give_answer(http, exchange, what, known, &text);
        text_done(&text);
        return;
    }
    struct ask *ask = calloc(1, sizeof(*ask));
    if (ask == NULL) {
        answer_error(http, exchange, 503, "Retry-After: 1\r\n", "out of memory: try again later");
        return;
    }
    ask->http = http;
    ask->exchange = *exchange;
    ask->what = what;
    if (name != NULL)
        memcpy(ask->name, name, strlen(name));
    http_await(http);
    if (agent_is_home(agent))
        take_up(agent, ask);
    else
        mail_send(agent->loop, &agent_home(agent)->mailbox, &ask->mail, asked);
}
