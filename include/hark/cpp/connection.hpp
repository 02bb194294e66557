/* connection.hpp - C++20: a stream (hark/stream.h) for coroutines: co_await its reads and writes.
 *
 *     hark::task<> echo(struct hark_loop *loop, int fd)
 *     {
 *         hark::connection peer;
 *         if (!peer.open(loop, fd))
 *             co_return;
 *         while (hark::piece came = co_await peer.read())
 *             if (!co_await peer.write(came.bytes))
 *                 break;
 *         co_await peer.close_after_sending();
 *     }
 *
 * Where nothing of a stream is needed, such as names, TLS, pipes or writing ahead of the peer, the
 * requests themselves, hark::recv and hark::send_all, do as well and cost less.
 */
#ifndef HARK_CPP_CONNECTION_HPP
#define HARK_CPP_CONNECTION_HPP

#include "event_wait.hpp"
#include "stream.hpp"

namespace hark
{

/* What a read has brought: true while there are bytes; at the peer's end, and after an error,
 * false, and `count` tells which. */
struct [[nodiscard]] piece {
    result count;
    view bytes; /* valid until the coroutine waits for anything but a write of them */

    explicit operator bool() const noexcept
    {
        return count.count() > 0;
    }
};

namespace detail
{

/* The stream beneath, on the heap: it stays after its handle until it has closed. */
class connection_state : public stream<connection_state>, public lasting<connection_state>
{
  public:
    /* --- what the stream tells --- */

    void connected(result outcome)
    {
        inside turn(*this);
        if (!outcome) {
            end_ = failure_ = outcome;
            ended_ = true;
            reading_.happened(outcome);
            writing_.happened(outcome);
        }
        opening_.happened(outcome);
    }
    void received(view bytes, result count)
    {
        inside turn(*this);
        came_ = {count, bytes};
        if (!count.count()) {
            end_ = count;
            ended_ = true;
        }
        reading_.happened(count);
        came_.bytes = {};
        if (!reading_.waits())
            read_stop();
    }
    void drained()
    {
        inside turn(*this);
        push();
    }
    void failed(result error)
    {
        inside turn(*this);
        failure_ = error;
        writing_.happened(error);
    }
    void closed()
    {
        inside turn(*this);
        opening_.happened(-ECANCELED);
        reading_.happened(-ECANCELED);
        writing_.happened(-ECANCELED);
        closing_.happened(0);
    }

    /* --- for hark::owned --- */

    using lasting::let_go;
    bool over() const noexcept
    {
        return idle() && held::over() && !opening_.active() && !reading_.active() &&
               !writing_.active() && !closing_.active();
    }

    /* --- for its handle --- */

    /* Before it is opened, for the first time or anew. What a read has brought is gone once the
     * coroutine waits, so a write of it must not wait before it is queued: the queue has room for
     * that much behind its limit.
     * Gives: the options to open it with. */
    const hark_stream_options *begin(struct hark_loop *loop,
                                     const hark_stream_options *options) noexcept
    {
        options_ = options ? *options : hark_stream_options();
        size_t limit = options_.queue_bytes_max ? options_.queue_bytes_max : 1 << 20;
        size_t piece_bytes = hark_buffer_size(loop) > 16384 ? hark_buffer_size(loop) : 16384;
        if (!options_.high_bytes || options_.high_bytes > limit)
            options_.high_bytes = options_.high_bytes ? limit : limit / 2;
        if (!options_.low_bytes)
            options_.low_bytes = limit / 8;
        options_.queue_bytes_max = limit + piece_bytes;
        ended_ = false;
        failure_ = 0;
        return &options_;
    }

