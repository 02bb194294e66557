/* 11_stages.c - one read of the disk and one receive from the network, to look at.
 *
 * Shows: what `hark trace` tells of a request that a device fulfils. The program asks to receive
 * before anything was sent, then reads 4 KiB of a file, past the kernel's cache where the file
 * system can do that (O_DIRECT), and sends them to itself. Each callback asks for the next; in
 * between the process sleeps.
 *
 * Try:   hark trace --html stages.html -- ./11_stages FILE
 *        as root, to see what the kernel and the devices do as well
 */
#include "hark.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>

enum { BLOCK = 4096 };

static struct both {
    struct hark_op accept, connect, recv, disk, send;
    struct hark_address address;
    const char *path, *failed; /* what failed first */
    int64_t error;             /* and why */
    int64_t read, received;
    int listening, client, peer, file;
} both = {.listening = -1, .client = -1, .peer = -1, .file = -1};

static _Alignas(BLOCK) char block[BLOCK]; /* O_DIRECT wants whole, aligned blocks */
static char copy[BLOCK];

static void fail(struct hark_loop *loop, const char *what, int64_t error)
{
    if (both.error < 0) /* what ends because something else has failed says nothing new */
        return;
    both.failed = what;
    both.error = error;
    hark_cancel_all(loop);
}

static void received(struct hark_op *op, int64_t count)
{
    if (count <= 0)
        return fail(op->loop, "receive", count < 0 ? count : -ECONNRESET);
    both.received += count;
    if (both.received < both.read)
        hark_recv(op->loop, op, both.peer, copy, sizeof copy, 0, received);
}

static void sent(struct hark_op *op, int64_t count)
{
    if (count < both.read)
        fail(op->loop, "send", count < 0 ? count : -EIO);
}

static void got(struct hark_op *op, int64_t count)
{
    if (count <= 0)
        return fail(op->loop, "read", count < 0 ? count : -ENODATA);
    both.read = count;
    hark_send(op->loop, &both.send, both.client, block, (size_t)count, 0, sent);
}

static void opened(struct hark_op *op, int64_t result)
{
    if (result == -EINVAL) { /* this file system has a cache and nothing else */
        hark_openat(op->loop, op, AT_FDCWD, both.path, O_RDONLY, 0, opened);
        return;
    }
    if (result < 0)
        return fail(op->loop, "open", result);
    both.file = (int)result;
    hark_read(op->loop, op, both.file, block, sizeof block, 0, got);
}

static void accepted(struct hark_op *op, int64_t result)
{
    if (result < 0)
        return fail(op->loop, "accept", result);
    both.peer = (int)result;
    hark_recv(op->loop, &both.recv, both.peer, copy, sizeof copy, 0, received);
    hark_openat(op->loop, &both.disk, AT_FDCWD, both.path, O_RDONLY | O_DIRECT, 0, opened);
}

static void connected(struct hark_op *op, int64_t result)
{
    if (result < 0)
        fail(op->loop, "connect", result);
}

/* Two sockets on this machine. */
static int meet(struct hark_loop *loop)
{
    int error;

    if ((error = hark_address_parse("127.0.0.1:0", &both.address)) < 0 ||
        (error = both.listening = hark_listen_at(loop, &both.address, 1, 0)) < 0 ||
        (error = hark_os_getsockname(loop, both.listening, &both.address)) < 0 ||
        (error = both.client = hark_os_socket(loop, AF_INET, SOCK_STREAM, 0)) < 0)
        return error;
    hark_accept(loop, &both.accept, both.listening, NULL, NULL, accepted);
    hark_connect(loop, &both.connect, both.client, &both.address.name.any, both.address.length,
                 connected);
    return 0;
}

static void close_all(struct hark_loop *loop)
{
    int *fds[] = {&both.listening, &both.client, &both.peer, &both.file};

    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (*fds[i] >= 0)
            hark_os_close(loop, *fds[i]);
}

int main(int count, char **arguments)
{
    struct hark_loop *loop;
    int error;

    if (count != 2) {
        fprintf(stderr, "usage: 11_stages FILE\n");
        return 2;
    }
    both.path = arguments[1];
    if ((error = hark_loop_create(NULL, &loop)) < 0) {
        fprintf(stderr, "11_stages: cannot make a loop: %s\n", hark_error_text(error));
        return 1;
    }
    if ((error = meet(loop)) == 0)
        error = hark_run(loop);
    if (both.error == 0 && error == 0)
        printf("%" PRId64 " bytes read from %s, %" PRId64 " received\n", both.read, both.path,
               both.received);
    else
        fprintf(stderr, "11_stages: %s: cannot %s: %s\n", both.path,
                both.error < 0 ? both.failed : "run",
                hark_error_text(both.error < 0 ? both.error : error));
    close_all(loop);
    hark_loop_destroy(loop);
    return both.error < 0 || error < 0;
}
