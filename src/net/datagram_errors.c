/* datagram_errors.c - what the network says of datagrams that were sent (ip(7), IP_RECVERR).
 *
 * The kernel keeps what it was told in a queue of the socket's: with each the address that the
 * datagram was sent to, and what of it came back. Which send it was is found by both among the last
 * that were made. That something is in the queue is told as an error of poll(2). */
#include "hark/loop.h"
#include "hark/net.h"
#include "hark/os.h"
#include "hark/poll.h"
#include "net/datagram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/errqueue.h> /* it needs struct timespec */

enum {
    REMEMBERED = 64, /* sends */
    BEGINNING = 16,  /* bytes of each that it is known by */
    QUOTED = 1280,   /* the most that is read of what came back */
    CONTROL = 512,
};

struct remembered {
    uint64_t token;
    uint64_t to;        /* a hash of its address */
    uint64_t beginning; /* a hash of its first bytes */
    uint32_t bytes;     /* how many they were */
    bool is_open;       /* nothing was reported of it yet */
};

struct hark_datagram_errors {
    struct remembered sends[REMEMBERED];
    uint32_t last; /* counts them all */
    uint64_t peer; /* the hash of the address that it is connected to; 0: it is not */
    bool some;     /* were read since it was told of an error */
    struct msghdr message;
    struct iovec vector;
    struct sockaddr_storage to;
    _Alignas(struct cmsghdr) char control[CONTROL];
    char bytes[QUOTED];
};

/* --- which send it was --- */

