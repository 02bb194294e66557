/* test_power.c - the power goes. A disk stands in for the real one: what was written is on it once
 * a sync of it has succeeded, or when the kernel liked to write it; after a sync that failed the
 * kernel keeps the bytes in its memory, takes them for written, and says of the next sync that all
 * is well, as Linux does. What readers were shown is there when the power is back.
 *
 * What io_uring does is no call: its tests are for the other backends. */
#include "fault/faults.h"
#include "log/disk.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

FILES_IN_MEMORY

enum { FILES_MAX = 8, FILE_BYTES_MAX = 256 * 1024, EVENTS_MAX = 64 };

/* A file as the disk has it, and which of its bytes only the kernel's memory has. */
struct shadow {
    ino_t inode; /* 0: none */
    bool is_lock;
    size_t length;
    unsigned char bytes[FILE_BYTES_MAX];
    bool dirty[FILE_BYTES_MAX];
};

/* In memory that all processes of a test share. */
static struct disk {
    pthread_mutex_t mutex;
    struct shadow files[FILES_MAX];
    bool watching;
    _Atomic bool fail_sync; /* the next one */
    long room;              /* bytes that may be written before the disk is full; -1: enough */
    bool writes_at_once;    /* the kernel does not wait for a sync */
    int removed;            /* files of segments that went, */
    int removed_early; /* and those of them whose segment the disk then still named as the oldest */
    ino_t synced_directory; /* the first */
    ino_t synced_index;     /* the last */
    _Atomic bool fail_index_sync;
    int indexes_named;
    int tables_named;
    _Atomic bool table_dirty; /* what was written to it is not on the disk */
    bool table_named_early;   /* before it, or the events that it tells of, were on the disk */
    _Atomic bool fail_table_sync;
    bool index_named_early; /* before it, or the events that it tells of, were on the disk */
    int count;
    uint64_t ids[EVENTS_MAX];
} * disk;

static void make_disk(void)
{
    if (harness_backend() == HARK_BACKEND_URING)
        harness_skip("what io_uring does is no call");
    pthread_mutexattr_t shared;
    disk = mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(disk != MAP_FAILED);
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&disk->mutex, &shared);
    disk->room = -1;
    disk->watching = true;
}

static bool is_table(int fd)
{
    char link[64], target[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(link, target, sizeof target - 1);
    return disk && disk->watching && length > 10 &&
           memcmp(target + length - 10, "/table.new", 10) == 0;
}

/* The shadow of a segment's file, or of the lock's; NULL: it is another one. */
static struct shadow *shadow_of(int fd)
{
    char link[64], target[4096];
    struct stat status;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, target, sizeof target - 1);
    if (!disk || !disk->watching || length < 5 || fstat(fd, &status) != 0)
        return NULL;
    if (memcmp(target + length - 4, ".log", 4) != 0 && memcmp(target + length - 5, "/lock", 5) != 0)
        return NULL;
    struct shadow *found = NULL;
    pthread_mutex_lock(&disk->mutex);
    for (int i = 0; i < FILES_MAX && !found; i++) {
        if (disk->files[i].inode == 0) {
            disk->files[i].inode = status.st_ino;
            disk->files[i].is_lock = target[length - 1] == 'k';
        }
        if (disk->files[i].inode == status.st_ino)
            found = &disk->files[i];
    }
    pthread_mutex_unlock(&disk->mutex);
    if (!found)
        abort();
    return found;
}

static void write_back(struct shadow *shadow, int fd)
{
    static unsigned char now[FILE_BYTES_MAX];
    ssize_t length = pread(fd, now, sizeof now, 0);
    if (length < 0)
        abort();
    shadow->length = (size_t)length;
    for (size_t i = 0; i < shadow->length; i++)
        if (shadow->dirty[i])
            shadow->bytes[i] = now[i];
    memset(shadow->dirty, 0, sizeof shadow->dirty);
    memset(shadow->bytes + shadow->length, 0, FILE_BYTES_MAX - shadow->length);
}

