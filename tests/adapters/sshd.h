/* sshd.h - OpenSSH's server, a process for each connection, with keys that are made for the
 * test. */
#ifndef ADAPTERS_SSHD_H
#define ADAPTERS_SSHD_H

#include "harness/harness.h"

struct sshd {
    char user[64];         /* whom it lets in */
    char key[256];         /* by this file, whose other half is KEY.pub */
    char strange_key[256]; /* and not by this one */
    char configuration[256];
};

/* Makes keys and configuration; skips the test where there is no server. */
void sshd_make(struct sshd *sshd);

/* Starts one for a connection over TCP.
 * Gives: the client's socket, non-blocking; *out_pid: its process. */
int sshd_connect(struct hark_loop *loop, const struct sshd *sshd, pid_t *out_pid);

/* Waits for its end, or brings it about. */
void sshd_wait(pid_t pid);
void sshd_kill(pid_t pid);

#endif
