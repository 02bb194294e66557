/* reload.h - files that are read anew at each SIGHUP: on a thread of the pool, for all workers in
 * one go, and each takes its own by mail, or none does. A signal that comes meanwhile has them read
 * once more.
 *
 * Thread, for every function here: the owner's. */
#ifndef HARK_COMMAND_SERVER_RELOAD_H
#define HARK_COMMAND_SERVER_RELOAD_H

#include "server/workers.h"

struct reload;

/* What is read, and what becomes of it. All but read and take are called on the owner's thread. */
struct reload_kind {
    size_t part_at; /* the place of its reload_part in struct server_worker */
    /* It begins. */
    void (*begin)(struct reload *reload);
    /* On a thread of the pool. Gives: 0; else a negative errno, and nothing is to be taken. */
    int (*read)(struct reload *reload);
    /* On each worker's thread. */
    void (*take)(struct reload *reload, struct server_worker *own);
    /* All have taken it. */
    void (*taken)(struct reload *reload);
    /* It could not be read. */
    void (*failed)(struct reload *reload, int error);
    /* It was read, and the server ends: nobody takes it. */
    void (*dropped)(struct reload *reload);
};

/* In the owner's memory, zeroed at first. All private. */
struct reload {
    const struct reload_kind *kind;
    struct workers *workers;
    struct hark_op signal;
    struct hark_op read;
    uint32_t awaited; /* workers that have not taken it yet */
    bool running;
    bool again;  /* the files may have changed since it began */
    bool closed; /* the server ends: nothing more is taken */
};

/* From now on at each SIGHUP. */
void reload_watch(struct reload *reload, const struct reload_kind *kind, struct workers *workers);

/* No more. Takes: one that may not be watched. */
void reload_close(struct reload *reload);

#endif
