/* copy_uv_copyfile.c - a file copied by libuv's uv_fs_copyfile: one request, inside which a thread
 * of the pool has the kernel copy (copy_file_range(2), or sendfile(2)), so that no byte passes
 * through the program. See copy.h. */
#include "copy.h"

#include <uv.h>

static void copied(uv_fs_t *fs)
{
    copy_check(fs->result == 0, "copy");
    uv_fs_req_cleanup(fs);
}

int main(int argc, char **argv)
{
    uv_fs_t fs;
    copy_open(argc, argv);
    uv_fs_copyfile(uv_default_loop(), &fs, argv[1], argv[2], 0, copied);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return copy_print();
}
