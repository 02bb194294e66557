/* requests.c - see the header. */
#include "subscriptions/requests.h"

#include "durable/facts.h"
#include "durable/offset.h"
#include "streams/streams.h"
#include "subscriptions/body.h"
#include "subscriptions/config.h"
#include "subscriptions/glob.h"
#include "subscriptions/links.h"
#include "subscriptions/result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INVALID "INVALID_REQUEST"
#define FULL    "there are too many subscriptions, or links of them"

uint64_t requests_tail(const struct subscriptions *all, const char *path, uint64_t *out_begin)
{
    const struct log_stream *stream = log_stream_find(all->log, path, strlen(path));
    *out_begin = 0;
    if (!stream || durable_facts_of(stream).deleted ||
        durable_expires_ns(stream) <= hark_os_wall_clock(all->loop))
        return 0;
    *out_begin = stream->generation;
    return stream->last;
}

static void change_begin(struct subscription *subscription, struct subscription_request *request)
{
    subscription->change =
        (struct subscription_change){.next = subscription->core, .request = request};
}

/* Answers what is wrong with a request. Gives: false. */
static bool refuse(struct subscription *subscription, struct subscription_request *request,
                   int status, const char *code, const char *message)
{
    links_apply(subscription, false);
    subscription->change.request = NULL;
    result_refuse(subscription->all, request, status, code, message);
    return false;
}

/* --- streams --- */

/* Links a stream at its end. Gives: false: there are too many. */
static bool link_at_end(struct subscription *subscription, const char *path, uint8_t types)
{
    uint64_t begin;
    struct subscription_link *link = links_of(subscription, path);
    if (link) {
        if ((link->types | types) != link->types)
            links_update(subscription, link, link->types | types, link->acked);
        return true;
    }
    const uint64_t tail = requests_tail(subscription->all, path, &begin);
    const uint64_t acked = tail > begin ? tail : begin;
    link = links_add(subscription, path, 0, acked, tail);
    if (link)
        links_update(subscription, link, types, acked);
    return !!link;
}

static bool link_names(struct subscription *subscription, const json_t *names)
{
    size_t i;
    const json_t *name;
    json_array_foreach(names, i, name)
    {
        if (!link_at_end(subscription, json_string_value(name), LINK_EXPLICIT))
            return false;
    }
    return true;
}

/* What a pattern has by now. A stream that was named, too, is linked once: which kinds it is of
 * is put together here. */
static bool link_pattern(struct subscription *subscription)
{
    const struct subscription_config *config = &subscription->config;
    const struct log *log = subscription->all->log;
    uint64_t begin;
    const struct log_stream *at = config->pattern ? log_stream_next(log, NULL) : NULL;
    for (; at; at = log_stream_next(log, at)) {
        const char *name = at->entry ? at->entry->name : ".";
        if (*name == '.' || !glob_matches(config->pattern, name) ||
            (config->wake_stream && strcmp(config->wake_stream, name) == 0) ||
            links_of(subscription, name))
            continue;
        (void)requests_tail(subscription->all, name, &begin);
        if (begin != 0 && !link_at_end(subscription, name, LINK_GLOB))
            return false;
    }
    return true;
}

static bool decide_addition(struct subscription *subscription, struct subscription_request *request)
{
    json_t *names = NULL;
    json_t *json = json_loadb(request->body, request->count, 0, NULL);
    const json_t *streams = json_object_get(json, "streams");
    const char *wrong = json_array_size(streams) == 0 ? "streams must be an array of names"
                                                      : config_names(streams, &names);
    json_decref(json);
    const bool linked = !wrong && link_names(subscription, names);
    json_decref(names);
    if (wrong)
        return refuse(subscription, request, 400, INVALID, wrong);
    return linked || refuse(subscription, request, 507, "TOO_MANY", FULL);
}

static bool decide_removal(struct subscription *subscription,
                           const struct subscription_request *request)
{
    const char *pattern = subscription->config.pattern;
    struct subscription_link *link = links_of(subscription, request->path);
    uint64_t begin;
    (void)requests_tail(subscription->all, request->path, &begin);
    const bool matches = pattern && begin != 0 && glob_matches(pattern, request->path);
    if (link && link->types & LINK_EXPLICIT)
        links_update(subscription, link, matches ? LINK_GLOB : 0, link->acked);
    return true;
}

/* --- creation --- */

