/* test_inotify.c - what inotify tells: the same as Linux does of the same random program; what a
 * full queue drops; and on a loop. */
#define HARK_KERNEL_APART /* kernel_openat and its kin are the simulated kernel's here */
#include "kernel/kernel.h"

#include "sim/sides.h"

#include <string.h>

enum { SEEDS = 150, STEPS = 150 };

/* --- as Linux does --- */

static const char *const names[] = {"a", "b", "c", "a/b", "b/c", "c/a"};

static const char *any_name(struct side *side)
{
    return names[side_below(side, sizeof names / sizeof *names)];
}

/* All that has been told so far. Cookies by the order of their coming. */
static void say_events(struct side *side, int inotify)
{
    static char bytes[2][8192] __attribute__((aligned(8)));
    char *buffer = bytes[side->is_real];
    uint32_t last_cookie = 0, cookies = 0;
    int64_t count;
    while ((count = side->is_real ? REAL(read(inotify, buffer, sizeof bytes[0]))
                                  : kernel_read(NULL, inotify, buffer, sizeof bytes[0])) > 0)
        for (int64_t at = 0; at < count;) {
            const struct inotify_event *event = (const void *)(buffer + at);
            cookies += event->cookie && event->cookie != last_cookie;
            last_cookie = event->cookie ? event->cookie : last_cookie;
            side_say(side, "  watch %d events %x cookie %u length %u %s", event->wd, event->mask,
                     event->cookie ? cookies : 0, event->len, event->len ? event->name : "");
            at += (int64_t)(sizeof *event + event->len);
        }
    if (count != -EAGAIN)
        side_say(side, "  read: %lld", (long long)count);
}

static int64_t watch(struct side *side, int inotify, const char *name, uint32_t events)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", side->top);
    int64_t fd = side->is_real ? REAL(openat(side->top, name, O_PATH))
                               : kernel_openat(NULL, side->top, name, O_PATH, 0);
    if (fd < 0)
        return fd;
    snprintf(path, sizeof path, "/proc/self/fd/%d", (int)fd);
    int64_t result = side->is_real ? REAL(inotify_add_watch(inotify, path, events))
                                   : kernel_inotify_add_watch(NULL, inotify, path, events);
    (void)(side->is_real ? close((int)fd) : kernel_close(NULL, (int)fd));
    return result;
}

static void step_watch(struct side *side, int inotify)
{
    static const uint32_t kinds[] = {IN_ALL_EVENTS,
                                     IN_MODIFY | IN_MOVE_SELF,
                                     IN_CREATE | IN_DELETE | IN_MOVE,
                                     IN_DELETE_SELF | IN_ATTRIB,
                                     IN_OPEN | IN_CLOSE | IN_ACCESS,
                                     IN_ALL_EVENTS | IN_EXCL_UNLINK};
    static const uint32_t ways[] = {0, 0, IN_ONLYDIR, IN_MASK_ADD, IN_MASK_CREATE, IN_ONESHOT};
    const char *name = side_below(side, 3) ? any_name(side) : ".";
    uint32_t events = kinds[side_below(side, 6)] | ways[side_below(side, 6)];
    if (side_below(side, 5) == 0) {
        int number = (int)side_below(side, 8);
        int64_t result = side->is_real ? REAL(inotify_rm_watch(inotify, number))
                                       : kernel_inotify_rm_watch(NULL, inotify, number);
        side_say(side, "unwatch %d: %lld", number, (long long)result);
        return;
    }
    side_say(side, "watch %s %x: %lld", name, events,
             (long long)watch(side, inotify, name, events));
}

static void step_open(struct side *side)
{
    static const int flags[] = {O_RDONLY,           O_RDWR | O_CREAT,  O_RDWR,
                                O_WRONLY | O_TRUNC, O_RDWR | O_APPEND, O_RDONLY | O_DIRECTORY};
    size_t chosen = (size_t)side_below(side, SIDE_SLOTS);
    int *slot = &side->slots[chosen];
    const char *name = any_name(side);
    int how = flags[side_below(side, 6)];
    if (*slot >= 0) {
        (void)(side->is_real ? close(*slot) : kernel_close(NULL, *slot));
        *slot = -1;
        side_say(side, "close");
        return;
    }
    int64_t fd = side->is_real ? REAL(openat(side->top, name, how, 0644))
                               : kernel_openat(NULL, side->top, name, how, 0644);
    *slot = (int)(fd < 0 ? -1 : fd);
    side_say(side, "open %s %o: %lld", name, how, fd < 0 ? (long long)fd : 0);
}

