/* A reader that has ended its side may still read; it is let go once it is gone. */
static void received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    (void)bytes;
    if (count == 0)
        hark_stream_watch(stream);
    else if (count < 0)
        hark_stream_close(stream);
}

static void gone(struct hark_stream *stream, int error)
{
    (void)error;
    hark_stream_close(stream);
}
