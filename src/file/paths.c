/* paths.c - starting the ops of file.h that name a path, and walking directories. */
#include "core/file_call.h"
#include "core/op.h"
#include "hark/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

_Static_assert(offsetof(union hark_op_arguments, path.from) ==
                       offsetof(union hark_op_arguments, open.path) &&
                   offsetof(union hark_op_arguments, path.from) ==
                       offsetof(union hark_op_arguments, attribute.path),
               "every op on a path has it in the same place");

/* AT_FDCWD and absolute paths need no descriptor; any other is one, with a row. */
static __attribute__((noinline)) void start(struct hark_loop *loop, struct hark_op *op,
                                            const char *path)
{
    op->with.path.from = path;
    if (op->fd == AT_FDCWD || (op->fd < 0 && path && path[0] == '/'))
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
    start(loop, op, file_call_named(path, flags));
}

void hark_renameat(struct hark_loop *loop, struct hark_op *op, int from_directory, const char *from,
                   int to_directory, const char *to, int flags, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_RENAMEAT, from_directory, done);
    op->with.path.flags = flags;
    op->with.path.mode = (uint32_t)to_directory;
    op->with.path.to = to;
    start(loop, op, from);
}

void hark_unlinkat(struct hark_loop *loop, struct hark_op *op, int directory, const char *path,
                   int flags, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_UNLINKAT, directory, done);
    op->with.path.flags = flags;
    start(loop, op, path);
}

void hark_mkdirat(struct hark_loop *loop, struct hark_op *op, int directory, const char *path,
                  mode_t mode, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_MKDIRAT, directory, done);
    op->with.path.mode = mode;
    start(loop, op, path);
}

void hark_symlinkat(struct hark_loop *loop, struct hark_op *op, const char *target, int directory,
                    const char *path, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_SYMLINKAT, directory, done);
    op->with.path.to = target;
    start(loop, op, path);
}

/* The kernel takes the room as an int. */
void hark_readlinkat(struct hark_loop *loop, struct hark_op *op, int directory, const char *path,
                     char *text, size_t room, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_READLINKAT, directory, done);
    op->with.path.text = text;
    op->with.path.mode = room < INT_MAX ? (uint32_t)room : INT_MAX;
    start(loop, op, path);
}

void hark_linkat(struct hark_loop *loop, struct hark_op *op, int from_directory, const char *from,
                 int to_directory, const char *to, int flags, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_LINKAT, from_directory, done);
    op->with.path.flags = flags;
    op->with.path.mode = (uint32_t)to_directory;
    op->with.path.to = to;
    start(loop, op, file_call_named(from, flags));
}

void hark_fchmodat(struct hark_loop *loop, struct hark_op *op, int directory, const char *path,
                   mode_t mode, int flags, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_FCHMODAT, directory, done);
    op->with.path.flags = flags;
    op->with.path.mode = mode;
    start(loop, op, file_call_named(path, flags));
}

void hark_fchownat(struct hark_loop *loop, struct hark_op *op, int directory, const char *path,
                   uid_t owner, gid_t group, int flags, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_FCHOWNAT, directory, done);
    op->with.path.flags = flags;
    op->with.path.mode = owner;
    op->with.path.group = group;
    start(loop, op, file_call_named(path, flags));
}

void hark_utimensat(struct hark_loop *loop, struct hark_op *op, int directory, const char *path,
                    const struct timespec *times, int flags, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_UTIMENSAT, directory, done);
    op->with.path.flags = flags;
    op->with.path.times = times;
    start(loop, op, file_call_named(path, flags));
}

/* --- extended attributes --- */

/* The kernel refuses, or cuts off, what is larger than 64 KiB. */
static void start_attribute(struct hark_loop *loop, struct hark_op *op, const char *path,
                            const char *name, void *value, size_t size, int flags)
{
    op->with.attribute.flags = flags;
    op->with.attribute.name = name;
    op->with.attribute.value = value;
    op->with.attribute.size = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
    start(loop, op, file_call_named(path, flags));
}

void hark_setxattrat(struct hark_loop *loop, struct hark_op *op, int directory, const char *path,
                     const char *name, const void *value, size_t size, int flags, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_SETXATTRAT, directory, done);
    start_attribute(loop, op, path, name, (void *)(uintptr_t)value, size, flags);
}

void hark_getxattrat(struct hark_loop *loop, struct hark_op *op, int directory, const char *path,
                     const char *name, void *value, size_t size, int flags, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_GETXATTRAT, directory, done);
    start_attribute(loop, op, path, name, value, size, flags);
}

void hark_listxattrat(struct hark_loop *loop, struct hark_op *op, int directory, const char *path,
                      char *names, size_t size, int flags, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_LISTXATTRAT, directory, done);
    start_attribute(loop, op, path, NULL, names, size, flags);
}

void hark_removexattrat(struct hark_loop *loop, struct hark_op *op, int directory, const char *path,
                        const char *name, int flags, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_REMOVEXATTRAT, directory, done);
    start_attribute(loop, op, path, name, NULL, 0, flags);
}

/* --- directories --- */

void hark_getdents(struct hark_loop *loop, struct hark_op *op, int fd, void *bytes, size_t count,
                   hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_GETDENTS, fd, done);
    op->with.io.bytes = bytes;
    op->with.io.count = count;
    op_start_apart(loop, op);
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
