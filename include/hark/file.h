/* file.h - files, directories, and everything with read and write.
 *
 * The rules of op.h hold. On uring the kernel does the work; on epoll, poll and select regular
 * files and paths go to the work pool (work.h), while pipes, sockets and terminals wait for
 * readiness. The loop's thread never blocks on a file, and on no terminal, pipe or device either,
 * whether it is non-blocking or not. Paths, buffers and vectors are the loop's until the final
 * call.
 * Fails, for every op here: -EBADF, -ENOMEM, -EFAULT, -EIO; for paths also -ENOENT, -ENOTDIR,
 *   -EACCES, -ELOOP, -ENAMETOOLONG, -EROFS. -EAGAIN no thread could be started for it; with
 *   io_uring most need none.
 */
#ifndef HARK_FILE_H
#define HARK_FILE_H

#include "op.h"
#include <sys/types.h>

HARK_BEGIN

/* As an offset: at the file's own position, which moves. Descriptors that cannot seek take it as
 * well; they pass over any other offset. */
#define HARK_AT_POSITION INT64_C(-1)

/* Reads up to count bytes at an offset.
 * Gives: the bytes read; 0 the end of the file, or count is 0.
 * Fails: -EISDIR, -EINVAL. */
HARK_API void hark_read(struct hark_loop *loop, struct hark_op *op, int fd, void *bytes,
                        size_t count, int64_t offset, hark_done *done);

/* Writes up to count bytes at an offset. Never raises SIGPIPE: once a write was started, the signal
 * is blocked in the loop's thread until hark_run returns with no write in flight. Up to PIPE_BUF
 * bytes into a pipe are written whole, as pipe(7) has it.
 * Gives: the bytes written, which may be fewer.
 * Fails: -EPIPE, -ENOSPC, -EFBIG, -EDQUOT, -EINVAL. */
HARK_API void hark_write(struct hark_loop *loop, struct hark_op *op, int fd, const void *bytes,
                         size_t count, int64_t offset, hark_done *done);

/* Reads into, or writes from, count vectors, at most IOV_MAX (1024); else as hark_read and
 * hark_write.
 * Fails also: -EINVAL too many vectors. */
HARK_API void hark_readv(struct hark_loop *loop, struct hark_op *op, int fd,
                         const struct iovec *vector, unsigned count, int64_t offset,
                         hark_done *done);
HARK_API void hark_writev(struct hark_loop *loop, struct hark_op *op, int fd,
                          const struct iovec *vector, unsigned count, int64_t offset,
                          hark_done *done);

/* openat(2). O_CLOEXEC is always set. A named pipe is opened without waiting for its other side, as
 * with O_NONBLOCK, since the kernel tells nobody when that comes: for reading at once (hark_poll
 * then waits for the first that is written), for writing only while somebody reads it; its reads
 * and writes are as if it had been opened without O_NONBLOCK.
 * Takes: directory: a descriptor or AT_FDCWD.
 * Gives: the descriptor, the caller's to close with hark_close; a cancel that comes too late gives
 *   it as well.
 * Fails: as openat(2); -ENXIO nobody reads the named pipe. */
HARK_API void hark_openat(struct hark_loop *loop, struct hark_op *op, int directory,
                          const char *path, int flags, mode_t mode, hark_done *done);

/* fsync(2), fdatasync(2).
 * Gives: 0.
 * Fails: -EIO, -ENOSPC: what was not written is lost, and a second call may not say so again;
 *   -EINVAL a descriptor that cannot be synced. */
HARK_API void hark_fsync(struct hark_loop *loop, struct hark_op *op, int fd, hark_done *done);
HARK_API void hark_fdatasync(struct hark_loop *loop, struct hark_op *op, int fd, hark_done *done);

/* ftruncate(2).
 * Gives: 0.
 * Fails: -EINVAL a negative length or not a regular file; -EFBIG.
 * Backends: uring needs Linux 6.9, else the pool. */
HARK_API void hark_ftruncate(struct hark_loop *loop, struct hark_op *op, int fd, int64_t length,
                             hark_done *done);

/* fallocate(2).
 * Takes: mode: 0 or its flags.
 * Gives: 0.
 * Fails: -ENOSPC, -EOPNOTSUPP, -EINVAL, -EFBIG. */
HARK_API void hark_fallocate(struct hark_loop *loop, struct hark_op *op, int fd, int mode,
                             int64_t offset, int64_t length, hark_done *done);

/* statx(2).
 * Takes: path "" with AT_EMPTY_PATH, or none (NULL), for the descriptor itself.
 * Gives: 0 and *status.
 * Fails: as statx(2). */
