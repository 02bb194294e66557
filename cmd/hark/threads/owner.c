/* owner.c - the mail of remotes, taken up on the thread of the log.
 *
 * Of a remote's memory it touches what came with the mail, and what does not change: names of
 * streams, and which remote they are of. Everything that it answers goes through that remote's
 * relay, so no answer overtakes an event.
 *
 * Thread: the owner's.
 */
#include "threads/owner.h"

#include "base/check.h"
#include "broker/publish.h"
#include "broker/reader_disk.h"
#include "broker/source_log.h"
#include "broker/state.h"
#include "broker/stream.h"
#include "threads/relay.h"
#include "threads/sides.h"

#include <errno.h>
#include <stdlib.h>

/* Whose stream it is. */
static struct remote *remote_that_has(const struct broker_stream *stream)
{
    return remote_of(stream->broker->source);
}

static struct broker *own_broker(const struct remote *remote)
{
    return relay_owner(remote->relay)->broker;
}

/* --- publishing --- */

static void answer(struct broker_publish *publish, int64_t result)
{
    struct remote *remote = remote_that_has(publish->stream);
    publish->result = result;
    relay_mail(remote->relay, &publish->mail, remote->answers->published);
}

/* The owner's stream of that name. Gives: NULL: no memory. Then there was none. */
static struct broker_stream *open_own(const struct broker_publish *publish)
{
    const struct broker_stream *stream = publish->stream;
    struct broker_stream *own = NULL;
    broker_stream_open(own_broker(remote_that_has(stream)), stream->entry->name,
                       stream->entry->name_length, &own);
    return own;
}

/* Without an own stream it is opened now: somebody may have come to it. If there still is none,
 * nobody reads it or follows it, and nobody has to be told. */
static void answered(struct log_append *append, int64_t result)
{
    struct broker_publish *publish = hark_container_of(append, struct broker_publish, append);
    struct broker_stream *own = publish->owned ? publish->owned : open_own(publish);
    source_log_answered(own_broker(remote_that_has(publish->stream)), own, append, result);
    answer(publish, result);
    broker_stream_close(own);
}

/* A lack of memory here is no answer: that would overtake those before it. */
void owner_append(struct mail *mail)
{
    struct broker_publish *publish = hark_container_of(mail, struct broker_publish, mail);
    publish->owned = open_own(publish);
    publish->append.done = answered;
    source_log_append(own_broker(remote_that_has(publish->stream)), publish->owned,
                      &publish->append);
}

/* --- following --- */

static struct remote_watch *watch_of(struct broker_watcher *watcher)
{
    return hark_container_of(watcher, struct remote_watch, watcher);
}

static void watch_event(struct broker_watcher *watcher, uint64_t generation, uint64_t id,
                        const void *bytes, size_t count)
{
    relay_event(watch_of(watcher), generation, id, bytes, count);
}

static void watch_changed(struct broker_watcher *watcher)
{
    relay_state(watch_of(watcher));
}

static uint32_t watch_readers(const struct broker_watcher *watcher)
{
    const struct remote_watch *watch = hark_container_of(
        (struct broker_watcher *)(uintptr_t)watcher, struct remote_watch, watcher);
    return atomic_load_explicit(&watch->readers, memory_order_relaxed);
}

static const struct broker_watcher_calls watcher_calls = {
    .event = watch_event,
    .changed = watch_changed,
    .readers = watch_readers,
};

void owner_follow(struct mail *mail)
{
    struct remote_watch *watch = hark_container_of(mail, struct remote_watch, mail);
    const struct broker_stream *stream = watch->stream;
    struct remote *remote = remote_that_has(stream);
    watch->error = 0;
    if (!watch->relay) {
        watch->relay = remote->relay;
        watch->watcher.calls = &watcher_calls;
        list_init(&watch->due);
    }
    if (!watch->owned) {
        watch->error = broker_stream_open(own_broker(remote), stream->entry->name,
                                          stream->entry->name_length, &watch->owned);
        if (watch->error == 0)
            broker_stream_watch(watch->owned, &watch->watcher);
    }
    watch->answers = true;
    relay_state(watch);
}

void owner_unfollow(struct mail *mail)
{
    struct remote_watch *watch = hark_container_of(mail, struct remote_watch, mail);
    struct broker_stream *owned = watch->owned;
    check(!watch->answers);
    if (owned) {
        broker_stream_unwatch(owned, &watch->watcher);
        watch->owned = NULL;
        broker_stream_close(owned);
    }
    relay_forget(watch);
    relay_mail(watch->relay, mail, remote_that_has(watch->stream)->answers->unfollowed);
}

/* --- reading --- */

static void read_done(struct log_cursor *cursor, int64_t result)
{
    struct broker_disk_read *read = hark_container_of(cursor, struct broker_disk_read, cursor);
    struct remote *remote = remote_that_has(read->mark->stream);
    read->result = result;
    relay_mail(remote->relay, &read->mail, remote->answers->read);
}

void owner_read(struct mail *mail)
{
    struct broker_disk_read *read = hark_container_of(mail, struct broker_disk_read, mail);
    log_read(source_log_of(own_broker(remote_that_has(read->mark->stream))), &read->cursor,
             read->buffer, read->capacity, read_done);
}

/* --- remotes that come and go --- */

int owner_create(struct broker *broker, struct mailbox *mailbox, struct owner **out_owner)
{
    struct owner *owner = malloc(sizeof *owner);
    if (!owner)
        return -ENOMEM;
    *owner = (struct owner){.broker = broker, .mailbox = mailbox};
    list_init(&owner->relays);
    *out_owner = owner;
    return 0;
}

void owner_destroy(struct owner *owner)
{
    check(!owner || list_empty(&owner->relays));
    free(owner);
}

int owner_lend(struct owner *owner, struct mailbox *to, struct relay **out_relay)
{
    struct relay *relay = relay_create(owner, to);
    if (!relay)
        return -ENOMEM;
    *out_relay = relay;
    return 0;
}

void owner_lend_not(struct relay *relay)
{
    relay_destroy(relay);
}

void owner_flush(struct owner *owner)
{
    if (owner)
        relay_flush_all(owner);
}

void owner_leave(struct mail *mail)
{
    struct remote *remote = hark_container_of(mail, struct remote, leave);
    relay_end(remote->relay, mail, remote->answers->left);
}
