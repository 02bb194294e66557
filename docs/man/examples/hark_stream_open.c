/* Echoes what comes over a connection that was accepted. */
static void received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    if (count <= 0 || hark_stream_write(stream, bytes, (size_t)count) < 0)
        hark_stream_close_after_sending(stream); /* what is queued still goes out */
}

static void closed(struct hark_stream *stream)
{
    free(stream); /* not before */
}

static const struct hark_stream_events events = {.received = received, .closed = closed};

static void serve(struct hark_loop *loop, int fd)
{
    struct hark_stream *stream = calloc(1, sizeof *stream);
    hark_stream_open(loop, stream, fd, NULL, &events);
    hark_stream_read_start(stream);
}