static bool may_be_made(struct subscriptions *all, struct subscription_request *request,
                        const struct subscription_config *config)
{
    const bool webhook = config->type == SUBSCRIPTION_WEBHOOK;
    if (webhook && !deliveries_offered()) {
        result_refuse(all, request, 501, "NOT_IMPLEMENTED",
                      "this build has no webhooks: it was made without libcurl");
        return false;
    }
    const char *wrong = webhook ? target_check_url(all->reach, config->url) : NULL;
    if (wrong)
        result_refuse(all, request, 400, "WEBHOOK_URL_REJECTED", wrong);
    else if (all->by_id.count >= SUBSCRIPTIONS_MAX)
        result_refuse(all, request, 507, "TOO_MANY", FULL);
    return !wrong && all->by_id.count < SUBSCRIPTIONS_MAX;
}

struct subscription *requests_create(struct subscriptions *all,
                                     struct subscription_request *request)
{
    struct subscription_config config;
    json_t *names;
    const char *wrong = config_read(request->body, request->count, &config, &names);
    if (wrong) {
        result_refuse(all, request, 400, INVALID, wrong);
        return NULL;
    }
    if (!may_be_made(all, request, &config)) {
        config_done(&config);
        json_decref(names);
        return NULL;
    }
    config.created_ns = hark_os_wall_clock(all->loop);
    config.base = strdup(request->base);
    struct subscription *made = subscription_make(all, request->id, &config);
    if (!made) {
        json_decref(names);
        result_refuse(all, request, 503, "UNAVAILABLE", "out of memory: try again later");
        return NULL;
    }
    change_begin(made, request);
    made->change.creates = true;
    const bool linked = link_names(made, names) && link_pattern(made);
    json_decref(names);
    if (linked)
        return made;
    made->deleted = true;
    refuse(made, request, 507, "TOO_MANY", FULL);
    return made;
}

static bool confirm(struct subscription *subscription, struct subscription_request *request)
{
    struct subscription_config config;
    json_t *names;
    const char *wrong = config_read(request->body, request->count, &config, &names);
    if (wrong)
        return refuse(subscription, request, 400, INVALID, wrong);
    const bool same = memcmp(config.digest, subscription->config.digest, sizeof config.digest) == 0;
    config_done(&config);
    json_decref(names);
    if (!same)
        return refuse(subscription, request, 409, "SUBSCRIPTION_ALREADY_EXISTS",
                      "there is such a subscription, and it is another");
    request->status = 200;
    body_subscription(&request->text, subscription, request->base);
    result_send(subscription->all, request);
    return false;
}

/* --- what workers say --- */

/* Looks at the token and at which wake is meant. Gives: whether it is the one that is out. */
static bool is_current(struct subscription *subscription, struct subscription_request *request,
                       const json_t *json)
{
    struct subscriptions *all = subscription->all;
    uint64_t token_generation;
    const json_t *generation = json_object_get(json, "generation");
    const char *wake_id = json_string_value(json_object_get(json, "wake_id"));
    const uint64_t now_s = hark_os_wall_clock(all->loop) / 1000000000;
    int error = request->token ? secrets_token_check(&all->secrets, request->token,
                                                     subscription->id, now_s, &token_generation)
                               : -EINVAL;
    if (error == -ETIME)
        return refuse(subscription, request, 401, "TOKEN_EXPIRED", "the token has expired");
    if (error < 0)
        return refuse(subscription, request, 401, "TOKEN_INVALID",
                      "the token is none of this subscription's");
    if (!json_is_object(json))
        return refuse(subscription, request, 400, INVALID, "the body must be an object of JSON");
    if (!json_is_integer(generation) || json_integer_value(generation) < 0 ||
        !core_is_current(&subscription->core, token_generation,
                         (uint64_t)json_integer_value(generation), wake_id))
        return refuse(subscription, request, 409, "FENCED", "this wake is over");
    return true;
}

/* Takes one acknowledgement up. Gives: NULL, or what is wrong. */
static const char *take_ack(struct subscription *subscription, const json_t *ack)
{
    enum offset_kind kind;
    uint64_t id, begin;
    const json_t *path = json_object_get(ack, "stream");
    const char *stream = json_string_value(path ? path : json_object_get(ack, "path"));
    const char *offset = json_string_value(json_object_get(ack, "offset"));
    if (stream)
        stream += strspn(stream, "/");
    struct subscription_link *link = stream ? links_of(subscription, stream) : NULL;
    if (!link || link->types == 0)
        return "an ack is of no stream of this subscription";
    if (!offset || offset_parse(offset, &kind, &id) < 0 ||
        (kind != OFFSET_AFTER && strcmp(offset, OFFSET_ZERO) != 0))
        return "an ack has no offset of an event";
    if (id < link->acked)
        return "an ack is behind what is acknowledged";
    const uint64_t tail = requests_tail(subscription->all, stream, &begin);
    if (id > tail && id > begin && id > link->acked)
        return "an ack is beyond the end of its stream";
    if (id > link->acked)
        links_update(subscription, link, link->types, id);
    return NULL;
}

