/* answer.h - what is said on the lines port besides events. */
#ifndef HARK_COMMAND_LINES_ANSWER_H
#define HARK_COMMAND_LINES_ANSWER_H

#include "lines/lines.h"

#define LINES_NO_MEMORY "out of memory: " LINES_LATER

/* Says "ERR reason" and closes. */
void lines_refuse(struct lines_connection *lines, const char *reason);

/* Says an id in a line of its own. */
void lines_answer_id(struct lines_connection *lines, uint64_t id);

#endif
