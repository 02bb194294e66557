/* check.h - `hark log check`: reads a data directory whole, and tells what is damaged or lost. */
#ifndef HARK_COMMAND_INSPECT_CHECK_H
#define HARK_COMMAND_INSPECT_CHECK_H

/* Gives: the exit code of `hark log`. */
int check_directory(const char *path);

#endif
