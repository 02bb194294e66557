/* report.c - the look of the doctor's findings. Marks are words as well as colours, so that they
 * can be searched for. */
#include "doctor/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *word;
    const char *color;
} marks[] = {
    [REPORT_GOOD] = {"ok", "\033[32m"},
    [REPORT_NOTE] = {"note", "\033[33m"},
    [REPORT_PROBLEM] = {"FAIL", "\033[1;31m"},
};

static const char *colored(const struct report *report, const char *code)
{
    return report->color ? code : "";
}

void report_init(struct report *report)
{
    const char *terminal = getenv("TERM");
    memset(report, 0, sizeof *report);
    report->color =
        isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && terminal && strcmp(terminal, "dumb") != 0;
}

void report_heading(const struct report *report, const char *text)
{
    printf("\n%s%s%s\n", colored(report, "\033[1m"), text, colored(report, "\033[0m"));
}

void report_row(struct report *report, enum report_mark mark, const char *what, const char *found,
                const char *advice)
{
    printf("  %s%-4s%s  %-24s %s\n", colored(report, marks[mark].color), marks[mark].word,
           colored(report, "\033[0m"), what, found);
    for (const char *line = advice; line && *line;) {
        size_t count = strcspn(line, "\n");
        printf("  %31s-> %.*s\n", "", (int)count, line);
        line += count + (line[count] == '\n');
    }
    report->notes += mark == REPORT_NOTE;
    report->problems += mark == REPORT_PROBLEM;
}