static void wrote(int fd, off_t offset, ssize_t count)
{
    struct shadow *shadow = count > 0 ? shadow_of(fd) : NULL;
    if (!shadow)
        return;
    if (offset + count > FILE_BYTES_MAX)
        abort();
    pthread_mutex_lock(&disk->mutex);
    memset(shadow->dirty + offset, 1, (size_t)count);
    if (disk->writes_at_once)
        write_back(shadow, fd);
    pthread_mutex_unlock(&disk->mutex);
}

static int64_t write_through(int fd, const void *bytes, size_t count, off_t offset)
{
    ssize_t result = pwrite(fd, bytes, count, offset);
    int64_t value = result < 0 ? -errno : result;
    if (is_table(fd))
        disk->table_dirty = true;
    wrote(fd, offset, result);
    return value;
}

int64_t kernel_pwrite(uint64_t *calls, int fd, const void *bytes, size_t count, off_t offset)
{
    (void)calls;
    return write_through(fd, bytes, count, offset);
}

int64_t kernel_pwritev(uint64_t *calls, int fd, const struct iovec *vector, int count, off_t offset)
{
    (void)calls;
    size_t all = 0;
    for (int i = 0; i < count; i++)
        all += vector[i].iov_len;
    if (disk && disk->room >= 0 && shadow_of(fd)) {
        if (disk->room == 0)
            return -ENOSPC;
        all = all < (size_t)disk->room ? all : (size_t)disk->room;
        disk->room -= (long)all;
    }
    unsigned char *bytes = malloc(all), *to = bytes;
    for (int i = 0; i < count && to < bytes + all; i++) {
        size_t left = (size_t)(bytes + all - to),
               part = vector[i].iov_len < left ? vector[i].iov_len : left;
        memcpy(to, vector[i].iov_base, part);
        to += part;
    }
    int64_t result = write_through(fd, bytes, all, offset);
    free(bytes);
    return result;
}

