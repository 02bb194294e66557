/* file_call_path.c - the file ops that name a path, and those of attributes, as blocking system
 * calls: the pool's threads make them (file_call.c). */
#include "base/check.h"
#include "core/file_call.h"
#include "kernel/kernel.h"

int64_t file_call_path(const struct hark_op *op)
{
    const char *from = op->with.path.from, *to = op->with.path.to;
    int flags = op->with.path.flags;
    uint32_t mode = op->with.path.mode;
    switch (op->code) {
    case HARK_OP_STATX:
        return kernel_statx(NULL, op->fd, from, flags, mode, op->with.path.status);
    case HARK_OP_RENAMEAT:
        return kernel_renameat2(NULL, op->fd, from, (int)mode, to, (unsigned)flags);
    case HARK_OP_UNLINKAT:
        return kernel_unlinkat(NULL, op->fd, from, flags);
    case HARK_OP_SYMLINKAT:
        return kernel_symlinkat(NULL, to, op->fd, from);
    case HARK_OP_READLINKAT:
        return kernel_readlinkat(NULL, op->fd, from, op->with.path.text, mode);
    case HARK_OP_LINKAT:
        return kernel_linkat(NULL, op->fd, from, (int)mode, to, flags);
    case HARK_OP_FCHMODAT:
        return kernel_fchmodat(NULL, op->fd, from, mode, flags);
    case HARK_OP_FCHOWNAT:
        return kernel_fchownat(NULL, op->fd, from, mode, op->with.path.group, flags);
    case HARK_OP_UTIMENSAT:
        return kernel_utimensat(NULL, op->fd, from, op->with.path.times, flags);
    case HARK_OP_MKDIRAT:
        return kernel_mkdirat(NULL, op->fd, from, mode);
    }
    check(false); /* no other is about paths */
    return -ENOSYS;
}

int64_t file_call_attribute(const struct hark_op *op)
{
    const char *path = op->with.attribute.path, *name = op->with.attribute.name;
    void *value = op->with.attribute.value;
    size_t size = op->with.attribute.size;
    int flags = op->with.attribute.flags;
    if (op->code == HARK_OP_SETXATTRAT)
        return kernel_setxattrat(NULL, op->fd, path, flags, name, value, size);
    if (op->code == HARK_OP_GETXATTRAT)
        return kernel_getxattrat(NULL, op->fd, path, flags, name, value, size);
    if (op->code == HARK_OP_LISTXATTRAT)
        return kernel_listxattrat(NULL, op->fd, path, flags, value, size);
    return kernel_removexattrat(NULL, op->fd, path, flags, name);
}
