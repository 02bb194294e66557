/* checking_list.c - the list of the ops in flight, and whether they are as they were started. For
 * the checking build alone.
 *
 * What must hold: of an op only that is compared which nobody but the program would change,
 * whatever the state, on whichever thread; and room to fill only where what the descriptor is
 * promises that no byte is touched beyond the count, and no other op in flight fills the same
 * place. */
#include "core/checking_list.h"
#include "core/loop.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

enum {
    LOOK_ALL = 64,    /* as many ops in flight are looked at all, between any two callbacks */
    LOOK_SOME = 16,   /* of more, so many, in turn */
    SHARE_MAX = 1024, /* ops in flight among which those are looked for that share memory */
};

/* --- the list --- */

int checking_init(struct hark_loop *loop)
{
    void *memory = NULL;
    if (kernel_mmap(NULL, sizeof *loop->checking, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                    0, &memory) < 0)
        return -ENOMEM;
    loop->checking = memory;
    return 0;
}

void checking_done(struct hark_loop *loop)
{
    if (loop->checking)
        kernel_munmap(NULL, loop->checking, sizeof *loop->checking);
    loop->checking = NULL;
}

static struct checking *list_of(const struct hark_loop *loop)
{
    check(loop->checking);
    return loop->checking;
}

static uint32_t *bucket_of(struct checking *checking, const struct hark_op *op)
{
    uint64_t hash = (uint64_t)(uintptr_t)op * UINT64_C(0x9e3779b97f4a7c15);
    return &checking->buckets[(hash >> 32) % FLIGHT_BUCKETS];
}

/* What leads to the op's entry: a bucket, or the entry before it. Leads to 0 where there is
 * none. */
static uint32_t *way_to(struct checking *checking, const struct hark_op *op)
{
    uint32_t *way = bucket_of(checking, op);
    while (*way && checking->flights[*way - 1].op != op)
        way = &checking->flights[*way - 1].next;
    return way;
}

struct flight *checking_find(const struct hark_loop *loop, const struct hark_op *op)
{
    struct checking *checking = list_of(loop);
    uint32_t place = *way_to(checking, op);
    return place ? &checking->flights[place - 1] : NULL;
}

static void insert(struct hark_loop *loop, struct hark_op *op)
{
    struct checking *checking = list_of(loop);
    if (checking->count == FLIGHTS_MAX) {
        checking->crowded = true;
        return;
    }
    uint32_t *bucket = bucket_of(checking, op);
    checking->flights[checking->count] = (struct flight){
        .op = op,
        .done = op->done,
        .fd = op->fd,
        .id = op->id,
        .next = *bucket,
        .start = checking->starts++,
        .code = op->code,
    };
    *bucket = ++checking->count;
}

/* The last one moves to its place. */
static void remove_flight(struct checking *checking, struct flight *flight)
{
    *way_to(checking, flight->op) = flight->next;
    struct flight *last = &checking->flights[--checking->count];
    if (last == flight)
        return;
    *way_to(checking, last->op) = (uint32_t)(flight - checking->flights) + 1;
    *flight = *last;
}

/* --- the op itself --- */

/* The op may be anything by now: what it was is told. AddressSanitizer says who freed it. */
static _Noreturn void tell(const struct flight *flight, const char *rule)
{
    const struct hark_op was = {.code = flight->code};
#ifdef CHECKING_ASAN
    if (memory_is_gone(flight->op, sizeof *flight->op))
        __asan_describe_address(flight->op);
#endif
    rule_broken(rule, &was, flight->fd);
}

static bool is_as_started(const struct hark_loop *loop, const struct flight *flight)
{
    const struct hark_op *op = flight->op;
    if (memory_is_gone(op, sizeof *op))
        return false;
    return op->done == flight->done && op->loop == loop &&
           (op->fd == flight->fd || op->code == HARK_OP_SPLICE) && op->code == flight->code &&
           op->id == flight->id && (!flight->given || op->with.io.bytes == flight->given);
}

static void look_at(const struct hark_loop *loop, const struct flight *flight)
{
    if (!is_as_started(loop, flight))
        tell(flight, "an op was freed or overwritten while it was in flight");
}

/* For checking_turns.c. */
static void note_call(struct checking *checking, int fd)
{
    if (fd >= 0)
        checking->called[(unsigned)fd % CALLED_NUMBERS] = checking->turns;
}

void checking_look(struct hark_loop *loop, const struct hark_op *first)
{
    struct checking *checking = list_of(loop);
    struct flight *flight = first ? checking_find(loop, first) : NULL;
    if (flight) {
        look_at(loop, flight);
        note_call(checking, flight->fd);
        flight->turns = 0;
    }
    uint32_t left = checking->count <= LOOK_ALL ? checking->count : LOOK_SOME;
    for (; left > 0; left--) {
        if (checking->next >= checking->count)
            checking->next = 0;
        look_at(loop, &checking->flights[checking->next++]);
    }
}

void checking_thread(const struct hark_loop *loop, const struct hark_op *op, int fd)
{
    bool own = !loop->running || loop->thread == thread_number();
    check_rule(own, "a call from another thread than the one that runs the loop", op, fd);
}

