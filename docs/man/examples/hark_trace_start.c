/* Records a run, and says of each op how long its callback took. */
static void say_how_long(const struct hark_trace_ring *ring)
{
    struct hark_trace_event events[256];
    uint64_t position = 0, lost, called_ns = 0;
    size_t count;
    while ((count = hark_trace_read(ring, events, 256, &position, &lost)) > 0)
        for (size_t i = 0; i < count; i++) {
            if (events[i].what == HARK_TRACE_CALL)
                called_ns = events[i].time_ns;
            else if (events[i].what == HARK_TRACE_CALLED)
                printf("%s: %llu ns\n", hark_op_name(events[i].kind),
                       (unsigned long long)(events[i].time_ns - called_ns));
        }
}

static int run_recorded(struct hark_loop *loop)
{
    int error = hark_trace_start(loop, NULL);
    if (!error)
        error = hark_run(loop);
    if (error >= 0)
        say_how_long(hark_loop_trace(loop));
    hark_trace_stop(loop);
    return error;
}
