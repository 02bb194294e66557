/* watch.h - what waits for readiness behind one epoll descriptor. */
#ifndef URING_WATCH_H
#define URING_WATCH_H

#include "uring/state.h"

/* Has an op wait for the events of prepare_events_of behind watch_fd.
 * Fails: -EBADF; -EPERM for what cannot be polled, such as files; -ENOMEM, -ENOSPC and the others
 *   of epoll_ctl(2). */
int watch_begin(struct hark_loop *loop, struct hark_op *op);

/* It does so no longer. */
void watch_end(struct hark_loop *loop, struct hark_op *op);

/* A watched op waits for other events from now on.
 * Fails: as watch_begin; it is watched still. */
int watch_change(struct hark_loop *loop, struct hark_op *op);

/* The number is about to mean another file. */
void watch_forget(struct hark_loop *loop, int fd);

/* Calls `report` for each watched op that has got one of its events, with these; the op is watched
 * on. */
typedef void watch_report(struct hark_loop *loop, struct hark_op *op, uint32_t events);
void watch_look(struct hark_loop *loop, watch_report *report);

#endif
