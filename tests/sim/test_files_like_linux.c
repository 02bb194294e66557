/* test_files_like_linux.c - the simulated kernel's files beside the real one's: the same random
 * program of plain calls on a directory of each, result by result, and the whole trees at the
 * end. */
#define HARK_KERNEL_APART /* kernel_openat and its kin are the simulated kernel's here */
#include "kernel/kernel.h"

#include "sim/sides.h"

#include <dirent.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/xattr.h>

enum { SEEDS = 300, STEPS = 400, PATH_BYTES = 128, LONG_AGO = 1000000 };

/* --- both kernels --- */

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

/* Sizes of directories are each file system's own, and so is the time. */
static void say_status(struct side *side, const char *path, int64_t result,
                       const struct stat *status)
{
    if (result < 0) {
        side_say(side, "stat %s: %lld", path, (long long)result);
        return;
    }
    bool sized = !S_ISDIR(status->st_mode), is_set = status->st_mtim.tv_sec < LONG_AGO;
    side_say(side, "stat %s: mode %o links %u size %lld owner %u %u written %lld %ld", path,
             status->st_mode, (unsigned)status->st_nlink, sized ? (long long)status->st_size : -1,
             (unsigned)status->st_uid, (unsigned)status->st_gid,
             is_set ? (long long)status->st_mtim.tv_sec : -1, is_set ? status->st_mtim.tv_nsec : 0);
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
    side_say(side, "list %s: %lld, %zu names", path, (long long)filled, count);
    for (size_t i = 0; i < count; i++)
        side_say(side, "  %s", sorted[i]);
    return filled;
}

/* --- steps --- */

static const char *const names[] = {"a", "b", "c", "d", "link", "loop", "far", "gone"};

static void make_path(struct side *side, char *path)
{
    size_t at = 0;
    uint64_t depth = 1 + side_below(side, 3);
    *path = '\0';
    for (uint64_t i = 0; i < depth; i++) {
        uint64_t choice = side_below(side, 24);
        const char *name = choice < 20            ? names[choice < 14 ? choice % 4 : choice % 8]
                           : choice == 20         ? "."
                           : i > 0 && choice < 23 ? ".."
                                                  : names[choice % 4];
        at += (size_t)snprintf(path + at, PATH_BYTES - at, "%s%s", i ? "/" : "", name);
        if (side_below(side, 30) == 0)
            at += (size_t)snprintf(path + at, PATH_BYTES - at, "/");
        if (side_below(side, 3) > 0)
            break;
    }
}

static int slot(struct side *side, int *out_fd)
{
    int chosen = (int)side_below(side, SIDE_SLOTS);
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
    int flags = (int)side_below(side, 3) | extras[side_below(side, 16)] | O_CLOEXEC;
    if (fd >= 0)
        side_say(side, "close %d: %lld", chosen, (long long)close_it(side, fd));
    int64_t result = open_at(side, path, flags, 0644);
    side->slots[chosen] = (int)(result < 0 ? -1 : result);
    side_say(side, "open %d %s %o: %lld", chosen, path, flags, result < 0 ? (long long)result : 0);
}

static void step_read(struct side *side)
{
    static char bytes[2][30000];
    char *buffer = bytes[side->is_real];
    int fd, chosen = slot(side, &fd);
    size_t count = (size_t)side_below(side, side_below(side, 4) ? 600 : 30000);
    int64_t offset = (int64_t)side_below(side, 20000) - 8000;
    int64_t result = read_at(side, fd, buffer, count, offset);
    if (offset < 0 && result == -EINVAL)
        result =
            -EISDIR; /* ext4, where a directory was read to its end: the position is the most */
    side_say(side, "read %d %zu at %lld: %lld %llx", chosen, count, (long long)offset,
             (long long)result, (unsigned long long)sum(buffer, result));
}

