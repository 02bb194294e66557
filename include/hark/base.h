/* base.h - what every other header of libhark needs: linkage, versions, error names. */
#ifndef HARK_BASE_H
#define HARK_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* On machines of 32 bits glibc has two sets of names: hark is about files and times of 64. */
#if defined __GLIBC__ && defined __SIZEOF_POINTER__ && __SIZEOF_POINTER__ == 4 &&                  \
    !(defined __USE_FILE_OFFSET64 && (defined __USE_TIME_BITS64 || __TIMESIZE == 64))
#error "hark: on a machine of 32 bits compile with -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64"
#endif

#ifdef __cplusplus
#define HARK_BEGIN extern "C" {
#define HARK_END   }
#else
#define HARK_BEGIN
#define HARK_END
#endif

/* What C and C++ write otherwise, for code in headers. Private. */
#ifdef __cplusplus
#define HARK_CAST(type, value)    static_cast<type>(value)
#define HARK_UNCONST(type, value) const_cast<type>(value)
#define HARK_NULL                 nullptr
#else
#define HARK_CAST(type, value)    ((type)(value))
#define HARK_UNCONST(type, value) ((type)(uintptr_t)(value))
#define HARK_NULL                 NULL
#endif

#define HARK_API __attribute__((visibility("default")))

#define HARK_VERSION "0.1.0"

/* The struct of type `type` whose member `member` is at `pointer`: from an op back to the
 * caller's own struct that holds it. */
#ifdef __cplusplus
#define hark_container_of(pointer, type, member)                                                   \
    static_cast<type *>(                                                                           \
        static_cast<void *>(reinterpret_cast<char *>(pointer) - offsetof(type, member)))
#else
#define hark_container_of(pointer, type, member)                                                   \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
#endif

HARK_BEGIN

/* The symbol of an error, "ECONNRESET" for -ECONNRESET or ECONNRESET, "EUNKNOWN" if there is
 * none.
 * Thread: any. */
HARK_API const char *hark_error_name(int64_t error);

/* What the error means, in the words of strerror(3), without using its shared buffer.
 * Thread: any. */
HARK_API const char *hark_error_text(int64_t error);

/* The version of the library that is linked, as HARK_VERSION.
 * Thread: any. */
HARK_API const char *hark_version(void);

HARK_END

#endif
