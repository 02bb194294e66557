/* Asks, and prints the answer. */
static void connected(struct hark_stream *stream, int error)
{
    if (error < 0)
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

static int ask(struct hark_loop *loop, const struct hark_address *address)
{
    static const struct hark_stream_options options = {.connect_timeout_ns = 5000000000};
    struct hark_stream *stream = calloc(1, sizeof *stream);
    int error = hark_stream_connect(loop, stream, address, &options, &events);
    if (error < 0) {
        free(stream);
        return error;
    }
    hark_stream_write(stream, "time?\n", 6); /* goes out once it is connected */
    hark_stream_read_start(stream);
    return 0;
}
