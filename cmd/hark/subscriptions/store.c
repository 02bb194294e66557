/* store.c - see the header. What belongs to one change is appended in one turn, and so shares a
 * commit; the log answers in order, so when the last is answered all are. */
#include "subscriptions/store.h"

#include "base/say.h"
#include "streams/streams.h"
#include "subscriptions/links.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGE_BYTES = 15 * 1024, /* of notes: below LOG_CHANGE_BYTES_MAX */
    VALUE_BYTES = 9,
    NOTE_HEAD = 3,
};

#define PREFIX ".s "

/* One append on its way; the notes behind it are its own. */
struct store_append {
    struct log_append append;
    struct subscription *subscription; /* NULL: nobody waits for it */
    char name[LOG_NAME_MAX];
    unsigned char notes[];
};

/* --- appends --- */

static void change_ended(struct subscription *subscription)
{
    struct subscriptions *all = subscription->all;
    struct subscription_change *change = &subscription->change;
    change->done(subscription, change->error);
    pending_end(&all->pending);
}

static void appended(struct log_append *append, int64_t result)
{
    struct store_append *own = hark_container_of(append, struct store_append, append);
    struct subscription *subscription = own->subscription;
    free(own);
    if (!subscription)
        return;
    struct subscription_change *change = &subscription->change;
    if (result < 0 && result != -ENOENT && change->error == 0)
        change->error = (int)result;
    if (--change->appends == 0)
        change_ended(subscription);
}

/* Makes an append to the subscription's stream, or one of its pages (page >= 0).
 * Gives: NULL: no memory. */
static struct store_append *append_new(const char *id, int32_t page, size_t room)
{
    struct store_append *own = calloc(1, sizeof *own + room);
    if (!own)
        return NULL;
    const int length = page < 0
                           ? snprintf(own->name, sizeof own->name, PREFIX "%s", id)
                           : snprintf(own->name, sizeof own->name, PREFIX "%s %" PRId32, id, page);
    own->append.kind = LOG_ONLY_NOTES;
    own->append.name = own->name;
    own->append.name_length = (uint32_t)length;
    own->append.notes = own->notes;
    own->append.done = appended;
    return own;
}

static void append_note(struct store_append *own, const char *key, const void *value, size_t count)
{
    own->append.notes_length +=
        log_note_put(own->notes + own->append.notes_length, key, strlen(key), value, count);
}

static void append_send(struct subscription *subscription, struct store_append *own)
{
    if (!own) {
        subscription->change.error = -ENOMEM;
        return;
    }
    own->subscription = subscription;
    subscription->change.appends++;
    log_append(subscription->all->log, &own->append);
}

/* --- pages --- */

static uint32_t note_size(const struct subscription_link *link)
{
    return (uint32_t)(NOTE_HEAD + strlen(link->path) + VALUE_BYTES);
}

/* Makes sure that there is such a page. Gives: false: no memory. */
static bool page_reach(struct subscription *subscription, uint32_t page)
{
    if (page < subscription->page_count)
        return true;
    uint32_t *bytes = reallocarray(subscription->page_bytes, page + 1, sizeof *bytes);
    if (!bytes)
        return false;
    for (uint32_t at = subscription->page_count; at <= page; at++)
        bytes[at] = 0;
    subscription->page_bytes = bytes;
    subscription->page_count = page + 1;
    return true;
}

/* Finds a page with room for a link; the newest ones are looked at first. Gives: false: there is
 * none. */
static bool page_take(struct subscription *subscription, struct subscription_link *link)
{
    const uint32_t size = note_size(link);
    uint32_t page = subscription->page_count;
    while (page > 0 && subscription->page_bytes[page - 1] + size > PAGE_BYTES)
        page--;
    page = page > 0 ? page - 1 : subscription->page_count;
    if (page >= SUBSCRIPTION_PAGES_MAX || !page_reach(subscription, page))
        return false;
    subscription->page_bytes[page] += size;
    link->page = (int32_t)page;
    return true;
}

static int by_page(const void *one, const void *other)
{
    const struct link_update *left = one, *right = other;
    return (left->link->page > right->link->page) - (left->link->page < right->link->page);
}

