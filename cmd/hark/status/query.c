/* query.c - answers that tell of all streams, or of all threads: the owner makes them, for whoever
 * asks.
 *
 * A document (/metrics, /stats, /streams) is written for all who asked for it before it was begun,
 * one document at a time, a part a turn: however many ask however often, the others wait for one
 * part. For what other threads count the owner has each of them fill in its counters before it
 * begins. What is asked of one stream is told at once.
 */
#include "status/query.h"
#include "broker/look.h"
#include "broker/publish.h"
#include "broker/stream.h"
#include "status/metrics.h"
#include "status/stats.h"
#include "status/status.h"

#include <string.h>

enum { TURN_ANSWERS = 64 };

static const struct edition_writer *const writers[QUERY_DOCUMENTS] = {
    [QUERY_METRICS] = &metrics_writer,
    [QUERY_STATS] = &stats_writer,
    [QUERY_STREAMS] = &streams_writer,
    [QUERY_PAGE] = &streams_writer,
};

static bool is_owner(const struct worker *worker)
{
    return worker == worker->status->owner;
}

/* --- answers --- */

static enum query_outcome write_stream(struct broker *broker, const char *name, struct text *text)
{
    struct broker_stream *stream = NULL;
    if (broker_stream_open(broker, name, strlen(name), &stream) < 0)
        return QUERY_NO_MEMORY;
    struct broker_stream_view view = broker_stream_look(stream);
    if (view.log) {
        stats_stream_write(text, &view);
        text_add(text, "\n");
    }
    broker_stream_close(stream);
    if (!view.log)
        return QUERY_UNKNOWN;
    return text->failed ? QUERY_NO_MEMORY : QUERY_DONE;
}

/* Who asks while events are refused has one tried. */
static enum query_outcome look_at_health(struct status *status, const char **out_reason)
{
    *out_reason = health_trouble(&status->health);
    if (!*out_reason)
        return QUERY_DONE;
    health_probe(&status->health, status->owner, status->log);
    return QUERY_REFUSED;
}

static void look_at_facts(struct status *status, struct query *query)
{
    const struct log_stream *stream =
        log_stream_find(status->log, query->name, strlen(query->name));
    query->facts = durable_facts_of(stream);
    if (!stream)
        return;
    query->place = durable_place_of(stream, query->after);
    const bool dead = query->facts.deleted && log_stream_leaners(stream) == 0;
    if (dead || query->facts.expires_ns <= hark_os_wall_clock(status->owner->loop)) {
        broker_expire(status->owner->broker, query->name, query->facts.generation);
        query->facts.exists = log_stream_leaners(stream) > 0;
        query->facts.deleted = query->facts.exists;
    } else if (query->touches) {
        log_stream_touch(status->log, stream);
    }
}

/* What needs no document. On the owner's thread. */
static void answer(struct status *status, struct query *query)
{
    if (query->kind == QUERY_STREAM)
        query->outcome = write_stream(status->owner->broker, query->name, &query->text);
    else if (query->kind == QUERY_HEALTH)
        query->outcome = look_at_health(status, &query->reason);
    else if (query->kind == QUERY_FACTS)
        look_at_facts(status, query);
}

static void returned(struct mail *mail)
{
    struct query *query = hark_container_of(mail, struct query, mail);
    query->answered(query);
}

