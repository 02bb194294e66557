/* sides.h - two brokers, the one with the log and one without, on two loops that both run in the
 * test's thread: which of them is how far behind the other is the test's to choose. */
#ifndef TESTS_BROKER_SIDES_H
#define TESTS_BROKER_SIDES_H

#include "harness/harness.h"

#include "broker/fixture.h"
#include "threads/owner.h"
#include "threads/source_remote.h"

enum { OWNER, REMOTE, SIDES };

struct sides {
    struct hark_loop *loops[SIDES];
    struct mailbox boxes[SIDES];
    struct broker *brokers[SIDES];
    struct owner *owner;
    struct log *log;
};

void turn(struct sides *sides);
void turn_until(struct sides *sides, const bool *flag);
void sides_open(struct sides *sides, struct hark_loop *loop, size_t ring_bytes);
void sides_close(struct sides *sides);

#endif
