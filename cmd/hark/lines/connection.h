/* connection.h - connections that speak lines (wire/lines.h). */
#ifndef LINES_CONNECTION_H
#define LINES_CONNECTION_H

#include "connection/connection.h"

extern const struct protocol lines_protocol;

#endif
