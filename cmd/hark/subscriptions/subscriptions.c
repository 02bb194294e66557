/* subscriptions.c - all of them: their beginning and end, what is told of streams, and what is
 * asked of them. The file of the keys is made when somebody asks for the first time.
 *
 * Whatever happens only marks the subscriptions that it is about; they are looked at in a turn of
 * the loop of their own, so nothing that a publish calls does more than that. */
#include "subscriptions/subscriptions.h"

#include "base/say.h"
#include "durable/facts.h"
#include "streams/streams.h"
#include "subscriptions/body.h"
#include "subscriptions/glob.h"
#include "subscriptions/links.h"
#include "subscriptions/requests.h"
#include "subscriptions/result.h"
#include "subscriptions/store.h"
#include "subscriptions/turn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRETS_FILE "/signing-key"

/* --- turns --- */

static void step(struct hark_op *op, int64_t result);

static void step_soon(struct subscriptions *all)
{
    if (!hark_op_active(&all->step))
        hark_defer(all->loop, &all->step, step);
}

/* --- what is told of streams --- */

static bool is_pattern_for(const struct subscription *subscription, const char *name)
{
    const struct subscription_config *config = &subscription->config;
    return config->pattern && glob_matches(config->pattern, name) &&
           !(config->wake_stream && strcmp(config->wake_stream, name) == 0);
}

static void tell_full(struct subscriptions *all)
{
    if (!all->told_full)
        say("some subscriptions are not woken for new streams: there are too many links (up to %d "
            "of all, %d of one)",
            SUBSCRIPTIONS_LINKS_MAX, SUBSCRIPTION_LINKS_MAX);
    all->told_full = true;
}

/* A stream that a pattern has found is pending from its beginning. */
static void link_found(struct subscription *subscription, const char *name, uint64_t begin,
                       uint64_t tail)
{
    struct subscription_link *link = links_of(subscription, name);
    if (link)
        links_set(link, link->types, link->acked, tail);
    else if (!links_add(subscription, name, LINK_GLOB, begin, tail))
        tell_full(subscription->all);
}

static void stream_made(struct subscriptions *all, const char *name, uint64_t begin, uint64_t tail)
{
    for (struct list *at = all->list.next; at != &all->list; at = at->next) {
        struct subscription *subscription = hark_container_of(at, struct subscription, place);
        if (is_pattern_for(subscription, name)) {
            link_found(subscription, name, begin, tail);
            subscription_poke(subscription);
        }
        if (subscription->config.wake_stream && strcmp(subscription->config.wake_stream, name) == 0)
            turn_wake_stream_made(subscription);
    }
}

static void changed(struct broker_observer *observer, const struct log_append *append)
{
    struct subscriptions *all = hark_container_of(observer, struct subscriptions, observer);
    const char *name = append->name;
    const struct log_stream *stream = append->stream;
    const bool gone =
        !stream || (append->kind == LOG_ONLY_NOTES && durable_facts_of(stream).deleted);
    const uint64_t tail = gone ? 0 : stream->last;
    if (*name == '.')
        return;
    struct subscription_link *link = links_first(all, name);
    for (; link; link = links_next(link)) {
        links_set(link, link->types, link->acked, tail);
        link->gone = gone;
        link->subscription->has_gone |= gone;
        subscription_poke(link->subscription);
    }
    if (!gone && append->creates)
        stream_made(all, name, stream->generation, tail);
}

/* --- keys --- */

/* Whoever waited for them goes on, or is told that there are none. */
static void secrets_end(struct subscriptions *all, int error)
{
    if (error < 0)
        say("cannot have the keys of subscriptions: %s: %s (look at the file)", all->secrets_path,
            why(error));
    all->secrets_state = error < 0 ? SECRETS_NONE : SECRETS_READY;
    memset(all->secrets_text, 0, sizeof all->secrets_text);
    while (error < 0 && !list_empty(&all->requests)) {
        struct subscription_request *request =
            hark_container_of(all->requests.next, struct subscription_request, place);
        list_remove(&request->place);
        result_refuse(all, request, 503, "UNAVAILABLE", "the keys of this server cannot be read");
    }
    step_soon(all);
    pending_end(&all->pending);
}

static void secrets_written(struct hark_file_replace *replacing, int error)
{
    struct subscriptions *all = replacing->context;
    if (error == 0)
        error = secrets_read(all->secrets_text, strlen(all->secrets_text), &all->secrets);
    secrets_end(all, error);
}

