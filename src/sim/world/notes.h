/* notes.h - what has happened so far: as one number, and the last of it to read. */
#ifndef SIM_WORLD_NOTES_H
#define SIM_WORLD_NOTES_H

#include <stdint.h>

struct hark_sim;

enum { NOTES_KEPT = 4096 };

void notes_begin(struct hark_sim *begun);
void notes_done(void);

/* Something has happened, told by its name, which is kept as it is, and up to three numbers: whose
 * it is, what it is about, what came of it; none that differs between runs, as an address would. */
void note(const char *what, uint64_t one, uint64_t two, uint64_t three);

#endif