static void step_use(struct side *side)
{
    char bytes[100] = "some bytes";
    int fd = side->slots[side_below(side, SIDE_SLOTS)];
    size_t count = (size_t)side_below(side, sizeof bytes);
    int64_t result;
    switch (side_below(side, 4)) {
    case 0:
        result = side->is_real ? REAL(pread(fd, bytes, count, 0))
                               : kernel_pread(NULL, fd, bytes, count, 0);
        break;
    case 1:
        result = side->is_real ? REAL(ftruncate(fd, (off_t)count))
                               : kernel_ftruncate(NULL, fd, (off_t)count);
        break;
    default:
        result =
            side->is_real ? REAL(write(fd, bytes, count)) : kernel_write(NULL, fd, bytes, count);
    }
    side_say(side, "use %zu: %lld", count, (long long)result);
}

static void step_name(struct side *side)
{
    static const unsigned ways[] = {0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
    static const struct timespec times[3][2] = {
        {{1, 0}, {2, 0}}, {{0, UTIME_OMIT}, {3, 0}}, {{4, 0}, {0, UTIME_OMIT}}};
    const char *name = any_name(side), *other = any_name(side);
    uint64_t choice = side_below(side, 9);
    unsigned way = ways[side_below(side, 4)];
    int64_t result;
    if (choice == 0)
        result = side->is_real ? REAL(mkdirat(side->top, name, 0755))
                               : kernel_mkdirat(NULL, side->top, name, 0755);
    else if (choice < 3)
        result = side->is_real
                     ? REAL(unlinkat(side->top, name, choice == 1 ? 0 : AT_REMOVEDIR))
                     : kernel_unlinkat(NULL, side->top, name, choice == 1 ? 0 : AT_REMOVEDIR);
    else if (choice == 6)
        result = side->is_real ? REAL(fchmodat(side->top, name, 0700, 0))
                               : kernel_fchmodat(NULL, side->top, name, 0700, 0);
    else if (choice == 7)
        result = side->is_real ? REAL(utimensat(side->top, name, times[way % 3], 0))
                               : kernel_utimensat(NULL, side->top, name, times[way % 3], 0);
    else if (choice == 8)
        result = side->is_real ? REAL(fchownat(side->top, name, way, (gid_t)-1, 0))
                               : kernel_fchownat(NULL, side->top, name, way, (gid_t)-1, 0);
    else
        result = side->is_real ? REAL(renameat2(side->top, name, side->top, other, way))
                               : kernel_renameat2(NULL, side->top, name, side->top, other, way);
    side_say(side, "name %llu %s %s %u: %lld", (unsigned long long)choice, name, other, way,
             (long long)result);
}

static void run(struct side *side)
{
    int inotify = side->is_real ? inotify_init1(IN_NONBLOCK | IN_CLOEXEC)
                                : kernel_inotify_init1(NULL, IN_NONBLOCK | IN_CLOEXEC);
    for (int i = 0; i < STEPS; i++) {
        uint64_t choice = side_below(side, 10);
        if (choice < 2)
            step_watch(side, inotify);
        else if (choice < 5)
            step_open(side);
        else if (choice < 7)
            step_use(side);
        else
            step_name(side);
        if (side_below(side, 3) > 0)
            say_events(side, inotify);
    }
    for (int i = 0; i < SIDE_SLOTS; i++)
        if (side->slots[i] >= 0)
            (void)(side->is_real ? close(side->slots[i]) : kernel_close(NULL, side->slots[i]));
    say_events(side, inotify);
    (void)(side->is_real ? close(inotify) : kernel_close(NULL, inotify));
}

TEST(inotify_tells_of_random_programs_what_linux_tells)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        sides_run(seed, NULL, 0, run);
}

/* --- files with several names --- */

static const char *any_file(struct side *side)
{
    return names[side_below(side, 3)];
}

/* By a name, or by a descriptor that was opened by another. */
static int64_t change_facts(struct side *side, const char *name, int fd)
{
    static const struct timespec times[2] = {{1, 0}, {2, 0}};
    mode_t mode = (mode_t)side_below(side, 01000);
    switch (side_below(side, 5)) {
    case 0:
        return side->is_real ? REAL(fchmodat(side->top, name, mode, 0))
                             : kernel_fchmodat(NULL, side->top, name, mode, 0);
    case 1:
        return REAL(fchmod(fd, mode));
    case 2:
        return REAL(fchown(fd, mode, (gid_t)-1));
    case 3:
        return REAL(futimens(fd, times));
    default:
        return side->is_real ? REAL(ftruncate(fd, mode)) : kernel_ftruncate(NULL, fd, mode);
    }
}

