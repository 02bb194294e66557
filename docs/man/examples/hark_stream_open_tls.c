/* A server's side: what was accepted speaks TLS from here on. Reading begins when the handshake has
 * ended well. */
static void refused(struct hark_stream *stream, int error)
{
    if (error < 0) {
        fprintf(stderr, "%s\n", hark_tls_why(stream));
        hark_stream_close(stream);
    }
}

static void received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    if (count <= 0 || hark_stream_write(stream, bytes, (size_t)count) != 0)
        hark_stream_close(stream);
}

static void closed(struct hark_stream *stream)
{
    free(stream);
}

static const struct hark_stream_events events = {
    .connected = refused, .received = received, .closed = closed};

static struct hark_tls *tls; /* of hark_tls_create, with a certificate */

static void accepted(struct hark_listener *listener, int fd)
{
    struct hark_stream *stream = calloc(1, sizeof *stream);
    if (!stream || hark_stream_open_tls(listener->loop, stream, fd, tls, NULL, NULL, &events) < 0) {
        free(stream);
        hark_os_close(listener->loop, fd);
        return;
    }
    hark_stream_read_start(stream);
}

static const struct hark_listener_events listening = {.accepted = accepted};
