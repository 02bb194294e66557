/* request.hpp - what can be asked of a loop, each as a value: hark::recv(loop, fd, bytes).
 *
 * A request does nothing by itself. With C++17 it is started on an op (op.hpp), which has the
 * callback: op.start(hark::recv(...)). With C++20 a coroutine may wait for it (coroutine.hpp):
 * co_await hark::recv(...). In either way it may be given a deadline: .within(5s), .by(when).
 *
 * Each is the library's function of that name, whose header and manual page say what it takes,
 * gives and fails with. What it points to, bytes, paths, addresses, is the loop's until it has
 * ended.
 */
#ifndef HARK_CPP_REQUEST_HPP
#define HARK_CPP_REQUEST_HPP

#include "kinds.hpp"
#include "loop.hpp"

#include <fcntl.h>

namespace hark
{

/* Start is what starts it: start(storage, done). Kind says how it is told that it has ended. */
template <class Kind, class Start> class [[nodiscard]] request
{
  public:
    request(struct hark_loop *loop, Start start) noexcept
        : loop_(loop), start_(static_cast<Start &&>(start))
    {
    }

    /* Past that time it ends with -ETIMEDOUT. */
    request by(time_point when) &&noexcept
    {
        deadline_ns_ = detail::count_of(when);
        return static_cast<request &&>(*this);
    }

    /* The same, counted from the time of this turn. */
    request within(nanoseconds duration) &&noexcept
    {
        deadline_ns_ = detail::later(hark_now(loop_), detail::count_of(duration));
        return static_cast<request &&>(*this);
    }

    /* Of a coroutine: it is waited for though its task was cancelled or has passed its deadline. */
    request shielded() &&noexcept
    {
        shielded_ = true;
        return static_cast<request &&>(*this);
    }

  private:
    template <class, class> friend class op;
    template <class, class> friend class op_await;

    /* Takes: storage: zeroed, or used before and not in flight. */
    void begin(typename Kind::storage &storage, typename Kind::done *done) noexcept
    {
        start_(storage, done);
        if (deadline_ns_ != HARK_NEVER && !Kind::always)
            hark_op_deadline(Kind::op_of(storage), deadline_ns_);
    }

    struct hark_loop *loop_;
    uint64_t deadline_ns_ = HARK_NEVER;
    bool shielded_ = false;
    Start start_;
};

namespace detail
{

template <class Kind = kinds::one, class Start>
request<Kind, Start> make_request(struct hark_loop *loop, Start start) noexcept
{
    return {loop, static_cast<Start &&>(start)};
}

} // namespace detail

/* Any other start of an op as a request: start(op, done) is called with it.
 * Takes: a start of an op that has one call. */
template <class Start> auto ask(struct hark_loop *loop, Start start) noexcept
{
    return detail::make_request(loop, static_cast<Start &&>(start));
}

/* --- the loop, and time --- */

inline auto nop(struct hark_loop *loop) noexcept
{
    return detail::make_request(
        loop, [loop](struct hark_op &op, hark_done *done) { hark_nop(loop, &op, done); });
}

/* In the next turn. */
inline auto defer(struct hark_loop *loop) noexcept
{
    return detail::make_request(
        loop, [loop](struct hark_op &op, hark_done *done) { hark_defer(loop, &op, done); });
}

inline auto sleep(struct hark_loop *loop, nanoseconds duration) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_sleep(loop, &op, detail::count_of(duration), done);
    });
}

inline auto sleep_until(struct hark_loop *loop, time_point when) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_sleep_until(loop, &op, detail::count_of(when), done);
    });
}

/* Until it is cancelled. */
inline auto sleep_for_ever(struct hark_loop *loop) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_sleep_until(loop, &op, HARK_NEVER, done);
    });
}

/* Of ops alone: it repeats. */
inline auto every(struct hark_loop *loop, nanoseconds period) noexcept
{
    return detail::make_request<kinds::each>(loop, [=](struct hark_op &op, hark_done *done) {
        hark_every(loop, &op, detail::count_of(period), done);
    });
}

/* From any thread; it takes no deadline. */
inline auto post(struct hark_loop *loop) noexcept
{
    return detail::make_request<kinds::posted>(
        loop, [=](struct hark_op &op, hark_done *done) { hark_post(loop, &op, done); });
}

