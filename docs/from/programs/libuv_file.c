/* libuv_file.c - prints a file, piece by piece. */
#include <fcntl.h>
#include <stdio.h>
#include <uv.h>

static uv_fs_t request;
static uv_file file;
static char bytes[4096];

static void closed(uv_fs_t *fs)
{
    uv_fs_req_cleanup(fs);
}

static void got(uv_fs_t *fs)
{
    uv_buf_t room = uv_buf_init(bytes, sizeof bytes);
    ssize_t count = fs->result;
    uv_fs_req_cleanup(fs); /* after each */
    if (count <= 0) {
        uv_fs_close(uv_default_loop(), fs, file, closed);
        return;
    }
    fwrite(bytes, 1, (size_t)count, stdout);
    uv_fs_read(uv_default_loop(), fs, file, &room, 1, -1, got);
}

static void opened(uv_fs_t *fs)
{
    uv_buf_t room = uv_buf_init(bytes, sizeof bytes);
    file = (uv_file)fs->result;
    uv_fs_req_cleanup(fs);
    if (file < 0)
        fprintf(stderr, "%s\n", uv_strerror(file));
    else
        uv_fs_read(uv_default_loop(), fs, file, &room, 1, -1, got);
}

int main(int count, char **arguments)
{
    if (count != 2)
        return 1;
    uv_fs_open(uv_default_loop(), &request, arguments[1], O_RDONLY, 0, opened);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
