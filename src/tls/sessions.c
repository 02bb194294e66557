/* sessions.c - see the header. */
#include "tls/sessions.h"

#include <stdlib.h>
#include <string.h>

SSL_SESSION *sessions_take(struct sessions *sessions, const char *name)
{
    for (unsigned i = 0; i < SESSIONS_MAX; i++) {
        SSL_SESSION *session = sessions->row[i].session;
        if (!session || strcmp(sessions->row[i].name, name) != 0)
            continue;
        free(sessions->row[i].name);
        sessions->row[i].name = NULL;
        sessions->row[i].session = NULL;
        return session;
    }
    return NULL;
}

void sessions_put(struct sessions *sessions, const char *name, SSL_SESSION *session)
{
    char *copy = strdup(name);
    SSL_SESSION_free(sessions_take(sessions, name));
    if (!copy) {
        SSL_SESSION_free(session);
        return;
    }
    unsigned at = sessions->next++ % SESSIONS_MAX;
    free(sessions->row[at].name);
    SSL_SESSION_free(sessions->row[at].session);
    sessions->row[at].name = copy;
    sessions->row[at].session = session;
}

void sessions_clear(struct sessions *sessions)
{
    for (unsigned i = 0; i < SESSIONS_MAX; i++) {
        free(sessions->row[i].name);
        SSL_SESSION_free(sessions->row[i].session);
        sessions->row[i].name = NULL;
        sessions->row[i].session = NULL;
    }
}
