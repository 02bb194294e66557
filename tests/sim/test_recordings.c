/* test_recordings.c - what a world's loops do, recorded for whoever looks on from outside: in the
 * world's time, and without any process's noticing. */
#include "hark.h"
#include "hark/sim.h"
#include "harness/harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint64_t second_ns = UINT64_C(1000000000);

/* --- what is found in the directory --- */

struct recording {
    const struct hark_trace_ring *ring; /* of the loop; that of its pool behind it */
    size_t bytes;
};

struct recordings {
    struct recording of[16];
    size_t count;
};

static void read_one(const char *directory, const char *name, struct recording *out_recording)
{
    char path[512];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &status), 0);
    void *memory = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(memory != MAP_FAILED);
    close(fd);
    *out_recording = (struct recording){memory, (size_t)status.st_size};
    assert_memory_equal(out_recording->ring->magic, "harktrc1", 8);
}

static struct recordings read_all(const char *directory)
{
    struct recordings all = {.count = 0};
    DIR *listing = opendir(directory);
    assert_non_null(listing);
    const struct dirent *entry;
    while ((entry = readdir(listing)))
        if (fnmatch("hark-*.trace", entry->d_name, 0) == 0) {
            assert_true(all.count < 16);
            read_one(directory, entry->d_name, &all.of[all.count++]);
        }
    closedir(listing);
    return all;
}

static void let_go(struct recordings *all)
{
    for (size_t i = 0; i < all->count; i++)
        munmap((void *)(uintptr_t)all->of[i].ring, all->of[i].bytes);
    all->count = 0;
}

/* The first event of a ring that tells this of an op of that kind. Gives: whether there is one. */
static bool find(const struct hark_trace_ring *ring, enum hark_trace_what what,
                 enum hark_op_code kind, struct hark_trace_event *out_event)
{
    uint64_t position = 0, lost;
    while (hark_trace_read(ring, out_event, 1, &position, &lost) == 1)
        if (out_event->what == what && out_event->kind == kind)
            return true;
    return false;
}

static const struct hark_trace_ring *pool_of(const struct hark_trace_ring *ring)
{
    return (const void *)((const char *)ring + ring->next);
}

/* --- a world: two machines that talk, with files, timers, and work --- */

struct peer {
    struct hark_loop *loop;
    struct hark_op ops[4], timer;
    int fd;
    char bytes[100];
    bool records;         /* by itself, as well */
    bool saw;             /* a recording before it began its own */
    uint64_t own_written; /* events of its own one */
    int left;
};

static void done(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
}

static int64_t work(struct hark_op *op)
{
    (void)op;
    usleep(30000);
    return 7;
}

static void slept(struct hark_op *op, int64_t result)
{
    struct peer *peer = hark_container_of(op, struct peer, timer);
    (void)result;
    hark_cancel_all(peer->loop);
}

static int talk(void *argument)
{
    struct peer *peer = argument;
    struct sockaddr_in any = {.sin_family = AF_INET};
    if (hark_loop_create(NULL, &peer->loop) < 0)
        return 1;
    peer->saw = hark_loop_trace(peer->loop);
    if (peer->records && hark_trace_start(peer->loop, NULL) < 0)
        return 2;
    int file = open("/tmp/talk", O_RDWR | O_CREAT, 0600);
    peer->fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (file < 0 || bind(peer->fd, (struct sockaddr *)&any, sizeof any) < 0)
        return 3;
    hark_write(peer->loop, &peer->ops[0], file, "text", 4, 0, done);
    hark_fdatasync(peer->loop, &peer->ops[1], file, done);
    hark_recv(peer->loop, &peer->ops[2], peer->fd, peer->bytes, sizeof peer->bytes, 0, done);
    hark_work(peer->loop, &peer->ops[3], work, done);
    hark_sleep(peer->loop, &peer->timer, 600 * second_ns, slept);
    int result = hark_run(peer->loop);
    if (peer->records)
        peer->own_written = hark_loop_trace(peer->loop)->written;
    hark_trace_stop(peer->loop);
    close(file);
    close(peer->fd);
    return result ? result : hark_loop_destroy(peer->loop);
}

struct played {
    uint64_t hash, now_ns, calls;
};