static uint64_t hash(uint64_t start, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    uint64_t sum = start ^ UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < count; i++)
        sum = (sum ^ at[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static uint64_t hash_address(const void *name)
{
    struct sockaddr_in6 ip6;
    struct sockaddr_in ip4;
    memcpy(&ip4, name, sizeof ip4);
    if (ip4.sin_family == AF_INET)
        return hash(ip4.sin_port, &ip4.sin_addr, sizeof ip4.sin_addr);
    memcpy(&ip6, name, sizeof ip6);
    return hash(ip6.sin6_port, &ip6.sin6_addr, sizeof ip6.sin6_addr);
}

void datagram_errors_note(struct hark_datagram *datagram, const struct sockaddr *to,
                          const void *bytes, size_t count, uint64_t token)
{
    struct hark_datagram_errors *errors = datagram->errors;
    struct remembered *send = &errors->sends[errors->last++ % REMEMBERED];
    send->token = token;
    send->to = to ? hash_address(to) : errors->peer;
    send->bytes = count < BEGINNING ? (uint32_t)count : BEGINNING;
    send->beginning = hash(0, bytes, send->bytes);
    send->is_open = true;
}

/* The oldest that it can be; where too little of it came back to tell, the last to that address. */
static uint64_t take_token(struct hark_datagram_errors *errors, size_t quoted)
{
    const uint64_t to = hash_address(&errors->to);
    struct remembered *found = NULL;
    struct remembered *perhaps = NULL;
    for (uint32_t i = 0; i < REMEMBERED && !found; i++) {
        struct remembered *send = &errors->sends[(errors->last + i) % REMEMBERED];
        if (!send->is_open || send->to != to)
            continue;
        if (quoted < send->bytes)
            perhaps = send;
        else if (hash(0, errors->bytes, send->bytes) == send->beginning &&
                 (send->bytes == BEGINNING || quoted == send->bytes))
            found = send;
    }
    if (!found)
        found = perhaps;
    if (!found)
        return 0;
    found->is_open = false;
    return found->token;
}

/* --- reading the queue --- */

static void read_next(struct hark_datagram *datagram);

/* Of ICMP: what this machine itself refuses the send has told already. */
static bool find_report(struct hark_datagram_errors *errors, struct sock_extended_err *out_report,
                        struct sockaddr_storage *out_by)
{
    struct msghdr *message = &errors->message;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        bool is_report = (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) ||
                         (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR);
        const size_t count = part->cmsg_len - CMSG_LEN(0);
        if (!is_report || count < sizeof *out_report)
            continue;
        memcpy(out_report, CMSG_DATA(part), sizeof *out_report);
        const size_t behind = count - sizeof *out_report;
        memset(out_by, 0, sizeof *out_by);
        memcpy(out_by, CMSG_DATA(part) + sizeof *out_report,
               behind < sizeof *out_by ? behind : sizeof *out_by);
        return out_report->ee_origin == SO_EE_ORIGIN_ICMP ||
               out_report->ee_origin == SO_EE_ORIGIN_ICMP6;
    }
    return false;
}

static socklen_t length_of(const struct sockaddr_storage *name)
{
    return name->ss_family == AF_INET    ? sizeof(struct sockaddr_in)
           : name->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                         : 0;
}

static void report(struct hark_datagram *datagram, size_t quoted)
{
    struct hark_datagram_errors *errors = datagram->errors;
    struct sock_extended_err told;
    struct sockaddr_storage by;
    if (!find_report(errors, &told, &by))
        return;
    const socklen_t by_length = length_of(&by);
    const struct hark_datagram_error error = {
        .error = -(int)told.ee_errno,
        .token = take_token(errors, quoted),
        .to = (const struct sockaddr *)&errors->to,
        .to_length = errors->message.msg_namelen,
        .by = by_length ? (const struct sockaddr *)&by : NULL,
        .by_length = by_length,
        .bytes = errors->bytes,
        .count = quoted,
        .mtu = told.ee_errno == EMSGSIZE ? told.ee_info : 0,
    };
    datagram_tell(datagram, &error);
}

/* An error that no report came with, as the queue had no room, is the socket's until it is asked
 * for; it would be told for ever. */
static void report_pending(struct hark_datagram *datagram)
{
    int error = 0;
    socklen_t length = sizeof error;
    if (hark_os_getsockopt(datagram->loop, datagram->fd, SOL_SOCKET, SO_ERROR, &error, &length) ==
            0 &&
        error)
        datagram_tell(datagram, &(struct hark_datagram_error){.error = -error});
}

static void was_read(struct hark_op *op, int64_t result)
{
    struct hark_datagram *datagram = hark_container_of(op, struct hark_datagram, watch);
    if (datagram_closes(datagram) || result == -ECANCELED)
        return;
    if (result >= 0) {
        datagram->errors->some = true;
        report(datagram, (size_t)result);
        return read_next(datagram);
    }
    if (!datagram->errors->some)
        report_pending(datagram);
    if (result == -EAGAIN && !hark_op_active(&datagram->close))
        datagram_errors_watch(datagram);
}

/* Not once its end has begun, as by its owner in `failed`: the end awaits what was there before. */
static void read_next(struct hark_datagram *datagram)
{
    struct hark_datagram_errors *errors = datagram->errors;
    if (hark_op_active(&datagram->close))
        return;
    errors->vector = (struct iovec){errors->bytes, sizeof errors->bytes};
    errors->message = (struct msghdr){
        .msg_name = &errors->to,
        .msg_namelen = sizeof errors->to,
        .msg_iov = &errors->vector,
        .msg_iovlen = 1,
        .msg_control = errors->control,
        .msg_controllen = sizeof errors->control,
    };
    hark_recvmsg(datagram->loop, &datagram->watch, datagram->fd, &errors->message, MSG_ERRQUEUE,
                 was_read);
}

/* A hang-up alone, of a socket that was shut down both ways, would be told for ever. */
static void error_came(struct hark_op *op, int64_t events)
{
    struct hark_datagram *datagram = hark_container_of(op, struct hark_datagram, watch);
    if (events < 0 || !(events & HARK_POLL_ERROR))
        return;
    datagram->errors->some = false;
    read_next(datagram);
}

/* --- for datagram.c --- */

int datagram_errors_create(struct hark_datagram *datagram)
{
    struct hark_address peer;
    struct hark_datagram_errors *errors = calloc(1, sizeof *errors);
    if (!errors)
        return -ENOMEM;
    if (hark_os_getpeername(datagram->loop, datagram->fd, &peer) == 0)
        errors->peer = hash_address(&peer.name);
    datagram->errors = errors;
    return 0;
}

void datagram_errors_done(struct hark_datagram *datagram)
{
    free(datagram->errors);
    datagram->errors = NULL;
}

void datagram_errors_watch(struct hark_datagram *datagram)
{
    hark_poll(datagram->loop, &datagram->watch, datagram->fd, HARK_POLL_ERROR, error_came);
}
