/* test_socket_like_linux.c - the same program of plain socket calls, chosen by a seed, on the real
 * kernel and in a world without faults: each result, each byte, and after each call what poll(2)
 * says of every socket. Both take what is sent on loopback at once, so nothing is waited for. */
#include "hark/sim.h"
#include "harness/harness.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum { SLOTS = 6, STEPS = 60, SIZE_MOST = 600 };

struct slot {
    int fd; /* -1: free */
    int family, type;
    struct sockaddr_storage name; /* length 0: it is not bound */
    socklen_t length;
};

struct step {
    const char *call;
    int slot, other;
    int64_t argument;
    int64_t result;
    int error;
    uint64_t bytes;
    int events[SLOTS];
};

struct play {
    uint64_t random;
    int names;
    pid_t pid; /* of the real process: its names are its own */
    struct slot slots[SLOTS];
    struct step steps[STEPS];
};

static uint64_t below(struct play *play, uint64_t bound)
{
    play->random = play->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (play->random >> 33) % bound;
}

/* --- calls --- */

static void forget(struct slot *slot)
{
    *slot = (struct slot){.fd = -1};
}

static int free_slot(const struct play *play)
{
    int found = 0;
    while (found < SLOTS && play->slots[found].fd >= 0)
        found++;
    return found < SLOTS ? found : -1;
}

static void set_no_delay(const struct slot *slot)
{
    int on = 1; /* else a byte may wait for the answer to the one before it */
    if (slot->family != AF_UNIX && slot->type == SOCK_STREAM)
        assert_int_equal(setsockopt(slot->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
}

static void put(struct play *play, int place, int fd, int family, int type)
{
    play->slots[place] = (struct slot){.fd = fd, .family = family, .type = type};
    set_no_delay(&play->slots[place]);
}

static int64_t make(struct play *play, struct step *step)
{
    static const int kinds[][2] = {{AF_INET, SOCK_STREAM}, {AF_INET6, SOCK_STREAM},
                                   {AF_INET, SOCK_STREAM}, {AF_INET, SOCK_DGRAM},
                                   {AF_UNIX, SOCK_STREAM}, {AF_UNIX, SOCK_SEQPACKET},
                                   {AF_UNIX, SOCK_DGRAM}};
    const int *kind = kinds[below(play, sizeof kinds / sizeof *kinds)];
    int place = free_slot(play);
    step->call = "socket";
    if (place < 0)
        return 0;
    int fd = socket(kind[0], kind[1] | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    put(play, place, fd, kind[0], kind[1]);
    step->argument = kind[0] * 10 + kind[1];
    return 0;
}

static int64_t bind_slot(struct play *play, struct slot *slot)
{
    union {
        struct sockaddr any;
        struct sockaddr_in ip4;
        struct sockaddr_in6 ip6;
        struct sockaddr_un path;
    } name = {.any.sa_family = (sa_family_t)slot->family};
    socklen_t length = sizeof name.ip4;
    if (slot->family == AF_INET) {
        name.ip4.sin_addr.s_addr =
            htonl(0x7f000001u | (uint32_t)(play->pid & 0xffff) << 8); /* 127.x.y.1 */
    } else if (slot->family == AF_INET6) {
        name.ip6.sin6_addr = in6addr_loopback;
        length = sizeof name.ip6;
    } else {
        length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                             (size_t)snprintf(name.path.sun_path + 1, 40, "hark-like-%d-%06d",
                                              (int)play->pid, play->names++));
    }
    if (bind(slot->fd, &name.any, length) < 0)
        return -1;
    slot->length = sizeof slot->name;
    return getsockname(slot->fd, (struct sockaddr *)&slot->name, &slot->length);
}

/* A connection of TCP, of which nobody listens any more. */
static int64_t connect_pair(struct play *play, int family, int fds[2])
{
    struct slot listener = {.family = family, .type = SOCK_STREAM};
    listener.fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind_slot(play, &listener), 0);
    assert_int_equal(listen(listener.fd, 1), 0);
    fds[0] = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int64_t result = connect(fds[0], (struct sockaddr *)&listener.name, listener.length);
    assert_true(result == 0 || errno == EINPROGRESS);
    fds[1] = accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fds[1] >= 0);
    close(listener.fd);
    return 0;
}

