/* http_request.h - the memory of a request that is being read. For the parsers of this folder
 * alone. */
#ifndef HARK_COMMAND_WIRE_HTTP_REQUEST_H
#define HARK_COMMAND_WIRE_HTTP_REQUEST_H

#include "wire/http_second.h"
#include "wire/http_target.h"

struct http_parts {
    struct http_fields fields;
    struct http_chunks chunks;
    struct http_second second;
    size_t target; /* the target's place in the head */
    size_t target_count;
    bool no_memory;
};

#endif
