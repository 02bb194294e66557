/* feed.c - blocks of events, out and back.
 *
 * What must hold: what is sent to one hub arrives in the order in which it was given here, but that
 * events may overtake answers (they are durable already). Between two events of a followed stream
 * nothing is left out without a state after it. At least one block is always at hand or on its way
 * back, so a state can wait for nothing else.
 */
#include "hub/feed.h"
#include "base/check.h"
#include "hub/state.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024, SPARES_MAX = 4, ALIGNMENT = 16 };

struct feed_block {
    struct mail mail;
    struct hub_feed *feed;
    struct feed_block *next; /* among the spare ones */
    size_t room;
    size_t used;
    _Alignas(ALIGNMENT) char bytes[];
};

struct hub_feed {
    struct hub *home;
    struct mailbox *to;
    struct list place; /* among the home's */
    struct feed_block *filling;
    struct feed_block *spare;
    unsigned spares;
    size_t outstanding;     /* the room of all blocks that are not spare */
    struct mail_list mails; /* leave after the block that is being filled */
    struct list due;        /* interests */
    struct hark_op turn;
    bool ending;
};

/* --- blocks --- */

static struct feed_block *block_create(struct hub_feed *feed, size_t room)
{
    struct feed_block *block = malloc(sizeof *block + room);
    if (block)
        *block = (struct feed_block){.feed = feed, .room = room};
    return block;
}

static void block_keep(struct hub_feed *feed, struct feed_block *block)
{
    if (block->room != BLOCK_BYTES || feed->spares == SPARES_MAX) {
        free(block);
        return;
    }
    block->used = 0;
    block->next = feed->spare;
    feed->spare = block;
    feed->spares++;
}

static struct feed_block *block_take(struct hub_feed *feed, size_t size)
{
    size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    struct feed_block *block = feed->spare;
    if (feed->outstanding != 0 && feed->outstanding + room > FEED_BYTES_MAX)
        return NULL;
    if (room == BLOCK_BYTES && block) {
        feed->spare = block->next;
        feed->spares--;
    } else {
        block = block_create(feed, room);
    }
    if (block)
        feed->outstanding += room;
    return block;
}

/* --- sending --- */

static void settle(struct hub_feed *feed);

static void end_check(struct hub_feed *feed)
{
    struct hub *home = feed->home;
    if (!feed->ending || feed->outstanding != 0 || feed->mails.first || hark_op_active(&feed->turn))
        return;
    feed_destroy(feed);
    hub_close_check(home);
}

/* Back at home. */
static void block_returned(struct mail *mail)
{
    struct feed_block *block = hark_container_of(mail, struct feed_block, mail);
    struct hub_feed *feed = block->feed;
    feed->outstanding -= block->room;
    block_keep(feed, block);
    settle(feed);
    end_check(feed);
}

