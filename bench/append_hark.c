/* append_hark.c - appends that share an fdatasync, on libhark: a write, then the sync, then the
 * answers. See append.h. */
#include "append.h"

#include <hark.h>

static void commit(struct hark_loop *loop, struct hark_op *op);

static void synced(struct hark_op *op, int64_t result)
{
    append_check(result == 0, "sync");
    group_end();
    commit(op->loop, op);
}

static void written(struct hark_op *op, int64_t count)
{
    append_check(count == (int64_t)group_bytes(), "write");
    hark_fdatasync(op->loop, op, file, synced);
}

static void commit(struct hark_loop *loop, struct hark_op *op)
{
    size_t bytes = group_begin();
    if (bytes > 0)
        hark_write(loop, op, file, syncing->bytes, bytes, offset, written);
}

int main(int argc, char **argv)
{
    struct hark_loop *loop;
    struct hark_op op = {0};
    append_check(hark_loop_create(NULL, &loop) == 0, "make a loop");
    append_open(argc, argv);
    commit(loop, &op);
    hark_run(loop);
    return append_print();
}
