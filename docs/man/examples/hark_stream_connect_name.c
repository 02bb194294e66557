/* Prints what a host says. */
static void connected(struct hark_stream *stream, int error)
{
    if (error)
        fprintf(stderr, "%s\n", hark_error_text(error));
    if (error)
        hark_stream_close(stream);
}

static void received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    if (count > 0)
        fwrite(bytes, 1, (size_t)count, stdout);
    else
        hark_stream_close(stream);
}

static void closed(struct hark_stream *stream)
{
    free(stream);
}

static const struct hark_stream_events events = {
    .connected = connected,
    .received = received,
    .closed = closed,
};

static int listen_to(struct hark_loop *loop, const char *host, const char *service)
{
    static const struct hark_stream_options options = {.connect_timeout_ns = 10000000000};
    const struct hark_stream_name name = {.host = host, .service = service};
    struct hark_stream *stream = calloc(1, sizeof *stream);
    int error = stream ? hark_stream_connect_name(loop, stream, &name, &options, &events) : -ENOMEM;
    if (error < 0)
        free(stream);
    else
        hark_stream_read_start(stream);
    return error;
}
