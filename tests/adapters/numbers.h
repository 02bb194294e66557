/* numbers.h - the numbers that a library's sockets get: the tests of this folder are about those
 * that come again. And a port that refuses. */
#ifndef ADAPTERS_NUMBERS_H
#define ADAPTERS_NUMBERS_H

#include "harness/harness.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NUMBERS = 4096 };

static unsigned numbers_times[NUMBERS];
static unsigned numbers_again;

/* The library has opened a socket. */
__attribute__((unused)) static void numbers_note(int fd)
{
    assert_in_range(fd, 0, NUMBERS - 1);
    if (numbers_times[fd]++)
        numbers_again++;
}

/* A port of 127.0.0.1 that refuses, and is nobody else's as long as *out_fd is open.
 * Takes: type: SOCK_STREAM, whose socket does not listen; SOCK_DGRAM, whose socket takes nothing
 *   but from itself. */
__attribute__((unused)) static uint16_t numbers_refusing_port(int type, int *out_fd)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    *out_fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*out_fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(getsockname(*out_fd, (struct sockaddr *)&name, &length), 0);
    if (type == SOCK_DGRAM)
        assert_int_equal(connect(*out_fd, (struct sockaddr *)&name, sizeof name), 0);
    return ntohs(name.sin_port);
}

#endif
