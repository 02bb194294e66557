/* repeating.hpp - C++20: requests that repeat, for coroutines: co_await each of their results.
 *
 *     hark::task<> serve(struct hark_loop *loop, int listening)
 *     {
 *         hark::tasks sessions(loop);
 *         hark::accepts incoming(loop, listening);
 *         while (hark::result came = co_await incoming.next())
 *             (void)sessions.start(session(loop, came.fd()));
 *         ...
 *     }
 *
 * The op is started by the first next() and stays in flight from one to the other, so a coroutine
 * that comes back in time costs no further request. What comes while nobody waits is not lost, and
 * is bounded:
 *
 *   accepts, recvs, packets   one result is kept ahead, then the op is cancelled, and started again
 *                             once that was taken: the kernel holds back what still comes. What it
 *                             has handed over before the cancel reached it is kept, too, as a copy:
 *                             on uring at most what the pool of buffers holds. Without memory for
 *                             that the rest is given up, and -ENOMEM comes behind what was kept.
 *   ticks                     the periods are added up.
 *   signals                   arrivals are merged into one, as the kernel does.
 *   polls                     nothing is kept: what holds still is told by the next next().
 *
 * A final result, an error or the end, is given once, behind all that came before it. next() after
 * it starts the op anew: for an -EMFILE that will pass, for a socket that was told that a datagram
 * did not arrive.
 *
 * A next() may have a deadline, .within(5s) and .by(when), past which it gives -ETIMEDOUT, and
 * gives -ECANCELED where its task is cancelled: neither ends the op, and nothing is lost by it.
 *
 * Each is move-only, one allocation when it is made; where there is no memory, next() gives
 * -ENOMEM. Where it ends, what was kept is given back (connections are closed, buffers returned),
 * the op is cancelled, and its memory goes with the final call: that may be at any time, but while
 * another coroutine waits for it, which is a bug of the program, and is asserted. It is to end
 * before its descriptor is closed: a number that comes again is another file.
 */
#ifndef HARK_CPP_REPEATING_HPP
#define HARK_CPP_REPEATING_HPP

#include "event_wait.hpp"
#include "lent.hpp"