static void step_write(struct side *side)
{
    static char bytes[2][30000];
    char *buffer = bytes[side->is_real];
    int fd, chosen = slot(side, &fd);
    size_t count = (size_t)side_below(side, side_below(side, 4) ? 600 : 30000);
    int64_t offset = (int64_t)side_below(side, 20000) - 8000;
    harness_fill(buffer, count, side_below(side, 1000000));
    int64_t result = write_at(side, fd, buffer, count, offset);
    side_say(side, "write %d %zu at %lld: %lld", chosen, count, (long long)offset,
             (long long)result);
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
    int64_t offset = (int64_t)side_below(side, 20000) - 200,
            count = (int64_t)side_below(side, 9000) - 100;
    int mode = modes[side_below(side, 6)];
    if (side_below(side, 2) == 0) {
        int64_t result =
            side->is_real ? REAL(ftruncate(fd, offset)) : kernel_ftruncate(NULL, fd, offset);
        side_say(side, "truncate %d to %lld: %lld", chosen, (long long)offset, (long long)result);
        return;
    }
    int64_t result = side->is_real ? REAL(fallocate(fd, mode, offset, count))
                                   : kernel_fallocate(NULL, fd, mode, offset, count);
    side_say(side, "allocate %d %d %lld %lld: %lld", chosen, mode, (long long)offset,
             (long long)count, (long long)result);
}

static void step_rename(struct side *side)
{
    static const unsigned flags[] = {0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE, 3, 1 << 10};
    char from[PATH_BYTES], to[PATH_BYTES];
    make_path(side, from);
    make_path(side, to);
    unsigned how = flags[side_below(side, 7)];
    int64_t result = side->is_real ? REAL(renameat2(side->top, from, side->top, to, how))
                                   : kernel_renameat2(NULL, side->top, from, side->top, to, how);
    side_say(side, "rename %s %s %u: %lld", from, to, how, (long long)result);
}

static void step_names(struct side *side)
{
    char path[PATH_BYTES];
    make_path(side, path);
    uint64_t choice = side_below(side, 5);
    int64_t result;
    if (choice < 2)
        result = side->is_real ? REAL(mkdirat(side->top, path, 0777))
                               : kernel_mkdirat(NULL, side->top, path, 0777);
    else {
        int how = choice == 2 ? 0 : choice == 3 ? AT_REMOVEDIR : (int)side_below(side, 2) * 0x200;
        result = side->is_real ? REAL(unlinkat(side->top, path, how))
                               : kernel_unlinkat(NULL, side->top, path, how);
    }
    side_say(side, "names %llu %s: %lld", (unsigned long long)choice, path, (long long)result);
}

static void step_links(struct side *side)
{
    static const int flags[] = {0, 0, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW};
    char from[PATH_BYTES], to[PATH_BYTES];
    make_path(side, from);
    make_path(side, to);
    int64_t result;
    if (side_below(side, 3) == 0) {
        result = side->is_real ? REAL(symlinkat(from, side->top, to))
                               : kernel_symlinkat(NULL, from, side->top, to);
        side_say(side, "symlink %s %s: %lld", from, to, (long long)result);
        return;
    }
    int how = flags[side_below(side, 5)];
    result = side->is_real ? REAL(linkat(side->top, from, side->top, to, how))
                           : kernel_linkat(NULL, side->top, from, side->top, to, how);
    side_say(side, "link %s %s %d: %lld", from, to, how, (long long)result);
}

static void step_facts(struct side *side)
{
    static const long nanoseconds[] = {0, 999999999, UTIME_NOW, UTIME_OMIT, 1000000000};
    char path[PATH_BYTES];
    make_path(side, path);
    int flags = side_below(side, 2) ? AT_SYMLINK_NOFOLLOW : 0;
    uint64_t choice = side_below(side, 3);
    int64_t result;
    if (choice == 0) {
        mode_t mode = (mode_t)side_below(side, 010000);
        result = side->is_real ? REAL(fchmodat(side->top, path, mode, flags))
                               : kernel_fchmodat(NULL, side->top, path, mode, flags);
    } else if (choice == 1) {
        uid_t owner = (uid_t)side_below(side, 4) - 1;
        gid_t group = (gid_t)side_below(side, 4) - 1;
        result = side->is_real ? REAL(fchownat(side->top, path, owner, group, flags))
                               : kernel_fchownat(NULL, side->top, path, owner, group, flags);
    } else {
        struct timespec times[2];
        for (int i = 0; i < 2; i++)
            times[i] = (struct timespec){(time_t)side_below(side, LONG_AGO) - LONG_AGO / 2,
                                         nanoseconds[side_below(side, 5)]};
        result = side->is_real ? REAL(utimensat(side->top, path, times, flags))
                               : kernel_utimensat(NULL, side->top, path, times, flags);
    }
    side_say(side, "fact %d of %s, %d: %lld", (int)choice, path, flags, (long long)result);
}

