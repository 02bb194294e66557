/* program.c - the two callbacks of the program that opened the log. */
#include "log/program.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define REPORT_BYTES 512

void program_tell(struct log *log, enum log_severity severity, const char *format, ...)
{
    char text[REPORT_BYTES];
    va_list arguments;
    if (!log->options.report)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log->options.report(log->options.report_context, severity, text);
}

bool program_spare(struct log *log, int64_t result)
{
    bool lacking = result == -EMFILE || result == -ENFILE;
    return lacking && log->options.spare && log->options.spare(log->options.report_context);
}
