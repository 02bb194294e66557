/* calls_none.c - without libseccomp there is no filter. */
#include "sandbox/calls.h"

#include <errno.h>

int calls_restrict(void)
{
    return -EOPNOTSUPP;
}
