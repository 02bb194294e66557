/* test_timers.c - base/timers.h beside a plain list: whatever is started, moved and taken out, the
 * earliest comes first, and among equal times the one that was started first. */
#include "base/timers.h"
#include "harness/harness.h"

#include <stdlib.h>

enum { OPS = 500, STEPS = 100000, TIMES = 300 };

static uint64_t state;

static uint32_t random_below(uint32_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 11) % limit;
}

/* The list: when each op is due, and when it was last set. */
struct model {
    struct hark_op ops[OPS];
    uint64_t at_ns[OPS];
    uint64_t set[OPS]; /* 0: not in */
    uint64_t sets;
    uint32_t count;
};

static uint32_t earliest(const struct model *model)
{
    uint32_t first = OPS;
    for (uint32_t i = 0; i < OPS; i++) {
        if (model->set[i] == 0)
            continue;
        if (first == OPS || model->at_ns[i] < model->at_ns[first] ||
            (model->at_ns[i] == model->at_ns[first] && model->set[i] < model->set[first]))
            first = i;
    }
    return first;
}

static void set(struct timers *timers, struct model *model, uint32_t index)
{
    uint64_t at_ns = random_below(TIMES);
    assert_int_equal(timers_set(timers, &model->ops[index], at_ns), 0);
    assert_int_equal(timers_time_of(timers, &model->ops[index]), at_ns);
    model->count += model->set[index] == 0;
    model->at_ns[index] = at_ns;
    model->set[index] = ++model->sets;
}

static void take_out(struct timers *timers, struct model *model, uint32_t index)
{
    timers_remove(timers, &model->ops[index]);
    assert_int_equal(model->ops[index].timer, 0);
    model->count -= model->set[index] != 0;
    model->set[index] = 0;
}

static void look(const struct timers *timers, const struct model *model)
{
    uint32_t first = earliest(model);
    assert_int_equal(timers->count, model->count);
    if (first == OPS) {
        assert_int_equal(timers_next(timers), HARK_NEVER);
    } else {
        assert_int_equal(timers_next(timers), model->at_ns[first]);
        assert_ptr_equal(timers_op(timers, 0), &model->ops[first]);
    }
}

TEST(timers_keep_the_order_of_time_and_then_of_start)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct timers timers = {.next_order =
                                    UINT32_MAX - 1000}; /* the count of starts turns over */
        struct model *model = calloc(1, sizeof *model);
        assert_non_null(model);
        state = seed * 0x9e3779b97f4a7c15u + 1;
        for (int step = 0; step < STEPS; step++) {
            uint32_t index = random_below(OPS);
            bool grows = step / 10000 % 2 == 0; /* full for a time, nearly empty for a time */
            if (random_below(4) < (grows ? 3u : 1u))
                set(&timers, model, index);
            else if (model->count > 0 && random_below(2) == 0)
                take_out(&timers, model, earliest(model));
            else
                take_out(&timers, model, index);
            if (step % 7 == 0)
                look(&timers, model);
        }
        while (model->count > 0) {
            look(&timers, model);
            take_out(&timers, model, earliest(model));
        }
        look(&timers, model);
        timers_done(&timers);
        free(model);
    }
}
