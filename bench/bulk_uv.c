/* bulk_uv.c - bulk transfer on libuv: reads into a large buffer, and the next write once the last
 * is done.
 *
 *   bulk_uv PORT */
#include "bench.h"
#include "bulk.h"

#include <stdbool.h>
#include <stdlib.h>
#include <uv.h>

struct session {
    uv_tcp_t tcp;
    uv_write_t write;
    uint64_t left;
    bool asked;
};

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    static char shared[BLOCK_BYTES];
    (void)suggested;
    /* Only the eight bytes at first: load_bulk sends them alone or with what follows. */
    *out = uv_buf_init(shared, ((struct session *)handle)->asked ? sizeof shared : HEADER_BYTES);
}

static void closed(uv_handle_t *handle)
{
    free(handle);
}

static void send_next(struct session *session);

static void written(uv_write_t *write, int status)
{
    struct session *session = write->data;
    if (status < 0 || session->left == 0)
        uv_close((uv_handle_t *)&session->tcp, closed);
    else
        send_next(session);
}

static void send_next(struct session *session)
{
    uv_buf_t piece = uv_buf_init(block, (unsigned)next_block(session->left));
    session->left -= piece.len;
    session->write.data = session;
    uv_write(&session->write, (uv_stream_t *)&session->tcp, &piece, 1, written);
}

static void received(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct session *session = (struct session *)stream;
    if (count < 0)
        return uv_close((uv_handle_t *)stream, closed);
    if (session->asked || count < HEADER_BYTES)
        return;
    session->asked = true;
    session->left = wanted_by(buffer->base);
    if (session->left > 0) {
        uv_read_stop(stream);
        send_next(session);
    }
}

static void connected(uv_stream_t *listener, int status)
{
    if (status < 0)
        return;
    struct session *session = calloc(1, sizeof *session);
    uv_tcp_init(listener->loop, &session->tcp);
    if (uv_accept(listener, (uv_stream_t *)&session->tcp) < 0)
        return uv_close((uv_handle_t *)&session->tcp, closed);
    uv_read_start((uv_stream_t *)&session->tcp, allocate, received);
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
