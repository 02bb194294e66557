/* message.h - hark_recvmsg_each: how a message lies in its buffer (hark/packet.h). */
#ifndef CORE_MESSAGE_H
#define CORE_MESSAGE_H

#include "core/loop.h"
#include "hark/packet.h"

/* The head, as io_uring writes it (struct io_uring_recvmsg_out); then it is made a hark_packet. */
struct message_head {
    uint32_t name_length, control_length, length, flags;
};
_Static_assert(sizeof(struct message_head) == sizeof(struct hark_packet), "one becomes the other");

/* Rounds up to what there is a request for. Gives: -1: there is none. */
int message_room_of(size_t control_room);

/* What stands before the bytes. */
static inline size_t message_head_bytes(const struct hark_op *op)
{
    return sizeof(struct hark_packet) + HARK_PACKET_NAME_ROOM + op->with.io.count;
}

/* The request of io_uring for each room: what it reads of a message's header. */
const struct msghdr *message_request(const struct hark_op *op);

/* The kernel has written a message into the op's buffer: the head is put right.
 * Gives: its count of bytes. */
int64_t message_arrived(struct hark_loop *loop, struct hark_op *op);

/* Receives one into the op's buffer, by the call and without waiting.
 * Gives: its count of bytes, or a negative errno. */
int64_t message_receive(struct hark_loop *loop, struct hark_op *op, bool is_stream);

/* Whether a message of no bytes is the end. */
static inline bool message_is_end(struct hark_loop *loop, const struct hark_op *op, bool is_stream)
{
    return is_stream || kernel_is_shut(calls_of(loop), op->fd);
}

#endif
