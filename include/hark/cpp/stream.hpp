/* stream.hpp - streams, listeners, datagram sockets and watches, whose events are member functions.
 *
 *     struct session : hark::stream<session> {
 *         void received(hark::view bytes, hark::result count) { ... }
 *     };
 *
 * An event is a member function of the class that is derived, by the name and the arguments that it
 * has here; what that class has not is done as it stands here. No function is virtual. They must
 * not throw: that ends the program.
 *
 * Such an object stays where it is, and may be destroyed only while it is not open: before it was
 * opened, after its opening has failed, in `closed` or later. Anything else is a bug of the program
 * and is asserted. hark::owned keeps to that by itself, and can be moved.
 */
#ifndef HARK_CPP_STREAM_HPP
#define HARK_CPP_STREAM_HPP

#include "op.hpp"

namespace hark
{

namespace detail
{

/* What such objects have in common: whether the library has them, and whom to tell at the end. */
template <class Base> class held
{
  public:
    held() noexcept = default;
    held(const held &) = delete;
    held &operator=(const held &) = delete;

    /* For hark::owned. */
    bool over() const noexcept
    {
        return !open_;
    }
    void let_go(void (*dispose)(Base *)) noexcept
    {
        dispose_ = dispose;
    }

  protected:
    ~held()
    {
        if (open_)
            broken("a stream, listener, datagram socket or watch was destroyed while it was open");
    }
    result opened(int error) noexcept
    {
        open_ = error >= 0;
        return error;
    }
    void may_open() const noexcept
    {
        if (open_)
            broken("a stream, listener, datagram socket or watch was opened that is open");
    }
    /* It has closed: after `tell` the object may be gone. */
    template <class Tell> void over_now(Base *base, Tell tell) noexcept
    {
        void (*dispose)(Base *) = dispose_;
        open_ = false;
        tell();
        if (dispose)
            dispose(base);
    }

  private:
    bool open_ = false;
    void (*dispose_)(Base *) = nullptr;
};

} // namespace detail

/* hark/stream.h. */
template <class Self> class stream : public detail::held<stream<Self>>
{
  public:
    /* --- what it tells: to be replaced by functions of Self --- */

    /* The connection stands, or does not: then only closing is left. */
    void connected(result outcome)
    {
        if (!outcome)
            self().failed(outcome);
    }
    /* Bytes have come, valid until it returns; none and 0: the peer has ended its side; an error:
     * nothing more is read. */
    void received(view, result)
    {
    }
    void drained()
    {
    }
    /* Writing has failed. */
    void failed(result)
    {
        close();
    }
    void gone(result)
    {
    }
    /* Last of all. The object may delete itself, unless a hark::owned has let go of it. */
    void closed()
    {
    }
    void detached(int fd)
    {
        (void)hark_os_close(loop(), fd);
    }

    /* --- what can be done with it --- */

    void open(struct hark_loop *loop, int fd, const hark_stream_options *options = nullptr) noexcept
    {
        this->may_open();
        hark_stream_open(loop, c(), fd, options, &events);
        (void)this->opened(0);
    }
    result open_pair(struct hark_loop *loop, int in, int out,
                     const hark_stream_options *options = nullptr) noexcept
    {
        this->may_open();
        return this->opened(hark_stream_open_pair(loop, c(), in, out, options, &events));
    }
    result connect(struct hark_loop *loop, const hark_address &address,
                   const hark_stream_options *options = nullptr) noexcept
    {
        this->may_open();
        return this->opened(hark_stream_connect(loop, c(), &address, options, &events));
    }
    result connect_name(struct hark_loop *loop, const hark_stream_name &name,
                        const hark_stream_options *options = nullptr) noexcept
    {
        this->may_open();
        return this->opened(hark_stream_connect_name(loop, c(), &name, options, &events));
    }
    /* In any other way: opens(stream, events) gives 0 or an error, as hark_stream_open_tls. */
    template <class Opens> result open_with(Opens opens) noexcept
    {
        this->may_open();
        return this->opened(opens(c(), &events));
    }

    void read_start() noexcept
    {
        hark_stream_read_start(c());
    }
    void read_stop() noexcept
    {
        hark_stream_read_stop(c());
    }
    void read_into(buffer bytes) noexcept
    {
        hark_stream_read_into(c(), bytes.data(), bytes.size());
    }
    /* Copies. Gives: 1: wait for `drained`. */
    result write(view bytes) noexcept
    {
        return hark_stream_write(c(), bytes.data(), bytes.size());
    }
    result write_block(hark_stream_block &block) noexcept
    {
        return hark_stream_write_block(c(), &block);
    }
    size_t queued() const noexcept
    {
        return hark_stream_queued(c());
    }
    void trim() noexcept
    {
        hark_stream_trim(c());
    }
    void write_timeout(nanoseconds timeout) noexcept
    {
        hark_stream_write_timeout(c(), detail::count_of(timeout));
    }
    void watch() noexcept
    {
        hark_stream_watch(c());
    }
    void end() noexcept
    {
        hark_stream_end(c());
    }
    void close() noexcept
    {
        hark_stream_close(c());
    }
    void close_after_sending() noexcept
    {
        hark_stream_close_after_sending(c());
    }
    result detach() noexcept
    {
        return hark_stream_detach(c());
    }
    int fd() const noexcept
    {
        return hark_stream_fd(c());
    }
    struct hark_loop *loop() const noexcept
    {
        return c_.loop;
    }
    struct hark_stream *c() noexcept
    {
        return &c_;
    }
    const struct hark_stream *c() const noexcept
    {
        return &c_;
    }

    /* For hark::owned. */
    void give_up() noexcept
    {
        close();
    }

  private:
    struct inner : hark_stream {
        explicit inner(stream *object) noexcept : hark_stream(), owner(object)
        {
        }
        stream *owner;
    };

    Self &self() noexcept
    {
        return static_cast<Self &>(*this);
    }
    static stream &of(struct hark_stream *c) noexcept
    {
        return *static_cast<inner *>(c)->owner;
    }

    static constexpr hark_stream_events events = {
        [](struct hark_stream *s, int error) noexcept { of(s).self().connected(error); },
        [](struct hark_stream *s, const void *bytes, int64_t count) noexcept {
            of(s).self().received(view(bytes, result(count).count()), count);
        },
        [](struct hark_stream *s) noexcept { of(s).self().drained(); },
        [](struct hark_stream *s, int error) noexcept { of(s).self().failed(error); },
        [](struct hark_stream *s, int error) noexcept { of(s).self().gone(error); },
        [](struct hark_stream *s) noexcept {
            stream &own = of(s);
            own.over_now(&own, [&own] { own.self().closed(); });
        },
        [](struct hark_stream *s, int fd) noexcept {
            stream &own = of(s);
            own.over_now(&own, [&own, fd] { own.self().detached(fd); });
        },
    };

    inner c_{this};
};

/* hark/listener.h. */
template <class Self> class listener : public detail::held<listener<Self>>
{
  public:
    /* --- what it tells: Self has `void accepted(int fd)`, and may have the others --- */

    void failed(result)
    {
    }
    void closed()
    {
    }

    /* --- what can be done with it --- */

    result open(struct hark_loop *loop, const hark_address &address, int backlog = 0,
                unsigned flags = 0) noexcept
    {
        this->may_open();
        return this->opened(hark_listener_open(loop, c(), &address, backlog, flags, &events));
    }
    result adopt(struct hark_loop *loop, int fd) noexcept
    {
        this->may_open();
        return this->opened(hark_listener_adopt(loop, c(), fd, &events));
    }
    /* Where it listens. */
    result address(hark_address &out_address) noexcept
    {
        return hark_listener_address(c(), &out_address);
    }
    void close() noexcept
    {
        hark_listener_close(c());
    }
    struct hark_loop *loop() const noexcept
    {
        return c_.loop;
    }
    struct hark_listener *c() noexcept
    {
        return &c_;
    }
    const struct hark_listener *c() const noexcept
    {
        return &c_;
    }
    void give_up() noexcept
    {
        close();
    }

  private:
    struct inner : hark_listener {
        explicit inner(listener *object) noexcept : hark_listener(), owner(object)
        {
        }
        listener *owner;
    };

    Self &self() noexcept
    {
        return static_cast<Self &>(*this);
    }
    static listener &of(struct hark_listener *c) noexcept
    {
        return *static_cast<inner *>(c)->owner;
    }

    static constexpr hark_listener_events events = {
        [](struct hark_listener *l, int fd) noexcept { of(l).self().accepted(fd); },
        [](struct hark_listener *l, int error) noexcept { of(l).self().failed(error); },
        [](struct hark_listener *l) noexcept {
            listener &own = of(l);
            own.over_now(&own, [&own] { own.self().closed(); });
        },
    };

    inner c_{this};
};

/* hark/datagram.h. */
template <class Self> class datagram : public detail::held<datagram<Self>>
{
  public:
    /* --- what it tells: to be replaced by functions of Self --- */

    void received(const hark_datagram_received &)
    {
    }
    void ended(result)
    {
    }
    void failed(const hark_datagram_error &)
    {
    }
    void drained()
    {
    }
    void closed()
    {
    }
    void detached(int fd)
    {
        (void)hark_os_close(loop(), fd);
    }

    /* --- what can be done with it --- */

    result open(struct hark_loop *loop, int fd,
                const hark_datagram_options *options = nullptr) noexcept
    {
        this->may_open();
        return this->opened(hark_datagram_open(loop, c(), fd, options, &events));
    }
    result bind(struct hark_loop *loop, const hark_address &local,
                const hark_datagram_options *options = nullptr) noexcept
    {
        this->may_open();
        return this->opened(hark_datagram_bind(loop, c(), &local, options, &events));
    }
    result connect(struct hark_loop *loop, const hark_address &peer,
                   const hark_address *local = nullptr,
                   const hark_datagram_options *options = nullptr) noexcept
    {
        this->may_open();
        return this->opened(hark_datagram_connect(loop, c(), local, &peer, options, &events));
    }
    void receive_start() noexcept
    {
        hark_datagram_receive_start(c());
    }
    void receive_stop() noexcept
    {
        hark_datagram_receive_stop(c());
    }
    result send(view bytes, const hark_datagram_way *how = nullptr) noexcept
    {
        return hark_datagram_send(c(), bytes.data(), bytes.size(), how);
    }
    void close() noexcept
    {
        hark_datagram_close(c());
    }
    int fd() const noexcept
    {
        return hark_datagram_fd(c());
    }
    struct hark_loop *loop() const noexcept
    {
        return c_.loop;
    }
    struct hark_datagram *c() noexcept
    {
        return &c_;
    }
    const struct hark_datagram *c() const noexcept
    {
        return &c_;
    }
    void give_up() noexcept
    {
        close();
    }

  private:
    struct inner : hark_datagram {
        explicit inner(datagram *object) noexcept : hark_datagram(), owner(object)
        {
        }
        datagram *owner;
    };

    Self &self() noexcept
    {
        return static_cast<Self &>(*this);
    }
    static datagram &of(struct hark_datagram *c) noexcept
    {
        return *static_cast<inner *>(c)->owner;
    }

    static constexpr hark_datagram_events events = {
        [](struct hark_datagram *d, const hark_datagram_received *came) noexcept {
            of(d).self().received(*came);
        },
        [](struct hark_datagram *d, int error) noexcept { of(d).self().ended(error); },
        [](struct hark_datagram *d, const hark_datagram_error *error) noexcept {
            of(d).self().failed(*error);
        },
        [](struct hark_datagram *d) noexcept { of(d).self().drained(); },
        [](struct hark_datagram *d) noexcept {
            datagram &own = of(d);
            own.over_now(&own, [&own] { own.self().closed(); });
        },
        [](struct hark_datagram *d, int fd) noexcept {
            datagram &own = of(d);
            own.over_now(&own, [&own, fd] { own.self().detached(fd); });
        },
    };

    inner c_{this};
};

/* hark/watch.h. */
template <class Self> class watch : public detail::held<watch<Self>>
{
  public:
    /* --- what it tells: Self has `void told(const hark_watch_event &)`, and may have this --- */

    void closed(result)
    {
    }

    /* --- what can be done with it --- */

    result open(struct hark_loop *loop, const char *path,
                const hark_watch_options *options = nullptr) noexcept
    {
        this->may_open();
        return this->opened(hark_watch_open(loop, c(), path, options, &events));
    }
    void look_again() noexcept
    {
        hark_watch_look_again(c());
    }
    void close() noexcept
    {
        hark_watch_close(c());
    }
    struct hark_loop *loop() const noexcept
    {
        return c_.loop;
    }
    struct hark_watch *c() noexcept
    {
        return &c_;
    }
    void give_up() noexcept
    {
        close();
    }

  private:
    struct inner : hark_watch {
        explicit inner(watch *object) noexcept : hark_watch(), owner(object)
        {
        }
        watch *owner;
    };

    Self &self() noexcept
    {
        return static_cast<Self &>(*this);
    }
    static watch &of(struct hark_watch *c) noexcept
    {
        return *static_cast<inner *>(c)->owner;
    }

    static constexpr hark_watch_events events = {
        [](struct hark_watch *w, const hark_watch_event *event) noexcept {
            of(w).self().told(*event);
        },
        [](struct hark_watch *w, int error) noexcept {
            watch &own = of(w);
            own.over_now(&own, [&own, error] { own.self().closed(error); });
        },
    };

    inner c_{this};
};

} // namespace hark

#endif
