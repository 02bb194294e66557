/* datagram_control.c - what belongs to a datagram besides its bytes: which address and interface,
 * the TOS byte, how it is cut into segments. Each is an option of the socket and control data of
 * messages (ip(7), ipv6(7), udp(7)). Multicast groups are options, too.
 *
 * A socket of IPv6 that takes IPv4 as well is told of its datagrams in the terms of both. */
#include "hark/loop.h"
#include "hark/os.h"
#include "net/datagram.h"

#include <errno.h>
#include <string.h>

/* Where the C library's headers are older than the kernel's (linux/udp.h). */
enum { LEVEL_UDP = IPPROTO_UDP, OPTION_SEGMENT = 103, OPTION_GRO = 104 };

static bool turn_on(const struct hark_datagram *datagram, int level, int option)
{
    const int on = 1;
    return hark_os_setsockopt(datagram->loop, datagram->fd, level, option, &on, sizeof on) == 0;
}

/* Of both families, where the socket is of IPv6. */
static bool turn_on_of_ip(const struct hark_datagram *datagram, int option4, int option6)
{
    bool has4 = turn_on(datagram, IPPROTO_IP, option4);
    return datagram->family == AF_INET6 ? turn_on(datagram, IPPROTO_IPV6, option6) : has4;
}

static bool segments(const struct hark_datagram *datagram)
{
    int value = 0;
    socklen_t length = sizeof value;
    return hark_os_getsockopt(datagram->loop, datagram->fd, LEVEL_UDP, OPTION_SEGMENT, &value,
                              &length) == 0;
}

void datagram_find_features(struct hark_datagram *datagram)
{
    const uint32_t asked = datagram->options.flags;
    const bool large = hark_buffer_size(datagram->loop) >= HARK_DATAGRAM_GRO_BYTES;
    uint32_t has = asked & HARK_DATAGRAM_REUSE_PORT;
    datagram->features = has;
    if (datagram->family != AF_INET && datagram->family != AF_INET6)
        return;
    if (asked & HARK_DATAGRAM_ERRORS && turn_on_of_ip(datagram, IP_RECVERR, IPV6_RECVERR))
        has |= HARK_DATAGRAM_ERRORS;
    if (asked & HARK_DATAGRAM_LOCAL && turn_on_of_ip(datagram, IP_PKTINFO, IPV6_RECVPKTINFO))
        has |= HARK_DATAGRAM_LOCAL;
    if (asked & HARK_DATAGRAM_TOS && turn_on_of_ip(datagram, IP_RECVTOS, IPV6_RECVTCLASS))
        has |= HARK_DATAGRAM_TOS;
    if (asked & HARK_DATAGRAM_GRO && large && turn_on(datagram, LEVEL_UDP, OPTION_GRO))
        has |= HARK_DATAGRAM_GRO;
    if (segments(datagram))
        has |= HARK_DATAGRAM_GSO;
    datagram->features = has;
}

/* --- of what has come --- */

static int number_of(const struct cmsghdr *part)
{
    int number = 0;
    unsigned char byte;
    if (part->cmsg_len >= CMSG_LEN(sizeof number)) {
        memcpy(&number, CMSG_DATA(part), sizeof number);
        return number;
    }
    if (part->cmsg_len < CMSG_LEN(sizeof byte))
        return 0;
    memcpy(&byte, CMSG_DATA(part), sizeof byte);
    return byte;
}

static void note_local4(struct hark_datagram_received *received, const struct cmsghdr *part)
{
    struct in_pktinfo info;
    if (part->cmsg_len < CMSG_LEN(sizeof info))
        return; /* it was cut: other options of the socket took the room */
    memcpy(&info, CMSG_DATA(part), sizeof info);
    received->interface = (unsigned)info.ipi_ifindex;
    received->local.length = sizeof received->local.name.ip4;
    received->local.name.ip4 =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = info.ipi_addr};
}

static void note_local6(struct hark_datagram_received *received, const struct cmsghdr *part)
{
    struct in6_pktinfo info;
    if (part->cmsg_len < CMSG_LEN(sizeof info))
        return; /* it was cut: other options of the socket took the room */
    memcpy(&info, CMSG_DATA(part), sizeof info);
    received->interface = info.ipi6_ifindex;
    received->local.length = sizeof received->local.name.ip6;
    received->local.name.ip6 =
        (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = info.ipi6_addr};
}

/* A socket of IPv6 is told of an IPv4 datagram's address twice: in its own terms last. */
static void note(struct hark_datagram_received *received, const struct cmsghdr *part)
{
    if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO &&
        received->local.length == 0)
        note_local4(received, part);
    else if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO)
        note_local6(received, part);
    else if ((part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_TOS) ||
             (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_TCLASS))
        received->tos = number_of(part);
    else if (part->cmsg_level == LEVEL_UDP && part->cmsg_type == OPTION_GRO)
        received->segment = (size_t)number_of(part);
}