static int64_t make_pair(struct play *play, struct step *step)
{
    static const int kinds[][2] = {{AF_UNIX, SOCK_STREAM}, {AF_UNIX, SOCK_SEQPACKET},
                                   {AF_UNIX, SOCK_DGRAM},  {AF_INET, SOCK_STREAM},
                                   {AF_INET, SOCK_STREAM}, {AF_INET6, SOCK_STREAM}};
    const int *kind = kinds[below(play, 6)];
    int place = free_slot(play);
    int fds[2];
    step->call = "pair";
    step->argument = kind[0] * 10 + kind[1];
    if (place < 0)
        return 0;
    int64_t result = kind[0] == AF_UNIX
                         ? socketpair(AF_UNIX, kind[1] | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds)
                         : connect_pair(play, kind[0], fds);
    if (result < 0)
        return -1;
    put(play, place, fds[0], kind[0], kind[1]);
    place = free_slot(play);
    if (place >= 0)
        put(play, place, fds[1], kind[0], kind[1]);
    else
        close(fds[1]);
    return 0;
}

static int64_t accept_slot(struct play *play, const struct slot *slot)
{
    int place = free_slot(play);
    if (place < 0)
        return 0;
    int fd = accept4(slot->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -1;
    put(play, place, fd, slot->family, slot->type);
    return 0;
}

static int64_t send_slot(struct play *play, struct step *step, const struct slot *slot)
{
    unsigned char bytes[SIZE_MOST];
    size_t size = below(play, 8) ? 1 + below(play, SIZE_MOST) : 0;
    bool urgent =
        slot->family != AF_UNIX && slot->type == SOCK_STREAM && below(play, 8) == 0 && size > 0;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)below(play, 256);
    step->argument = (int64_t)size + urgent * 10000;
    return send(slot->fd, bytes, size, MSG_NOSIGNAL | (urgent ? MSG_OOB : 0));
}

static int64_t receive_slot(struct play *play, struct step *step, const struct slot *slot)
{
    static const int ways[] = {0, 0, 0, 0, MSG_PEEK, MSG_TRUNC, MSG_OOB, MSG_PEEK | MSG_TRUNC};
    unsigned char bytes[SIZE_MOST * 2];
    size_t size = below(play, 2) ? 1 + below(play, sizeof bytes) : 1 + below(play, 20);
    int flags = ways[below(play, 8)];
    if (slot->family == AF_UNIX && flags & (MSG_OOB | MSG_TRUNC))
        flags = 0; /* kernels have not all learnt the one, nor do they agree on the other */
    memset(bytes, 0, sizeof bytes);
    int64_t result = recv(slot->fd, bytes, size, flags);
    step->argument = (int64_t)size + flags * 10000;
    bool discards = slot->type == SOCK_STREAM && flags & MSG_TRUNC;
    for (int64_t i = 0; i < result && i < (int64_t)size && !discards; i++)
        step->bytes = step->bytes * 31 + bytes[i];
    return result;
}

static int64_t ask(struct play *play, struct step *step, const struct slot *slot)
{
    static const int options[] = {SO_ERROR,      SO_ERROR,  SO_TYPE,
                                  SO_ACCEPTCONN, SO_DOMAIN, SO_PROTOCOL};
    int value = -1;
    socklen_t length = sizeof value;
    int option = options[below(play, 6)];
    step->argument = option;
    int64_t result = getsockopt(slot->fd, SOL_SOCKET, option, &value, &length);
    step->bytes = (uint64_t)value;
    return result;
}