static void secrets_make_file(struct subscriptions *all)
{
    const size_t count = secrets_make(all->secrets_text);
    if (count == 0) {
        secrets_end(all, -EIO);
        return;
    }
    memset(all->replacing, 0, sizeof *all->replacing);
    all->replacing->context = all;
    hark_file_replace_start(all->loop, all->replacing, AT_FDCWD, all->secrets_path,
                            all->secrets_text, count, 0600, secrets_written);
}

static void secrets_were_read(struct hark_file_read *reading, int error)
{
    struct subscriptions *all = reading->context;
    if (error == -ENOENT) {
        secrets_make_file(all);
        return;
    }
    if (error == 0) {
        error = secrets_read(reading->bytes, reading->count, &all->secrets);
        memset(reading->bytes, 0, reading->count);
    }
    free(reading->bytes);
    secrets_end(all, error);
}

/* Gives: whether they are there. */
static bool secrets_want(struct subscriptions *all)
{
    if (all->secrets_state != SECRETS_NONE)
        return all->secrets_state == SECRETS_READY;
    all->secrets_state = SECRETS_COMING;
    pending_begin(&all->pending);
    memset(all->reading, 0, sizeof *all->reading);
    all->reading->context = all;
    hark_file_read_start(all->loop, all->reading, AT_FDCWD, all->secrets_path,
                         SECRETS_FILE_BYTES - 1, secrets_were_read);
    return false;
}

/* --- requests --- */

static void refuse_missing(struct subscriptions *all, struct subscription_request *request)
{
    if (request->verb == SUBSCRIPTION_DELETE) { /* it is as was asked for */
        request->status = 204;
        result_send(all, request);
    } else {
        result_refuse(all, request, 404, "SUBSCRIPTION_NOT_FOUND", "there is no such subscription");
    }
}

static void take_up(struct subscriptions *all, struct subscription_request *request)
{
    struct subscription *subscription = subscription_find(all, request->id);
    if (request->verb == SUBSCRIPTION_KEYS) {
        request->status = 200;
        secrets_write_keys(&all->secrets, &request->text);
        result_send(all, request);
    } else if (subscription) {
        list_append(&subscription->requests, &request->place);
        subscription_poke(subscription);
    } else if (request->verb == SUBSCRIPTION_PUT) {
        subscription = requests_create(all, request);
        if (subscription)
            turn_create(subscription);
    } else {
        refuse_missing(all, request);
    }
}

/* Without subscriptions nobody is told of anything. Before the log answers in this turn, so nothing
 * is missed. */
static void observe(struct subscriptions *all)
{
    source_log_observe(all->broker, all->by_id.count > 0 ? &all->observer : NULL);
}

static void step(struct hark_op *op, int64_t result)
{
    struct subscriptions *all = hark_container_of(op, struct subscriptions, step);
    (void)result;
    if (all->closing || (list_empty(&all->requests) && list_empty(&all->due)) || !secrets_want(all))
        return;
    struct list requests, due;
    list_init(&requests);
    list_init(&due);
    list_move(&requests, &all->requests);
    while (!list_empty(&requests)) {
        struct subscription_request *request =
            hark_container_of(requests.next, struct subscription_request, place);
        list_remove(&request->place);
        take_up(all, request);
    }
    list_move(&due, &all->due);
    while (!list_empty(&due)) {
        struct subscription *subscription = hark_container_of(due.next, struct subscription, due);
        list_remove(&subscription->due);
        turn_take(subscription);
    }
    observe(all);
    if (!list_empty(&all->due))
        step_soon(all);
}

static void asked(struct subscriptions *all, struct subscription_request *request)
{
    list_init(&request->place);
    if (!request->base[0] || all->public_url)
        snprintf(request->base, sizeof request->base, "%s", all->public_url ? all->public_url : "");
    if (all->closing) {
        result_refuse(all, request, 503, "UNAVAILABLE", "the server is ending");
        return;
    }
    list_append(&all->requests, &request->place);
    step_soon(all);
}

static void arrived(struct mail *mail)
{
    struct subscription_request *request =
        hark_container_of(mail, struct subscription_request, mail);
    asked(request->all, request);
}

void subscriptions_ask(struct worker *worker, struct subscription_request *request,
                       subscription_answered *answered)
{
    struct subscriptions *all = worker->subscriptions;
    request->all = all;
    request->mailbox = &worker->mailbox;
    request->answered = answered;
    if (request->mailbox == all->mailbox)
        asked(all, request);
    else
        mail_send(worker->loop, all->mailbox, &request->mail, arrived);
}

/* --- beginning --- */

