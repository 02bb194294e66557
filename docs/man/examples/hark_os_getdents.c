/* The names in a directory, read by a function of hark_work: it may wait for the disk. */
struct listing {
    struct hark_op op;
    const char *path;
};

static int64_t list(struct hark_op *op)
{
    const struct listing *listing = hark_container_of(op, struct listing, op);
    _Alignas(uint64_t) char bytes[4096];
    struct hark_dirent entry;
    int64_t filled;
    int fd = hark_os_openat(AT_FDCWD, listing->path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return fd;
    while ((filled = hark_os_getdents(fd, bytes, sizeof bytes)) > 0)
        for (size_t at = 0; hark_dirent_next(bytes, (size_t)filled, &at, &entry);)
            printf("%s\n", entry.name);
    hark_os_close_unknown(fd);
    return filled;
}

static void listed(struct hark_op *op, int64_t result)
{
    (void)op;
    if (result < 0)
        fprintf(stderr, "%s\n", hark_error_text(result));
}

static void start(struct hark_loop *loop, struct listing *listing)
{
    hark_work(loop, &listing->op, list, listed);
}
