/* A file from beginning to end, a block at a time, each where the last one ended. */
struct reading {
    struct hark_op op;
    int fd;
    int64_t offset;
    char block[65536];
};

static void was_read(struct hark_op *op, int64_t count)
{
    struct reading *reading = hark_container_of(op, struct reading, op);
    if (count <= 0) { /* 0: the end */
        printf("%lld bytes, %s\n", (long long)reading->offset, hark_error_text(count));
        return;
    }
    reading->offset += count;
    hark_read(op->loop, op, reading->fd, reading->block, sizeof reading->block, reading->offset,
              was_read);
}

static void read_all(struct hark_loop *loop, struct reading *reading)
{
    hark_read(loop, &reading->op, reading->fd, reading->block, sizeof reading->block, 0, was_read);
}
