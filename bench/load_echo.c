/* load_echo.c - the load generator of the echo benches: connections that each keep `depth` messages
 * of `size` bytes under way.
 *
 *   load_echo PORT CONNECTIONS SIZE DEPTH MESSAGES [IDLE [hold]]
 *
 * Written by hand on epoll, so that it is the same, and cheap, whatever it measures. It connects to
 * 127.0.0.1 alone, sends MESSAGES in all, checks that each byte comes back, and prints one line:
 * messages, seconds, and the latency of a message at p50, p99 and p99.9. IDLE more connections are
 * opened that stay silent. With `hold` all stay open until standard input ends. */
#include "bench.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

enum { BATCH = 256, BYTES_MAX = 1 << 20 };

struct connection {
    int fd;
    size_t received;      /* of the message that is coming back */
    uint64_t first, next; /* messages under way, by their number on this connection */
    uint64_t *sent_ns;    /* when each of them left, at its number modulo depth */
};

static char message[BYTES_MAX];
static char answer[BYTES_MAX];
static size_t size, depth;
static uint64_t total, started, done;
static uint32_t *latencies_ns;

static void fail(const char *what)
{
    fprintf(stderr, "load_echo: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int dial(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    bound_waiting(fd);
    plain_tcp(fd);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("cannot connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void send_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
        if (sent < 0)
            fail("cannot send");
        bytes += sent;
        count -= (size_t)sent;
    }
}

static void send_messages(struct connection *connection, uint64_t count, uint64_t time_ns)
{
    for (uint64_t i = 0; i < count; i++)
        connection->sent_ns[connection->next++ % depth] = time_ns;
    started += count;
    send_all(connection->fd, message, size * count);
}

/* Takes what came back; as many messages leave as are whole. */
static void receive(struct connection *connection)
{
    ssize_t got = recv(connection->fd, answer, sizeof answer, MSG_DONTWAIT);
    if (got <= 0)
        fail("the connection ended");
    size_t known = sizeof message - connection->received;
    if (memcmp(answer, message + connection->received, (size_t)got < known ? (size_t)got : known) !=
        0) {
        fprintf(stderr, "load_echo: a byte came back changed\n");
        exit(1);
    }
    size_t whole = (connection->received + (size_t)got) / size;
    connection->received = (connection->received + (size_t)got) % size;
    if (whole == 0)
        return;
    uint64_t time_ns = now_ns();
    for (size_t i = 0; i < whole && done < total; i++)
        latencies_ns[done++] =
            (uint32_t)(time_ns - connection->sent_ns[connection->first++ % depth]);
    uint64_t left = total - started;
    if (left > 0)
        send_messages(connection, whole < left ? whole : left, time_ns);
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: load_echo PORT CONNECTIONS SIZE DEPTH MESSAGES [IDLE [hold]]\n");
        return 2;
    }
    int port = atoi(argv[1]), count = atoi(argv[2]), idle = argc > 6 ? atoi(argv[6]) : 0;
    size = (size_t)atol(argv[3]);
    depth = (size_t)atol(argv[4]);
    total = (uint64_t)atoll(argv[5]);
    if (size == 0 || depth == 0 || size * depth > BYTES_MAX)
        return 2;
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (char)('a' + i % size % 26);
    latencies_ns = times_make(total + (uint64_t)count * depth);
    struct connection *connections = calloc((size_t)count, sizeof *connections);
    uint64_t *times_ns = calloc((size_t)count * depth, sizeof *times_ns);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < idle; i++)
        dial(port);
    for (int i = 0; i < count; i++) {
        connections[i].fd = dial(port);
        connections[i].sent_ns = times_ns + (size_t)i * depth;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event);
    }
    /* Whoever measures looks at the server now, and says so with a line, or with the end of the
     * input. */
    printf("connected\n");
    fflush(stdout);
    if (read(STDIN_FILENO, answer, 1) < 0)
        fail("cannot read the input");
    uint64_t began_ns = now_ns();
    for (int i = 0; i < count && started < total; i++)
        send_messages(&connections[i], depth, now_ns());
    total = total > started ? total : started;
    while (done < total) {
        struct epoll_event events[BATCH];
        int ready = epoll_wait(epoll, events, BATCH, 10000);
        if (ready <= 0)
            fail("no answer within ten seconds");
        for (int i = 0; i < ready; i++)
            receive(events[i].data.ptr);
    }
    double seconds = (double)(now_ns() - began_ns) / 1e9;
    printf("operations %llu seconds %.4f", (unsigned long long)done, seconds);
    print_percentiles(latencies_ns, done);
    printf("\n");
    fflush(stdout);
    if (argc > 7 && strcmp(argv[7], "hold") == 0)
        while (read(STDIN_FILENO, answer, sizeof answer) > 0)
            continue;
    return 0;
}
