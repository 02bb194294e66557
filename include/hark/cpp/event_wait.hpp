/* event_wait.hpp - C++20: coroutines that wait for events of what lasts longer than their frames.
 * Private.
 *
 * A stream, or an op that repeats, tells of events whoever waits for them. So it stands on the heap
 * and belongs to a handle: where that ends, it goes once the library has no more use for it.
 */
#ifndef HARK_CPP_EVENT_WAIT_HPP
#define HARK_CPP_EVENT_WAIT_HPP

#include "coroutine.hpp"

namespace hark
{

namespace detail
{

/* The memory of a State, of which hark::owned has let go: it goes when State::over() is true, and
 * none of its callbacks runs. */
template <class State> class lasting
{
  public:
    lasting() noexcept = default;
    lasting(const lasting &) = delete;
    lasting &operator=(const lasting &) = delete;

    void let_go(void (*)(State *)) noexcept
    {
        let_go_ = true;
    }

    /* While a callback of it runs: its memory stays for that long. */
    class inside
    {
      public:
        explicit inside(State &own) noexcept : own_(own)
        {
            ++own_.lasting::inside_;
        }
        inside(const inside &) = delete;
        inside &operator=(const inside &) = delete;
        ~inside()
        {
            --own_.lasting::inside_;
            if (own_.lasting::let_go_ && own_.over())
                delete &own_;
        }

      private:
        State &own_;
    };

  protected:
    ~lasting() = default;
    bool idle() const noexcept
    {
        return inside_ == 0;
    }
    bool has_been_let_go() const noexcept
    {
        return let_go_;
    }

  private:
    unsigned inside_ = 0;
    bool let_go_ = false;
};

/* One that waits for an event, with a deadline or without, and can be cancelled. Its op is a timer,
 * and is in flight only for that; so it belongs to what lasts and not to the frame of the
 * coroutine, which goes on as soon as the event has come. */
template <class Owner> class event_wait : public waiting
{
  public:
    using action = void (*)(Owner &own) noexcept;

    /* stops: what is done where it is not waited for any longer. */
    event_wait(Owner &owner, action stops) noexcept : owner_(owner), stops_(stops)
    {
    }
    event_wait(const event_wait &) = delete;
    event_wait &operator=(const event_wait &) = delete;

    bool waits() const noexcept
    {
        return static_cast<bool>(waiter_);
    }
    bool active() const noexcept
    {
        return hark_op_active(&timer_);
    }
    result outcome() const noexcept
    {
        return outcome_;
    }

    /* Until that time, or the deadline of the task, at the latest. patient: it goes on waiting once
     * it was cancelled, as what it stops leads to its event. */
    template <class Promise>
    void wait(struct hark_loop *loop, std::coroutine_handle<Promise> waiter, bool patient = false,
              uint64_t deadline_ns = HARK_NEVER) noexcept
    {
        promise_base *promise = promise_of(waiter);
        if (waiter_)
            broken("two coroutines wait for the same event");
        loop_ = loop;
        waiter_ = waiter;
        patient_ = patient;
        cancelled_ = false;
        line_ = promise ? promise->line : nullptr;
        at_ns_ = promise && promise->deadline_ns < deadline_ns ? promise->deadline_ns : deadline_ns;
        cancel = [](waiting *own) noexcept { static_cast<event_wait *>(own)->cancels(); };
        if (line_)
            line_->at = this;
        if (line_ && line_->cancelled)
            cancels();
        else if (at_ns_ != HARK_NEVER)
            arm();
    }

    /* The event has come, in a callback of the loop's: the coroutine goes on. */
    void happened(result outcome) noexcept
    {
        if (!waiter_)
            return;
        outcome_ = outcome;
        if (line_)
            line_->at = nullptr;
        at_ns_ = HARK_NEVER;
        std::exchange(waiter_, nullptr).resume();
        if (at_ns_ == HARK_NEVER && active() && !disarming_) {
            disarming_ = true;
            hark_cancel(&timer_);
        }
    }

  private:
    struct op_of_wait : hark_op {
        explicit op_of_wait(event_wait *object) noexcept : hark_op(), owner(object)
        {
        }
        event_wait *owner;
    };

    void cancels() noexcept
    {
        cancelled_ = true;
        at_ns_ = 0;
        arm();
    }
    void arm() noexcept
    {
        if (!active())
            hark_sleep_until(loop_, &timer_, at_ns_, rang);
        else
            (void)hark_sleep_move(&timer_, at_ns_); /* if it has rung, `rings` looks again */
    }
    static void rang(struct hark_op *op, int64_t outcome) noexcept
    {
        event_wait *own = static_cast<op_of_wait *>(op)->owner;
        typename Owner::inside turn(own->owner_);
        own->rings(outcome);
    }
    void rings(int64_t outcome) noexcept
    {
        bool disarmed = std::exchange(disarming_, false);
        if (!waiter_)
            return;
        if (disarmed || (outcome == 0 && at_ns_ > hark_now(loop_))) {
            if (at_ns_ != HARK_NEVER)
                arm(); /* another wait has begun in the meantime */
            return;
        }
        at_ns_ = HARK_NEVER;
        stops_(owner_);
        if (!patient_)
            happened(outcome < 0 || cancelled_ ? -ECANCELED : -ETIMEDOUT);
    }

    Owner &owner_;
    action stops_;
    op_of_wait timer_{this};
    struct hark_loop *loop_ = nullptr;
    chain *line_ = nullptr;
    std::coroutine_handle<> waiter_;
    uint64_t at_ns_ = HARK_NEVER; /* when the one that waits does so no longer */
    result outcome_;
    bool cancelled_ = false;
    bool patient_ = false;
    bool disarming_ = false;
};

/* One wait for the next thing that a State brings, which is an Owner of its event_wait: `wait_`.
 * State has: ready(), whether there is one, or the end; take(), which gives it; want(), before it
 * is waited for; last(why), the outcome where there is none; `nothing`, why there is no State. */
template <class State> class [[nodiscard]] next_of
{
  public:
    explicit next_of(State *own) noexcept : state_(own)
    {
    }

    /* Past that time it gives -ETIMEDOUT; what is waited for goes on. */
    next_of by(time_point when) &&noexcept
    {
        deadline_ns_ = count_of(when);
        return *this;
    }
    /* The same, counted from the time of this turn. */
    next_of within(nanoseconds duration) &&noexcept
    {
        if (state_)
            deadline_ns_ = later(hark_now(state_->loop()), count_of(duration));
        return *this;
    }

    bool await_ready() const noexcept
    {
        return !state_;
    }
    template <class Promise>
    [[gnu::noinline]] bool await_suspend(std::coroutine_handle<Promise> waiter) noexcept
    {
        promise_base *promise = promise_of(waiter);
        bool cancelled = promise && promise->line && promise->line->cancelled;
        if (!cancelled && state_->ready())
            return false;
        waited_ = true;
        state_->wait_.wait(state_->loop(), waiter, false, deadline_ns_);
        if (!cancelled)
            state_->want();
        return true;
    }
    typename State::outcome await_resume() const noexcept
    {
        if (!state_)
            return State::last(State::nothing);
        if (waited_ && !state_->wait_.outcome())
            return State::last(state_->wait_.outcome().value());
        return state_->take();
    }

  private:
    State *state_;
    uint64_t deadline_ns_ = HARK_NEVER;
    bool waited_ = false;
};

} // namespace detail

} // namespace hark

#endif