/* Answers, and takes the answer to whoever asked. */
static void give(struct status *status, struct query *query)
{
    answer(status, query);
    if (is_owner(query->worker))
        query->answered(query);
    else
        mail_send(status->owner->loop, &query->worker->mailbox, &query->mail, returned);
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

/* Pages are each for one who asked. */
static void move_one(struct mail_list *to, struct mail_list *from)
{
    struct mail *mail = from->first;
    from->first = mail->next;
    mail_list_append(to, mail);
}

static void begin_page(struct status_documents *documents)
{
    const struct query *query = hark_container_of(documents->current.first, struct query, mail);
    edition_page(&documents->edition, query->name, query->after, query->limit);
}

static void go_on(struct status *status);

/* Answers some of those that can be. */
static void give_some(struct status *status)
{
    struct mail_list *answerable = &status->documents.answerable;
    struct mail *mail;
    for (int left = TURN_ANSWERS; left > 0 && (mail = answerable->first); left--) {
        answerable->first = mail->next;
        /* Whoever it is for may ask again at once. */
        give(status, hark_container_of(mail, struct query, mail));
    }
}

/* The document is written: each that asked for it gets a use of it. */
static void publish(struct status *status)
{
    struct status_documents *documents = &status->documents;
    struct document *document = edition_end(&documents->edition);
    if (document)
        status->owner->counters.documents++;
    for (struct mail *mail = documents->current.first; mail; mail = mail->next) {
        struct query *query = hark_container_of(mail, struct query, mail);
        query->outcome = documents->edition.outcome;
        query->document = document;
        if (document)
            document_hold(document);
    }
    document_release(document);
    documents->writing = false;
    move_all(&documents->answerable, &documents->current);
}

/* A turn's work: answers, and a part of a document. */
static void step(struct hark_op *op, int64_t result)
{
    struct status *status = hark_container_of(op, struct status, documents.step);
    struct status_documents *documents = &status->documents;
    (void)result;
    if (documents->answerable.first)
        give_some(status);
    if (documents->writing && documents->counters_out == 0 &&
        !edition_write(&documents->edition, status->owner->broker))
        publish(status);
    go_on(status);
}

/* --- counters --- */

/* Once the end has come so far the others may be gone: what they said last has to do. */
static bool needs_counters(const struct status *status, enum query_kind kind)
{
    return kind < QUERY_STREAMS && status->count > 1 && status->owner->state != WORKER_LEAVES;
}

static void counters_filled(struct mail *mail)
{
    struct counters *counters = hark_container_of(mail, struct counters, mail);
    struct status *status = counters->worker->status;
    if (--status->documents.counters_out == 0)
        go_on(status);
}

static void counters_fill(struct mail *mail)
{
    struct counters *counters = hark_container_of(mail, struct counters, mail);
    struct worker *worker = counters->worker;
    counters_read(counters);
    mail_send(worker->loop, &worker->status->owner->mailbox, mail, counters_filled);
}

static void counters_send(struct status *status)
{
    status->documents.counters_out = status->count - 1;
    for (uint32_t i = 1; i < status->count; i++) {
        struct counters *counters = &status->counters[i];
        mail_send(status->owner->loop, &counters->worker->mailbox, &counters->mail, counters_fill);
    }
}

/* Begins the next document that is asked for; the kinds take turns. */
static void write_next(struct status *status)
{
    struct status_documents *documents = &status->documents;
    for (int i = 1; i <= QUERY_DOCUMENTS && !documents->writing; i++) {
        enum query_kind kind = (enum query_kind)(((int)documents->kind + i) % QUERY_DOCUMENTS);
        if (!documents->waiting[kind].first)
            continue;
        if (kind == QUERY_PAGE)
            move_one(&documents->current, &documents->waiting[kind]);
        else
            move_all(&documents->current, &documents->waiting[kind]);
        edition_begin(&documents->edition, writers[kind], status, &documents->bytes);
        if (kind == QUERY_PAGE)
            begin_page(documents);
        documents->kind = kind;
        documents->writing = true;
        if (documents->edition.outcome == QUERY_DONE && needs_counters(status, kind))
            counters_send(status);
    }
}

static void go_on(struct status *status)
{
    struct status_documents *documents = &status->documents;
    if (!documents->writing)
        write_next(status);
    bool something =
        documents->answerable.first || (documents->writing && documents->counters_out == 0);
    if (something && !hark_op_active(&documents->step))
        hark_defer(status->owner->loop, &documents->step, step);
}

/* On the owner's thread. */
static void take_up(struct status *status, struct query *query)
{
    struct status_documents *documents = &status->documents;
    bool document = query->kind < QUERY_DOCUMENTS;
    mail_list_append(document ? &documents->waiting[query->kind] : &documents->answerable,
                     &query->mail);
    go_on(status);
}

static void arrived(struct mail *mail)
{
    struct query *query = hark_container_of(mail, struct query, mail);
    take_up(query->worker->status, query);
}

/* --- asking --- */

bool query_now(struct worker *worker, struct query *query)
{
    struct status *status = worker->status;
    if (query->kind == QUERY_HEALTH && !health_trouble(&status->health))
        return true; /* whatever the thread: there is nothing to look at */
    if (query->kind < QUERY_DOCUMENTS || !is_owner(worker))
        return false;
    answer(status, query);
    return true;
}

void query_send(struct worker *worker, struct query *query, void (*answered)(struct query *query))
{
    struct status *status = worker->status;
    query->worker = worker;
    query->answered = answered;
    if (is_owner(worker))
        take_up(status, query);
    else
        mail_send(worker->loop, &status->owner->mailbox, &query->mail, arrived);
}