static void close_all(struct side *side)
{
    for (int i = 0; i < SIDE_SLOTS; i++) {
        if (side->slots[i] >= 0)
            (void)(side->is_real ? close(side->slots[i]) : kernel_close(NULL, side->slots[i]));
        side->slots[i] = -1;
    }
}

/* A name goes while nobody has the file open: Linux tells of a file's end when its last name goes,
 * though it is open by one that went before (dentry_unlink_inode). */
static int64_t change_names(struct side *side, const char *name, const char *other)
{
    uint64_t choice = side_below(side, 4);
    if (choice < 2)
        close_all(side);
    switch (choice) {
    case 0:
        return side->is_real ? REAL(unlinkat(side->top, name, 0))
                             : kernel_unlinkat(NULL, side->top, name, 0);
    case 1:
        return side->is_real ? REAL(renameat2(side->top, name, side->top, other, 0))
                             : kernel_renameat2(NULL, side->top, name, side->top, other, 0);
    default:
        return side->is_real ? REAL(linkat(side->top, name, side->top, other, 0))
                             : kernel_linkat(NULL, side->top, name, side->top, other, 0);
    }
}

static int64_t toggle(struct side *side, const char *name, int *slot)
{
    int fd = *slot;
    *slot = -1;
    if (fd >= 0)
        return side->is_real ? REAL(close(fd)) : kernel_close(NULL, fd);
    fd = side->is_real ? (int)REAL(openat(side->top, name, O_RDWR | O_CREAT, 0644))
                       : kernel_openat(NULL, side->top, name, O_RDWR | O_CREAT, 0644);
    *slot = fd < 0 ? -1 : fd;
    return fd < 0 ? fd : 0;
}

/* What is told of the files themselves, whichever of their names is used: to who watches a
 * directory, this kernel names the one that a file got last. */
static void run_links(struct side *side)
{
    int inotify = side->is_real ? inotify_init1(IN_NONBLOCK | IN_CLOEXEC)
                                : kernel_inotify_init1(NULL, IN_NONBLOCK | IN_CLOEXEC);
    for (int i = 0; i < STEPS; i++) {
        const char *name = any_file(side), *other = any_file(side);
        int *slot = &side->slots[side_below(side, SIDE_SLOTS)];
        uint64_t choice = side_below(side, 10);
        int64_t result = choice < 1   ? watch(side, inotify, name, IN_ALL_EVENTS)
                         : choice < 4 ? toggle(side, name, slot)
                         : choice < 7 ? change_facts(side, name, *slot)
                                      : change_names(side, name, other);
        side_say(side, "%llu of %s %s: %lld", (unsigned long long)choice, name, other,
                 (long long)result);
        say_events(side, inotify);
    }
    close_all(side);
    say_events(side, inotify);
    (void)(side->is_real ? close(inotify) : kernel_close(NULL, inotify));
}

TEST(inotify_tells_of_files_with_several_names_what_linux_tells)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        sides_run(seed, NULL, 0, run_links);
}

/* --- limits --- */

static int fill_queue(void *argument)
{
    char bytes[sizeof(struct inotify_event) + 16] __attribute__((aligned(8)));
    const struct inotify_event *event = (const void *)bytes;
    int *told = argument; /* events, overflows */
    int inotify = kernel_inotify_init1(NULL, IN_NONBLOCK);
    if (kernel_inotify_add_watch(NULL, inotify, "/tmp", IN_CREATE | IN_DELETE) != 1)
        return 1;
    for (int i = 0; i < 8; i++)
        if (kernel_mkdirat(NULL, AT_FDCWD, "/tmp/a", 0755) ||
            kernel_unlinkat(NULL, AT_FDCWD, "/tmp/a", AT_REMOVEDIR))
            return 2;
    if (kernel_read(NULL, inotify, bytes, sizeof *event) != -EINVAL)
        return 3; /* no room for the name */
    int64_t count;
    while ((count = kernel_read(NULL, inotify, bytes, sizeof bytes)) > 0) {
        told[0] += event->wd == 1;
        told[1] += event->wd == -1 && event->mask == IN_Q_OVERFLOW;
    }
    /* There is room again. */
    if (kernel_mkdirat(NULL, AT_FDCWD, "/tmp/a", 0755) ||
        kernel_read(NULL, inotify, bytes, sizeof bytes) < (int64_t)sizeof *event)
        return 4;
    return count == -EAGAIN ? 0 : 5;
}

