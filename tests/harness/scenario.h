/* scenario.h - one run that uses everything a loop offers, for the tests in which something fails
 * at each place of it in turn.
 *
 * Whatever fails, these must hold, and are asserted: each op that was started gets one final call;
 * the loop can be brought to its end and destroyed; no descriptor and no memory is left. */
#ifndef HARNESS_SCENARIO_H
#define HARNESS_SCENARIO_H

#include "harness/harness.h"

enum { SCENARIO_OPS = 340 }; /* room for the ops of one run */

/* What makes things fail. It is asked only between `arm` and `disarm`, so the scenario's own set-up
 * and clean-up stay whole. */
struct scenario_faults {
    void (*arm)(void);
    void (*disarm)(void);
    int patience; /* naps of 0.1 ms without any call after which the run is not waited for any
                     longer */
    void (*recover)(void); /* called when all that is left is to bring the loop to its end; NULL: it
                              fails until then */
};

/* Runs it on the test's backend. Asserts what the title of this file says.
 * Gives: how many ops ended with success; 0 where no loop could be made. */
int scenario_run(const struct scenario_faults *faults);

/* What scenario_run gives when nothing fails. Runs it once so. */
int scenario_undisturbed(void);

#endif