inline auto message(struct hark_loop *from, struct hark_loop *to) noexcept
{
    return detail::make_request<kinds::posted>(
        from, [=](struct hark_op &op, hark_done *done) { hark_message(from, &op, to, done); });
}

/* Calls function() on a thread of the pool. What it gives is the result: what becomes an int64_t,
 * or nothing. It is moved into the op, or into the coroutine. */
template <class Function> auto work(struct hark_loop *loop, Function function)
{
    using kind = kinds::work<Function>;
    return detail::make_request<kind>(
        loop, [loop, function = static_cast<Function &&>(function)](typename kind::storage &storage,
                                                                    hark_done *done) mutable {
            storage.function.emplace(static_cast<Function &&>(function));
            hark_work(loop, &storage, kind::run, done);
        });
}

/* The first arrival of a signal; of an op, too. */
inline auto signal(struct hark_loop *loop, int number) noexcept
{
    return detail::make_request<kinds::first>(loop, [=](struct hark_op &op, hark_done *done) {
        hark_signal_each(loop, &op, number, done);
    });
}

inline auto signal_each(struct hark_loop *loop, int number) noexcept
{
    return detail::make_request<kinds::each>(loop, [=](struct hark_op &op, hark_done *done) {
        hark_signal_each(loop, &op, number, done);
    });
}

inline auto poll(struct hark_loop *loop, int fd, uint32_t events) noexcept
{
    return detail::make_request(
        loop, [=](struct hark_op &op, hark_done *done) { hark_poll(loop, &op, fd, events, done); });
}

inline auto poll_each(struct hark_loop *loop, int fd, uint32_t events) noexcept
{
    return detail::make_request<kinds::each>(loop, [=](struct hark_op &op, hark_done *done) {
        hark_poll_each(loop, &op, fd, events, done);
    });
}

#ifdef CLD_EXITED
/* The end of a child. */
inline auto waitid(struct hark_loop *loop, int pidfd, siginfo_t &out_end) noexcept
{
    return detail::make_request(loop,
                                [loop, pidfd, end = &out_end](struct hark_op &op, hark_done *done) {
                                    hark_waitid(loop, &op, pidfd, end, done);
                                });
}
#endif

/* --- sockets --- */

inline auto socket(struct hark_loop *loop, int family, int type, int protocol = 0) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_socket(loop, &op, family, type, protocol, done);
    });
}

inline auto accept(struct hark_loop *loop, int fd, struct sockaddr *name = nullptr,
                   socklen_t *length = nullptr) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_accept(loop, &op, fd, name, length, done);
    });
}

inline auto accept_each(struct hark_loop *loop, int fd) noexcept
{
    return detail::make_request<kinds::each>(
        loop, [=](struct hark_op &op, hark_done *done) { hark_accept_each(loop, &op, fd, done); });
}

inline auto connect(struct hark_loop *loop, int fd, const hark_address &address) noexcept
{
    return detail::make_request(loop,
                                [loop, fd, to = &address](struct hark_op &op, hark_done *done) {
                                    hark_connect(loop, &op, fd, &to->name.any, to->length, done);
                                });
}

inline auto recv(struct hark_loop *loop, int fd, buffer bytes, int flags = 0) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_recv(loop, &op, fd, bytes.data(), bytes.size(), flags, done);
    });
}

inline auto recv_each(struct hark_loop *loop, int fd) noexcept
{
    return detail::make_request<kinds::each>(
        loop, [=](struct hark_op &op, hark_done *done) { hark_recv_each(loop, &op, fd, done); });
}

/* As much as the kernel takes; send_all: all of it, MSG_WAITALL. */
inline auto send(struct hark_loop *loop, int fd, view bytes, int flags = 0) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_send(loop, &op, fd, bytes.data(), bytes.size(), flags, done);
    });
}

inline auto send_all(struct hark_loop *loop, int fd, view bytes, int flags = 0) noexcept
{
    return send(loop, fd, bytes, flags | MSG_WAITALL);
}

/* Without a copy, where that can be had. */
inline auto send_zc(struct hark_loop *loop, int fd, view bytes, int flags = 0) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_send_zc(loop, &op, fd, bytes.data(), bytes.size(), flags, done);
    });
}

inline auto recvmsg(struct hark_loop *loop, int fd, struct msghdr &message, int flags = 0) noexcept
{
    return detail::make_request(
        loop, [loop, fd, flags, into = &message](struct hark_op &op, hark_done *done) {
            hark_recvmsg(loop, &op, fd, into, flags, done);
        });
}

