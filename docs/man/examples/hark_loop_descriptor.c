/* A loop inside another one, here poll(2): asked for its descriptor and its next deadline. */
static int run_inside(struct hark_loop *loop, struct pollfd *others, nfds_t count)
{
    int left = hark_run_ready(loop); /* what was started so far is submitted */
    while (left == 1) {
        uint64_t deadline_ns = hark_loop_next_deadline(loop), now_ns = hark_os_clock(loop);
        int wait_ms = deadline_ns == HARK_NEVER ? -1
                      : deadline_ns <= now_ns   ? 0
                                                : (int)((deadline_ns - now_ns) / 1000000 + 1);
        others[0] = (struct pollfd){.fd = hark_loop_descriptor(loop), .events = POLLIN};
        if (poll(others, count, wait_ms) < 0 && errno != EINTR)
            return -errno;
        left = hark_run_ready(loop);
    }
    return left;
}
