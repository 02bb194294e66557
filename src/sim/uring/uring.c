/* uring.c - io_uring_setup(2), io_uring_enter(2), io_uring_register(2): the queues are plain memory
 * that the kernel and the process share. */
#include "sim/calls/call.h"
#include "sim/uring/uring_io.h"
#include "sim/uring/uring_submit.h"
#include "sim/world/luck.h"
#include "sim/world/seen.h"

#include <string.h>
#include <unistd.h>

enum {
    ENTRIES_MOST = 32768,
    SETUP_NO_SQARRAY = 1 << 16, /* newer than the headers of Linux 6.1, as what follows */
    FEATURE_NO_IOWAIT = 1 << 17,
    ENTER_NO_IOWAIT = 1 << 7,
    OPCODES = 64,
    LETS_GO_MOST_NS = 30000000, /* of what a process leaves */
    STOPS_SHORT_PER_MILLION = 2000,
    INTERRUPTED_PER_MILLION = 2000,
};

/* --- the file --- */

static void free_ring(struct ring *ring)
{
    request_end_all(ring);
    if (ring->event_file)
        file_release(ring->event_file);
    uring_queue_destroy(ring);
    memory_own_free(ring);
}

static void let_go(struct event *event)
{
    free_ring(hark_container_of(event, struct ring, end_event));
}

/* The kernel lets the requests go some time after the last descriptor, and with them the files that
 * they hold (io_ring_exit_work). */
static void uring_release(struct file *file)
{
    struct ring *ring = (struct ring *)file;
    events_remove(&world->events, &ring->work_event);
    request_detach_all(ring);
    ring->end_event.owner = ring->process->machine; /* at the latest with its power */
    ring->process = NULL;
    ring->buffers = NULL;
    ring->end_event.happen = let_go;
    ring->end_event.drop = let_go;
    events_set(&world->events, &ring->end_event,
               world->now_ns + chance_below(&world->chance, LETS_GO_MOST_NS));
}

/* Deferred work counts as well: io_has_work() in io_uring_poll(). */
static uint32_t uring_poll(struct file *file)
{
    const struct ring *ring = (struct ring *)file;
    bool has = uring_queue_completions(ring) > 0 || uring_queue_is_overflown(ring) ||
               (ring->setup_flags & IORING_SETUP_DEFER_TASKRUN && request_has_work(ring));
    return (has ? (uint32_t)(POLLIN | POLLRDNORM) : 0u) | POLLOUT | POLLWRNORM;
}

static void *uring_map(struct file *file, size_t bytes, int64_t offset)
{
    struct ring *ring = (struct ring *)file;
    bool sqes = offset == IORING_OFF_SQES;
    if (bytes > (sqes ? ring->sqes_bytes : ring->queues_bytes))
        return NULL;
    return sqes ? (void *)ring->sqes : (void *)ring->queues;
}

const struct file_kind uring_kind = {
    .name = "io_uring",
    .release = uring_release,
    .poll = uring_poll,
    .map = uring_map,
};

/* --- setup --- */

static unsigned power_of_two_from(unsigned least)
{
    unsigned power = 1;
    while (power < least)
        power *= 2;
    return power;
}

static unsigned known_flags(int version)
{
    unsigned flags = IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED |
                     IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN;
    flags |= version >= URING_SINGLE_ISSUER ? IORING_SETUP_SINGLE_ISSUER : 0;
    flags |= version >= URING_DEFER_TASKRUN ? IORING_SETUP_DEFER_TASKRUN : 0;
    flags |= version >= URING_NO_SQARRAY ? SETUP_NO_SQARRAY : 0;
    return flags;
}

static void work_is_due(struct event *event)
{
    request_work(hark_container_of(event, struct ring, work_event));
}

