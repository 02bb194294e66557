/* copy_hark.c - a file copied by reads and writes on libhark: each block is read, written, and read
 * again. See copy.h. */
#include "copy.h"

#include <hark.h>

struct block {
    struct hark_op op;
    int64_t offset;
    size_t count;
    char *bytes;
};

static void block_next(struct hark_loop *loop, struct block *block);

static void written(struct hark_op *op, int64_t count)
{
    struct block *block = hark_container_of(op, struct block, op);
    copy_check(count == (int64_t)block->count, "write");
    block_next(op->loop, block);
}

static void was_read(struct hark_op *op, int64_t count)
{
    struct block *block = hark_container_of(op, struct block, op);
    copy_check(count == (int64_t)block->count, "read");
    hark_write(op->loop, op, to, block->bytes, block->count, block->offset, written);
}

static void block_next(struct hark_loop *loop, struct block *block)
{
    block->count = copy_next(&block->offset);
    if (block->count > 0)
        hark_read(loop, &block->op, from, block->bytes, block->count, block->offset, was_read);
}

int main(int argc, char **argv)
{
    static struct block all[BLOCKS_MAX];
    struct hark_loop *loop;
    copy_check(hark_loop_create(NULL, &loop) == 0, "make a loop");
    copy_open(argc, argv);
    for (unsigned i = 0; i < blocks; i++) {
        all[i].bytes = copy_buffer();
        block_next(loop, &all[i]);
    }
    hark_run(loop);
    return copy_print();
}