HARK_API void hark_statx(struct hark_loop *loop, struct hark_op *op, int directory,
                         const char *path, int flags, unsigned mask, struct statx *status,
                         hark_done *done);

/* renameat2(2).
 * Takes: flags: 0, RENAME_NOREPLACE, RENAME_EXCHANGE; to_directory, if it is a descriptor, stays
 *   open until the final call.
 * Gives: 0.
 * Fails: as renameat2(2). */
HARK_API void hark_renameat(struct hark_loop *loop, struct hark_op *op, int from_directory,
                            const char *from, int to_directory, const char *to, int flags,
                            hark_done *done);

/* unlinkat(2).
 * Takes: flags: 0, or AT_REMOVEDIR for a directory.
 * Gives: 0.
 * Fails: as unlinkat(2). */
HARK_API void hark_unlinkat(struct hark_loop *loop, struct hark_op *op, int directory,
                            const char *path, int flags, hark_done *done);

/* mkdirat(2).
 * Gives: 0.
 * Fails: as mkdirat(2): -EEXIST. */
HARK_API void hark_mkdirat(struct hark_loop *loop, struct hark_op *op, int directory,
                           const char *path, mode_t mode, hark_done *done);

/* --- links --- */

/* symlinkat(2): makes a symbolic link.
 * Takes: target: what the link holds, any text but an empty one, which need not name anything;
 *   directory, path: the link.
 * Gives: 0.
 * Fails: as symlinkat(2): -EEXIST something stands at path, be it a link that leads nowhere;
 *   -ENOENT an empty target, or none of the directories; -EPERM the file system has no links;
 *   -ENOSPC, -EDQUOT. */
HARK_API void hark_symlinkat(struct hark_loop *loop, struct hark_op *op, const char *target,
                             int directory, const char *path, hark_done *done);

/* readlinkat(2): reads what a symbolic link holds, on the work pool of every backend.
 * Takes: path: the link; "" for the link that directory is, opened with O_PATH and O_NOFOLLOW;
 *   room: of text, in bytes: PATH_MAX (4096) holds every link's.
 * Owns: text is the loop's until the final call.
 * Gives: how many bytes of text it has filled, which no null byte ends; room: there may be more.
 * Fails: -EINVAL no symbolic link, or no room; -ENOENT path is "" and directory no link. */
HARK_API void hark_readlinkat(struct hark_loop *loop, struct hark_op *op, int directory,
                              const char *path, char *text, size_t room, hark_done *done);

/* linkat(2): gives a file one more name, a hard link.
 * Takes: flags: 0: a symbolic link at `from` gets the name itself, AT_SYMLINK_FOLLOW: what it leads
 *   to; AT_EMPTY_PATH with from "" or NULL: the file that from_directory is, also one of O_TMPFILE,
 *   which has no name yet; to_directory, if it is a descriptor, stays open until the final call.
 * Gives: 0.
 * Fails: as linkat(2): -EEXIST; -EPERM a directory, or the file system has no hard links; -EXDEV
 *   another file system; -EMLINK; -ENOENT nothing is there, or it has lost its last name; -EINVAL
 *   flags; -ENOSPC, -EDQUOT. */
HARK_API void hark_linkat(struct hark_loop *loop, struct hark_op *op, int from_directory,
                          const char *from, int to_directory, const char *to, int flags,
                          hark_done *done);

/* --- mode, owner, times --- */

/* fchmodat(2), on the work pool of every backend: sets the permissions of a file.
 * Takes: mode: the bits of 07777; flags: 0; AT_SYMLINK_NOFOLLOW: nothing is done through a link;
 *   AT_EMPTY_PATH with path "" or NULL: the file that directory is.
 * Gives: 0.
 * Fails: as fchmodat(2): -EPERM it is another's; -EOPNOTSUPP of a symbolic link itself, which has
 *   no permissions; -EINVAL flags.
 * Backends: before Linux 6.6, and under a filter (seccomp(2)) that refuses fchmodat2(2), it needs
 *   /proc for AT_SYMLINK_NOFOLLOW and for a descriptor of O_PATH: else -EOPNOTSUPP, -EPERM. */
HARK_API void hark_fchmodat(struct hark_loop *loop, struct hark_op *op, int directory,
                            const char *path, mode_t mode, int flags, hark_done *done);