static void put_update(struct store_append *own, const struct link_update *update)
{
    unsigned char value[VALUE_BYTES];
    const uint64_t acked = htole64(update->acked);
    memcpy(value, &acked, sizeof acked);
    value[sizeof acked] = update->types;
    append_note(own, update->link->path, value, update->types != 0 ? sizeof value : 0);
}

/* Each link has its page; of one that goes and was never written there is nothing to write. */
static void write_pages(struct subscription *subscription)
{
    struct subscription_change *change = &subscription->change;
    for (size_t i = 0; i < change->count; i++) {
        const struct link_update *update = &change->updates[i];
        if (update->types != 0 && update->link->page < 0 && !page_take(subscription, update->link))
            change->error = -ENOMEM;
    }
    if (change->error != 0 || change->count == 0)
        return;
    qsort(change->updates, change->count, sizeof *change->updates, by_page);
    for (size_t i = 0; i < change->count;) {
        const int32_t page = change->updates[i].link->page;
        struct store_append *own =
            page < 0 ? NULL : append_new(subscription->id, page, LOG_CHANGE_BYTES_MAX);
        for (; i < change->count && change->updates[i].link->page == page; i++) {
            const struct link_update *update = &change->updates[i];
            if (own)
                put_update(own, update);
            if (page >= 0 && update->types == 0)
                subscription->page_bytes[page] -= note_size(update->link);
        }
        if (page >= 0)
            append_send(subscription, own);
    }
}

/* --- the subscription itself --- */

static void write_config(const struct subscription *subscription, struct store_append *own)
{
    const struct subscription_config *config = &subscription->config;
    json_t *json =
        json_pack("{s:i, s:i, s:I, s:s*, s:s*, s:s*, s:s*, s:s*}", "type", config->type, "lease",
                  (int)config->lease_ms, "created", (json_int_t)config->created_ns, "pattern",
                  config->pattern, "url", config->url, "wake", config->wake_stream, "description",
                  config->description, "base", config->base);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    if (text)
        append_note(own, "config", text, strlen(text));
    if (text)
        append_note(own, "digest", config->digest, sizeof config->digest);
    free(text);
    json_decref(json);
}

static void write_state(struct subscription *subscription)
{
    char text[CORE_TEXT_MAX];
    struct subscription_change *change = &subscription->change;
    struct store_append *own = append_new(subscription->id, -1, LOG_CHANGE_BYTES_MAX);
    if (own) {
        if (change->creates)
            write_config(subscription, own);
        append_note(own, "state", text, core_write(&change->next, text));
    }
    append_send(subscription, own);
}

static void write_deletion(struct subscription *subscription)
{
    for (int32_t page = -1; page < (int32_t)subscription->page_count; page++) {
        struct store_append *own = append_new(subscription->id, page, 0);
        if (own)
            own->append.kind = LOG_DELETE;
        append_send(subscription, own);
    }
}

bool store_write(struct subscription *subscription)
{
    struct subscription_change *change = &subscription->change;
    change->error = change->failed ? -ENOMEM : 0;
    change->appends = 1; /* until all are begun */
    pending_begin(&subscription->all->pending);
    if (change->deletes)
        write_deletion(subscription);
    else if (change->error == 0)
        write_pages(subscription);
    if (!change->deletes && change->error == 0 &&
        (change->creates || !core_same(&change->next, &subscription->core)))
        write_state(subscription);
    if (--change->appends > 0)
        return true;
    pending_end(&subscription->all->pending);
    return false;
}

/* --- loading --- */

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

/* Gives: false: that is none. */
static bool read_config(const struct log_stream *stream, struct subscription_config *config)
{
    struct log_note note, digest;
    int type, lease;
    json_int_t created;
    const char *pattern = NULL, *url = NULL, *wake = NULL, *description = NULL, *base = NULL;
    if (!log_stream_note(stream, "config", 6, &note) ||
        !log_stream_note(stream, "digest", 6, &digest) || digest.count != sizeof config->digest)
        return false;
    json_t *json = json_loadb(note.bytes, note.count, 0, NULL);
    const bool read =
        json && json_unpack(json, "{s:i, s:i, s:I, s?s, s?s, s?s, s?s, s?s}", "type", &type,
                            "lease", &lease, "created", &created, "pattern", &pattern, "url", &url,
                            "wake", &wake, "description", &description, "base", &base) == 0;
    if (read) {
        *config = (struct subscription_config){
            .type = type == SUBSCRIPTION_PULL ? SUBSCRIPTION_PULL : SUBSCRIPTION_WEBHOOK,
            .lease_ms = (uint32_t)lease,
            .created_ns = (uint64_t)created,
            .pattern = copy(pattern),
            .url = copy(url),
            .wake_stream = copy(wake),
            .description = copy(description),
            .base = copy(base),
        };
        memcpy(config->digest, digest.bytes, sizeof config->digest);
    }
    json_decref(json);
    return read;
}

