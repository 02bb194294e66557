/* dns_server.h - as much of a name server as test_cares.c needs, over UDP and TCP, in the loop of
 * the test. The address of "NUMBER.KIND.test" is that number; what becomes of the question stands
 * in its kind:
 *
 *     udp       is answered
 *     none      is answered: there is no such name
 *     tcp       over UDP: too long, ask by TCP; over TCP: is answered
 *     silent    is not answered
 *     drop      over UDP as tcp; over TCP the connection is closed
 *     half      the same, after half of an answer */
#ifndef ADAPTERS_DNS_SERVER_H
#define ADAPTERS_DNS_SERVER_H

#include "adapters/peers.h"
#include "harness/harness.h"

#include <stdlib.h>
#include <string.h>

enum { DNS_HEAD = 12, DNS_MESSAGE_MAX = 512 };

struct dns_server {
    struct hark_op receive, close;
    struct msghdr message;
    struct iovec vector;
    struct sockaddr_in from;
    unsigned char question[DNS_MESSAGE_MAX];
    int fd;
    uint16_t udp_port;
    struct peers peers;
    int udp_questions, tcp_questions;
};

void dns_start(struct hark_loop *loop, struct dns_server *server);

/* Goes away, with all its connections, once the loop has run. */
void dns_end(struct hark_loop *loop, struct dns_server *server);

#endif
