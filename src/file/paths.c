/* paths.c - starting the ops of file.h that name a path, and walking directories. */
#include "core/op.h"
#include "hark/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

/* AT_FDCWD and absolute paths need no descriptor; any other is one, with a row. */
static void start(struct hark_loop *loop, struct hark_op *op, const char *path)
{
    op->with.path.from = path;
    if (op->fd == AT_FDCWD || (path && path[0] == '/' && op->fd < 0))
        op_start_loose(loop, op);
    else
        op_start_on_descriptor(loop, op);
}

void hark_openat(struct hark_loop *loop, struct hark_op *op, int directory, const char *path,
                 int flags, mode_t mode, hark_done *done)
{
    op_begin(loop, op, HARK_OP_OPENAT, directory, done);
    op->with.open.flags = (uint32_t)flags | O_CLOEXEC;
    op->with.open.mode = mode;
    op->with.open.resolve = 0;
    start(loop, op, path);
}

void hark_statx(struct hark_loop *loop, struct hark_op *op, int directory, const char *path,
                int flags, unsigned mask, struct statx *status, hark_done *done)
{
    op_begin(loop, op, HARK_OP_STATX, directory, done);
    op->with.path.flags = flags;
    op->with.path.mode = mask;
    op->with.path.status = status;
    start(loop, op, path);
}

void hark_renameat(struct hark_loop *loop, struct hark_op *op, int from_directory, const char *from,
                   int to_directory, const char *to, int flags, hark_done *done)
{
    op_begin(loop, op, HARK_OP_RENAMEAT, from_directory, done);
    op->with.path.flags = flags;
    op->with.path.mode = (uint32_t)to_directory;
    op->with.path.to = to;
    start(loop, op, from);
}

void hark_unlinkat(struct hark_loop *loop, struct hark_op *op, int directory, const char *path,
                   int flags, hark_done *done)
{
    op_begin(loop, op, HARK_OP_UNLINKAT, directory, done);
    op->with.path.flags = flags;
    start(loop, op, path);
}

void hark_mkdirat(struct hark_loop *loop, struct hark_op *op, int directory, const char *path,
                  mode_t mode, hark_done *done)
{
    op_begin(loop, op, HARK_OP_MKDIRAT, directory, done);
    op->with.path.mode = mode;
    start(loop, op, path);
}

void hark_getdents(struct hark_loop *loop, struct hark_op *op, int fd, void *bytes, size_t count,
                   hark_done *done)
{
    op_begin(loop, op, HARK_OP_GETDENTS, fd, done);
    op->with.io.bytes = bytes;
    op->with.io.count = count;
    op_start_on_descriptor(loop, op);
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

bool hark_dirent_next(const void *bytes, size_t filled, size_t *position,
                      struct hark_dirent *out_entry)
{
    while (*position < filled) {
        /* The kernel's struct linux_dirent64 is glibc's struct dirent64: getdents64(2). */
        const struct dirent64 *entry = (const void *)((const char *)bytes + *position);
        *position += entry->d_reclen;
        if (is_dot(entry->d_name))
            continue;
        *out_entry = (struct hark_dirent){
            .inode = entry->d_ino, .name = entry->d_name, .type = entry->d_type};
        return true;
    }
    return false;
}
