/* wish.c - a loop's recorder turned on and off from outside. A wish is for some time, which whoever
 * wishes moves on: if he dies, the loop ends by itself. */
#include "core/wish.h"
#include "core/loop.h"
#include "core/probes.h"
#include "core/trace.h"

#include <stdio.h>

struct hark_trace_control wish_control
    __attribute__((used, aligned(64))) = {.magic = "harkctl1", .bytes = sizeof wish_control};

/* The note that leads to it. Only the assembler can say how far away something is. */
__asm__(".pushsection .note.hark, \"a\", \"note\"\n"
        "    .balign 4\n"
        "    .long 5, 4, 1\n" /* bytes of the owner and of the descriptor; HARK_TRACE_NOTE */
        "    .asciz \"hark\"\n"
        "    .balign 4\n"
        "    .long wish_control - .\n"
        ".popsection\n");

void wish_count_loop(int change)
{
    __atomic_fetch_add(&wish_control.loops, (uint32_t)change, __ATOMIC_RELAXED);
}

static bool is_wished(uint64_t now_ns)
{
    return now_ns < __atomic_load_n(&wish_control.until_ns, __ATOMIC_RELAXED);
}

/* Whoever wishes opens the file by its descriptor, which therefore stays open. */
static int start(struct hark_loop *loop)
{
    char name[48];
    snprintf(name, sizeof name, "hark-%d-%u.trace", (int)kernel_getpid(),
             (uint32_t)(loop->last_id >> LOOP_NUMBER_SHIFT));
    int fd = kernel_memfd_create(NULL, name, MFD_CLOEXEC);
    if (fd < 0)
        return fd;
    int error = trace_open(loop, __atomic_load_n(&wish_control.events, __ATOMIC_RELAXED), fd);
    if (error)
        kernel_close(NULL, fd);
    else
        loop->wish_fd = fd;
    return error;
}

void wish_obey(struct hark_loop *loop)
{
    loop->wish = wish_number();
    bool wished = is_wished(kernel_clock_gettime(CLOCK_MONOTONIC));
    if (!wished || loop->wish_fd >= 0)
        return;
    int error = start(loop);
    if (error)
        __atomic_store_n(&wish_control.refused, error, __ATOMIC_RELAXED);
    else
        __atomic_fetch_add(&wish_control.started, 1, __ATOMIC_RELEASE);
}

void wish_show(struct hark_loop *loop)
{
    struct recorder *recorder = trace_recorder(loop);
    if (recorder)
        recorder->probed = true;
}

void wish_show_end(struct hark_loop *loop)
{
    loop->recorder->probed = false;
    trace_let_go(loop);
}

void wish_sleep(struct hark_loop *loop, uint64_t timeout_ns)
{
    if (loop->wish_fd >= 0 && !is_wished(loop->now_ns))
        trace_close(loop);
    if (loop->recorder && loop->recorder->probed && !probes_wanted())
        wish_show_end(loop);
    if (loop_onlooker(loop))
        recorder_sleep(loop_onlooker(loop), timeout_ns);
    if (!loop->recorder)
        return;
    recorder_sleep(loop->recorder, timeout_ns);
    PROBE(loop_sleep, (uint32_t)(loop->last_id >> LOOP_NUMBER_SHIFT), (int64_t)timeout_ns);
}
