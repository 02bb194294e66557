/* listeners.h - what the server listens on, and how many connections there may be. All of it is the
 * owner's. */
#ifndef HARK_COMMAND_SERVER_LISTENERS_H
#define HARK_COMMAND_SERVER_LISTENERS_H

#include "server/workers.h"

struct listeners;

/* One socket that is listened on. */
struct listener {
    struct hark_listener socket;
    struct listeners *listeners;
    const struct protocol *protocol;
    struct hark_address address;
    const char *text; /* as the options have it; listeners of one name have one text */
    bool named;       /* the address was looked up */
    bool guarded;     /* requests for hosts that nobody named are refused */
    bool plain;       /* no TLS, whatever others have */
    bool secure;      /* it has TLS */
    bool open;
    int inherited; /* a socket that listens already; 0: none */
};

/* Zeroed at first; private but for `all` and `count`. */
struct listeners {
    struct listener *all;
    size_t count;
    struct workers *workers;
    size_t next;         /* the one to be opened next */
    uint64_t patient_ns; /* until when an address may be in use */
    struct hark_op again;
    void (*opened)(struct listeners *listeners, int code);
    void (*failed)(struct listeners *listeners, int code);
};

/* Makes the listeners that the options name, none open yet; names are looked up, which may block.
 * Gives: 0, or an exit code: it has then said why; listeners_done in either case. */
int listeners_look_up(struct listeners *listeners, const struct serve_options *options);

/* Opens every listener, then calls opened, maybe from inside this call. The owner's `accepted`
 * counts what is open.
 * Takes: opened: code: 0, or an exit code: it has then said why. failed: one cannot accept any
 *   more, and has said why. */
void listeners_open(struct listeners *listeners, struct workers *workers,
                    void (*opened)(struct listeners *listeners, int code),
                    void (*failed)(struct listeners *listeners, int code));

/* Stops accepting. */
void listeners_close(struct listeners *listeners);

/* Frees their memory. */
void listeners_done(struct listeners *listeners);

/* Raises the limit of descriptors as far as it may be. */
void listeners_raise_limit(void);

/* What that limit leaves for connections. */
uint64_t listeners_connections_max(const struct listeners *listeners,
                                   const struct workers *workers);

#endif
