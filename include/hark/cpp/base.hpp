/* base.hpp - of the C++ side: results, bytes, times, and what only a bug of the program can cause.
 */
#ifndef HARK_CPP_BASE_HPP
#define HARK_CPP_BASE_HPP

#include "../../hark.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <type_traits>
#include <utility>

namespace hark
{

using nanoseconds = std::chrono::nanoseconds;
using clock = std::chrono::steady_clock; /* CLOCK_MONOTONIC, as hark_now */
using time_point = clock::time_point;

/* What an op, or a call, has come to: a count, a descriptor or 0; or a negative errno. */
class [[nodiscard]] result
{
  public:
    constexpr result() noexcept = default;
    constexpr result(int64_t value) noexcept : value_(value)
    {
    }

    /* Whether it went well. */
    constexpr explicit operator bool() const noexcept
    {
        return value_ >= 0;
    }

    constexpr int64_t value() const noexcept
    {
        return value_;
    }

    /* As what C++ counts with; 0 after an error. */
    constexpr size_t count() const noexcept
    {
        return value_ > 0 ? static_cast<size_t>(value_) : 0;
    }

    /* The descriptor that was given; -1 after an error. */
    constexpr int fd() const noexcept
    {
        return value_ >= 0 ? static_cast<int>(value_) : -1;
    }

    /* The negative errno; 0 where it went well. */
    constexpr int error() const noexcept
    {
        return value_ < 0 ? static_cast<int>(value_) : 0;
    }

    /* "ECONNRESET", and in words. */
    const char *name() const noexcept
    {
        return hark_error_name(error());
    }
    const char *text() const noexcept
    {
        return hark_error_text(error());
    }

    friend constexpr bool operator==(result one, result other) noexcept
    {
        return one.value_ == other.value_;
    }
    friend constexpr bool operator!=(result one, result other) noexcept
    {
        return one.value_ != other.value_;
    }

  private:
    int64_t value_ = 0;
};

namespace detail
{

/* What the library does too: one line that names the rule, and the end. In every build. */
[[noreturn]] inline void broken(const char *rule) noexcept
{
    std::fprintf(stderr, "hark: rule broken: %s\n", rule);
    std::abort();
}

/* A duration below zero is none. */
inline uint64_t count_of(nanoseconds duration) noexcept
{
    return duration.count() > 0 ? static_cast<uint64_t>(duration.count()) : 0;
}

inline uint64_t count_of(time_point when) noexcept
{
    return count_of(std::chrono::duration_cast<nanoseconds>(when.time_since_epoch()));
}

inline uint64_t later(uint64_t now_ns, uint64_t duration_ns) noexcept
{
    return duration_ns < HARK_NEVER - now_ns ? now_ns + duration_ns : HARK_NEVER;
}

template <class Container>
using elements = decltype(std::declval<Container &>().data() + std::declval<Container &>().size());

template <class Pointer>
constexpr bool holds_bytes =
    std::is_pointer_v<Pointer> &&std::is_trivially_copyable_v<std::remove_pointer_t<Pointer>>;

} // namespace detail

/* Bytes to be read into: an array, whatever has data() and size(), or a pointer and a count. They
 * stay where they are, and are not owned. */
class buffer
{
  public:
    constexpr buffer() noexcept = default;
    constexpr buffer(void *bytes, size_t count) noexcept : data_(bytes), size_(count)
    {
    }
    template <class Element, size_t Count,
              class = std::enable_if_t<detail::holds_bytes<Element *> && !std::is_const_v<Element>>>
    constexpr buffer(Element (&array)[Count]) noexcept : data_(array), size_(sizeof array)
    {
    }
    template <class Container, class Pointer = detail::elements<Container>,
              class = std::enable_if_t<detail::holds_bytes<Pointer> &&
                                       !std::is_const_v<std::remove_pointer_t<Pointer>>>>
    constexpr buffer(Container &&container) noexcept
        : data_(container.data()), size_(container.size() * sizeof *container.data())
    {
    }

    constexpr void *data() const noexcept
    {
        return data_;
    }
    constexpr size_t size() const noexcept
    {
        return size_;
    }

    /* The beginning of it, at most so much; and what is behind that. */
    buffer first(size_t count) const noexcept
    {
        return {data_, count < size_ ? count : size_};
    }
    buffer from(size_t count) const noexcept
    {
        count = count < size_ ? count : size_;
        return {static_cast<char *>(data_) + count, size_ - count};
    }

  private:
    void *data_ = nullptr;
    size_t size_ = 0;
};

/* Bytes to be read from, in the same way. A text in quotes says whether its last zero byte belongs
 * to it: "..."sv (std::string_view) has none. */
class view
{
  public:
    constexpr view() noexcept = default;
    constexpr view(const void *bytes, size_t count) noexcept : data_(bytes), size_(count)
    {
    }
    constexpr view(buffer bytes) noexcept : data_(bytes.data()), size_(bytes.size())
    {
    }
    template <size_t Count> view(const char (&text)[Count]) = delete;
    template <class Element, size_t Count,
              class = std::enable_if_t<detail::holds_bytes<Element *> &&
                                       !std::is_same_v<Element, const char>>>
    constexpr view(Element (&array)[Count]) noexcept : data_(array), size_(sizeof array)
    {
    }
    template <class Container, class Pointer = detail::elements<const Container>,
              class = std::enable_if_t<detail::holds_bytes<Pointer> &&
                                       !std::is_convertible_v<const Container &, buffer>>>
    constexpr view(const Container &container) noexcept
        : data_(container.data()), size_(container.size() * sizeof *container.data())
    {
    }

    constexpr const void *data() const noexcept
    {
        return data_;
    }
    constexpr size_t size() const noexcept
    {
        return size_;
    }
    std::string_view text() const noexcept
    {
        return {static_cast<const char *>(data_), size_};
    }

    view first(size_t count) const noexcept
    {
        return {data_, count < size_ ? count : size_};
    }
    view from(size_t count) const noexcept
    {
        count = count < size_ ? count : size_;
        return {static_cast<const char *>(data_) + count, size_ - count};
    }

  private:
    const void *data_ = nullptr;
    size_t size_ = 0;
};

} // namespace hark

#endif
