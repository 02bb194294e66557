/* load_serve.c - the load generator for `hark serve`.
 *
 *   load_serve publish HTTP_PORT LINES_PORT PUBLISHERS EVENTS     each publisher waits for the
 *                                                                 answer to its event, then sends
 * the next load_serve fanout HTTP_PORT LINES_PORT SUBSCRIBERS EVENTS one publisher; the next event
 * is sent once all have the last one
 *
 * Events are published over the lines port, with acknowledgement, and read as event streams over
 * HTTP. One line at the end: operations (answers, or deliveries), seconds, and the time from
 * sending an event to its answer, or to its arrival, at p50, p99 and p99.9. Once all are connected
 * it prints "connected" and waits for a line. */
#include "bench.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>

enum { BATCH = 256, EVENT_BYTES = 64 };

struct client {
    int fd;
    size_t filled;
    char line[1024]; /* the line that is coming */
    bool subscribed; /* its stream has begun */
    uint64_t sent_ns;
};

static struct client *clients;
static uint32_t *times_ns;
static uint64_t sent, done, total, operations, published_ns;
static int epoll;

static void fail(const char *what)
{
    fprintf(stderr, "load_serve: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void send_text(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
        fail("cannot send");
}

static int dial(const char *port, const char *first)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    bound_waiting(fd);
    plain_tcp(fd);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("cannot connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    send_text(fd, first);
    return fd;
}

static void publish(int fd)
{
    static char event[EVENT_BYTES + 2];
    memset(event, 'e', EVENT_BYTES);
    event[EVENT_BYTES - 1] = '\n';
    sent++;
    send_text(fd, event);
}

static void note_time(uint64_t since_ns)
{
    times_ns[done++] = (uint32_t)(now_ns() - since_ns);
}

static void published_line(struct client *client)
{
    if (client->line[0] < '0' || client->line[0] > '9') {
        fprintf(stderr, "load_serve: %s\n", client->line);
        exit(1);
    }
    note_time(client->sent_ns);
    if (sent < total) {
        client->sent_ns = now_ns();
        publish(client->fd);
    }
}

static void subscribed_line(struct client *client)
{
    /* A stream begins with its position, an event without data. */
    if (strncmp(client->line, "data: e", 7) == 0)
        note_time(published_ns);
    else if (client->line[0] == '\0' || client->line[0] == '\r')
        client->subscribed = true; /* the answer's head has ended */
}

static void receive(struct client *client, void (*line)(struct client *))
{
    char bytes[65536];
    ssize_t count = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0)
        fail("the server has gone");
    for (ssize_t i = 0; i < count; i++) {
        if (bytes[i] == '\n') {
            client->line[client->filled] = '\0';
            client->filled = 0;
            line(client);
        } else if (client->filled < sizeof client->line - 1) {
            client->line[client->filled++] = bytes[i];
        }
    }
}

static void turn(void (*line)(struct client *))
{
    struct epoll_event events[BATCH];
    int ready = epoll_wait(epoll, events, BATCH, 10000);
    if (ready <= 0)
        fail("nothing within ten seconds");
    for (int i = 0; i < ready; i++)
        receive(events[i].data.ptr, line);
}

static void connect_all(const char *port, const char *first, unsigned count)
{
    epoll = epoll_create1(EPOLL_CLOEXEC);
    clients = calloc(count, sizeof *clients);
    for (unsigned i = 0; i < count; i++) {
        clients[i].fd = dial(port, first);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &event);
    }
}

static uint64_t begin(void)
{
    char line[2];
    printf("connected\n");
    fflush(stdout);
    if (read(STDIN_FILENO, line, 1) < 0)
        fail("cannot read the input");
    return now_ns();
}

static uint64_t run_publishers(const char *port, unsigned count)
{
    connect_all(port, "PUB bench ack\n", count);
    uint64_t began_ns = begin();
    for (unsigned i = 0; i < count && sent < total; i++) {
        clients[i].sent_ns = now_ns();
        publish(clients[i].fd);
    }
    while (done < operations)
        turn(published_line);
    return began_ns;
}

static uint64_t run_fanout(const char *http_port, const char *lines_port, unsigned count)
{
    connect_all(
        http_port,
        "GET /streams/bench HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n",
        count);
    for (unsigned i = 0; i < count; i++)
        while (!clients[i].subscribed)
            turn(subscribed_line);
    int publisher = dial(lines_port, "PUB bench\n");
    uint64_t began_ns = begin();
    while (done < operations) {
        published_ns = now_ns();
        publish(publisher);
        for (uint64_t wanted = done + count; done < wanted;)
            turn(subscribed_line);
    }
    return began_ns;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: load_serve publish|fanout HTTP_PORT LINES_PORT COUNT EVENTS\n");
        return 2;
    }
    bool fanout = strcmp(argv[1], "fanout") == 0;
    unsigned count = (unsigned)atoi(argv[4]);
    total = strtoull(argv[5], NULL, 10);
    operations = fanout ? total * count : total;
    times_ns = times_make(operations);
    uint64_t began_ns =
        fanout ? run_fanout(argv[2], argv[3], count) : run_publishers(argv[3], count);
    printf("operations %llu seconds %.6f", (unsigned long long)done,
           (double)(now_ns() - began_ns) / 1e9);
    print_percentiles(times_ns, done);
    printf("\n");
    return 0;
}
