/* 27_proxy.c - hands connections on to another address, without their bytes entering the program.
 *
 * Shows: both ways of a connection are two hark_sendfile_start, each through a pipe of its own. One
 * that comes to the end of its peer's side tells the other peer (options.shutdown), and the other
 * way goes on. An error ends both.
 *
 * Try:   ./02_echo 7000 &  ./27_proxy 7001 127.0.0.1:7000 &  nc 127.0.0.1 7001
 */
#include "hark.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { CLIENT, SERVER, SIDES };

static struct hark_address target;

struct relay {
    struct hark_op connect;
    struct side {
        struct relay *relay;
        struct hark_sendfile way; /* from this side to the other */
        struct hark_op close;
        int fd; /* -1: none */
    } sides[SIDES];
    int left; /* ways, and then closes, that have not ended */
};

/* --- its end --- */

static void closed(struct hark_op *op, int64_t result)
{
    struct side *side = hark_container_of(op, struct side, close);

    (void)result;
    if (--side->relay->left == 0)
        free(side->relay);
}

static void relay_close(struct relay *relay, struct hark_loop *loop)
{
    relay->left = 1 + (relay->sides[SERVER].fd >= 0);
    for (struct side *side = relay->sides; side < relay->sides + SIDES; side++)
        if (side->fd >= 0)
            hark_close(loop, &side->close, side->fd, closed);
}

static void way_ended(struct hark_sendfile *way, int error)
{
    struct side *side = hark_container_of(way, struct side, way);
    struct relay *relay = side->relay;

    if (error) /* what is lost amid the way must not look like an end */
        for (int i = 0; i < SIDES; i++)
            hark_cancel(&relay->sides[i].way.op);
    if (--relay->left == 0)
        relay_close(relay, way->loop);
}

/* --- its beginning --- */

static void connected(struct hark_op *op, int64_t result)
{
    static const struct hark_sendfile_options options = {.shutdown = true};
    struct relay *relay = hark_container_of(op, struct relay, connect);
    struct side *sides = relay->sides;

    if (result < 0) {
        fprintf(stderr, "27_proxy: cannot connect: %s\n", hark_error_text((int)result));
        return relay_close(relay, op->loop);
    }
    relay->left = SIDES;
    for (int i = 0; i < SIDES; i++)
        hark_sendfile_start(op->loop, &sides[i].way, sides[i].fd, HARK_AT_POSITION, sides[!i].fd,
                            UINT64_MAX, &options, way_ended);
}

static void accepted(struct hark_listener *listener, int fd)
{
    struct relay *relay = calloc(1, sizeof *relay);

    if (!relay) {
        hark_os_close(listener->loop, fd);
        return;
    }
    relay->sides[CLIENT] = (struct side){.relay = relay, .fd = fd};
    relay->sides[SERVER] = (struct side){.relay = relay};
    relay->sides[SERVER].fd =
        hark_os_socket(listener->loop, target.name.any.sa_family, SOCK_STREAM, 0);
    if (relay->sides[SERVER].fd < 0)
        return relay_close(relay, listener->loop);
    hark_connect(listener->loop, &relay->connect, relay->sides[SERVER].fd, &target.name.any,
                 target.length, connected);
}

static const struct hark_listener_events listening = {.accepted = accepted};

int main(int count, char **arguments)
{
    static struct hark_listener listener;
    struct hark_address address;
    struct hark_loop *loop = NULL;
    char text[HARK_ADDRESS_TEXT_MAX];
    int error;

    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(text, sizeof text, "127.0.0.1:%s", count > 1 ? arguments[1] : "7001");
    if ((error = hark_address_parse(count > 2 ? arguments[2] : "127.0.0.1:7000", &target)) < 0) {
        fprintf(stderr, "27_proxy: %s: %s\n", arguments[2], hark_error_text(error));
        return 1;
    }
    if ((error = hark_address_parse(text, &address)) < 0 ||
        (error = hark_loop_create(NULL, &loop)) < 0 ||
        (error = hark_listener_open(loop, &listener, &address, 0, HARK_LISTEN_NO_DELAY,
                                    &listening)) < 0 ||
        (error = hark_listener_address(&listener, &address)) < 0) {
        fprintf(stderr, "27_proxy: cannot listen on %s: %s\n", text, hark_error_text(error));
        return 1;
    }
    printf("listening on %s\n", hark_address_format(&address, text, sizeof text));
    error = hark_run(loop); /* until Ctrl-C; 09_signals.c shows a clean end */
    fprintf(stderr, "27_proxy: cannot run: %s\n", hark_error_text(error));
    return 1;
}
