/* permission.h - who speaks on the lines port, and what he may do, by the rules of --tokens. */
#ifndef HARK_COMMAND_LINES_PERMISSION_H
#define HARK_COMMAND_LINES_PERMISSION_H

#include "lines/lines.h"

#define LINES_FORBIDDEN "the rules of this server do not allow it"

/* AUTH, once. Without rules anything is taken. Gives: NULL, or what is wrong. */
const char *lines_authenticate(struct lines_connection *lines, const struct lines_command *command);

/* Whether a command may be followed.
 * Takes: a connection whose stream is open. Gives: NULL, or why not. */
const char *lines_permit(struct lines_connection *lines, enum lines_verb verb);

/* The same of one that publishes or subscribes already. */
bool lines_permitted(struct lines_connection *lines);

#endif
