/* relay.c - blocks of events, out and back.
 *
 * What must hold: what is sent to one remote arrives in the order in which it was given here, but
 * that events may overtake answers (they are durable already). Between two events of a followed
 * stream nothing is left out without a state after it. At least one block is always at hand or on
 * its way back, so a state can wait for nothing else.
 *
 * Thread: the owner's, but for block_arrived, which runs on the remote's.
 */
#include "threads/relay.h"

#include "base/check.h"
#include "broker/source_log.h"
#include "broker/state.h"
#include "threads/sides.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024, SPARES_MAX = 4, ALIGNMENT = 16 };

struct relay_block {
    struct mail mail;
    struct relay *relay;
    struct relay_block *next; /* among the spare ones */
    size_t room;
    size_t used;
    _Alignas(ALIGNMENT) char bytes[];
};

struct relay {
    struct owner *owner;
    struct mailbox *to;
    relay_take *take;  /* the remote's */
    struct list place; /* among the owner's */
    struct relay_block *filling;
    struct relay_block *spare;
    unsigned spares;
    size_t outstanding;     /* the room of all blocks that are not spare */
    struct mail_list mails; /* leave after the block that is being filled */
    struct list due;        /* watches */
    struct hark_op turn;
    bool ending;
};

/* --- blocks --- */

static struct relay_block *block_create(struct relay *relay, size_t room)
{
    struct relay_block *block = malloc(sizeof *block + room);
    if (block)
        *block = (struct relay_block){.relay = relay, .room = room};
    return block;
}

static void block_keep(struct relay *relay, struct relay_block *block)
{
    if (block->room != BLOCK_BYTES || relay->spares == SPARES_MAX) {
        free(block);
        return;
    }
    block->used = 0;
    block->next = relay->spare;
    relay->spare = block;
    relay->spares++;
}

static struct relay_block *block_take(struct relay *relay, size_t size)
{
    size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    struct relay_block *block = relay->spare;
    if (relay->outstanding != 0 && relay->outstanding + room > RELAY_BYTES_MAX)
        return NULL;
    if (room == BLOCK_BYTES && block) {
        relay->spare = block->next;
        relay->spares--;
    } else {
        block = block_create(relay, room);
    }
    if (block)
        relay->outstanding += room;
    return block;
}

/* --- sending --- */

static struct hark_loop *loop_of(const struct relay *relay)
{
    return relay->owner->broker->loop;
}

static void settle(struct relay *relay);

static void end_check(struct relay *relay)
{
    if (!relay->ending || relay->outstanding != 0 || relay->mails.first ||
        hark_op_active(&relay->turn))
        return;
    relay_destroy(relay);
}

/* Back at the owner. */
static void block_returned(struct mail *mail)
{
    struct relay_block *block = hark_container_of(mail, struct relay_block, mail);
    struct relay *relay = block->relay;
    relay->outstanding -= block->room;
    block_keep(relay, block);
    settle(relay);
    end_check(relay);
}

