/* together.hpp - C++20: several tasks at once: the first that ends, or all of them.
 *
 *     hark::winner<hark::result> first =
 *         co_await hark::first(ask(loop, one), ask(loop, other)).within(2s);
 *     auto [text, length] = co_await hark::all(read(loop, path), measure(loop, path));
 *
 * The tasks begin when they are awaited, in their order, and run beside each other; all have ended
 * when the one that waits goes on: nothing is left behind. So those that lose are cancelled, and
 * waited for. That one is cancelled cancels them; its deadline is theirs, too. Nothing is allocated
 * but their own frames.
 *
 * An exception ends a task as anything else does. The winner's, or if it has thrown none the first
 * loser's, goes on in the one that waits; with hark::all the others are cancelled before.
 *
 * They are awaited in a hark::task. A task that is empty ends the program, as where it is awaited
 * alone: if (task) tells.
 */
#ifndef HARK_CPP_TOGETHER_HPP
#define HARK_CPP_TOGETHER_HPP

#include "job.hpp"

#include <tuple>
#include <variant>

namespace hark
{

/* Of tasks that give the same: which was the first, by its place from 0, and what it has given. */
template <class Value> struct winner {
    size_t index;
    Value value;
};
template <> struct winner<void> {
    size_t index;
};

namespace detail
{

template <class Value>
using given = std::conditional_t<std::is_void_v<Value>, std::monostate, Value>;

template <class Value> given<Value> take_from(std::coroutine_handle<promise<Value>> ended)
{
    if constexpr (std::is_void_v<Value>) {
        ended.promise().take();
        return {};
    } else {
        return ended.promise().take();
    }
}

/* Tasks that run beside each other, while a coroutine waits until none does. */
class fellows : public gate
{
  protected:
    static constexpr size_t none = SIZE_MAX;

    fellows(promise_base **all, size_t count, bool the_first, uint64_t deadline_ns,
            uint64_t within_ns) noexcept
        : all_(all), count_(count), the_first_(the_first), deadline_ns_(deadline_ns),
          within_ns_(within_ns)
    {
    }
    ~fellows()
    {
        if (running_ > 0)
            broken("a coroutine was destroyed while it waited for others");
    }

    void prepare(promise_base *outer) noexcept
    {
        if (!outer || !outer->line)
            broken("hark::first and hark::all are awaited in a hark::task");
        line_ = outer->line;
        uint64_t at_ns =
            within_ns_ == HARK_NEVER ? HARK_NEVER : later(hark_now(line_->loop), within_ns_);
        deadline_ns_ = at_ns < deadline_ns_ ? at_ns : deadline_ns_;
        deadline_ns_ = outer->deadline_ns < deadline_ns_ ? outer->deadline_ns : deadline_ns_;
    }
    /* Whether it has been decided already: what has not begun does not. */
    bool decided() const noexcept
    {
        return thrown_ != none || (the_first_ && first_ != none);
    }
    void begun(size_t index, promise_base &own) noexcept
    {
        all_[index] = &own;
        running_++;
        own.awaited = this;
        own.deadline_ns = own.deadline_ns < deadline_ns_ ? own.deadline_ns : deadline_ns_;
        own.own_line.cancelled = line_->cancelled;
    }
    /* Gives: false: all of them have ended. */
    bool waits(std::coroutine_handle<> waiter) noexcept
    {
        beginning_ = false;
        if (running_ == 0)
            return false;
        cancel = [](waiting *own) noexcept { static_cast<fellows *>(own)->cancel_all(); };
        wait(line_->loop, line_, HARK_NEVER, waiter);
        if (decided())
            cancel_all();
        return true;
    }
    static void ended(promise_base &own) noexcept
    {
        static_cast<fellows *>(own.awaited)->one_ended(own);
    }
    void rethrow() const
    {
        size_t thrown = the_first_ && all_[first_]->error ? first_ : thrown_;
        if (thrown != none)
            std::rethrow_exception(all_[thrown]->error);
    }
    size_t first_ended() const noexcept
    {
        return first_;
    }
    struct hark_loop *loop() const noexcept
    {
        return line_->loop;
    }

  private:
    void one_ended(promise_base &own) noexcept
    {
        size_t index = 0;
        while (all_[index] != &own)
            index++;
        own.running = false;
        running_--;
        if (first_ == none)
            first_ = index;
        if (own.error && thrown_ == none)
            thrown_ = index;
        if (beginning_)
            return;
        if (running_ == 0)
            open();
        else if (decided())
            cancel_all();
    }
    void cancel_all() noexcept
    {
        for (size_t index = 0; index < count_; index++)
            if (all_[index] && all_[index]->running)
                all_[index]->own_line.cancel();
    }

