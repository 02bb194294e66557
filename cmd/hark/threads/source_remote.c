/* source_remote.c - a broker's events are on another thread: calls of the broker become mail to the
 * owner of the log, and what the owner tells becomes events of streams.
 *
 * Publishes and reads go over with their own memory and come back with the answer. A stream is
 * followed while it has readers: its events then come through the relay, in order, and are taken as
 * those of a log on this thread are.
 *
 * What must hold: a reader begins only when the owner has answered a follow that was asked after
 * the reader came, so it stands behind all that was acknowledged before; what comes for a stream
 * that is not followed, or for one that is being let go, is passed over.
 *
 * Thread: the remote's.
 */
#include "threads/source_remote.h"

#include "base/check.h"
#include "broker/broker.h"
#include "broker/publish.h"
#include "broker/reader.h"
#include "broker/state.h"
#include "broker/stream.h"
#include "threads/owner.h"
#include "threads/relay.h"
#include "threads/sides.h"

#include <errno.h>
#include <stdlib.h>

static void send_owner(const struct broker *broker, struct mail *mail, mail_arrived *arrived)
{
    struct mailbox *mailbox = relay_owner(remote_of(broker->source)->relay)->mailbox;
    mail_send(broker->loop, mailbox, mail, arrived);
}

/* --- publishing --- */

static void append(struct broker_publish *publish)
{
    send_owner(publish->stream->broker, &publish->mail, owner_append);
}

static void published(struct mail *mail)
{
    struct broker_publish *publish = hark_container_of(mail, struct broker_publish, mail);
    publish->done(publish, publish->result);
}

/* --- reading --- */

static void read_disk(struct broker_disk_read *read)
{
    send_owner(read->mark->stream->broker, &read->mail, owner_read);
}

static void read_cancel(struct broker_disk_read *read)
{
    (void)read; /* the owner has the cursor */
}

static void read_is_done(struct mail *mail)
{
    struct broker_disk_read *read = hark_container_of(mail, struct broker_disk_read, mail);
    broker_disk_ended(read, read->result);
}

/* --- following --- */

static struct remote_watch *watch_create(struct broker_stream *stream)
{
    struct remote_watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return NULL;
    watch->stream = broker_stream_hold(stream);
    stream->kept = watch;
    pending_begin(&stream->broker->pending);
    return watch;
}

static void watch_destroy(struct remote_watch *watch)
{
    struct broker_stream *stream = watch->stream;
    struct broker *broker = stream->broker;
    stream->kept = NULL;
    free(watch);
    broker_stream_begin(stream, 0, 0); /* nothing is known of it any more */
    broker_stream_close(stream);
    pending_end(&broker->pending);
}

/* Sends the mail, if it is here and there is something to ask, or nobody left to follow for. */
static void watch_go_on(struct remote_watch *watch)
{
    struct broker *broker = watch->stream->broker;
    if (watch->travelling)
        return;
    if (watch->wanted) {
        watch->asked = watch->wanted;
        watch->wanted = NULL;
        watch->travelling = true;
        send_owner(broker, &watch->mail, owner_follow);
    } else if (watch->follows == 0 && broker_stream_readers(watch->stream) == 0) {
        watch->followed = false;
        watch->travelling = true;
        send_owner(broker, &watch->mail, owner_unfollow);
    }
}

static void unfollowed(struct mail *mail)
{
    struct remote_watch *watch = hark_container_of(mail, struct remote_watch, mail);
    watch->travelling = false;
    if (watch->wanted)
        watch_go_on(watch);
    else
        watch_destroy(watch);
}

static int follow(struct broker_stream *stream, struct broker_follow *follow)
{
    struct remote_watch *watch = stream->kept;
    if (!watch)
        watch = watch_create(stream);
    if (!watch)
        return -ENOMEM;
    follow->next = watch->wanted;
    watch->wanted = follow;
    watch->follows++;
    watch_go_on(watch);
    return 0;
}

/* Each of those that were asked for; the oldest is called last. */
static void answer_follows(struct remote_watch *watch, int error)
{
    struct broker_follow *follow = watch->asked;
    watch->asked = NULL;
    watch->travelling = false;
    watch->followed = error == 0;
    while (follow) {
        struct broker_follow *next = follow->next;
        follow->done(follow, error); /* may be gone afterwards */
        watch->follows--;
        follow = next;
    }
    watch_go_on(watch);
}

static void readers_changed(struct broker_stream *stream)
{
    struct remote_watch *watch = stream->kept;
    check(watch);
    atomic_store_explicit(&watch->readers, broker_stream_readers(stream), memory_order_relaxed);
    watch_go_on(watch);
}

/* --- what the relay brings --- */

static void look(struct broker_stream *stream)
{
    (void)stream; /* the owner tells, once it is followed */
}

static uint64_t newest(const struct broker_stream *stream)
{
    const struct remote_watch *watch = stream->kept;
    return watch->newest;
}

/* The stream is another one now, or events were left out: the recent ones are those after it. */
static void take_state(struct remote_watch *watch, uint64_t generation, uint64_t told_newest)
{
    if (generation != watch->stream->generation)
        broker_stream_begin(watch->stream, generation, told_newest);
    else if (told_newest > watch->newest)
        broker_stream_skip(watch->stream, told_newest);
    watch->newest = told_newest;
    broker_wake(watch->stream);
}

static void take_event(struct remote_watch *watch, const struct relay_entry *entry,
                       const void *bytes)
{
    struct broker_stream *stream = watch->stream;
    if (watch->followed && (entry->generation != stream->generation || entry->id > watch->newest)) {
        broker_stream_take(stream, entry->generation, entry->id, bytes, entry->count);
        watch->newest = entry->id;
    }
}

static void take(const struct relay_entry *entry, const void *bytes)
{
    struct remote_watch *watch = entry->watch;
    if (entry->event) {
        take_event(watch, entry, bytes);
        return;
    }
    if (watch->followed || (entry->answers && entry->error == 0))
        take_state(watch, entry->generation, entry->id);
    if (entry->answers)
        answer_follows(watch, entry->error);
}

/* --- its beginning and end --- */

static void left(struct mail *mail)
{
    struct remote *remote = hark_container_of(mail, struct remote, leave);
    pending_end(&remote->source.broker->pending);
}

static void leave(struct broker_source *source)
{
    pending_begin(&source->broker->pending);
    send_owner(source->broker, &remote_of(source)->leave, owner_leave);
}

static void destroy(struct broker_source *source)
{
    free(remote_of(source));
}

int source_remote_broker(struct hark_loop *loop, struct relay *relay,
                         const struct broker_options *options, struct broker **out_broker)
{
    static const struct remote_answers answers = {
        .published = published,
        .read = read_is_done,
        .unfollowed = unfollowed,
        .left = left,
    };
    static const struct broker_source_calls calls = {
        .append = append,
        .read = read_disk,
        .read_cancel = read_cancel,
        .follow = follow,
        .readers_changed = readers_changed,
        .look = look,
        .newest = newest,
        .leave = leave,
        .destroy = destroy,
    };
    struct remote *remote = malloc(sizeof *remote);
    if (!remote)
        return -ENOMEM;
    *remote = (struct remote){.source = {.calls = &calls}, .relay = relay, .answers = &answers};
    int error = broker_create_from(loop, &remote->source, options, out_broker);
    if (error < 0)
        free(remote);
    else
        relay_open(relay, take);
    return error;
}
