/* check.h - assertions that stay in every build. They hold what only a bug of the command can
 * break, never what the kernel, a file or a peer answers. Where one fails, a line on standard error
 * says what, and the process aborts. */
#ifndef HARK_COMMAND_BASE_CHECK_H
#define HARK_COMMAND_BASE_CHECK_H

/* Writes one line and aborts. */
_Noreturn __attribute__((cold)) void check_broken(const char *condition, const char *file,
                                                  int line);

#define check(condition)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            check_broken(#condition, __FILE__, __LINE__);                                          \
    } while (0)

#endif
