/* visitor.h - who is at the other end of a connection, and what becomes of those who show what
 * nobody knows. */
#ifndef HARK_COMMAND_CONNECTION_VISITOR_H
#define HARK_COMMAND_CONNECTION_VISITOR_H

#include "connection/connection.h"

/* Who it is without a token: a process of this machine over a unix socket, or nobody in
 * particular. */
struct access_who visitor_of(struct connection *connection);

/* A token, or a signature, was shown that nobody knows: counts it.
 * Gives: 0; else the address has done so too often, and after so many seconds it may try again. */
unsigned visitor_failed(struct connection *connection);

/* Counts what somebody was refused for another reason. */
static inline void visitor_refused(struct connection *connection, enum access_refusal why)
{
    connection->worker->counters.refusals[why]++;
}

#define VISITOR_FLOODS "this address asks for too much in a second: try again later"

/* For visitor_asks alone. */
unsigned visitor_asks_counted(struct connection *connection, uint64_t bytes);

/* A request comes, or a line that is published, with so many bytes: counts it.
 * Gives: 0; else its address has asked for too much, and after so many seconds it may again. */
static inline unsigned visitor_asks(struct connection *connection, uint64_t bytes)
{
    return connection->worker->rates ? visitor_asks_counted(connection, bytes) : 0;
}

/* So many bytes have come with a request that was counted before. */
void visitor_brings(struct connection *connection, uint64_t bytes);

#define VISITOR_EXPIRED "this token is not good now: it has expired, or is for later"

/* When somebody's time is over, on the loop's clock; HARK_NEVER: it has no end. */
uint64_t visitor_until(struct connection *connection, const struct access_who *who);

/* Whether it is over. */
static inline bool visitor_expired(struct connection *connection, const struct access_who *who)
{
    return who->bearer && visitor_until(connection, who) <= hark_now(connection->worker->loop);
}

/* Has the connection's deadline pass at that time: nothing else uses it from now on. */
void visitor_expires(struct connection *connection, const struct access_who *who);

#endif
