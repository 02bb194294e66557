/* doctor.h - `hark doctor`: what this machine offers to the loop, and what to change. */
#ifndef HARK_COMMAND_DOCTOR_DOCTOR_H
#define HARK_COMMAND_DOCTOR_DOCTOR_H

#include "options/options.h"

extern const struct options_command doctor_options;

/* Runs `hark doctor`.
 * Takes: argv[0] "doctor".
 * Gives: the exit code: 0 all is well enough to serve; 1 something is not. */
int doctor_run(int argc, char **argv);

#endif