/* The C library's own calls, which lead into the world. */
static void step_facts_of(struct side *side)
{
    int fd, chosen = slot(side, &fd);
    const struct timespec times[2] = {{(time_t)side_below(side, LONG_AGO) - LONG_AGO / 2, 1},
                                      {(time_t)side_below(side, LONG_AGO) - LONG_AGO / 2, 2}};
    mode_t mode = (mode_t)side_below(side, 010000);
    uid_t owner = (uid_t)side_below(side, 4) - 1;
    uint64_t choice = side_below(side, 5);
    int64_t result = choice == 0   ? REAL(fchmod(fd, mode))
                     : choice == 1 ? REAL(fchown(fd, owner, (gid_t)-1))
                     : choice == 2 ? REAL(futimens(fd, times))
                     : choice == 3 ? REAL(fchownat(fd, "", owner, (gid_t)-1, AT_EMPTY_PATH))
                                   : REAL(utimensat(fd, "", times, AT_EMPTY_PATH));
    side_say(side, "fact %d of %d: %lld", (int)choice, chosen, (long long)result);
}

/* Names in any order. */
static uint64_t sum_of_names(const char *list, int64_t count)
{
    uint64_t total = 0;
    for (int64_t at = 0; at < count; at += (int64_t)strlen(list + at) + 1)
        total += sum(list + at, (int64_t)strlen(list + at));
    return total;
}

static bool has_attributes, has_capabilities;

/* Of an open file; -EBADF, or one that is but a place, is among them. */
static void step_attribute(struct side *side)
{
    static const char *const attributes[] = {
        "user.a", "user.b", "trusted.c", "user.", "nowhere.d", "", "user.a", "security.capability"};
    char bytes[200];
    int fd, chosen = slot(side, &fd);
    const char *name = attributes[side_below(side, has_capabilities ? 8 : 7)];
    size_t size = (size_t)side_below(side, 60);
    bool is_capability = strcmp(name, "security.capability") == 0;
    int how = (int)side_below(side, 5);
    uint64_t choice = side_below(side, 5);
    int64_t result;
    uint64_t content = 0;
    if (!has_attributes)
        return;
    if (choice < 2) {
        harness_fill(bytes, size, size + (uint64_t)how);
        if (is_capability) { /* one, or none: struct vfs_cap_data */
            const uint32_t data[5] = {size % 4 ? 0x02000001 : 7, (uint32_t)size};
            size = sizeof data;
            memcpy(bytes, data, size);
        }
        result = side->is_real
                     ? REAL(fsetxattr(fd, name, bytes, size, how))
                     : kernel_setxattrat(NULL, fd, "", how | AT_EMPTY_PATH, name, bytes, size);
    } else if (choice == 2) {
        result = side->is_real ? REAL(fgetxattr(fd, name, bytes, size))
                               : kernel_getxattrat(NULL, fd, "", AT_EMPTY_PATH, name, bytes, size);
        content = sum(bytes, size > 0 ? result : 0);
    } else if (choice == 3) {
        size *= 3;
        result = side->is_real ? REAL(flistxattr(fd, bytes, size))
                               : kernel_listxattrat(NULL, fd, "", AT_EMPTY_PATH, bytes, size);
        content = sum_of_names(bytes, size > 0 ? result : 0);
    } else
        result = side->is_real ? REAL(fremovexattr(fd, name))
                               : kernel_removexattrat(NULL, fd, "", AT_EMPTY_PATH, name);
    side_say(side, "attribute %d of %d, '%s' %zu %d: %lld %llx", (int)choice, chosen, name, size,
             how, (long long)result, (unsigned long long)content);
}

/* Links are not followed: what they are has none of the users'. */
static void step_attribute_at(struct side *side)
{
    char path[PATH_BYTES], bytes[16] = "";
    make_path(side, path);
    if (!has_attributes)
        return;
    char real[PATH_BYTES + 32];
    snprintf(real, sizeof real, "/proc/self/fd/%d/%s", side->top, path);
    bool sets = side_below(side, 2) == 0;
    int64_t result;
    if (sets)
        result = side->is_real ? REAL(lsetxattr(real, "user.a", "abc", 3, 0))
                               : kernel_setxattrat(NULL, side->top, path, AT_SYMLINK_NOFOLLOW,
                                                   "user.a", "abc", 3);
    else
        result = side->is_real ? REAL(lgetxattr(real, "user.a", bytes, sizeof bytes))
                               : kernel_getxattrat(NULL, side->top, path, AT_SYMLINK_NOFOLLOW,
                                                   "user.a", bytes, sizeof bytes);
    side_say(side, "attribute at %s, %d: %lld", path, sets, (long long)result);
}

