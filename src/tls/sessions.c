/* sessions.c - see the header. */
#include "tls/sessions.h"

#include <stdlib.h>
#include <string.h>

bool sessions_may_resume(SSL_SESSION *session)
{
    const X509 *peer = SSL_SESSION_get0_peer(session);
    return !peer || X509_cmp_current_time(X509_get0_notAfter(peer)) > 0;
}

static int place_of(const struct sessions *sessions, const char *name)
{
    for (int i = 0; i < SESSIONS_MAX; i++)
        if (sessions->row[i].session && strcmp(sessions->row[i].name, name) == 0)
            return i;
    return -1;
}

static SSL_SESSION *take_out(struct sessions *sessions, int at)
{
    SSL_SESSION *session = sessions->row[at].session;
    free(sessions->row[at].name);
    sessions->row[at].name = NULL;
    sessions->row[at].session = NULL;
    return session;
}

SSL_SESSION *sessions_take(struct sessions *sessions, const char *name)
{
    int at = place_of(sessions, name);
    SSL_SESSION *session = at >= 0 ? sessions->row[at].session : NULL;
    if (!session)
        return NULL;
    if (!sessions_may_resume(session)) {
        SSL_SESSION_free(take_out(sessions, at));
        return NULL;
    }
    if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION ||
        !SSL_SESSION_is_resumable(session))
        return take_out(sessions, at);
    SSL_SESSION_up_ref(session); /* no new ticket comes for it */
    return session;
}

void sessions_put(struct sessions *sessions, const char *name, SSL_SESSION *session)
{
    char *copy = strdup(name);
    int before = place_of(sessions, name);
    if (before >= 0)
        SSL_SESSION_free(take_out(sessions, before));
    if (!copy) {
        SSL_SESSION_free(session);
        return;
    }
    unsigned at = 0;
    while (at < SESSIONS_MAX && sessions->row[at].session)
        at++;
    if (at == SESSIONS_MAX)
        at = sessions->next++ % SESSIONS_MAX;
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
