/* test_pipes_like_linux.c - the simulated kernel's named pipes beside the real one's: a random
 * program that opens, moves, polls and closes without waiting, result by result; and what waits. */
#define HARK_KERNEL_APART /* kernel_openat and its kin are the simulated kernel's here */
#include "kernel/kernel.h"

#include "sim/sides.h"

#include <string.h>

enum { SEEDS = 200, STEPS = 300, MOST = 70000 };

/* --- both kernels --- */

static int64_t open_at(struct side *side, const char *path, int flags)
{
    return side->is_real ? REAL(openat(side->top, path, flags, 0600))
                         : kernel_openat(NULL, side->top, path, flags, 0600);
}

static int64_t make(struct side *side, const char *path, mode_t mode)
{
    return side->is_real ? REAL(mkfifoat(side->top, path, mode))
                         : REAL(mkfifoat(side->top, path, mode)); /* wrapped: the world's own */
}

static int64_t close_it(struct side *side, int fd)
{
    return side->is_real ? REAL(close(fd)) : kernel_close(NULL, fd);
}

static int64_t read_some(struct side *side, int fd, void *bytes, size_t count)
{
    return side->is_real ? REAL(read(fd, bytes, count)) : kernel_read(NULL, fd, bytes, count);
}

static int64_t write_some(struct side *side, int fd, const void *bytes, size_t count)
{
    return side->is_real ? REAL(write(fd, bytes, count)) : kernel_write(NULL, fd, bytes, count);
}

static int64_t events_of(struct side *side, int fd)
{
    struct pollfd query = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM};
    int64_t count = side->is_real ? REAL(poll(&query, 1, 0)) : kernel_poll(NULL, &query, 1, 0);
    return count < 0 ? count : query.revents;
}

static int64_t unread(struct side *side, int fd)
{
    int count = 0;
    int64_t result = side->is_real ? REAL(ioctl(fd, FIONREAD, &count))
                                   : kernel_ioctl(NULL, fd, FIONREAD, &count);
    return result < 0 ? result : count;
}

static void say_status(struct side *side, int fd)
{
    struct stat status;
    int64_t result = side->is_real ? REAL(fstat(fd, &status)) : kernel_fstat(NULL, fd, &status);
    int flags = side->is_real ? fcntl(fd, F_GETFL) : kernel_fcntl(NULL, fd, F_GETFL, 0);
    side_say(side, "  status %lld: mode %o, %u links, %lld bytes, flags %o", (long long)result,
             status.st_mode, (unsigned)status.st_nlink, (long long)status.st_size, flags);
}

/* --- the program --- */

static const char *any_path(struct side *side)
{
    static const char *const paths[] = {"pipe", "pipe", "pipe", "other", "link", "none", "pipe/"};
    return paths[side_below(side, sizeof paths / sizeof *paths)];
}

static void open_one(struct side *side, int slot)
{
    static const int accesses[] = {O_RDONLY, O_WRONLY, O_RDWR};
    static const int extras[] = {0,        0,      0,           O_TRUNC,   O_CREAT,
                                 O_APPEND, O_PATH, O_DIRECTORY, O_NOFOLLOW};
    const char *path = any_path(side);
    int flags = accesses[side_below(side, 3)] | O_NONBLOCK | O_CLOEXEC;
    flags |= extras[side_below(side, sizeof extras / sizeof *extras)];
    if (side->slots[slot] >= 0)
        side_say(side, "close %lld", (long long)close_it(side, side->slots[slot]));
    int64_t fd = open_at(side, path, flags);
    side->slots[slot] = fd < 0 ? -1 : (int)fd;
    side_say(side, "open %s %o: %lld", path, flags, fd < 0 ? (long long)fd : 0);
    if (fd >= 0)
        say_status(side, (int)fd);
}

static size_t any_count(struct side *side)
{
    static const size_t counts[] = {0, 1, 100, 4095, 4096, 4097, 9000, MOST};
    return counts[side_below(side, sizeof counts / sizeof *counts)];
}

static void name_things(struct side *side)
{
    switch (side_below(side, 3)) {
    case 0:
        side_say(side, "make %lld", (long long)make(side, any_path(side), 0644));
        break;
    case 1:
        side_say(side, "unlink %lld",
                 (long long)(side->is_real ? REAL(unlinkat(side->top, "other", 0))
                                           : kernel_unlinkat(NULL, side->top, "other", 0)));
        break;
    default:
        side_say(side, "rename %lld",
                 (long long)(side->is_real
                                 ? REAL(renameat2(side->top, "pipe", side->top, "other", 2))
                                 : kernel_renameat2(NULL, side->top, "pipe", side->top, "other",
                                                    RENAME_EXCHANGE)));
    }
}

