/* test_mapped.c - files of a world that processes have mapped: memory and calls see the same bytes,
 * as on Linux; and what a power loss leaves of them. */
#define HARK_KERNEL_APART /* kernel_openat and its kin are the simulated kernel's here */
#include "kernel/kernel.h"

#include "sim/sides.h"

#include <string.h>

enum { SEEDS = 150, STEPS = 200, FILE_BYTES = 20000, MAP_BYTES = 24576, PAGE = 4096 };

/* --- as Linux does --- */

static int64_t read_at(struct side *side, int fd, void *bytes, size_t count, int64_t offset)
{
    return side->is_real ? REAL(pread(fd, bytes, count, offset))
                         : kernel_pread(NULL, fd, bytes, count, offset);
}

static int64_t write_at(struct side *side, int fd, const void *bytes, size_t count, int64_t offset)
{
    return side->is_real ? REAL(pwrite(fd, bytes, count, offset))
                         : kernel_pwrite(NULL, fd, bytes, count, offset);
}

static int64_t cut_to(struct side *side, int fd, int64_t length)
{
    return side->is_real ? REAL(ftruncate(fd, length)) : kernel_ftruncate(NULL, fd, length);
}

static int open_file(struct side *side, int flags)
{
    return side->is_real ? openat(side->top, "file", flags, 0600)
                         : kernel_openat(NULL, side->top, "file", flags, 0600);
}

static unsigned sum_of(const unsigned char *bytes, size_t count)
{
    unsigned sum = 1;
    for (size_t i = 0; i < count; i++)
        sum = sum * 31 + bytes[i];
    return sum;
}

/* Its first pages are always of the file. */
static void touch(struct side *side, unsigned char *memory, size_t length)
{
    size_t at = (size_t)side_below(side, length), count = (size_t)side_below(side, 3000) + 1;
    if (count > length - at)
        count = length - at;
    memset(memory + at, (int)side_below(side, 256), count);
}

static void say_refusals(struct side *side)
{
    int only_read = open_file(side, O_RDONLY), only_write = open_file(side, O_WRONLY);
    void *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, only_read, 0);
    side_say(side, "shared, of one for reading: %d", memory == MAP_FAILED ? errno : 0);
    memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, only_write, 0);
    side_say(side, "of one for writing: %d", memory == MAP_FAILED ? errno : 0);
    memory = mmap(NULL, 0, PROT_READ, MAP_SHARED, only_read, 0);
    side_say(side, "nothing of it: %d", memory == MAP_FAILED ? errno : 0);
    memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, only_read, 100);
    side_say(side, "from between two pages: %d", memory == MAP_FAILED ? errno : 0);
    memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, side->top, 0);
    side_say(side, "a directory: %d", memory == MAP_FAILED ? errno : 0);
    memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, 1000, 0);
    side_say(side, "no descriptor: %d", memory == MAP_FAILED ? errno : 0);
    close(only_read);
    close(only_write);
}

static void say_unmapped(struct side *side, const char *what, int result)
{
    side_say(side, "%s: %d", what, result < 0 ? errno : 0);
}

/* What is left is there: the first page has gone, then one between two, then the last. */
static void unmap_parts(struct side *side, int fd)
{
    enum { PAGES = 6 };
    unsigned char *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    if (memory == MAP_FAILED) {
        side_say(side, "not mapped: %d", errno);
        return;
    }
    say_unmapped(side, "nothing", munmap(memory, 0));
    say_unmapped(side, "from between two pages", munmap(memory + 1, PAGE));
    say_unmapped(side, "synced", msync(memory, PAGE, MS_SYNC | MS_INVALIDATE));
    say_unmapped(side, "synced both ways", msync(memory, PAGE, MS_SYNC | MS_ASYNC));
    say_unmapped(side, "the first", munmap(memory, PAGE));
    say_unmapped(side, "one between", munmap(memory + (size_t)2 * PAGE, 100));
    say_unmapped(side, "the last", munmap(memory + (size_t)5 * PAGE, PAGE));
    for (size_t i = 1; i < PAGES - 1; i++) {
        if (i != 2)
            memory[i * PAGE] = (unsigned char)i;
    }
    side_say(side, "left %d %d %d", memory[1 * PAGE], memory[3 * PAGE], memory[4 * PAGE]);
    say_unmapped(side, "all that is left", munmap(memory, PAGES * PAGE));
    say_unmapped(side, "once more", munmap(memory, PAGES * PAGE));
}

