/* tool.h - a program of others as the other side: a process with its standard input and output as a
 * stream. What is not installed is skipped. */
#ifndef TESTS_TLS_TOOL_H
#define TESTS_TLS_TOOL_H

#include "tls/meeting.h"

#include <signal.h>

struct tool {
    struct witness io;
    int pidfd;
    struct harness_op wait;
    siginfo_t end;
};

/* Takes: arguments: ends with NULL; the first is the program. */
void tool_start(struct hark_loop *loop, struct tool *tool, const char *const *arguments);

/* Waits for its end.
 * Gives: its exit code; a signal's number below 0. */
int tool_end(struct hark_loop *loop, struct tool *tool);

/* Starts openssl s_server on a port of 127.0.0.1 that the kernel chooses, for one connection, which
 * it answers each line of with that line turned round. It has the test's files server.pem and
 * server.key.
 * Takes: version: an option of its own. Gives: port, once it listens. */
void tool_start_s_server(struct hark_loop *loop, struct tool *tool, const char *version, char *port,
                         size_t room);

#endif
