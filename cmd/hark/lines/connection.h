/* connection.h - connections that speak lines (wire/lines.h). */
#ifndef HARK_COMMAND_LINES_CONNECTION_H
#define HARK_COMMAND_LINES_CONNECTION_H

#include "connection/connection.h"

extern const struct protocol lines_protocol;

#endif
