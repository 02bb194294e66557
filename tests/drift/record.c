/* record.c - see the header. It may be in any thread and in a signal's handler, and in a world: so
 * it asks the real kernel by syscall(2), and what it cannot note at once it leaves out. */
#include "drift/record.h"

#include "hark/base.h"
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PLACES = 8192 };

static char lines[PLACES][RECORD_LINE_BYTES]; /* a table by their hashes; empty: no line */
static size_t line_count;
static atomic_flag busy = ATOMIC_FLAG_INIT, locked = ATOMIC_FLAG_INIT;

static const char *file_of_calls(void)
{
    return getenv("HARK_TEST_CALLS");
}

bool record_is_on(void)
{
    static _Atomic(int) state; /* 0: not asked yet, 1: off, 2: on */
    if (atomic_load(&state) == 0)
        atomic_store(&state, file_of_calls() ? 2 : 1);
    return atomic_load(&state) == 2;
}

/* Where the line stands, or may stand. */
static char *place_of(const char *line)
{
    uint32_t hash = 2166136261u;
    for (const char *at = line; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    while (lines[hash % PLACES][0] && strcmp(lines[hash % PLACES], line) != 0)
        hash++;
    return lines[hash % PLACES];
}

static void add(const char *line)
{
    char *place = place_of(line);
    if (place[0] || line_count == PLACES / 2)
        return;
    memcpy(place, line, RECORD_LINE_BYTES);
    line_count++;
    long fd = syscall(SYS_openat, AT_FDCWD, file_of_calls(),
                      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    (void)syscall(SYS_write, fd, line, strlen(line));
    (void)syscall(SYS_close, fd);
}

void record_line(const char *format, ...)
{
    char line[RECORD_LINE_BYTES] = {0};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    strcat(line, "\n");
    if (atomic_flag_test_and_set(&busy))
        return;
    add(line);
    atomic_flag_clear(&busy);
}

void record_call(const char *call, const char *kind, int64_t result)
{
    const char *outcome = result < 0 ? hark_error_name(result) : result == 0 ? "0" : "some";
    record_line("%s %s %s", call, kind, outcome);
}

void record_lock(void)
{
    while (atomic_flag_test_and_set(&locked))
        (void)syscall(SYS_sched_yield);
}

void record_unlock(void)
{
    atomic_flag_clear(&locked);
}
