/* tls.hpp - TLS over streams (hark/tls.h) for C++. Not part of hark.hpp, as it needs libhark-tls.
 *
 *     hark::tls own;
 *     hark_tls_error why;
 *     if (!own.create(options, &why))
 *         std::puts(why.text);
 *     hark::connection peer;                                               (C++20)
 *     if (!co_await hark::open_tls(peer, loop, fd, own))
 *         std::puts(hark_tls_why(peer.c()));
 *
 * What a handshake has agreed on is asked for as in C, of stream.c() or connection.c().
 */
#ifndef HARK_CPP_TLS_HPP
#define HARK_CPP_TLS_HPP

#include "../../hark.hpp"
#include "../tls.h"

namespace hark
{

/* Certificates, whom to trust, and rules: a struct hark_tls and its owner. Move-only; empty at
 * first, and after it was moved from. Streams that are open keep what they need of it. */
class tls
{
  public:
    tls() noexcept = default;
    tls(tls &&other) noexcept : tls_(std::exchange(other.tls_, nullptr))
    {
    }
    tls &operator=(tls &&other) noexcept
    {
        if (this != &other) {
            end();
            tls_ = std::exchange(other.tls_, nullptr);
        }
        return *this;
    }
    ~tls()
    {
        end();
    }

    /* hark_tls_create.
     * Takes: an empty one. Thread: any. */
    result create(const hark_tls_options &options, hark_tls_error *out_error = nullptr) noexcept
    {
        if (tls_)
            detail::broken("a hark::tls was created that had been created already");
        return hark_tls_create(&options, &tls_, out_error);
    }

    /* hark_tls_replace: handshakes that begin from here on go by `fresh`, which is used up; where
     * it fails, it is not. */
    result replace(tls &&fresh) noexcept
    {
        result outcome = hark_tls_replace(tls_, fresh.tls_);
        if (outcome)
            fresh.tls_ = nullptr;
        return outcome;
    }

    void end() noexcept
    {
        hark_tls_destroy(std::exchange(tls_, nullptr));
    }

    operator struct hark_tls *() const noexcept
    {
        return tls_;
    }
    struct hark_tls *get() const noexcept
    {
        return tls_;
    }
    explicit operator bool() const noexcept
    {
        return tls_ != nullptr;
    }

  private:
    struct hark_tls *tls_ = nullptr;
};

/* What a reload has come to, and if it failed why in words. */
struct [[nodiscard]] reloaded {
    result error;
    hark_tls_error why;

    explicit operator bool() const noexcept
    {
        return static_cast<bool>(error);
    }
};

namespace kinds
{

struct tls_reload : around<hark_tls_reload, void(struct hark_tls_reload *, int)> {
    using outcome = reloaded;
    static outcome failed(int error) noexcept
    {
        return {error, {}};
    }
    template <class Holder> static void told(struct hark_tls_reload *own, int error) noexcept
    {
        reloaded outcome{error, own->error};
        static_cast<Holder &>(*static_cast<storage *>(own)).ended(outcome);
    }
};

} // namespace kinds

/* hark_tls_reload_start, as hark::reloaded: an op of kinds::tls_reload, or co_await. It neither has
 * a deadline nor can be cancelled once it is computed.
 * Takes: options and all that they point to stay as they are until it has ended. */
inline auto reload_tls(struct hark_loop *loop, struct hark_tls *own,
                       const hark_tls_options &options) noexcept
{
    return detail::make_request<kinds::tls_reload>(
        loop, [=, from = &options](kinds::tls_reload::storage &storage,
                                   void (*done)(struct hark_tls_reload *, int)) {
            hark_tls_reload_start(loop, &storage, own, from, done);
        });
}

/* hark_stream_open_tls and hark_stream_connect_tls, of a class derived from hark::stream. Where the
 * first fails, fd is the caller's still. */
template <class Self>
result open_tls(stream<Self> &to, struct hark_loop *loop, int fd, struct hark_tls *own,
                const char *server_name = nullptr,
                const hark_stream_options *options = nullptr) noexcept
{
    return to.open_with([=](struct hark_stream *c, const hark_stream_events *events) {
        return hark_stream_open_tls(loop, c, fd, own, server_name, options, events);
    });
}
template <class Self>
result connect_tls(stream<Self> &to, struct hark_loop *loop, const hark_stream_name &name,
                   struct hark_tls *own, const char *server_name = nullptr,
                   const hark_stream_options *options = nullptr) noexcept
{
    return to.open_with([=, &name](struct hark_stream *c, const hark_stream_events *events) {
        return hark_stream_connect_tls(loop, c, &name, own, server_name, options, events);
    });
}

#ifdef HARK_COROUTINES

/* The same of a hark::connection: to be awaited until the handshake has ended.
 * Gives: 0, or the error, after which hark_tls_why(connection.c()) has words for it until it is
 *   closed. */
inline auto open_tls(connection &to, struct hark_loop *loop, int fd, struct hark_tls *own,
                     const char *server_name = nullptr,
                     const hark_stream_options *options = nullptr) noexcept
{
    return to.connect_with(
        loop,
        [=](struct hark_stream *c, const hark_stream_options *with,
            const hark_stream_events *events) {
            return hark_stream_open_tls(loop, c, fd, own, server_name, with, events);
        },
        options);
}
inline auto connect_tls(connection &to, struct hark_loop *loop, const hark_stream_name &name,
                        struct hark_tls *own, const char *server_name = nullptr,
                        const hark_stream_options *options = nullptr) noexcept
{
    return to.connect_with(
        loop,
        [=, &name](struct hark_stream *c, const hark_stream_options *with,
                   const hark_stream_events *events) {
            return hark_stream_connect_tls(loop, c, &name, own, server_name, with, events);
        },
        options);
}

#endif

} // namespace hark

#endif