    /* Queues what there is room for.
     * Gives: true: nothing is left to wait for; push_outcome_. */
    bool push_some() noexcept
    {
        push_outcome_ = failure_;
        while (push_outcome_ && push_.size() > 0) {
            size_t queued_now = queued();
            if (queued_now >= options_.queue_bytes_max)
                return false;
            view part = push_.first(options_.queue_bytes_max - queued_now);
            push_outcome_ = write(part);
            if (push_outcome_)
                push_ = push_.from(part.size());
        }
        if (push_outcome_.value() == 1) {
            push_outcome_ = 0;
            return false;
        }
        return true;
    }
    void push() noexcept
    {
        if (writing_.waits() && push_some_after_drain())
            writing_.happened(push_outcome_);
    }

    event_wait<connection_state> opening_{*this,
                                          [](connection_state &own) noexcept { own.close(); }};
    event_wait<connection_state> reading_{*this,
                                          [](connection_state &own) noexcept { own.read_stop(); }};
    event_wait<connection_state> writing_{
        *this, [](connection_state &own) noexcept { own.failure_ = -EPIPE; }};
    event_wait<connection_state> closing_{*this,
                                          [](connection_state &own) noexcept { own.close(); }};
    piece came_;
    result end_;
    result failure_;
    view push_;
    result push_outcome_;
    bool ended_ = false;

  private:
    bool push_some_after_drain() noexcept
    {
        return push_.size() == 0 || push_some();
    }

    hark_stream_options options_ = {};
};

} // namespace detail

/* Move-only; one allocation for each, kept for the next opening. Where it ends it is closed at
 * once, and its memory goes when that has been done. Of the coroutines that use it one may wait for
 * a read, another for a write. */
class connection
{
    using state = detail::connection_state;

  public:
    connection() noexcept = default;

    /* The ways of hark/stream.h to open one. hark::connection::connect and connect_name wait until
     * it is connected.
     * Fails: as those; -ENOMEM, and then an fd that was given is the caller's still. */
    result open(struct hark_loop *loop, int fd,
                const hark_stream_options *options = nullptr) noexcept
    {
        if (!prepare())
            return -ENOMEM;
        state_->open(loop, fd, state_->begin(loop, options));
        return 0;
    }
    result open_pair(struct hark_loop *loop, int in, int out,
                     const hark_stream_options *options = nullptr) noexcept
    {
        return prepare() ? state_->open_pair(loop, in, out, state_->begin(loop, options)) : -ENOMEM;
    }
    /* They give 0, or the error, after which it is to be closed before another try. */
    auto connect(struct hark_loop *loop, const hark_address &address,
                 const hark_stream_options *options = nullptr) noexcept
    {
        return opening(loop, prepare()
                                 ? state_->connect(loop, address, state_->begin(loop, options))
                                 : -ENOMEM);
    }
    auto connect_name(struct hark_loop *loop, const hark_stream_name &name,
                      const hark_stream_options *options = nullptr) noexcept
    {
        return opening(loop, prepare()
                                 ? state_->connect_name(loop, name, state_->begin(loop, options))
                                 : -ENOMEM);
    }
    /* In any other way that calls `connected`: how(stream, options, events) gives 0 or an error, as
     * hark_stream_connect_tls. */
    template <class How>
    auto connect_with(struct hark_loop *loop, How how,
                      const hark_stream_options *options = nullptr) noexcept
    {
        return opening(loop, prepare()
                                 ? state_->open_with([&](struct hark_stream *c,
                                                         const struct hark_stream_events *events) {
                                       return how(c, state_->begin(loop, options), events);
                                   })
                                 : -ENOMEM);
    }

    explicit operator bool() const noexcept
    {
        return state_ && !state_->held::over();
    }

  private:
    class connecting
    {
      public:
        connecting(state *own, struct hark_loop *loop, result begun) noexcept
            : state_(own), loop_(loop), begun_(begun)
        {
        }
        bool await_ready() const noexcept
        {
            return !begun_;
        }
        template <class Promise>
        [[gnu::noinline]] void await_suspend(std::coroutine_handle<Promise> waiter) noexcept
        {
            state_->opening_.wait(loop_, waiter);
        }
        result await_resume() const noexcept
        {
            return begun_ ? state_->opening_.outcome() : begun_;
        }

      private:
        state *state_;
        struct hark_loop *loop_;
        result begun_;
    };

