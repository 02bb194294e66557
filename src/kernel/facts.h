/* facts.h - the calls of kernel.h on what is known of a file beside its content, which linux.h
 * includes: mode, times, extended attributes. The kernel has each as *at(2) with flags, but some of
 * them late: where it is older, what says the same stands behind. */
#ifndef KERNEL_FACTS_H
#define KERNEL_FACTS_H

/* The same on every machine but alpha. */
enum {
    KERNEL_NR_FCHMODAT2 = 452,  /* Linux 6.6 */
    KERNEL_NR_SETXATTRAT = 463, /* Linux 6.13, with the three behind */
};

enum { KERNEL_AT_KNOWN = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH };

/* With AT_EMPTY_PATH: whether it is about what the descriptor itself is. Where it is not, the flag
 * says nothing and goes, so that kernels and calls without it can be asked. */
static inline bool kernel_is_itself(int directory, const char **path, int *flags)
{
    if (!(*flags & AT_EMPTY_PATH))
        return false;
    if (!**path && directory != AT_FDCWD)
        return true;
    if (!**path)
        *path = ".";
    *flags &= ~AT_EMPTY_PATH;
    return false;
}

/* What a kernel says of a call that it has not, and what a filter may: a newer call than those that
 * it lets pass. A refusal of the file's own it gives again to the call that stands behind. */
static inline bool kernel_is_refused(int64_t result)
{
    return result == -ENOSYS || result == -EPERM;
}

/* --- mode, owner, times --- */

/* Of what stands behind a descriptor that may be but a place (O_PATH), as /proc has it. Before
 * Linux 6.6 some file systems changed the mode of a link, and refused that afterwards. */
static inline int kernel_chmod_behind(uint64_t *calls, int fd, mode_t mode, int refusal)
{
    char path[32];
    struct stat status;
    int error = (int)KERNEL_CALL(calls, fstat(fd, &status));
    if (error)
        return error;
    if (S_ISLNK(status.st_mode))
        return -EOPNOTSUPP;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    error = (int)KERNEL_RETRY(calls, chmod(path, mode));
    return error != -ENOENT ? error : refusal == -ENOSYS ? -EOPNOTSUPP : refusal;
}

