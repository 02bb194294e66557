/* probes.h - static probes (sys/sdt.h) at the stages, for perf(1), bpftrace(8) and their like: the
 * provider `hark`. What each tells is in docs/GUIDE.md, "Where the time goes".
 *
 * They stand where the stages are recorded, apart from the path that ops take. Who attaches to one
 * raises a count, which is theirs together (a semaphore, in the words of sys/sdt.h); each loop
 * looks at it in each turn, and has a recorder while somebody looks (wish.c). So where nobody does
 * they cost what a recorder costs that is off. */
#ifndef CORE_PROBES_H
#define CORE_PROBES_H

#include <stdbool.h>

#ifdef HARK_PROBES

#define _SDT_HAS_SEMAPHORES 1
#define SDT_USE_VARIADIC    1
#include <sys/sdt.h>

#define PROBES(each)                                                                               \
    each(loop_sleep) each(loop_wake) each(op_request) each(op_submit) each(op_notify)              \
        each(callback_begin) each(callback_end)

/* Written by the kernel: how many are attached. Each probe has a count by its own name, and all of
 * them are this one: which is looked at is not asked. */
extern unsigned short probes_attached __attribute__((visibility("hidden")));

#define PROBES_COUNT(name)                                                                         \
    extern unsigned short hark_##name##_semaphore __attribute__((visibility("hidden")));
PROBES(PROBES_COUNT)
#undef PROBES_COUNT

static inline bool probes_wanted(void)
{
    return __atomic_load_n(&probes_attached, __ATOMIC_RELAXED) != 0;
}

#define PROBE(name, ...) STAP_PROBEV(hark, name, __VA_ARGS__)

#else

static inline bool probes_wanted(void)
{
    return false;
}

static inline void probes_unseen(int first, ...)
{
    (void)first;
}

/* Never called: what would be told is named. */
#define PROBE(name, ...)                                                                           \
    do {                                                                                           \
        if (false)                                                                                 \
            probes_unseen(0, __VA_ARGS__);                                                         \
    } while (0)

#endif

#endif