    class reads
    {
      public:
        explicit reads(state *own) noexcept : state_(own)
        {
        }
        bool await_ready() const noexcept
        {
            return !state_ || state_->held::over() || state_->ended_;
        }
        template <class Promise>
        [[gnu::noinline]] void await_suspend(std::coroutine_handle<Promise> waiter) noexcept
        {
            waited_ = true;
            state_->reading_.wait(state_->loop(), waiter);
            state_->read_start();
        }
        piece await_resume() const noexcept
        {
            if (!waited_)
                return {state_ && state_->ended_ ? state_->end_ : result(-EPIPE), {}};
            result outcome = state_->reading_.outcome();
            return outcome.count() ? state_->came_ : piece{outcome, {}};
        }

      private:
        state *state_;
        bool waited_ = false;
    };

    class writes
    {
      public:
        writes(state *own, view bytes) noexcept : state_(own), bytes_(bytes)
        {
        }
        bool await_ready() noexcept
        {
            if (!state_ || state_->held::over()) {
                outcome_ = -EPIPE;
                return true;
            }
            if (state_->writing_.waits())
                detail::broken("two coroutines write to a connection at the same time");
            state_->push_ = bytes_;
            if (!state_->push_some())
                return false;
            outcome_ = state_->push_outcome_;
            return true;
        }
        template <class Promise>
        [[gnu::noinline]] void await_suspend(std::coroutine_handle<Promise> waiter) noexcept
        {
            waited_ = true;
            state_->writing_.wait(state_->loop(), waiter);
        }
        result await_resume() const noexcept
        {
            return waited_ ? state_->writing_.outcome() : outcome_;
        }

      private:
        state *state_;
        view bytes_;
        result outcome_;
        bool waited_ = false;
    };

    class closes
    {
      public:
        closes(state *own, bool after_sending) noexcept : state_(own), after_sending_(after_sending)
        {
        }
        bool await_ready() const noexcept
        {
            return !state_ || state_->held::over();
        }
        template <class Promise>
        [[gnu::noinline]] void await_suspend(std::coroutine_handle<Promise> waiter) noexcept
        {
            state_->closing_.wait(state_->loop(), waiter, true);
            if (after_sending_)
                state_->close_after_sending();
            else
                state_->close();
        }
        void await_resume() const noexcept
        {
        }

      private:
        state *state_;
        bool after_sending_;
    };

  public:
    /* Waits for bytes, hark::piece, or the end. */
    reads read() noexcept
    {
        return reads(state_.get());
    }

    /* Queues a copy of all of it; and waits, once the queue is at the high mark of the options,
     * until it is at the low one.
     * Takes: bytes: as much as a read brings is copied before it waits; more than that has to stay
     *   as it is until the coroutine goes on.
     * Gives: 0, or why writing has failed. Cancelled, or past its deadline, a part may have been
     *   queued, and nothing can be written any more (-EPIPE). */
    writes write(view bytes) noexcept
    {
        return writes(state_.get(), bytes);
    }

    /* Half-close, once the queue is sent. */
    void end() noexcept
    {
        if (state_)
            state_->end();
    }

    /* Closes, and waits until that is done. After sending: hark_stream_close_after_sending;
     * cancelled, or past its deadline, it closes at once, and waits for that. */
    closes close() noexcept
    {
        return closes(state_.get(), false);
    }
    closes close_after_sending() noexcept
    {
        return closes(state_.get(), true);
    }

    /* The stream beneath, for hark_stream_fd, hark_tls_why and their like; NULL: never opened. */
    struct hark_stream *c() const noexcept
    {
        return state_ ? state_->c() : nullptr;
    }

  private:
    bool prepare() noexcept
    {
        if (!state_)
            state_ = make<state>();
        return static_cast<bool>(state_);
    }
    connecting opening(struct hark_loop *loop, result begun) noexcept
    {
        return connecting(state_.get(), loop, begun);
    }

    owned<state> state_;
};

} // namespace hark

#endif
