/* limits.h - the machine's limits that a server of events meets. */
#ifndef HARK_COMMAND_DOCTOR_LIMITS_H
#define HARK_COMMAND_DOCTOR_LIMITS_H

#include <stdint.h>

#include "doctor/report.h"

/* Reads a number from a file of /proc.
 * Gives: 0 and *out_number.
 * Fails: a negative errno; -EINVAL no number. */
int limits_read_number(const char *path, int64_t *out_number);

/* Prints a row for each limit. */
void limits_report(struct report *report);

#endif
