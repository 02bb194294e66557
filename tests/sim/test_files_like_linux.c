/* test_files_like_linux.c - the simulated kernel's files beside the real one's: the same random
 * program of plain calls on a directory of each, result by result, and the whole trees at the
 * end. */
#define HARK_KERNEL_APART /* kernel_openat and its kin are the simulated kernel's here */
#include "kernel/kernel.h"

#include "hark/sim.h"
#include "harness/harness.h"

#include <dirent.h>
#include <linux/falloc.h>
#include <string.h>

enum { SEEDS = 300, STEPS = 400, SLOTS = 6, ROOM = 20000, PATH_BYTES = 128, LINE_BYTES = 320 };

/* --- both kernels --- */

/* The real one's answer as kernel.h has it. */
#define REAL(call)                                                                                 \
    __extension__({                                                                                \
        int64_t answer = (call);                                                                   \
        answer < 0 ? -(int64_t)errno : answer;                                                     \
    })

/* Where a program runs. */
struct side {
    bool is_real;
    int top;          /* the directory in which all is done */
    int slots[SLOTS]; /* what it has open; -1: nothing */
    uint64_t state;   /* of its numbers */
    char (*lines)[LINE_BYTES];
    size_t count;
};

static uint64_t below(struct side *side, uint64_t bound)
{
    side->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = (side->state ^ side->state >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return (mixed ^ mixed >> 31) % bound;
}

__attribute__((format(printf, 2, 3))) static void say(struct side *side, const char *format, ...)
{
    va_list values;
    if (side->count == ROOM)
        return;
    va_start(values, format);
    vsnprintf(side->lines[side->count++], LINE_BYTES, format, values);
    va_end(values);
}

static int64_t open_at(struct side *side, const char *path, int flags, mode_t mode)
{
    return side->is_real ? REAL(openat(side->top, path, flags, mode))
                         : kernel_openat(NULL, side->top, path, flags, mode);
}

static int64_t close_it(struct side *side, int fd)
{
    return side->is_real ? REAL(close(fd)) : kernel_close(NULL, fd);
}

static int64_t list_some(struct side *side, int fd, void *bytes, size_t count)
{
    return side->is_real ? REAL(syscall(SYS_getdents64, fd, bytes, count))
                         : kernel_getdents64(NULL, fd, bytes, count);
}

static int64_t status_at(struct side *side, const char *path, int flags, struct stat *out_status)
{
    return side->is_real ? REAL(fstatat(side->top, path, out_status, flags))
                         : kernel_fstatat(NULL, side->top, path, out_status, flags);
}

static int64_t read_at(struct side *side, int fd, void *bytes, size_t count, int64_t offset)
{
    if (offset < 0)
        return side->is_real ? REAL(read(fd, bytes, count)) : kernel_read(NULL, fd, bytes, count);
    return side->is_real ? REAL(pread(fd, bytes, count, offset))
                         : kernel_pread(NULL, fd, bytes, count, offset);
}

static int64_t write_at(struct side *side, int fd, const void *bytes, size_t count, int64_t offset)
{
    if (offset < 0)
        return side->is_real ? REAL(write(fd, bytes, count)) : kernel_write(NULL, fd, bytes, count);
    return side->is_real ? REAL(pwrite(fd, bytes, count, offset))
                         : kernel_pwrite(NULL, fd, bytes, count, offset);
}

/* --- what is compared --- */

static uint64_t sum(const void *bytes, int64_t count)
{
    uint64_t total = UINT64_C(0xcbf29ce484222325);
    for (int64_t i = 0; i < count; i++)
        total = (total ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
    return total;
}

/* Sizes of directories are each file system's own. */
static void say_status(struct side *side, const char *path, int64_t result,
                       const struct stat *status)
{
    if (result < 0) {
        say(side, "stat %s: %lld", path, (long long)result);
        return;
    }
    bool sized = !S_ISDIR(status->st_mode);
    say(side, "stat %s: mode %o links %u size %lld", path, status->st_mode,
        (unsigned)status->st_nlink, sized ? (long long)status->st_size : -1);
}

static int by_name(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

/* All names of an open directory from where it stands, in order, with their kinds. */
static int64_t say_names(struct side *side, int fd, const char *path)
{
    static char bytes[2][4096]; /* of each side: the simulated one may change threads */
    char names[64][64], *sorted[64];
    size_t count = 0;
    int64_t filled;
    char *buffer = bytes[side->is_real];
    while ((filled = list_some(side, fd, buffer, sizeof bytes[0])) > 0) {
        struct hark_dirent entry;
        size_t at = 0;
        while (hark_dirent_next(buffer, (size_t)filled, &at, &entry) && count < 64) {
            snprintf(names[count], sizeof names[0], "%.50s %u", entry.name, (unsigned)entry.type);
            sorted[count] = names[count];
            count++;
        }
    }
    qsort(sorted, count, sizeof *sorted, by_name);
    say(side, "list %s: %lld, %zu names", path, (long long)filled, count);
    for (size_t i = 0; i < count; i++)
        say(side, "  %s", sorted[i]);
    return filled;
}

/* --- steps --- */

static const char *const names[] = {"a", "b", "c", "d", "link", "loop", "far", "gone"};

static void make_path(struct side *side, char *path)
{
    size_t at = 0;
    uint64_t depth = 1 + below(side, 3);
    *path = '\0';
    for (uint64_t i = 0; i < depth; i++) {
        uint64_t choice = below(side, 24);
        const char *name = choice < 20            ? names[choice < 14 ? choice % 4 : choice % 8]
                           : choice == 20         ? "."
                           : i > 0 && choice < 23 ? ".."
                                                  : names[choice % 4];
        at += (size_t)snprintf(path + at, PATH_BYTES - at, "%s%s", i ? "/" : "", name);
        if (below(side, 30) == 0)
            at += (size_t)snprintf(path + at, PATH_BYTES - at, "/");
        if (below(side, 3) > 0)
            break;
    }
}

static int slot(struct side *side, int *out_fd)
{
    int chosen = (int)below(side, SLOTS);
    *out_fd = side->slots[chosen];
    return chosen;
}

static void step_open(struct side *side)
{
    static const int extras[] = {O_CREAT,
                                 O_CREAT | O_EXCL,
                                 O_TRUNC,
                                 O_CREAT | O_TRUNC,
                                 O_DIRECTORY,
                                 O_NOFOLLOW,
                                 O_APPEND,
                                 O_CREAT | O_APPEND,
                                 O_PATH,
                                 0,
                                 O_CREAT,
                                 O_DIRECTORY | O_NOFOLLOW,
                                 O_CREAT | O_NOFOLLOW,
                                 O_CREAT | O_DIRECTORY,
                                 O_SYNC | O_CREAT,
                                 0};
    char path[PATH_BYTES];
    int fd, chosen = slot(side, &fd);
    make_path(side, path);
    int flags = (int)below(side, 3) | extras[below(side, 16)] | O_CLOEXEC;
    if (fd >= 0)
        say(side, "close %d: %lld", chosen, (long long)close_it(side, fd));
    int64_t result = open_at(side, path, flags, 0644);
    side->slots[chosen] = (int)(result < 0 ? -1 : result);
    say(side, "open %d %s %o: %lld", chosen, path, flags, result < 0 ? (long long)result : 0);
}

static void step_read(struct side *side)
{
    static char bytes[2][30000];
    char *buffer = bytes[side->is_real];
    int fd, chosen = slot(side, &fd);
    size_t count = (size_t)below(side, below(side, 4) ? 600 : 30000);
    int64_t offset = (int64_t)below(side, 20000) - 8000;
    int64_t result = read_at(side, fd, buffer, count, offset);
    if (offset < 0 && result == -EINVAL)
        result =
            -EISDIR; /* ext4, where a directory was read to its end: the position is the most */
    say(side, "read %d %zu at %lld: %lld %llx", chosen, count, (long long)offset, (long long)result,
        (unsigned long long)sum(buffer, result));
}

static void step_write(struct side *side)
{
    static char bytes[2][30000];
    char *buffer = bytes[side->is_real];
    int fd, chosen = slot(side, &fd);
    size_t count = (size_t)below(side, below(side, 4) ? 600 : 30000);
    int64_t offset = (int64_t)below(side, 20000) - 8000;
    harness_fill(buffer, count, below(side, 1000000));
    int64_t result = write_at(side, fd, buffer, count, offset);
    say(side, "write %d %zu at %lld: %lld", chosen, count, (long long)offset, (long long)result);
}

static void step_length(struct side *side)
{
    static const int modes[] = {0,
                                FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_ZERO_RANGE,
                                FALLOC_FL_PUNCH_HOLE,
                                1 << 20};
    int fd, chosen = slot(side, &fd);
    int64_t offset = (int64_t)below(side, 20000) - 200, count = (int64_t)below(side, 9000) - 100;
    int mode = modes[below(side, 6)];
    if (below(side, 2) == 0) {
        int64_t result =
            side->is_real ? REAL(ftruncate(fd, offset)) : kernel_ftruncate(NULL, fd, offset);
        say(side, "truncate %d to %lld: %lld", chosen, (long long)offset, (long long)result);
        return;
    }
    int64_t result = side->is_real ? REAL(fallocate(fd, mode, offset, count))
                                   : kernel_fallocate(NULL, fd, mode, offset, count);
    say(side, "allocate %d %d %lld %lld: %lld", chosen, mode, (long long)offset, (long long)count,
        (long long)result);
}

static void step_rename(struct side *side)
{
    static const unsigned flags[] = {0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE, 3, 1 << 10};
    char from[PATH_BYTES], to[PATH_BYTES];
    make_path(side, from);
    make_path(side, to);
    unsigned how = flags[below(side, 7)];
    int64_t result = side->is_real ? REAL(renameat2(side->top, from, side->top, to, how))
                                   : kernel_renameat2(NULL, side->top, from, side->top, to, how);
    say(side, "rename %s %s %u: %lld", from, to, how, (long long)result);
}

static void step_names(struct side *side)
{
    char path[PATH_BYTES];
    make_path(side, path);
    uint64_t choice = below(side, 5);
    int64_t result;
    if (choice < 2)
        result = side->is_real ? REAL(mkdirat(side->top, path, 0777))
                               : kernel_mkdirat(NULL, side->top, path, 0777);
    else {
        int how = choice == 2 ? 0 : choice == 3 ? AT_REMOVEDIR : (int)below(side, 2) * 0x200;
        result = side->is_real ? REAL(unlinkat(side->top, path, how))
                               : kernel_unlinkat(NULL, side->top, path, how);
    }
    say(side, "names %llu %s: %lld", (unsigned long long)choice, path, (long long)result);
}

static void step_ask(struct side *side)
{
    char path[PATH_BYTES], text[256] = "";
    struct stat status;
    make_path(side, path);
    switch (below(side, 4)) {
    case 0: {
        int64_t result = status_at(side, path, 0, &status);
        say_status(side, path, result, &status);
        return;
    }
    case 1: {
        int64_t result = status_at(side, path, AT_SYMLINK_NOFOLLOW, &status);
        say_status(side, path, result, &status);
        return;
    }
    case 2: {
        size_t room = (size_t)below(side, 20);
        int64_t result = side->is_real ? REAL(readlinkat(side->top, path, text, room))
                                       : kernel_readlinkat(NULL, side->top, path, text, room);
        say(side, "readlink %s: %lld %s", path, (long long)result, text);
        return;
    }
    default: {
        int mode = (int)below(side, 9);
        int64_t result = side->is_real ? REAL(faccessat(side->top, path, mode, 0))
                                       : kernel_faccessat(NULL, side->top, path, mode);
        say(side, "access %s %d: %lld", path, mode, (long long)result);
    }
    }
}

static void step_open_file(struct side *side)
{
    struct stat status;
    int fd, other, chosen = slot(side, &fd), second = slot(side, &other);
    switch (below(side, 5)) {
    case 0:
        say_names(side, fd, "slot");
        return;
    case 1: {
        int64_t result = side->is_real ? REAL(fstat(fd, &status)) : kernel_fstat(NULL, fd, &status);
        say_status(side, "slot", result, &status);
        return;
    }
    case 2: {
        size_t count = (size_t)below(side, 9000);
        off64_t from = (off64_t)below(side, 9000), to = (off64_t)below(side, 9000);
        bool own = below(side, 4) == 0;
        int64_t result =
            side->is_real
                ? REAL(copy_file_range(fd, own ? NULL : &from, other, own ? NULL : &to, count, 0))
                : kernel_copy_file_range(NULL, fd, own ? NULL : &from, other, own ? NULL : &to,
                                         count);
        say(side, "copy %d %d %zu: %lld, at %lld and %lld", chosen, second, count,
            (long long)result, (long long)from, (long long)to);
        return;
    }
    case 3: {
        static const int operations[] = {LOCK_SH | LOCK_NB, LOCK_EX | LOCK_NB, LOCK_UN, 77};
        int operation = operations[below(side, 4)];
        int64_t result =
            side->is_real ? REAL(flock(fd, operation)) : kernel_flock(NULL, fd, operation);
        say(side, "flock %d %d: %lld", chosen, operation, (long long)result);
        return;
    }
    default: {
        int64_t result =
            side->is_real ? REAL(fcntl(fd, F_GETFL)) : kernel_fcntl(NULL, fd, F_GETFL, 0);
        say(side, "flags %d: %llo", chosen, (unsigned long long)result);
    }
    }
}

static void step(struct side *side)
{
    static void (*const steps[])(struct side * side) = {
        step_open,  step_open,   step_open,      step_read,     step_read,
        step_write, step_write,  step_length,    step_ask,      step_names,
        step_names, step_rename, step_open_file, step_open_file};
    steps[below(side, sizeof steps / sizeof *steps)](side);
}

/* --- the tree --- */

static void say_content(struct side *side, const char *path)
{
    static char bytes[2][65536];
    char *buffer = bytes[side->is_real];
    int64_t fd = open_at(side, path, O_RDONLY, 0), total = 0, count;
    uint64_t all = 0;
    while ((count = read_at(side, (int)fd, buffer, sizeof bytes[0], total)) > 0) {
        all = all * 31 + sum(buffer, count);
        total += count;
    }
    say(side, "content %s: %lld bytes, %llx", path, (long long)total, (unsigned long long)all);
    close_it(side, (int)fd);
}

static void say_tree(struct side *side, const char *path, int depth)
{
    struct stat status;
    int64_t result = status_at(side, path, AT_SYMLINK_NOFOLLOW, &status);
    say_status(side, path, result, &status);
    if (result < 0 || depth > 8)
        return;
    if (S_ISREG(status.st_mode))
        say_content(side, path);
    if (!S_ISDIR(status.st_mode))
        return;
    int64_t fd = open_at(side, path, O_RDONLY | O_DIRECTORY, 0);
    say_names(side, (int)fd, path);
    close_it(side, (int)fd);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char inner[PATH_BYTES];
        if (snprintf(inner, sizeof inner, "%s/%s", path, names[i]) < PATH_BYTES)
            say_tree(side, inner, depth + 1);
    }
}

static int run(void *argument)
{
    struct side *side = argument;
    for (int i = 0; i < SLOTS; i++)
        side->slots[i] = -1;
    for (int i = 0; i < STEPS; i++)
        step(side);
    for (int i = 0; i < SLOTS; i++)
        if (side->slots[i] >= 0)
            close_it(side, side->slots[i]);
    say_tree(side, ".", 0);
    close_it(side, side->top);
    return 0;
}

static const char *const targets[][2] = {
    {"link", "a/b"}, {"loop", "loop"}, {"far", "./d/../a/"}, {"gone", "nothing/at/all"}};

static int run_simulated(void *argument)
{
    struct side *side = argument;
    if (kernel_mkdirat(NULL, AT_FDCWD, "/tmp/0", 0755) ||
        kernel_mkdirat(NULL, AT_FDCWD, "/tmp/0/top", 0755))
        return 1;
    struct hark_sim_machine *machine = (void *)side->lines[ROOM - 1]; /* told by the test */
    memcpy(&machine, side->lines[ROOM - 1], sizeof machine);
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "/tmp/0/top/%s", targets[i][0]);
        if (hark_sim_link(machine, targets[i][1], path))
            return 2;
    }
    side->top = kernel_openat(NULL, AT_FDCWD, "/tmp/0/top", O_RDONLY | O_DIRECTORY, 0);
    return side->top < 0 ? 3 : run(side);
}

