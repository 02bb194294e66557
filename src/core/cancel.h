/* cancel.h - ending ops. */
#ifndef CORE_CANCEL_H
#define CORE_CANCEL_H

#include "hark/op.h"

/* Sees to it that an op ends, as hark_cancel does. */
void cancel_op(struct hark_loop *loop, struct hark_op *op);

#endif
