/* subscribe.h - SUB: the connection becomes a subscriber of its stream. */
#ifndef HARK_COMMAND_LINES_SUBSCRIBE_H
#define HARK_COMMAND_LINES_SUBSCRIBE_H

#include "lines/lines.h"

/* Begins, now or when the stream is followed.
 * Takes: a connection whose stream is open. */
void lines_subscribe(struct lines_connection *lines, const struct lines_command *command);

/* The peer has ended its side: it may still read. */
void lines_subscribe_half_closed(struct lines_connection *lines);

#endif
