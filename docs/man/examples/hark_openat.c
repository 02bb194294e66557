/* Opens a file, and reads its first block: two requests, one after the other. */
struct reading {
    struct hark_op op;
    int fd;
    char block[4096];
};

static void closed(struct hark_op *op, int64_t result)
{
    (void)op;
    if (result < 0)
        fprintf(stderr, "closing: %s\n", hark_error_text(result));
}

static void was_read(struct hark_op *op, int64_t count)
{
    struct reading *reading = hark_container_of(op, struct reading, op);
    if (count > 0)
        fwrite(reading->block, 1, (size_t)count, stdout);
    hark_close(op->loop, op, reading->fd, closed);
}

static void opened(struct hark_op *op, int64_t fd)
{
    struct reading *reading = hark_container_of(op, struct reading, op);
    if (fd < 0) {
        fprintf(stderr, "cannot open: %s\n", hark_error_text(fd));
        return;
    }
    reading->fd = (int)fd;
    hark_read(op->loop, op, reading->fd, reading->block, sizeof reading->block, 0, was_read);
}

static void show(struct hark_loop *loop, struct reading *reading, const char *path)
{
    hark_openat(loop, &reading->op, AT_FDCWD, path, O_RDONLY, 0, opened);
}