/* Takes: directory: NULL: nobody looks on. */
static struct played play(uint64_t seed, const char *directory, struct peer *peers)
{
    struct hark_sim_options options = {.seed = seed, .faults_per_million = 1000000};
    struct hark_sim *world;
    assert_int_equal(hark_sim_create(&options, &world), 0);
    if (directory)
        assert_int_equal(hark_sim_trace(world, directory), 0);
    for (int i = 0; i < 2; i++)
        hark_sim_start(hark_sim_add_machine(world), talk, &peers[i]);
    assert_int_equal(hark_sim_run(world), 0);
    struct played played = {hark_sim_hash(world), hark_sim_now(world), hark_sim_calls(world)};
    hark_sim_destroy(world);
    return played;
}

TEST(a_run_that_is_looked_at_is_the_same_to_the_last_call)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        for (int records = 0; records < 2; records++) {
            struct peer plain[2] = {{.records = records}, {.records = !records}};
            struct peer seen[2] = {{.records = records}, {.records = !records}};
            struct played without = play(seed, NULL, plain);
            struct played with = play(seed, harness_path("seen"), seen);
            assert_int_equal(with.hash, without.hash);
            assert_int_equal(with.now_ns, without.now_ns);
            assert_int_equal(with.calls, without.calls);
            for (int i = 0; i < 2; i++) {
                assert_false(seen[i].saw);
                assert_int_equal(seen[i].own_written, plain[i].own_written);
            }
        }
    }
}

static void expect_stages(const struct hark_trace_ring *ring, uint64_t ended_ns)
{
    struct hark_trace_event asked;
    struct hark_trace_event called;
    assert_true(find(ring, HARK_TRACE_REQUEST, HARK_OP_SLEEP, &asked));
    assert_true(find(ring, HARK_TRACE_CALL, HARK_OP_SLEEP, &called));
    assert_true(asked.time_ns >= ring->started_ns && called.time_ns <= ended_ns);
    assert_true(called.time_ns - asked.time_ns >= 600 * second_ns);
    assert_true(called.time_ns - asked.time_ns < 601 * second_ns);
    struct hark_trace_event begun;
    struct hark_trace_event ended;
    assert_true(find(pool_of(ring), HARK_TRACE_PERFORM, HARK_OP_WORK, &begun));
    assert_true(find(pool_of(ring), HARK_TRACE_RETURN, HARK_OP_WORK, &ended));
    assert_int_equal(ended.value, 7);
    assert_true(ended.time_ns - begun.time_ns >= 30000000);
    assert_true(find(ring, HARK_TRACE_CALLED, HARK_OP_WORK, &called));
    assert_true(called.time_ns >= ended.time_ns);
}

TEST(each_loop_has_a_file_in_which_the_time_is_the_worlds)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct peer peers[2] = {{.records = false}, {.records = true}};
        struct hark_sim_options options = {.seed = seed, .faults_per_million = 1};
        struct hark_sim *world;
        assert_int_equal(hark_sim_create(&options, &world), 0);
        assert_int_equal(hark_sim_trace(world, harness_path("files")), 0);
        for (int i = 0; i < 2; i++)
            hark_sim_start(hark_sim_add_machine(world), talk, &peers[i]);
        assert_int_equal(hark_sim_run(world), 0);
        struct recordings all = read_all(harness_path("files"));
        assert_int_equal(all.count, 2);
        uint32_t pids = 0;
        for (size_t i = 0; i < all.count; i++) {
            const struct hark_trace_ring *ring = all.of[i].ring;
            pids += ring->pid;
            assert_string_equal(ring->process, ring->pid == 1 ? "10.0.0.1" : "10.0.0.2");
            assert_int_equal(ring->thread, ring->pid);
            assert_true(ring->ended_ns > ring->started_ns);
            assert_true(ring->ended_ns <= hark_sim_now(world));
            expect_stages(ring, ring->ended_ns);
        }
        assert_int_equal(pids, 3);
        let_go(&all);
        hark_sim_destroy(world);
    }
}

/* --- ends --- */

static int sleep_for_ever(void *argument)
{
    struct peer *peer = argument;
    if (hark_loop_create(NULL, &peer->loop) < 0)
        return 1;
    hark_sleep(peer->loop, &peer->timer, 1000 * second_ns, done);
    return hark_run(peer->loop);
}

