/* permission.c - a token is looked at once for a connection, and what he may do when he says what,
 * and again when other rules hold. */
#include "lines/permission.h"

#include "broker/stream.h"
#include "connection/visitor.h"

enum { NS_PER_SECOND = 1000000000 };

const char *lines_authenticate(struct lines_connection *lines, const struct lines_command *command)
{
    struct connection *connection = &lines->connection;
    struct access *access = &connection->worker->access;
    if (lines->authenticated)
        return "AUTH was said before";
    lines->authenticated = true;
    if (!access->rules)
        return NULL;
    switch (access_take_token(access, command->token, command->token_count,
                              hark_os_wall_clock(connection->worker->loop) / NS_PER_SECOND,
                              &lines->who)) {
    case ACCESS_KNOWN:
        return NULL;
    case ACCESS_LATE:
        visitor_refused(connection, REFUSAL_EXPIRED);
        return VISITOR_EXPIRED;
    case ACCESS_UNKNOWN:
        break;
    }
    return visitor_failed(connection) != 0
               ? "too many tokens that nobody knows came from this address: " LINES_LATER
               : "nobody knows this token";
}

static bool allows(const struct lines_connection *lines, enum access_verb verb)
{
    return access_allow(&lines->connection.worker->access, &lines->who, verb,
                        broker_stream_name(lines->stream));
}

static bool may(struct lines_connection *lines, enum lines_verb verb)
{
    if (verb == LINES_SUB)
        return allows(lines, ACCESS_READ);
    lines->publishing.present = !allows(lines, ACCESS_CREATE);
    return allows(lines, ACCESS_APPEND);
}

const char *lines_permit(struct lines_connection *lines, enum lines_verb verb)
{
    struct connection *connection = &lines->connection;
    if (!connection->worker->access.rules)
        return NULL;
    const struct access_who visitor = visitor_of(connection);
    lines->who.has_uid = visitor.has_uid;
    lines->who.uid = visitor.uid;
    if (may(lines, verb))
        return NULL;
    bool stranger = !lines->who.has_token && !lines->who.bearer && !lines->who.has_uid;
    visitor_refused(connection, stranger ? REFUSAL_STRANGER : REFUSAL_FORBIDDEN);
    return stranger ? "this needs a token: AUTH TOKEN goes before it" : LINES_FORBIDDEN;
}

bool lines_permitted(struct lines_connection *lines)
{
    return may(lines, lines->mode == LINES_MODE_SUBSCRIBE ? LINES_SUB : LINES_PUB);
}
