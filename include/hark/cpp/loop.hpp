/* loop.hpp - move-only owners of what the library makes: loops, groups, descriptors.
 *
 * Each is empty at first, and after it was moved from. What ends here ends in the order in which
 * C++ ends things: a loop that was declared before what runs on it ends last, and waits for all of
 * that.
 */
#ifndef HARK_CPP_LOOP_HPP
#define HARK_CPP_LOOP_HPP

#include "base.hpp"

#include <cerrno>

namespace hark
{

/* A loop. Where the library's functions, and those of this namespace, want a `struct hark_loop *`,
 * it stands for that. */
class loop
{
  public:
    loop() noexcept = default;
    loop(loop &&other) noexcept : loop_(std::exchange(other.loop_, nullptr))
    {
    }
    loop &operator=(loop &&other) noexcept
    {
        if (this != &other) {
            end();
            loop_ = std::exchange(other.loop_, nullptr);
        }
        return *this;
    }
    ~loop()
    {
        end();
    }

    /* hark_loop_create.
     * Takes: an empty one. */
    result create(const hark_options &options = hark_options()) noexcept
    {
        if (loop_)
            detail::broken("a loop was created that had been created already");
        return hark_loop_create(&options, &loop_);
    }

    /* Ends it: cancels what is in flight, runs until all of that has had its final call, and
     * releases it; whatever callbacks and coroutines start meanwhile is cancelled in its turn. One
     * that starts something in answer to every cancel keeps it for ever. An empty one: nothing
     * happens.
     * Takes: not from inside a callback: that is a bug of the program, and is asserted. */
    void end() noexcept
    {
        while (loop_ && hark_loop_destroy(loop_) < 0) {
            hark_cancel_all(loop_);
            if (hark_run_once(loop_) < 0)
                detail::broken("a loop was ended inside of one of its callbacks, or by a thread "
                               "that does not run it");
        }
        loop_ = nullptr;
    }

    /* hark_run and its like. */
    result run() noexcept
    {
        return hark_run(loop_);
    }
    result run_once() noexcept
    {
        return hark_run_once(loop_);
    }
    result run_ready() noexcept
    {
        return hark_run_ready(loop_);
    }

    /* hark_stop. Thread: any, and signal handlers. */
    void stop() noexcept
    {
        hark_stop(loop_);
    }

    void cancel_all() noexcept
    {
        hark_cancel_all(loop_);
    }

    /* The time of this turn. */
    time_point now() const noexcept
    {
        return time_point(nanoseconds(static_cast<int64_t>(hark_now(loop_))));
    }

    uint64_t active() const noexcept
    {
        return hark_loop_active(loop_);
    }
    const char *backend() const noexcept
    {
        return hark_loop_backend(loop_);
    }

    operator struct hark_loop *() const noexcept
    {
        return loop_;
    }
    struct hark_loop *get() const noexcept
    {
        return loop_;
    }

    /* Gives it up: hark_loop_destroy is the caller's now. */
    [[nodiscard]] struct hark_loop *release() noexcept
    {
        return std::exchange(loop_, nullptr);
    }

  private:
    struct hark_loop *loop_ = nullptr;
};

/* A loop for each core (hark/group.h). */
class group
{
  public:
    group() noexcept = default;
    group(group &&other) noexcept : group_(std::exchange(other.group_, nullptr))
    {
    }
    group &operator=(group &&other) noexcept
    {
        if (this != &other) {
            end();
            group_ = std::exchange(other.group_, nullptr);
        }
        return *this;
    }
    ~group()
    {
        end();
    }

    /* hark_group_create.
     * Takes: an empty one. */
    result create(const hark_group_options &options = hark_group_options()) noexcept
    {
        if (group_)
            detail::broken("a group was created that had been created already");
        return hark_group_create(&options, &group_);
    }

    /* Runs all loops, hark_group_run; begin(loop, index) is called on each loop's own thread, at
     * the same time, and gives a result, or an int. */
    template <class Begin> result run(Begin &&begin) noexcept
    {
        using target = std::remove_reference_t<Begin>;
        return hark_group_run(
            group_,
            [](struct hark_loop *loop, uint32_t index, void *context) noexcept -> int {
                return result((*static_cast<target *>(context))(loop, index)).error();
            },
            const_cast<void *>(static_cast<const void *>(&begin)));
    }

    /* hark_group_stop. Thread: any, and signal handlers. */
    void stop() noexcept
    {
        hark_group_stop(group_);
    }

    uint32_t size() const noexcept
    {
        return hark_group_size(group_);
    }
    struct hark_loop *operator[](uint32_t index) const noexcept
    {
        return hark_group_loop(group_, index);
    }

    /* Ends it, as a loop: cancels what is in flight on each loop, on its own thread, and waits for
     * it. What callbacks start in answer to that must end by itself. */
    void end() noexcept
    {
        while (group_ && hark_group_destroy(group_) < 0) {
            int error = hark_group_run(
                group_,
                [](struct hark_loop *loop, uint32_t, void *) noexcept {
                    hark_cancel_all(loop);
                    return 0;
                },
                nullptr);
            if (error < 0)
                detail::broken("a group was ended that runs, or by another thread than its maker");
        }
        group_ = nullptr;
    }

    struct hark_group *get() const noexcept
    {
        return group_;
    }

  private:
    struct hark_group *group_ = nullptr;
};

/* A descriptor that is used on a loop: a file, a socket, a pidfd. It is closed where it ends, at
 * once (hark_os_close): a file whose bytes are still to be written out may block there, which
 * hark::close does not. That no op is in flight on it then is the program's to see to, and is
 * asserted. */
class descriptor
{
  public:
    descriptor() noexcept = default;
    descriptor(struct hark_loop *loop, int fd) noexcept : loop_(loop), fd_(fd < 0 ? -1 : fd)
    {
    }
    /* What an op gave: empty after an error. */
    descriptor(struct hark_loop *loop, result given) noexcept : descriptor(loop, given.fd())
    {
    }
    descriptor(descriptor &&other) noexcept : loop_(other.loop_), fd_(std::exchange(other.fd_, -1))
    {
    }
    descriptor &operator=(descriptor &&other) noexcept
    {
        if (this != &other) {
            reset();
            loop_ = other.loop_;
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    ~descriptor()
    {
        reset();
    }

    void reset() noexcept
    {
        if (fd_ >= 0 && hark_os_close(loop_, fd_) == -EBUSY)
            detail::broken("a descriptor was ended on which an op is in flight");
        fd_ = -1;
    }

    int fd() const noexcept
    {
        return fd_;
    }
    operator int() const noexcept
    {
        return fd_;
    }
    explicit operator bool() const noexcept
    {
        return fd_ >= 0;
    }

    /* Gives it up: closing it, with hark::close, is the caller's now. */
    [[nodiscard]] int release() noexcept
    {
        return std::exchange(fd_, -1);
    }

  private:
    struct hark_loop *loop_ = nullptr;
    int fd_ = -1;
};

} // namespace hark

#endif
