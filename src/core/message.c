/* message.c - see the header. A request of io_uring names a header whose lengths say how much room
 * there is for the address and for control data; nothing is written there. So there is one for
 * each room, and none for each op. */
#include "core/message.h"
#include "core/op.h"

#define REQUEST(room)                                                                              \
    {                                                                                              \
        .msg_namelen = HARK_PACKET_NAME_ROOM, .msg_controllen = (room)                             \
    }
static const struct msghdr requests[] = {REQUEST(0),   REQUEST(64),
                                         REQUEST(128), REQUEST(256),
                                         REQUEST(512), REQUEST(HARK_PACKET_CONTROL_MAX)};
enum { REQUESTS = sizeof requests / sizeof requests[0] };

_Static_assert(sizeof(struct sockaddr_un) <= HARK_PACKET_NAME_ROOM, "the longest address");
_Static_assert(HARK_PACKET_CONTROL_MAX / 8 <= UINT8_MAX, "a message tells its room in a byte");
_Static_assert((sizeof(struct hark_packet) + HARK_PACKET_NAME_ROOM) % _Alignof(struct cmsghdr) == 0,
               "control data is aligned");

static const struct msghdr *request_for(size_t control_room)
{
    for (size_t i = 0; i < REQUESTS; i++)
        if (control_room <= requests[i].msg_controllen)
            return &requests[i];
    return NULL;
}

int message_room_of(size_t control_room)
{
    const struct msghdr *request = request_for(control_room);
    return request ? (int)request->msg_controllen : -1;
}

const struct msghdr *message_request(const struct hark_op *op)
{
    return request_for(op->with.io.count);
}

/* The flags tell of a cut too: a packet in sequence is not asked for its whole length. */
int64_t message_arrived(struct hark_loop *loop, struct hark_op *op)
{
    struct message_head head;
    struct hark_packet *message = op->with.io.bytes;
    memcpy(&head, message, sizeof head);
    const size_t room = loop->buffers.bytes - message_head_bytes(op);
    const uint32_t count = head.length < room ? head.length : (uint32_t)room;
    const uint32_t name =
        head.name_length < HARK_PACKET_NAME_ROOM ? head.name_length : HARK_PACKET_NAME_ROOM;
    *message = (struct hark_packet){
        .name_length = (uint8_t)name,
        .control_eighths = (uint8_t)(op->with.io.count / 8),
        .control_length = (uint16_t)head.control_length,
        .count = count,
        .length = head.length,
        .flags = head.flags,
    };
    if (head.flags & MSG_TRUNC)
        op->marks |= HARK_MARK_CUT;
    return count;
}

/* TCP throws bytes away where it is asked for the whole length. */
int64_t message_receive(struct hark_loop *loop, struct hark_op *op, bool is_stream)
{
    char *buffer = op->with.io.bytes;
    const size_t before = message_head_bytes(op);
    struct iovec vector = {buffer + before, loop->buffers.bytes - before};
    struct msghdr header = {
        .msg_name = buffer + sizeof(struct hark_packet),
        .msg_namelen = HARK_PACKET_NAME_ROOM,
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = buffer + sizeof(struct hark_packet) + HARK_PACKET_NAME_ROOM,
        .msg_controllen = op->with.io.count,
    };
    int flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC | (is_stream ? 0 : MSG_TRUNC);
    int64_t result = kernel_recvmsg(calls_of(loop), op->fd, &header, flags);
    if (result < 0)
        return result;
    const struct message_head head = {
        .name_length = header.msg_namelen,
        .control_length = (uint32_t)header.msg_controllen,
        .length = (uint32_t)result,
        .flags = (uint32_t)header.msg_flags,
    };
    memcpy(buffer, &head, sizeof head);
    return message_arrived(loop, op);
}
