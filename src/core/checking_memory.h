/* checking_memory.h - what an op was given, remembered by hashes: bytes to send or write, room to
 * fill, and what stands around them: addresses, vectors, paths. For the checking build alone. */
#ifndef CORE_CHECKING_MEMORY_H
#define CORE_CHECKING_MEMORY_H

#include "hark/op.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHECKING_ASAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define CHECKING_ASAN 1
#endif

#ifdef CHECKING_ASAN
#include <sanitizer/asan_interface.h>
#define CHECKING_UNSEEN                                                                            \
    __attribute__((no_sanitize("address"))) /* a function that may touch what is poisoned */
#else
#define CHECKING_UNSEEN
#endif

/* AddressSanitizer's marks on memory, where it is there: whether any of it is freed or out of
 * scope; what nobody may touch. */
static inline bool memory_is_gone(const void *bytes, size_t count)
{
#ifdef CHECKING_ASAN
    return count > 0 && __asan_region_is_poisoned((void *)(uintptr_t)bytes, count);
#else
    (void)bytes;
    (void)count;
    return false;
#endif
}

static inline void memory_forbid(const void *bytes, size_t count)
{
#ifdef CHECKING_ASAN
    __asan_poison_memory_region(bytes, count);
#else
    (void)bytes;
    (void)count;
#endif
}

static inline void memory_allow(const void *bytes, size_t count)
{
#ifdef CHECKING_ASAN
    __asan_unpoison_memory_region(bytes, count);
#else
    (void)bytes;
    (void)count;
#endif
}

/* Of large memory the beginning is remembered. The pieces double, so that what lies behind a
 * received part can be told to be untouched wherever that ends: the first is of MEMORY_PIECE_MIN
 * bytes, each next as long as all before it. */
enum {
    MEMORY_PIECES = 13,
    MEMORY_PIECE_MIN = 64,
    MEMORY_BYTES_MAX = MEMORY_PIECE_MIN << (MEMORY_PIECES - 1)
};

struct memory {
    uint64_t around;                /* addresses, vectors, paths */
    uint64_t pieces[MEMORY_PIECES]; /* the bytes themselves, through all vectors */
    size_t count;                   /* how many of them are remembered */
    uintptr_t low, high;            /* all bytes lie between */
    int error;                      /* it cannot be read: the kernel will say so too */
    bool gone;                      /* some of it is freed already */
};

/* Whether an op of the kind is given bytes to send or write; room to fill. */
bool memory_is_read(int code);
bool memory_is_filled(int code);

/* Remembers what an op in flight was given. Nothing is touched that cannot be read.
 * Gives: whether its kind is given memory. */
bool memory_remember(struct memory *memory, const struct hark_op *op);

/* Compares with what was remembered.
 * Takes: filled: how many bytes the kernel may have changed.
 * Gives: the rule that was broken; NULL: it is as it was. */
const char *memory_breach(const struct memory *memory, const struct hark_op *op, size_t filled);

#endif
