/* errors.c - the names and texts of errors, from libc's tables, which are constant and need no
 * buffer. */
#include "base/error_names.h"
#include "hark/lookup.h"

#include <limits.h>
#include <string.h>

#ifdef __GLIBC__
#define TELLS_ERRORS __GLIBC_PREREQ(2, 32)
#else
#define TELLS_ERRORS 0
#endif

/* Of a number that is none: NULL. */
#if TELLS_ERRORS
static const char *name_of(int error)
{
    return strerrorname_np(error);
}

static const char *text_of(int error)
{
    return strerrordesc_np(error);
}
#else
static const char *name_of(int error)
{
    return error == 0 ? "0" : error_name_of(error);
}

static const char *text_of(int error)
{
    return name_of(error) ? strerror(error) : NULL;
}
#endif

static int error_number(int64_t error)
{
    if (error < -INT_MAX || error > INT_MAX)
        return -1;
    return (int)(error < 0 ? -error : error);
}

/* What a look-up of a name ends with is no errno. */
static const struct {
    int error;
    const char *name, *text;
} lookup_errors[] = {
    {HARK_LOOKUP_NOT_FOUND, "HARK_LOOKUP_NOT_FOUND", "No address is known for that name"},
    {HARK_LOOKUP_AGAIN, "HARK_LOOKUP_AGAIN", "No name server has answered"},
    {HARK_LOOKUP_FAILED, "HARK_LOOKUP_FAILED", "A name server has refused to answer"},
    {HARK_LOOKUP_SERVICE, "HARK_LOOKUP_SERVICE", "No such service is known"},
};

/* Gives: which of them it is; -1: none. */
static int lookup_error(int64_t error)
{
    int number = (int)(sizeof lookup_errors / sizeof lookup_errors[0]) - 1;
    while (number >= 0 && error != lookup_errors[number].error &&
           error != -lookup_errors[number].error)
        number--;
    return number;
}

const char *hark_error_name(int64_t error)
{
    const char *name = name_of(error_number(error));
    int number = lookup_error(error);
    return name ? name : number >= 0 ? lookup_errors[number].name : "EUNKNOWN";
}

const char *hark_error_text(int64_t error)
{
    const char *text = text_of(error_number(error));
    int number = lookup_error(error);
    return text ? text : number >= 0 ? lookup_errors[number].text : "unknown error";
}

const char *hark_version(void)
{
    return HARK_VERSION;
}