static inline int kernel_chmod_unfollowed(uint64_t *calls, int directory, const char *path,
                                          mode_t mode, int refusal)
{
    int place = (int)KERNEL_RETRY(calls, openat(directory, path, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (place < 0)
        return place;
    int error = kernel_chmod_behind(calls, place, mode, refusal);
    (void)kernel_close(calls, place);
    return error;
}

/* The oldest call that says it. */
KERNEL_INLINE int kernel_fchmodat(uint64_t *calls, int directory, const char *path, mode_t mode,
                                  int flags)
{
    if (flags & ~KERNEL_AT_KNOWN)
        return -EINVAL;
    if (!path)
        return -EFAULT;
    bool itself = kernel_is_itself(directory, &path, &flags);
    if (flags == 0)
        return (int)KERNEL_RETRY(calls, fchmodat(directory, path, mode, 0));
    int error = itself ? (int)KERNEL_RETRY(calls, libc_fchmod(directory, mode)) : -EBADF;
    if (error != -EBADF)
        return error;
    error = (int)KERNEL_RETRY(calls, syscall(KERNEL_NR_FCHMODAT2, directory, path, mode, flags));
    if (!kernel_is_refused(error))
        return error;
    return itself ? kernel_chmod_behind(calls, directory, mode, error)
                  : kernel_chmod_unfollowed(calls, directory, path, mode, error);
}

KERNEL_INLINE int kernel_fchownat(uint64_t *calls, int directory, const char *path, uid_t owner,
                                  gid_t group, int flags)
{
    if (!path)
        return -EFAULT;
    return (int)KERNEL_RETRY(calls, fchownat(directory, path, owner, group, flags));
}

/* Before Linux 5.8 it refuses AT_EMPTY_PATH. Without a path the kernel takes it for futimens(2),
 * and glibc refuses it with another error than any other call. */
KERNEL_INLINE int kernel_utimensat(uint64_t *calls, int directory, const char *path,
                                   const struct timespec *times, int flags)
{
    if (!path)
        return -EFAULT;
    bool itself = kernel_is_itself(directory, &path, &flags);
    int error = (int)KERNEL_RETRY(calls, utimensat(directory, path, times, flags));
    bool may_be_old = error == -EINVAL && itself && !(flags & ~KERNEL_AT_KNOWN);
    return may_be_old ? (int)KERNEL_RETRY(calls, futimens(directory, times)) : error;
}

/* --- extended attributes --- */

/* What one of the four calls is given. */
struct kernel_attribute {
    int directory;
    const char *path;
    int flags; /* XATTR_ apart */
    const char *name;
    const void *value; /* setxattrat */
    void *out_value;
    size_t size;
    int how;    /* XATTR_CREATE, XATTR_REPLACE */
    int number; /* of the system call, beside KERNEL_NR_SETXATTRAT */
};
enum { KERNEL_SET, KERNEL_GET, KERNEL_LIST, KERNEL_REMOVE };

static inline int64_t kernel_attribute_of(uint64_t *calls, const struct kernel_attribute *asked)
{
    int fd = asked->directory;
    if (asked->number == KERNEL_SET)
        return KERNEL_RETRY(calls,
                            fsetxattr(fd, asked->name, asked->value, asked->size, asked->how));
    if (asked->number == KERNEL_GET)
        return KERNEL_RETRY(calls, fgetxattr(fd, asked->name, asked->out_value, asked->size));
    if (asked->number == KERNEL_LIST)
        return KERNEL_RETRY(calls, flistxattr(fd, asked->out_value, asked->size));
    return KERNEL_RETRY(calls, fremovexattr(fd, asked->name));
}

static inline int64_t kernel_attribute_by_path(uint64_t *calls, const char *path,
                                               const struct kernel_attribute *asked)
{
    const char *name = asked->name;
    size_t size = asked->size;
    bool follows = !(asked->flags & AT_SYMLINK_NOFOLLOW);
    if (asked->number == KERNEL_SET)
        return KERNEL_RETRY(calls, follows ? setxattr(path, name, asked->value, size, asked->how)
                                           : lsetxattr(path, name, asked->value, size, asked->how));
    if (asked->number == KERNEL_GET)
        return KERNEL_RETRY(calls, follows ? getxattr(path, name, asked->out_value, size)
                                           : lgetxattr(path, name, asked->out_value, size));
    if (asked->number == KERNEL_LIST)
        return KERNEL_RETRY(calls, follows ? listxattr(path, asked->out_value, size)
                                           : llistxattr(path, asked->out_value, size));
    return KERNEL_RETRY(calls, follows ? removexattr(path, name) : lremovexattr(path, name));
}

/* The path below the descriptor, as /proc has it: of a path that is none, or leads nowhere, it
 * would say something else. */
static inline int64_t kernel_attribute_below(uint64_t *calls, const struct kernel_attribute *asked,
                                             int64_t refusal)
{
    char path[PATH_MAX];
    struct statx status;
    int error = (int)KERNEL_CALL(calls, libc_statx(asked->directory, asked->path,
                                                   asked->flags & AT_SYMLINK_NOFOLLOW, 0, &status));
    if (error)
        return error;
    if (*asked->path == '/')
        return kernel_attribute_by_path(calls, asked->path, asked);
    int length = snprintf(path, sizeof path, "/proc/self/fd/%d/%s", asked->directory, asked->path);
    if (length >= (int)sizeof path)
        return -ENAMETOOLONG;
    int64_t result = kernel_attribute_by_path(calls, path, asked);
    bool lacks_proc = result == -ENOENT && KERNEL_CALL(calls, access("/proc/self/fd", F_OK)) < 0;
    return lacks_proc ? refusal : result;
}

/* The kernel's struct xattr_args. */
static inline int64_t kernel_attribute_at(uint64_t *calls, const struct kernel_attribute *asked)
{
    long number = KERNEL_NR_SETXATTRAT + asked->number;
    if (asked->number == KERNEL_LIST)
        return KERNEL_RETRY(calls, syscall(number, asked->directory, asked->path, asked->flags,
                                           asked->out_value, asked->size));
    if (asked->number == KERNEL_REMOVE)
        return KERNEL_RETRY(
            calls, syscall(number, asked->directory, asked->path, asked->flags, asked->name));
    struct {
        uint64_t value;
        uint32_t size, flags;
    } more = {(uintptr_t)(asked->value ? asked->value : asked->out_value), (uint32_t)asked->size,
              (uint32_t)asked->how};
    return KERNEL_RETRY(calls, syscall(number, asked->directory, asked->path, asked->flags,
                                       asked->name, &more, sizeof more));
}

/* The oldest call that says it. */
static inline int64_t kernel_attribute(uint64_t *calls, struct kernel_attribute asked)
{
    if (asked.flags & ~KERNEL_AT_KNOWN)
        return -EINVAL;
    if (!asked.path)
        return -EFAULT;
    if (kernel_is_itself(asked.directory, &asked.path, &asked.flags))
        return kernel_attribute_of(calls, &asked);
    if (asked.directory < 0) /* AT_FDCWD, or whatever else where the path is absolute */
        return kernel_attribute_by_path(calls, asked.path, &asked);
    int64_t result = kernel_attribute_at(calls, &asked);
    return kernel_is_refused(result) ? kernel_attribute_below(calls, &asked, result) : result;
}

KERNEL_INLINE int kernel_setxattrat(uint64_t *calls, int directory, const char *path, int flags,
                                    const char *name, const void *value, size_t size)
{
    const struct kernel_attribute asked = {.directory = directory,
                                           .path = path,
                                           .flags = flags & KERNEL_AT_KNOWN,
                                           .name = name,
                                           .value = value,
                                           .size = size,
                                           .how = flags & ~KERNEL_AT_KNOWN,
                                           .number = KERNEL_SET};
    return (int)kernel_attribute(calls, asked);
}

KERNEL_INLINE int64_t kernel_getxattrat(uint64_t *calls, int directory, const char *path, int flags,
                                        const char *name, void *value, size_t size)
{
    const struct kernel_attribute asked = {.directory = directory,
                                           .path = path,
                                           .flags = flags,
                                           .name = name,
                                           .out_value = value,
                                           .size = size,
                                           .number = KERNEL_GET};
    return kernel_attribute(calls, asked);
}

KERNEL_INLINE int64_t kernel_listxattrat(uint64_t *calls, int directory, const char *path,
                                         int flags, char *names, size_t size)
{
    const struct kernel_attribute asked = {.directory = directory,
                                           .path = path,
                                           .flags = flags,
                                           .out_value = names,
                                           .size = size,
                                           .number = KERNEL_LIST};
    return kernel_attribute(calls, asked);
}

KERNEL_INLINE int kernel_removexattrat(uint64_t *calls, int directory, const char *path, int flags,
                                       const char *name)
{
    const struct kernel_attribute asked = {.directory = directory,
                                           .path = path,
                                           .flags = flags,
                                           .name = name,
                                           .number = KERNEL_REMOVE};
    return (int)kernel_attribute(calls, asked);
}

#endif
