/* context.h - a struct hark_tls: the settings that new connections take, and what those of one loop
 * share: room to encrypt and decrypt in, sessions, and the line of those that wait for their
 * handshake's turn. */
#ifndef TLS_CONTEXT_H
#define TLS_CONTEXT_H

#include "tls/sessions.h"
#include "tls/settings.h"
#include "tls/wire.h"

/* Who waits for his turn, or has it. */
struct waiter {
    struct waiter *next, **link; /* in the line, or among those that have a turn; NULL: neither */
    bool has_turn;
    void (*called)(struct waiter *waiter);  /* it is his turn */
    void (*hurried)(struct waiter *waiter); /* he has a turn, and others begin to wait for one */
};

struct hark_tls {
    struct settings *settings;
    unsigned references;
    unsigned handshakes, handshakes_max;
    struct waiter *first, **last; /* the line */
    struct waiter *taken;         /* those that have a turn */
    struct sessions sessions;
    char decrypted[WIRE_PIECE]; /* in one callback: what was received */
    char gathered[WIRE_PIECE];  /* in one call: what is sent, as one record. Apart from the other,
                                   since what was received may be sent on to another stream */
};

struct hark_tls *context_keep(struct hark_tls *tls);

/* The last frees it. */
void context_release(struct hark_tls *tls);

/* Asks for a turn.
 * Gives: whether it is there at once; else he is called. */
bool context_ask_turn(struct hark_tls *tls, struct waiter *waiter);

/* Whether somebody waits. */
static inline bool context_is_crowded(const struct hark_tls *tls)
{
    return tls->first;
}

/* Gives the turn back, or waits no longer. Nothing happens where he has neither. */
void context_leave_turn(struct hark_tls *tls, struct waiter *waiter);

#endif
