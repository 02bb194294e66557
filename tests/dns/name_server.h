/* name_server.h - a name server in the loop of the test, over UDP and TCP on one port of 127.0.0.1.
 * What it says of a name stands in the name, which is preceded by anything, "1.both.test":
 *
 *     both.test        127.0.0.1 and ::1
 *     four.test        127.0.0.1 alone
 *     six.test         ::1 alone
 *     twice.test       127.0.0.1, twice
 *     many.test        40 of 10.0.0.0/8, over UDP: too long, ask by TCP
 *     drop.test        over UDP: too long; over TCP the connection is closed
 *     cut.test         the same, after half of an answer
 *     chain.test       two names that stand for it, then 127.0.0.1 and ::1
 *     nowhere.test     a name that stands for it, and no address of that
 *     noise.test       as both.test, after what is no answer, or another's
 *     garbage.test     an answer that ends amid its only record
 *     silent.test      nothing
 *     silent-four.test nothing where IPv4 is asked for, else as both.test
 *     silent-six.test  nothing where IPv6 is asked for, else as both.test
 *     slow-six.test    as both.test; that of IPv6 after that of IPv4, by hand: name_server_tell
 *     six-last.test    as both.test; that of IPv6 right after that of IPv4
 *     formerr.test, servfail.test, notimp.test, refused.test   that code
 *
 * and of all others that they do not exist. */
#ifndef DNS_NAME_SERVER_H
#define DNS_NAME_SERVER_H

#include "adapters/peers.h"

enum { NAME_SERVER_MESSAGE_MAX = 2048 };

struct name_server {
    struct hark_op receive, close;
    struct msghdr message;
    struct iovec vector;
    struct sockaddr_in from;
    unsigned char question[NAME_SERVER_MESSAGE_MAX];
    int fd;
    bool is_ending;
    struct peers peers;
    char text[64]; /* its address, as options have it */
    int udp_questions, tcp_questions;
    char first[256], last[256]; /* names that it was asked for */
    unsigned char kept[NAME_SERVER_MESSAGE_MAX];
    struct sockaddr_in kept_for;
    size_t kept_count; /* of an answer that is told by hand */
};

void name_server_start(struct hark_loop *loop, struct name_server *server);

/* Tells what was kept. */
void name_server_tell(struct name_server *server);

/* Goes away, with all its connections, once the loop has run. */
void name_server_end(struct hark_loop *loop, struct name_server *server);

#endif
