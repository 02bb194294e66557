/* Tells what comes into a directory: the watch is set at once, the events are read by an op. */
struct watching {
    struct hark_op op;
    int fd;
    _Alignas(struct inotify_event) char bytes[4096];
};

static void told(struct hark_op *op, int64_t count)
{
    struct watching *watching = hark_container_of(op, struct watching, op);
    for (int64_t at = 0; at < count;) {
        const struct inotify_event *event = (const void *)(watching->bytes + at);
        if (event->len > 0)
            printf("%s\n", event->name);
        at += (int64_t)(sizeof *event + event->len);
    }
    if (count > 0)
        hark_read(op->loop, op, watching->fd, watching->bytes, sizeof watching->bytes,
                  HARK_AT_POSITION, told);
}

static int watch(struct hark_loop *loop, struct watching *watching, const char *directory)
{
    watching->fd = hark_os_inotify_init();
    if (watching->fd < 0)
        return watching->fd;
    int number = hark_os_inotify_add_watch(watching->fd, directory, IN_CREATE | IN_MOVED_TO);
    if (number < 0) {
        hark_os_close(loop, watching->fd);
        return number;
    }
    hark_read(loop, &watching->op, watching->fd, watching->bytes, sizeof watching->bytes,
              HARK_AT_POSITION, told);
    return 0;
}