void checking_begin(struct hark_loop *loop, struct hark_op *op)
{
    const struct flight *before = checking_find(loop, op);
    if (before)
        tell(before, "an op was freed or overwritten while it was in flight");
    insert(loop, op);
}

void checking_taken(struct hark_loop *loop, struct hark_op *op)
{
    const struct hark_op posted = {.code = HARK_OP_POST};
    const struct flight *flight = checking_find(loop, op);
    if (flight)
        return look_at(loop, flight); /* it was with the pool */
    bool whole = !memory_is_gone(op, sizeof *op) && op->state == OP_POSTED && op->loop == loop;
    check_rule(whole || list_of(loop)->crowded,
               "an op was freed or overwritten while it was in flight", &posted, -1);
}

/* --- what it was given --- */

static bool socket_is(int fd, int option, int value)
{
    int found = 0;
    socklen_t length = sizeof found;
    return kernel_getsockopt(NULL, fd, SOL_SOCKET, option, &found, &length) == 0 && found == value;
}

static bool is_plain_tcp(int fd)
{
    char name[16] = "";
    socklen_t length = sizeof name;
    return socket_is(fd, SO_PROTOCOL, IPPROTO_TCP) &&
           kernel_getsockopt(NULL, fd, IPPROTO_TCP, TCP_ULP, name, &length) == 0 && length == 0;
}

/* Whether a receive or a read touches no byte beyond those that it counts: a datagram's checksum
 * may be looked at only after it was copied, and files read past the cache, devices and sockets
 * with a protocol on top have rules of their own. */
static bool fills_exactly(int fd)
{
    struct stat status;
    return socket_is(fd, SO_DOMAIN, AF_UNIX) || is_plain_tcp(fd) ||
           (kernel_fstat(NULL, fd, &status) == 0 && S_ISFIFO(status.st_mode));
}

void checking_given(struct hark_loop *loop, const struct hark_op *op)
{
    int saved = errno;
    struct flight *flight = checking_find(loop, op);
    if (!flight)
        return;
    bool fills = memory_is_filled(op->code);
    bool remote_errors = fills && op->code != HARK_OP_GETDENTS && op->with.io.flags & MSG_ERRQUEUE;
    const bool lent = op->code == HARK_OP_RECV_EACH || op->code == HARK_OP_RECVMSG_EACH;
    if (fills || lent)
        flight->exact = !remote_errors && fills_exactly(op->fd);
    if (lent && !flight->exact)
        list_of(loop)->pool_inexact = true;
    flight->remembered = memory_remember(&flight->memory, op);
    if (flight->remembered)
        flight->given = op->with.io.bytes; /* of each kind the first argument */
    errno = saved;
}

/* Others that fill the same place, as ops do that throw away what they receive: what either finds
 * there may be the other's. */
static void mark_shared(struct checking *checking, struct flight *flight)
{
    const struct memory *own = &flight->memory;
    if (checking->count > SHARE_MAX) {
        checking->blind_before = checking->starts;
        flight->shared = true;
        return;
    }
    flight->shared |= flight->start < checking->blind_before;
    for (uint32_t i = 0; i < checking->count; i++) {
        struct flight *other = &checking->flights[i];
        bool overlaps = other != flight && other->remembered && memory_is_filled(other->code) &&
                        other->memory.low < own->high && own->low < other->memory.high;
        other->shared |= overlaps;
        flight->shared |= overlaps;
    }
}

static void compare_memory(struct hark_loop *loop, struct flight *flight, int64_t result)
{
    size_t filled = 0;
    if (memory_is_filled(flight->code)) {
        mark_shared(list_of(loop), flight);
        bool known = flight->exact && !flight->shared && result != -EFAULT;
        filled = !known ? SIZE_MAX : result > 0 ? (size_t)result : 0;
    }
    const char *rule = memory_breach(&flight->memory, flight->op, filled);
    if (rule)
        tell(flight, rule);
}

void checking_delegated(const struct hark_loop *loop, const struct hark_op *op)
{
    struct flight *flight = checking_find(loop, op);
    if (flight)
        flight->delegated = true;
}

void checking_returned(const struct hark_loop *loop, const struct hark_op *op, int64_t result)
{
    struct flight *flight = checking_find(loop, op);
    (void)result;
    if (!flight)
        return;
    check(flight->delegated);
    flight->returned = true;
}

/* What the loop itself brings about, or another thread of the program. */
static bool stays_here(int code)
{
    return code == HARK_OP_DEFER || code == HARK_OP_POST || code == HARK_OP_DETACH;
}

void checking_end(struct hark_loop *loop, const struct hark_op *op, int64_t result)
{
    int saved = errno;
    struct flight *flight = checking_find(loop, op);
    check(flight || list_of(loop)->crowded);
    if (!flight)
        return;
    look_at(loop, flight);
    note_call(list_of(loop), flight->fd);
    check(flight->returned || result < 0 || stays_here(flight->code));
    if (flight->remembered)
        compare_memory(loop, flight, result);
    remove_flight(list_of(loop), flight);
    errno = saved;
}