TEST(what_a_killed_process_did_is_there_and_has_an_end)
{
    struct peer peer = {.left = 0};
    struct hark_sim *world;
    struct hark_trace_event event;
    assert_int_equal(hark_sim_create(&(struct hark_sim_options){.seed = 3}, &world), 0);
    assert_int_equal(hark_sim_trace(world, harness_path("killed")), 0);
    struct hark_sim_process *process =
        hark_sim_start(hark_sim_add_machine(world), sleep_for_ever, &peer);
    assert_int_equal(hark_sim_run_for(world, 5 * second_ns), 1);
    struct recordings all = read_all(harness_path("killed"));
    assert_int_equal(all.count, 1);
    assert_int_equal(all.of[0].ring->ended_ns, 0);
    hark_sim_kill(process);
    assert_int_equal(all.of[0].ring->ended_ns, hark_sim_now(world));
    assert_true(find(all.of[0].ring, HARK_TRACE_DELEGATE, HARK_OP_SLEEP, &event));
    assert_false(find(all.of[0].ring, HARK_TRACE_CALL, HARK_OP_SLEEP, &event));
    let_go(&all);
    hark_sim_destroy(world);
}

TEST(what_an_earlier_world_has_left_in_the_directory_goes_and_nothing_else)
{
    const char *directory = harness_path("again");
    for (int round = 0; round < 2; round++) {
        struct peer peers[2] = {{.records = false}, {.records = false}};
        (void)play(5 + (uint64_t)round, directory, peers);
        struct recordings all = read_all(directory);
        assert_int_equal(all.count, 2);
        let_go(&all);
        if (round == 0)
            close(harness_file("again/notes.trace", "x", 1));
    }
    assert_int_equal(access(harness_path("again/notes.trace"), F_OK), 0);
    struct hark_sim *world;
    assert_int_equal(hark_sim_create(NULL, &world), 0);
    assert_int_equal(hark_sim_trace(world, harness_path("again/notes.trace")), -ENOTDIR);
    assert_int_equal(hark_sim_trace(world, harness_path("no/where")), -ENOENT);
    hark_sim_destroy(world);
}

/* --- stages 4 and 5 --- */

struct kernel_events {
    const struct hark_trace_ring *ring;
    size_t bytes;
};

static const struct hark_trace_kernel_event *event_at(const struct kernel_events *all, uint64_t at)
{
    const char *first = (const char *)all->ring + all->ring->header_bytes;
    return (const struct hark_trace_kernel_event *)(const void *)first + at;
}

/* The first of that kind with that number, of any where it is UINT64_MAX. Gives: NULL: none. */
static const struct hark_trace_kernel_event *told(const struct kernel_events *all,
                                                  enum hark_trace_kernel_what what, uint64_t number)
{
    for (uint64_t i = 0; i < all->ring->written; i++) {
        const struct hark_trace_kernel_event *event = event_at(all, i);
        if (event->what == what && (number == UINT64_MAX || event->number == number))
            return event;
    }
    return NULL;
}

static struct kernel_events read_kernel(const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &status), 0);
    struct kernel_events all = {.bytes = (size_t)status.st_size};
    void *memory = mmap(NULL, all.bytes, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(memory != MAP_FAILED);
    close(fd);
    all.ring = memory;
    assert_memory_equal(all.ring->magic, "harkkrn1", 8);
    assert_true(all.ring->written > 0 && all.ring->written <= all.ring->capacity);
    return all;
}

enum { PORT_TOLD = 7000 };

/* Receives what comes from the other machine, and syncs a file. */
static int receive_and_sync(void *argument)
{
    struct peer *peer = argument;
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(PORT_TOLD)};
    if (hark_loop_create(NULL, &peer->loop) < 0)
        return 1;
    int file = open("/tmp/told", O_RDWR | O_CREAT, 0600);
    peer->fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (file < 0 || bind(peer->fd, (struct sockaddr *)&own, sizeof own) < 0)
        return 2;
    hark_recv(peer->loop, &peer->ops[0], peer->fd, peer->bytes, sizeof peer->bytes, 0, done);
    hark_fdatasync(peer->loop, &peer->ops[1], file, done);
    int result = hark_run(peer->loop);
    close(file);
    close(peer->fd);
    return result ? result : hark_loop_destroy(peer->loop);
}

static int send_one(void *argument)
{
    struct sockaddr_in other = {.sin_family = AF_INET, .sin_port = htons(PORT_TOLD)};
    other.sin_addr.s_addr = htonl(0x0a000001); /* 10.0.0.1 */
    (void)argument;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    for (int i = 0; i < 20; i++) {
        usleep(50000);
        (void)sendto(fd, "told", 4, 0, (struct sockaddr *)&other, sizeof other);
    }
    return close(fd);
}