static void step_ask(struct side *side)
{
    char path[PATH_BYTES], text[256] = "";
    struct stat status;
    make_path(side, path);
    switch (side_below(side, 4)) {
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
        size_t room = (size_t)side_below(side, 20);
        int64_t result = side->is_real ? REAL(readlinkat(side->top, path, text, room))
                                       : kernel_readlinkat(NULL, side->top, path, text, room);
        side_say(side, "readlink %s: %lld %s", path, (long long)result, text);
        return;
    }
    default: {
        int mode = (int)side_below(side, 9);
        int64_t result = side->is_real ? REAL(faccessat(side->top, path, mode, 0))
                                       : kernel_faccessat(NULL, side->top, path, mode);
        side_say(side, "access %s %d: %lld", path, mode, (long long)result);
    }
    }
}

static void step_open_file(struct side *side)
{
    struct stat status;
    int fd, other, chosen = slot(side, &fd), second = slot(side, &other);
    switch (side_below(side, 5)) {
    case 0:
        say_names(side, fd, "slot");
        return;
    case 1: {
        int64_t result = side->is_real ? REAL(fstat(fd, &status)) : kernel_fstat(NULL, fd, &status);
        say_status(side, "slot", result, &status);
        return;
    }
    case 2: {
        size_t count = (size_t)side_below(side, 9000);
        off_t from = (off_t)side_below(side, 9000), to = (off_t)side_below(side, 9000);
        bool own = side_below(side, 4) == 0;
        int64_t result =
            side->is_real
                ? REAL(copy_file_range(fd, own ? NULL : &from, other, own ? NULL : &to, count, 0))
                : kernel_copy_file_range(NULL, fd, own ? NULL : &from, other, own ? NULL : &to,
                                         count);
        side_say(side, "copy %d %d %zu: %lld, at %lld and %lld", chosen, second, count,
                 (long long)result, (long long)from, (long long)to);
        return;
    }
    case 3: {
        static const int operations[] = {LOCK_SH | LOCK_NB, LOCK_EX | LOCK_NB, LOCK_UN, 77};
        int operation = operations[side_below(side, 4)];
        int64_t result =
            side->is_real ? REAL(flock(fd, operation)) : kernel_flock(NULL, fd, operation);
        side_say(side, "flock %d %d: %lld", chosen, operation, (long long)result);
        return;
    }
    default: {
        int64_t result =
            side->is_real ? REAL(fcntl(fd, F_GETFL)) : kernel_fcntl(NULL, fd, F_GETFL, 0);
        side_say(side, "flags %d: %llo", chosen, (unsigned long long)result);
    }
    }
}

static void step(struct side *side)
{
    static void (*const steps[])(struct side * side) = {
        step_open,  step_open,      step_open,         step_read,      step_read,
        step_write, step_write,     step_length,       step_ask,       step_names,
        step_names, step_rename,    step_open_file,    step_open_file, step_links,
        step_facts, step_attribute, step_attribute_at, step_facts_of};
    steps[side_below(side, sizeof steps / sizeof *steps)](side);
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
    side_say(side, "content %s: %lld bytes, %llx", path, (long long)total, (unsigned long long)all);
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

static void run(struct side *side)
{
    for (int i = 0; i < STEPS; i++)
        step(side);
    for (int i = 0; i < SIDE_SLOTS; i++)
        if (side->slots[i] >= 0)
            close_it(side, side->slots[i]);
    say_tree(side, ".", 0);
}

static const struct side_link links[] = {
    {"link", "a/b"}, {"loop", "loop"}, {"far", "./d/../a/"}, {"gone", "nothing/at/all"}};

static bool can_have_capabilities(void)
{
    const uint32_t any[5] = {0x02000001, 1};
    return setxattr(harness_directory(), "security.capability", any, sizeof any, 0) == 0 &&
           removexattr(harness_directory(), "security.capability") == 0;
}

TEST(random_programs_give_what_linux_gives)
{
    has_attributes = setxattr(harness_directory(), "user.probe", "", 0, 0) == 0 &&
                     access("/proc/self/fd", F_OK) == 0;
    has_capabilities = has_attributes && can_have_capabilities();
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        sides_run(seed, links, sizeof links / sizeof *links, run);
}
