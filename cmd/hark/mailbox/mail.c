/* mail.c - a stack that many push to and one empties, and a bell.
 *
 * What must hold: whoever pushes after the receiver has looked rings again. The receiver takes the
 * bell's mark away before it looks, and a sender looks at the mark after it has pushed: one of the
 * two sees the other. The bell is an op that several loops send, one after the other: who has set
 * the mark has the op.
 *
 * Thread: mail_send runs on the sender's, all else on the receiver's. */
#include "mailbox/mail.h"

#include <stddef.h>

enum { TURN_MAIL = 256 }; /* what is handled before others get their turn */

void mail_list_append(struct mail_list *list, struct mail *mail)
{
    mail->next = NULL;
    if (list->first)
        list->last->next = mail;
    else
        list->first = mail;
    list->last = mail;
}

/* Takes all that was sent, and turns it round. */
static void collect(struct mailbox *mailbox)
{
    struct mail *mail = atomic_exchange(&mailbox->newest, NULL);
    struct mail *oldest = NULL;
    while (mail) {
        struct mail *older = mail->next;
        mail->next = oldest;
        oldest = mail;
        mail = older;
    }
    while (oldest) {
        struct mail *next = oldest->next;
        mail_list_append(&mailbox->arrived, oldest);
        oldest = next;
    }
}

static void handle(struct mailbox *mailbox);

static void more(struct hark_op *op, int64_t result)
{
    (void)result;
    handle(hark_container_of(op, struct mailbox, more));
}

static void handle(struct mailbox *mailbox)
{
    for (int left = TURN_MAIL; left > 0 && mailbox->arrived.first; left--) {
        struct mail *mail = mailbox->arrived.first;
        mailbox->arrived.first = mail->next;
        mail->arrived(mail);
    }
    if (mailbox->arrived.first && !hark_op_active(&mailbox->more))
        hark_defer(mailbox->loop, &mailbox->more, more);
}

static void rang(struct hark_op *op, int64_t result)
{
    struct mailbox *mailbox = hark_container_of(op, struct mailbox, bell);
    (void)result;
    atomic_store(&mailbox->told, false);
    collect(mailbox);
    handle(mailbox);
}

void mailbox_init(struct mailbox *mailbox, struct hark_loop *loop)
{
    *mailbox = (struct mailbox){.loop = loop};
}

void mail_send(struct hark_loop *from, struct mailbox *to, struct mail *mail, mail_arrived *arrived)
{
    struct mail *newest = atomic_load_explicit(&to->newest, memory_order_relaxed);
    mail->arrived = arrived;
    do
        mail->next = newest;
    while (!atomic_compare_exchange_weak(&to->newest, &newest, mail));
    if (!atomic_load(&to->told) && !atomic_exchange(&to->told, true))
        hark_message(from, &to->bell, to->loop, rang);
}
