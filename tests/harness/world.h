/* world.h - tests in simulated worlds (hark/sim.h), in programs that are linked with
 * libhark-sim. */
#ifndef HARNESS_WORLD_H
#define HARNESS_WORLD_H

#include "harness/harness.h"

/* Whether the caller runs in one. */
bool harness_in_world(void);

/* Runs a test in a world for each seed: HARK_TEST_SEEDS of them, from HARK_TEST_SEED (1) on;
 * unless told, ten, or fewer where a test takes long. Which seed fails is said.
 * Takes: body: the test with all checks around it. */
void harness_world_run(const struct harness_test *test,
                       void (*body)(const struct harness_test *test));

#endif
