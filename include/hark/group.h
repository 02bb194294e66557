/* group.h - one loop for each core, each on a thread of its own.
 *
 * The loops of a group share nothing: what one of them started, and every descriptor that it uses,
 * stays with its thread. They speak by messages (hark_message, post.h), and a connection goes from
 * one to another by hark_detach or hark_stream_detach and a message. The thread that makes the
 * group is the first loop's; the others have threads of the group's, which block all signals, so
 * that the program's own handlers run where they always did.
 *
 * What needs no thread of its own is done before the run, on the first loop's thread: reading a
 * configuration, listening (hark_group_listen), signals. */
#ifndef HARK_GROUP_H
#define HARK_GROUP_H

#include "address.h"
#include "loop.h"

HARK_BEGIN

struct hark_group;

/* How a group is made. All zero is the default. */
struct hark_group_options {
    struct hark_options loop; /* each of its loops */
    uint32_t loops; /* how many; 0: one for each CPU that the process may use; at most 1024 */
    bool pin; /* each thread stays on one CPU, the CPUs in turn; the calling thread only while it
                 runs the group */
};

/* Called on each loop's own thread, directly before that loop runs: starts its first ops. index: 0
 * to the group's size - 1.
 * Gives: 0; a negative errno: that loop does not run, the others are stopped, and hark_group_run
 *   gives it. */
typedef int hark_group_begin(struct hark_loop *loop, uint32_t index, void *context);

/* Makes the loops and their threads.
 * Takes: options, or NULL for the defaults.
 * Gives: 0 and *out_group; release it with hark_group_destroy.
 * Fails: -EINVAL more than 1024 loops; -EAGAIN a thread could not be started; -ENOMEM; as
 *   hark_loop_create, and with `pin` as sched_setaffinity(2): nothing is left behind. */
HARK_API int hark_group_create(const struct hark_group_options *options,
                               struct hark_group **out_group);

/* Releases the loops and ends their threads.
 * Takes: NULL: nothing happens.
 * Fails: -EBUSY an op is in flight on one of the loops, or the group runs: nothing has changed.
 *   After hark_group_stop ops are in flight: run the group once more with a begin that calls
 *   hark_cancel_all.
 * Thread: the one that made the group. */
HARK_API int hark_group_destroy(struct hark_group *group);

/* Runs all loops, each on its thread, and returns when all have ended. One whose ops have all ended
 * is done, whatever the others do; one that is there for messages alone holds an op, such as
 * hark_sleep_until(HARK_NEVER).
 * Takes: begin may be NULL. It may be called again once it has returned.
 * Gives: 0 no op is left on any loop; 1 hark_group_stop, or hark_stop on one of them.
 * Fails: with the first error of a begin or of hark_run, which stops the others; -EBUSY the group
 *   runs already.
 * Thread: the one that made the group. */
HARK_API int hark_group_run(struct hark_group *group, hark_group_begin *begin, void *context);

/* hark_stop on each loop: hark_group_run returns after the callbacks that are running. Called
 * before it, the next one returns at once (hark_stop on a single loop before the run is forgotten).
 * Thread: any, and signal handlers: async-signal-safe. */
HARK_API void hark_group_stop(struct hark_group *group);

/* How many loops it has.
 * Thread: any. */
HARK_API uint32_t hark_group_size(const struct hark_group *group);

/* The loop of that index, 0 to the size - 1; it is its own thread's, but for hark_message and
 * hark_post to it.
 * Thread: any. */
HARK_API struct hark_loop *hark_group_loop(const struct hark_group *group, uint32_t index);

/* Opens one listening socket for each loop, all at one address: the kernel spreads the connections
 * over them. Each loop adopts its own with hark_listener_adopt. The address is first taken alone
 * and then shared: if anybody has it, another group too, it is in use. Once it is shared, a
 * process of the same user that sets SO_REUSEPORT of its own accord can join. Port 0 takes a free
 * port, the same for all (hark_os_getsockname tells which). A unix socket has one queue: all get a
 * copy of its descriptor, and whichever loop comes first accepts.
 * Takes: backlog and flags as hark_listen_at; with HARK_LISTEN_REUSE_PORT it joins an address
 *   that processes of the user share already. out_fds: room for hark_group_size descriptors.
 * Gives: 0 and *out_fds, the caller's.
 * Fails: as hark_listen_at; -ENOMEM: nothing is left open.
 * Thread: the first loop's.
 * Backends: SO_REUSEPORT of socket(7). */
HARK_API int hark_group_listen(struct hark_group *group, const struct hark_address *address,
                               int backlog, unsigned flags, int *out_fds);

HARK_END

#endif
