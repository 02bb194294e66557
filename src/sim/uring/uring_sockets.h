/* uring_sockets.h - requests on sockets: each is tried, and polls where it would wait. */
#ifndef SIM_URING_URING_SOCKETS_H
#define SIM_URING_URING_SOCKETS_H

#include "sim/uring/uring_request.h"

void uring_sockets_accept(struct request *request);
void uring_sockets_connect(struct request *request);
/* Sends, or receives, once or until all is moved. */
void uring_sockets_transfer(struct request *request, bool sends);
/* The same, where the socket need not copy. */
void uring_sockets_send_zc(struct request *request);
/* Receives into buffers that the process lends, once or again and again. */
void uring_sockets_receive_lent(struct request *request);

#endif
