/* remote.c - a broker on another thread than the log's: it asks the owner, and takes what that
 * tells.
 *
 * Publishes and reads go over with their own memory and come back with the answer. A stream is
 * followed while it has subscribers: its events then come through the relay, in order, and enter
 * the rings as they do at the owner.
 *
 * What must hold: a subscriber begins only when the owner has answered a follow that was asked
 * after it came, so it stands after all that was acknowledged before; what comes for a stream that
 * is not followed, or for one that is being let go, is passed over.
 */
#include "base/check.h"
#include "broker/relay.h"
#include "broker/state.h"

#include <errno.h>
#include <stdlib.h>

int broker_create_remote(struct hark_loop *loop, struct relay *relay,
                         const struct broker_options *options, struct broker **out_broker)
{
    int error = broker_create(loop, NULL, options, out_broker);
    if (error == 0) {
        (*out_broker)->owner = relay_owner(relay);
        (*out_broker)->relay = relay;
    }
    return error;
}

static void send_owner(struct broker *broker, struct mail *mail, mail_arrived *arrived)
{
    mail_send(broker->loop, broker->owner->mailbox, mail, arrived);
}

/* --- publishing --- */

void remote_publish(struct broker_publish *publish, bool deletes)
{
    send_owner(publish->stream->broker, &publish->mail, deletes ? owner_delete : owner_publish);
}

void remote_published(struct mail *mail)
{
    struct broker_publish *publish = hark_container_of(mail, struct broker_publish, mail);
    publish->done(publish, publish->result);
}

/* --- reading --- */

void remote_read_begin(struct broker_reader *reader)
{
    send_owner(reader->broker, &reader->mail, owner_read);
}

void remote_read(struct mail *mail)
{
    struct broker_reader *reader = hark_container_of(mail, struct broker_reader, mail);
    broker_disk_read(reader, reader->read_result);
}

/* --- following --- */

static uint32_t subscribers_of(const struct broker_stream *stream)
{
    uint32_t count = 0;
    for (int i = 0; i < BROKER_ENCODINGS; i++)
        count += stream->subscribers[i];
    return count;
}

static struct broker_watch *watch_create(struct broker_stream *stream)
{
    struct broker_watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return NULL;
    watch->stream = stream;
    stream->watch = watch;
    stream->handles++;
    stream->broker->watches++;
    return watch;
}

static void watch_destroy(struct broker_watch *watch)
{
    struct broker_stream *stream = watch->stream;
    struct broker *broker = stream->broker;
    stream->watch = NULL;
    stream->generation = 0;
    free(watch);
    broker_stream_close(stream);
    broker->watches--;
    broker_close_check(broker);
}

/* Sends the mail, where it is here and there is something to ask, or nobody left to follow for. */
static void watch_go_on(struct broker_watch *watch)
{
    struct broker *broker = watch->stream->broker;
    if (watch->travelling)
        return;
    if (watch->wanted) {
        watch->asked = watch->wanted;
        watch->wanted = NULL;
        watch->travelling = true;
        send_owner(broker, &watch->mail, owner_follow);
    } else if (watch->follows == 0 && subscribers_of(watch->stream) == 0) {
        watch->followed = false;
        watch->travelling = true;
        send_owner(broker, &watch->mail, owner_unfollow);
    }
}

void remote_unfollowed(struct mail *mail)
{
    struct broker_watch *watch = hark_container_of(mail, struct broker_watch, mail);
    watch->travelling = false;
    if (watch->wanted)
        watch_go_on(watch);
    else
        watch_destroy(watch);
}

int broker_follow(struct broker_stream *stream, struct broker_follow *follow, broker_followed *done)
{
    struct broker_watch *watch = stream->watch;
    if (!stream->broker->owner)
        return 1;
    if (!watch)
        watch = watch_create(stream);
    if (!watch)
        return -ENOMEM;
    follow->done = done;
    follow->next = watch->wanted;
    watch->wanted = follow;
    watch->follows++;
    watch_go_on(watch);
    return 0;
}

/* Each of those that were asked for: the oldest last, which nobody minds. */
static void answer_follows(struct broker_watch *watch, int error)
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

void remote_subscribers(struct broker_stream *stream)
{
    struct broker_watch *watch = stream->watch;
    check(watch);
    atomic_store_explicit(&watch->subscribers, subscribers_of(stream), memory_order_relaxed);
    watch_go_on(watch);
}

/* --- what the relay brings --- */

/* The stream is another one now, or events were left out: the rings hold what comes after
 * `newest`. */
static void take_state(struct broker_stream *stream, uint64_t generation, uint64_t newest)
{
    if (generation != stream->generation)
        broker_stream_begin_generation(stream, generation, newest);
    else if (newest > stream->newest)
        broker_stream_skip(stream, newest);
    stream->newest = newest;
}

void remote_take(const struct relay_entry *entry, const void *bytes)
{
    struct broker_watch *watch = entry->watch;
    struct broker_stream *stream = watch->stream;
    if (entry->event) {
        if (watch->followed &&
            (entry->generation != stream->generation || entry->id > stream->newest)) {
            broker_stream_take(stream, entry->generation, entry->id, bytes, entry->count);
            stream->newest = entry->id;
        }
        return;
    }
    if (watch->followed || (entry->answers && entry->error == 0))
        take_state(stream, entry->generation, entry->id);
    if (entry->answers)
        answer_follows(watch, entry->error);
}

/* --- the end --- */

void remote_left(struct mail *mail)
{
    struct broker *broker = hark_container_of(mail, struct broker, leave);
    broker->left = true;
    broker_close_check(broker);
}

void remote_leave(struct broker *broker)
{
    if (broker->leaving)
        return;
    broker->leaving = true;
    send_owner(broker, &broker->leave, owner_leave);
}
