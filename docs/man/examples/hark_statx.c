/* The size of a file. */
struct asking {
    struct hark_op op;
    struct statx status;
};

static void told(struct hark_op *op, int64_t result)
{
    const struct asking *asking = hark_container_of(op, struct asking, op);
    if (result < 0)
        fprintf(stderr, "%s\n", hark_error_text(result));
    else
        printf("%llu bytes\n", (unsigned long long)asking->status.stx_size);
}

static void ask(struct hark_loop *loop, struct asking *asking, const char *path)
{
    hark_statx(loop, &asking->op, AT_FDCWD, path, 0, STATX_SIZE, &asking->status, told);
}