/* fchownat(2), on the work pool of every backend: sets the owner and the group of a file. Of what
 * is no directory, it takes the set-user-ID and set-group-ID bits away.
 * Takes: owner, group: (uid_t)-1, (gid_t)-1: as it is; flags: AT_SYMLINK_NOFOLLOW: of a link
 *   itself; AT_EMPTY_PATH with path "" or NULL: of the file that directory is.
 * Gives: 0.
 * Fails: as fchownat(2): -EPERM the process may not; -EINVAL flags; -EDQUOT. */
HARK_API void hark_fchownat(struct hark_loop *loop, struct hark_op *op, int directory,
                            const char *path, uid_t owner, gid_t group, int flags, hark_done *done);

/* utimensat(2), on the work pool of every backend: sets when a file was read and written last.
 * Takes: times: two, of the last read and the last write, the loop's until the final call, in which
 *   UTIME_NOW or UTIME_OMIT may stand for nanoseconds; NULL: both now; flags: AT_SYMLINK_NOFOLLOW:
 *   of a link itself; AT_EMPTY_PATH with path "" or NULL: of the file that directory is.
 * Gives: 0.
 * Fails: as utimensat(2): -EPERM, -EACCES it is another's; -EINVAL flags or nanoseconds.
 * Backends: before Linux 5.8, AT_EMPTY_PATH needs a descriptor that was not opened with O_PATH. */
HARK_API void hark_utimensat(struct hark_loop *loop, struct hark_op *op, int directory,
                             const char *path, const struct timespec *times, int flags,
                             hark_done *done);

/* --- extended attributes --- */

/* Sets an extended attribute of a file: setxattrat(2), setxattr(2), xattr(7).
 * Takes: name: with its namespace: "user.comment"; value, size: up to XATTR_SIZE_MAX (65536) bytes;
 *   flags: 0, XATTR_CREATE or XATTR_REPLACE, and with them AT_SYMLINK_NOFOLLOW for a link itself,
 *   AT_EMPTY_PATH with path "" or NULL for the file that directory is, not opened with O_PATH.
 * Owns: path, name and value are the loop's until the final call.
 * Gives: 0.
 * Fails: -EEXIST with XATTR_CREATE; -ENODATA with XATTR_REPLACE; -ERANGE a name that is empty or
 *   longer than XATTR_NAME_MAX (255); -E2BIG; -ENOSPC, -EDQUOT; -EPERM the process may not, or the
 *   kind of file has none of that namespace; -EOPNOTSUPP the file system has none, or not of that
 *   namespace; -EINVAL flags.
 * Backends: uring asks the kernel where path "" names the descriptor, and where no descriptor is
 *   given (AT_FDCWD, an absolute path) and links are followed: else the pool does it. Of a path
 *   below a directory's descriptor it needs Linux 6.13, or /proc: -ENOSYS there is neither; where a
 *   filter (seccomp(2)) refuses setxattrat(2) and its kin, /proc: else that error. */
HARK_API void hark_setxattrat(struct hark_loop *loop, struct hark_op *op, int directory,
                              const char *path, const char *name, const void *value, size_t size,
                              int flags, hark_done *done);

/* Reads an extended attribute: getxattrat(2), getxattr(2).
 * Takes: value, size: room for it; size 0: its length alone is asked for; flags:
 *   AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH, as in hark_setxattrat.
 * Gives: its length, which may be 0.
 * Fails: -ENODATA there is none of that name; -ERANGE it is longer than size, or as
 *   hark_setxattrat; -EOPNOTSUPP, -EINVAL.
 * Backends: as hark_setxattrat. */
HARK_API void hark_getxattrat(struct hark_loop *loop, struct hark_op *op, int directory,
                              const char *path, const char *name, void *value, size_t size,
                              int flags, hark_done *done);

/* Lists the names of a file's extended attributes, on the work pool of every backend:
 * listxattrat(2), listxattr(2).
 * Takes: names, size: room, XATTR_LIST_MAX (65536) holds all; size 0: their length alone is asked
 *   for; flags: as hark_getxattrat.
 * Gives: how many bytes of names it has filled: names, a null byte behind each, in no order.
 * Fails: -ERANGE they are longer than size; -E2BIG; -EOPNOTSUPP, -EINVAL.
 * Backends: a path below a directory's descriptor: as hark_setxattrat. */
HARK_API void hark_listxattrat(struct hark_loop *loop, struct hark_op *op, int directory,
                               const char *path, char *names, size_t size, int flags,
                               hark_done *done);

/* Removes an extended attribute, on the work pool of every backend: removexattrat(2),
 * removexattr(2).
 * Takes: flags: as hark_getxattrat.
 * Gives: 0.
 * Fails: -ENODATA there is none of that name; -ERANGE, -EPERM, -EOPNOTSUPP, -EINVAL as
 *   hark_setxattrat.
 * Backends: as hark_listxattrat. */
