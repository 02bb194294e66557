/* job.hpp - C++20: tasks that were started: their handles, and many of them together. */
#ifndef HARK_CPP_JOB_HPP
#define HARK_CPP_JOB_HPP

#include "coroutine.hpp"

namespace hark
{

namespace detail
{

template <class Value> task<Value> promise<Value>::get_return_object() noexcept
{
    return task<Value>(std::coroutine_handle<promise>::from_promise(*this));
}
template <class Value>
task<Value> promise<Value>::get_return_object_on_allocation_failure() noexcept
{
    return {};
}
inline task<void> promise<void>::get_return_object() noexcept
{
    return task<void>(std::coroutine_handle<promise>::from_promise(*this));
}
inline task<void> promise<void>::get_return_object_on_allocation_failure() noexcept
{
    return {};
}

/* An exception that nobody can be told of. */
inline void nobody_catches(promise_base &own) noexcept
{
    if (own.error)
        std::terminate();
}

} // namespace detail

/* The handle of a task that was started. Move-only. Where it ends the task is cancelled, and let go
 * of: it goes on to its own end, and its frame goes with that. */
template <class Value = void> class [[nodiscard]] job
{
  public:
    job() noexcept = default;
    job(job &&other) noexcept : handle_(std::exchange(other.handle_, nullptr))
    {
    }
    job &operator=(job &&other) noexcept
    {
        if (this != &other) {
            end();
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }
    ~job()
    {
        end();
    }

    /* Whether there is one: not where there was no memory for the task, nor after detach. */
    explicit operator bool() const noexcept
    {
        return static_cast<bool>(handle_);
    }

    /* Whether it has come to its end. */
    bool done() const noexcept
    {
        return !handle_ || !handle_.promise().running;
    }

    /* What it waits for, and will wait for, ends with -ECANCELED: but a close, and what is
     * shielded. Called again, or where it is done: nothing happens. */
    void cancel() noexcept
    {
        if (!done())
            handle_.promise().own_line.cancel();
    }

    /* Lets go of it without cancelling it. */
    void detach() noexcept
    {
        if (handle_ && handle_.promise().awaited)
            detail::broken("a job was let go of while it is awaited");
        std::coroutine_handle<detail::promise<Value>> handle = std::exchange(handle_, nullptr);
        if (handle && handle.promise().running)
            handle.promise().let_go = true;
        else if (handle)
            handle.destroy();
    }

    /* What it has given, once: where it is done. */
    Value get()
    {
        if (!handle_ || !done())
            detail::broken("a job was asked for what it gives before it was done");
        return handle_.promise().take();
    }

    /* Waits for it, once. Cancelled, or past its deadline, the one that waits cancels the job, and
     * waits for it still. Meanwhile its handle may be moved, but neither end nor let go of it. */
    class awaiter : private detail::gate
    {
      public:
        explicit awaiter(std::coroutine_handle<detail::promise<Value>> handle) noexcept
            : handle_(handle)
        {
            if (!handle_)
                detail::broken("a job was awaited that is empty: no memory, moved from, or let go");
        }
        bool await_ready() const noexcept
        {
            return !handle_.promise().running;
        }
        template <class Promise> void await_suspend(std::coroutine_handle<Promise> waiter) noexcept
        {
            detail::promise_base *outer = detail::promise_of(waiter);
            detail::promise_base &own = handle_.promise();
            if (own.awaited)
                detail::broken("a job is awaited twice");
            own.awaited = this;
            cancel = [](detail::waiting *own_gate) noexcept {
                detail::promise_base &awaited = static_cast<awaiter *>(own_gate)->handle_.promise();
                if (awaited.running)
                    awaited.own_line.cancel();
            };
            wait(own.own_line.loop, outer ? outer->line : nullptr,
                 outer ? outer->deadline_ns : HARK_NEVER, waiter);
            if (outer && outer->line && outer->line->cancelled)
                own.own_line.cancel();
        }
        Value await_resume()
        {
            detail::promise<Value> &own = std::exchange(handle_, nullptr).promise();
            own.awaited = nullptr;
            return own.take();
        }
        awaiter(const awaiter &) = delete;
        awaiter &operator=(const awaiter &) = delete;
        ~awaiter()
        {
            if (handle_ && handle_.promise().awaited == this)
                detail::broken("a coroutine was destroyed while it waited for others");
        }

      private:
        std::coroutine_handle<detail::promise<Value>> handle_; /* NULL: it has gone on */
    };

    awaiter operator co_await() const noexcept
    {
        return awaiter(handle_);
    }

  private:
    template <class Other>
    friend job<Other> start(struct hark_loop *loop, task<Other> what) noexcept;

    void end() noexcept
    {
        if (handle_ && handle_.promise().awaited)
            detail::broken("the handle of a job was destroyed while the job is awaited");
        cancel();
        detach();
    }
    static void ended(detail::promise_base &own) noexcept
    {
        own.running = false;
        if (own.awaited)
            own.awaited->open();
        if (own.let_go) {
            detail::nobody_catches(own);
            own.destroy(own);
        }
    }
    static job begin(struct hark_loop *loop, task<Value> &&what) noexcept
    {
        job begun;
        if (what) {
            begun.handle_ =
                task<Value>::begin(loop, static_cast<task<Value> &&>(what), nullptr, ended);
            begun.handle_.resume();
        }
        return begun;
    }

    std::coroutine_handle<detail::promise<Value>> handle_;
};

/* Starts a task: it runs at once until it first waits.
 * Gives: its handle; one that is empty, where the task is. */
template <class Value> job<Value> start(struct hark_loop *loop, task<Value> what) noexcept
{
    return job<Value>::begin(loop, static_cast<task<Value> &&>(what));
}

/* Starts a task and runs the loop until it is done, whatever else is in flight.
 * Gives: what the task gives. That it waits for something that cannot come any more, because no op
 * is left in flight, is a bug of the program, and is asserted; so is a loop that cannot run. */
template <class Value> Value run(struct hark_loop *loop, task<Value> what)
{
    job<Value> begun = start(loop, static_cast<task<Value> &&>(what));
    while (begun && !begun.done())
        if (hark_run_once(loop) <= 0 && !begun.done())
            detail::broken("a task was run to its end that waits for nothing, or its loop cannot "
                           "run");
    return begun.get();
}

/* Any number of tasks that run beside each other, to be cancelled and awaited together: the
 * sessions of a server. What they give is thrown away. It has no memory of its own, and stays where
 * it is. To destroy it while one of them runs is a bug of the program, and is asserted: co_await
 * join() comes before. */
class tasks
{
  public:
    explicit tasks(struct hark_loop *loop) noexcept : loop_(loop)
    {
    }
    tasks(const tasks &) = delete;
    tasks &operator=(const tasks &) = delete;
    ~tasks()
    {
        if (first_)
            detail::broken("tasks were destroyed while one of them runs: join them");
    }

    /* Starts one more.
     * Fails: -ENOMEM the task is empty. */
    template <class Value> result start(task<Value> what) noexcept
    {
        if (!what)
            return -ENOMEM;
        auto handle = task<Value>::begin(loop_, static_cast<task<Value> &&>(what), this, ended);
        detail::promise_base &own = handle.promise();
        own.next = first_;
        if (first_)
            first_->before = &own;
        first_ = &own;
        count_++;
        handle.resume();
        return 0;
    }

    size_t size() const noexcept
    {
        return count_;
    }

    /* As job::cancel, of each that runs. */
    void cancel() noexcept
    {
        for (detail::promise_base *own = first_; own; own = own->next)
            own->own_line.cancel();
    }

    /* Waits until none runs. Cancelled, or past its deadline, the one that waits cancels them all,
     * and waits for them still. One can wait at a time. */
    class awaiter : private detail::gate
    {
      public:
        explicit awaiter(tasks &awaited) noexcept : tasks_(awaited)
        {
        }
        bool await_ready() const noexcept
        {
            return !tasks_.first_;
        }
        template <class Promise> void await_suspend(std::coroutine_handle<Promise> waiter) noexcept
        {
            detail::promise_base *outer = detail::promise_of(waiter);
            if (tasks_.awaited_)
                detail::broken("tasks are joined twice");
            tasks_.awaited_ = this;
            cancel = [](detail::waiting *own_gate) noexcept {
                static_cast<awaiter *>(own_gate)->tasks_.cancel();
            };
            wait(tasks_.loop_, outer ? outer->line : nullptr,
                 outer ? outer->deadline_ns : HARK_NEVER, waiter);
            if (outer && outer->line && outer->line->cancelled)
                tasks_.cancel();
        }
        void await_resume() noexcept
        {
        }

      private:
        friend class tasks;
        tasks &tasks_;
    };
    awaiter join() noexcept
    {
        return awaiter(*this);
    }

  private:
    static void ended(detail::promise_base &own) noexcept
    {
        tasks &all = *own.among;
        detail::nobody_catches(own);
        (own.before ? own.before->next : all.first_) = own.next;
        if (own.next)
            own.next->before = own.before;
        all.count_--;
        own.destroy(own);
        if (!all.first_ && all.awaited_)
            std::exchange(all.awaited_, nullptr)->open();
    }

    struct hark_loop *loop_;
    detail::promise_base *first_ = nullptr;
    size_t count_ = 0;
    detail::gate *awaited_ = nullptr;
};

} // namespace hark

#endif
