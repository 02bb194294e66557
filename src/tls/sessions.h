/* sessions.h - what a client remembers of servers, to resume a session: one for each name, of the
 * newest names. Those of TLS 1.3 are used once (RFC 8446, C.4). */
#ifndef TLS_SESSIONS_H
#define TLS_SESSIONS_H

#include <openssl/ssl.h>
#include <stdbool.h>

enum { SESSIONS_MAX = 64 };

struct sessions {
    struct {
        char *name;
        SSL_SESSION *session;
    } row[SESSIONS_MAX];
    unsigned next; /* which is forgotten next */
};

/* Whether the certificate that its peer has shown, if any, is still valid. */
bool sessions_may_resume(SSL_SESSION *session);

/* Keeps a session, which is the cache's from here on. Without memory it is forgotten. */
void sessions_put(struct sessions *sessions, const char *name, SSL_SESSION *session);

/* Takes the session of a name, out of the cache if it is to be used once.
 * Gives: NULL: there is none; else it is the caller's, to be given to SSL_SESSION_free. */
SSL_SESSION *sessions_take(struct sessions *sessions, const char *name);

void sessions_clear(struct sessions *sessions);

#endif
