/* coroutine.hpp - C++20: coroutines that wait for requests, and what they are made of.
 *
 *     hark::task<> greet(struct hark_loop *loop, int fd)
 *     {
 *         co_await hark::send_all(loop, fd, "hello\n"sv).within(5s);
 *         co_await hark::close(loop, fd);
 *     }
 *
 * A task runs when it is awaited by another, or started: hark::start(loop, greet(loop, fd)). From
 * then on its frame is its own: it goes when the coroutine has come to its end, and at no other
 * time. So the op, the bytes and whatever else a request has in the frame live until its final
 * call, and nobody can take them away while it is under way. To end one early is to cancel it: what
 * it waits for ends with -ECANCELED, and so does whatever it waits for later; it goes on from there
 * to its own end, and its destructors run. To destroy a hark::job, the handle of what was started,
 * is to cancel it, and to let go of it.
 *
 * Everything here belongs to the loop's thread. A coroutine goes on inside of hark_run alone, never
 * from within a start, a cancel or the end of a handle.
 */
#ifndef HARK_CPP_COROUTINE_HPP
#define HARK_CPP_COROUTINE_HPP

#include "op.hpp"

#include <coroutine>
#include <exception>
#include <new>
#include <optional>

namespace hark
{

template <class Value> class task;
template <class Value> class job;
class tasks;

namespace detail
{

template <bool TheFirst, class... Values> class together_await;

/* What a coroutine waits for, as its chain sees it. */
class waiting
{
  public:
    void (*cancel)(waiting *own) noexcept = nullptr;
};

/* Tasks that wait for each other, from the one that was started to the one that waits for a
 * request: one thing at a time happens in it. */
struct chain {
    struct hark_loop *loop = nullptr;
    waiting *at = nullptr; /* NULL: it runs */
    bool cancelled = false;

    void cancel() noexcept
    {
        cancelled = true;
        if (at)
            at->cancel(at);
    }
};

/* A coroutine waits until another is over. It goes on by an op of its own, in a later callback: who
 * ends a task, or starts one, is not kept by those that waited for that. The op is a timer where
 * there is a deadline, past which the others are cancelled, and waited for. */
class gate : public waiting
{
  public:
    gate() noexcept = default;
    gate(const gate &) = delete;
    gate &operator=(const gate &) = delete;
    ~gate()
    {
        if (hark_op_active(&inner_))
            broken("a coroutine was destroyed while it waited for others");
    }
    void wait(struct hark_loop *loop, chain *own, uint64_t deadline_ns,
              std::coroutine_handle<> waiter) noexcept
    {
        loop_ = loop;
        chain_ = own;
        waiter_ = waiter;
        if (chain_)
            chain_->at = this;
        if (deadline_ns != HARK_NEVER)
            hark_sleep_until(loop_, &inner_, deadline_ns, rings);
    }
    void open() noexcept
    {
        open_ = true;
        if (hark_op_active(&inner_))
            hark_cancel(&inner_);
        else
            hark_defer(loop_, &inner_, rings);
    }

  private:
    struct op_of_gate : hark_op {
        explicit op_of_gate(gate *object) noexcept : hark_op(), owner(object)
        {
        }
        gate *owner;
    };

    [[gnu::noinline]] static void rings(struct hark_op *op, int64_t) noexcept
    {
        gate *own = static_cast<op_of_gate *>(op)->owner;
        if (!own->open_) {
            own->cancel(own);
            return;
        }
        if (own->chain_)
            own->chain_->at = nullptr;
        own->waiter_.resume();
    }

    op_of_gate inner_{this};
    struct hark_loop *loop_ = nullptr;
    chain *chain_ = nullptr;
    std::coroutine_handle<> waiter_;
    bool open_ = false;
};

/* What every task's promise has. */
class promise_base
{
  public:
    std::suspend_always initial_suspend() noexcept
    {
        return {};
    }
    void unhandled_exception() noexcept
    {
        error = std::current_exception();
    }

    /* Without exceptions there may still be no memory: then there is no frame and the task is
     * empty. */
    static void *operator new(size_t size, const std::nothrow_t &) noexcept
    {
        return std::malloc(size);
    }
    static void *operator new(size_t size) noexcept
    {
        return std::malloc(size);
    }
    static void operator delete(void *memory) noexcept
    {
        std::free(memory);
    }

