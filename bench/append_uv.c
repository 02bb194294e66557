/* append_uv.c - appends that share an fdatasync, on libuv's thread pool: a write, then the sync,
 * then the answers; with APPEND_DSYNC one trip to the pool for both. See append.h. */
#include "append.h"

#include <uv.h>

static void commit(uv_fs_t *fs);

static void answer(uv_fs_t *fs)
{
    group_end();
    commit(fs);
}

static void synced(uv_fs_t *fs)
{
    append_check(fs->result == 0, "sync");
    uv_fs_req_cleanup(fs);
    answer(fs);
}

static void written(uv_fs_t *fs)
{
    append_check(fs->result == (ssize_t)group_bytes(), "write");
    uv_fs_req_cleanup(fs);
    if (synced_by_write)
        answer(fs);
    else
        uv_fs_fdatasync(uv_default_loop(), fs, file, synced);
}

static void commit(uv_fs_t *fs)
{
    uv_buf_t bytes = uv_buf_init(NULL, (unsigned)group_begin());
    bytes.base = syncing->bytes;
    if (bytes.len > 0)
        uv_fs_write(uv_default_loop(), fs, file, &bytes, 1, offset, written);
}

int main(int argc, char **argv)
{
    uv_fs_t fs;
    append_open(argc, argv);
    commit(&fs);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return append_print();
}
