/* numbers.h - the numbers that a library's sockets get: the tests of this folder are about those
 * that come again. And a port that refuses. */
#ifndef ADAPTERS_NUMBERS_H
#define ADAPTERS_NUMBERS_H

#include "harness/harness.h"

/* How often one came again. */
extern unsigned numbers_again;

/* The library has opened a socket. */
void numbers_note(int fd);

/* A port of 127.0.0.1 that refuses, and is nobody else's as long as *out_fd is open.
 * Takes: type: SOCK_STREAM, whose socket does not listen; SOCK_DGRAM, whose socket takes nothing
 *   but from itself. */
uint16_t numbers_refusing_port(int type, int *out_fd);

#endif
