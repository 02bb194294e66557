/* check.c - the last line of a command with a bug. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_broken(const char *condition, const char *file, int line)
{
    dprintf(2, "hark: broken inside: %s (%s:%d)\n", condition, file, line);
    abort();
}
