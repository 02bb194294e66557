/* faults.c - the calls of kernel.h, each the real one with the faults before it.
 *
 * Where the calls of a fault are not named, what the kernel cannot do is not done: a close that
 * fails has closed, and what cannot fail does not. Of an interruption it is so for each fault: only
 * what waits can be interrupted, and a connection that was begun goes on. */
#include "fault/faults.h"
#include "drift/record.h"

#include <string.h>

enum { FAULTS = 16, WAITS = 40 };

static struct standing {
    atomic_bool stands;
    struct fault fault;
    pthread_t thread;
    atomic_uint_fast64_t seen, met, waits;
    const char *_Atomic first;
} standing[FAULTS];

/* --- beginning and ending --- */

/* The place that was left last is taken last: a thread may still look at what stood there. */
int fault_begin(const struct fault *fault)
{
    static atomic_uint begun;
    int number = (int)(atomic_fetch_add(&begun, 1) % FAULTS);
    for (int tried = 0; atomic_load(&standing[number].stands); tried++) {
        assert_true(tried < FAULTS);
        number = (number + 1) % FAULTS;
    }
    struct standing *one = &standing[number];
    one->fault = *fault;
    one->fault.times += fault->times == 0;
    one->thread = pthread_self();
    atomic_store(&one->seen, 0);
    atomic_store(&one->met, 0);
    atomic_store(&one->waits, 0);
    atomic_store(&one->first, NULL);
    atomic_store(&one->stands, true);
    return number;
}

void fault_end(int number)
{
    atomic_store(&standing[number].stands, false);
}

uint64_t fault_seen(int number)
{
    return atomic_load(&standing[number].seen);
}

uint64_t fault_met(int number)
{
    return atomic_load(&standing[number].met);
}

const char *fault_met_first(int number)
{
    return atomic_load(&standing[number].first);
}

/* --- meeting one --- */

/* Whether a name is one of a list of words. */
static bool is_among(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; (at = strstr(at, name)); at += length)
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

/* The waits repeat for as long as a run lasts: only the first of them count. */
static bool is_late_wait(struct standing *one, const char *name)
{
    return is_among("kernel_epoll_pwait2 kernel_ppoll kernel_pselect kernel_io_uring_enter",
                    name) &&
           atomic_fetch_add(&one->waits, 1) >= WAITS;
}

/* Signals of a valid number are caught and blocked always, memory goes back always, and the wake-up
 * of a loop is 8 bytes for which there is always room. */
static bool cannot_fail(const char *name, size_t count)
{
    return is_among("kernel_munmap kernel_sigaction kernel_sigmask kernel_sigtimedwait", name) ||
           (count == sizeof(uint64_t) && is_among("kernel_write", name));
}

static bool fits(struct standing *one, const char *name, int fd, size_t count, bool interruptible)
{
    const struct fault *fault = &one->fault;
    if (fault->error == -EINTR && !interruptible)
        return false;
    if ((fault->fd && fault->fd != fd) ||
        (fault->this_thread && !pthread_equal(one->thread, pthread_self())))
        return false;
    if (fault->calls)
        return is_among(fault->calls, name);
    return !cannot_fail(name, count) && !is_late_wait(one, name);
}

static bool meets(struct standing *one, const char *name)
{
    uint64_t number = atomic_fetch_add(&one->seen, 1);
    bool chosen = one->fault.chooses
                      ? one->fault.chooses()
                      : number >= one->fault.after && number - one->fault.after < one->fault.times;
    if (chosen && atomic_fetch_add(&one->met, 1) == 0)
        atomic_store(&one->first, name);
    return chosen;
}

/* A number that is closed is soon another file's, which the fault is not about. */
static void forget(int fd)
{
    for (struct standing *one = standing; one < standing + FAULTS; one++)
        if (atomic_load(&one->stands) && one->fault.fd == fd && one->fault.calls &&
            !is_among(one->fault.calls, "kernel_close"))
            atomic_store(&one->stands, false);
}