void datagram_describe(const struct hark_packet *message,
                       struct hark_datagram_received *out_received)
{
    struct msghdr header;
    out_received->from = hark_packet_name(message, &out_received->from_length);
    out_received->bytes = hark_packet_bytes(message);
    out_received->count = hark_packet_count(message);
    out_received->length = hark_packet_length(message);
    out_received->segment = 0;
    out_received->local.length = 0;
    out_received->interface = 0;
    out_received->tos = -1;
    out_received->message = message;
    hark_packet_control(message, &header);
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part))
        note(out_received, part);
    if (out_received->segment >= out_received->count)
        out_received->segment = 0;
}

/* --- of what is sent --- */

struct control {
    char *bytes;
    size_t count;
};

static void put(struct control *control, int level, int type, const void *value, size_t size)
{
    const struct cmsghdr head = {
        .cmsg_len = CMSG_LEN(size), .cmsg_level = level, .cmsg_type = type};
    char *at = control->bytes + control->count;
    memset(at, 0, CMSG_SPACE(size));
    memcpy(at, &head, sizeof head);
    memcpy(at + CMSG_LEN(0), value, size);
    control->count += CMSG_SPACE(size);
}

static void put_local4(struct control *control, const struct hark_address *local,
                       unsigned interface)
{
    struct in_pktinfo info = {.ipi_ifindex = (int)interface};
    if (local)
        info.ipi_spec_dst = local->name.ip4.sin_addr;
    put(control, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
}

static void put_local6(struct control *control, const struct hark_address *local,
                       unsigned interface)
{
    struct in6_pktinfo info = {.ipi6_ifindex = interface};
    if (local)
        info.ipi6_addr = local->name.ip6.sin6_addr;
    put(control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
}

/* An IPv4 datagram, whatever the socket. */
static bool goes_over_4(const struct hark_datagram *datagram, const struct sockaddr *to)
{
    struct sockaddr_in6 name;
    if (!to || datagram->family != AF_INET6 || to->sa_family != AF_INET6)
        return datagram->family == AF_INET;
    memcpy(&name, to, sizeof name);
    return IN6_IS_ADDR_V4MAPPED(&name.sin6_addr);
}

size_t datagram_write_control(const struct hark_datagram *datagram,
                              const struct hark_datagram_way *how, bool segmented, void *control)
{
    struct control written = {control, 0};
    const struct hark_address *local = how->local && how->local->length ? how->local : NULL;
    const bool is_ip = datagram->family == AF_INET || datagram->family == AF_INET6;
    if (is_ip && (local || how->interface)) {
        if (datagram->family == AF_INET)
            put_local4(&written, local, how->interface);
        else
            put_local6(&written, local, how->interface);
    }
    if (is_ip && how->tos) {
        bool over_4 = goes_over_4(datagram, how->to);
        put(&written, over_4 ? IPPROTO_IP : IPPROTO_IPV6, over_4 ? IP_TOS : IPV6_TCLASS, &how->tos,
            sizeof how->tos);
    }
    if (segmented) {
        const uint16_t segment = (uint16_t)how->segment;
        put(&written, LEVEL_UDP, OPTION_SEGMENT, &segment, sizeof segment);
    }
    return written.count;
}

/* --- groups --- */

static void copy_address(struct sockaddr_storage *out_name, const struct hark_address *address)
{
    memset(out_name, 0, sizeof *out_name);
    memcpy(out_name, &address->name, address->length);
}

static int change_group(struct hark_datagram *datagram, bool join, const struct hark_address *group,
                        unsigned interface, const struct hark_address *source)
{
    if (hark_datagram_fd(datagram) < 0)
        return -EBADF;
    const int level = group->name.any.sa_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
    if (!source) {
        struct group_req request = {.gr_interface = interface};
        copy_address(&request.gr_group, group);
        return hark_os_setsockopt(datagram->loop, datagram->fd, level,
                                  join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP, &request,
                                  sizeof request);
    }
    struct group_source_req request = {.gsr_interface = interface};
    copy_address(&request.gsr_group, group);
    copy_address(&request.gsr_source, source);
    return hark_os_setsockopt(datagram->loop, datagram->fd, level,
                              join ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP, &request,
                              sizeof request);
}

int hark_datagram_join(struct hark_datagram *datagram, const struct hark_address *group,
                       unsigned interface, const struct hark_address *source)
{
    return change_group(datagram, true, group, interface, source);
}

int hark_datagram_leave(struct hark_datagram *datagram, const struct hark_address *group,
                        unsigned interface, const struct hark_address *source)
{
    return change_group(datagram, false, group, interface, source);
}