HARK_API void hark_removexattrat(struct hark_loop *loop, struct hark_op *op, int directory,
                                 const char *path, const char *name, int flags, hark_done *done);

/* --- directories, copies --- */

/* Reads entries of an open directory into bytes, on the work pool of every backend: getdents64(2).
 * Gives: how much of bytes is filled: walk it with hark_dirent_next; 0 no entry is left.
 * Fails: -ENOTDIR, -EINVAL bytes is too small. */
HARK_API void hark_getdents(struct hark_loop *loop, struct hark_op *op, int fd, void *bytes,
                            size_t count, hark_done *done);

/* Copies up to count bytes from one file to another inside the kernel, on the work pool of every
 * backend: copy_file_range(2). File systems that can share the blocks copy nothing at all.
 * Takes: offsets, or HARK_AT_POSITION; `to`, which stays open until the final call, as the op
 *   belongs to `from`. A copy at work cannot be stopped: ask for pieces of some megabytes.
 * Gives: the bytes copied, which may be fewer; 0 the end of `from`.
 * Fails: -EINVAL not regular files, or the stretches overlap; -EXDEV two file systems that cannot;
 *   -EOPNOTSUPP, -EISDIR, -ENOSPC, -EFBIG, -EDQUOT. */
HARK_API void hark_copy_file_range(struct hark_loop *loop, struct hark_op *op, int from,
                                   int64_t from_offset, int to, int64_t to_offset, size_t count,
                                   hark_done *done);

/* Moves up to count bytes between a pipe and another file, socket or pipe, most often without
 * copying them: splice(2).
 * Takes: offsets of a regular file, of which HARK_AT_POSITION is its own position; HARK_AT_POSITION
 *   for whatever else; flags: SPLICE_F_MOVE, SPLICE_F_MORE: more follows, as MSG_MORE of send(2).
 *   SPLICE_F_NONBLOCK is always in force: what may wait for readiness does so here.
 * Owns: both descriptors are in use until the final call; a close or a detach of either ends the op
 *   first. hark_op_fd is `from`.
 * Gives: the bytes moved, which may be fewer; 0 the end of `from`, or count is 0.
 * Fails: -EINVAL neither is a pipe, both are the same one, flags, an offset of what cannot seek, or
 *   a file that cannot (opened with O_APPEND for one); -ESPIPE an offset of a pipe; -EBADF also:
 *   `from` is not open for reading, `to` not for writing; -EPIPE nobody reads the pipe, or the
 *   socket is shut down; -ECONNRESET, -ENOTCONN; -ENOSPC, -EFBIG, -EDQUOT; -EBUSY both ends say
 *   that they are ready, and time after time nothing can be moved: TCP has no memory (tcp_mem of
 *   tcp(7)), or others are quicker. Never raises SIGPIPE, as hark_write. Bad arguments, and a
 *   count of 0, are answered whatever the ends would be waited for.
 * Backends: pipes, sockets and terminals: the call is made in the loop's thread, which does not
 *   wait in it. Sockets are made non-blocking, before each call, as whoever shares them may change
 *   that. A regular file, or a device without a poll of its own: on uring by the kernel
 *   (IORING_OP_SPLICE, a thread of the kernel's), on the others on the work pool. While that waits
 *   for the disk it holds the pipe, and whoever reads or writes the pipe, the loop's own thread for
 *   one, waits for it: use a pipe for one splice at a time. Past an urgent byte of TCP, where
 *   splice(2) moves nothing, up to PIPE_BUF bytes are copied; the byte itself goes as recv(2) has
 *   it (SO_OOBINLINE). */
HARK_API void hark_splice(struct hark_loop *loop, struct hark_op *op, int from, int64_t from_offset,
                          int to, int64_t to_offset, size_t count, unsigned flags, hark_done *done);

/* One entry of a directory. */
struct hark_dirent {
    uint64_t inode;
    const char *name; /* inside the bytes that were read */
    unsigned type; /* DT_REG, DT_DIR, ... of dirent.h; DT_UNKNOWN if the file system does not say */
};

/* Steps through what hark_getdents gave.
 * Takes: bytes and filled as it gave them; *position 0 at first, moved by each call.
 * Gives: true and *out_entry, or false at the end. "." and ".." are passed over.
 * Thread: any. */
HARK_API bool hark_dirent_next(const void *bytes, size_t filled, size_t *position,
                               struct hark_dirent *out_entry);

HARK_END

#endif
