/* body.c - see the header. Ids and paths need no escape; what people write is escaped. */
#include "subscriptions/body.h"

#include "durable/offset.h"
#include "subscriptions/links.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { TIME_BYTES = 32 };

/* A string of JSON, or null.
 * Takes: string: UTF-8. */
static void add_string(struct text *text, const char *string)
{
    if (!string) {
        text_add(text, "null");
        return;
    }
    text_add(text, "\"");
    for (const char *at = string; *at;) {
        const size_t plain =
            strcspn(at, "\"\\\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11"
                        "\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f");
        text_add(text, "%.*s", (int)plain, at);
        at += plain;
        if (*at)
            text_add(text, "\\u%04x", (unsigned char)*at++);
    }
    text_add(text, "\"");
}

static const char *offset_of(uint64_t id, char offset[OFFSET_BYTES])
{
    offset_format(id, offset);
    return offset;
}

static const char *type_of(const struct subscription_link *link)
{
    return link->types & LINK_EXPLICIT ? "explicit" : "glob";
}

/* --- a subscription --- */

static const char *time_of(uint64_t ns, char text[TIME_BYTES])
{
    const time_t seconds = (time_t)(ns / 1000000000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    const size_t count = strftime(text, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &parts);
    const uint64_t ms = ns / 1000000 % 1000;
    memcpy(text + count,
           (char[]){'.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10),
                    'Z', '\0'},
           6);
    return text;
}

static void add_webhook(struct text *text, const struct subscription *subscription,
                        const char *base)
{
    const struct subscription_config *config = &subscription->config;
    if (config->type != SUBSCRIPTION_WEBHOOK) {
        text_add(text, "null");
        return;
    }
    text_add(text, "{\"url\":");
    add_string(text, config->url);
    text_add(text,
             ",\"signing\":{\"alg\":\"ed25519\",\"kid\":\"%s\",\"jwks_url\":\"%s/v1/stream/"
             "__ds/jwks.json\"}}",
             subscription->all->secrets.kid, base);
}

void body_subscription(struct text *text, const struct subscription *subscription, const char *base)
{
    const struct subscription_config *config = &subscription->config;
    char offset[OFFSET_BYTES], created[TIME_BYTES];
    const char *comma = "";
    text_add(text, "{\"id\":\"%s\",\"subscription_id\":\"%s\",\"type\":\"%s\",\"pattern\":",
             subscription->id, subscription->id,
             config->type == SUBSCRIPTION_PULL ? "pull-wake" : "webhook");
    add_string(text, config->pattern);
    text_add(text, ",\"streams\":[");
    for (struct list *at = subscription->links.next; at != &subscription->links; at = at->next) {
        const struct subscription_link *link =
            hark_container_of(at, struct subscription_link, place);
        if (link->types == 0)
            continue;
        text_add(text, "%s{\"path\":\"%s\",\"link_type\":\"%s\",\"acked_offset\":\"%s\"}", comma,
                 link->path, type_of(link), offset_of(link->acked, offset));
        comma = ",";
    }
    text_add(text, "],\"webhook\":");
    add_webhook(text, subscription, base);
    text_add(text, ",\"wake_stream\":");
    add_string(text, config->wake_stream);
    text_add(text, ",\"lease_ttl_ms\":%" PRIu32 ",\"created_at\":\"%s\",\"status\":\"%s\"",
             config->lease_ms, time_of(config->created_ns, created),
             subscription->core.failures > 0 ? "failed" : "active");
    text_add(text, ",\"description\":");
    add_string(text, config->description);
    text_add(text, "}");
}

/* --- wakes --- */

static void add_stream(struct text *text, struct subscription_link *link, const char *comma)
{
    char acked[OFFSET_BYTES], tail[OFFSET_BYTES];
    const bool pending = link_is_pending(link);
    link->shown = link->tail;
    text_add(text,
             "%s{\"path\":\"%s\",\"link_type\":\"%s\",\"acked_offset\":\"%s\",\"tail_offset\":"
             "\"%s\",\"has_pending\":%s}",
             comma, link->path, type_of(link), offset_of(link->acked, acked),
             offset_of(pending ? link->tail : link->acked, tail), pending ? "true" : "false");
}

/* What is pending, then the rest, as far as they may be so many. */
static void add_streams(struct text *text, struct subscription *subscription)
{
    unsigned left = BODY_STREAMS_MAX;
    const char *comma = "";
    text_add(text, ",\"streams\":[");
    for (int pending = 1; pending >= 0; pending--) {
        struct list *at = subscription->links.next;
        for (; at != &subscription->links; at = at->next) {
            struct subscription_link *link = hark_container_of(at, struct subscription_link, place);
            if (pending)
                link->shown = 0;
            if (link->types == 0 || left == 0 || link_is_pending(link) != pending)
                continue;
            add_stream(text, link, comma);
            comma = ",";
            left--;
        }
    }
    text_add(text, "]");
}

void body_wake(struct text *text, struct subscription *subscription, const char *token)
{
    text_add(text, "{\"subscription_id\":\"%s\",\"wake_id\":\"%s\",\"generation\":%" PRIu64,
             subscription->id, subscription->core.wake_id, subscription->core.generation);
    add_streams(text, subscription);
    text_add(text,
             ",\"callback_url\":\"%s/v1/stream/__ds/subscriptions/%s/callback\","
             "\"callback_token\":\"%s\"}",
             subscription->config.base ? subscription->config.base : "", subscription->id, token);
}

void body_claim(struct text *text, struct subscription *subscription, const char *token)
{
    text_add(text, "{\"wake_id\":\"%s\",\"generation\":%" PRIu64 ",\"token\":\"%s\"",
             subscription->core.wake_id, subscription->core.generation, token);
    add_streams(text, subscription);
    text_add(text, ",\"lease_ttl_ms\":%" PRIu32 "}", subscription->config.lease_ms);
}

void body_event(struct text *text, const struct subscription *subscription, const char *path,
                uint64_t now_ns)
{
    text_add(
        text,
        "{\"type\":\"wake\",\"subscription_id\":\"%s\",\"stream\":\"%s\",\"generation\":%" PRIu64
        ",\"ts\":%" PRIu64 "}",
        subscription->id, path, subscription->core.generation, now_ns / 1000000);
}

/* --- answers --- */

void body_error(struct text *text, const char *code, const char *message)
{
    text_add(text, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}\n", code, message);
}

void body_claimed(struct text *text, const struct subscription *subscription)
{
    text_add(text, "{\"error\":{\"code\":\"ALREADY_CLAIMED\",\"current_holder\":");
    add_string(text, subscription->core.holder);
    text_add(text, ",\"generation\":%" PRIu64 "}}\n", subscription->core.generation);
}

void body_done(struct text *text, bool next_wake)
{
    text_add(text, "{\"ok\":true,\"next_wake\":%s}\n", next_wake ? "true" : "false");
}