namespace hark
{

namespace detail
{

/* What becomes of results for which nobody waits. */
enum class spare {
    kept,    /* one of them; the op rests meanwhile */
    merged,  /* with the one that is there already */
    dropped, /* the op rests, and tells it again */
};

/* What sets the kinds apart. `of` makes an outcome of a call that is not the final one.
 * Takes: copied: it is to hold nothing of the loop's.
 * Gives: false: no memory for that. */
struct rule {
    using outcome = result;
    static bool of(struct hark_op *, int64_t value, bool, outcome &out_outcome) noexcept
    {
        out_outcome = value;
        return true;
    }
    static outcome last(int64_t value) noexcept
    {
        return value;
    }
    static void merge(outcome &, int64_t) noexcept
    {
    }
    static void drop(struct hark_loop *, const outcome &) noexcept
    {
    }
};

struct accept_rule : rule {
    static constexpr spare spares = spare::kept;
    static void drop(struct hark_loop *loop, const outcome &connection) noexcept
    {
        (void)hark_os_close(loop, connection.fd());
    }
    void start(struct hark_loop *loop, struct hark_op *op, hark_done *done) const noexcept
    {
        hark_accept_each(loop, op, fd, done);
    }
    int fd;
};

struct tick_rule : rule {
    static constexpr spare spares = spare::merged;
    static void merge(outcome &before, int64_t value) noexcept
    {
        before = before.value() + value;
    }
    void start(struct hark_loop *loop, struct hark_op *op, hark_done *done) const noexcept
    {
        hark_every(loop, op, period_ns, done);
    }
    uint64_t period_ns;
};

struct signal_rule : rule {
    static constexpr spare spares = spare::merged;
    void start(struct hark_loop *loop, struct hark_op *op, hark_done *done) const noexcept
    {
        hark_signal_each(loop, op, number, done);
    }
    int number;
};

struct poll_rule : rule {
    static constexpr spare spares = spare::dropped;
    void start(struct hark_loop *loop, struct hark_op *op, hark_done *done) const noexcept
    {
        hark_poll_each(loop, op, fd, events, done);
    }
    int fd;
    uint32_t events;
};

struct recv_rule : rule {
    using outcome = lent;
    static constexpr spare spares = spare::kept;
    static bool of(struct hark_op *op, int64_t value, bool copied, lent &out_lent) noexcept
    {
        out_lent.count_ = value;
        out_lent.cut_ = hark_op_cut(op);
        out_lent.came_ = true;
        return copied ? out_lent.loan_.copy(op, result(value).count()) : out_lent.loan_.keep(op);
    }
    static lent last(int64_t value) noexcept
    {
        lent end;
        end.count_ = value;
        return end;
    }
    static void drop(struct hark_loop *, const lent &) noexcept
    {
    }
    void start(struct hark_loop *loop, struct hark_op *op, hark_done *done) const noexcept
    {
        hark_recv_each(loop, op, fd, done);
    }
    int fd;
};

struct packet_rule : rule {
    using outcome = packet;
    static constexpr spare spares = spare::kept;
    static bool of(struct hark_op *op, int64_t value, bool copied, packet &out_packet) noexcept
    {
        const struct hark_packet *came = hark_op_packet(op);
        const char *bytes = static_cast<const char *>(hark_packet_bytes(came));
        const char *end = bytes + hark_packet_count(came);
        const void *begin = came;
        out_packet.count_ = value;
        return copied ? out_packet.loan_.copy(
                            op, static_cast<size_t>(end - static_cast<const char *>(begin)))
                      : out_packet.loan_.keep(op);
    }
    static packet last(int64_t value) noexcept
    {
        packet end;
        end.count_ = value;
        return end;
    }
    static void drop(struct hark_loop *, const packet &) noexcept
    {
    }
    void start(struct hark_loop *loop, struct hark_op *op, hark_done *done) const noexcept
    {
        hark_recvmsg_each(loop, op, fd, control_room, done);
    }
    int fd;
    size_t control_room;
};

/* The op, and what has come of it; on the heap. */
template <class Rule> class repeating_state : public lasting<repeating_state<Rule>>
{
  public:
    using outcome = typename Rule::outcome;
    static constexpr int64_t nothing = -ENOMEM;

    repeating_state(struct hark_loop *loop, const Rule &rule) noexcept : loop_(loop), rule_(rule)
    {
    }
    ~repeating_state()
    {
        forget();
    }

    /* --- for hark::owned --- */

    bool over() const noexcept
    {
        return this->idle() && !hark_op_active(&op_) && !wait_.active();
    }
    void give_up() noexcept
    {
        forget();
        hark_cancel(&op_);
    }

    /* --- for its handle --- */

    bool ready() const noexcept
    {
        return ahead_ || end_;
    }
    outcome take() noexcept
    {
        std::optional<outcome> &from = ahead_ ? ahead_ : end_;
        outcome taken = static_cast<outcome &&>(*from);
        from.reset();
        if (copy *next = copies_; next && !ahead_) {
            ahead_.emplace(static_cast<outcome &&>(next->what));
            copies_ = next->next;
            delete next;
        }
        return taken;
    }
    /* What waits for the next one wants it to come. */
    void want() noexcept
    {
        if (!hark_op_active(&op_))
            rule_.start(loop_, &op_, called);
    }

    struct hark_loop *loop() const noexcept
    {
        return loop_;
    }
    static outcome last(int64_t value) noexcept
    {
        return Rule::last(value);
    }

    event_wait<repeating_state> wait_{*this, [](repeating_state &) noexcept {}};

    struct hark_op *c() noexcept
    {
        return &op_;
    }

  private:
    struct op_of_state : hark_op {
        explicit op_of_state(repeating_state *object) noexcept : hark_op(), owner(object)
        {
        }
        repeating_state *owner;
    };
    struct copy {
        copy *next = nullptr;
        outcome what;
    };

    [[gnu::noinline]] static void called(struct hark_op *op, int64_t value) noexcept
    {
        repeating_state &own = *static_cast<op_of_state *>(op)->owner;
        typename repeating_state::inside turn(own);
        if (!hark_op_more(op))
            own.ended(value);
        else if (own.has_been_let_go() || own.lost_)
            Rule::drop(own.loop_, Rule::last(value));
        else
            own.came(value);
    }

    void came(int64_t value) noexcept
    {
        if (wait_.waits()) {
            (void)Rule::of(&op_, value, false, ahead_.emplace());
            wait_.happened(0);
            return;
        }
        if constexpr (Rule::spares == spare::merged) {
            if (ahead_)
                Rule::merge(*ahead_, value);
            else
                ahead_.emplace(Rule::last(value));
        } else {
            if (Rule::spares == spare::kept && !keep(value))
                lose(value);
            if (!std::exchange(rests_, true))
                hark_cancel(&op_);
        }
    }

    bool keep(int64_t value) noexcept
    {
        if (!ahead_)
            return Rule::of(&op_, value, false, ahead_.emplace());
        copy *made = new (std::nothrow) copy;
        if (!made || !Rule::of(&op_, value, true, made->what)) {
            delete made;
            return false;
        }
        copy **end = &copies_;
        while (*end)
            end = &(*end)->next;
        *end = made;
        return true;
    }
    /* There was no memory for it: nothing behind it is taken. */
    void lose(int64_t value) noexcept
    {
        lost_ = true;
        Rule::drop(loop_, Rule::last(value));
    }

    void ended(int64_t value) noexcept
    {
        bool rested = std::exchange(rests_, false);
        if (this->has_been_let_go())
            return;
        if (std::exchange(lost_, false)) {
            value = -ENOMEM;
        } else if (rested && value == -ECANCELED) {
            if (wait_.waits())
                want();
            return;
        }
        end_.emplace(Rule::last(value));
        wait_.happened(0);
    }

    void forget() noexcept
    {
        if (wait_.waits())
            broken("what repeats was destroyed while a coroutine waits for it");
        while (ahead_)
            Rule::drop(loop_, take());
        end_.reset();
    }

    struct hark_loop *loop_;
    Rule rule_;
    op_of_state op_{this};
    std::optional<outcome> ahead_; /* what comes next */
    copy *copies_ = nullptr;       /* and behind that */
    std::optional<outcome> end_;   /* and behind that */
    bool rests_ = false;           /* it was cancelled because nobody waits */
    bool lost_ = false;
};

/* What the kinds have in common. */
template <class Rule> class repeating
{
  public:
    /* Waits for the next one. */
    next_of<repeating_state<Rule>> next() noexcept
    {
        return next_of<repeating_state<Rule>>(state_.get());
    }

    /* Whether there is one: there was memory for it, and it was not moved from. */
    explicit operator bool() const noexcept
    {
        return static_cast<bool>(state_);
    }

    /* The library's op, for hark_sleep_move and its like; NULL: there is none. */
    struct hark_op *c() const noexcept
    {
        return state_ ? state_->c() : nullptr;
    }

  protected:
    repeating(struct hark_loop *loop, const Rule &rule) noexcept
        : state_(make<repeating_state<Rule>>(loop, rule))
    {
    }

  private:
    owned<repeating_state<Rule>> state_;
};

} // namespace detail

/* Connections, hark_accept_each: result::fd() is the caller's to close. */
class accepts : public detail::repeating<detail::accept_rule>
{
  public:
    accepts(struct hark_loop *loop, int fd) noexcept : repeating(loop, {{}, fd})
    {
    }
};

/* Pieces of a connection, or datagrams, as hark::lent, hark_recv_each. */
class recvs : public detail::repeating<detail::recv_rule>
{
  public:
    recvs(struct hark_loop *loop, int fd) noexcept : repeating(loop, {{}, fd})
    {
    }
};

/* Messages, as hark::packet, hark_recvmsg_each. */
class packets : public detail::repeating<detail::packet_rule>
{
  public:
    packets(struct hark_loop *loop, int fd, size_t control_room = 0) noexcept
        : repeating(loop, {{}, fd, control_room})
    {
    }
};

/* Events of a descriptor, as enum hark_poll_events, hark_poll_each. */
class polls : public detail::repeating<detail::poll_rule>
{
  public:
    polls(struct hark_loop *loop, int fd, uint32_t events) noexcept
        : repeating(loop, {{}, fd, events})
    {
    }
};

/* Periods, hark_every: how many have passed since the last next(). The first next() begins them. */
class ticks : public detail::repeating<detail::tick_rule>
{
  public:
    ticks(struct hark_loop *loop, nanoseconds period) noexcept
        : repeating(loop, {{}, detail::count_of(period)})
    {
    }
};

/* Arrivals of a signal, hark_signal_each. Before the first next() the signal does what it does
 * without. */
class signals : public detail::repeating<detail::signal_rule>
{
  public:
    signals(struct hark_loop *loop, int number) noexcept : repeating(loop, {{}, number})
    {
    }
};

} // namespace hark

#endif
