/* connection.h - connections that speak HTTP/1.1. */
#ifndef HARK_COMMAND_HTTP_CONNECTION_H
#define HARK_COMMAND_HTTP_CONNECTION_H

#include "connection/connection.h"

extern const struct protocol http_protocol;

#endif