/* What is written of a link is where it is acknowledged; the rest is the stream's. */
static void look_at_links(struct subscription *subscription)
{
    struct list *at = subscription->links.next;
    for (; at != &subscription->links; at = at->next) {
        struct subscription_link *link = hark_container_of(at, struct subscription_link, place);
        uint64_t begin;
        const uint64_t tail = requests_tail(subscription->all, link->path, &begin);
        links_set(link, link->types, link->acked, tail);
        link->gone = begin == 0;
        subscription->has_gone |= link->gone;
    }
}

/* What a pattern matches and is not written was made after the subscription. */
static void look_at_streams(struct subscriptions *all)
{
    const struct log_stream *at = log_stream_next(all->log, NULL);
    for (; at && all->by_id.count > 0; at = log_stream_next(all->log, at)) {
        uint64_t begin;
        if (!at->entry || at->entry->name[0] == '.')
            continue;
        const uint64_t tail = requests_tail(all, at->entry->name, &begin);
        for (struct list *of = all->list.next; begin != 0 && of != &all->list; of = of->next) {
            struct subscription *subscription = hark_container_of(of, struct subscription, place);
            if (is_pattern_for(subscription, at->entry->name))
                link_found(subscription, at->entry->name, begin, tail);
        }
    }
}

static int begin(struct subscriptions *all)
{
    int error = store_load(all);
    if (error < 0)
        return error;
    for (struct list *at = all->list.next; at != &all->list; at = at->next)
        look_at_links(hark_container_of(at, struct subscription, place));
    look_at_streams(all);
    for (struct list *at = all->list.next; at != &all->list; at = at->next)
        turn_begin(hark_container_of(at, struct subscription, place));
    all->observer.changed = changed;
    observe(all);
    return 0;
}

/* Gives: false: no memory. */
static bool make_parts(struct subscriptions *all, const char *directory)
{
    const size_t length = strlen(directory) + sizeof SECRETS_FILE;
    list_init(&all->list);
    list_init(&all->due);
    list_init(&all->waiting);
    list_init(&all->requests);
    all->secrets_path = malloc(length);
    all->reading = calloc(1, sizeof *all->reading);
    all->replacing = calloc(1, sizeof *all->replacing);
    if (!all->secrets_path || !all->reading || !all->replacing)
        return false;
    snprintf(all->secrets_path, length, "%s" SECRETS_FILE, directory);
    return true;
}

int subscriptions_open(struct worker *owner, struct log *log, const char *directory,
                       const struct subscription_options *options,
                       struct subscriptions **out_subscriptions)
{
    struct subscriptions *all = calloc(1, sizeof *all);
    int error = all && make_parts(all, directory) ? 0 : -ENOMEM;
    if (error == 0) {
        all->loop = owner->loop;
        all->poked = step_soon;
        all->log = log;
        all->broker = owner->broker;
        all->mailbox = &owner->mailbox;
        all->reach = options->reach;
        all->public_url = options->public_url;
        error = deliveries_offered() ? deliveries_open(all->loop, all->reach, &all->deliveries) : 0;
    }
    if (error == 0 && secrets_offered())
        error = begin(all);
    *out_subscriptions = all; /* an end closes it, as far as it has come */
    return error;
}

/* --- its end --- */

static void all_settled(struct pending *pending)
{
    struct subscriptions *all = hark_container_of(pending, struct subscriptions, pending);
    deliveries_close(all->deliveries);
    all->deliveries = NULL;
    all->closed(all->closed_context);
}

static void written_settled(struct pending *pending)
{
    struct subscriptions *all = hark_container_of(pending, struct subscriptions, pending);
    pending_begin(&all->pending);
    while (!list_empty(&all->list))
        turn_leave(hark_container_of(all->list.next, struct subscription, place));
    pending_wait(&all->pending, all_settled);
    pending_end(&all->pending);
}

void subscriptions_close(struct subscriptions *all, void (*closed)(void *context), void *context)
{
    all->closed = closed;
    all->closed_context = context;
    all->closing = true;
    if (all->broker)
        source_log_observe(all->broker, NULL);
    while (!list_empty(&all->requests)) {
        struct subscription_request *request =
            hark_container_of(all->requests.next, struct subscription_request, place);
        list_remove(&request->place);
        result_refuse(all, request, 503, "UNAVAILABLE", "the server is ending");
    }
    pending_wait(&all->pending, written_settled);
}

void subscriptions_destroy(struct subscriptions *all)
{
    if (!all)
        return;
    map_done(&all->by_id);
    map_done(&all->links);
    free(all->secrets_path);
    free(all->reading);
    free(all->replacing);
    free(all);
}
