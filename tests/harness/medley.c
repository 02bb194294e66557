/* medley.c - see the header. */
#include "harness/medley.h"

#include <unistd.h>

static int64_t think(struct hark_op *op)
{
    return op->fd;
}

void medley_open(struct hark_loop *loop, struct medley *medley)
{
    medley->fd = harness_file("medley", "some bytes", 10);
    harness_tcp_pair(loop, medley->ends);
    for (int i = 0; i < MEDLEY_OPS; i++) /* each may receive before it sends */
        assert_int_equal(write(medley->ends[0], "x", 1), 1);
}

void medley_start(struct hark_loop *loop, struct medley *medley,
                  void (*then)(struct harness_op *self, int64_t result), void *context)
{
    for (int i = 0; i < MEDLEY_OPS; i++) {
        medley->ops[i] = (struct harness_op){.then = then, .context = context};
        hark_nop(loop, &medley->ops[i].op, harness_done);
    }
}

void medley_again(struct medley *medley, struct harness_op *op, int number)
{
    struct hark_loop *loop = op->op.loop;
    char *bytes = medley->bytes[op - medley->ops];
    harness_op_again(op);
    switch (number % 8) {
    case 0:
        return hark_sleep(loop, &op->op, 1000, harness_done);
    case 1:
        return hark_work(loop, &op->op, think, harness_done);
    case 2:
        return hark_read(loop, &op->op, medley->fd, bytes, 10, 0, harness_done);
    case 3:
        return hark_send(loop, &op->op, medley->ends[0], "x", 1, 0, harness_done);
    case 4:
        return hark_recv(loop, &op->op, medley->ends[1], bytes, 1, 0, harness_done);
    case 5:
        return hark_defer(loop, &op->op, harness_done);
    default:
        return hark_nop(loop, &op->op, harness_done);
    }
}

void medley_close(struct hark_loop *loop, struct medley *medley)
{
    harness_close(loop, medley->fd);
    harness_close(loop, medley->ends[0]);
    harness_close(loop, medley->ends[1]);
}