static int64_t set(struct play *play, struct step *step, const struct slot *slot)
{
    int on = (int)below(play, 2);
    struct linger linger = {on, 0};
    step->argument = (int64_t)below(play, 3);
    switch (step->argument) {
    case 0:
        return setsockopt(slot->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    case 1:
        return setsockopt(slot->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    default:
        return slot->family == AF_UNIX
                   ? 0
                   : setsockopt(slot->fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
    }
}

static int64_t ask_names(const struct slot *slot, struct step *step)
{
    struct sockaddr_storage name = {0};
    socklen_t length = sizeof name;
    step->bytes = (uint64_t)getsockname(slot->fd, (struct sockaddr *)&name, &length);
    step->argument = slot->family == AF_UNIX ? 0 : (int64_t)length;
    length = sizeof name;
    return getpeername(slot->fd, (struct sockaddr *)&name, &length);
}

/* --- a program --- */

static int64_t call_slot(struct play *play, struct step *step, struct slot *slot, uint64_t what)
{
    static const char *const names[] = {"bind", "listen", "connect", "accept",   "send",
                                        "send", "recv",   "recv",    "shutdown", "close",
                                        "ask",  "set",    "names",   "connect"};
    struct slot *other = &play->slots[step->other];
    int64_t result;
    step->call = names[what];
    switch (what) {
    case 0:
        return bind_slot(play, slot);
    case 1:
        step->argument = (int64_t)below(play, 4);
        return listen(slot->fd, (int)step->argument);
    case 2:
    case 13:
        if (other->fd < 0 || other->length == 0 || other == slot)
            return 0;
        return connect(slot->fd, (struct sockaddr *)&other->name, other->length);
    case 3:
        return accept_slot(play, slot);
    case 4:
    case 5:
        return send_slot(play, step, slot);
    case 6:
    case 7:
        return receive_slot(play, step, slot);
    case 8:
        step->argument = (int64_t)below(play, 4);
        return shutdown(slot->fd, (int)step->argument);
    case 9:
        result = close(slot->fd);
        forget(slot);
        return result;
    case 10:
        return ask(play, step, slot);
    case 11:
        return set(play, step, slot);
    default:
        return ask_names(slot, step);
    }
}

static void look(struct play *play, struct step *step)
{
    for (int i = 0; i < SLOTS; i++) {
        struct pollfd watched = {.fd = play->slots[i].fd, .events = 0x3fff};
        (void)poll(&watched, 1, 0);
        step->events[i] = watched.revents;
    }
}

static int perform(void *argument)
{
    struct play *play = argument;
    for (int i = 0; i < SLOTS; i++)
        forget(&play->slots[i]);
    for (int i = 0; i < STEPS; i++) {
        struct step *step = &play->steps[i];
        step->slot = (int)below(play, SLOTS);
        step->other = (int)below(play, SLOTS);
        struct slot *slot = &play->slots[step->slot];
        uint64_t what = below(play, 14);
        errno = 0;
        if (slot->fd >= 0)
            step->result = call_slot(play, step, slot, what);
        else
            step->result = below(play, 3) ? make(play, step) : make_pair(play, step);
        step->error = step->result < 0 ? errno : 0;
        look(play, step);
    }
    for (int i = 0; i < SLOTS; i++)
        if (play->slots[i].fd >= 0)
            close(play->slots[i].fd);
    return 0;
}

static void tell(const char *where, const struct step *step)
{
    print_message("  %s: %s(%d, %d; %lld) = %lld, errno %d, bytes %llx; events", where, step->call,
                  step->slot, step->other, (long long)step->argument, (long long)step->result,
                  step->error, (unsigned long long)step->bytes);
    for (int i = 0; i < SLOTS; i++)
        print_message(" %x", step->events[i]);
    print_message("\n");
}

static bool is_same(const struct step *one, const struct step *other)
{
    return one->result == other->result && one->error == other->error &&
           one->bytes == other->bytes && one->argument == other->argument &&
           memcmp(one->events, other->events, sizeof one->events) == 0;
}

static void compare(uint64_t seed, const struct play *real, const struct play *simulated)
{
    for (int i = 0; i < STEPS; i++) {
        if (is_same(&real->steps[i], &simulated->steps[i]))
            continue;
        for (int before = i > 12 ? i - 12 : 0; before < i; before++)
            tell("both", &real->steps[before]);
        tell("Linux", &real->steps[i]);
        tell("world", &simulated->steps[i]);
        fail_msg("seed %llu: step %d differs", (unsigned long long)seed, i);
    }
}

static void play_both(uint64_t seed)
{
    struct play real = {.random = seed * 7919 + 1, .pid = getpid()};
    struct play simulated = real;
    struct hark_sim *world;
    struct hark_sim_options options = {.seed = seed, .faults_per_million = 1};
    perform(&real);
    assert_int_equal(hark_sim_create(&options, &world), 0);
    struct hark_sim_process *process =
        hark_sim_start(hark_sim_add_machine(world), perform, &simulated);
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(hark_sim_status(process), 0);
    hark_sim_destroy(world);
    compare(seed, &real, &simulated);
}

TEST(socket_calls_give_the_same_on_linux_and_in_a_world)
{
    const char *first = getenv("HARK_TEST_SEED");
    uint64_t from = first ? strtoull(first, NULL, 10) : 1;
    for (uint64_t seed = from; seed < from + (first ? 1 : 1000); seed++)
        play_both(seed);
}
