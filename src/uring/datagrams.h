/* datagrams.h - hark_recv_each and hark_recvmsg_each of what has borders. */
#ifndef URING_DATAGRAMS_H
#define URING_DATAGRAMS_H

#include "uring/state.h"

/* Whether what it receives and sends has no borders. */
bool datagrams_is_stream(struct hark_loop *loop, int fd);

/* Starts one of them; notes what kind of socket the kernel has just made. */
void datagrams_start(struct hark_loop *loop, struct hark_op *op);
void datagrams_note_socket(struct hark_loop *loop, int fd, int type);

#endif