    promise_base **all_;
    size_t count_;
    bool the_first_; /* the first to end ends the others; else the first to throw does */
    uint64_t deadline_ns_;
    uint64_t within_ns_;
    chain *line_ = nullptr; /* of the one that waits */
    size_t running_ = 0;
    size_t first_ = none;
    size_t thrown_ = none;
    bool beginning_ = true;
};

template <bool TheFirst, class... Values> class together_await : private fellows
{
  public:
    using tasks_of = std::tuple<task<Values>...>;

    together_await(tasks_of &&what, uint64_t deadline_ns, uint64_t within_ns) noexcept
        : fellows(promises_, sizeof...(Values), TheFirst, deadline_ns, within_ns),
          tasks_(static_cast<tasks_of &&>(what))
    {
    }
    ~together_await()
    {
        std::apply([](auto... each) { ((each ? each.destroy() : void()), ...); }, handles_);
    }

    bool await_ready() const noexcept
    {
        return false;
    }
    template <class Promise>
    [[gnu::noinline]] bool await_suspend(std::coroutine_handle<Promise> waiter) noexcept
    {
        prepare(promise_of(waiter));
        begin_all(std::index_sequence_for<Values...>());
        return waits(waiter);
    }
    auto await_resume()
    {
        rethrow();
        if constexpr (TheFirst)
            return first_of(std::index_sequence_for<Values...>());
        else
            return std::apply(
                [](auto... each) { return std::tuple<given<Values>...>{take_from(each)...}; },
                handles_);
    }

  private:
    template <size_t... Index> void begin_all(std::index_sequence<Index...>) noexcept
    {
        (begin_one<Index>(), ...);
    }
    template <size_t Index> void begin_one() noexcept
    {
        auto &what = std::get<Index>(tasks_);
        auto &handle = std::get<Index>(handles_);
        if (!what)
            broken("a task was awaited that is empty: no memory, or moved from");
        if (decided())
            return;
        handle =
            std::remove_reference_t<decltype(what)>::begin(loop(), std::move(what), nullptr, ended);
        begun(Index, handle.promise());
        handle.resume();
    }
    template <size_t... Index> auto first_of(std::index_sequence<Index...>)
    {
        using value = std::tuple_element_t<0, std::tuple<Values...>>;
        if constexpr ((std::is_same_v<Values, value> && ...)) {
            std::optional<given<value>> taken;
            ((Index == first_ended() ? (void)taken.emplace(take_from(std::get<Index>(handles_)))
                                     : void()),
             ...);
            if constexpr (std::is_void_v<value>)
                return winner<void>{first_ended()};
            else
                return winner<value>{first_ended(), static_cast<value &&>(*taken)};
        } else {
            using values = std::variant<given<Values>...>;
            std::optional<values> taken;
            ((Index == first_ended() ? (void)taken.emplace(std::in_place_index<Index>,
                                                           take_from(std::get<Index>(handles_)))
                                     : void()),
             ...);
            return static_cast<values &&>(*taken);
        }
    }

    tasks_of tasks_;
    std::tuple<std::coroutine_handle<promise<Values>>...> handles_;
    promise_base *promises_[sizeof...(Values)] = {};
};

} // namespace detail

/* What hark::first and hark::all give: to be awaited, once. */
template <bool TheFirst, class... Values> class [[nodiscard]] together
{
  public:
    explicit together(task<Values> &&...what) noexcept
        : tasks_(static_cast<task<Values> &&>(what)...)
    {
    }

    /* As those of a task, for all of them. */
    together by(time_point when) &&noexcept
    {
        deadline_ns_ = detail::count_of(when);
        return static_cast<together &&>(*this);
    }
    together within(nanoseconds duration) &&noexcept
    {
        within_ns_ = detail::count_of(duration);
        return static_cast<together &&>(*this);
    }

    detail::together_await<TheFirst, Values...> operator co_await() &&noexcept
    {
        return detail::together_await<TheFirst, Values...>(
            static_cast<std::tuple<task<Values>...> &&>(tasks_), deadline_ns_, within_ns_);
    }

  private:
    std::tuple<task<Values>...> tasks_;
    uint64_t deadline_ns_ = HARK_NEVER;
    uint64_t within_ns_ = HARK_NEVER;
};

/* Waits for the first that ends, however it ends; the others are cancelled, and what they give is
 * thrown away.
 * Gives: where all give the same, a hark::winner of that; else a std::variant, whose index() says
 * which it was, with std::monostate for nothing. */
template <class... Values> together<true, Values...> first(task<Values>... what) noexcept
{
    static_assert(sizeof...(Values) > 0, "the first of no task never comes");
    return together<true, Values...>(static_cast<task<Values> &&>(what)...);
}

/* Waits for all of them.
 * Gives: a std::tuple of what they give, with std::monostate for nothing. */
template <class... Values> together<false, Values...> all(task<Values>... what) noexcept
{
    static_assert(sizeof...(Values) > 0, "there is no task to wait for");
    return together<false, Values...>(static_cast<task<Values> &&>(what)...);
}

/* A task with a time limit, task::within: past it whatever it waits for ends with -ETIMEDOUT. */
template <class Value> task<Value> with_deadline(task<Value> what, nanoseconds duration) noexcept
{
    return static_cast<task<Value> &&>(what).within(duration);
}

} // namespace hark

#endif
