/* side.h - a datagram socket (hark/datagram.h) and what it was told. */
#ifndef NET_SIDE_H
#define NET_SIDE_H

#include "harness/harness.h"

#include <netinet/in.h>
#include <sys/socket.h>

enum { SIDE_SEEN = 64, SIDE_FAILURES = 16 };

/* A socket and what it was told. */
struct side {
    struct hark_datagram datagram;
    struct {
        size_t count, length, segment;
        char first;
        int tos;
        unsigned interface;
        struct hark_address local;
        struct sockaddr_storage from;
        socklen_t from_length;
    } seen[SIDE_SEEN];
    int count;
    uint64_t total;
    struct {
        int error;
        uint64_t token;
        struct sockaddr_in to;
        bool by;
    } failures[SIDE_FAILURES];
    int failed;
    int drained;
    bool answers;
    bool closes; /* with the first datagram */
    bool closed;
    bool ended;
    int end;
    int detached; /* the descriptor, plus one */
};

/* Of which every side has its callbacks. */
extern const struct hark_datagram_events side_events;

/* Opens one that receives; all that it was told before is forgotten. */
void side_bind(struct hark_loop *loop, struct side *side, const char *text, uint32_t flags);
void side_connect(struct hark_loop *loop, struct side *side, const struct hark_address *peer,
                  uint32_t flags);

/* Closes it, twice, and waits for the end. */
void side_close(struct hark_loop *loop, struct side *side);

/* Turns the loop until a count has come so far. */
void side_await(struct hark_loop *loop, const int *count, int wanted);

/* Where it is bound. */
struct hark_address side_address(struct hark_loop *loop, const struct side *side);

/* To an address, with a token. */
struct hark_datagram_way side_to(const struct hark_address *address, uint64_t token);

struct hark_address side_parse(const char *text);

/* That of a name in the test's directory. */
void side_unix_address(struct hark_address *out_address, const char *name);

/* An address where nobody is: of a socket that is closed again. */
struct hark_address side_nobody(struct hark_loop *loop);

#endif