static int load_one(struct subscriptions *all, const struct log_stream *stream)
{
    const char *id = stream->entry->name + strlen(PREFIX);
    struct subscription_config config = {0};
    struct log_note state;
    if (!log_stream_note(stream, "state", 5, &state) || !read_config(stream, &config)) {
        say("the subscription %s cannot be read, and is left out", id);
        return 0;
    }
    struct subscription *subscription = subscription_make(all, id, &config);
    if (!subscription)
        return -ENOMEM;
    subscription->made = true;
    if (core_read(state.bytes, state.count, &subscription->core) < 0)
        say("the subscription %s cannot be read, and begins anew", id);
    return 0;
}

/* A link is written twice where a crash came between two pages: the later place counts. */
static int load_link(struct subscription *subscription, uint32_t page, const char *path,
                     const unsigned char *value)
{
    uint64_t acked;
    struct subscription_link *link = links_of(subscription, path);
    memcpy(&acked, value, sizeof acked);
    acked = le64toh(acked);
    if (!link)
        link = links_add(subscription, path, value[sizeof acked], acked, 0);
    else if (acked > link->acked)
        links_set(link, value[sizeof acked], acked, 0);
    if (!link || !page_reach(subscription, page))
        return -ENOMEM;
    link->page = (int32_t)page;
    subscription->page_bytes[page] += note_size(link);
    return 0;
}

static int load_page(struct subscription *subscription, uint32_t page,
                     const struct log_stream *stream)
{
    struct log_note key, value;
    char path[LOG_NOTE_KEY_MAX + 1];
    int error = page_reach(subscription, page) ? 0 : -ENOMEM;
    for (uint32_t at = 0; error == 0 && log_stream_note_each(stream, &at, &key, &value);) {
        memcpy(path, key.bytes, key.count);
        path[key.count] = '\0';
        if (value.count == VALUE_BYTES)
            error = load_link(subscription, page, path, value.bytes);
    }
    return error;
}

/* A page whose subscription is gone. */
static void drop_page(struct subscriptions *all, const struct log_stream *stream)
{
    struct store_append *own = append_new("", -1, 0);
    if (!own)
        return;
    snprintf(own->name, sizeof own->name, "%s", stream->entry->name);
    own->append.name_length = stream->entry->name_length;
    own->append.kind = LOG_DELETE;
    log_append(all->log, &own->append);
}

static bool is_own(const struct log_stream *stream, bool *out_page)
{
    const char *name = stream->entry ? stream->entry->name : "";
    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return false;
    *out_page = !!strchr(name + strlen(PREFIX), ' ');
    return true;
}

static int load_page_of(struct subscriptions *all, const struct log_stream *stream)
{
    char id[SUBSCRIPTION_ID_MAX + 1];
    unsigned page;
    const bool named = sscanf(stream->entry->name, PREFIX "%96s %u", id, &page) == 2;
    struct subscription *subscription = named ? subscription_find(all, id) : NULL;
    if (!subscription || page >= SUBSCRIPTION_PAGES_MAX) {
        drop_page(all, stream);
        return 0;
    }
    return load_page(subscription, page, stream);
}

int store_load(struct subscriptions *all)
{
    bool page;
    int error = 0;
    const struct log_stream *at = log_stream_next(all->log, NULL);
    for (; at && error == 0; at = log_stream_next(all->log, at))
        if (is_own(at, &page) && !page)
            error = load_one(all, at);
    at = log_stream_next(all->log, NULL);
    for (; at && error == 0; at = log_stream_next(all->log, at))
        if (is_own(at, &page) && page)
            error = load_page_of(all, at);
    return error;
}
