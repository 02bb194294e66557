/* Appends a record, and says that it is kept once it is on the disk. */
struct record {
    struct hark_op op;
    int fd; /* opened with O_APPEND */
    const char *bytes;
    size_t count;
};

static void synced(struct hark_op *op, int64_t result)
{
    (void)op;
    printf("%s\n", result ? hark_error_text(result) : "kept");
}

static void written(struct hark_op *op, int64_t count)
{
    struct record *record = hark_container_of(op, struct record, op);
    if (count == (int64_t)record->count)
        hark_fdatasync(op->loop, op, record->fd, synced);
    else /* fewer bytes: the disk is full, or nearly */
        fprintf(stderr, "not kept: %s\n", hark_error_text(count < 0 ? count : -ENOSPC));
}

static void keep(struct hark_loop *loop, struct record *record)
{
    hark_write(loop, &record->op, record->fd, record->bytes, record->count, HARK_AT_POSITION,
               written);
}