int kernel_fsync(uint64_t *calls, int fd)
{
    (void)calls;
    struct stat status;
    if (disk && disk->synced_directory == 0 && fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
        disk->synced_directory = status.st_ino;
    return fsync(fd) < 0 ? -errno : 0;
}

static int sync_table(void)
{
    if (disk->fail_table_sync)
        return -EIO;
    disk->table_dirty = false;
    return 0;
}

static int sync_index(int fd)
{
    struct stat status;
    if (!disk || fstat(fd, &status) != 0)
        return fdatasync(fd) < 0 ? -errno : 0;
    if (disk->fail_index_sync)
        return -EIO;
    pthread_mutex_lock(&disk->mutex);
    disk->synced_index = status.st_ino;
    pthread_mutex_unlock(&disk->mutex);
    return 0;
}

/* An index gets its name: what it tells of is in the segment of its number. */
static bool is_early(int directory, const char *unfinished, const char *to)
{
    struct stat index, segment;
    char name[32];
    snprintf(name, sizeof name, "%.20s.log", to);
    if (fstatat(directory, unfinished, &index, 0) != 0 ||
        fstatat(directory, name, &segment, 0) != 0)
        abort();
    pthread_mutex_lock(&disk->mutex);
    bool early = index.st_ino != disk->synced_index;
    for (int i = 0; i < FILES_MAX; i++)
        early |= disk->files[i].inode == segment.st_ino &&
                 memchr(disk->files[i].dirty, 1, sizeof disk->files[i].dirty);
    pthread_mutex_unlock(&disk->mutex);
    return early;
}

/* The table gets its name: what it tells of is in segments. */
static bool table_is_early(void)
{
    bool early = disk->table_dirty;
    pthread_mutex_lock(&disk->mutex);
    for (int i = 0; i < FILES_MAX; i++)
        early |=
            !disk->files[i].is_lock && memchr(disk->files[i].dirty, 1, sizeof disk->files[i].dirty);
    pthread_mutex_unlock(&disk->mutex);
    return early;
}

int kernel_renameat2(uint64_t *calls, int from_directory, const char *from, int to_directory,
                     const char *to, unsigned flags)
{
    (void)calls;
    if (disk && strstr(to, ".idx")) {
        disk->indexes_named++;
        disk->index_named_early |= is_early(from_directory, from, to);
    }
    if (disk && strcmp(to, "table") == 0) {
        disk->tables_named++;
        disk->table_named_early |= table_is_early();
    }
    return renameat2(from_directory, from, to_directory, to, flags) < 0 ? -errno : 0;
}

int kernel_fdatasync(uint64_t *calls, int fd)
{
    (void)calls;
    struct shadow *shadow = shadow_of(fd);
    if (is_table(fd))
        return sync_table();
    if (!shadow)
        return sync_index(fd);
    slow_sync(NULL);
    pthread_mutex_lock(&disk->mutex);
    bool fails = disk->fail_sync;
    disk->fail_sync = false;
    if (fails)
        memset(shadow->dirty, 0, sizeof shadow->dirty);
    else
        write_back(shadow, fd);
    pthread_mutex_unlock(&disk->mutex);
    return fails ? -EIO : 0;
}

/* The lock's file says which segment is the oldest, so that retention is told from a loss: it has
 * to say so on the disk before.
 */
int kernel_unlinkat(uint64_t *calls, int directory, const char *name, int flags)
{
    (void)calls;
    uint64_t named = 0;
    if (disk && disk->watching && !strstr(name, ".new")) {
        pthread_mutex_lock(&disk->mutex);
        for (int i = 0; i < FILES_MAX; i++)
            if (memcmp(disk->files[i].bytes, "newest ", 7) == 0)
                named = strtoull((const char *)disk->files[i].bytes + 45 + 7, NULL, 10);
        disk->removed++;
        disk->removed_early += named <= strtoull(name, NULL, 10);
        pthread_mutex_unlock(&disk->mutex);
    }
    return unlinkat(directory, name, flags) < 0 ? -errno : 0;
}

/* The power goes, and comes back: the files are what the disk has. */
static void lose_power(const char *path)
{
    char names[FILES_MAX][64];
    int count = list_files(path, ".log", names, FILES_MAX);
    disk->watching = false;
    for (int i = 0; i < count; i++) {
        struct stat status;
        assert_int_equal(stat(inside(path, names[i]), &status), 0);
        for (int k = 0; k < FILES_MAX; k++)
            if (disk->files[k].inode == status.st_ino)
                store_file(inside(path, names[i]), disk->files[k].bytes, disk->files[k].length);
    }
    disk->watching = true;
}

/* --- lives --- */

/* Runs one life of a process, which ends without an end: as killed. */
static void live(void (*life)(struct hark_loop *loop, const char *path), const char *path)
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* whoever gives up on the test gives up on this, too */
        struct hark_options options = {.backend = harness_backend()};
        struct hark_loop *loop = NULL;
        if (hark_loop_create(&options, &loop) != 0)
            _exit(4);
        life(loop, path);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* What readers are shown: the ids, into the disk's memory. */
static void show(struct hark_loop *loop, const char *path)
{
    struct log *log = open_log(loop, path, NULL);
    disk->count = 0;
    if (!find(log, "s"))
        return;
    struct history history = read_from(loop, log, "s", LOG_START);
    for (size_t i = 0; i < history.count; i++)
        if (history.seen[i].id != 0)
            disk->ids[disk->count++] = history.seen[i].id;
}

/* A start shows something; then the power goes: the next start shows the same. */
static void assert_shown_stays(const char *path, int count)
{
    uint64_t shown[EVENTS_MAX];
    live(show, path);
    assert_int_equal(disk->count, count);
    memcpy(shown, disk->ids, sizeof shown);
    lose_power(path);
    live(show, path);
    assert_int_equal(disk->count, count);
    assert_memory_equal(disk->ids, shown, (size_t)count * sizeof *shown);
}

static void append_and_fail_a_sync(struct hark_loop *loop, const char *path)
{
    struct log *log = open_log(loop, path, NULL);
    append_text(loop, log, "s", "one");
    append_text(loop, log, "s", "two");
    disk->fail_sync = true;
    assert_result(try_append(loop, log, "s", "three", 5), -EIO);
}

BACKEND_TEST(what_a_failed_sync_left_in_memory_is_on_the_disk_before_it_is_shown)
{
    const char *path = harness_path("data");
    make_disk();
    live(append_and_fail_a_sync, path);
    assert_shown_stays(path, 3);
}

static void append_without_sync(struct hark_loop *loop, const char *path)
{
    struct log_options options = {.sync = LOG_SYNC_NEVER};
    struct log *log = open_log(loop, path, &options);
    for (int i = 0; i < 20; i++)
        append_text(loop, log, "s", "written");
}

BACKEND_TEST(what_was_written_and_not_synced_is_on_the_disk_before_it_is_shown)
{
    const char *path = harness_path("data");
    make_disk();
    live(append_without_sync, path);
    assert_shown_stays(path, 20);
}

static void open_and_find_no_damage(struct hark_loop *loop, const char *path)
{
    struct log *log = open_log(loop, path, NULL);
    assert_int_equal(log_statistics(log)->damaged, 0);
    assert_int_equal(reports.count, 0);
}

/* Its segment is there: that events were lost with the power, as they may be, is no damage. */
BACKEND_TEST(segment_of_which_nothing_was_synced_is_found_empty_and_whole)
{
    const char *path = harness_path("data");
    make_disk();
    live(append_without_sync, path);
    lose_power(path);
    live(open_and_find_no_damage, path);
}

/* With an interval, a commit that begins while another is not synced proves nothing of what stands
 * before it. */
static void append_and_fail_a_sync_of_an_interval(struct hark_loop *loop, const char *path)
{
    /* Long enough for two events and the fault to come before it has passed. */
    struct log_options options = {.sync = LOG_SYNC_INTERVAL, .sync_interval_ns = 400000000};
    struct log *log = open_log(loop, path, &options);
    append_text(loop, log, "s", "synced");
    while (log_statistics(log)->syncs == 0)
        assert_true(hark_run_once(loop) >= 0);
    append_text(loop, log, "s", "one");
    append_text(loop, log, "s", "two");
    disk->fail_sync = true;
    while (log_statistics(log)->sync_errors == 0)
        assert_true(hark_run_once(loop) >= 0);
}

BACKEND_TEST(what_a_failed_sync_of_an_interval_left_in_memory_is_on_the_disk_before_it_is_shown)
{
    const char *path = harness_path("data");
    make_disk();
    live(append_and_fail_a_sync_of_an_interval, path);
    assert_shown_stays(path, 3);
}

/* With one event that is synced, and another of which the sync is on its way. */
static struct log *open_with_a_slow_sync(struct hark_loop *loop, const char *path,
                                         const struct log_options *options, struct slow_disk *slow)
{
    struct log *log = open_log(loop, path, options);
    append_text(loop, log, "s", "synced");
    while (log_statistics(log)->syncs == 0)
        assert_true(hark_run_once(loop) >= 0);
    slow_begin(slow);
    append_text(loop, log, "s", "one");
    slow_await(loop, slow);
    return log;
}

/* Nor does one that begins while the sync of another is on its way. */
static void append_during_a_sync_that_fails(struct hark_loop *loop, const char *path)
{
    struct log_options options = {.sync = LOG_SYNC_INTERVAL, .sync_interval_ns = 1000000};
    struct slow_disk slow;
    struct log *log = open_with_a_slow_sync(loop, path, &options, &slow);
    append_text(loop, log, "s", "two");
    disk->fail_sync = true;
    slow_end(); /* the next one may begin before this one is told of */
    slow_let_go(&slow);
    while (log_statistics(log)->sync_errors == 0)
        assert_true(hark_run_once(loop) >= 0);
    slow_close(&slow);
}

BACKEND_TEST(what_a_sync_on_its_way_may_still_lose_is_on_the_disk_before_it_is_shown)
{
    const char *path = harness_path("data");
    make_disk();
    live(append_during_a_sync_that_fails, path);
    assert_shown_stays(path, 3);
}

static void append_during_a_slow_sync(struct hark_loop *loop, const char *path)
{
    struct log_options options = {.sync = LOG_SYNC_INTERVAL, .sync_interval_ns = 1000000};
    struct slow_disk slow;
    struct harness_op later = {0};
    struct log *log = open_with_a_slow_sync(loop, path, &options, &slow);
    append_text(loop, log, "s", "two");
    hark_sleep(loop, &later.op, 2 * options.sync_interval_ns,
               harness_done); /* comes after the end of the interval */
    harness_run_until(loop, &later.ended);
    slow_let_go(&slow);
    slow_await(loop, &slow);
    slow_end();
    slow_let_go(&slow);
    while (log_statistics(log)->syncs < 3)
        assert_true(hark_run_once(loop) >= 0);
    slow_close(&slow);
}

BACKEND_TEST(interval_that_ends_during_a_sync_is_followed_by_another_sync)
{
    const char *path = harness_path("data");
    make_disk();
    live(append_during_a_slow_sync, path);
    lose_power(path);
    live(show, path);
    assert_int_equal(disk->count, 3);
}

BACKEND_TEST(index_gets_its_name_once_it_and_its_events_are_on_the_disk)
{
    struct log_options options = {.sync = LOG_SYNC_NEVER};
    make_disk();
    struct log *log = open_log(loop, harness_path("data"), &options);
    append_text(loop, log, "s", "1");
    close_log(loop, log);
    assert_int_equal(disk->indexes_named, 1);
    assert_false(disk->index_named_early);
}

BACKEND_TEST(index_that_could_not_be_synced_gets_no_name)
{
    const char *path = harness_path("data");
    make_disk();
    struct log *log = open_log(loop, path, NULL);
    append_text(loop, log, "s", "1");
    disk->fail_index_sync = true;
    close_log(loop, log);
    assert_true(reported("cannot write index"));
    assert_int_equal(count_files(path, ".idx"), 0);
}

/* Written while the log goes on, and at its end. */
static void table_by(struct hark_loop *loop, enum log_sync sync)
{
    static unsigned char bytes[3000];
    struct log_options options = {.sync = sync,
                                  .sync_interval_ns = 1000000000000,
                                  .segment_bytes = 8192,
                                  .table_bytes = 4000};
    struct log *log = open_log(loop, harness_path("data"), &options);
    for (int i = 0; i < 8; i++) {
        append_bytes(loop, log, "s", bytes, sizeof bytes);
        harness_run(loop); /* one may be written, and nothing else is under way */
    }
    close_log(loop, log);
    assert_true(disk->tables_named > 0);
    assert_false(disk->table_named_early);
}

BACKEND_TEST(table_gets_its_name_once_it_and_its_events_are_on_the_disk)
{
    make_disk();
    table_by(loop, LOG_SYNC_ALWAYS);
}

BACKEND_TEST(table_gets_its_name_once_events_that_nobody_has_synced_are_on_the_disk)
{
    make_disk();
    table_by(loop, LOG_SYNC_NEVER);
}

BACKEND_TEST(table_that_could_not_be_synced_gets_no_name_and_the_one_before_stays)
{
    const char *path = harness_path("data");
    size_t length, again;
    make_disk();
    struct log *log = open_log(loop, path, NULL);
    append_text(loop, log, "s", "1");
    close_log(loop, log);
    unsigned char *bytes = load_file(inside(path, "table"), &length);
    log = open_log(loop, path, NULL);
    append_text(loop, log, "s", "2");
    disk->fail_table_sync = true;
    close_log(loop, log);
    assert_true(reported("cannot write the table of streams"));
    unsigned char *now = load_file(inside(path, "table"), &again);
    assert_int_equal(again, length);
    assert_memory_equal(now, bytes, length);
    assert_int_equal(count_files(path, ".new"), 0);
    free(bytes);
    free(now);
    log = open_log(loop, path, NULL);
    struct history history = read_from(loop, log, "s", LOG_START);
    assert_int_equal(history.events, 2);
    history_free(&history);
    disk->fail_table_sync = false;
    close_log(loop, log);
}

BACKEND_TEST(directory_that_was_made_is_on_the_disk_before_what_is_in_it)
{
    struct stat status;
    make_disk();
    close_log(loop, open_log(loop, harness_path("data"), NULL));
    assert_int_equal(stat(harness_path("."), &status), 0);
    assert_int_equal(disk->synced_directory, status.st_ino);
}

BACKEND_TEST(what_stands_before_a_cut_is_on_the_disk_before_it_is_shown)
{
    const char *path = harness_path("data");
    char names[1][64];
    make_disk();
    live(append_without_sync, path);
    assert_int_equal(list_files(path, ".log", names, 1), 1);
    int fd = open(inside(path, names[0]), O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "\7\0\0\0\1\0HK unfinished", 18), 18);
    close(fd);
    assert_shown_stays(path, 20);
}

