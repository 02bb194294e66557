/* libuv_echo.c - an echo server. */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

/* --- the server --- */
struct answer {
    uv_write_t write;
    char *bytes;
};

static void closed(uv_handle_t *handle)
{
    free(handle);
}

static void wrote(uv_write_t *write, int status)
{
    struct answer *answer = (struct answer *)write;
    if (status < 0 && !uv_is_closing((uv_handle_t *)write->handle))
        uv_close((uv_handle_t *)write->handle, closed);
    free(answer->bytes);
    free(answer);
}

static void room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle;
    buffer->base = malloc(suggested);
    buffer->len = buffer->base ? suggested : 0;
}

static void received(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct answer *answer = count > 0 ? malloc(sizeof *answer) : NULL;
    if (!answer) {
        free(buffer->base);
        if (count != 0) /* 0 is "nothing now", not the end: that is UV_EOF */
            uv_close((uv_handle_t *)stream, closed);
        return;
    }
    uv_buf_t bytes = uv_buf_init(buffer->base, (unsigned)count);
    answer->bytes = buffer->base;
    if (uv_write(&answer->write, stream, &bytes, 1, wrote) < 0) {
        free(answer->bytes);
        free(answer);
        uv_close((uv_handle_t *)stream, closed);
    }
}

static void came(uv_stream_t *listener, int status)
{
    uv_tcp_t *peer = status < 0 ? NULL : malloc(sizeof *peer);
    if (!peer)
        return;
    uv_tcp_init(listener->loop, peer);
    if (uv_accept(listener, (uv_stream_t *)peer) < 0 ||
        uv_read_start((uv_stream_t *)peer, room, received) < 0)
        uv_close((uv_handle_t *)peer, closed);
}
/* --- so far --- */

int main(void)
{
    static uv_tcp_t listener;
    struct sockaddr_in address;
    int length = sizeof address;

    uv_tcp_init(uv_default_loop(), &listener);
    if (uv_ip4_addr("127.0.0.1", 0, &address) < 0 ||
        uv_tcp_bind(&listener, (struct sockaddr *)&address, 0) < 0 ||
        uv_listen((uv_stream_t *)&listener, 128, came) < 0 ||
        uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &length) < 0)
        return 1;
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT) != 0;
}
