/* check.c - the last words of a program with a bug: one line, put together without memory and
 * without stdio. */
#include "base/check.h"
#include "hark/op.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct line {
    char text[320];
    size_t length;
};

static void add(struct line *line, const char *text)
{
    while (*text && line->length < sizeof line->text - 1)
        line->text[line->length++] = *text++;
}

static void add_number(struct line *line, int number)
{
    char digits[12];
    size_t at = sizeof digits - 1;
    unsigned left = number < 0 ? 0u - (unsigned)number : (unsigned)number;
    digits[at] = 0;
    do
        digits[--at] = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    add(line, number < 0 ? "-" : "");
    add(line, digits + at);
}

static _Noreturn void end(struct line *line)
{
    line->text[line->length++] = '\n';
    for (size_t written = 0; written < line->length;) {
        ssize_t count = write(STDERR_FILENO, line->text + written, line->length - written);
        if (count < 0 && errno != EINTR)
            break;
        written += count > 0 ? (size_t)count : 0;
    }
    abort();
}

void check_failed(const char *condition, const char *file, int line_number)
{
    struct line line = {.length = 0};
    add(&line, "hark: broken inside: ");
    add(&line, condition);
    add(&line, " (");
    add(&line, file);
    add(&line, ":");
    add_number(&line, line_number);
    add(&line, ")");
    end(&line);
}

void rule_broken(const char *rule, const struct hark_op *op, int fd)
{
    struct line line = {.length = 0};
    add(&line, "hark: rule broken: ");
    add(&line, rule);
    if (op) {
        add(&line, ": hark_");
        add(&line, hark_op_name(op->code));
    }
    if (fd >= 0) {
        add(&line, op ? " on descriptor " : ": descriptor ");
        add_number(&line, fd);
    }
    end(&line);
}
