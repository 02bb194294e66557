/* changes.hpp - C++20: what happens to files (hark/watch.h), for coroutines: co_await each event.
 *
 *     hark::changes tree;
 *     if (!tree.open(loop, "."))
 *         co_return;
 *     while (hark::change came = co_await tree.next())
 *         if (came.kind == HARK_WATCH_WRITTEN)
 *             std::puts(came.path);
 *
 * What happens while nobody waits is kept, in blocks of memory, up to a mebibyte. Beyond that, or
 * without memory for it, something would be missing, and what is told would not add up any more: so
 * the watch ends, with -ENOBUFS or -ENOMEM behind what was kept. Opened again with
 * HARK_WATCH_EXISTING it tells all names anew.
 */
#ifndef HARK_CPP_CHANGES_HPP
#define HARK_CPP_CHANGES_HPP

#include "event_wait.hpp"
#include "stream.hpp"

#include <cstring>

namespace hark
{

/* One event; or the end, of which `end` says why: an error, or 0 after close(). */
struct [[nodiscard]] change {
    result end;
    hark_watch_kind kind = HARK_WATCH_READY;
    bool is_directory = false;
    int error = 0;              /* with HARK_WATCH_UNWATCHED */
    const char *path = nullptr; /* valid until the next next(); NULL: it is the end */
    const char *from = nullptr; /* with HARK_WATCH_RENAMED: the name before */

    explicit operator bool() const noexcept
    {
        return path != nullptr;
    }
};

namespace detail
{

/* Events in the order in which they came, each with its names behind it. They stay where they are
 * until they are taken away; one block that was emptied is used again. */
class change_queue
{
  public:
    change_queue() noexcept = default;
    change_queue(const change_queue &) = delete;
    change_queue &operator=(const change_queue &) = delete;
    ~change_queue()
    {
        while (first_)
            std::free(std::exchange(first_, first_->next));
        std::free(spare_);
    }

    /* The oldest; NULL: there is none. */
    const change *front() const noexcept
    {
        return first_ ? &record_at(first_->taken)->what : nullptr;
    }
    /* Takes the oldest away. */
    void pop() noexcept
    {
        block *own = first_;
        const record *old = record_at(own->taken);
        bytes_ -= old->bytes;
        own->taken += old->bytes;
        if (own->taken < own->used)
            return;
        first_ = own->next;
        if (!first_)
            last_ = nullptr;
        std::free(spare_);
        spare_ = own;
    }
    /* Fails: -ENOBUFS there would be more than most; -ENOMEM. */
    int push(const hark_watch_event &event, size_t most) noexcept
    {
        size_t path_bytes = std::strlen(event.path) + 1;
        size_t from_bytes = event.from ? std::strlen(event.from) + 1 : 0;
        size_t bytes = rounded(sizeof(struct record) + path_bytes + from_bytes);
        if (bytes_ > 0 && (bytes > most || bytes_ > most - bytes))
            return -ENOBUFS;
        if (!last_ || last_->room - last_->used < bytes)
            if (!add_block(bytes))
                return -ENOMEM;
        record *made = new (last_->data() + last_->used) record;
        char *names = reinterpret_cast<char *>(made + 1);
        made->bytes = bytes;
        made->what.kind = event.kind;
        made->what.is_directory = event.is_directory;
        made->what.error = event.error;
        made->what.path = static_cast<char *>(std::memcpy(names, event.path, path_bytes));
        if (event.from)
            made->what.from =
                static_cast<char *>(std::memcpy(names + path_bytes, event.from, from_bytes));
        last_->used += bytes;
        bytes_ += bytes;
        return 0;
    }

  private:
    struct record {
        change what;
        size_t bytes = 0;
    };
    struct alignas(std::max_align_t) block {
        block *next;
        size_t room, used, taken;

        char *data() noexcept
        {
            return reinterpret_cast<char *>(this + 1);
        }
    };
    static constexpr size_t block_bytes = 4096 - sizeof(struct block);

