/* host.h - which hosts a request may be for. */
#ifndef HARK_COMMAND_HTTP_HOST_H
#define HARK_COMMAND_HTTP_HOST_H

#include "connection/options.h"
#include "hark.h"

/* Whether an address is one of this machine alone: 127.0.0.0/8 or ::1. */
bool host_is_loopback(const struct hark_address *address);

/* Whether a request for this host is answered where hosts are looked at.
 * Takes: host: a valid Host, with or without a port; "": none was sent.
 * Gives: true for addresses, localhost, and names that the options give. */
bool host_allowed(const struct connection_options *options, const char *host);

#endif
