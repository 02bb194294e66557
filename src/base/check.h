/* check.h - assertions that stay in every build. They hold what only a bug of the program or of
 * hark can break, never what the kernel or the network answers. Where one fails, a line on standard
 * error says what, and the process aborts. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <stdlib.h>

struct hark_op;

/* Writes one line and aborts. Async-signal-safe. */
_Noreturn __attribute__((cold)) void check_failed(const char *condition, const char *file,
                                                  int line);

/* The same for a rule of the API that the program has broken.
 * Takes: op: the one that it is about, in memory that can be read; NULL none. fd: what it is about;
 *   -1 none. */
_Noreturn __attribute__((cold)) void rule_broken(const char *rule, const struct hark_op *op,
                                                 int fd);

#define check(condition)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            check_failed(#condition, __FILE_NAME__, __LINE__);                                     \
    } while (0)

/* A rule in words. */
#define check_rule(condition, rule, op, fd)                                                        \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            rule_broken(rule, op, fd);                                                             \
    } while (0)

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

#ifndef __FILE_NAME__ /* gcc before 12 */
#define __FILE_NAME__ __FILE__
#endif

#endif