    static constexpr size_t rounded(size_t bytes) noexcept
    {
        return (bytes + alignof(record) - 1) / alignof(record) * alignof(record);
    }
    bool add_block(size_t bytes) noexcept
    {
        block *made = nullptr;
        if (spare_ && spare_->room >= bytes) {
            made = std::exchange(spare_, nullptr);
        } else {
            size_t room = bytes > block_bytes ? bytes : block_bytes;
            made = static_cast<block *>(std::malloc(sizeof(struct block) + room));
            if (!made)
                return false;
            made->room = room;
        }
        made->next = nullptr;
        made->used = made->taken = 0;
        (last_ ? last_->next : first_) = made;
        last_ = made;
        return true;
    }
    record *record_at(size_t offset) const noexcept
    {
        void *at = first_->data() + offset;
        return static_cast<record *>(at);
    }

    block *first_ = nullptr;
    block *last_ = nullptr;
    block *spare_ = nullptr;
    size_t bytes_ = 0;
};

enum : size_t { changes_bytes_max = 1 << 20 };

/* The watch beneath, on the heap: it stays after its handle until it has closed. */
class changes_state : public watch<changes_state>, public lasting<changes_state>
{
  public:
    using outcome = change;
    static constexpr int64_t nothing = -EBADF;

    /* --- what the watch tells --- */

    void told(const hark_watch_event &event)
    {
        inside turn(*this);
        if (lost_)
            return;
        lost_ = queue_.push(event, bytes_max_);
        if (lost_)
            close();
        else
            wait_.happened(0);
    }
    void closed(result why)
    {
        inside turn(*this);
        end_ = last(lost_ ? lost_ : why.value());
        ended_ = true;
        wait_.happened(0);
    }

    /* --- for hark::owned --- */

    using lasting::let_go;
    bool over() const noexcept
    {
        return idle() && held::over() && !wait_.active();
    }
    void give_up() noexcept
    {
        if (wait_.waits())
            broken("a watch was destroyed while a coroutine waits for it");
        close();
    }

    /* --- for its handle and what waits --- */

    void begin(size_t bytes_max) noexcept
    {
        while (queue_.front())
            queue_.pop();
        bytes_max_ = bytes_max;
        lost_ = 0;
        given_ = ended_ = false;
    }
    bool ready() noexcept
    {
        if (std::exchange(given_, false))
            queue_.pop();
        return queue_.front() || ended_;
    }
    void want() noexcept
    {
    }
    change take() noexcept
    {
        const change *oldest = queue_.front();
        given_ = oldest != nullptr;
        return oldest ? *oldest : end_;
    }
    static change last(int64_t why) noexcept
    {
        change end;
        end.end = why;
        return end;
    }

    event_wait<changes_state> wait_{*this, [](changes_state &) noexcept {}};

  private:
    change_queue queue_;
    change end_ = last(nothing);
    size_t bytes_max_ = 0;
    int lost_ = 0;
    bool given_ = false; /* the oldest is with the one that has asked for it */
    bool ended_ = true;
};

} // namespace detail

/* Move-only; one allocation when it is opened, and some for what is kept. Where it ends the watch
 * is closed, and its memory goes when that has been done: that may be at any time, but while
 * another coroutine waits for it, which is a bug of the program, and is asserted. */
class changes
{
  public:
    changes() noexcept = default;

    /* hark_watch_open.
     * Takes: one that is not open; bytes_max: how many bytes of what nobody has waited for are
     *   kept, some 60 and the names for each event; 0: a mebibyte.
     * Fails: as that; -ENOMEM. */
    result open(struct hark_loop *loop, const char *path,
                const hark_watch_options *options = nullptr, size_t bytes_max = 0) noexcept
    {
        if (!state_)
            state_ = make<detail::changes_state>();
        if (!state_)
            return -ENOMEM;
        result opened = state_->open(loop, path, options);
        if (opened)
            state_->begin(bytes_max ? bytes_max : detail::changes_bytes_max);
        return opened;
    }

    /* Waits for the next event, or the end. One that has ended gives its end again. Past its
     * deadline, .within(5s) and .by(when), it gives -ETIMEDOUT as `end`, and -ECANCELED where its
     * task is cancelled; the watch goes on, and nothing is lost by it. */
    detail::next_of<detail::changes_state> next() noexcept
    {
        return detail::next_of<detail::changes_state>(state_.get());
    }

    /* As hark_watch_look_again and hark_watch_close: what is kept comes first, then the end. */
    void look_again() noexcept
    {
        if (state_)
            state_->look_again();
    }
    void close() noexcept
    {
        if (state_)
            state_->close();
    }

  private:
    owned<detail::changes_state> state_;
};

} // namespace hark

#endif
