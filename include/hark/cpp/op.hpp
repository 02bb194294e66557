/* op.hpp - an op with its callback, and what owns such things.
 *
 * A callback is any callable, kept beside the op in one object: no type is erased and nothing is
 * allocated. That object stays where it is, as the loop has its address: it can be neither copied
 * nor moved. Owned by hark::owned it can be moved about and let go of at any time.
 */
#ifndef HARK_CPP_OP_HPP
#define HARK_CPP_OP_HPP

#include "request.hpp"

#include <new>

namespace hark
{

/* A member function as a callback: hark::op<hark::call<&session::received>> receive{this}. */
template <auto Method> struct call;
template <class Object, class... Arguments, void (Object::*Method)(Arguments...)>
struct call<Method> {
    Object *object;

    void operator()(Arguments... arguments) const
    {
        (object->*Method)(static_cast<Arguments &&>(arguments)...);
    }
};
template <class Object, class... Arguments, void (Object::*Method)(Arguments...) noexcept>
struct call<Method> {
    Object *object;

    void operator()(Arguments... arguments) const noexcept
    {
        (object->*Method)(static_cast<Arguments &&>(arguments)...);
    }
};

/* One request at a time, and whom it calls: callback(result), or callback(op, result), which an op
 * that repeats wants. With Kind look-ups and whole files: hark::op<F, hark::kinds::lookup>.
 *
 * Inside its final call the op may be started again, ended, and its owner destroyed. A callback
 * must not throw: that ends the program.
 *
 * To destroy an op that is in flight is a bug of the program, as with the library's own, and is
 * asserted: it is cancelled first and its final call awaited, which hark::owned does. */
template <class Callback, class Kind = kinds::one> class op : private Kind::storage
{
  public:
    using kind = Kind;

    template <class... Arguments,
              class = std::enable_if_t<std::is_constructible_v<Callback, Arguments...> ||
                                       std::is_aggregate_v<Callback>>>
    explicit op(Arguments &&...arguments) noexcept
        : callback_{static_cast<Arguments &&>(arguments)...}
    {
    }
    op(const op &) = delete;
    op &operator=(const op &) = delete;
    ~op()
    {
        if (active())
            detail::broken("an op was destroyed while it was in flight");
    }

    /* Starts a request on it.
     * Takes: an op that is not in flight; a request of its kind. */
    template <class Other, class Start> void start(request<Other, Start> what) noexcept
    {
        static_assert(std::is_base_of_v<kinds::one, Other> || std::is_same_v<Kind, Other>,
                      "this request is of another kind than the op");
        static_assert(std::is_same_v<typename Kind::storage, typename Other::storage>,
                      "this request is of another kind than the op");
        what.begin(*this, &Other::template told<op>);
    }

    bool active() const noexcept
    {
        return hark_op_active(c());
    }
    /* Whether more calls follow: inside the callback. */
    bool more() const noexcept
    {
        return hark_op_more(c());
    }
    void cancel() noexcept
    {
        hark_cancel(c());
    }
    void deadline(time_point when) noexcept
    {
        hark_op_deadline(c(), detail::count_of(when));
    }
    /* Puts a timer off, hark_sleep_move. */
    result move(time_point when) noexcept
    {
        return hark_sleep_move(c(), detail::count_of(when));
    }
    int fd() const noexcept
    {
        return hark_op_fd(c());
    }
    /* The loop that it was started on last. */
    struct hark_loop *loop() const noexcept
    {
        return c()->loop;
    }
    /* What a hark::recv_each has brought: valid until the callback returns. */
    view bytes(result came) const noexcept
    {
        return {came.count() ? hark_op_buffer(c()) : nullptr, came.count()};
    }

    Callback &callback() noexcept
    {
        return callback_;
    }

    /* The library's op. */
    struct hark_op *c() noexcept
    {
        return Kind::op_of(*this);
    }
    const struct hark_op *c() const noexcept
    {
        return Kind::op_of(const_cast<op &>(*this));
    }

    /* For hark::owned: whether nothing comes any more; to ask for the end; and whom to tell. */
    bool over() const noexcept
    {
        return !active();
    }
    void give_up() noexcept
    {
        cancel();
    }
    void let_go(void (*dispose)(op *)) noexcept
    {
        dispose_ = dispose;
    }

  private:
    friend Kind;
    friend kinds::one; /* whose `told` it is called by */
    friend kinds::first;

    void ended(typename Kind::outcome outcome) noexcept
    {
        /* Only who has let go of it before the call has left it to itself: else it may be gone
         * behind the call, or is in flight. */
        void (*dispose)(op *) = dispose_;
        if constexpr (std::is_invocable_v<Callback &, op &, typename Kind::outcome>)
            callback_(*this, static_cast<typename Kind::outcome &&>(outcome));
        else
            callback_(static_cast<typename Kind::outcome &&>(outcome));
        if (dispose && !active())
            dispose(this);
    }

    void (*dispose_)(op *) = nullptr;
    Callback callback_;
};

template <class Callback> explicit op(Callback) -> op<Callback>;

/* The owner of a thing that the library may be busy with: an op, a stream, a listener. Move-only,
 * one pointer. Where it ends the thing is told to end too, and its memory goes when it has ended:
 * after its last callback, or at once if nothing is under way. What its callbacks refer to must
 * live until then: until hark_run has returned 0, or the loop has ended. */
template <class Thing> class owned
{
  public:
    owned() noexcept = default;
    explicit owned(Thing *thing) noexcept : thing_(thing)
    {
    }
    owned(owned &&other) noexcept : thing_(std::exchange(other.thing_, nullptr))
    {
    }
    owned &operator=(owned &&other) noexcept
    {
        if (this != &other) {
            reset();
            thing_ = std::exchange(other.thing_, nullptr);
        }
        return *this;
    }
    ~owned()
    {
        reset();
    }

    /* Ends it. */
    void reset() noexcept
    {
        Thing *thing = std::exchange(thing_, nullptr);
        if (!thing || thing->over()) {
            delete thing;
        } else {
            thing->let_go(dispose);
            thing->give_up();
        }
    }

    /* Lets go of it without ending it: it goes by itself once it has ended. */
    void detach() noexcept
    {
        Thing *thing = std::exchange(thing_, nullptr);
        if (!thing || thing->over())
            delete thing;
        else
            thing->let_go(dispose);
    }

    Thing *get() const noexcept
    {
        return thing_;
    }
    Thing *operator->() const noexcept
    {
        return thing_;
    }
    Thing &operator*() const noexcept
    {
        return *thing_;
    }
    explicit operator bool() const noexcept
    {
        return thing_ != nullptr;
    }

  private:
    template <class Base> static void dispose(Base *base) noexcept
    {
        delete static_cast<Thing *>(base);
    }

    Thing *thing_ = nullptr;
};

/* A new thing and its owner; an empty one where there is no memory. */
template <class Thing, class... Arguments> owned<Thing> make(Arguments &&...arguments)
{
    return owned<Thing>(new (std::nothrow) Thing(static_cast<Arguments &&>(arguments)...));
}

/* An op with this callback: auto timer = hark::make_op([](hark::result) { ... }). */
template <class Kind = kinds::one, class Callback>
owned<op<Callback, Kind>> make_op(Callback callback)
{
    return make<op<Callback, Kind>>(static_cast<Callback &&>(callback));
}

} // namespace hark

#endif
