/* mail.h - what one thread of the server gives to another: a struct goes over, and comes back as
 * the answer.
 *
 * A mailbox belongs to a loop. Whoever sends takes no memory: the mail stands inside of what is
 * sent, which is the receiver's from there on. Sending costs an atomic exchange; a receiver that is
 * told already is not told again, so many pieces of mail in one turn are one message of the loops.
 * On io_uring it leaves with the turn of whoever sent first. A server of one thread sends none.
 */
#ifndef HARK_COMMAND_MAILBOX_MAIL_H
#define HARK_COMMAND_MAILBOX_MAIL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "hark.h"

struct mail;

/* Called on the receiver's thread. */
typedef void mail_arrived(struct mail *mail);

/* In the sender's memory, usually inside of what is sent. On its way it is the receiver's; in
 * `arrived` it may be sent again. */
struct mail {
    struct mail *next;
    mail_arrived *arrived;
};

/* Mail in order, with its end. Zeroed at first. */
struct mail_list {
    struct mail *first;
    struct mail *last;
};

void mail_list_append(struct mail_list *list, struct mail *mail);

struct mailbox {
    struct hark_loop *loop;
    struct hark_op more;      /* goes on with what one turn left over */
    struct mail_list arrived; /* not looked at yet, in order */

    _Alignas(64) _Atomic(struct mail *) newest; /* sent, the newest first */
    _Atomic(bool) told;                         /* the bell is on its way */
    struct hark_op bell;
};

/* Makes ready.
 * Takes: the loop that it belongs to. */
void mailbox_init(struct mailbox *mailbox, struct hark_loop *loop);

/* Sends. The mail of one thread to one mailbox arrives in order.
 * Takes: from: the loop of the calling thread; mail that is not on its way.
 * Owns: the mail, and what it stands in, is the receiver's. */
void mail_send(struct hark_loop *from, struct mailbox *to, struct mail *mail,
               mail_arrived *arrived);

#endif
