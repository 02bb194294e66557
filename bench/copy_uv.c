/* copy_uv.c - a file copied by reads and writes on libuv's thread pool: each block is read,
 * written, and read again. See copy.h. UV_THREADPOOL_SIZE sets the pool. */
#include "copy.h"

#include <uv.h>

struct block {
    uv_fs_t fs;
    int64_t offset;
    uv_buf_t bytes;
};

static void block_next(struct block *block);

static void written(uv_fs_t *fs)
{
    struct block *block = (struct block *)fs;
    copy_check(fs->result == (ssize_t)block->bytes.len, "write");
    uv_fs_req_cleanup(fs);
    block_next(block);
}

static void was_read(uv_fs_t *fs)
{
    struct block *block = (struct block *)fs;
    copy_check(fs->result == (ssize_t)block->bytes.len, "read");
    uv_fs_req_cleanup(fs);
    uv_fs_write(uv_default_loop(), fs, to, &block->bytes, 1, block->offset, written);
}

static void block_next(struct block *block)
{
    block->bytes.len = copy_next(&block->offset);
    if (block->bytes.len > 0)
        uv_fs_read(uv_default_loop(), &block->fs, from, &block->bytes, 1, block->offset, was_read);
}

int main(int argc, char **argv)
{
    static struct block all[BLOCKS_MAX];
    copy_open(argc, argv);
    for (unsigned i = 0; i < blocks; i++) {
        all[i].bytes.base = copy_buffer();
        block_next(&all[i]);
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return copy_print();
}
