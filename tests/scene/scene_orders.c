/* scene_orders.c - small cases, all of them: up to four ops on two descriptors, and four steps of
 * what can happen to them, in each order.
 *
 * A seed is a case's number: its digits, of the radices below, say which engine, which sort of
 * descriptor, which ops, what is done with an op's memory in its final call, and which steps. So
 * as many seeds in a row as there are cases, 21,870,000, play each once; a stride makes a short row
 * a sample of all.
 *
 * Promises 3, 4, 6, 7, 8: one final call for each op and nothing after it; its memory is not
 * touched from then on; results that the headers allow; a close waits for what was in flight. And
 * no op waits while there is something for it. */
#include "scene.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum sort { EVENTFD, UNIX_PAIR, TCP_PAIR, PIPE, SORTS };
enum after { KEEPS, FREES, STARTS_AGAIN, AFTERS };
enum step {
    CANCEL_0,
    CANCEL_3 = CANCEL_0 + 3,
    LIMIT_0,
    LIMIT_3 = LIMIT_0 + 3,
    MOVE_A,
    MOVE_B,
    CLOSE_A,
    CLOSE_B,
    START,
    TURN,
    REST,
};

enum {
    ENGINES = 4,
    SIDES = 2,
    OPS = 4,
    OPS_AT_FIRST = 2,
    STEPS = 4,
    STEP_KINDS = REST + 1,
    BYTES = 64,
    FILL = 0xa5,
    WORKED = 7,
    EACH_CALLS = 3,
    MILLISECOND_NS = 1000000,
    REST_NS = MILLISECOND_NS,
    LIMIT_NS = MILLISECOND_NS / 5,
    SLEEP_NS = MILLISECOND_NS / 3,
};
static const uint64_t settle_ns = 400 * (uint64_t)MILLISECOND_NS;

enum kind { READ, POLL, EACH, SLEEP, WRITE, RECV_EACH, WORK };

static const struct wanted {
    enum kind kind;
    int side;
} patterns[][OPS] = {
    {{READ, 0}, {POLL, 0}, {READ, 0}, {POLL, 0}},
    {{READ, 0}, {READ, 1}, {POLL, 0}, {POLL, 1}},
    {{POLL, 0}, {POLL, 1}, {READ, 1}, {READ, 0}},
    {{EACH, 0}, {READ, 0}, {POLL, 1}, {EACH, 1}},
    {{READ, 0}, {SLEEP, 0}, {READ, 0}, {READ, 1}},
    {{READ, 0}, {EACH, 0}, {EACH, 0}, {SLEEP, 1}},
    {{WRITE, 0}, {READ, 0}, {WRITE, 0}, {POLL, 0}},
    {{RECV_EACH, 0}, {WORK, 0}, {RECV_EACH, 1}, {WRITE, 1}},
    {{WORK, 0}, {WRITE, 0}, {WORK, 1}, {READ, 0}},
};
enum { PATTERNS = sizeof patterns / sizeof *patterns };

static const uint64_t cases = (uint64_t)ENGINES * SORTS * AFTERS * PATTERNS * STEP_KINDS *
                              STEP_KINDS * STEP_KINDS * STEP_KINDS;
static const uint64_t cases_stride = 1000003; /* a prime */

struct order {
    uint64_t engine, sort, after, pattern, steps[STEPS];
};

/* An op and its buffer, in memory of their own. */
struct subject {
    struct hark_op op;
    unsigned char bytes[BYTES];
    struct slot *slot;
};

struct slot {
    struct orders *orders;
    struct subject *subject; /* NULL: freed, or not started */
    enum kind kind;
    int side;
    bool active, cancelled, limited, late; /* late: past a limit that was then moved */
    bool ends_with_side; /* it was in flight when its descriptor was closed, or closed again */
    bool is_bad;         /* its descriptor was being closed when it was started */
    bool again;          /* it has been started again */
    uint64_t due_ns, limit_ns;
    unsigned calls;
};

