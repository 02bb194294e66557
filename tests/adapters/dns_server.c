/* dns_server.c - see the header. */
#include "adapters/dns_server.h"

#include <errno.h>
#include <string.h>

struct dns_connection {
    struct peer peer;
    unsigned char bytes[2 + DNS_MESSAGE_MAX];
    size_t count;
};

/* Reads the question's name.
 * Gives: where the question ends. */
static size_t dns_name(const unsigned char *question, size_t count, unsigned *out_number,
                       char out_kind[64])
{
    size_t first = question[DNS_HEAD];
    size_t second = question[DNS_HEAD + 1 + first];
    size_t end =
        DNS_HEAD + 1 + first + 1 + second + 1 + 4 + 1 + 4; /* "test", the root; type and class */
    assert_true(end <= count && first < 16 && second < 64);
    *out_number = (unsigned)strtoul((const char *)question + DNS_HEAD + 1, NULL, 10);
    memcpy(out_kind, question + DNS_HEAD + 2 + first, second);
    out_kind[second] = '\0';
    return end;
}

/* Makes the answer to a question.
 * Gives: its length; 0: none. */
static size_t dns_answer(const unsigned char *question, size_t count, bool udp,
                         unsigned char *answer, char out_kind[64])
{
    unsigned number;
    size_t end = dns_name(question, count, &number, out_kind);
    memcpy(answer, question, end);
    memset(answer + 6, 0, 6); /* no answer, and nothing beside it */
    answer[2] = 0x85;         /* a response, with authority; recursion was asked for */
    answer[3] = 0x80;
    if (strcmp(out_kind, "silent") == 0)
        return 0;
    if (strcmp(out_kind, "none") == 0) {
        answer[3] |= 3;
    } else if (udp && strcmp(out_kind, "udp") != 0) {
        answer[2] |= 2;
    } else {
        /* the name that stands at 12, type A, class IN, a day, four bytes */
        const unsigned char record[] = {0xc0,
                                        DNS_HEAD,
                                        0,
                                        1,
                                        0,
                                        1,
                                        0,
                                        1,
                                        0x51,
                                        0x80,
                                        0,
                                        4,
                                        10,
                                        0,
                                        (unsigned char)(number >> 8),
                                        (unsigned char)number};
        answer[7] = 1;
        memcpy(answer + end, record, sizeof record);
        end += sizeof record;
    }
    return end;
}

/* --- UDP --- */

static void dns_received(struct hark_op *op, int64_t result)
{
    struct dns_server *server = hark_container_of(op, struct dns_server, receive);
    unsigned char answer[DNS_MESSAGE_MAX + 64];
    char kind[64];
    if (result == -ECANCELED)
        return;
    assert_true(result > DNS_HEAD);
    server->udp_questions++;
    size_t count = dns_answer(server->question, (size_t)result, true, answer, kind);
    if (count > 0) /* one that is lost is asked for again */
        (void)sendto(server->fd, answer, count, 0, (struct sockaddr *)&server->from,
                     sizeof server->from);
    server->message.msg_namelen = sizeof server->from;
    hark_recvmsg(op->loop, op, server->fd, &server->message, 0, dns_received);
}

/* --- TCP: each message behind its length --- */

static void dns_asked(struct dns_connection *connection, size_t count)
{
    unsigned char answer[2 + DNS_MESSAGE_MAX + 64];
    char kind[64];
    hark_container_of(connection->peer.peers, struct dns_server, peers)->tcp_questions++;
    size_t length = dns_answer(connection->bytes + 2, count, false, answer + 2, kind);
    answer[0] = (unsigned char)(length >> 8);
    answer[1] = (unsigned char)length;
    if (strcmp(kind, "drop") == 0)
        hark_stream_close(&connection->peer.stream);
    else if (strcmp(kind, "half") == 0)
        length /= 2;
    if (length > 0)
        (void)hark_stream_write(&connection->peer.stream, answer, 2 + length);
    if (strcmp(kind, "half") == 0)
        hark_stream_close_after_sending(&connection->peer.stream);
}

static void dns_came(struct peer *peer, const void *bytes, size_t count)
{
    struct dns_connection *connection = hark_container_of(peer, struct dns_connection, peer);
    for (size_t i = 0; i < count; i++) {
        assert_true(connection->count < sizeof connection->bytes);
        connection->bytes[connection->count++] = ((const unsigned char *)bytes)[i];
        size_t length = (size_t)connection->bytes[0] << 8 | connection->bytes[1];
        if (connection->count > 2 && connection->count == 2 + length) {
            connection->count = 0;
            dns_asked(connection, length);
        }
    }
}

/* --- both --- */

void dns_start(struct hark_loop *loop, struct dns_server *server)
{
    struct hark_address address;
    *server = (struct dns_server){0};
    assert_int_equal(hark_address_parse("127.0.0.1:0", &address), 0);
    server->fd = hark_os_socket(loop, AF_INET, SOCK_DGRAM, 0);
    assert_true(server->fd >= 0);
    assert_int_equal(hark_os_bind(loop, server->fd, &address), 0);
    assert_int_equal(hark_os_getsockname(loop, server->fd, &address), 0);
    server->udp_port = ntohs(address.name.ip4.sin_port);
    peers_start(loop, &server->peers, sizeof(struct dns_connection), dns_came);
    server->vector = (struct iovec){server->question, sizeof server->question};
    server->message = (struct msghdr){.msg_iov = &server->vector,
                                      .msg_iovlen = 1,
                                      .msg_name = &server->from,
                                      .msg_namelen = sizeof server->from};
    hark_recvmsg(loop, &server->receive, server->fd, &server->message, 0, dns_received);
}

static void dns_forgotten(struct hark_op *op, int64_t result)
{
    (void)op;
    assert_int_equal(result, 0);
}

void dns_end(struct hark_loop *loop, struct dns_server *server)
{
    hark_close(loop, &server->close, server->fd, dns_forgotten);
    peers_end(&server->peers);
}