static void program(struct side *side)
{
    static unsigned char bytes[MAP_BYTES];
    int fd = open_file(side, O_RDWR | O_CREAT | O_TRUNC);
    size_t length = FILE_BYTES;
    side_say(side, "cut %lld", (long long)cut_to(side, fd, FILE_BYTES));
    memset(bytes, (int)side_below(side, 256), FILE_BYTES);
    side_say(side, "before %lld", (long long)write_at(side, fd, bytes, FILE_BYTES / 2, 0));
    unsigned char *one = mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    unsigned char *other = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
    if (one == MAP_FAILED || other == MAP_FAILED) {
        side_say(side, "not mapped: %d", errno);
        return;
    }
    say_refusals(side);
    unmap_parts(side, fd);
    unmap_parts(side, -1);
    for (int i = 0; i < STEPS; i++) {
        int64_t at = (int64_t)side_below(side, length);
        size_t count = (size_t)side_below(side, 5000);
        switch (side_below(side, 5)) {
        case 0:
            touch(side, one, length);
            break;
        case 1:
            memset(bytes, (int)side_below(side, 256), count);
            side_say(side, "write %lld", (long long)write_at(side, fd, bytes, count, at));
            length = at + (int64_t)count > (int64_t)length ? (size_t)at + count : length;
            break;
        case 2:
            count = (size_t)read_at(side, fd, bytes, count, at);
            side_say(side, "read %zu: %x", count, sum_of(bytes, count));
            break;
        case 3:
            length = FILE_BYTES - (size_t)side_below(side, 8000);
            side_say(side, "cut %lld", (long long)cut_to(side, fd, (int64_t)length));
            break;
        default:
            side_say(side, "memory %x %x", sum_of(one, length), sum_of(other, PAGE));
        }
        if (length > MAP_BYTES)
            length = MAP_BYTES;
    }
    munmap(other, PAGE);
    munmap(one, MAP_BYTES);
    size_t count = (size_t)read_at(side, fd, bytes, sizeof bytes, 0);
    side_say(side, "read %zu: %x", count, sum_of(bytes, count));
    close(fd);
}

TEST(mapped_files_do_as_linux_does)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        sides_run(seed, NULL, 0, program);
}

/* --- memory without a name --- */

static int use_memory(void *argument)
{
    bool *out_holds = argument;
    char bytes[8] = "";
    struct stat status;
    int fd = kernel_memfd_create(NULL, "some", MFD_CLOEXEC);
    if (fd < 0 || kernel_memfd_create(NULL, "some", 0x80000000u) != -EINVAL ||
        kernel_fcntl(NULL, fd, F_GETFD, 0) != FD_CLOEXEC || ftruncate(fd, PAGE) < 0)
        return 1;
    char *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED || fstat(fd, &status) < 0)
        return 2;
    memcpy(memory + 10, "mapped", 7);
    *out_holds = kernel_pread(NULL, fd, bytes, 7, 10) == 7 && strcmp(bytes, "mapped") == 0 &&
                 status.st_nlink == 0 && status.st_size == PAGE;
    close(fd); /* the mapping stays */
    *out_holds = *out_holds && strcmp(memory + 10, "mapped") == 0;
    return munmap(memory, PAGE);
}

TEST(memory_of_memfd_create_is_a_file_that_can_be_mapped)
{
    bool holds = false;
    struct hark_sim *world;
    struct hark_sim_leftovers left;
    assert_int_equal(hark_sim_create(&(struct hark_sim_options){.faults_per_million = 1}, &world),
                     0);
    struct hark_sim_process *process =
        hark_sim_start(hark_sim_add_machine(world), use_memory, &holds);
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(hark_sim_status(process), 0);
    assert_true(holds);
    hark_sim_left(process, &left);
    assert_int_equal(left.mappings + left.descriptors, 0);
    hark_sim_destroy(world);
}

/* --- a power loss --- */

struct written {
    bool by_memory;     /* synced as memory, not by its descriptor */
    char synced, later; /* what the pages of the file are filled with */
    int seen_synced, seen_later, seen_other;
};

static int write_mapped(void *argument)
{
    const struct written *written = argument;
    int directory = open("/tmp", O_RDONLY | O_DIRECTORY);
    int fd = open("/tmp/file", O_RDWR | O_CREAT, 0600);
    if (ftruncate(fd, FILE_BYTES) < 0)
        return 1;
    char *memory = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return 2;
    memset(memory, written->synced, FILE_BYTES);
    if (written->by_memory ? msync(memory, FILE_BYTES, MS_SYNC) < 0 : fsync(fd) < 0)
        return 3;
    if (fsync(directory) < 0)
        return 3;
    memset(memory, written->later, FILE_BYTES);
    sleep(1000);
    return 4;
}

static int look(void *argument)
{
    struct written *written = argument;
    char bytes[FILE_BYTES];
    int fd = open("/tmp/file", O_RDONLY);
    size_t done = 0;
    ssize_t count;
    while ((count = read(fd, bytes + done, sizeof bytes - done)) > 0)
        done += (size_t)count;
    for (size_t i = 0; i < done; i++) {
        written->seen_synced += bytes[i] == written->synced;
        written->seen_later += bytes[i] == written->later;
        written->seen_other += bytes[i] != written->synced && bytes[i] != written->later;
    }
    return done != FILE_BYTES;
}

TEST(what_was_mapped_and_synced_survives_and_the_rest_in_sectors)
{
    int lost = 0, kept = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct written written = {.by_memory = seed % 2, .synced = 'a', .later = 'b'};
        struct hark_sim_options options = {.seed = seed, .faults_per_million = 1};
        struct hark_sim *world;
        assert_int_equal(hark_sim_create(&options, &world), 0);
        struct hark_sim_machine *machine = hark_sim_add_machine(world);
        hark_sim_start(machine, write_mapped, &written);
        assert_int_equal(hark_sim_run_for(world, UINT64_C(10000000000)), 1);
        hark_sim_power_off(machine);
        hark_sim_power_on(machine);
        struct hark_sim_process *process = hark_sim_start(machine, look, &written);
        assert_int_equal(hark_sim_run(world), 0);
        assert_int_equal(hark_sim_status(process), 0);
        assert_int_equal(written.seen_other, 0);
        lost += written.seen_synced > 0;
        kept += written.seen_later > 0;
        hark_sim_destroy(world);
    }
    assert_true(lost > 0);
    assert_true(kept > 0);
}
