/* owner.h - what the thread that has the log does for brokers on others: it appends, deletes and
 * reads for them, and tells them of the streams that they follow.
 *
 * Thread, unless it says otherwise: the owner's.
 */
#ifndef HARK_COMMAND_THREADS_OWNER_H
#define HARK_COMMAND_THREADS_OWNER_H

#include "mailbox/mail.h"

struct broker;
struct owner;
struct relay;

/* Makes a broker the owner for others.
 * Takes: broker: over a log; it is closed before owner_destroy. mailbox: of its thread.
 * Gives: 0 and *out_owner.
 * Fails: -ENOMEM. */
int owner_create(struct broker *broker, struct mailbox *mailbox, struct owner **out_owner);

/* Takes: one whose broker is closed; NULL: nothing happens. */
void owner_destroy(struct owner *owner);

/* For a broker on another thread, which the mailbox is of: what is to bring events there. The
 * owner's broker is closed when all that was lent is back.
 * Gives: 0 and *out_relay, for source_remote_broker on that thread.
 * Fails: -ENOMEM. */
int owner_lend(struct owner *owner, struct mailbox *to, struct relay **out_relay);

/* That broker was not made after all. */
void owner_lend_not(struct relay *relay);

/* Sends what this turn has for other threads now: before what the caller sends them that must not
 * overtake it.
 * Takes: NULL: nothing happens. */
void owner_flush(struct owner *owner);

/* --- mail from remotes --- */

/* In a broker_publish. */
void owner_append(struct mail *mail);

/* In a remote_watch. */
void owner_follow(struct mail *mail);
void owner_unfollow(struct mail *mail);

/* In a broker_disk_read. */
void owner_read(struct mail *mail);

/* In a remote. */
void owner_leave(struct mail *mail);

#endif