    struct last {
        bool await_ready() noexcept
        {
            return false;
        }
        template <class Promise>
        [[gnu::noinline]] void await_suspend(std::coroutine_handle<Promise> ended) noexcept
        {
            promise_base &own = ended.promise();
            if (own.root_ended)
                own.root_ended(own);
            else if (!own.entering)
                own.continuation.resume();
        }
        void await_resume() noexcept
        {
        }
    };
    last final_suspend() noexcept
    {
        return {};
    }

    chain *chain_of() const noexcept
    {
        return line;
    }

    chain *line = nullptr; /* what it belongs to, once it runs */
    uint64_t deadline_ns = HARK_NEVER;
    uint64_t within_ns = HARK_NEVER;
    std::coroutine_handle<> continuation; /* who waits for it */
    std::exception_ptr error;
    bool entering = false; /* its first steps, made inside of the co_await for it */
    bool running = false;  /* of one that was started: not at its end yet */
    bool let_go = false;   /* no handle has it */
    chain own_line;        /* of one that was started */
    void (*root_ended)(promise_base &own) noexcept = nullptr;
    void (*destroy)(promise_base &own) noexcept = nullptr;
    tasks *among = nullptr;
    promise_base *next = nullptr, *before = nullptr;
    gate *awaited = nullptr;

