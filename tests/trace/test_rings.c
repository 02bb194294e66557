/* test_rings.c - files of rings: those that are none are refused, in one line each, and nothing
 * that they say of themselves is believed. */
#include "trace/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EVENTS = 64, RING_BYTES = sizeof(struct hark_trace_ring) + EVENTS * 32 };

/* Two rings as a process would write them, to be broken. */
struct file {
    struct hark_trace_ring ring;
    struct hark_trace_event events[EVENTS];
    struct hark_trace_ring pool;
    struct hark_trace_event pool_events[EVENTS];
};

static struct file whole_file(void)
{
    struct file file = {.ring = {.header_bytes = sizeof file.ring,
                                 .event_bytes = sizeof file.events[0],
                                 .capacity = EVENTS,
                                 .pid = 1,
                                 .loop = 1,
                                 .backend = HARK_BACKEND_EPOLL}};
    memcpy(file.ring.magic, "harktrc1", 8);
    file.pool = file.ring;
    file.pool.is_pool = 1;
    file.ring.next = RING_BYTES;
    return file;
}

static void put(const char *name, const void *bytes, size_t count)
{
    close(harness_file(name, bytes, count));
}

/* Gives: what trace_rings_add says of such a file. */
static int add(const void *bytes, size_t count)
{
    static int number;
    char name[32];
    const char *wrong;
    struct trace_rings rings = {0};
    snprintf(name, sizeof name, "%d", ++number);
    int fd = harness_file(name, bytes, count);
    int error = trace_rings_add(&rings, fd, name, &wrong);
    assert_int_equal(error == 0, !wrong);
    assert_int_equal(rings.refused, error == -EBADMSG);
    trace_rings_done(&rings);
    close(fd);
    return error;
}

TEST(a_whole_file_is_taken)
{
    struct file file = whole_file();
    assert_result(add(&file, sizeof file), 0);
    file.ring.next = 0;
    assert_result(add(&file, sizeof file), 0);
    assert_result(add(&file, RING_BYTES), 0);
}

TEST(a_file_that_is_short_foreign_or_damaged_is_refused)
{
    struct file file = whole_file();
    assert_result(add("", 0), -EAGAIN);
    assert_result(add(&file, sizeof file.ring - 1), -EAGAIN);
    assert_result(add(&file, RING_BYTES - 1), -EBADMSG);
    assert_result(add(&file, sizeof file - 1), -EBADMSG);
    memcpy(file.ring.magic, "harktrc2", 8);
    assert_result(add(&file, sizeof file), -EBADMSG);
    static const struct {
        size_t place;
        uint64_t value;
    } damages[] = {
        {offsetof(struct hark_trace_ring, capacity), 0},
        {offsetof(struct hark_trace_ring, capacity), 63},
        {offsetof(struct hark_trace_ring, capacity), 32},
        {offsetof(struct hark_trace_ring, capacity), 1ull << 63},
        {offsetof(struct hark_trace_ring, next), 1},
        {offsetof(struct hark_trace_ring, next), UINT64_MAX - 7},
        {offsetof(struct hark_trace_ring, next), 8},
        {offsetof(struct hark_trace_ring, header_bytes), 32ull << 32 | 8},
        {offsetof(struct hark_trace_ring, header_bytes), 32ull << 32 | 0xfffffff8},
        {offsetof(struct hark_trace_ring, header_bytes), 31ull << 32 | 128},
    };
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        file = whole_file();
        memcpy((char *)&file + damages[i].place, &damages[i].value, 8);
        assert_result(add(&file, sizeof file), -EBADMSG);
    }
}

TEST(a_file_that_is_being_made_is_waited_for)
{
    struct file file = {0};
    assert_result(add(&file, sizeof file), -EAGAIN);
}

/* --- directories --- */

static void count_events(void *context, void **reader, const struct hark_trace_ring *ring,
                         const struct hark_trace_event *events, size_t count, uint64_t lost)
{
    (void)reader, (void)ring, (void)events, (void)lost;
    *(size_t *)context += count;
}

TEST(of_a_directory_the_whole_files_are_read_and_each_once)
{
    struct file file = whole_file();
    struct trace_rings rings = {0};
    size_t count = 0;
    file.ring.written = 3;
    file.pool.written = 1;
    put("hark-1-1.trace", &file, sizeof file);
    put("hark-2-1.trace", "nothing", 7);
    put("hark-3-1.trace",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        128);
    put("other", &file, sizeof file);
    assert_int_equal(symlink("hark-1-1.trace", harness_path("hark-4-1.trace")), 0);
    assert_int_equal(mkfifo(harness_path("hark-5-1.trace"), 0600), 0);
    assert_result(trace_rings_look(&rings, harness_directory(), false), 0);
    assert_result(trace_rings_look(&rings, harness_directory(), true), 0);
    trace_rings_read(&rings, count_events, &count);
    trace_rings_read(&rings, count_events, &count);
    assert_int_equal(count, 4);
    trace_rings_done(&rings);
    assert_result(trace_rings_look(&rings, harness_path("none"), true), -ENOENT);
}

TEST(whoever_reads_alone_lets_go_of_what_has_ended)
{
    struct file file = whole_file();
    struct trace_rings rings = {.only_reader = true};
    size_t count = 0;
    file.ring.written = 3;
    file.ring.ended_ns = 1;
    put("hark-1-1.trace", &file, sizeof file);
    file.ring.ended_ns = 0; /* process 1 is there */
    put("hark-1-2.trace", &file, sizeof file);
    file.ring.pid = INT32_MAX; /* that one is not */
    put("hark-2-1.trace", &file, sizeof file);
    assert_result(trace_rings_look(&rings, harness_directory(), false), 0);
    assert_int_equal(access(harness_path("hark-1-1.trace"), F_OK), -1);
    assert_int_equal(access(harness_path("hark-1-2.trace"), F_OK), -1);
    trace_rings_read(&rings, count_events, &count);
    assert_int_equal(count, 9);
    assert_int_equal(rings.found, 3);
    assert_non_null(rings.files);
    assert_string_equal(rings.files->name, "hark-1-2.trace");
    assert_null(rings.files->next);
    trace_rings_done(&rings);
}

TEST(a_count_that_makes_no_sense_ends_the_reading)
{
    struct file file = whole_file();
    struct trace_rings rings = {0};
    size_t count = 0;
    file.ring.written = UINT64_MAX;
    put("hark-1-1.trace", &file, sizeof file);
    assert_result(trace_rings_look(&rings, harness_directory(), true), 0);
    trace_rings_read(&rings, count_events, &count);
    assert_true(count < EVENTS);
    trace_rings_done(&rings);
}

BACKEND_TEST(a_loop_that_records_anew_keeps_what_is_being_read_whole)
{
    struct traced traced;
    struct harness_op nop = {0};
    traced_begin(&traced, loop, 0);
    hark_nop(loop, &nop.op, harness_done);
    harness_run(loop);
    traced_round(&traced);
    hark_trace_stop(loop);
    assert_result(
        hark_trace_start(loop, &(struct hark_trace_options){.directory = harness_directory()}), 0);
    harness_op_again(&nop);
    hark_nop(loop, &nop.op, harness_done);
    harness_run(loop);
    traced_end(&traced);
    assert_int_equal(traced.count, 2);
    traced_done(&traced);
}

TEST(a_directory_that_is_gone_does_not_keep_a_loop_from_being_made)
{
    setenv("HARK_TRACE", harness_path("gone"), 1);
    struct hark_loop *loop = harness_loop_create(NULL);
    assert_null(hark_loop_trace(loop));
    harness_loop_destroy(loop);
}