static void compare(uint64_t seed, const struct side *real, const struct side *simulated)
{
    for (size_t i = 0; i < real->count || i < simulated->count; i++) {
        if (i < real->count && i < simulated->count &&
            strcmp(real->lines[i], simulated->lines[i]) == 0)
            continue;
        for (size_t before = i > 12 ? i - 12 : 0; before < i; before++)
            print_message("    %s\n", real->lines[before]);
        fail_msg("seed %llu, line %zu:\nLinux:     %s\nsimulated: %s", (unsigned long long)seed, i,
                 i < real->count ? real->lines[i] : "(no more)",
                 i < simulated->count ? simulated->lines[i] : "(no more)");
    }
}

static void run_both(uint64_t seed, struct side *real, struct side *simulated)
{
    char top[64];
    snprintf(top, sizeof top, "top%llu", (unsigned long long)seed);
    assert_int_equal(mkdir(harness_path(top), 0755), 0);
    strcat(top, "/top"); /* what ".." leads to is the same on both sides, too */
    assert_int_equal(mkdir(harness_path(top), 0755), 0);
    real->top = open(harness_path(top), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        assert_int_equal(symlinkat(targets[i][1], real->top, targets[i][0]), 0);
    run(real);

    struct hark_sim *world;
    struct hark_sim_options options = {.seed = seed, .faults_per_million = 1};
    assert_int_equal(hark_sim_create(&options, &world), 0);
    struct hark_sim_machine *machine = hark_sim_add_machine(world);
    memcpy(simulated->lines[ROOM - 1], &machine, sizeof machine);
    struct hark_sim_process *process = hark_sim_start(machine, run_simulated, simulated);
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(hark_sim_status(process), 0);
    hark_sim_destroy(world);
}

TEST(random_programs_give_what_linux_gives)
{
    char(*lines)[LINE_BYTES] = calloc(2 * (size_t)ROOM, LINE_BYTES);
    assert_non_null(lines);
    umask(022);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct side real = {.is_real = true, .state = seed, .lines = lines};
        struct side simulated = {.state = seed, .lines = lines + ROOM};
        run_both(seed, &real, &simulated);
        compare(seed, &real, &simulated);
    }
    free(lines);
}
