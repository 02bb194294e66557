/* value.c - durations, sizes, numbers, backends, names of hosts and streams from text. Nothing is
 * guessed: a duration without a unit, a sign, a blank or a number that does not fit are
 * all refused. */
#include "options/value.h"

#include <stdbool.h>
#include <string.h>

#include "hark.h"

enum reading { READ, READ_NOTHING, READ_TOO_LARGE };

/* Reads digits. Gives: what follows them; NULL where there is none. *out_fits: whether the number
 * does. */
static const char *read_digits(const char *text, uint64_t *out_number, bool *out_fits)
{
    uint64_t number = 0;
    const char *at = text;
    *out_fits = true;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(number, 10U, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
            *out_fits = false;
    if (at == text)
        return NULL;
    *out_number = number;
    return at;
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* Reads digits and a unit of the table. */
static enum reading read_with_unit(const char *text, const struct unit *units, size_t count,
                                   uint64_t *out_number)
{
    uint64_t number;
    bool fits;
    const char *unit = read_digits(text, &number, &fits);
    if (!unit)
        return READ_NOTHING;
    if (number == 0 && fits && !*unit) {
        *out_number = 0;
        return READ;
    }
    for (size_t i = 0; i < count; i++)
        if (strcmp(unit, units[i].name) == 0)
            return !fits || __builtin_mul_overflow(number, units[i].factor, out_number)
                       ? READ_TOO_LARGE
                       : READ;
    return READ_NOTHING;
}

const char *value_duration(const char *text, uint64_t *out_ns)
{
    static const uint64_t second = 1000000000;
    const struct unit units[] = {
        {"ns", 1},          {"us", 1000},         {"ms", 1000000},       {"s", second},
        {"m", 60 * second}, {"h", 3600 * second}, {"d", 86400 * second},
    };
    switch (read_with_unit(text, units, sizeof units / sizeof *units, out_ns)) {
    case READ:
        return NULL;
    case READ_TOO_LARGE:
        return "is more than the longest time, 213503d";
    default:
        return "is not a duration such as 200ms, 5s, 10m, 12h or 7d";
    }
}

const char *value_bytes(const char *text, uint64_t *out_bytes)
{
    static const struct unit units[] = {
        {"", 1},          {"K", 1U << 10},   {"M", 1U << 20},   {"G", 1U << 30},
        {"T", 1LL << 40}, {"KiB", 1U << 10}, {"MiB", 1U << 20}, {"GiB", 1U << 30},
    };
    switch (read_with_unit(text, units, sizeof units / sizeof *units, out_bytes)) {
    case READ:
        return NULL;
    case READ_TOO_LARGE:
        return "is more than the largest size, 16777215T";
    default:
        return "is not a size such as 65536, 64K, 16M or 1G";
    }
}

const char *value_count(const char *text, uint64_t *out_count)
{
    uint64_t count;
    bool fits;
    const char *end = read_digits(text, &count, &fits);
    if (!end || *end)
        return "is not a whole number";
    if (!fits)
        return "is more than the largest number, 18446744073709551615";
    *out_count = count;
    return NULL;
}

const char *value_backend(const char *text, enum hark_backend_kind *out_kind)
{
    static const char *const names[HARK_BACKEND_KINDS] = {
        [HARK_BACKEND_AUTO] = "auto",     [HARK_BACKEND_URING] = "uring",
        [HARK_BACKEND_EPOLL] = "epoll",   [HARK_BACKEND_POLL] = "poll",
        [HARK_BACKEND_SELECT] = "select",
    };
    for (int kind = HARK_BACKEND_AUTO; kind < HARK_BACKEND_KINDS; kind++) {
        if (strcmp(text, names[kind]) == 0) {
            *out_kind = (enum hark_backend_kind)kind;
            return NULL;
        }
    }
    return "is not auto, uring, epoll, poll or select";
}

const char *value_host(const char *text)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strlen(text);
    if (length < 1 || length > 253 || text[0] == '.' || text[length - 1] == '.' ||
        strspn(text, letters) != length)
        return "is not a host's name such as hark.example.org, without scheme and port";
    return NULL;
}
