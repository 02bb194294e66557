/* request.h - what is asked of a subscription, and the answer. In the asker's memory. */
#ifndef HARK_COMMAND_SUBSCRIPTIONS_REQUEST_H
#define HARK_COMMAND_SUBSCRIPTIONS_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/text.h"
#include "mailbox/mail.h"

#include "wire/name.h"

enum {
    SUBSCRIPTION_ID_MAX = 96,
    SUBSCRIPTION_BODY_MAX = 64 * 1024,
    SUBSCRIPTION_BASE_MAX = 512, /* of the URL that this server's own begin with */
};

/* Of an id, for messages. */
#define SUBSCRIPTION_ID_RULE "1 to 96 of A-Z a-z 0-9 . _ ~ - : @ +"

enum subscription_verb {
    SUBSCRIPTION_KEYS, /* the public keys */
    SUBSCRIPTION_PUT,
    SUBSCRIPTION_GET,
    SUBSCRIPTION_DELETE,
    SUBSCRIPTION_ADD,    /* streams */
    SUBSCRIPTION_REMOVE, /* a stream */
    SUBSCRIPTION_CALLBACK,
    SUBSCRIPTION_CLAIM,
    SUBSCRIPTION_ACK,
    SUBSCRIPTION_RELEASE,
};

struct subscription_request;
struct subscriptions;
typedef void subscription_answered(struct subscription_request *request);

/* Zeroed, then the first part is set. */
struct subscription_request {
    enum subscription_verb verb;
    char id[SUBSCRIPTION_ID_MAX + 1];
    char path[NAME_BYTES_MAX + 1];    /* to remove */
    char base[SUBSCRIPTION_BASE_MAX]; /* "http://host" that was asked */
    const char *token;                /* NULL: there is none */
    const char *body;
    size_t count;

    int status;       /* of HTTP */
    struct text text; /* the answer's body: JSON; the asker's to free */

    /* Private. */
    struct list place;
    struct mail mail;
    struct subscriptions *all;
    struct mailbox *mailbox; /* of the asker's thread */
    subscription_answered *answered;
};

#endif
