/* target.h - where webhooks may go: which URLs are taken, and which addresses are connected to.
 *
 * The URL alone does not tell: a name may stand for any address, and for another one the next time.
 * So each address is looked at when it is connected to.
 *
 * Thread, for every function here: any. */
#ifndef HARK_COMMAND_SUBSCRIPTIONS_TARGET_H
#define HARK_COMMAND_SUBSCRIPTIONS_TARGET_H

#include <stdbool.h>
#include <sys/socket.h>

/* Where they may go. */
enum target_reach {
    TARGET_PUBLIC, /* https, to addresses that the whole network has */
    TARGET_LOCAL,  /* http to this very machine as well: for development */
    TARGET_ANY,    /* http and https, to whatever address */
    TARGET_NONE,   /* nowhere */
};

enum { TARGET_URL_MAX = 2048 };

/* Looks at a URL.
 * Gives: NULL: it may be tried; or what is wrong with it. */
const char *target_check_url(enum target_reach reach, const char *url);

/* Whether that address may be connected to. */
bool target_allows(enum target_reach reach, const struct sockaddr *address);

#endif
