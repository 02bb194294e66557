/* program.h - what the log says to the program that opened it, and asks of it. */
#ifndef HARK_COMMAND_LOG_PROGRAM_H
#define HARK_COMMAND_LOG_PROGRAM_H

#include "log/state.h"

/* Tells what a person should know: log_options.report. */
__attribute__((format(printf, 3, 4))) void program_tell(struct log *log, enum log_severity severity,
                                                        const char *format, ...);

/* Asks for a descriptor, if that is what was lacking: log_options.spare.
 * Gives: whether to try again what ended so. */
bool program_spare(struct log *log, int64_t result);

#endif
