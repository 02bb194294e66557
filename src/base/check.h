/* check.h - assertions that stay in every build. They hold what only a bug of the program or of hark can break, never what
 * the kernel or the network answers. Nothing is printed: the core dump, or the debugger, shows the line. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <stdlib.h>

#define check(condition)                                                                                                         \
    do {                                                                                                                         \
        if (__builtin_expect(!(condition), 0))                                                                                   \
            abort();                                                                                                             \
    } while (0)

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

#endif
