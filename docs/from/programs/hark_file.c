/* hark_file.c - prints a file, piece by piece. */
#include <hark.h>

#include <fcntl.h>
#include <stdio.h>

static struct reader {
    struct hark_op op;
    int fd;
    char bytes[4096];
} reader;

static void closed(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
}

static void got(struct hark_op *op, int64_t count)
{
    if (count <= 0) {
        hark_close(op->loop, op, reader.fd, closed);
        return;
    }
    fwrite(reader.bytes, 1, (size_t)count, stdout);
    hark_read(op->loop, op, reader.fd, reader.bytes, sizeof reader.bytes, HARK_AT_POSITION, got);
}

static void opened(struct hark_op *op, int64_t fd)
{
    reader.fd = (int)fd;
    if (fd < 0)
        fprintf(stderr, "%s\n", hark_error_text(fd));
    else
        hark_read(op->loop, op, reader.fd, reader.bytes, sizeof reader.bytes, HARK_AT_POSITION,
                  got);
}

int main(int count, char **arguments)
{
    struct hark_loop *loop;
    if (count != 2 || hark_loop_create(NULL, &loop) < 0)
        return 1;
    hark_openat(loop, &reader.op, AT_FDCWD, arguments[1], O_RDONLY, 0, opened);
    return hark_run(loop) < 0;
}