/* Two events in one write, of which the disk takes one and a half; the kernel writes that at once.
 * Neither was kept, and the cut that takes them away is on the disk before that is said. */
static void append_until_full(struct hark_loop *loop, const char *path)
{
    struct append appends[2];
    struct log *log = open_log(loop, path, NULL);
    append_text(loop, log, "s", "kept");
    disk->room = 100;
    disk->writes_at_once = true;
    append_start(log, &appends[0], "s", "not kept, as the disk is full", 29);
    append_start(log, &appends[1], "s", "not kept, as the disk is full", 29);
    harness_run_until(loop, &appends[1].ended);
    assert_result(appends[0].result, -ENOSPC);
    assert_result(appends[1].result, -ENOSPC);
    disk->room = -1;
    disk->writes_at_once = false;
}

BACKEND_TEST(what_a_full_disk_refused_does_not_come_back_with_the_power)
{
    const char *path = harness_path("data");
    make_disk();
    live(append_until_full, path);
    lose_power(path);
    live(show, path);
    assert_int_equal(disk->count, 1);
}

static void take_by_retention(struct hark_loop *loop, const char *path)
{
    static unsigned char bytes[3000];
    struct log_options options = {.segment_bytes = 4096, .retain_bytes = 8192};
    struct log *log = open_log(loop, path, &options);
    for (int i = 0; i < 5; i++) {
        append_bytes(loop, log, "s", bytes, sizeof bytes);
        if (i == 3)
            harness_run(loop);
    }
    close_log(loop, log);
}

