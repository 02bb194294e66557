/* stalls.c - what held a loop, in words.
 *
 * A stall is reported twice: by the watching thread while it lasts, when nobody knows yet for how
 * long it will, and by the loop's thread when it is over. The first is said, so that of a callback
 * that never ends something is heard; the second counts. A server that stalls all the time says so
 * once in a while. */
#include "server/stalls.h"
#include "connection/worker.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/say.h"

static const uint64_t silence_ns = UINT64_C(10) * 1000000000;

/* --- the stack --- */

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The address behind a call may be that of the next function already. */
static int write_frame(char *text, size_t room, const char *comma, const void *frame)
{
    Dl_info about;
    if (dladdr((const char *)frame - 1, &about) == 0 || !about.dli_fname)
        return snprintf(text, room, "%s%p", comma, frame);
    if (about.dli_sname)
        return snprintf(text, room, "%s%s+0x%tx", comma, about.dli_sname,
                        (const char *)frame - (const char *)about.dli_saddr);
    return snprintf(text, room, "%s%s+0x%tx", comma, last_name(about.dli_fname),
                    (const char *)frame - (const char *)about.dli_fbase);
}

void stalls_write_frames(char text[STALL_TEXT_BYTES], void *const *frames, int count)
{
    size_t length = 0;
    *text = '\0';
    for (int i = 0; i < count && i < STALL_FRAMES_MAX; i++) {
        int written =
            write_frame(text + length, STALL_TEXT_BYTES - length, i == 0 ? "" : ", ", frames[i]);
        if (written < 0 || (size_t)written >= STALL_TEXT_BYTES - length)
            return;
        length += (size_t)written;
    }
}

/* --- what is said --- */

/* Whether this stall is to be told, and how many before it were not. */
static bool may_tell(struct stalls *stalls, uint64_t now_ns, uint64_t *out_untold)
{
    uint64_t until_ns = atomic_load(&stalls->silent_until_ns);
    if (now_ns < until_ns ||
        !atomic_compare_exchange_strong(&stalls->silent_until_ns, &until_ns, now_ns + silence_ns)) {
        atomic_fetch_add(&stalls->untold, 1);
        return false;
    }
    *out_untold = atomic_exchange(&stalls->untold, 0);
    return true;
}

static void tell(struct stall_watch *watch, const struct hark_stall *stall)
{
    char frames[STALL_TEXT_BYTES], before[64] = "";
    uint64_t untold;
    if (!may_tell(watch->stalls, hark_os_clock_gettime(CLOCK_MONOTONIC), &untold))
        return;
    atomic_store(&watch->told, stall->op);
    if (untold != 0)
        snprintf(before, sizeof before, "; %" PRIu64 " before it were not told", untold);
    stalls_write_frames(frames, stall->frames, stall->frame_count);
    say_at(SAY_WARNING, "a callback of %s %s the loop of thread %u for %" PRIu64 " ms%s%s%s%s",
           hark_op_name(stall->kind), stall->over ? "has held" : "holds", (unsigned)watch->thread,
           stall->held_ns / 1000000, stall->over ? "" : " so far", *frames ? ", in " : "", frames,
           before);
}

static void is_over(struct stall_watch *watch, const struct hark_stall *stall)
{
    struct worker *worker = watch->worker;
    if (stall->kind >= 0 && stall->kind < HARK_OP_KINDS)
        worker->counters.stalls[stall->kind]++;
    worker->counters.stalled_ns += stall->held_ns;
    worker->last_stall = (struct live_callback){.held_ns = stall->held_ns,
                                                .ended_ns = hark_os_clock(stall->loop),
                                                .kind = (uint64_t)stall->kind};
    if (atomic_load(&watch->seen) != stall->op)
        tell(watch, stall); /* too short for the watching thread to see it */
    else if (atomic_load(&watch->told) == stall->op)
        say_at(SAY_WARNING, "that callback of %s has held the loop of thread %u for %" PRIu64 " ms",
               hark_op_name(stall->kind), (unsigned)watch->thread, stall->held_ns / 1000000);
    atomic_store(&watch->seen, 0); /* an op that repeats may stall again */
    atomic_store(&watch->told, 0);
}

static void report(void *context, const struct hark_stall *stall)
{
    struct stall_watch *watch = context;
    if (stall->over)
        return is_over(watch, stall);
    atomic_store(&watch->seen, stall->op);
    tell(watch, stall);
}

/* --- the beginning --- */

void stalls_watch(struct stall_watch *watch, struct stalls *stalls, struct worker *worker,
                  uint32_t thread)
{
    const struct hark_stall_options options = {
        .limit_ns = stalls->limit_ns, .report = report, .context = watch};
    watch->stalls = stalls;
    watch->worker = worker;
    watch->thread = thread;
    int error = hark_stall_watch(worker->loop, &options);
    if (error < 0)
        say("callbacks that hold the loop of thread %u are not told of: %s (look at --stall)",
            (unsigned)thread, why(error));
}