inline auto recvmsg_each(struct hark_loop *loop, int fd, size_t control_room = 0) noexcept
{
    return detail::make_request<kinds::each>(loop, [=](struct hark_op &op, hark_done *done) {
        hark_recvmsg_each(loop, &op, fd, control_room, done);
    });
}

inline auto sendmsg(struct hark_loop *loop, int fd, const struct msghdr &message,
                    int flags = 0) noexcept
{
    return detail::make_request(
        loop, [loop, fd, flags, from = &message](struct hark_op &op, hark_done *done) {
            hark_sendmsg(loop, &op, fd, from, flags, done);
        });
}

inline auto shutdown(struct hark_loop *loop, int fd, int how) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_shutdown(loop, &op, fd, how, done);
    });
}

/* --- the end of a descriptor: neither cancelled nor limited --- */

inline auto close(struct hark_loop *loop, int fd) noexcept
{
    return detail::make_request<kinds::end>(
        loop, [=](struct hark_op &op, hark_done *done) { hark_close(loop, &op, fd, done); });
}

inline auto close_after_sending(struct hark_loop *loop, int fd) noexcept
{
    return detail::make_request<kinds::end>(loop, [=](struct hark_op &op, hark_done *done) {
        hark_close_after_sending(loop, &op, fd, done);
    });
}

inline auto detach(struct hark_loop *loop, int fd) noexcept
{
    return detail::make_request<kinds::end>(
        loop, [=](struct hark_op &op, hark_done *done) { hark_detach(loop, &op, fd, done); });
}

/* --- files --- */

inline auto read(struct hark_loop *loop, int fd, buffer bytes,
                 int64_t offset = HARK_AT_POSITION) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_read(loop, &op, fd, bytes.data(), bytes.size(), offset, done);
    });
}

inline auto write(struct hark_loop *loop, int fd, view bytes,
                  int64_t offset = HARK_AT_POSITION) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_write(loop, &op, fd, bytes.data(), bytes.size(), offset, done);
    });
}

inline auto readv(struct hark_loop *loop, int fd, const struct iovec *vector, unsigned count,
                  int64_t offset = HARK_AT_POSITION) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_readv(loop, &op, fd, vector, count, offset, done);
    });
}

inline auto writev(struct hark_loop *loop, int fd, const struct iovec *vector, unsigned count,
                   int64_t offset = HARK_AT_POSITION) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_writev(loop, &op, fd, vector, count, offset, done);
    });
}

inline auto openat(struct hark_loop *loop, int directory, const char *path, int flags,
                   mode_t mode = 0) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_openat(loop, &op, directory, path, flags, mode, done);
    });
}

inline auto open(struct hark_loop *loop, const char *path, int flags, mode_t mode = 0) noexcept
{
    return openat(loop, AT_FDCWD, path, flags, mode);
}

inline auto splice(struct hark_loop *loop, int from, int64_t from_offset, int to, int64_t to_offset,
                   size_t count, unsigned flags = 0) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_splice(loop, &op, from, from_offset, to, to_offset, count, flags, done);
    });
}

inline auto fsync(struct hark_loop *loop, int fd) noexcept
{
    return detail::make_request(
        loop, [=](struct hark_op &op, hark_done *done) { hark_fsync(loop, &op, fd, done); });
}

inline auto fdatasync(struct hark_loop *loop, int fd) noexcept
{
    return detail::make_request(
        loop, [=](struct hark_op &op, hark_done *done) { hark_fdatasync(loop, &op, fd, done); });
}

inline auto ftruncate(struct hark_loop *loop, int fd, int64_t length) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_ftruncate(loop, &op, fd, length, done);
    });
}

inline auto fallocate(struct hark_loop *loop, int fd, int mode, int64_t offset,
                      int64_t length) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_fallocate(loop, &op, fd, mode, offset, length, done);
    });
}

inline auto statx(struct hark_loop *loop, int directory, const char *path, int flags, unsigned mask,
                  struct statx *status) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_statx(loop, &op, directory, path, flags, mask, status, done);
    });
}

inline auto renameat(struct hark_loop *loop, int from_directory, const char *from, int to_directory,
                     const char *to, int flags = 0) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_renameat(loop, &op, from_directory, from, to_directory, to, flags, done);
    });
}

