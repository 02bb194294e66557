/* bench.h - a broker in this process, over a real log and real sockets, and the steps of a test
 * with it. */
#ifndef TESTS_BROKER_BENCH_H
#define TESTS_BROKER_BENCH_H

#include "broker/fixture.h"
#include "broker/subscriber.h"

struct bench {
    struct hark_loop *loop;
    struct log *log;
    struct broker *broker;
};

/* Takes: options NULL: the defaults. */
void bench_open(struct bench *bench, struct hark_loop *loop, const struct broker_options *options);
void bench_close(struct bench *bench);

/* A handle on a stream: the test closes it. */
struct broker_stream *bench_stream(struct bench *bench, const char *name);

/* Publishes one event, and waits for its answer. */
void bench_publish(struct bench *bench, const char *name, const void *event, size_t count);

/* Publishes numbers, all in one turn, and waits for the answers: asserts that ids grow. */
void bench_publish_numbers(struct bench *bench, const char *name, size_t from, size_t to);

/* Opens a subscriber by lines, or one over SSE. */
void bench_subscribe(struct bench *bench, struct subscriber *subscriber, const char *name,
                     enum broker_from from);
void bench_subscribe_sse(struct bench *bench, struct subscriber *subscriber, const char *name,
                         enum broker_from from);

/* Turns the loop until each of so many subscribers, who take what comes, has the numbers below
 * that. */
void bench_take_to(struct bench *bench, struct subscriber *subscribers, size_t count, size_t below);

/* Closes so many, and waits until they are. */
void bench_unsubscribe(struct bench *bench, struct subscriber *subscribers, size_t count);

#endif
