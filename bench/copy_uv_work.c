/* copy_uv_work.c - a file copied by blocks on libuv's thread pool, a piece of work for each block:
 * the thread reads and writes it with blocking calls, one trip to the pool instead of two. See
 * copy.h. */
#include "copy.h"

#include <uv.h>

struct block {
    uv_work_t work;
    int64_t offset;
    size_t count;
    char *bytes;
    bool good;
};

static void block_next(struct block *block);

static void copy_block(uv_work_t *work)
{
    struct block *block = (struct block *)work;
    block->good = pread(from, block->bytes, block->count, block->offset) == (ssize_t)block->count &&
                  pwrite(to, block->bytes, block->count, block->offset) == (ssize_t)block->count;
}

static void copied(uv_work_t *work, int status)
{
    struct block *block = (struct block *)work;
    copy_check(status == 0 && block->good, "copy a block");
    block_next(block);
}

static void block_next(struct block *block)
{
    block->count = copy_next(&block->offset);
    if (block->count > 0)
        uv_queue_work(uv_default_loop(), &block->work, copy_block, copied);
}

int main(int argc, char **argv)
{
    static struct block all[BLOCKS_MAX];
    copy_open(argc, argv);
    for (unsigned i = 0; i < blocks; i++) {
        all[i].bytes = copy_buffer();
        block_next(&all[i]);
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return copy_print();
}