static int set_up(unsigned entries, struct io_uring_params *params)
{
    struct process *process = process_current();
    int version = process->machine->uring_version;
    bool defers = params->flags & IORING_SETUP_DEFER_TASKRUN;
    if (params->flags & ~known_flags(version) || entries == 0 ||
        (defers && !(params->flags & IORING_SETUP_SINGLE_ISSUER)) ||
        (entries > ENTRIES_MOST && !(params->flags & IORING_SETUP_CLAMP)))
        return -EINVAL;
    params->sq_entries = power_of_two_from(entries < ENTRIES_MOST ? entries : ENTRIES_MOST);
    params->cq_entries = params->flags & IORING_SETUP_CQSIZE ? power_of_two_from(params->cq_entries)
                                                             : 2 * params->sq_entries;
    if (params->cq_entries < params->sq_entries)
        return -EINVAL;
    params->features = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE |
                       IORING_FEAT_FAST_POLL | IORING_FEAT_EXT_ARG |
                       (version >= URING_NO_IOWAIT ? (unsigned)FEATURE_NO_IOWAIT : 0u);
    struct ring *ring = file_create(&uring_kind, sizeof *ring, O_RDWR);
    ring->actions = &uring_io_actions;
    ring->process = process;
    ring->version = version;
    ring->setup_flags = params->flags;
    ring->work_event.happen = work_is_due;
    if (!(params->flags & IORING_SETUP_R_DISABLED))
        ring->issuer = world->thread;
    uring_queue_create(ring, params);
    return descriptors_add_or_release(&process->descriptors, &ring->file, true);
}

int kernel_io_uring_setup(uint64_t *calls, unsigned entries, struct io_uring_params *params)
{
    return (int)CALL(calls, "io_uring_setup", -1, set_up(entries, params));
}

/* --- enter --- */

static struct ring *find_ring(int fd, unsigned flags, int *out_error)
{
    bool registered = flags & IORING_ENTER_REGISTERED_RING;
    struct thread *thread = world->thread;
    struct file *file = !registered                    ? call_file(fd)
                        : fd >= 0 && fd < THREAD_RINGS ? thread->rings[fd]
                                                       : NULL;
    *out_error = registered ? -EINVAL : -EBADF;
    if (file && file->kind != &uring_kind)
        *out_error = -EOPNOTSUPP;
    return file && file->kind == &uring_kind ? (struct ring *)file : NULL;
}

/* The kernel takes fewer where memory for requests lacks (io_submit_sqes). */
static int64_t submit(struct ring *ring, unsigned count)
{
    struct io_uring_sqe sqe;
    int64_t submitted = 0;
    while (submitted < count) {
        if (luck_fails(HARK_SIM_FAULT_RING, STOPS_SHORT_PER_MILLION))
            return submitted ? submitted : -EAGAIN;
        if (!uring_queue_take(ring, &sqe))
            break;
        uring_submit(ring, &sqe);
        submitted++;
    }
    return submitted;
}

static void bring_in(struct ring *ring)
{
    if (ring->setup_flags & IORING_SETUP_DEFER_TASKRUN)
        request_work(ring);
    uring_queue_flush(ring);
}

static int wait_for(struct ring *ring, unsigned wanted, uint64_t until_ns)
{
    unsigned enough = wanted < ring->cq_entries ? wanted : ring->cq_entries;
    seen_request(HARK_TRACE_KERNEL_RING_WAIT, ring->process, ring->file.number, 0, 0, 0);
    for (;;) {
        bring_in(ring);
        if (uring_queue_completions(ring) >= enough)
            return 0;
        if (luck_fails(HARK_SIM_FAULT_RING, INTERRUPTED_PER_MILLION))
            return -EINTR;
        if (until_ns <= world->now_ns)
            return -ETIME;
        int result = request_has_work(ring) && ring->setup_flags & IORING_SETUP_DEFER_TASKRUN
                         ? 0
                         : call_block(&ring->file, POLLIN, until_ns);
        if (result == -EINTR)
            return result;
    }
}

static uint64_t wait_until(unsigned flags, const void *argument, size_t count)
{
    if (!(flags & IORING_ENTER_EXT_ARG) || count < sizeof(struct io_uring_getevents_arg))
        return UINT64_MAX;
    const struct io_uring_getevents_arg *extended = argument;
    const struct __kernel_timespec *time = (void *)(uintptr_t)extended->ts; // NOLINT
    if (!time)
        return UINT64_MAX;
    struct timespec timeout = {time->tv_sec, (long)time->tv_nsec};
    return call_deadline(&timeout);
}

static int64_t enter(int fd, unsigned count, unsigned wanted, unsigned flags, const void *argument,
                     size_t argument_bytes)
{
    int error;
    struct ring *ring = find_ring(fd, flags, &error);
    if (!ring)
        return error;
    unsigned known = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | IORING_ENTER_REGISTERED_RING |
                     (ring->version >= URING_NO_IOWAIT ? (unsigned)ENTER_NO_IOWAIT : 0u);
    if (flags & ~known)
        return -EINVAL;
    if (ring->setup_flags & IORING_SETUP_R_DISABLED)
        return -EBADFD;
    if (ring->setup_flags & IORING_SETUP_SINGLE_ISSUER && ring->issuer != world->thread)
        return -EEXIST;
    call_hold(&ring->file);
    int64_t submitted = count > 0 ? submit(ring, count) : 0;
    int waited = 0;
    if (flags & IORING_ENTER_GETEVENTS && submitted >= 0 && submitted == count)
        waited = wait_for(ring, wanted, wait_until(flags, argument, argument_bytes));
    return submitted ? submitted : waited;
}

