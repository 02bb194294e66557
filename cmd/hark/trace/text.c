/* text.c - numbers and names for people. */
#include "trace/text.h"

#include <inttypes.h>
#include <stdio.h>

char *trace_text_duration(char text[TRACE_TEXT_MAX], uint64_t duration_ns)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    enum { UNITS = sizeof units / sizeof *units };
    double value = (double)duration_ns;
    unsigned unit = 0;
    if (duration_ns == TRACE_OP_UNKNOWN) {
        snprintf(text, TRACE_TEXT_MAX, "-");
        return text;
    }
    while (value >= 999.5 && unit < UNITS - 1) {
        value /= 1000;
        unit++;
    }
    int digits = 2;
    if (unit == 0 || value >= 99.95)
        digits = 0;
    else if (value >= 9.995)
        digits = 1;
    snprintf(text, TRACE_TEXT_MAX, "%.*f%s", digits, value, units[unit]);
    return text;
}

char *trace_text_bytes(char text[TRACE_TEXT_MAX], uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    enum { UNITS = sizeof units / sizeof *units };
    double value = (double)bytes;
    unsigned unit = 0;
    while (value >= 1024 && unit < UNITS - 1) {
        value /= 1024;
        unit++;
    }
    snprintf(text, TRACE_TEXT_MAX, "%.*f %s", unit == 0 || value >= 100 ? 0 : 1, value,
             units[unit]);
    return text;
}

char *trace_text_count(char text[TRACE_TEXT_MAX], uint64_t count)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, count);
    char *to = text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}

char *trace_text_op(char text[TRACE_TEXT_MAX], int kind, int fd)
{
    const char *name = kind < HARK_OP_KINDS ? hark_op_name(kind) : "an op not seen";
    if (fd >= 0)
        snprintf(text, TRACE_TEXT_MAX, "%s on %d", name, fd);
    else
        snprintf(text, TRACE_TEXT_MAX, "%s", name);
    return text;
}

char *trace_text_result(char text[TRACE_TEXT_MAX], const struct trace_op *op)
{
    if (op->result < 0)
        snprintf(text, TRACE_TEXT_MAX, "%s: %s", hark_error_name(op->result),
                 hark_error_text(op->result));
    else
        trace_text_count(text, (uint64_t)op->result);
    return text;
}

const char *trace_text_backend(enum hark_backend_kind backend)
{
    switch (backend) {
    case HARK_BACKEND_URING:
        return "uring";
    case HARK_BACKEND_EPOLL:
        return "epoll";
    case HARK_BACKEND_POLL:
        return "poll";
    case HARK_BACKEND_SELECT:
        return "select";
    default:
        return "unknown";
    }
}
