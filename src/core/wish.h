/* wish.h - recording because somebody outside wishes so: struct hark_trace_control, which is in
 * hark/trace.h. */
#ifndef CORE_WISH_H
#define CORE_WISH_H

#include "hark/trace.h"

struct hark_loop;

/* What is wished. The process itself reads its first half, and writes the other. */
extern struct hark_trace_control wish_control;

/* Which wish it is: another than the loop's last one is to be obeyed. */
static inline uint64_t wish_number(void)
{
    return __atomic_load_n(&wish_control.wish, __ATOMIC_ACQUIRE);
}

/* Begins to record; when that ends, wish_sleep sees. */
__attribute__((noinline, cold)) void wish_obey(struct hark_loop *loop);

/* The loop is about to wait: recorded, unless the time for which it should record is over. */
__attribute__((noinline, cold)) void wish_sleep(struct hark_loop *loop, uint64_t timeout_ns);

/* Somebody looks at the probes (probes.h): from here on the loop has a recorder, without rings if
 * nobody wants those. Without memory it is tried again. */
__attribute__((noinline, cold)) void wish_show(struct hark_loop *loop);

/* Nobody looks any more. */
void wish_show_end(struct hark_loop *loop);

/* A loop was made (1), or is being unmade (-1). */
void wish_count_loop(int change);

#endif