/* The fault that a call meets, or NULL. */
static const struct fault *met_by(const char *name, int fd, size_t count, bool interruptible)
{
    if (fd > 0 && is_among("kernel_close", name))
        forget(fd);
    for (int number = 0; number < FAULTS; number++) {
        struct standing *one = &standing[number];
        if (!atomic_load(&one->stands) || !fits(one, name, fd, count, interruptible) ||
            !meets(one, name))
            continue;
        if (one->fault.before)
            one->fault.before(one->fault.context);
        return &one->fault;
    }
    return NULL;
}

static bool is_made(const struct fault *fault, const char *name)
{
    return !fault || !fault->error || fault->made || is_among("kernel_close", name) ||
           (fault->error == -EINTR && is_among("kernel_connect", name));
}

/* Only what the kernel was made to do can be kept back. */
static int64_t outcome(const struct fault *fault, const char *name, int64_t value)
{
    if (!fault || !fault->error)
        return value;
    if (fault->error == -EINTR && is_among("kernel_connect", name) && value != -EINPROGRESS)
        return value;
    return is_among("kernel_close", name) && value < 0 ? value : fault->error;
}

/* --- clocks --- */

static struct {
    _Atomic(int64_t) ahead_ns;
    _Atomic(uint64_t) stands_ns; /* 0: it goes */
} clocks[CLOCK_BOOTTIME + 1];

void fault_clock_ahead(clockid_t clock, int64_t ns)
{
    atomic_store(&clocks[clock].ahead_ns, ns);
}

void fault_clock_stands(clockid_t clock, uint64_t at_ns)
{
    atomic_store(&clocks[clock].stands_ns, at_ns);
}

static void tell_time(clockid_t clock, struct timespec *out_time)
{
    const uint64_t second_ns = 1000000000;
    clock_gettime(clock, out_time);
    uint64_t ns = atomic_load(&clocks[clock].stands_ns);
    if (ns == 0)
        ns = (uint64_t)out_time->tv_sec * second_ns + (uint64_t)out_time->tv_nsec;
    ns += (uint64_t)atomic_load(&clocks[clock].ahead_ns);
    *out_time = (struct timespec){(time_t)(ns / second_ns), (long)(ns % second_ns)};
}

/* --- the calls --- */

static void shorten(const struct fault *fault, size_t *count)
{
    if (fault && fault->at_most && fault->at_most < *count)
        *count = fault->at_most;
}

static void leave(const struct fault *fault, const void *other)
{
    (void)fault, (void)other;
}

/* The parameters of the call are met by their names. One without a descriptor, or without a count,
 * has these. */
#pragma GCC diagnostic ignored "-Wshadow"
static int fd = -1;
static int count;

#define SHORTEN(fault) _Generic(&count, size_t * : shorten, default : leave)(fault, &count)

#define KERNEL_FAULTY(call, interruptible)                                                         \
    __extension__({                                                                                \
        const struct fault *kernel_fault = met_by(__func__, fd, (size_t)count, interruptible);     \
        const char *kernel_kind = record_is_on() ? record_kind(fd) : NULL;                         \
        int64_t kernel_value = 0;                                                                  \
        if (is_made(kernel_fault, __func__)) {                                                     \
            SHORTEN(kernel_fault);                                                                 \
            kernel_value = (call);                                                                 \
            kernel_value = kernel_value < 0 ? -errno : kernel_value;                               \
        }                                                                                          \
        if (kernel_kind && !kernel_fault)                                                          \
            record_call(__func__ + sizeof "kernel", kernel_kind, kernel_value);                    \
        outcome(kernel_fault, __func__, kernel_value);                                             \
    })
#define KERNEL_ONCE(call)               KERNEL_FAULTY(call, false)
#define KERNEL_ONCE_INTERRUPTIBLE(call) KERNEL_FAULTY(call, true)

#define clock_gettime(clock, time) tell_time(clock, time)
#define KERNEL_NO_TICKS            /* of that time */

/* A program's own definition of a call stands before the one here. */
#undef KERNEL_INLINE
#define KERNEL_INLINE __attribute__((weak))
#include "kernel/linux.h"
