/* say.c - one line on standard error. The line is put together first and written at once, so that lines of processes which
 * share a terminal or a journal do not mix. */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>

void say(const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fprintf(stderr, "hark: %s\n", line);
}
