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

/* Whether it is about what the descriptor itself is. */
static inline bool kernel_is_itself(const char *path, int flags)
{
    return flags & AT_EMPTY_PATH && !*path;
}

/* --- mode, owner, times --- */

KERNEL_INLINE int kernel_fchmodat(uint64_t *calls, int directory, const char *path, mode_t mode,
                                  int flags)
{
    if (flags == 0)
        return (int)KERNEL_RETRY(calls, fchmodat(directory, path, mode, 0));
    int error =
        (int)KERNEL_RETRY(calls, syscall(KERNEL_NR_FCHMODAT2, directory, path, mode, flags));
    if (error != -ENOSYS)
        return error;
    if (directory != AT_FDCWD && kernel_is_itself(path, flags))
        return (int)KERNEL_RETRY(calls, fchmod(directory, mode));
    return (int)KERNEL_RETRY(calls, fchmodat(directory, path, mode, flags));
}

KERNEL_INLINE int kernel_fchownat(uint64_t *calls, int directory, const char *path, uid_t owner,
                                  gid_t group, int flags)
{
    return (int)KERNEL_RETRY(calls, fchownat(directory, path, owner, group, flags));
}

/* Before Linux 5.8 it refuses AT_EMPTY_PATH. */
KERNEL_INLINE int kernel_utimensat(uint64_t *calls, int directory, const char *path,
                                   const struct timespec *times, int flags)
{
    int error = (int)KERNEL_RETRY(calls, utimensat(directory, path, times, flags));
    return error == -EINVAL && directory != AT_FDCWD && kernel_is_itself(path, flags)
               ? (int)KERNEL_RETRY(calls, futimens(directory, times))
               : error;
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

/* The path below the descriptor, as /proc has it. */
static inline int64_t kernel_attribute_below(uint64_t *calls, const struct kernel_attribute *asked)
{
    char path[PATH_MAX];
    if (*asked->path == '/')
        return kernel_attribute_by_path(calls, asked->path, asked);
    if (fcntl(asked->directory, F_GETFD) < 0)
        return -EBADF;
    int length = snprintf(path, sizeof path, "/proc/self/fd/%d/%s", asked->directory, asked->path);
    return length < (int)sizeof path ? kernel_attribute_by_path(calls, path, asked) : -ENAMETOOLONG;
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

/* The oldest call that says it. A filter may refuse the newest (EPERM), and so may the file. */
static inline int64_t kernel_attribute(uint64_t *calls, const struct kernel_attribute *asked)
{
    if (asked->flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (kernel_is_itself(asked->path, asked->flags))
        return asked->directory == AT_FDCWD ? kernel_attribute_by_path(calls, ".", asked)
                                            : kernel_attribute_of(calls, asked);
    if (asked->directory < 0) /* AT_FDCWD, or whatever else where the path is absolute */
        return kernel_attribute_by_path(calls, asked->path, asked);
    int64_t result = kernel_attribute_at(calls, asked);
    return result == -ENOSYS || result == -EPERM ? kernel_attribute_below(calls, asked) : result;
}

KERNEL_INLINE int kernel_setxattrat(uint64_t *calls, int directory, const char *path, int flags,
                                    const char *name, const void *value, size_t size)
{
    const int at = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
    const struct kernel_attribute asked = {.directory = directory,
                                           .path = path,
                                           .flags = flags & at,
                                           .name = name,
                                           .value = value,
                                           .size = size,
                                           .how = flags & ~at,
                                           .number = KERNEL_SET};
    return (int)kernel_attribute(calls, &asked);
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
    return kernel_attribute(calls, &asked);
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
    return kernel_attribute(calls, &asked);
}

KERNEL_INLINE int kernel_removexattrat(uint64_t *calls, int directory, const char *path, int flags,
                                       const char *name)
{
    const struct kernel_attribute asked = {.directory = directory,
                                           .path = path,
                                           .flags = flags,
                                           .name = name,
                                           .number = KERNEL_REMOVE};
    return (int)kernel_attribute(calls, &asked);
}

#endif