/* Who has asked the disk: of io_uring the loop, for the request; else the thread of the pool. */
static int32_t who_asks(const struct hark_trace_ring *ring, const struct kernel_events *all)
{
    struct hark_trace_event event;
    if (ring->backend != HARK_BACKEND_URING) {
        assert_true(find(pool_of(ring), HARK_TRACE_PERFORM, HARK_OP_FDATASYNC, &event));
        return (int32_t)event.value;
    }
    assert_true(find(ring, HARK_TRACE_DELEGATE, HARK_OP_FDATASYNC, &event));
    const struct hark_trace_kernel_event *submit =
        told(all, HARK_TRACE_KERNEL_SUBMIT, (uint64_t)event.value);
    assert_non_null(submit);
    assert_non_null(told(all, HARK_TRACE_KERNEL_COMPLETE, (uint64_t)event.value));
    assert_true(find(ring, HARK_TRACE_DELEGATE, HARK_OP_RECV, &event));
    assert_non_null(told(all, HARK_TRACE_KERNEL_POLL_ARM, (uint64_t)event.value));
    assert_non_null(told(all, HARK_TRACE_KERNEL_TASK_ADD, (uint64_t)event.value));
    return submit->thread;
}

static void expect_kernel(const struct hark_trace_ring *ring, const struct kernel_events *all)
{
    int32_t thread = who_asks(ring, all);
    const struct hark_trace_kernel_event *asked = NULL;
    for (uint64_t i = 0; i < all->ring->written && !asked; i++)
        if (event_at(all, i)->what == HARK_TRACE_KERNEL_BLOCK_QUEUE &&
            event_at(all, i)->thread == thread && event_at(all, i)->value == 'F')
            asked = event_at(all, i);
    assert_non_null(asked);
    const struct hark_trace_kernel_event *issued =
        told(all, HARK_TRACE_KERNEL_BLOCK_ISSUE, asked->number);
    const struct hark_trace_kernel_event *ended =
        told(all, HARK_TRACE_KERNEL_BLOCK_DONE, asked->number);
    struct hark_trace_event called;
    assert_non_null(issued);
    assert_non_null(ended);
    assert_true(asked->time_ns <= issued->time_ns && issued->time_ns < ended->time_ns);
    assert_true(find(ring, HARK_TRACE_CALL, HARK_OP_FDATASYNC, &called));
    assert_true(ended->time_ns <= called.time_ns);
    const struct hark_trace_kernel_event *packet = told(all, HARK_TRACE_KERNEL_RECEIVE, UINT64_MAX);
    assert_non_null(packet);
    assert_string_equal(packet->text, "simulated NIC");
    assert_true(find(ring, HARK_TRACE_CALL, HARK_OP_RECV, &called));
    assert_int_equal(called.value, 4);
    assert_true(packet->time_ns <= called.time_ns);
    const struct hark_trace_kernel_event *woken =
        told(all, HARK_TRACE_KERNEL_WAKING, (uint64_t)ring->thread);
    assert_non_null(woken);
    assert_int_equal(woken->cpu, 0);
}

TEST(what_disk_and_network_did_for_each_request_is_told_on_each_engine)
{
    static const char *const engines[] = {"uring", "epoll", "poll", "select"};
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
        struct peer peer = {.left = 0};
        struct hark_sim *world;
        const struct hark_sim_options options = {.seed = i, .faults_per_million = 1};
        assert_int_equal(hark_sim_create(&options, &world), 0);
        assert_int_equal(hark_sim_trace(world, harness_path("stages")), 0);
        struct hark_sim_process *process =
            hark_sim_start(hark_sim_add_machine(world), receive_and_sync, &peer);
        assert_int_equal(hark_sim_setenv(process, "HARK_BACKEND", engines[i]), 0);
        hark_sim_start(hark_sim_add_machine(world), send_one, NULL);
        assert_int_equal(hark_sim_run(world), 0);
        assert_int_equal(hark_sim_status(process), 0);
        struct kernel_events kernel = read_kernel(harness_path("stages/hark-kernel.events"));
        struct recordings all = read_all(harness_path("stages"));
        assert_int_equal(all.count, 1);
        expect_kernel(all.of[0].ring, &kernel);
        munmap((void *)(uintptr_t)kernel.ring, kernel.bytes);
        let_go(&all);
        hark_sim_destroy(world);
    }
}
