/* Sends lines to whoever reads standard output, as long as somebody does. */
static void reader_gone(struct hark_stream *stream, int error)
{
    fprintf(stderr, "nobody reads any more: %s\n", hark_error_text(error)); /* -EPIPE, no signal */
    hark_stream_close(stream);
}

static void output_closed(struct hark_stream *stream)
{
    free(stream);
}

static const struct hark_stream_events output_events = {.failed = reader_gone,
                                                        .closed = output_closed};

static int output_open(struct hark_loop *loop)
{
    struct hark_stream *stream = calloc(1, sizeof *stream);
    int copy = hark_os_dup(STDOUT_FILENO); /* the stream closes it */
    if (!stream || copy < 0)
        return -ENOMEM;
    int error = hark_stream_open_pair(loop, stream, -1, copy, NULL, &output_events);
    return error < 0 ? error : hark_stream_write(stream, "hello\n", 6);
}
