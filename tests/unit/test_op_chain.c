/* test_op_chain.c - base/op_chain.h: ops leave in the order in which they came, whichever are taken
 * out of the middle meanwhile. */
#include "base/op_chain.h"
#include "harness/harness.h"

enum { OPS = 7, STEPS = 200000 };

static uint64_t state = 88172645463325252u;

static uint32_t random_below(uint32_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 11) % limit;
}

/* What should be in the chain, in its order. */
struct model {
    struct hark_op *ops[OPS];
    uint32_t count;
};

static uint32_t place_of(const struct model *model, const struct hark_op *op)
{
    uint32_t place = 0;
    while (place < model->count && model->ops[place] != op)
        place++;
    return place;
}

static void forget(struct model *model, uint32_t place)
{
    for (model->count--; place < model->count; place++)
        model->ops[place] = model->ops[place + 1];
}

static void compare(const struct op_chain *chain, const struct model *model)
{
    const struct hark_op *op = chain->first;
    for (uint32_t place = 0; place < model->count; place++, op = op->queued)
        assert_ptr_equal(op, model->ops[place]);
    assert_null(op);
}

TEST(ops_leave_a_chain_in_order_whichever_are_taken_out_of_it)
{
    struct hark_op ops[OPS] = {0};
    struct op_chain chain = {0};
    struct model model = {0};
    for (int step = 0; step < STEPS; step++) {
        struct hark_op *op = &ops[random_below(OPS)];
        uint32_t place = place_of(&model, op);
        if (place < model.count) {
            op_chain_remove(&chain, op);
            forget(&model, place);
        } else if (random_below(4) > 0) {
            op_chain_push(&chain, op);
            model.ops[model.count++] = op;
        } else {
            assert_ptr_equal(op_chain_pop(&chain), model.count > 0 ? model.ops[0] : NULL);
            if (model.count > 0)
                forget(&model, 0);
        }
        compare(&chain, &model);
    }
}
