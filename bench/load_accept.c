/* load_accept.c - connections made, asked once and closed, one after the other on each of so many
 * places.
 *
 *   load_accept PORT PLACES CONNECTIONS
 *
 * Each sends 64 bytes, reads them back and then the server's end. One line at the end: connections,
 * seconds, and the time from connecting to the end at p50, p99 and p99.9. Once it is ready it
 * prints "connected" and waits for a line. */
#include "bench.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

enum { SIZE = 64, BATCH = 256 };

struct place {
    int fd;
    size_t received;
    uint64_t began_ns;
};

static uint32_t *times_ns;
static uint64_t started, done, total;
static int epoll, port;

static void fail(const char *what)
{
    fprintf(stderr, "load_accept: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void dial(struct place *place)
{
    static const char request[SIZE] = "hello";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (started++ >= total)
        return;
    *place =
        (struct place){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .began_ns = now_ns()};
    plain_tcp(place->fd);
    bound_waiting(place->fd);
    if (place->fd < 0 || connect(place->fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("cannot connect");
    if (send(place->fd, request, SIZE, MSG_NOSIGNAL) != SIZE)
        fail("cannot send");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = place};
    epoll_ctl(epoll, EPOLL_CTL_ADD, place->fd, &event);
}

static void receive(struct place *place)
{
    char bytes[SIZE * 2];
    ssize_t count = recv(place->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count > 0) {
        place->received += (size_t)count;
        return;
    }
    if (count < 0 || place->received != SIZE)
        fail("the answer is not whole");
    times_ns[done++] = (uint32_t)(now_ns() - place->began_ns);
    close(place->fd);
    dial(place);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: load_accept PORT PLACES CONNECTIONS\n");
        return 2;
    }
    port = atoi(argv[1]);
    int count = atoi(argv[2]);
    total = strtoull(argv[3], NULL, 10);
    times_ns = times_make(total);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct place *places = calloc((size_t)count, sizeof *places);
    printf("connected\n");
    fflush(stdout);
    char line[2];
    if (read(STDIN_FILENO, line, 1) < 0)
        fail("cannot read the input");
    uint64_t began_ns = now_ns();
    for (int i = 0; i < count; i++)
        dial(&places[i]);
    while (done < total) {
        struct epoll_event events[BATCH];
        int ready = epoll_wait(epoll, events, BATCH, 10000);
        if (ready <= 0)
            fail("no answer within ten seconds");
        for (int i = 0; i < ready; i++)
            receive(events[i].data.ptr);
    }
    printf("operations %llu seconds %.4f", (unsigned long long)done,
           (double)(now_ns() - began_ns) / 1e9);
    print_percentiles(times_ns, done);
    printf("\n");
    return 0;
}
