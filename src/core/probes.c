/* probes.c - how many are attached to the probes. */
#include "core/probes.h"

#ifdef HARK_PROBES

unsigned short probes_attached __attribute__((section(".probes"), used));

#define ALIAS(name)                                                                                \
    extern unsigned short hark_##name##_semaphore                                                  \
        __attribute__((alias("probes_attached"), visibility("hidden")));
PROBES(ALIAS)
#undef ALIAS

#endif
