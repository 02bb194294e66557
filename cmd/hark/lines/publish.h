/* publish.h - PUB: lines become events. */
#ifndef HARK_COMMAND_LINES_PUBLISH_H
#define HARK_COMMAND_LINES_PUBLISH_H

#include "lines/lines.h"

/* Whether one more event can be taken. */
bool lines_publish_may(const struct lines_connection *lines);

/* Takes an event; it is published with those around it by the next flush.
 * Gives: 0.
 * Fails: -ENOMEM. */
int lines_publish_add(struct lines_connection *lines, const char *bytes, size_t count);

/* Publishes what was taken. */
void lines_publish_flush(struct lines_connection *lines);

/* Frees all batches.
 * Takes: a connection with no event in flight. */
void lines_publish_done(struct lines_connection *lines);

#endif
