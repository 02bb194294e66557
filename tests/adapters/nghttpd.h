/* nghttpd.h - nghttp2's own server, as a process of the test's: HTTP/2 in plain, by prior
 * knowledge, on a port of 127.0.0.1 that the kernel chooses; it serves the files of the test's
 * directory. */
#ifndef ADAPTERS_NGHTTPD_H
#define ADAPTERS_NGHTTPD_H

#include "harness/harness.h"

struct nghttpd {
    pid_t pid;
    struct hark_address address;
};

/* Starts it, and waits until it listens; skips the test where it is not installed. */
void nghttpd_start(struct nghttpd *server);
void nghttpd_kill(struct nghttpd *server);

#endif