BACKEND_TEST(files_of_the_oldest_segment_go_once_the_next_is_named_on_the_disk)
{
    (void)loop;
    make_disk();
    live(take_by_retention, harness_path("data"));
    assert_in_range(disk->removed, 4, 8);
    assert_int_equal(disk->removed_early, 0);
}

/* The same, and the disk does not say that the cut is on it: nobody may write behind what may still
 * be there. */
static void append_until_full_and_fail_the_sync_of_the_cut(struct hark_loop *loop, const char *path)
{
    static const unsigned char event[200];
    struct append append;
    struct log *log = open_log(loop, path, NULL);
    append_text(loop, log, "s", "kept");
    disk->room = 100;
    disk->writes_at_once = true;
    disk->fail_sync = true;
    append_start(log, &append, "s", event, sizeof event);
    harness_run_until(loop, &append.ended);
    assert_result(append.result, -EIO);
    disk->room = -1;
    disk->writes_at_once = false;
    append_text(loop, log, "s", "kept");
    assert_int_equal(count_files(path, ".log"), 2);
}

BACKEND_TEST(segment_whose_cut_was_not_synced_takes_no_more)
{
    const char *path = harness_path("data");
    make_disk();
    live(append_until_full_and_fail_the_sync_of_the_cut, path);
    lose_power(path);
    live(show, path);
    assert_int_equal(disk->count, 2);
}
