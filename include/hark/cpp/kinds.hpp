/* kinds.hpp - how each kind of request is kept in memory, and told of. Private, but for what
 * look-ups and whole files give.
 *
 * A kind has: storage, the library's struct, zeroed; done, the type of its callback; op_of and
 * storage_of, from the storage to its op and back; told<Holder>, a callback that finds the Holder,
 * which has the storage as its base, and calls its `ended` with an `outcome`; `always`, whether it
 * can neither be cancelled nor limited; `repeats`, whether there are calls before the final one.
 */
#ifndef HARK_CPP_KINDS_HPP
#define HARK_CPP_KINDS_HPP

#include "base.hpp"

#include <cerrno>
#include <optional>

namespace hark
{

namespace detail
{

struct freed {
    void operator()(void *memory) const noexcept
    {
        std::free(memory);
    }
};

/* What malloc gave, with how many there are: move-only. */
template <class Element> class list
{
  public:
    list() noexcept = default;
    list(Element *elements, size_t count) noexcept
        : elements_(elements), count_(elements ? count : 0)
    {
    }
    list(list &&other) noexcept
        : elements_(std::exchange(other.elements_, nullptr)), count_(std::exchange(other.count_, 0))
    {
    }
    list &operator=(list &&other) noexcept
    {
        if (this != &other) {
            std::free(elements_);
            elements_ = std::exchange(other.elements_, nullptr);
            count_ = std::exchange(other.count_, 0);
        }
        return *this;
    }
    ~list()
    {
        std::free(elements_);
    }
    const Element *data() const noexcept
    {
        return elements_;
    }
    size_t size() const noexcept
    {
        return count_;
    }
    const Element *begin() const noexcept
    {
        return elements_;
    }
    const Element *end() const noexcept
    {
        return elements_ ? elements_ + count_ : nullptr;
    }
    const Element &operator[](size_t index) const noexcept
    {
        return elements_[index];
    }

  private:
    Element *elements_ = nullptr;
    size_t count_ = 0;
};

} // namespace detail

/* What a look-up has come to: `error` is 0, a negative errno or enum hark_lookup_error. */
struct [[nodiscard]] found {
    result error;
    detail::list<hark_address> addresses;

    explicit operator bool() const noexcept
    {
        return static_cast<bool>(error);
    }
};

/* A whole file. */
struct [[nodiscard]] content {
    result error;
    detail::list<char> bytes;

    explicit operator bool() const noexcept
    {
        return static_cast<bool>(error);
    }
    std::string_view text() const noexcept
    {
        return {bytes.data() ? bytes.data() : "", bytes.size()};
    }
};

namespace kinds
{

/* An op with one call, and what the others have in common with it. */
struct one {
    using outcome = result;
    using done = hark_done;
    static constexpr bool always = false;
    static constexpr bool repeats = false;

    struct storage : hark_op {
        storage() noexcept : hark_op()
        {
        }
        int64_t first = 0; /* of kinds::first: what came */
    };
    static struct hark_op *op_of(storage &storage) noexcept
    {
        return &storage;
    }
    static storage &storage_of(struct hark_op *op) noexcept
    {
        return *static_cast<storage *>(op);
    }
    static outcome failed(int error) noexcept
    {
        return error;
    }
    template <class Holder> static void told(struct hark_op *op, int64_t value) noexcept
    {
        static_cast<Holder &>(storage_of(op)).ended(result(value));
    }
};

struct each : one {
    static constexpr bool repeats = true;
};

struct end : one {
    static constexpr bool always = true;
};

/* Started from any thread. */
struct posted : end {
};

/* The first call of one that repeats, which is then cancelled. */
struct first : one {
    template <class Holder> static void told(struct hark_op *op, int64_t value) noexcept
    {
        storage &own = storage_of(op);
        if (!hark_op_more(op)) {
            int64_t before = std::exchange(own.first, 0);
            static_cast<Holder &>(own).ended(result(before ? before : value));
        } else if (!own.first) {
            own.first = value;
            hark_cancel(op);
        }
    }
};

template <class Function> struct work : one {
    struct storage : one::storage {
        std::optional<Function> function;
    };
    static storage &storage_of(struct hark_op *op) noexcept
    {
        return static_cast<storage &>(one::storage_of(op));
    }
    static int64_t run(struct hark_op *op) noexcept
    {
        using given = decltype((*storage_of(op).function)());
        if constexpr (std::is_void_v<given>) {
            (*storage_of(op).function)();
            return 0;
        } else if constexpr (std::is_same_v<given, result>) {
            return (*storage_of(op).function)().value();
        } else if constexpr (std::is_same_v<given, int64_t>) {
            return (*storage_of(op).function)();
        } else {
            return static_cast<int64_t>((*storage_of(op).function)());
        }
    }
    template <class Holder> static void told(struct hark_op *op, int64_t value) noexcept
    {
        storage &own = storage_of(op);
        own.function.reset();
        static_cast<Holder &>(own).ended(result(value));
    }
};

/* A struct of the library's with an op in it, `op`. */
template <class Struct, class Done> struct around {
    using done = Done;
    static constexpr bool always = false;
    static constexpr bool repeats = false;

    struct storage : Struct {
        storage() noexcept : Struct()
        {
        }
    };
    static struct hark_op *op_of(storage &storage) noexcept
    {
        return &static_cast<Struct &>(storage).op;
    }
    static storage &storage_of(struct hark_op *op) noexcept
    {
        return *static_cast<storage *>(hark_container_of(op, Struct, op));
    }
};

struct lookup : around<hark_lookup, hark_lookup_done> {
    using outcome = found;
    static outcome failed(int error) noexcept
    {
        return {error, {}};
    }
    template <class Holder> static void told(struct hark_lookup *own, int error) noexcept
    {
        detail::list<hark_address> addresses(std::exchange(own->addresses, nullptr), own->count);
        static_cast<Holder &>(*static_cast<storage *>(own))
            .ended(found{error, std::move(addresses)});
    }
};

struct file_read : around<hark_file_read, hark_file_read_done> {
    using outcome = content;
    static outcome failed(int error) noexcept
    {
        return {error, {}};
    }
    template <class Holder> static void told(struct hark_file_read *own, int error) noexcept
    {
        detail::list<char> bytes(std::exchange(own->bytes, nullptr), own->count);
        static_cast<Holder &>(*static_cast<storage *>(own)).ended(content{error, std::move(bytes)});
    }
};

struct file_replace : around<hark_file_replace, hark_file_replace_done> {
    using outcome = result;
    static outcome failed(int error) noexcept
    {
        return error;
    }
    template <class Holder> static void told(struct hark_file_replace *own, int error) noexcept
    {
        static_cast<Holder &>(*static_cast<storage *>(own)).ended(result(error));
    }
};

} // namespace kinds

} // namespace hark

#endif
