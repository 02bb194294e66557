/* gaps.c - tests that cannot pass where they run, by a list with the reasons (HARK_TEST_GAPS): they
 * are skipped, and say why. A line of it is "PROGRAM CASE: why"; a case goes by its beginning. */
#include "harness/child.h"
#include "harness/harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The reason where the line is about the test, else NULL. It is cut into its parts. */
static const char *reason_of(char *line, const char *name)
{
    char *case_name = strchr(line, ' ');
    char *reason = case_name ? strstr(case_name, ": ") : NULL;
    if (*line == '#' || !reason)
        return NULL;
    *case_name++ = '\0';
    *reason = '\0';
    reason += strlen(": ");
    reason[strcspn(reason, "\n")] = '\0';
    bool is_it = strcmp(line, program_invocation_short_name) == 0 &&
                 (strcmp(case_name, "*") == 0 || strncmp(name, case_name, strlen(case_name)) == 0);
    return is_it ? reason : NULL;
}

void harness_skip_gap(const char *name)
{
    char line[400], told[400];
    const char *path = getenv("HARK_TEST_GAPS"), *reason = NULL;
    if (!path || !*path)
        return;
    FILE *list = fopen(path, "re");
    if (!list)
        fail_msg("HARK_TEST_GAPS=%s: %s", path, strerror(errno));
    while (!reason && fgets(line, sizeof line, list))
        reason = reason_of(line, name);
    snprintf(told, sizeof told, "%s", reason ? reason : "");
    fclose(list);
    if (reason)
        harness_skip("%s", told);
}
