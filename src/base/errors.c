/* errors.c - the names and texts of errors, from libc's tables, which are constant and need no
 * buffer. */
#include "hark/base.h"

#include <limits.h>
#include <string.h>

static int error_number(int64_t error)
{
    if (error < -INT_MAX || error > INT_MAX)
        return -1;
    return (int)(error < 0 ? -error : error);
}

const char *hark_error_name(int64_t error)
{
    const char *name = strerrorname_np(error_number(error));
    return name ? name : "EUNKNOWN";
}

const char *hark_error_text(int64_t error)
{
    const char *text = strerrordesc_np(error_number(error));
    return text ? text : "unknown error";
}

const char *hark_version(void)
{
    return HARK_VERSION;
}
