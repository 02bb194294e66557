/* os_process.h - what a process is, may have and has used: plain calls that never wait.
 *
 * They take no loop, and the rules of os_descriptor.h hold: any thread may make them, and no loop
 * counts them.
 *
 * Gives, unless it says otherwise: 0; a negative errno as the system call of that name would. What
 *   comes back through a pointer is written on success alone.
 * Thread: any.
 */
#ifndef HARK_OS_PROCESS_H
#define HARK_OS_PROCESS_H

#include "base.h"
#include <sys/types.h>

HARK_BEGIN

struct rlimit;
struct rusage;
struct sigaction;

/* getpid(2). */
HARK_API pid_t hark_os_getpid(void);

/* getrlimit(2), setrlimit(2); sizes as in hark_os_fstat.
 * Takes: resource: RLIMIT_NOFILE and the like.
 * Fails: -EINVAL there is no such resource, or the limit is above the most; -EPERM the most would
 *   be raised. */
HARK_API int hark_os_getrlimit(int resource, struct rlimit *out_limit);
HARK_API int hark_os_setrlimit(int resource, const struct rlimit *limit);

/* getrusage(2); sizes as in hark_os_fstat.
 * Takes: who: RUSAGE_SELF, RUSAGE_THREAD, RUSAGE_CHILDREN.
 * Fails: -EINVAL. */
HARK_API int hark_os_getrusage(int who, struct rusage *out_usage);

/* secure_getenv(3): a variable of the environment.
 * Gives: its text, which stays as long as nobody changes the environment; NULL: it is not set, or
 *   the program has more rights than whoever started it. */
HARK_API const char *hark_os_getenv(const char *name);

/* sigaction(2). Signals as events of a loop are hark_signal_each's.
 * Takes: action: NULL to ask alone; out_former: NULL if nobody asks.
 * Fails: -EINVAL no signal, or one that cannot be caught. */
HARK_API int hark_os_sigaction(int number, const struct sigaction *action,
                               struct sigaction *out_former);

/* clock_gettime(2), in nanoseconds.
 * Takes: clock: CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_REALTIME_COARSE: one that there always is.
 * Gives: the time. */
HARK_API uint64_t hark_os_clock_gettime(int clock);

HARK_END

#endif
