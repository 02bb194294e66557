/* sign.h - POST /sign/NAME: a URL by which a stream can be read for a short time without a token,
 * for those who cannot send one. */
#ifndef HARK_COMMAND_HTTP_SIGN_H
#define HARK_COMMAND_HTTP_SIGN_H

#include "http/http.h"

/* Answers the request that was read. */
void sign_url(struct http_connection *http, const struct exchange *exchange);

#endif