struct side {
    int fd, other;
    bool written, closing;
    bool is_full; /* until the other end has read, a write waits, or goes on a little */
};

struct closing {
    struct hark_op op;
    struct orders *orders;
    int side;
    bool is_first, ended;
};

struct orders {
    struct order order;
    struct hark_loop *loop;
    struct hark_op driver;
    struct closing closings[STEPS + SIDES];
    size_t closing_count;
    struct side sides[SIDES];
    struct slot slots[OPS];
    size_t started;
    size_t next_step;
    uint64_t starts, finals;
};

static struct order order_of(uint64_t seed)
{
    struct order order;
    uint64_t number = seed % cases * cases_stride % cases;
    const uint64_t radices[] = {ENGINES, SORTS, AFTERS, PATTERNS};
    uint64_t *const digits[] = {&order.engine, &order.sort, &order.after, &order.pattern};
    for (size_t i = 0; i < sizeof radices / sizeof *radices; i++) {
        *digits[i] = number % radices[i];
        number /= radices[i];
    }
    for (size_t i = 0; i < STEPS; i++) {
        order.steps[i] = number % STEP_KINDS;
        number /= STEP_KINDS;
    }
    return order;
}

/* --- what is told --- */

static bool has_descriptor(const struct slot *slot)
{
    return slot->kind != SLEEP && slot->kind != WORK;
}

static int64_t write_count(const struct slot *slot)
{
    return slot->orders->order.sort == EVENTFD ? (int64_t)sizeof(uint64_t) : BYTES;
}

static bool is_socket(const struct slot *slot)
{
    return slot->orders->order.sort == UNIX_PAIR || slot->orders->order.sort == TCP_PAIR;
}

static bool has_come(const struct slot *slot, int64_t result)
{
    const struct orders *orders = slot->orders;
    const bool written = orders->sides[slot->side].written;
    switch (slot->kind) {
    case WRITE:
        return orders->order.sort == PIPE ? result == -EBADF
                                          : result > 0 && result <= write_count(slot);
    case RECV_EACH:
        return is_socket(slot) && written && result > 0 && result <= STEPS;
    case WORK:
        return result == WORKED;
    case READ:
        return written && (orders->order.sort == EVENTFD ? result == sizeof(uint64_t)
                                                         : result > 0 && result <= STEPS);
    case POLL:
    case EACH:
        return written && result == HARK_POLL_READABLE;
    case SLEEP:
        return result == 0 && hark_now(orders->loop) >= slot->due_ns;
    }
    return false;
}

static bool goes_on(const struct slot *slot)
{
    return slot->kind == EACH || slot->kind == RECV_EACH;
}

static bool is_allowed(const struct slot *slot, int64_t result)
{
    if (slot->is_bad && result == -EBADF)
        return true;
    if (result == -ECANCELED)
        return slot->cancelled || slot->ends_with_side;
    if (result < 0 && slot->kind != SLEEP && scene_may_try_again(result))
        return true;
    if (slot->kind == RECV_EACH && !is_socket(slot))
        return result == -ENOTSOCK;
    if (result == -ETIMEDOUT)
        return slot->late || (slot->limited && hark_now(slot->orders->loop) >= slot->limit_ns);
    return !slot->is_bad && !goes_on(slot) && has_come(slot, result);
}

static void check_bytes(const struct slot *slot, int64_t result)
{
    for (int64_t i = result > 0 ? result : 0; i < BYTES; i++)
        scene_check(slot->subject->bytes[i] == 0, "byte %lld was written, of %lld", (long long)i,
                    (long long)result);
}

static void start(struct slot *slot);

static void end(struct slot *slot)
{
    const struct orders *orders = slot->orders;
    slot->active = false;
    slot->orders->finals++;
    if (orders->order.after == STARTS_AGAIN && !slot->again) {
        slot->again = true;
        return start(slot);
    }
    if (orders->order.after == FREES) {
        free(slot->subject);
        slot->subject = NULL;
        return;
    }
    memset(&slot->subject->op, FILL, sizeof slot->subject->op);
    memset(slot->subject->bytes, FILL, BYTES);
}