inline auto unlinkat(struct hark_loop *loop, int directory, const char *path,
                     int flags = 0) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_unlinkat(loop, &op, directory, path, flags, done);
    });
}

inline auto mkdirat(struct hark_loop *loop, int directory, const char *path, mode_t mode) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_mkdirat(loop, &op, directory, path, mode, done);
    });
}

inline auto symlinkat(struct hark_loop *loop, const char *target, int directory,
                      const char *path) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_symlinkat(loop, &op, target, directory, path, done);
    });
}

inline auto readlinkat(struct hark_loop *loop, int directory, const char *path,
                       buffer text) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_readlinkat(loop, &op, directory, path, static_cast<char *>(text.data()), text.size(),
                        done);
    });
}

inline auto linkat(struct hark_loop *loop, int from_directory, const char *from, int to_directory,
                   const char *to, int flags = 0) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_linkat(loop, &op, from_directory, from, to_directory, to, flags, done);
    });
}

inline auto fchmodat(struct hark_loop *loop, int directory, const char *path, mode_t mode,
                     int flags = 0) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_fchmodat(loop, &op, directory, path, mode, flags, done);
    });
}

inline auto fchownat(struct hark_loop *loop, int directory, const char *path, uid_t owner,
                     gid_t owners, int flags = 0) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_fchownat(loop, &op, directory, path, owner, owners, flags, done);
    });
}

inline auto utimensat(struct hark_loop *loop, int directory, const char *path,
                      const struct timespec *times, int flags = 0) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_utimensat(loop, &op, directory, path, times, flags, done);
    });
}

inline auto setxattrat(struct hark_loop *loop, int directory, const char *path, const char *name,
                       view value, int flags = 0) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_setxattrat(loop, &op, directory, path, name, value.data(), value.size(), flags, done);
    });
}

inline auto getxattrat(struct hark_loop *loop, int directory, const char *path, const char *name,
                       buffer value, int flags = 0) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_getxattrat(loop, &op, directory, path, name, value.data(), value.size(), flags, done);
    });
}

inline auto listxattrat(struct hark_loop *loop, int directory, const char *path, buffer names,
                        int flags = 0) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_listxattrat(loop, &op, directory, path, static_cast<char *>(names.data()),
                         names.size(), flags, done);
    });
}

inline auto removexattrat(struct hark_loop *loop, int directory, const char *path, const char *name,
                          int flags = 0) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_removexattrat(loop, &op, directory, path, name, flags, done);
    });
}

inline auto getdents(struct hark_loop *loop, int fd, buffer bytes) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_getdents(loop, &op, fd, bytes.data(), bytes.size(), done);
    });
}

inline auto copy_file_range(struct hark_loop *loop, int from, int64_t from_offset, int to,
                            int64_t to_offset, size_t count) noexcept
{
    return detail::make_request(loop, [=](struct hark_op &op, hark_done *done) {
        hark_copy_file_range(loop, &op, from, from_offset, to, to_offset, count, done);
    });
}

/* --- conveniences --- */

/* Gives what hark_lookup_start finds, as hark::found. */
inline auto lookup(struct hark_loop *loop, const char *host, const char *service,
                   int family = AF_UNSPEC, unsigned flags = 0) noexcept
{
    return detail::make_request<kinds::lookup>(
        loop, [=](kinds::lookup::storage &storage, hark_lookup_done *done) {
            hark_lookup_start(loop, &storage, host, service, family, flags, done);
        });
}

/* Gives a whole file, hark_file_read_start, as hark::content. */
inline auto read_file(struct hark_loop *loop, const char *path, size_t bytes_max,
                      int directory = AT_FDCWD) noexcept
{
    return detail::make_request<kinds::file_read>(
        loop, [=](kinds::file_read::storage &storage, hark_file_read_done *done) {
            hark_file_read_start(loop, &storage, directory, path, bytes_max, done);
        });
}

/* Writes a file anew, hark_file_replace_start. */
inline auto replace_file(struct hark_loop *loop, const char *path, view bytes, mode_t mode,
                         int directory = AT_FDCWD) noexcept
{
    return detail::make_request<kinds::file_replace>(
        loop, [=](kinds::file_replace::storage &storage, hark_file_replace_done *done) {
            hark_file_replace_start(loop, &storage, directory, path, bytes.data(), bytes.size(),
                                    mode, done);
        });
}

} // namespace hark

#endif
