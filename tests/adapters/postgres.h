/* postgres.h - a real PostgreSQL server of the test's own, on a unix socket in its directory. */
#ifndef ADAPTERS_POSTGRES_H
#define ADAPTERS_POSTGRES_H

#include "harness/harness.h"

struct postgres {
    pid_t pid;
    char directory[256]; /* of its socket, for libpq: its host */
    char name[512];      /* libpq's words for how to reach it */
};

/* Makes its files, and starts it; skips the test where there is none. */
void postgres_make(struct postgres *server);
void postgres_start(struct postgres *server);

/* At once, with all its processes. */
void postgres_kill(struct postgres *server);

#endif