static void done(struct hark_op *op, int64_t result)
{
    struct slot *slot = hark_container_of(op, struct subject, op)->slot;
    scene_check(slot->active, "kind %d is called with %lld after its end", slot->kind,
                (long long)result);
    if (hark_op_more(op)) {
        scene_check(goes_on(slot) && !slot->is_bad && has_come(slot, result),
                    "kind %d goes on with %lld", slot->kind, (long long)result);
        if (++slot->calls == EACH_CALLS) {
            slot->cancelled = true;
            hark_cancel(op);
        }
        return;
    }
    scene_check(is_allowed(slot, result), "kind %d on side %d ends with %lld", slot->kind,
                slot->side, (long long)result);
    if (slot->kind == READ || slot->kind == WRITE)
        check_bytes(slot, slot->kind == READ ? result : 0);
    end(slot);
}

/* The first close of a side is its last word. */
static void has_closed(struct hark_op *op, int64_t result)
{
    struct closing *closing = hark_container_of(op, struct closing, op);
    struct orders *orders = closing->orders;
    scene_check(!closing->ended, "a close is called twice");
    scene_check(result == (closing->is_first ? 0 : -EBADF), "a close ends with %lld",
                (long long)result);
    closing->ended = true;
    for (size_t i = 0; closing->is_first && i < orders->started; i++)
        scene_check(!orders->slots[i].active || orders->slots[i].is_bad ||
                        !orders->slots[i].ends_with_side || orders->slots[i].side != closing->side,
                    "op %zu is in flight, its descriptor closed", i);
}

/* --- what is done --- */

static int64_t work(struct hark_op *op)
{
    (void)op;
    return WORKED;
}

static void start(struct slot *slot)
{
    struct orders *orders = slot->orders;
    struct side *side = &orders->sides[slot->side];
    struct subject *subject = slot->subject;
    slot->active = true;
    slot->cancelled = slot->limited = slot->late = slot->ends_with_side = false;
    slot->is_bad = has_descriptor(slot) && side->closing;
    slot->calls = 0;
    memset(subject->bytes, 0, BYTES);
    orders->starts++;
    switch (slot->kind) {
    case READ:
        return hark_read(orders->loop, &subject->op, side->fd, subject->bytes, BYTES,
                         HARK_AT_POSITION, done);
    case POLL:
        return hark_poll(orders->loop, &subject->op, side->fd, HARK_POLL_READABLE, done);
    case EACH:
        return hark_poll_each(orders->loop, &subject->op, side->fd, HARK_POLL_READABLE, done);
    case SLEEP:
        slot->due_ns = hark_now(orders->loop) + SLEEP_NS;
        return hark_sleep(orders->loop, &subject->op, SLEEP_NS, done);
    case WRITE:
        return hark_write(orders->loop, &subject->op, side->fd, subject->bytes,
                          (size_t)write_count(slot), HARK_AT_POSITION, done);
    case RECV_EACH:
        return hark_recv_each(orders->loop, &subject->op, side->fd, done);
    case WORK:
        return hark_work(orders->loop, &subject->op, work, done);
    }
}

static void start_next(struct orders *orders)
{
    if (orders->started == OPS)
        return;
    const struct wanted *wanted = &patterns[orders->order.pattern][orders->started];
    struct slot *slot = &orders->slots[orders->started++];
    *slot = (struct slot){.orders = orders, .kind = wanted->kind, .side = wanted->side};
    slot->subject = calloc(1, sizeof *slot->subject);
    slot->subject->slot = slot;
    start(slot);
}

