/* uring_faults.h - what goes wrong with requests: as with the calls that they stand for. */
#ifndef SIM_URING_URING_FAULTS_H
#define SIM_URING_URING_FAULTS_H

#include "sim/uring/uring_request.h"

/* Asked each time that a request is tried.
 * Takes: bytes: as faults_of.
 * Gives: 0, or the error with which it ends. */
int uring_faults_of(const struct request *request, size_t *bytes);

#endif
