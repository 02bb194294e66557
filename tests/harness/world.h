/* world.h - tests in simulated worlds (hark/sim.h), in programs that are linked with
 * libhark-sim. */
#ifndef HARNESS_WORLD_H
#define HARNESS_WORLD_H

#include "hark/sim.h"
#include "harness/harness.h"

/* What a test cannot bear: kinds of faults (enum hark_sim_fault_kind, SHORT | RING) that do not
 * happen in its worlds, with the reason. Stands before the test; all other kinds happen. */
#define WORLDS_WITHOUT(test_name, kinds, reason)                                                   \
    static struct harness_test harness_test_##test_name;                                           \
    __attribute__((constructor)) static void harness_worlds_without_##test_name(void)              \
    {                                                                                              \
        enum {                                                                                     \
            SHORT = 1 << HARK_SIM_FAULT_SHORT,                                                     \
            LINK = 1 << HARK_SIM_FAULT_LINK,                                                       \
            SMALL = 1 << HARK_SIM_FAULT_SMALL,                                                     \
            RING = 1 << HARK_SIM_FAULT_RING,                                                       \
            AWAY = 1 << HARK_SIM_FAULT_AWAY,                                                       \
        };                                                                                         \
        _Static_assert(sizeof reason > 1, "a reason");                                             \
        harness_test_##test_name.not_in_its_worlds = (kinds);                                      \
    }

/* Whether the caller runs in one. */
bool harness_in_world(void);

/* Runs a test in a world for each seed: HARK_TEST_SEEDS of them, from HARK_TEST_SEED (1) on;
 * unless told, ten, or fewer where a test takes long. Each is played without faults; with
 * HARK_TEST_FAULTS=1 with those that a program has to bear, with =2 both ways. The command
 * that plays again what fails is said.
 * Takes: body: the test with all checks around it. */
void harness_world_run(const struct harness_test *test,
                       void (*body)(const struct harness_test *test));

#endif
