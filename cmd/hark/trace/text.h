/* text.h - how times, counts and ops are written for people. */
#ifndef HARK_COMMAND_TRACE_TEXT_H
#define HARK_COMMAND_TRACE_TEXT_H

#include <stddef.h>

#include "stages/op.h"

/* Room for what each of these writes; each gives its first argument. */
enum { TRACE_TEXT_MAX = 64 };

/* "873ns", "1.25us", "12.5us", "125us", "1.25ms", ... "12.5s", "1250s": at most 7 characters up to
 * a day; "-" for TRACE_OP_UNKNOWN. */
char *trace_text_duration(char text[TRACE_TEXT_MAX], uint64_t duration_ns);

/* "512 B", "37.5 KiB", "1.2 MiB". */
char *trace_text_bytes(char text[TRACE_TEXT_MAX], uint64_t bytes);

/* "1,234,567". */
char *trace_text_count(char text[TRACE_TEXT_MAX], uint64_t count);

/* "recv on 7", "sleep". */
char *trace_text_op(char text[TRACE_TEXT_MAX], int kind, int fd);

/* What an op's result says: "16,384", "ECONNRESET: connection reset by peer". */
char *trace_text_result(char text[TRACE_TEXT_MAX], const struct trace_op *op);

/* "uring". */
const char *trace_text_backend(enum hark_backend_kind backend);

#endif
