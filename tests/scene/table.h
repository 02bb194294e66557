/* table.h - what was played, a line each scene. */
#ifndef SCENE_TABLE_H
#define SCENE_TABLE_H

#include "play.h"

/* What all workers of a scene have done together, and how long it took. */
struct played {
    const struct scene *scene;
    struct worker sum;
    double seconds;
    bool holds;
};

/* Writes it to standard error: seeds, how many a second, simulated hours, system calls, and faults
 * by their kind; and the same of all together. */
void table_tell(const struct played *played, size_t count);

#endif