static void step(struct side *side)
{
    static char bytes[MOST];
    int slot = (int)side_below(side, SIDE_SLOTS);
    uint64_t what = side_below(side, 12);
    int fd = side->slots[slot];
    if (what < 3 || fd < 0)
        return open_one(side, slot);
    if (what < 6)
        side_say(side, "read %lld", (long long)read_some(side, fd, bytes, any_count(side)));
    else if (what < 9)
        side_say(side, "write %lld", (long long)write_some(side, fd, bytes, any_count(side)));
    else if (what == 9)
        side_say(side, "unread %lld", (long long)unread(side, fd));
    else if (what == 10)
        name_things(side);
    for (int i = 0; i < SIDE_SLOTS; i++)
        if (side->slots[i] >= 0)
            side_say(side, "  %d: %llx", i, (unsigned long long)events_of(side, side->slots[i]));
}

static void program(struct side *side)
{
    signal(SIGPIPE, SIG_IGN);
    side_say(side, "make %lld", (long long)make(side, "pipe", 0666));
    for (int i = 0; i < STEPS; i++)
        step(side);
    for (int i = 0; i < SIDE_SLOTS; i++)
        if (side->slots[i] >= 0)
            side_say(side, "close %lld", (long long)close_it(side, side->slots[i]));
}

TEST(named_pipes_do_as_linux_does)
{
    static const struct side_link links[] = {{"link", "pipe"}};
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        sides_run(seed, links, 1, program);
}

/* --- what waits --- */

struct meeting {
    bool reads; /* this side; the other comes later */
    uint64_t met_ns;
    int64_t result;
};

static int come_first(void *argument)
{
    struct meeting *meeting = argument;
    char byte = 'x';
    int fd = kernel_openat(NULL, AT_FDCWD, "/tmp/pipe", meeting->reads ? O_RDONLY : O_WRONLY, 0);
    meeting->met_ns = kernel_clock_gettime(CLOCK_MONOTONIC);
    if (fd < 0)
        return 1;
    meeting->result =
        meeting->reads ? kernel_read(NULL, fd, &byte, 1) : kernel_write(NULL, fd, &byte, 1);
    return kernel_close(NULL, fd);
}

static int come_later(void *argument)
{
    struct meeting *meeting = argument;
    char byte = 'y';
    sleep(5);
    int fd = kernel_openat(NULL, AT_FDCWD, "/tmp/pipe", meeting->reads ? O_WRONLY : O_RDONLY, 0);
    if (fd < 0)
        return 1;
    int64_t count =
        meeting->reads ? kernel_write(NULL, fd, &byte, 1) : kernel_read(NULL, fd, &byte, 1);
    return kernel_close(NULL, fd) || count != 1;
}

static int make_pipe(void *argument)
{
    (void)argument;
    return mkfifo("/tmp/pipe", 0600);
}

TEST(opening_waits_for_the_other_side_whichever_comes_first)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct meeting meeting = {.reads = seed % 2};
        struct hark_sim_options options = {.seed = seed};
        struct hark_sim *world;
        assert_int_equal(hark_sim_create(&options, &world), 0);
        struct hark_sim_machine *machine = hark_sim_add_machine(world);
        struct hark_sim_process *maker = hark_sim_start(machine, make_pipe, NULL);
        assert_int_equal(hark_sim_run(world), 0);
        assert_int_equal(hark_sim_status(maker), 0);
        struct hark_sim_process *first = hark_sim_start(machine, come_first, &meeting);
        struct hark_sim_process *later = hark_sim_start(machine, come_later, &meeting);
        assert_int_equal(hark_sim_run(world), 0);
        assert_int_equal(hark_sim_status(first), 0);
        assert_int_equal(hark_sim_status(later), 0);
        assert_true(meeting.met_ns >= UINT64_C(6000000000)); /* a world begins at a second */
        assert_int_equal(meeting.result, 1);
        hark_sim_destroy(world);
    }
}

/* Who waits for ever for the other side is found, and leaves nothing where it is killed. */
TEST(a_reader_that_nobody_writes_to_waits_and_can_be_killed)
{
    struct meeting meeting = {.reads = true};
    struct hark_sim *world;
    assert_int_equal(hark_sim_create(NULL, &world), 0);
    struct hark_sim_machine *machine = hark_sim_add_machine(world);
    hark_sim_start(machine, make_pipe, NULL);
    assert_int_equal(hark_sim_run(world), 0);
    struct hark_sim_process *process = hark_sim_start(machine, come_first, &meeting);
    assert_int_equal(hark_sim_run(world), -EDEADLK);
    hark_sim_kill(process);
    assert_int_equal(hark_sim_run(world), 0);
    hark_sim_destroy(world);
}
