/* posix.h - the C library's names for system calls, which programs use beside hark: in a process
 * they lead to the simulated kernel, outside of one to the real machine's.
 *
 * A program is linked with the linker's --wrap for each (meson.build has the list): __wrap_x stands
 * where x is called, __real_x is the C library's. What the C library calls by itself, as fopen(3)
 * does, is not reached that way. */
#ifndef SIM_POSIX_POSIX_H
#define SIM_POSIX_POSIX_H

#include "sim/calls/call.h"

/* Whether a process calls. */
static inline bool posix_in_world(void)
{
    return world && world->thread;
}

/* The next call is made by its name: it may be told of signals. */
static inline void posix_names(void)
{
    world->thread->names_next = true;
}

/* As the C library tells it: -1 and errno. */
static inline int64_t posix_told(int64_t result)
{
    world->thread->names_next = false;
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

/* Declares the C library's x, and begins the definition of what stands for it. The parameters are
 * given twice: with their types, and by name. */
#define POSIX(type, name, parameters, arguments, simulated)                                        \
    type __real_##name parameters;                                                                 \
    HARK_API type __wrap_##name parameters;                                                        \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return posix_in_world() ? (type)posix_told((posix_names(), (simulated)))                   \
                                : __real_##name arguments;                                         \
    }

#endif