  protected:
    ~promise_base() = default;
};

template <class Promise> promise_base *promise_of(std::coroutine_handle<Promise> handle) noexcept
{
    if constexpr (std::is_base_of_v<promise_base, Promise>)
        return &handle.promise();
    else
        return nullptr; /* another library's coroutine */
}

template <class Value> class promise : public promise_base
{
  public:
    task<Value> get_return_object() noexcept;
    static task<Value> get_return_object_on_allocation_failure() noexcept;
    template <class Given> void return_value(Given &&given)
    {
        value.emplace(static_cast<Given &&>(given));
    }
    Value take()
    {
        if (error)
            std::rethrow_exception(error);
        return static_cast<Value &&>(*value);
    }

  private:
    std::optional<Value> value;
};

template <> class promise<void> : public promise_base
{
  public:
    task<void> get_return_object() noexcept;
    static task<void> get_return_object_on_allocation_failure() noexcept;
    void return_void() noexcept
    {
    }
    void take()
    {
        if (error)
            std::rethrow_exception(error);
    }
};

} // namespace detail

/* Waits for a request: what co_await makes of one. Part of the coroutine's frame. */
template <class Kind, class Start> class op_await : private Kind::storage, private detail::waiting
{
  public:
    using outcome = typename Kind::outcome;

    explicit op_await(request<Kind, Start> &&what) noexcept
        : what_(static_cast<request<Kind, Start> &&>(what))
    {
        static_assert(!Kind::repeats, "a request that repeats has more than one outcome: start it "
                                      "on a hark::op");
    }
    op_await(const op_await &) = delete;
    op_await &operator=(const op_await &) = delete;
    ~op_await()
    {
        if (hark_op_active(Kind::op_of(*this)))
            detail::broken("a coroutine was destroyed while a request of it was in flight");
    }

    bool await_ready() const noexcept
    {
        return false;
    }
    template <class Promise>
    [[gnu::noinline]] void await_suspend(std::coroutine_handle<Promise> waiter) noexcept
    {
        detail::promise_base *promise = detail::promise_of(waiter);
        waiter_ = waiter;
        cancel = cancels;
        if (promise && promise->line) {
            chain_ = promise->line;
            chain_->at = this;
            if (!what_.shielded_ && promise->deadline_ns < what_.deadline_ns_)
                what_.deadline_ns_ = promise->deadline_ns;
        }
        if (chain_ && chain_->cancelled && !what_.shielded_ && !Kind::always)
            hark_defer(what_.loop_, Kind::op_of(*this), refused);
        else
            what_.begin(*this, &Kind::template told<op_await>);
    }
    outcome await_resume() noexcept
    {
        return static_cast<outcome &&>(outcome_);
    }

  private:
    friend Kind;
    friend kinds::one;
    friend kinds::first;

    static void cancels(detail::waiting *own) noexcept
    {
        op_await &await = static_cast<op_await &>(*own);
        if (!Kind::always && !await.what_.shielded_)
            hark_cancel(Kind::op_of(await));
    }
    /* It was cancelled before it waited for this: nothing was asked for. */
    static void refused(struct hark_op *op, int64_t) noexcept
    {
        static_cast<op_await &>(Kind::storage_of(op)).ended(Kind::failed(-ECANCELED));
    }
    [[gnu::noinline]] void ended(outcome given) noexcept
    {
        outcome_ = static_cast<outcome &&>(given);
        if (chain_)
            chain_->at = nullptr;
        waiter_.resume();
    }

    request<Kind, Start> what_;
    std::coroutine_handle<> waiter_;
    detail::chain *chain_ = nullptr;
    outcome outcome_{};
};

template <class Kind, class Start>
op_await<Kind, Start> operator co_await(request<Kind, Start> &&what) noexcept
{
    return op_await<Kind, Start>(static_cast<request<Kind, Start> &&>(what));
}

/* A coroutine that has not begun: it does when it is awaited, once, or started. Destroyed before,
 * it never runs. Empty, where there was no memory for its frame: to await an empty one ends the
 * program, to start it gives a job with -ENOMEM.
 *
 * Its arguments that are references or pointers must live as long as it runs. */
template <class Value = void> class [[nodiscard]] task
{
  public:
    using promise_type = detail::promise<Value>;

    task() noexcept = default;
    task(task &&other) noexcept : handle_(std::exchange(other.handle_, nullptr))
    {
    }
    task &operator=(task &&other) noexcept
    {
        if (this != &other) {
            if (handle_)
                handle_.destroy();
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }
    ~task()
    {
        if (handle_)
            handle_.destroy();
    }

    explicit operator bool() const noexcept
    {
        return static_cast<bool>(handle_);
    }

    /* Past that time every request that it waits for, and those of the tasks that it awaits, ends
     * with -ETIMEDOUT. The earlier deadline counts. */
    task by(time_point when) &&noexcept
    {
        if (handle_)
            handle_.promise().deadline_ns = detail::count_of(when);
        return static_cast<task &&>(*this);
    }
    /* The same, counted from the turn in which it begins. */
    task within(nanoseconds duration) &&noexcept
    {
        if (handle_)
            handle_.promise().within_ns = detail::count_of(duration);
        return static_cast<task &&>(*this);
    }

    class awaiter
    {
      public:
        explicit awaiter(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle)
        {
            if (!handle)
                detail::broken("a task was awaited that is empty: no memory, or moved from");
        }
        bool await_ready() const noexcept
        {
            return false;
        }
        /* The task's first steps are made here. Where they lead to its end the other one has not
         * waited at all, so a loop over such tasks takes no stack. */
        template <class Promise>
        [[gnu::noinline]] bool await_suspend(std::coroutine_handle<Promise> waiter) noexcept
        {
            promise_type &own = handle_.promise();
            detail::promise_base *outer = detail::promise_of(waiter);
            own.continuation = waiter;
            if (outer && outer->line) {
                own.line = outer->line;
                own.deadline_ns =
                    own.deadline_ns < outer->deadline_ns ? own.deadline_ns : outer->deadline_ns;
            }
            start_within(own);
            own.entering = true;
            handle_.resume();
            own.entering = false;
            return !handle_.done();
        }
        Value await_resume()
        {
            return handle_.promise().take();
        }

      private:
        std::coroutine_handle<promise_type> handle_;
    };

    awaiter operator co_await() &&noexcept
    {
        return awaiter(handle_);
    }

  private:
    friend promise_type;
    friend class tasks;
    template <class> friend class job;
    template <bool, class...> friend class detail::together_await;

    explicit task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle)
    {
    }

    static void start_within(promise_type &own) noexcept
    {
        if (own.within_ns == HARK_NEVER)
            return;
        if (!own.line)
            detail::broken("a task with a time limit is awaited by a coroutine that is none of "
                           "hark's: use by()");
        uint64_t at_ns = detail::later(hark_now(own.line->loop), own.within_ns);
        own.deadline_ns = own.deadline_ns < at_ns ? own.deadline_ns : at_ns;
    }

    /* Begins it as the root of a chain. */
    static std::coroutine_handle<promise_type> begin(
        struct hark_loop *loop, task &&what, tasks *among,
        void (*ended)(detail::promise_base &own) noexcept) noexcept
    {
        std::coroutine_handle<promise_type> handle = std::exchange(what.handle_, nullptr);
        promise_type &own = handle.promise();
        own.own_line.loop = loop;
        own.line = &own.own_line;
        own.running = true;
        own.among = among;
        own.root_ended = ended;
        own.destroy = [](detail::promise_base &base) noexcept {
            std::coroutine_handle<promise_type>::from_promise(static_cast<promise_type &>(base))
                .destroy();
        };
        start_within(own);
        return handle;
    }

    std::coroutine_handle<promise_type> handle_;
};

} // namespace hark

#endif