/* The other end of a side writes; and reads all that there is, where both are a socket. */
static void move(struct orders *orders, struct side *side)
{
    const uint64_t one = 1;
    char bytes[1024];
    if (side->closing)
        return;
    side->written = true;
    while (side->is_full && recv(side->other, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
    const size_t count = orders->order.sort == EVENTFD ? sizeof one : 1;
    scene_check(scene_try(write(side->other, &one, count)) == (int)count, "%s", strerror(errno));
}

static void cancel(struct slot *slot)
{
    if (!slot->active)
        return;
    slot->cancelled = true;
    hark_cancel(&slot->subject->op);
}

static void limit(struct slot *slot)
{
    if (!slot->active)
        return;
    slot->late |= slot->limited && hark_now(slot->orders->loop) >= slot->limit_ns;
    slot->limited = true;
    slot->limit_ns = hark_now(slot->orders->loop) + LIMIT_NS;
    hark_op_deadline(&slot->subject->op, slot->limit_ns);
}

static void close_side(struct orders *orders, int number)
{
    struct side *side = &orders->sides[number];
    struct closing *closing = &orders->closings[orders->closing_count++];
    *closing = (struct closing){.orders = orders, .side = number, .is_first = !side->closing};
    side->closing = true;
    for (size_t i = 0; i < orders->started; i++) {
        struct slot *slot = &orders->slots[i];
        if (slot->active && slot->side == number && has_descriptor(slot))
            slot->ends_with_side = true;
    }
    hark_close(orders->loop, &closing->op, side->fd, has_closed);
}

/* --- the steps --- */

/* Nothing moves any longer: what waits has nothing to wait for but data that nobody has written. */
static void settled(struct hark_op *op, int64_t result)
{
    struct orders *orders = hark_container_of(op, struct orders, driver);
    scene_check(result == 0, "%lld", (long long)result);
    for (size_t i = 0; i < orders->started; i++) {
        const struct slot *slot = &orders->slots[i];
        const struct side *side = &orders->sides[slot->side];
        if (!slot->active)
            continue;
        scene_check(has_descriptor(slot) && !slot->cancelled && !slot->limited && !side->closing,
                    "op %zu, of kind %d, has not ended", i, slot->kind);
        struct pollfd there = {.fd = side->fd, .events = slot->kind == WRITE ? POLLOUT : POLLIN};
        scene_check(scene_try(poll(&there, 1, 0)) == 0, "op %zu waits for what is there", i);
    }
    for (int i = 0; i < SIDES; i++)
        if (!orders->sides[i].closing)
            close_side(orders, i);
}

static void take_step(struct hark_op *op, int64_t result)
{
    struct orders *orders = hark_container_of(op, struct orders, driver);
    scene_check(result == 0, "%lld", (long long)result);
    while (orders->next_step < STEPS) {
        const uint64_t step = orders->order.steps[orders->next_step++];
        if (step <= CANCEL_3)
            cancel(&orders->slots[step - CANCEL_0]);
        else if (step <= LIMIT_3)
            limit(&orders->slots[step - LIMIT_0]);
        else if (step <= MOVE_B)
            move(orders, &orders->sides[step - MOVE_A]);
        else if (step <= CLOSE_B)
            close_side(orders, (int)step - CLOSE_A);
        else if (step == START)
            start_next(orders);
        else if (step == TURN)
            return hark_defer(orders->loop, op, take_step);
        else
            return hark_sleep(orders->loop, op, REST_NS, take_step);
    }
    hark_sleep(orders->loop, op, settle_ns, settled);
}

static void begin(struct hark_op *op, int64_t result)
{
    struct orders *orders = hark_container_of(op, struct orders, driver);
    for (int i = 0; i < OPS_AT_FIRST; i++)
        start_next(orders);
    take_step(op, result);
}

/* --- descriptors --- */

static void open_tcp(int fds[2])
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    int listening = scene_try(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    fds[0] = scene_try(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    scene_check(bind(listening, (struct sockaddr *)&name, length) == 0, "%s", strerror(errno));
    scene_check(listen(listening, 8) == 0, "%s", strerror(errno));
    getsockname(listening, (struct sockaddr *)&name, &length);
    scene_check(scene_try(connect(fds[0], (struct sockaddr *)&name, length)) == 0, "%s",
                strerror(errno));
    do
        fds[1] = scene_try(accept4(listening, NULL, NULL, SOCK_CLOEXEC));
    while (fds[1] < 0 && errno == ECONNABORTED);
    scene_check(fds[1] >= 0, "%s", strerror(errno));
    close(listening);
}

static void open_side(struct side *side, uint64_t sort)
{
    int fds[2];
    switch ((enum sort)sort) {
    case EVENTFD:
        fds[0] = fds[1] = scene_try(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
        break;
    case UNIX_PAIR:
        scene_check(scene_try(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) == 0, "%s",
                    strerror(errno));
        break;
    case TCP_PAIR:
        open_tcp(fds);
        break;
    case PIPE:
    case SORTS:
        scene_check(scene_try(pipe2(fds, O_CLOEXEC)) == 0, "%s", strerror(errno));
        break;
    }
    scene_check(fds[0] >= 0, "%s", strerror(errno));
    *side = (struct side){.fd = fds[0], .other = fds[1]};
}

static void fill_side(struct side *side)
{
    static const char bytes[1024];
    const int least = 1;
    scene_check(setsockopt(side->fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof least) == 0, "%s",
                strerror(errno));
    while (send(side->fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
    side->is_full = true;
}

static bool is_written(const struct order *order, int side)
{
    for (size_t i = 0; i < OPS; i++)
        if (patterns[order->pattern][i].kind == WRITE && patterns[order->pattern][i].side == side)
            return order->sort == UNIX_PAIR || order->sort == TCP_PAIR;
    return false;
}

/* --- the process --- */

static void check_untouched(const struct slot *slot)
{
    const unsigned char *op = (const unsigned char *)&slot->subject->op;
    for (size_t i = 0; i < sizeof slot->subject->op; i++)
        scene_check(op[i] == FILL, "byte %zu of an op was written after its end", i);
    for (size_t i = 0; i < BYTES; i++)
        scene_check(slot->subject->bytes[i] == FILL, "byte %zu of a buffer was, after its op", i);
}

static int run(void *argument)
{
    struct orders *orders = argument;
    orders->loop = scene_make_loop(NULL);
    for (int i = 0; i < SIDES; i++) {
        open_side(&orders->sides[i], orders->order.sort);
        if (is_written(&orders->order, i))
            fill_side(&orders->sides[i]);
    }
    hark_defer(orders->loop, &orders->driver, begin);
    int result = hark_run(orders->loop);
    scene_check(result == 0, "the loop ends with %s", hark_error_name(result));
    scene_check(orders->finals == orders->starts, "%llu ended, %llu were started",
                (unsigned long long)orders->finals, (unsigned long long)orders->starts);
    scene_check(hark_loop_active(orders->loop) == 0, "ops are left");
    result = hark_loop_destroy(orders->loop);
    for (size_t i = 0; i < orders->started; i++) {
        if (orders->slots[i].subject)
            check_untouched(&orders->slots[i]);
        free(orders->slots[i].subject);
    }
    for (size_t i = 0; i < SIDES && orders->order.sort != EVENTFD; i++)
        close(orders->sides[i].other);
    return result;
}

static void play(struct hark_sim *world)
{
    static const char *const engines[ENGINES] = {"uring", "epoll", "poll", "select"};
    struct orders *orders = calloc(1, sizeof *orders);
    orders->order = order_of(scene_seed());
    struct hark_sim_process *process = hark_sim_start(hark_sim_add_machine(world), run, orders);
    hark_sim_setenv(process, "HARK_BACKEND", engines[orders->order.engine]);
    scene_run(world);
    scene_left_nothing(process);
    free(orders);
}

SCENE(orders, "up to four ops on two descriptors, all that can happen to them in all orders",
      15047057, 6514524)
{
    play(world);
}

SCENE_WITHOUT(orders_errors, "the same, and calls fail", 2000000000,
              1 << HARK_SIM_FAULT_MEMORY | 1 << HARK_SIM_FAULT_RING | 1 << HARK_SIM_FAULT_LINK)
{
    play(world);
}
