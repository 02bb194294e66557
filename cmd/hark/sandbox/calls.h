/* calls.h - which system calls a process may make from here on: a filter of seccomp(2), for all of
 * its threads. */
#ifndef HARK_COMMAND_SANDBOX_CALLS_H
#define HARK_COMMAND_SANDBOX_CALLS_H

/* Leaves what a server needs that runs: files, sockets, memory, threads, its own signals, the rings
 * that it has. Others are answered with EPERM, among them those that start programs, look at other
 * processes, change who one is or what is mounted, and make memory executable that can be written;
 * calls that are newer than the list with ENOSYS, so that a library goes the older way. The
 * kernel's audit is told of each, where it listens.
 * Takes: privileges have been renounced (privileges_renounce). All threads that there are are
 *   bound, and those that come.
 * Gives: 0.
 * Fails: -EOPNOTSUPP this hark was built without libseccomp; -EINVAL, -ENOSYS the kernel has no
 *   filters; -ENOMEM. Nothing is restricted then. */
int calls_restrict(void);

#endif
