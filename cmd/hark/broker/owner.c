/* owner.c - what the broker that has the log does for those on other threads: it appends, deletes
 * and reads for them, and knows which streams they follow.
 *
 * All of it runs on the owner's thread. Of the other broker's memory it touches what came with the
 * mail, and names and brokers of streams, which do not change.
 */
#include "base/check.h"
#include "broker/relay.h"
#include "broker/state.h"

#include <errno.h>

/* --- publishing --- */

static void answer(struct broker_publish *publish, int64_t result)
{
    publish->result = result;
    relay_mail(publish->stream->broker->relay, &publish->mail, remote_published);
}

/* The owner's own stream of that name. It is not opened before the log is asked: an error here
 * would be an answer that overtakes those before it. Gives: NULL: no memory. Then there was
 * none, so nobody reads it or follows it, and nobody has to be told. */
static struct broker_stream *own_stream(const struct broker_publish *publish)
{
    const struct broker_stream *stream = publish->stream;
    struct broker_stream *own = NULL;
    broker_stream_open(stream->broker->owner, stream->name, stream->name_length, &own);
    return own;
}

static void appended(struct log_append *append, int64_t result)
{
    struct broker_publish *publish = hark_container_of(append, struct broker_publish, append);
    struct broker_stream *own = own_stream(publish);
    broker_stream_appended(publish->stream->broker->owner, own, append, result);
    answer(publish, result);
    broker_stream_close(own);
}

static void deleted(struct log_append *append, int64_t result)
{
    struct broker_publish *publish = hark_container_of(append, struct broker_publish, append);
    struct broker_stream *own = own_stream(publish);
    broker_stream_deleted(own, result);
    answer(publish, result);
    broker_stream_close(own);
}

void owner_publish(struct mail *mail)
{
    struct broker_publish *publish = hark_container_of(mail, struct broker_publish, mail);
    publish->append.done = appended;
    log_append(publish->stream->broker->owner->log, &publish->append);
}

void owner_delete(struct mail *mail)
{
    struct broker_publish *publish = hark_container_of(mail, struct broker_publish, mail);
    publish->append.done = deleted;
    log_delete(publish->stream->broker->owner->log, &publish->append);
}

/* --- following --- */

static void link_watch(struct broker_watch *watch)
{
    struct broker_stream *stream = watch->owner_stream;
    watch->next = stream->watches;
    stream->watches = watch;
}

static void unlink_watch(struct broker_watch *watch)
{
    struct broker_watch **link = &watch->owner_stream->watches;
    while (*link != watch)
        link = &(*link)->next;
    *link = watch->next;
}

void owner_follow(struct mail *mail)
{
    struct broker_watch *watch = hark_container_of(mail, struct broker_watch, mail);
    const struct broker_stream *stream = watch->stream;
    watch->error = 0;
    if (!watch->relay) {
        watch->relay = stream->broker->relay;
        list_init(&watch->due);
    }
    if (!watch->owner_stream) {
        watch->error = broker_stream_open(stream->broker->owner, stream->name, stream->name_length,
                                          &watch->owner_stream);
        if (watch->error == 0)
            link_watch(watch);
    }
    watch->answers = true;
    relay_state(watch);
}

void owner_unfollow(struct mail *mail)
{
    struct broker_watch *watch = hark_container_of(mail, struct broker_watch, mail);
    struct broker_stream *stream = watch->owner_stream;
    check(!watch->answers);
    if (stream) {
        unlink_watch(watch);
        watch->owner_stream = NULL;
        broker_stream_close(stream);
    }
    relay_forget(watch);
    relay_mail(watch->relay, mail, remote_unfollowed);
}

/* --- reading --- */

static void read_done(struct log_cursor *cursor, int64_t result)
{
    struct broker_reader *reader = hark_container_of(cursor, struct broker_reader, cursor);
    reader->read_result = result;
    relay_mail(reader->broker->relay, &reader->mail, remote_read);
}

void owner_read(struct mail *mail)
{
    struct broker_reader *reader = hark_container_of(mail, struct broker_reader, mail);
    log_read(reader->broker->owner->log, &reader->cursor, reader->buffer, reader->capacity,
             read_done);
}

/* --- brokers that come and go --- */

int broker_lend(struct broker *owner, struct mailbox *to, struct relay **out_feed)
{
    struct relay *relay = relay_create(owner, to);
    if (!relay)
        return -ENOMEM;
    *out_feed = relay;
    return 0;
}

void broker_lend_not(struct relay *relay)
{
    struct broker *owner = relay_owner(relay);
    relay_destroy(relay);
    broker_close_check(owner);
}

void owner_leave(struct mail *mail)
{
    struct broker *remote = hark_container_of(mail, struct broker, leave);
    relay_end(remote->relay, mail, remote_left);
}
