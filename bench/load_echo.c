/* load_echo.c - the load generator of the echo benches: connections that each keep `depth` messages of `size` bytes under way.
 *
 *   load_echo PORT CONNECTIONS SIZE DEPTH MESSAGES [IDLE [hold]]
 *
 * Written by hand on epoll, so that it is the same, and cheap, whatever it measures. It connects to 127.0.0.1 alone, sends
 * MESSAGES in all, checks that each byte comes back, and prints one line: messages, seconds, and the latency of a message at p50,
 * p99 and p99.9. IDLE more connections are opened that stay silent. With `hold` all stay open until standard input ends. */
#include "bench.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

enum { BATCH = 256, BYTES_MAX = 1 << 20 };

struct connection {
    int fd;
    size_t received; /* of the message that is coming back */
    uint64_t sent_ns;
};

static char message[BYTES_MAX];
static char answer[BYTES_MAX];
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

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: load_echo PORT CONNECTIONS SIZE DEPTH MESSAGES [IDLE [hold]]\n");
        return 2;
    }
    int port = atoi(argv[1]), count = atoi(argv[2]), depth = atoi(argv[4]), idle = argc > 6 ? atoi(argv[6]) : 0;
    size_t size = (size_t)atol(argv[3]);
    uint64_t total = (uint64_t)atoll(argv[5]), started = 0, done = 0;
    if (size == 0 || size * (size_t)depth > BYTES_MAX)
        return 2;
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (char)('a' + i % size % 26);
    latencies_ns = malloc(total * sizeof *latencies_ns);
    struct connection *connections = calloc((size_t)count, sizeof *connections);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < idle; i++)
        dial(port);
    for (int i = 0; i < count; i++) {
        connections[i].fd = dial(port);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event);
    }
    /* Whoever measures looks at the server now, and says so with a line, or with the end of the input. */
    printf("connected\n");
    fflush(stdout);
    if (read(STDIN_FILENO, answer, 1) < 0)
        fail("cannot read the input");
    uint64_t began_ns = now_ns();
    for (int i = 0; i < count && started < total; i++) {
        connections[i].sent_ns = now_ns();
        send_all(connections[i].fd, message, size * (size_t)depth);
        started += (uint64_t)depth;
    }
    total = total > started ? total : started;
    while (done < total) {
        struct epoll_event events[BATCH];
        int ready = epoll_wait(epoll, events, BATCH, 10000);
        if (ready <= 0)
            fail("no answer within ten seconds");
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            ssize_t got = recv(connection->fd, answer, sizeof answer, MSG_DONTWAIT);
            if (got <= 0)
                fail("the connection ended");
            if (memcmp(answer, message + connection->received,
                       (size_t)got < sizeof message - connection->received ? (size_t)got
                                                                           : sizeof message - connection->received) != 0) {
                fprintf(stderr, "load_echo: a byte came back changed\n");
                return 1;
            }
            size_t all = connection->received + (size_t)got;
            size_t whole = all / size;
            connection->received = all % size;
            if (whole == 0)
                continue;
            uint64_t time_ns = now_ns();
            for (size_t k = 0; k < whole && done < total; k++)
                latencies_ns[done++] = (uint32_t)(time_ns - connection->sent_ns);
            connection->sent_ns = time_ns;
            uint64_t left = total - started;
            size_t more = whole < left ? whole : (size_t)left;
            started += more;
            if (more > 0)
                send_all(connection->fd, message, more * size);
        }
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
