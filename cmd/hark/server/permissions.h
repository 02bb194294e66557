/* permissions.h - the rules of --tokens: the same for all threads, and others without a restart. */
#ifndef HARK_COMMAND_SERVER_PERMISSIONS_H
#define HARK_COMMAND_SERVER_PERMISSIONS_H

#include "server/reload.h"

enum { PERMISSIONS_WHY_BYTES = 256 };

/* The owner's, zeroed at first; all private. */
struct permissions {
    struct workers *workers;
    struct access_rules *rules; /* those that hold */
    struct access_rules *fresh; /* those that come; then those that were */
    char why[PERMISSIONS_WHY_BYTES];
    struct reload reload;
};

/* Reads the rules that the options name, and gives them to each worker; nothing happens where they
 * name none. It reads a file: before the loops run.
 * Gives: 0, or an exit code: it has then said why. */
int permissions_open(struct permissions *permissions, struct workers *workers);

/* Reads them anew at each SIGHUP; connections that may not go on are ended. What cannot be used is
 * told in a line, and those of before stay. */
void permissions_watch(struct permissions *permissions);

/* No more of that. */
void permissions_close(struct permissions *permissions);

/* Takes: one whose loops have ended. */
void permissions_done(struct permissions *permissions);

#endif