static const char *take_acks(struct subscription *subscription, const json_t *acks)
{
    size_t i;
    const json_t *ack;
    const char *wrong = NULL;
    json_array_foreach(acks, i, ack)
    {
        if (!wrong)
            wrong = take_ack(subscription, ack);
    }
    return wrong;
}

/* Two acks of one stream in a request: the later counts, and is not to be less. */
static bool decide_ack(struct subscription *subscription, struct subscription_request *request,
                       const json_t *json)
{
    const json_t *acks = json_object_get(json, "acks");
    if (!is_current(subscription, request, json))
        return false;
    if (acks && !json_is_null(acks) && !json_is_array(acks))
        return refuse(subscription, request, 400, INVALID, "acks must be an array");
    const char *wrong = take_acks(subscription, acks);
    if (wrong)
        return refuse(subscription, request, 409, "INVALID_OFFSET", wrong);
    core_delivered(&subscription->change.next); /* somebody works on it */
    if (json_is_true(json_object_get(json, "done")))
        core_clear(&subscription->change.next);
    return true;
}

static bool decide_release(struct subscription *subscription, struct subscription_request *request,
                           const json_t *json)
{
    if (!is_current(subscription, request, json))
        return false;
    core_clear(&subscription->change.next);
    return true;
}

static bool decide_claim(struct subscription *subscription, struct subscription_request *request,
                         const json_t *json)
{
    unsigned char random[WAKE_ID_RANDOM];
    struct subscription_core *next = &subscription->change.next;
    const char *worker = json_string_value(json_object_get(json, "worker"));
    if (!worker || !*worker || strlen(worker) >= HOLDER_BYTES)
        return refuse(subscription, request, 400, INVALID,
                      "worker must be a name of 1 to 256 bytes");
    if (next->holder[0] != '\0') {
        subscription->change.request = NULL;
        request->status = 409;
        body_claimed(&request->text, subscription);
        result_send(subscription->all, request);
        return false;
    }
    if (subscription->pending_count == 0)
        return refuse(subscription, request, 409, "NO_PENDING_WORK", "nothing is pending");
    if (next->wake_id[0] == '\0' && !secrets_random(random, sizeof random))
        return refuse(subscription, request, 503, "UNAVAILABLE", "there are no random numbers");
    if (next->wake_id[0] == '\0')
        core_wake(next, random);
    memcpy(next->holder, worker, strlen(worker) + 1);
    return true;
}

static bool decide_work(struct subscription *subscription, struct subscription_request *request)
{
    const bool pull = subscription->config.type == SUBSCRIPTION_PULL;
    bool changes;
    if (pull == (request->verb == SUBSCRIPTION_CALLBACK))
        return refuse(subscription, request, 400, INVALID,
                      pull ? "this is a pull-wake subscription" : "this is a webhook subscription");
    json_t *json = json_loadb(request->body, request->count, 0, NULL);
    if (request->verb == SUBSCRIPTION_CLAIM)
        changes = decide_claim(subscription, request, json);
    else if (request->verb == SUBSCRIPTION_RELEASE)
        changes = decide_release(subscription, request, json);
    else
        changes = decide_ack(subscription, request, json);
    json_decref(json);
    return changes;
}

bool requests_decide(struct subscription *subscription, struct subscription_request *request)
{
    change_begin(subscription, request);
    switch (request->verb) {
    case SUBSCRIPTION_PUT:
        return confirm(subscription, request);
    case SUBSCRIPTION_GET:
        request->status = 200;
        body_subscription(&request->text, subscription, request->base);
        subscription->change.request = NULL;
        result_send(subscription->all, request);
        return false;
    case SUBSCRIPTION_DELETE:
        subscription->change.deletes = true;
        return true;
    case SUBSCRIPTION_ADD:
        return decide_addition(subscription, request);
    case SUBSCRIPTION_REMOVE:
        return decide_removal(subscription, request);
    default:
        return decide_work(subscription, request);
    }
}
