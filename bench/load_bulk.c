/* load_bulk.c - bulk transfer on one connection.
 *
 *   load_bulk PORT up|down BYTES
 *
 * The client first sends eight bytes: how many bytes the server is to send ("down"), or 0 where it
 * is to take all that comes ("up"). "down": reads them to the server's end. "up": sends BYTES,
 * shuts down its side and waits for the server's end. One line at the end: operations (each of 1
 * MiB), seconds. Once it is connected it prints "connected" and waits for a line. */
#include "bench.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static char bytes[1 << 18];

static void fail(const char *what)
{
    fprintf(stderr, "load_bulk: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t receive_all(int fd)
{
    uint64_t received = 0;
    ssize_t count;
    while ((count = recv(fd, bytes, sizeof bytes, 0)) > 0)
        received += (uint64_t)count;
    if (count < 0)
        fail("cannot receive");
    return received;
}

static void send_all(int fd, uint64_t total)
{
    while (total > 0) {
        ssize_t count = send(fd, bytes, total < sizeof bytes ? total : sizeof bytes, MSG_NOSIGNAL);
        if (count < 0)
            fail("cannot send");
        total -= (uint64_t)count;
    }
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: load_bulk PORT up|down BYTES\n");
        return 2;
    }
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool up = strcmp(argv[2], "up") == 0;
    uint64_t total = strtoull(argv[3], NULL, 10), wanted = up ? 0 : total;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bound_waiting(fd);
    plain_tcp(fd);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("cannot connect");
    printf("connected\n");
    fflush(stdout);
    if (read(STDIN_FILENO, bytes, 1) < 0)
        fail("cannot read the input");
    uint64_t began_ns = now_ns();
    if (send(fd, &wanted, sizeof wanted, MSG_NOSIGNAL) != sizeof wanted)
        fail("cannot send");
    if (up) {
        send_all(fd, total);
        shutdown(fd, SHUT_WR);
        receive_all(fd);
    } else if (receive_all(fd) != total) {
        fail("not all came");
    }
    printf("operations %.3f seconds %.6f\n", (double)total / (1 << 20),
           (double)(now_ns() - began_ns) / 1e9);
    return 0;
}
