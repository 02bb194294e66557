/* again.c - which errors tell of what others may give back: nothing tells when they do. */
#include "tail/again.h"

#include <errno.h>

bool again_may_help(int64_t error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EAGAIN ||
           error == -EIO;
}