int kernel_io_uring_enter(uint64_t *calls, int fd, unsigned submitted, unsigned wait,
                          unsigned flags, const void *argument, size_t count)
{
    return (int)CALL(calls, "io_uring_enter", fd,
                     enter(fd, submitted, wait, flags, argument, count));
}

/* --- register --- */

static int tell_opcodes(const struct ring *ring, struct io_uring_probe *probe, unsigned room)
{
    probe->ops_len = 0;
    for (unsigned i = 0; i < room && i < OPCODES; i++) {
        bool has = uring_io_has(ring->version, i);
        probe->ops[i].op = (uint8_t)i;
        probe->ops[i].flags = has ? IO_URING_OP_SUPPORTED : 0;
        if (has) {
            probe->ops_len = (uint8_t)(i + 1);
            probe->last_op = (uint8_t)i;
        }
    }
    return 0;
}

static int register_buffers(struct ring *ring, const struct io_uring_buf_reg *registration)
{
    unsigned entries = registration->ring_entries;
    if (ring->buffers || registration->bgid != 0)
        return -EEXIST;
    if (entries == 0 || entries & (entries - 1) || entries > ENTRIES_MOST)
        return -EINVAL;
    ring->buffers = (void *)(uintptr_t)registration->ring_addr; // NOLINT: as the process wrote it
    ring->buffer_entries = entries;
    return 0;
}

static int register_ring(struct ring *ring, struct io_uring_rsrc_update *update)
{
    struct file **rings = world->thread->rings;
    for (unsigned i = 0; i < THREAD_RINGS; i++) {
        if (rings[i])
            continue;
        file_hold(&ring->file);
        rings[i] = &ring->file;
        update->offset = i;
        return 1;
    }
    return -EBUSY;
}

static int unregister_ring(const struct io_uring_rsrc_update *update)
{
    struct file **rings = world->thread->rings;
    if (update->offset >= THREAD_RINGS || !rings[update->offset])
        return -EINVAL;
    file_release(rings[update->offset]);
    rings[update->offset] = NULL;
    return 1;
}

static int enable(struct ring *ring)
{
    if (!(ring->setup_flags & IORING_SETUP_R_DISABLED))
        return -EBADFD;
    ring->setup_flags &= ~(unsigned)IORING_SETUP_R_DISABLED;
    ring->issuer = world->thread;
    return 0;
}

static int register_event_file(struct ring *ring, const int *fd)
{
    struct file *file = call_file(*fd);
    if (!file)
        return -EBADF;
    if (ring->event_file)
        return -EBUSY;
    file_hold(file);
    ring->event_file = file;
    ring->event_marked = false;
    return 0;
}

static int unregister_event_file(struct ring *ring)
{
    if (!ring->event_file)
        return -ENXIO;
    file_release(ring->event_file);
    ring->event_file = NULL;
    return 0;
}

static int register_something(int fd, unsigned operation, void *argument, unsigned count)
{
    int error;
    struct ring *ring = find_ring(fd, 0, &error);
    if (!ring)
        return error;
    switch (operation) {
    case IORING_REGISTER_PROBE:
        return tell_opcodes(ring, argument, count);
    case IORING_REGISTER_PBUF_RING:
        return register_buffers(ring, argument);
    case IORING_REGISTER_RING_FDS:
        return register_ring(ring, argument);
    case IORING_UNREGISTER_RING_FDS:
        return unregister_ring(argument);
    case IORING_REGISTER_ENABLE_RINGS:
        return enable(ring);
    case IORING_REGISTER_EVENTFD:
        return register_event_file(ring, argument);
    case IORING_UNREGISTER_EVENTFD:
        return unregister_event_file(ring);
    default:
        return -EINVAL;
    }
}

int kernel_io_uring_register(uint64_t *calls, int fd, unsigned operation, void *argument,
                             unsigned count)
{
    return (int)CALL(calls, "io_uring_register", fd,
                     register_something(fd, operation, argument, count));
}
