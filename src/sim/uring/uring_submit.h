/* uring_submit.h - submission entries become requests. */
#ifndef SIM_URING_URING_SUBMIT_H
#define SIM_URING_URING_SUBMIT_H

#include "sim/uring/uring_request.h"

/* Takes an entry: it is tried at once, and then completed, or waits, or is delayed. */
void uring_submit(struct ring *ring, const struct io_uring_sqe *sqe);

#endif