TEST(a_full_queue_says_so_once_and_drops_the_rest)
{
    struct hark_sim *world;
    struct hark_sim_options options = {.faults_per_million = 1, .inotify_events_max = 5};
    int told[2] = {0, 0};
    assert_int_equal(hark_sim_create(&options, &world), 0);
    struct hark_sim_process *process =
        hark_sim_start(hark_sim_add_machine(world), fill_queue, told);
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(hark_sim_status(process), 0);
    assert_int_equal(told[0], 5);
    assert_int_equal(told[1], 1);
    hark_sim_destroy(world);
}

static int watch_too_much(void *argument)
{
    (void)argument;
    int one = kernel_inotify_init1(NULL, 0), other = kernel_inotify_init1(NULL, 0);
    if (kernel_inotify_add_watch(NULL, one, "/", IN_CREATE) != 1 ||
        kernel_inotify_add_watch(NULL, other, "/", IN_CREATE) != 1)
        return 1;
    if (kernel_inotify_add_watch(NULL, one, "/tmp", IN_CREATE) != -ENOSPC)
        return 2;
    if (kernel_inotify_add_watch(NULL, one, "/", IN_DELETE) != 1)
        return 3; /* it is one that there is */
    kernel_close(NULL, other);
    return kernel_inotify_add_watch(NULL, one, "/tmp", IN_CREATE) == 2 ? 0 : 4;
}

TEST(watches_are_limited_for_all_of_a_machine)
{
    struct hark_sim *world;
    struct hark_sim_options options = {.faults_per_million = 1, .inotify_watches_max = 2};
    assert_int_equal(hark_sim_create(&options, &world), 0);
    struct hark_sim_machine *machine = hark_sim_add_machine(world);
    struct hark_sim_process *process = hark_sim_start(machine, watch_too_much, NULL);
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(hark_sim_status(process), 0);
    process = hark_sim_start(machine, watch_too_much, NULL); /* the first has given all back */
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(hark_sim_status(process), 0);
    hark_sim_destroy(world);
}

/* --- on a loop, told by another process --- */

struct follower {
    struct hark_loop *loop;
    struct hark_op reading;
    char bytes[512] __attribute__((aligned(8)));
    int inotify, creations;
};

static void told(struct hark_op *op, int64_t count)
{
    struct follower *follower = hark_container_of(op, struct follower, reading);
    for (int64_t at = 0; at < count;) {
        const struct inotify_event *event = (const void *)(follower->bytes + at);
        follower->creations += event->mask == IN_CREATE;
        at += (int64_t)(sizeof *event + event->len);
    }
    if (count > 0 && follower->creations < 10)
        hark_read(follower->loop, op, follower->inotify, follower->bytes, sizeof follower->bytes,
                  HARK_AT_POSITION, told);
}

static int follow(void *argument)
{
    struct follower *follower = argument;
    if (hark_loop_create(NULL, &follower->loop) < 0)
        return 1;
    follower->inotify = hark_os_inotify_init();
    if (hark_os_inotify_add_watch(follower->inotify, "/tmp", IN_CREATE) < 0)
        return 2;
    hark_read(follower->loop, &follower->reading, follower->inotify, follower->bytes,
              sizeof follower->bytes, HARK_AT_POSITION, told);
    int result = hark_run(follower->loop);
    return result ? result : hark_loop_destroy(follower->loop);
}

static int create_files(void *argument)
{
    (void)argument;
    for (int i = 0; i < 10; i++) {
        char path[32];
        snprintf(path, sizeof path, "/tmp/%d", i);
        kernel_close(NULL, kernel_openat(NULL, AT_FDCWD, path, O_WRONLY | O_CREAT, 0644));
        struct timespec pause = {.tv_nsec = (long)kernel_getpid() * 1000000};
        nanosleep(&pause, NULL);
    }
    return 0;
}

TEST(a_loop_is_told_of_what_another_process_does)
{
    static const char *const backends[] = {"uring", "epoll", "poll", "select"};
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct hark_sim *world;
        struct hark_sim_options options = {.seed = seed, .faults_per_million = 1};
        struct follower follower = {.inotify = -1};
        assert_int_equal(hark_sim_create(&options, &world), 0);
        struct hark_sim_machine *machine = hark_sim_add_machine(world);
        struct hark_sim_process *process = hark_sim_start(machine, follow, &follower);
        hark_sim_setenv(process, "HARK_BACKEND", backends[seed % 4]);
        assert_int_equal(hark_sim_run_for(world, 1000000000), 1);
        hark_sim_start(machine, create_files, NULL);
        if (hark_sim_run(world) || hark_sim_status(process) || follower.creations != 10)
            fail_msg("seed %llu: told of %d", (unsigned long long)seed, follower.creations);
        hark_sim_destroy(world);
    }
}
