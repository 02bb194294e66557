/* uring.c - being written. */
#include "core/loop.h"
#include <stdio.h>

static int create(struct hark_loop *loop, const struct hark_options *options, char *out_reason, size_t reason_room)
{
    (void)loop;
    (void)options;
    snprintf(out_reason, reason_room, "not built in yet");
    return -EOPNOTSUPP;
}
const struct hark_backend backend_uring = {.kind = HARK_BACKEND_URING, .name = "uring", .os = &os_kernel, .create = create};
