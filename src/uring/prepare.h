/* prepare.h - an op as a submission entry. */
#ifndef URING_PREPARE_H
#define URING_PREPARE_H

#include "uring/state.h"

/* Fills in the entry for an op. */
void prepare_entry(const struct uring *uring, struct io_uring_sqe *sqe, const struct hark_op *op);

/* The events for which an op polls: its own, or what it lacks to be done. */
uint32_t prepare_events_of(const struct hark_op *op);

#endif
