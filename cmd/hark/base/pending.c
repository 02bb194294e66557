/* pending.c - the count, and who waits for it.
 *
 * What must hold: the one who waits is forgotten before it is called, so that it may wait anew, and
 * nothing is looked at after the call.
 */
#include "base/pending.h"

#include "base/check.h"

#include <stddef.h>

static void settle(struct pending *pending)
{
    pending_settled *settled = pending->settled;
    pending->settled = NULL;
    settled(pending);
}

void pending_end(struct pending *pending)
{
    check(pending->count > 0);
    if (--pending->count == 0 && pending->settled)
        settle(pending);
}

void pending_wait(struct pending *pending, pending_settled *settled)
{
    check(!pending->settled);
    pending->settled = settled;
    if (pending->count == 0)
        settle(pending);
}
