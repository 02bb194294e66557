/* tls_hark.c - TLS on libhark: streams of libhark-tls.
 *
 *   tls_hark PORT CHAIN KEY */
#include "bench.h"
#include "tls.h"

#include <hark.h>
#include <hark/tls.h>

struct session {
    struct hark_stream stream;
    struct hark_stream_block blocks[2]; /* one is sent, the other waits behind it */
    enum wish wish;
    uint64_t left;
};

static struct hark_tls *tls;

static void send_on(struct hark_stream *stream, struct hark_stream_block *wanted)
{
    struct session *session = hark_container_of(stream, struct session, stream);
    wanted->bytes = block;
    wanted->count = next_block(session->left);
    if (wanted->count == 0)
        return;
    session->left -= wanted->count;
    hark_stream_write_block(stream, wanted);
    if (session->left == 0)
        hark_stream_close_after_sending(stream);
}

static void released(struct hark_stream *stream, struct hark_stream_block *sent, int error)
{
    if (error == 0)
        send_on(stream, sent);
}

static void connected(struct hark_stream *stream, int error)
{
    if (error < 0)
        hark_stream_close(stream);
}

static void received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    struct session *session = hark_container_of(stream, struct session, stream);
    if (count == 0)
        return hark_stream_close_after_sending(stream);
    if (count < 0)
        return hark_stream_close(stream);
    if (session->wish == WISH_UNKNOWN) {
        session->wish = wish_of(bytes, (size_t)count, &session->left);
        for (int i = 0; i < 2; i++) {
            session->blocks[i].released = released;
            send_on(stream, &session->blocks[i]);
        }
    }
    if (session->wish == WISH_ECHO && hark_stream_write(stream, bytes, (size_t)count) != 0)
        hark_stream_read_stop(stream);
}

static void drained(struct hark_stream *stream)
{
    hark_stream_read_start(stream);
}

static void failed(struct hark_stream *stream, int error)
{
    (void)error;
    hark_stream_close(stream);
}

static void closed(struct hark_stream *stream)
{
    free(hark_container_of(stream, struct session, stream));
}

static void accepted(struct hark_op *op, int64_t fd)
{
    static const struct hark_stream_events events = {
        .connected = connected,
        .received = received,
        .drained = drained,
        .failed = failed,
        .closed = closed,
    };
    if (fd < 0)
        return;
    struct session *session = calloc(1, sizeof *session);
    if (hark_stream_open_tls(op->loop, &session->stream, (int)fd, tls, NULL, NULL, &events) < 0)
        abort();
    hark_stream_read_start(&session->stream);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    const struct hark_tls_certificate certificate = {.chain_file = argv[2], .key_file = argv[3]};
    const struct hark_tls_options options = {.server = true,
                                             .certificates = &certificate,
                                             .certificate_count = 1,
                                             .without_tls_1_2 = true};
    struct hark_loop *loop;
    struct hark_address address;
    struct hark_op accept = {0};
    struct hark_tls_error why;
    char text[64];
    if (hark_tls_create(&options, &tls, &why) < 0) {
        fprintf(stderr, "%s\n", why.text);
        return 1;
    }
    snprintf(text, sizeof text, "127.0.0.1:%s", argv[1]);
    if (hark_loop_create(NULL, &loop) < 0 || hark_address_parse(text, &address) < 0)
        return 1;
    int fd = hark_listen_at(loop, &address, 0, HARK_LISTEN_NO_DELAY);
    if (fd < 0)
        return 1;
    plain_tcp(fd);
    hark_accept_each(loop, &accept, fd, accepted);
    return hark_run(loop) < 0;
}
