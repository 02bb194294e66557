/* accept_uv.c - connections answered once and closed, on libuv; uv_try_write, its best setting for
 * small answers.
 *
 *   accept_uv PORT */
#include "bench.h"

#include <uv.h>

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    static char shared[65536];
    (void)handle;
    (void)suggested;
    *out = uv_buf_init(shared, sizeof shared);
}

static void closed(uv_handle_t *handle)
{
    free(handle);
}

static void received(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    if (count == 0)
        return;
    if (count > 0) {
        uv_buf_t piece = uv_buf_init(buffer->base, (unsigned)count);
        uv_try_write(stream, &piece, 1);
    }
    uv_close((uv_handle_t *)stream, closed);
}

static void connected(uv_stream_t *listener, int status)
{
    if (status < 0)
        return;
    uv_tcp_t *client = malloc(sizeof *client);
    uv_tcp_init(listener->loop, client);
    if (uv_accept(listener, (uv_stream_t *)client) < 0)
        uv_close((uv_handle_t *)client, closed);
    else
        uv_read_start((uv_stream_t *)client, allocate, received);
}

int main(int argc, char **argv)
{
    uv_tcp_t listener;
    struct sockaddr_in address;
    uv_tcp_init(uv_default_loop(), &listener);
    uv_ip4_addr("127.0.0.1", argc > 1 ? atoi(argv[1]) : 0, &address);
    uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0);
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&listener, &fd) == 0)
        plain_tcp(fd);
    if (uv_listen((uv_stream_t *)&listener, 4096, connected) < 0)
        return 1;
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
