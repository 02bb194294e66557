/* lent.hpp - what hark::recvs and hark::packets bring, in buffers of the pool. Move-only.
 */
#ifndef HARK_CPP_LENT_HPP
#define HARK_CPP_LENT_HPP

#include "base.hpp"

#include <cstring>

namespace hark
{

namespace detail
{

struct recv_rule;
struct packet_rule;

/* Memory that a result is in: a buffer of the loop's pool, or a copy of one. */
class loan
{
  public:
    loan() noexcept = default;
    loan(loan &&other) noexcept
        : loop_(other.loop_), memory_(std::exchange(other.memory_, nullptr)), copy_(other.copy_)
    {
    }
    loan &operator=(loan &&other) noexcept
    {
        if (this != &other) {
            reset();
            loop_ = other.loop_;
            memory_ = std::exchange(other.memory_, nullptr);
            copy_ = other.copy_;
        }
        return *this;
    }
    ~loan()
    {
        reset();
    }

    /* Of an op inside its callback: keeps the buffer, or copies so many bytes of it.
     * Gives: false: no memory. */
    bool keep(struct hark_op *op) noexcept
    {
        loop_ = op->loop;
        memory_ = hark_buffer_keep(op);
        copy_ = false;
        return true;
    }
    bool copy(struct hark_op *op, size_t count) noexcept
    {
        copy_ = true;
        memory_ = std::malloc(count ? count : 1);
        if (memory_ && count)
            std::memcpy(memory_, hark_op_buffer(op), count);
        return memory_ != nullptr;
    }
    void reset() noexcept
    {
        void *memory = std::exchange(memory_, nullptr);
        if (copy_)
            std::free(memory);
        else if (memory)
            hark_buffer_return(loop_, memory);
    }
    void *memory() const noexcept
    {
        return memory_;
    }

  private:
    struct hark_loop *loop_ = nullptr;
    void *memory_ = nullptr;
    bool copy_ = false;
};

} // namespace detail

/* What a recvs has brought, in a buffer of the loop's pool: it goes back where this ends, or is
 * given another value. While the pool is empty nobody receives: whoever waits for long with one in
 * hand copies it, or has a pool that is large enough (hark_options.buffer_count): for each such
 * coroutine this one, and the one that is kept ahead. */
class [[nodiscard]] lent
{
  public:
    lent() noexcept = default;

    /* Whether something has come; a datagram may have no bytes. If not, count() is 0 at the end, or
     * why. */
    explicit operator bool() const noexcept
    {
        return came_;
    }
    result count() const noexcept
    {
        return count_;
    }
    view bytes() const noexcept
    {
        return {loan_.memory(), loan_.memory() ? count_.count() : 0};
    }
    /* It is the beginning of a datagram that was longer than the buffer. */
    bool cut() const noexcept
    {
        return cut_;
    }
    /* Gives the buffer back. */
    void reset() noexcept
    {
        loan_.reset();
    }

  private:
    friend struct detail::recv_rule;

    detail::loan loan_;
    result count_;
    bool came_ = false;
    bool cut_ = false;
};

/* What a packets has brought: a message with all that belongs to it, in the same way. */
class [[nodiscard]] packet
{
  public:
    packet() noexcept = default;

    explicit operator bool() const noexcept
    {
        return loan_.memory() != nullptr;
    }
    result count() const noexcept
    {
        return count_;
    }
    view bytes() const noexcept
    {
        return loan_.memory() ? view(hark_packet_bytes(c()), count_.count()) : view();
    }
    /* Who has sent it: empty, of the length 0, where that is not told. */
    hark_address from() const noexcept
    {
        hark_address address = {};
        const struct sockaddr *name = nullptr;
        if (loan_.memory())
            name = hark_packet_name(c(), &address.length);
        if (name)
            std::memcpy(&address.name, name, address.length);
        return address;
    }
    bool cut() const noexcept
    {
        return loan_.memory() && (hark_packet_flags(c()) & MSG_TRUNC) != 0;
    }
    void reset() noexcept
    {
        loan_.reset();
    }
    /* For hark_packet_control and its like; NULL: there is none. */
    const struct hark_packet *c() const noexcept
    {
        return static_cast<const struct hark_packet *>(loan_.memory());
    }

  private:
    friend struct detail::packet_rule;

    detail::loan loan_;
    result count_;
};

} // namespace hark

#endif
