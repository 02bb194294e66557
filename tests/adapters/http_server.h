/* http_server.h - as much of an HTTP server as test_curl.c needs, on hark's streams, in the loop of
 * the test. What it does stands in the path:
 *
 *     /bytes/N    N bytes, and the connection is kept
 *     /short/N    N bytes of twice as many that were announced, then the end
 *     /close/N    N bytes, and the connection is closed
 *     /gone       closes the connection without an answer
 *     POST /      how many bytes came
 *     /never      takes the request, and answers nothing */
#ifndef ADAPTERS_HTTP_SERVER_H
#define ADAPTERS_HTTP_SERVER_H

#include "adapters/peers.h"
#include "harness/harness.h"

#include <stdlib.h>
#include <string.h>

enum { HTTP_BODY_MAX = 8 << 20 };

struct http_server {
    struct peers peers;
    char *body;
    int requests;
};

void http_start(struct hark_loop *loop, struct http_server *server);

/* After peers_end, and once the loop has run. */
void http_done(struct http_server *server);

#endif
