/* sides.h - two brokers, the one with the log and one without, on two loops that both run in the
 * test's thread: which of them is how far behind the other is the test's to choose. */
#ifndef TESTS_BROKER_SIDES_H
#define TESTS_BROKER_SIDES_H

#include "harness/harness.h"

#include "broker/fixture.h"
#include "threads/owner.h"
#include "threads/source_remote.h"

enum { OWNER, REMOTE, SIDES };

struct bench {
    struct hark_loop *loops[SIDES];
    struct mailbox boxes[SIDES];
    struct broker *brokers[SIDES];
    struct owner *owner;
    struct log *log;
};

void turn(struct bench *bench);
void turn_until(struct bench *bench, const bool *flag);
void bench_open(struct bench *bench, struct hark_loop *loop, size_t ring_bytes);
void bench_close(struct bench *bench);

#endif