/* On the other thread. */
static void block_arrived(struct mail *mail)
{
    struct feed_block *block = hark_container_of(mail, struct feed_block, mail);
    struct hub_feed *feed = block->feed;
    for (size_t at = 0; at < block->used;) {
        const struct feed_entry *entry = (const void *)(block->bytes + at);
        hub_away_take(entry, block->bytes + at + sizeof *entry);
        at += (sizeof *entry + entry->count + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    }
    mail_send(feed->to->loop, feed->home->mailbox, mail, block_returned);
}

static void send_block(struct hub_feed *feed)
{
    struct feed_block *block = feed->filling;
    feed->filling = NULL;
    if (block)
        mail_send(feed->home->loop, feed->to, &block->mail, block_arrived);
}

static void feed_flush(struct hub_feed *feed)
{
    struct mail *mail;
    send_block(feed);
    while ((mail = feed->mails.first)) {
        feed->mails.first = mail->next;
        mail_send(feed->home->loop, feed->to, mail, mail->arrived);
    }
}

void feeds_flush(struct hub *home)
{
    for (struct list *place = home->feeds.next; place != &home->feeds; place = place->next)
        feed_flush(hark_container_of(place, struct hub_feed, place));
}

static void turn_over(struct hark_op *op, int64_t result)
{
    struct hub_feed *feed = hark_container_of(op, struct hub_feed, turn);
    (void)result;
    feed_flush(feed);
    end_check(feed);
}

static void flush_soon(struct hub_feed *feed)
{
    if (!hark_op_active(&feed->turn))
        hark_defer(feed->home->loop, &feed->turn, turn_over);
}

void feed_mail(struct hub_feed *feed, struct mail *mail, mail_arrived *arrived)
{
    mail->arrived = arrived;
    mail_list_append(&feed->mails, mail);
    flush_soon(feed);
}

/* --- filling --- */

/* Room for an entry with so many bytes behind it. Gives: NULL: there is none now. */
static struct feed_entry *entry_add(struct hub_feed *feed, size_t count)
{
    size_t size = (sizeof(struct feed_entry) + count + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    struct feed_block *block = feed->filling;
    if (block && block->room - block->used < size) {
        send_block(feed);
        block = NULL;
    }
    if (!block)
        block = feed->filling = block_take(feed, size);
    if (!block)
        return NULL;
    struct feed_entry *entry = (void *)(block->bytes + block->used);
    block->used += size;
    flush_soon(feed);
    return entry;
}

/* Tells the state of those of which it is due, as far as there is room. */
static void settle(struct hub_feed *feed)
{
    while (!list_empty(&feed->due)) {
        struct hub_interest *interest = hark_container_of(feed->due.next, struct hub_interest, due);
        struct feed_entry *entry = entry_add(feed, 0);
        if (!entry)
            return;
        const struct log_stream *log =
            interest->home_stream ? hub_stream_log(interest->home_stream) : NULL;
        *entry = (struct feed_entry){
            .interest = interest,
            .number = log ? log->number : 0,
            .id = log ? hub_stream_newest(log) : 0,
            .error = interest->error,
            .answers = interest->answers,
        };
        list_remove(&interest->due);
        interest->is_due = false;
        interest->answers = false;
    }
}

void feed_state(struct hub_interest *interest)
{
    struct hub_feed *feed = interest->feed;
    if (!interest->is_due)
        list_append(&feed->due, &interest->due);
    interest->is_due = true;
    settle(feed);
}

void feed_event(struct hub_interest *interest, uint64_t number, uint64_t id, const void *bytes,
                size_t count)
{
    struct feed_entry *entry = interest->is_due ? NULL : entry_add(interest->feed, count);
    if (!entry) {
        interest->feed->home->statistics.left_out++;
        feed_state(interest);
        return;
    }
    *entry = (struct feed_entry){
        .interest = interest, .number = number, .id = id, .count = (uint32_t)count, .event = true};
    if (count != 0)
        memcpy(entry + 1, bytes, count);
}

void feed_forget(struct hub_interest *interest)
{
    if (interest->is_due)
        list_remove(&interest->due);
    interest->is_due = false;
}

/* --- its life --- */

struct hub_feed *feed_create(struct hub *home, struct mailbox *to)
{
    struct hub_feed *feed = calloc(1, sizeof *feed);
    if (!feed)
        return NULL;
    feed->home = home;
    feed->to = to;
    list_init(&feed->due);
    feed->spare = block_create(feed, BLOCK_BYTES);
    feed->spares = 1;
    if (!feed->spare) {
        free(feed);
        return NULL;
    }
    list_append(&home->feeds, &feed->place);
    return feed;
}

void feed_destroy(struct hub_feed *feed)
{
    check(feed->outstanding == 0 && list_empty(&feed->due));
    list_remove(&feed->place);
    while (feed->spare) {
        struct feed_block *next = feed->spare->next;
        free(feed->spare);
        feed->spare = next;
    }
    free(feed);
}

void feed_end(struct hub_feed *feed, struct mail *mail, mail_arrived *arrived)
{
    feed->ending = true;
    feed_mail(feed, mail, arrived);
}

struct hub *feed_home(const struct hub_feed *feed)
{
    return feed->home;
}
