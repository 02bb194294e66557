/* notes.h - what has happened so far, as one number. */
#ifndef SIM_NOTES_H
#define SIM_NOTES_H

#include <stdint.h>

/* Something has happened, told by its name and up to three numbers: none that differs between runs,
 * as an address would. */
void note(const char *what, uint64_t one, uint64_t two, uint64_t three);

#endif
