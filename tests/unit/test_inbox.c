/* test_inbox.c - base/inbox.h, one step after the other: whatever the order in which ops come to
 * their places, and however full the ring is, they are taken by ticket, each once. Threads at it:
 * conform/test_threads.c. */
#include "base/inbox.h"
#include "harness/harness.h"

#include <stdlib.h>
#include <string.h>

enum { OPS = 8 * INBOX_SLOTS };

static uint64_t state;

static uint32_t random_below(uint32_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 11) % limit;
}

/* Takes: the first ticket that it gives. */
static struct inbox *inbox_create(uint32_t first)
{
    struct inbox *inbox = aligned_alloc(_Alignof(struct inbox), sizeof *inbox);
    assert_non_null(inbox);
    memset(inbox, 0, sizeof *inbox);
    atomic_store(&inbox->tickets, first);
    atomic_store(&inbox->taken, first);
    inbox->next = first;
    assert_true(inbox_is_empty(inbox));
    return inbox;
}

static void swap(uint32_t *one, uint32_t *other)
{
    uint32_t kept = *one;
    *one = *other;
    *other = kept;
}

/* Takes what there is, some of it at the most, and looks that it is in order. */
static uint32_t take_some(struct inbox *inbox, const struct hark_op *ops, uint32_t taken,
                          uint32_t most)
{
    for (; most > 0; most--) {
        bool empty = inbox_is_empty(inbox);
        const struct hark_op *op = inbox_take(inbox);
        if (!op)
            break;
        assert_int_equal(op - ops, taken++);
        assert_false(empty); /* else the taker would sleep */
    }
    inbox_taken(inbox);
    return taken;
}

/* OPS ops, of which up to `late` have drawn a ticket and have not come to their places yet; every
 * `pause` steps some are taken.
 */
static void run(uint64_t seed, uint32_t first, uint32_t late, uint32_t pause)
{
    struct inbox *inbox = inbox_create(first);
    struct hark_op *ops = calloc(OPS, sizeof *ops);
    uint32_t *waiting = calloc(late, sizeof *waiting);
    uint32_t count = 0, drawn = 0, taken = 0;
    state = seed * 0x9e3779b97f4a7c15u + 1;
    for (uint32_t step = 0; taken < OPS; step++) {
        assert_true(step < 3 * OPS); /* else something is never taken */
        while (count < late && drawn < OPS) {
            assert_int_equal(inbox_draw(inbox), first + drawn);
            waiting[count++] = drawn++;
        }
        if (count > 0) {
            swap(&waiting[random_below(count)], &waiting[count - 1]);
            count--;
            inbox_place(inbox, &ops[waiting[count]], first + waiting[count]);
        }
        if (step % pause == 0 || count == 0)
            taken = take_some(inbox, ops, taken, 1 + random_below(2 * INBOX_SLOTS));
    }
    assert_true(inbox_is_empty(inbox));
    assert_null(inbox_take(inbox));
    free(waiting);
    free(ops);
    free(inbox);
}

static void run_all(uint32_t first)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        run(seed, first, 1, 1);
        run(seed, first, 4, 3);
        run(seed, first, 64, INBOX_SLOTS);
        run(seed, first, INBOX_SLOTS + 100, 5000);
        run(seed, first, 3, 100000); /* nearly all of them overflow */
    }
}

TEST(inbox_gives_ops_in_the_order_of_their_tickets)
{
    run_all(0);
}

TEST(inbox_keeps_the_order_when_tickets_turn_over)
{
    run_all(UINT32_MAX - OPS / 2);
}

TEST(inbox_op_waits_for_the_one_before_it)
{
    struct inbox *inbox = inbox_create(0);
    struct hark_op ops[2] = {0};
    uint32_t first = inbox_draw(inbox);
    uint32_t second = inbox_draw(inbox);
    inbox_place(inbox, &ops[1], second);
    assert_true(inbox_is_empty(inbox));
    assert_null(inbox_take(inbox));
    inbox_place(inbox, &ops[0], first);
    assert_false(inbox_is_empty(inbox));
    assert_ptr_equal(inbox_take(inbox), &ops[0]);
    assert_ptr_equal(inbox_take(inbox), &ops[1]);
    assert_null(inbox_take(inbox));
    free(inbox);
}
