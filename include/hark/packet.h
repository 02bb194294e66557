/* packet.h - messages with all that belongs to them: received again and again, in buffers of the
 * loop's pool.
 *
 * A buffer holds, in this order, a head (struct hark_packet), the sender's address, control data,
 * and the bytes. So the pool's buffers (hark_options.buffer_bytes) are to be larger than the
 * longest datagram by 128 bytes and the room for control data. */
#ifndef HARK_PACKET_H
#define HARK_PACKET_H

#include "address.h"
#include "buffer.h"
#include "op.h"
#include <string.h>

HARK_BEGIN

enum {
    HARK_PACKET_NAME_ROOM = 112,        /* for the sender's address, of whatever family */
    HARK_PACKET_CONTROL_MAX = 1088,     /* the most room for control data: 253 descriptors, and who
                                         has sent them */
    HARK_PACKET_CONTROL_DATAGRAM = 128, /* enough for what hark/datagram.h asks for */
};

/* One that was received, at the beginning of its buffer. Private: read by the functions below. */
struct hark_packet {
    uint8_t name_length;
    uint8_t control_eighths; /* the room for control data, in units of 8 bytes */
    uint16_t control_length;
    uint32_t count;
    uint32_t length;
    uint32_t flags;
};

/* Receives messages until a failure, a cancel, or the end of a connection: a call for each, in a
 * buffer lent by the loop, so an idle socket holds none. While the pool is empty it waits. Before
 * the final call it may bring what had already been taken from the socket, on uring as much as the
 * pool has buffers: hark_buffer_keep keeps it.
 * Takes: fd: a socket of any kind; control_room: how many bytes of control data there may be
 *   (cmsg(3)), at most HARK_PACKET_CONTROL_MAX; it is rounded up to one of 0, 64, 128, 256, 512,
 *   1088. Which control data comes is set at the socket (ip(7), ipv6(7), unix(7)).
 * Gives: in hark_op_packet(op) the message, with hark_op_more; the result is the bytes that are
 *   there. A datagram of no bytes is a message with the result 0; one that is longer than its room
 *   is cut to it (hark_op_cut), and hark_packet_length tells how long it was. Finally 0 at the end
 *   of a connection.
 * Fails: as hark_recvmsg; -EINVAL control_room is too much, or the pool's buffers have no room
 *   behind it. What a UDP socket is told of what it has sent (-ECONNREFUSED and others, udp(7))
 *   ends it too: started again it goes on. Descriptors in control data are received close-on-exec.
 * Backends: uring takes repeating requests since Linux 6.0 (IORING_RECV_MULTISHOT); before, the
 *   ring polls, and each message is a call of the loop's. */
HARK_API void hark_recvmsg_each(struct hark_loop *loop, struct hark_op *op, int fd,
                                size_t control_room, hark_done *done);

/* The message that a call of hark_recvmsg_each brought. It goes back to the pool when the callback
 * returns, unless hark_buffer_keep keeps it: what that gives is the message, and may be given to
 * the functions below until hark_buffer_return.
 * Takes: the op of a hark_recvmsg_each, inside its callback.
 * Gives: NULL in the final call. */
static inline const struct hark_packet *hark_op_packet(const struct hark_op *op)
{
    return HARK_CAST(const struct hark_packet *, hark_op_buffer(op));
}

/* The bytes of the message, hark_packet_count of them. */
static inline void *hark_packet_bytes(const struct hark_packet *message)
{
    return HARK_CAST(char *, HARK_CAST(void *, HARK_UNCONST(struct hark_packet *, message))) +
           sizeof *message + HARK_PACKET_NAME_ROOM +
           8 * HARK_CAST(size_t, message->control_eighths);
}

/* How many bytes of it are there: the result that it came with. */
static inline size_t hark_packet_count(const struct hark_packet *message)
{
    return message->count;
}

/* How long the message was where it was sent: more than hark_packet_count where it was cut. Of
 * what has no borders, and of packets in sequence: as many as are there. */
static inline size_t hark_packet_length(const struct hark_packet *message)
{
    return message->length;
}

/* The flags of recvmsg(2): MSG_TRUNC it was cut, MSG_CTRUNC control data found no room. */
static inline int hark_packet_flags(const struct hark_packet *message)
{
    return HARK_CAST(int, message->flags);
}

/* Who has sent it.
 * Gives: the address and *out_length; NULL and 0: it is not told, as of a connection, or the sender
 *   has none, as a unix socket without a name. */
static inline const struct sockaddr *hark_packet_name(const struct hark_packet *message,
                                                      socklen_t *out_length)
{
    *out_length = message->name_length;
    return message->name_length
               ? HARK_CAST(const struct sockaddr *, HARK_CAST(const void *, message + 1))
               : HARK_NULL;
}

/* Makes the control data readable with CMSG_FIRSTHDR, CMSG_NXTHDR and CMSG_DATA (cmsg(3)).
 * Gives: *out_header, whose other members are empty. */
static inline void hark_packet_control(const struct hark_packet *message, struct msghdr *out_header)
{
    char *control =
        HARK_CAST(char *, HARK_CAST(void *, HARK_UNCONST(struct hark_packet *, message))) +
        sizeof *message + HARK_PACKET_NAME_ROOM;
    struct msghdr header;
    memset(&header, 0, sizeof header);
    header.msg_control = message->control_length ? control : HARK_NULL;
    header.msg_controllen = message->control_length;
    *out_header = header;
}

HARK_END

#endif
