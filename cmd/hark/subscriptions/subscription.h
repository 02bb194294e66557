/* subscription.h - a subscription in memory: what it was made with, the streams that it is linked
 * to, where it stands, and the one change that is being written down.
 *
 * What must hold: nothing of what is to last changes but by a change that is on the disk. Two
 * things are not written: a link that a pattern made by itself, as long as nothing of its stream is
 * acknowledged (the stream was made after the subscription, so all of it is pending); and when a
 * lease ends (a start gives each a whole one).
 *
 * Thread, for every function here: the owner's. */
#ifndef HARK_COMMAND_SUBSCRIPTIONS_SUBSCRIPTION_H
#define HARK_COMMAND_SUBSCRIPTIONS_SUBSCRIPTION_H

#include "base/deadline.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pending.h"
#include "broker/source_log.h"
#include "subscriptions/core.h"
#include "subscriptions/delivery.h"
#include "subscriptions/request.h"
#include "subscriptions/secrets.h"
#include "subscriptions/target.h"

struct broker;
struct log;
struct subscription;
struct subscriptions;

enum {
    SUBSCRIPTIONS_MAX = 4096,
    SUBSCRIPTION_LINKS_MAX = 16384,  /* of one */
    SUBSCRIPTIONS_LINKS_MAX = 65536, /* of all */
    SUBSCRIPTION_PAGES_MAX = 1024,   /* of links, on the disk */
    SUBSCRIPTION_PATTERN_MAX = 512,
    SUBSCRIPTION_DESCRIPTION_MAX = 1024,
    SUBSCRIPTION_LEASE_MS = 30000, /* where it was not said */
    SUBSCRIPTION_LEASE_MS_MIN = 1000,
    SUBSCRIPTION_LEASE_MS_MAX = 600000,
};

/* --- what it was made with --- */

enum subscription_type { SUBSCRIPTION_WEBHOOK, SUBSCRIPTION_PULL };

/* Texts from malloc, NULL where there is none. */
struct subscription_config {
    enum subscription_type type;
    uint32_t lease_ms;
    uint64_t created_ns;
    char *pattern;
    char *url;
    char *wake_stream;
    char *description;
    char *base;                                 /* of the URLs that a webhook is given */
    unsigned char digest[SECRETS_DIGEST_BYTES]; /* of all that is compared */
};

void config_done(struct subscription_config *config);

/* --- its streams --- */

enum { LINK_EXPLICIT = 1, LINK_GLOB = 2 };

struct subscription_link {
    struct map_link by_name; /* subscriptions.links */
    struct list place;       /* subscription.links */
    struct subscription *subscription;
    uint64_t acked; /* the id that was acknowledged last */
    uint64_t tail;  /* the newest id; 0: there is no event */
    uint64_t shown; /* the newest that the wake has told of; 0: none */
    size_t update;  /* its place in the change that is put together, from 1 */
    int32_t page;   /* that it is written in; -1: none */
    uint8_t types;  /* 0: it is being made */
    bool gone;      /* the stream was deleted: what a pattern has linked goes, too */
    char path[];
};

/* --- a change --- */

struct link_update {
    struct subscription_link *link;
    uint64_t acked;
    uint8_t types; /* 0: it goes */
};

/* One at a time of each subscription. */
struct subscription_change {
    struct subscription_core next;
    struct link_update *updates;
    size_t count;
    size_t room;
    bool creates;
    bool deletes;
    bool failed;                          /* memory was lacking while it was put together */
    struct subscription_request *request; /* that waits for it; NULL: none */
    void (*done)(struct subscription *subscription, int error);
    uint32_t appends; /* these two are store.c's */
    int error;
};

struct subscription {
    struct map_link by_id;
    struct list place;   /* among all */
    struct list waiting; /* among those that wait for a slot */
    struct list due;     /* among those that are to be looked at */
    struct subscriptions *all;
    struct subscription_config config;
    struct subscription_core core;
    struct list links;
    uint32_t link_count;
    uint32_t pending_count; /* of links: something behind what is acknowledged */
    struct list requests;   /* that wait, in order */
    bool made;              /* it is on the disk */
    bool deleted;
    bool busy; /* the change is being written */
    struct subscription_change change;
    uint32_t page_count;
    uint32_t *page_bytes;
    struct deadline timer;  /* of the lease, or of the next attempt */
    uint64_t lease_at_ns;   /* the loop's clock; HARK_NEVER: no lease runs */
    uint64_t attempt_at_ns; /* not before; 0: at any time */
    bool has_slot;
    bool wants_slot; /* there was none when it was looked at last */
    bool announced;  /* the wake that is out is known to whom it is for, or on its way there */
    bool announcing; /* its event is being appended */
    bool late_wake_stream;     /* which was made meanwhile */
    bool has_gone;             /* streams of links were deleted */
    uint64_t trouble_until_ns; /* the loop's clock: something failed, nothing is begun before */
    struct delivery delivery;
    uint64_t delivered; /* the generation that the delivery is of */
    bool has_result;    /* it has ended, and these two are how: */
    bool took;          /* the other side has taken it */
    bool did;           /* and says that all is done */
    char id[];
};

/* --- all --- */

enum secrets_state { SECRETS_NONE, SECRETS_COMING, SECRETS_READY };

struct subscriptions {
    struct hark_loop *loop;
    struct log *log;
    struct broker *broker;
    struct mailbox *mailbox;
    enum target_reach reach;
    const char *public_url; /* NULL: URLs begin with the host that was asked */
    struct map by_id;
    struct map links; /* by the hash of their path */
    uint32_t link_count;
    struct list list; /* of subscriptions */
    struct list due;
    struct list waiting;  /* for a slot */
    uint32_t slots;       /* in use */
    struct list requests; /* that were not looked at */
    struct hark_op step;
    void (*poked)(struct subscriptions *all); /* some are due */
    struct deliveries *deliveries;
    struct broker_observer observer;
    struct pending pending; /* writes, files: the end waits for them */
    enum secrets_state secrets_state;
    struct secrets secrets;
    char *secrets_path;
    struct hark_file_read *reading;
    struct hark_file_replace *replacing;
    char secrets_text[SECRETS_FILE_BYTES];
    bool told_full;
    bool closing;
    void (*closed)(void *context);
    void *closed_context;
};

/* Makes one that is not on the disk.
 * Takes: config: its own then. Gives: NULL: no memory, and the config is freed. */
struct subscription *subscription_make(struct subscriptions *all, const char *id,
                                       struct subscription_config *config);

/* Frees it. Takes: one that was taken out of all->by_id, without a change, a delivery, requests, or
 * a timer. */
void subscription_free(struct subscription *subscription);

struct subscription *subscription_find(const struct subscriptions *all, const char *id);

/* Has it looked at in a turn of its own. */
static inline void subscription_poke(struct subscription *subscription)
{
    struct subscriptions *all = subscription->all;
    if (all->closing || !list_empty(&subscription->due))
        return;
    list_append(&all->due, &subscription->due);
    all->poked(all);
}

/* Whether the id follows SUBSCRIPTION_ID_RULE. */
bool subscription_id_valid(const char *id, size_t count);

#endif
