/* test_trace_ring.c - the ring of a recorder and its readers: what was overwritten is said, and
 * what is read is whole. */
#include "conform/recorded.h"
#include "harness/world.h"

#include <pthread.h>
#include <stdatomic.h>

BACKEND_TEST(what_was_overwritten_is_counted_and_what_is_read_is_whole)
{
    struct harness_op nop = {0};
    begin(loop, 64);
    for (int i = 0; i < 100; i++) {
        harness_op_again(&nop);
        hark_nop(loop, &nop.op, harness_done);
        harness_run(loop);
    }
    const struct hark_trace_ring *ring = hark_loop_trace(loop);
    struct events all = take_all(ring);
    assert_int_equal(ring->capacity, 64);
    assert_int_equal(all.lost + all.count, ring->written);
    assert_int_equal(all.count, 63);
    for (size_t i = 0; i < all.count; i++)
        assert_true(all.event[i].what >= HARK_TRACE_SLEEP &&
                    all.event[i].what <= HARK_TRACE_CALLED);
    free(all.event);
}

BACKEND_TEST(a_reader_goes_on_where_it_was)
{
    struct harness_op nop = {0};
    struct hark_trace_event events[4];
    uint64_t position = 0, lost, seen = 0;
    begin(loop, 0);
    for (int round = 0; round < 50; round++) {
        size_t count;
        harness_op_again(&nop);
        hark_nop(loop, &nop.op, harness_done);
        harness_run(loop);
        while ((count = hark_trace_read(hark_loop_trace(loop), events, 4, &position, &lost)) > 0) {
            seen += count;
            assert_int_equal(lost, 0);
        }
    }
    assert_int_equal(seen, hark_loop_trace(loop)->written);
    assert_int_equal(position, seen);
}

/* A reader of its own, while the loop writes. */
struct reader {
    const struct hark_trace_ring *ring;
    _Atomic bool ending;
    uint64_t seen, lost, gaps;
};

/* Each op of a chain of them has the next number: one that is missing must have been said to be. */
static void *read_along(void *context)
{
    struct reader *reader = context;
    static struct hark_trace_event events[64];
    uint64_t position = 0, lost = 0, last_id = 0;
    bool said = false;
    for (bool ending = false; !ending;) {
        size_t count;
        ending = atomic_load(&reader->ending);
        while ((count = hark_trace_read(reader->ring, events, 64, &position, &lost)) + lost > 0) {
            reader->seen += count;
            reader->lost += lost;
            said = said || lost > 0;
            for (size_t i = 0; i < count; i++) {
                if (events[i].what != HARK_TRACE_REQUEST)
                    continue;
                reader->gaps += !said && last_id != 0 && events[i].op != last_id + 1;
                last_id = events[i].op;
                said = false;
            }
        }
    }
    return NULL;
}

BACKEND_TEST(a_loop_that_writes_faster_than_it_is_read_loses_only_what_is_said)
{
    struct harness_op nop = {0};
    pthread_t thread;
    if (harness_in_world())
        harness_skip(
            "it reads shared memory in a loop without system calls, in which a world stands");
    begin(loop, 256);
    struct reader reader = {.ring = hark_loop_trace(loop)};
    assert_result(pthread_create(&thread, NULL, read_along, &reader), 0);
    for (int i = 0; i < 50000; i++) {
        harness_op_again(&nop);
        hark_nop(loop, &nop.op, harness_done);
        harness_run(loop);
    }
    atomic_store(&reader.ending, true);
    pthread_join(thread, NULL);
    assert_int_equal(reader.seen + reader.lost, reader.ring->written);
    assert_int_equal(reader.gaps, 0);
    assert_true(reader.seen > 0);
}
