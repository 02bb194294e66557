/* shrink.h - a failure with as few steps and faults as it needs. */
#ifndef SCENE_SHRINK_H
#define SCENE_SHRINK_H

#include "play.h"

/* What kinds of faults are called. */
extern const char *const shrink_kinds[HARK_SIM_FAULT_KINDS];

/* Looks for the fewest steps and faults with which the seed still fails, and plays it with those,
 * telling all. Gives: whether it does not fail to begin with. */
bool shrink(const struct scene *scene, uint64_t seed);

#endif