/* On the remote's thread. */
static void block_arrived(struct mail *mail)
{
    struct relay_block *block = hark_container_of(mail, struct relay_block, mail);
    struct relay *relay = block->relay;
    for (size_t at = 0; at < block->used;) {
        const struct relay_entry *entry = (const void *)(block->bytes + at);
        relay->take(entry, block->bytes + at + sizeof *entry);
        at += (sizeof *entry + entry->count + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    }
    mail_send(relay->to->loop, relay->owner->mailbox, mail, block_returned);
}

static void send_block(struct relay *relay)
{
    struct relay_block *block = relay->filling;
    relay->filling = NULL;
    if (block)
        mail_send(loop_of(relay), relay->to, &block->mail, block_arrived);
}

void relay_flush(struct relay *relay)
{
    struct mail *mail;
    send_block(relay);
    while ((mail = relay->mails.first)) {
        relay->mails.first = mail->next;
        mail_send(loop_of(relay), relay->to, mail, mail->arrived);
    }
}

void relay_flush_all(struct owner *owner)
{
    for (struct list *place = owner->relays.next; place != &owner->relays; place = place->next)
        relay_flush(hark_container_of(place, struct relay, place));
}

static void turn_over(struct hark_op *op, int64_t result)
{
    struct relay *relay = hark_container_of(op, struct relay, turn);
    (void)result;
    relay_flush(relay);
    end_check(relay);
}

static void flush_soon(struct relay *relay)
{
    if (!hark_op_active(&relay->turn))
        hark_defer(loop_of(relay), &relay->turn, turn_over);
}

void relay_mail(struct relay *relay, struct mail *mail, mail_arrived *arrived)
{
    mail->arrived = arrived;
    mail_list_append(&relay->mails, mail);
    flush_soon(relay);
}

/* --- filling --- */

/* Room for an entry with so many bytes behind it. Gives: NULL: there is none now. */
static struct relay_entry *entry_add(struct relay *relay, size_t count)
{
    size_t size = (sizeof(struct relay_entry) + count + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    struct relay_block *block = relay->filling;
    if (block && block->room - block->used < size) {
        send_block(relay);
        block = NULL;
    }
    if (!block)
        block = relay->filling = block_take(relay, size);
    if (!block)
        return NULL;
    struct relay_entry *entry = (void *)(block->bytes + block->used);
    block->used += size;
    flush_soon(relay);
    return entry;
}

/* Tells the state of those of which it is due, as far as there is room. */
static void settle(struct relay *relay)
{
    while (!list_empty(&relay->due)) {
        struct remote_watch *watch = hark_container_of(relay->due.next, struct remote_watch, due);
        struct relay_entry *entry = entry_add(relay, 0);
        if (!entry)
            return;
        const struct log_stream *log = watch->owned ? source_log_stream(watch->owned) : NULL;
        *entry = (struct relay_entry){
            .watch = watch,
            .generation = log ? log->generation : 0,
            .id = log ? source_log_newest(log) : 0,
            .error = watch->error,
            .answers = watch->answers,
        };
        list_remove(&watch->due);
        watch->is_due = false;
        watch->answers = false;
    }
}

void relay_state(struct remote_watch *watch)
{
    struct relay *relay = watch->relay;
    if (!watch->is_due)
        list_append(&relay->due, &watch->due);
    watch->is_due = true;
    settle(relay);
}

void relay_event(struct remote_watch *watch, uint64_t generation, uint64_t id, const void *bytes,
                 size_t count)
{
    struct relay_entry *entry = watch->is_due ? NULL : entry_add(watch->relay, count);
    if (!entry) {
        watch->relay->owner->broker->statistics.left_out++;
        relay_state(watch);
        return;
    }
    *entry = (struct relay_entry){.watch = watch,
                                  .generation = generation,
                                  .id = id,
                                  .count = (uint32_t)count,
                                  .event = true};
    if (count != 0)
        memcpy(entry + 1, bytes, count);
}

void relay_forget(struct remote_watch *watch)
{
    if (watch->is_due)
        list_remove(&watch->due);
    watch->is_due = false;
}

/* --- its beginning and end --- */

struct relay *relay_create(struct owner *owner, struct mailbox *to)
{
    struct relay *relay = calloc(1, sizeof *relay);
    if (!relay)
        return NULL;
    relay->owner = owner;
    relay->to = to;
    list_init(&relay->due);
    relay->spare = block_create(relay, BLOCK_BYTES);
    relay->spares = 1;
    if (!relay->spare) {
        free(relay);
        return NULL;
    }
    list_append(&owner->relays, &relay->place);
    pending_begin(&owner->broker->pending);
    return relay;
}

void relay_open(struct relay *relay, relay_take *take)
{
    relay->take = take;
}

void relay_destroy(struct relay *relay)
{
    struct broker *broker = relay->owner->broker;
    check(relay->outstanding == 0 && list_empty(&relay->due));
    list_remove(&relay->place);
    while (relay->spare) {
        struct relay_block *next = relay->spare->next;
        free(relay->spare);
        relay->spare = next;
    }
    free(relay);
    pending_end(&broker->pending);
}

void relay_end(struct relay *relay, struct mail *mail, mail_arrived *arrived)
{
    relay->ending = true;
    relay_mail(relay, mail, arrived);
}

struct owner *relay_owner(const struct relay *relay)
{
    return relay->owner;
}
