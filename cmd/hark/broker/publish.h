/* publish.h - events into streams, and streams deleted.
 *
 * Thread, for every function here: the broker's.
 */
#ifndef HARK_COMMAND_BROKER_PUBLISH_H
#define HARK_COMMAND_BROKER_PUBLISH_H

#include <stddef.h>
#include <stdint.h>

#include "log/log.h"
#include "mailbox/mail.h"

struct broker;
struct broker_publish;
struct broker_stream;

/* A publish has ended.
 * Takes: id: above 0: the event is as durable as --sync asks, and readers will see it; else a
 *   negative errno as log_append gives it. */
typedef void broker_published(struct broker_publish *publish, int64_t id);

/* One publish, in the caller's memory, usually inside the caller's own struct. Zeroed before its
 * first use; all private. */
struct broker_publish {
    struct log_append append;
    struct broker_stream *stream;
    broker_published *done;
    struct mail mail;            /* these three if the log is on another thread */
    struct broker_stream *owned; /* the handle of the thread that has the log */
    int64_t result;
};

/* Publishes an event. Publishes are answered in the order in which they were made, those of one
 * turn share a commit.
 * Takes: count 0 to LOG_EVENT_BYTES_MAX.
 * Gives: to `done` also -EPIPE: the stream is closed; -EPROTOTYPE: it takes JSON alone
 *   (durable/facts.h).
 * Owns: publish, bytes and the caller's handle on the stream must stay until `done`, which is never
 *   called from inside this call. */
void broker_publish(struct broker_stream *stream, struct broker_publish *publish, const void *bytes,
                    size_t count, broker_published *done);

/* The same, if there is such a stream when its turn has come: none is made.
 * Gives: to `done` also -ENOENT: there is none. */
void broker_publish_present(struct broker_stream *stream, struct broker_publish *publish,
                            const void *bytes, size_t count, broker_published *done);

/* Appends as the caller decides, once the turn of it has come (log_append.decide): an event, or,
 * with LOG_ONLY_NOTES, none.
 * Takes: publish->append.notes: as decide leaves them.
 * Gives: to `done` also what decide has given; publish->append.tail as log_append has it.
 * Owns: as broker_publish. */
void broker_publish_decided(struct broker_stream *stream, struct broker_publish *publish,
                            enum log_kind kind, const void *bytes, size_t count,
                            int (*decide)(struct log_append *request,
                                          const struct log_stream *stream),
                            broker_published *done);

/* Deletes a stream, in order with the publishes. Its readers stay: once it is made anew they are
 * told of the gap. One that has forks stays for them, hidden (durable/append.h).
 * Owns: as broker_publish.
 * Fails: -ENOENT it does not exist; -EIDRM it was deleted before, and stays. */
void broker_delete(struct broker_stream *stream, struct broker_publish *publish,
                   broker_published *done);

/* Deletes a stream of that generation, if it is still that, and tells nobody how it went.
 * Takes: a broker that lives until it is closed, which waits for this. */
void broker_expire(struct broker *broker, const char *name, uint64_t generation);

#endif
