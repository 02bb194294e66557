/* events.h - what can be told of a descriptor, as poll(2) numbers it. */
#ifndef READY_EVENTS_H
#define READY_EVENTS_H

#include "hark/poll.h"

enum {
    READY_IN = HARK_POLL_READABLE,
    READY_PRI = HARK_POLL_EXCEPTIONAL,
    READY_OUT = HARK_POLL_WRITABLE,
    READY_ERR = HARK_POLL_ERROR,
    READY_HUP = HARK_POLL_HANGUP,
    READY_RDHUP = HARK_POLL_PEER_HANGUP,
    READY_ALL = READY_IN | READY_PRI | READY_OUT | READY_RDHUP,
    READY_EVENTS = 0xffff,
    READY_EDGE = 0x4000, /* to watch: told once, when it comes */
};

#endif
