/* tell.c - a line about a path begins with the option that named it. */
#include "tail/tell.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 4, 0))) static void tell(const struct tail *tail, const char *path,
                                                       enum log_severity severity,
                                                       const char *format, va_list arguments)
{
    char text[768];
    if (!tail->report)
        return;
    int length = snprintf(text, sizeof text, "--tail %s: ", path);
    if (length < 0 || (size_t)length >= sizeof text)
        length = 0;
    vsnprintf(text + length, sizeof text - (size_t)length, format, arguments);
    tail->report(tail->report_context, severity, text);
}

void tail_tell(const struct tail_follower *follower, enum log_severity severity, const char *format,
               ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(follower->tail, follower->path, severity, format, arguments);
    va_end(arguments);
}

void tail_tell_path(const struct tail *tail, const char *path, enum log_severity severity,
                    const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(tail, path, severity, format, arguments);
    va_end(arguments);
}

void tail_stop(struct tail_follower *follower, const char *state)
{
    follower->stopped = true;
    follower->state = state;
}
