/* echo_uv.c - the echo server as libuv's guide writes it: a read callback, a write request for each
 * piece. uv_try_write is used first, which is libuv's best setting for small answers.
 *
 *   echo_uv PORT     (with ECHO_UV_QUEUED set uv_write alone is used, as the guide's echo server
 *                    does) */
#include "bench.h"

#include <uv.h>

static bool queued;

struct request {
    uv_write_t write;
    char *bytes;
};

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

static void written(uv_write_t *write, int status)
{
    (void)status;
    struct request *request = (struct request *)write;
    free(request->bytes);
    free(request);
}

static void received(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    if (count < 0) {
        uv_close((uv_handle_t *)stream, closed);
        return;
    }
    uv_buf_t piece = uv_buf_init(buffer->base, (unsigned)count);
    int sent = queued ? 0 : uv_try_write(stream, &piece, 1);
    if (sent == count)
        return;
    size_t done = sent > 0 ? (size_t)sent : 0;
    struct request *request = malloc(sizeof *request);
    size_t left = (size_t)count - done;
    request->bytes = malloc(left);
    memcpy(request->bytes, buffer->base + done, left);
    piece = uv_buf_init(request->bytes, (unsigned)left);
    uv_write(&request->write, stream, &piece, 1, written);
}

static void connected(uv_stream_t *listener, int status)
{
    if (status < 0)
        return;
    uv_tcp_t *client = malloc(sizeof *client);
    uv_tcp_init(listener->loop, client);
    if (uv_accept(listener, (uv_stream_t *)client) < 0) {
        uv_close((uv_handle_t *)client, closed);
        return;
    }
    uv_tcp_nodelay(client, 1);
    uv_read_start((uv_stream_t *)client, allocate, received);
}

int main(int argc, char **argv)
{
    answer_struct(argc, argv, sizeof(uv_tcp_t));
    uv_tcp_t listener;
    struct sockaddr_in address;
    queued = getenv("ECHO_UV_QUEUED") != NULL;
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
