/* fixture.h - a broker in this process, as steps of a test: for those who have a log and a loop. */
#ifndef TESTS_BROKER_FIXTURE_H
#define TESTS_BROKER_FIXTURE_H

#include "broker/broker.h"
#include "harness/harness.h"
#include "log/log.h"

struct broker *open_broker(struct hark_loop *loop, struct log *log,
                           const struct broker_options *options);
void close_broker(struct hark_loop *loop, struct broker *broker);

/* For calls that tell of their end: their context is a bool. */
void set_flag(void *flag);

#endif
